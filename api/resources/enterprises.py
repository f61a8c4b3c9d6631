"""Enterprises, at the authority: enrolling one, and the list of those enrolled. No public field ever names one."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import FastAPI, Path, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.context import TheNode
from api.idempotency import was_cut_short
from api.models import ApiModel, Limit, ShortText
from api.responses import json_response, page, single
from ledger.clock import rfc3339
from ledger.errors import InputError, Refused
from ledger.keys import PublicKey, check_public
from ledger.limits import INTEGER_MAX
from nodes.enterprises import Enterprise, enrol, enrolment
from nodes.outcomes import require_ok

_READ_S: Final = 10.0
EnterpriseId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


class KeyIn(ApiModel):
    """A public key in hex."""

    alg: Literal["p256", "x25519"]
    public: Annotated[str, Field(pattern=r"^([0-9a-f]{2}){32,33}$")]

    def to_public(self) -> PublicKey:
        return check_public(self.alg, bytes.fromhex(self.public))


class EnterpriseIn(ApiModel):
    """`uscc` is the unified social credit code. Both keys for an enterprise with its own node, neither for one in custody."""

    uscc: Annotated[str, Field(pattern=r"^[0-9A-Z]{18}$")]
    name: ShortText
    custody: bool
    sign: KeyIn | None = None
    seal: KeyIn | None = None


def list_enterprises(
    node: TheNode,
    after: Annotated[int, Query(ge=0, le=INTEGER_MAX, description="the cursor that the page before gave as `next`")] = 0,
    limit: Limit = 100,
    query: Annotated[
        str | None, Query(min_length=2, max_length=200, description="a part of the name, or the beginning of the credit code")
    ] = None,
) -> Response:
    """In the order of their enrolment; those that a `query` finds stand on one page."""
    if query is not None:
        return page([_json(each) for each in node.enterprises.find(query, limit)], None)
    found = node.enterprises.list(after, limit)
    return page([_json(each) for each in found], found[-1].log_index if len(found) == limit else None)


def get_enterprise(request: Request, node: TheNode, enterprise_id: EnterpriseId) -> Response:
    """One enterprise."""
    return single(request, _json(node.enterprises.get(enterprise_id)))


def enrol_enterprise(request: Request, node: TheNode, body: EnterpriseIn) -> Response:
    """Enrols an enterprise; there is one enrolment for a credit code."""
    sign, seal = (None if key is None else key.to_public() for key in (body.sign, body.seal))
    what = enrolment(body.uscc, body.name, sign, seal)
    if what.custody != body.custody:
        raise InputError("bad-enrolment", "in custody an enterprise has no keys, otherwise it has both")
    again = was_cut_short(request)
    receipt = require_ok(enrol(what, node.author, node.outbox, node.directory, node.identity_key, again=again))
    node.reader.wait_for(receipt.log_index, _READ_S)
    made = node.enterprises.get(receipt.record_id)
    if (made.name, made.sign, made.seal) != (what.name, sign, seal):
        raise Refused("already-enrolled", "an enterprise with this credit code is enrolled otherwise", hint=f"its id is {made.id}")
    as_of = {"height": receipt.height, "time": rfc3339(receipt.time_ms)}
    content = {**_json(made), "record_id": receipt.record_id, "as_of": as_of}
    return json_response(content, status=201, headers={"Location": f"/v1/enterprises/{receipt.record_id}"})


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["enterprises"]
    app.add_api_route("/v1/enterprises", list_enterprises, methods=["GET"], tags=tags)
    app.add_api_route("/v1/enterprises/{enterprise_id}", get_enterprise, methods=["GET"], tags=tags)
    app.add_api_route("/v1/enterprises", enrol_enterprise, methods=["POST"], status_code=201, tags=tags)


def _json(enterprise: Enterprise) -> dict[str, Any]:
    return {
        "id": enterprise.id,
        "uscc": enterprise.uscc,
        "name": enterprise.name,
        "custody": enterprise.custody,
        "sign": None if enterprise.sign is None else enterprise.sign.to_json(),
        "seal": None if enterprise.seal is None else enterprise.seal.to_json(),
    }
