"""Records that other members hand in for the authority to sign too (`nodes.countersigning`): its people find them among their tasks."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Path
from pydantic import Field
from starlette.responses import Response

from api.context import Caller, TheNode
from api.models import ApiModel
from api.responses import json_response
from nodes.countersigning import Countersignatures

RecordId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
Signature = Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]


class CountersignatureIn(ApiModel):
    """`record` is the unsigned record with its sealed parts; `signatures` are those of its signers but the last."""

    record: dict[str, Any]
    signatures: Annotated[list[Signature], Field(min_length=2, max_length=2)]


def hand_in(node: TheNode, caller: Caller, body: CountersignatureIn) -> Response:
    """Takes a record in. The same one may be handed in again."""
    signatures = [bytes.fromhex(signature) for signature in body.signatures]
    task = Countersignatures(node).receive(caller.id, body.record, signatures)
    return json_response({"id": task.id, "state": task.state, "reason": task.reason}, status=201)


def get_answer(node: TheNode, caller: Caller, record_id: RecordId) -> Response:
    """How a record stands that the caller handed in; a decision against it is signed."""
    return json_response(Countersignatures(node).answer(caller.id, record_id))


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["tasks"]
    app.add_api_route("/v1/countersignatures", hand_in, methods=["POST"], status_code=201, tags=tags)
    app.add_api_route("/v1/countersignatures/{record_id}", get_answer, methods=["GET"], tags=tags)
