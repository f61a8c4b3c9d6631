"""Members, at the authority: admitted, suspended, reinstated, and a bank succeeded by another one. Keys of engines, at every member."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import FastAPI, Path
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.context import Acting, Caller, TheNode
from api.idempotency import reference_of
from api.models import ApiModel, ShortText, Slug
from api.resources.records import receipt_json
from api.resources.tasks import opened_task
from api.responses import json_response
from contracts.guards import AUTHORITY
from contracts.validators import VALIDATE
from ledger.errors import NotPermitted
from ledger.limits import MEMBER_KEYS_PER_RECORD_MAX
from nodes.memberships import Memberships

MemberPath = Annotated[str, Path(pattern=r"^[a-z][a-z0-9-]{1,31}$")]


class MemberKeyIn(ApiModel):
    """A public key in hex, its purpose, and the pseudonym of its person where it is a member of staff's."""

    alg: Literal["p256", "x25519", "ed25519"]
    public: Annotated[str, Field(pattern=r"^([0-9a-f]{64}|[0-9a-f]{66})$")]
    purpose: Literal["make", "check", "service", "seal", "validate"]
    person: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")] | None = None


class MemberIn(ApiModel):
    """An applicant: the name that it will have here, its role, its region (GB/T 2260), its institution's name, its first keys."""

    member: Slug
    role: Literal["registrar", "bank", "auditor"]
    region: Annotated[str, Field(pattern=r"^[0-9]{6}$")]
    name: ShortText
    keys: Annotated[list[MemberKeyIn], Field(min_length=1, max_length=MEMBER_KEYS_PER_RECORD_MAX)]


class SuspendIn(ApiModel):
    """Why, in one of a few words that everyone may read."""

    reason: Literal["investigation", "breach", "request"]


class SucceedIn(ApiModel):
    """The bank that takes the member's place."""

    heir: Slug


def admit(request: Request, node: TheNode, caller: Caller, acting: Acting, body: MemberIn) -> Response:
    """Admits a member: from the next block on its keys count."""
    receipt = Memberships(node).admit(acting, body.model_dump(mode="json"), cause=reference_of(request, caller.name))
    return json_response({"member": body.member, **receipt_json(receipt)}, status=201)


def suspend(request: Request, node: TheNode, caller: Caller, acting: Acting, member: MemberPath, body: SuspendIn) -> Response:
    """The member may start nothing any more; it may still disburse what was approved, collect, be repaid, and cancel."""
    return json_response(receipt_json(Memberships(node).suspend(acting, member, body.reason, cause=reference_of(request, caller.name))))


def reinstate(request: Request, node: TheNode, caller: Caller, acting: Acting, member: MemberPath) -> Response:
    """Ends a suspension."""
    return json_response(receipt_json(Memberships(node).reinstate(acting, member, cause=reference_of(request, caller.name))))


def succeed(request: Request, node: TheNode, caller: Caller, acting: Acting, member: MemberPath, body: SucceedIn) -> Response:
    """Another bank acts on every financing of the member, for good."""
    return json_response(receipt_json(Memberships(node).succeed(acting, member, body.heir, cause=reference_of(request, caller.name))))


def add_key(request: Request, node: TheNode, caller: Caller, acting: Acting, member: MemberPath, body: MemberKeyIn) -> Response:
    """Prepares a key, for which a second person signs: of purpose `validate`, which this node's member's engine signs with; at the
    authority any key, of a member that has nobody who could sign for it.
    """
    if node.config.node.role != AUTHORITY and body.purpose != VALIDATE:
        hint = "people get theirs with tallystick user add; for a member that cannot, the authority adds it"
        raise NotPermitted("not-permitted", "a member adds keys of purpose validate only in this way", hint=hint)
    task = Memberships(node).add_key(acting, member, body.model_dump(mode="json"), cause=reference_of(request, caller.name))
    return opened_task(task)


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["members"]
    app.add_api_route("/v1/members", admit, methods=["POST"], status_code=201, tags=tags)
    for step in (suspend, reinstate, succeed):
        app.add_api_route(f"/v1/members/{{member}}/{step.__name__}", step, methods=["POST"], tags=tags)
    app.add_api_route("/v1/members/{member}/keys", add_key, methods=["POST"], status_code=202, tags=tags)
