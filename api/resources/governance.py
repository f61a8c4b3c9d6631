"""Governance: changes of policy, governors, registrar, rules and validators, proposed and approved by the governors."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import FastAPI, Path
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.context import Acting, Caller, TheNode
from api.idempotency import reference_of
from api.models import ApiModel, Slug
from api.responses import json_response, page, single
from contracts.policy import Policy
from ledger.clock import rfc3339
from ledger.limits import GOVERNOR_WEIGHT_MAX, GOVERNORS_MAX, INTEGER_MAX, VALIDATOR_POWER_MAX, VALIDATORS_MAX
from nodes.governance import Governance, Proposal

ProposalId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
Value = Annotated[int, Field(ge=0, le=INTEGER_MAX)]


class PolicyIn(ApiModel):
    """Only the fields that are to change; bounds are those of `GET /v1/policy`."""

    kind: Literal["policy"]
    policy: Annotated[dict[str, Value], Field(min_length=1, max_length=len(Policy.model_fields))]


class GovernorIn(ApiModel):
    """A member that votes, and the weight of its vote."""

    member: Slug
    weight: Annotated[int, Field(ge=1, le=GOVERNOR_WEIGHT_MAX)]


class GovernorsIn(ApiModel):
    """All governors from then on."""

    kind: Literal["governors"]
    governors: Annotated[list[GovernorIn], Field(min_length=1, max_length=GOVERNORS_MAX)]


class RegistrarIn(ApiModel):
    """The member that registers declarations from then on."""

    kind: Literal["registrar"]
    member: Slug


class RulesIn(ApiModel):
    """A version of the rules, and the time in milliseconds from which it is to be in force at the earliest."""

    kind: Literal["rules"]
    version: Annotated[int, Field(ge=1, le=INTEGER_MAX)]
    at: Value


class ValidatorIn(ApiModel):
    """A member that votes on blocks, the id of its key of purpose `validate`, and the power of its vote."""

    member: Slug
    key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    power: Annotated[int, Field(ge=1, le=VALIDATOR_POWER_MAX)]


class ValidatorsIn(ApiModel):
    """All validators from then on, in a network whose engine has them. Less than a third of the power may change hands in the policy's
    `power_change_third_days`.
    """

    kind: Literal["validators"]
    validators: Annotated[list[ValidatorIn], Field(min_length=1, max_length=VALIDATORS_MAX)]


class ProposalIn(ApiModel):
    """One change."""

    change: Annotated[PolicyIn | GovernorsIn | RegistrarIn | RulesIn | ValidatorsIn, Field(discriminator="kind")]


def list_proposals(node: TheNode) -> Response:
    """Every proposal, the newest first."""
    return page([_json(each) for each in Governance(node).list()], None)


def get_proposal(request: Request, node: TheNode, proposal_id: ProposalId) -> Response:
    """One proposal: what it changes, who approved, and what weight is still missing."""
    return single(request, _json(Governance(node).get(proposal_id)))


def propose(request: Request, node: TheNode, caller: Caller, acting: Acting, body: ProposalIn) -> Response:
    """Proposes a change. It is its proposer's approval too."""
    change = body.change.model_dump(mode="json")
    receipt = Governance(node).propose(acting, change, cause=reference_of(request, caller.name))
    headers = {"Location": f"/v1/governance/proposals/{receipt.record_id}"}
    return json_response(_json(Governance(node).get(receipt.record_id)), status=201, headers=headers)


def approve(request: Request, node: TheNode, caller: Caller, acting: Acting, proposal_id: ProposalId) -> Response:
    """Approves a proposal. With more than two thirds of the weight it takes effect after the policy's delay."""
    Governance(node).approve(acting, proposal_id, cause=reference_of(request, caller.name))
    return json_response(_json(Governance(node).get(proposal_id)))


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["governance"]
    at = "/v1/governance/proposals"
    app.add_api_route(at, list_proposals, methods=["GET"], tags=tags)
    app.add_api_route(at, propose, methods=["POST"], status_code=201, tags=tags)
    app.add_api_route(f"{at}/{{proposal_id}}", get_proposal, methods=["GET"], tags=tags)
    app.add_api_route(f"{at}/{{proposal_id}}/approve", approve, methods=["POST"], tags=tags)


def proposal_summary(proposal: Proposal) -> dict[str, Any]:
    """What comes into force, and when."""
    return {
        "proposal_id": proposal.id,
        "kind": proposal.change["kind"],
        "changes": {name: {"now": now, "then": then} for name, (now, then) in proposal.differs.items()},
        "effective": None if proposal.effective_ms is None else rfc3339(proposal.effective_ms),
    }


def _json(proposal: Proposal) -> dict[str, Any]:
    return {
        "id": proposal.id,
        **proposal_summary(proposal),
        "change": dict(proposal.change),
        "state": proposal.state,
        "proposer": proposal.proposer,
        "proposed": rfc3339(proposal.proposed_ms),
        "open_until": rfc3339(proposal.until_ms),
        "approvals": list(proposal.approvals),
        "missing": list(proposal.missing),
        "weight": {"approved": proposal.weight, "needed": proposal.needed},
        "record_id": proposal.id,
        "as_of": {"height": proposal.height, "time": rfc3339(proposal.time_ms)},
    }
