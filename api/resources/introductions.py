"""Introductions: an enterprise's node hands in a consent, or its revocation, that a one-time key signed; this node's member signs beside
it and pays for it (`nodes.consents.introducer`).
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.context import Caller, Context
from api.models import ApiModel
from api.preferences import wait_seconds
from api.resources.records import accepted, receipt_json
from api.responses import json_response
from ledger.errors import Unreachable
from ledger.limits import HTTP_WAIT_SECONDS_MAX
from nodes.author import core_id
from nodes.consents.introducer import introduce as sign_and_send


class IntroductionIn(ApiModel):
    """`record` is the unsigned record with its sealed parts; `signature` the one-time key's, 64 bytes in hex."""

    record: dict[str, Any]
    signature: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]


def introduce(request: Request, context: Context, caller: Caller, body: IntroductionIn) -> Response:
    """Signs as introducer and submits; the receipt's `result.code` says what the rules made of it."""
    # Only the nodes of enterprises are permitted here.
    assert caller.enterprise is not None
    wait_s = wait_seconds(request)
    wait_s = HTTP_WAIT_SECONDS_MAX if wait_s is None else wait_s
    try:
        receipt = sign_and_send(context.node, body.record, bytes.fromhex(body.signature), caller.enterprise, wait_s=wait_s)
    except Unreachable as error:
        if error.code != "answer-late":
            raise
        return accepted(core_id(body.record))
    return json_response(receipt_json(receipt), status=201)


def add_routes(app: FastAPI) -> None:
    app.add_api_route("/v1/introductions", introduce, methods=["POST"], status_code=201, tags=["consents"])
