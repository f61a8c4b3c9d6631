"""Disputes: an exporter in custody says that a record about it is wrong, and the authority opens the dispute on the ledger for it."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI
from pydantic import Field
from starlette.responses import Response

from api.context import Caller, TheNode
from api.models import ApiModel, Hash
from api.resources.exporter import enterprise_for
from api.responses import json_response
from ledger.limits import FINANCING_TEXT_CHARS_MAX
from nodes.consents.objections import Objections


class DisputeIn(ApiModel):
    """The record, as `/v1/accesses` names it, and what is wrong with it; the words stay sealed."""

    record: Hash
    statement: Annotated[str, Field(min_length=1, max_length=FINANCING_TEXT_CHARS_MAX)]


def open_dispute(node: TheNode, caller: Caller, body: DisputeIn) -> Response:
    """Disputes a record. Where it came of a consent on paper, the consent is revoked: holds under it that are not approved fall."""
    enterprise = enterprise_for(node, caller, None, for_itself=True)
    opened = Objections(node).open(enterprise, body.record, body.statement, caller.name)
    content = {"id": opened.id, "record": opened.record, "state": "OPEN", "consent_revoked": opened.revoked, "record_id": opened.id}
    return json_response(content, status=201)


def add_routes(app: FastAPI) -> None:
    app.add_api_route("/v1/disputes", open_dispute, methods=["POST"], status_code=201, tags=["exporters"])
