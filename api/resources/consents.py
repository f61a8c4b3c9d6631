"""Consents: an exporter lets a bank ask about its declarations or credit facts, and takes that back.

On an enterprise's own node its people give them; at the authority an exporter in custody does, signed in by itself. A bank reads those
that were given to it.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Path, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.context import Caller, TheNode
from api.idempotency import reference_of
from api.models import ApiModel, Hash, Limit, ShortText, Slug, TimeMs
from api.principal import Principal
from api.resources.exporter import enterprise_for
from api.resources.records import receipt_json
from api.responses import as_of, json_response, page, single
from ledger.clock import rfc3339
from ledger.errors import NotFound, NotPermitted
from ledger.limits import CONSENT_USES_MAX, INTEGER_MAX
from nodes.consents.giving import Consent, Consents
from nodes.consents.paper import Papers, basis_state
from nodes.consents.paper_word import ask_for_word, confirmed_ms, word_for
from nodes.node import Node

ConsentId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
EnterpriseQuery = Annotated[str | None, Query(pattern=r"^[0-9a-f]{64}$", description="consents of this enterprise")]
AfterIndex = Annotated[int, Query(ge=0, le=INTEGER_MAX, description="the cursor that the page before gave as `next`")]


class ConsentIn(ApiModel):
    """Who may see what, from when until when, and in how many enquiries. `enterprise_id` may be left out: it is the caller's own."""

    bank: Slug
    scopes: Annotated[list[ShortText], Field(min_length=1, max_length=8)]
    not_before: TimeMs
    not_after: TimeMs
    uses: Annotated[int, Field(ge=1, le=CONSENT_USES_MAX)]
    enterprise_id: Hash | None = None


def give_consent(request: Request, node: TheNode, caller: Caller, body: ConsentIn) -> Response:
    """Gives a consent; it is in force once it is on the ledger, which is when this answers."""
    enterprise = enterprise_for(node, caller, body.enterprise_id, for_itself=True)
    times = (body.not_before, body.not_after)
    consent = Consents(node).give(enterprise.id, body.bank, body.scopes, *times, body.uses, reference=reference_of(request, caller.name))
    return json_response(_json(node, consent), status=201, headers={"Location": f"/v1/consents/{consent.id}"})


def list_consents(
    node: TheNode, caller: Caller, after: AfterIndex = 0, limit: Limit = 100, enterprise_id: EnterpriseQuery = None
) -> Response:
    """In the order of the ledger, as far as they concern the caller."""
    only = _only(node, caller)
    if None not in (only, enterprise_id) and only != enterprise_id:
        raise NotPermitted("not-your-enterprise", "the caller acts for another enterprise")
    found = Consents(node).list(enterprise=only or enterprise_id, after=after, limit=limit)
    following = found[-1].log_index if len(found) == limit else None
    return page([_json(node, each) for each in found], following)


def get_consent(request: Request, node: TheNode, caller: Caller, consent_id: ConsentId) -> Response:
    """One consent, and how much of it is used."""
    ask_for_word(node, consent_id)
    return single(request, _json(node, _visible(node, caller, consent_id)))


def revoke_consent(request: Request, node: TheNode, caller: Caller, consent_id: ConsentId) -> Response:
    """Takes a consent back: its grants end, and holds under it that are not approved are let go."""
    consent = _visible(node, caller, consent_id)
    enterprise_for(node, caller, consent.enterprise, for_itself=True)
    return json_response(receipt_json(Consents(node).revoke(consent_id, reference_of(request, caller.name))))


def confirm_consent(node: TheNode, caller: Caller, consent_id: ConsentId) -> Response:
    """The exporter says that it signed the paper on which this consent stands. What it says stays with its custodian."""
    consent = _visible(node, caller, consent_id)
    enterprise_for(node, caller, consent.enterprise, for_itself=True)
    Papers(node).confirm(consent_id, caller.name)
    return json_response(_json(node, consent))


def get_basis(node: TheNode, caller: Caller, consent_id: ConsentId) -> Response:
    """For the node of the bank that handed a paper in: whether the exporter confirmed it."""
    return json_response(word_for(node, caller.id, consent_id))


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["consents"]
    app.add_api_route("/v1/consents", give_consent, methods=["POST"], status_code=201, tags=tags)
    app.add_api_route("/v1/consents", list_consents, methods=["GET"], tags=tags)
    app.add_api_route("/v1/consents/{consent_id}", get_consent, methods=["GET"], tags=tags)
    app.add_api_route("/v1/consents/{consent_id}/revoke", revoke_consent, methods=["POST"], tags=tags)
    app.add_api_route("/v1/consents/{consent_id}/confirm", confirm_consent, methods=["POST"], tags=tags)
    app.add_api_route("/v1/consents/{consent_id}/basis", get_basis, methods=["GET"], tags=tags)


def _only(node: Node, caller: Principal) -> str | None:
    """The enterprise to which the caller's view is confined; None for the staff of the authority and of a bank."""
    return enterprise_for(node, caller, None).id if caller.enterprise or node.config.node.role == "enterprise" else None


def _visible(node: Node, caller: Principal, consent_id: str) -> Consent:
    """Raises `NotFound` (`unknown-consent`), for another exporter's too."""
    consent = Consents(node).get(consent_id)
    if _only(node, caller) not in (None, consent.enterprise):
        raise NotFound("unknown-consent", "this node knows no such consent")
    return consent


def _json(node: Node, consent: Consent) -> dict[str, Any]:
    with node.store.reading() as reader:
        head = reader.head
    said_ms = confirmed_ms(node, consent.id) if consent.basis == "paper" else None
    return {
        "id": consent.id,
        "enterprise_id": consent.enterprise,
        "exporter": {"uscc": consent.uscc, "name": consent.name},
        "bank": consent.bank,
        "scopes": list(consent.scopes),
        "not_before": rfc3339(consent.not_before_ms),
        "not_after": rfc3339(consent.not_after_ms),
        "uses": consent.uses,
        "used": consent.used,
        "basis": consent.basis,
        "basis_state": basis_state(node, consent.id),
        "confirmed": None if said_ms is None else rfc3339(said_ms),
        "document_sha256": consent.document_sha256,
        "signatory": consent.signatory,
        "state": consent.state,
        "fault": consent.fault,
        "given": rfc3339(consent.given_ms),
        "revoked": None if consent.revoked_ms is None else rfc3339(consent.revoked_ms),
        "record_id": consent.id,
        "as_of": as_of(head),
    }
