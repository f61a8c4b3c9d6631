"""Checkpoints, and what witnesses and other members do with them: what the operator signed, who cosigned it, and a header below it.

What lies under `/.well-known/tallystick/` is open to everyone: it holds hashes and signatures only, and comparing what two members are
shown must not need anybody's leave. `add-checkpoint` is the protocol of c2sp.org/tlog-witness, with its own media type and status codes.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import FastAPI, Query
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from api.context import Caller, TheNode, context_of
from api.models import ApiModel
from api.principal import Principal
from api.responses import as_of, json_response
from ledger.evidence import header_in_log
from ledger.limits import INTEGER_MAX, NOTE_CHARS_MAX
from ledger.witness import OtherOldSize
from nodes.node import Node
from nodes.witnessing.cosigned import CosignedNote, CosignedNotes
from nodes.witnessing.peers import CHECKPOINT, HEADER, WITNESS
from nodes.witnessing.witness import HAND_IN, Witness
from nodes.witnessing.witnesses import Witnesses

_SIZE_TYPE: Final = "text/x.tlog.size"

Height = Annotated[int, Query(ge=0, le=INTEGER_MAX)]


class CosignatureIn(ApiModel):
    """A note that the caller's member cosigned, and by which Ed25519 key, in hex."""

    note: Annotated[str, Field(max_length=NOTE_CHARS_MAX)]
    public: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def get_checkpoint(node: TheNode) -> Response:
    """The newest checkpoint, a C2SP signed note about the log's size and root, with the cosignatures that this node knows. `cosigned` is
    the one that most witnesses cosigned, which may be older; `witness` is this node's own name and key as a witness, null where it is none.
    """
    return json_response(_checkpoint(node))


def get_header(node: TheNode, height: Height) -> Response:
    """A block's header and its path to the newest checkpoint: `{checkpoint, header, inclusion}`, of which a `fork` proof file is made."""
    with node.store.reading() as reader:
        return json_response(header_in_log(reader, height).to_json())


def hand_in(node: TheNode, caller: Caller, body: CosignatureIn) -> Response:
    """Takes another member's cosignature, and answers as `GET /v1/checkpoint`. The first key that a member shows is the one that counts for
    it here: another one is refused (`witness-key-other`) until it is accepted.
    """
    Witness(node).take(_member(caller), body.note, body.public)
    return json_response(_checkpoint(node))


async def add_checkpoint(request: Request) -> Response:
    """Cosigns a checkpoint that this node's replica holds (C2SP tlog-witness): one signature line. 409 says which size it cosigned last."""
    body = await request.body()
    node = context_of(request).node
    try:
        line = await run_in_threadpool(Witness(node).add_checkpoint, body)
    except OtherOldSize as error:
        return PlainTextResponse(f"{error.size}\n", 409, media_type=_SIZE_TYPE)
    return PlainTextResponse(line)


def list_witnesses(node: TheNode) -> Response:
    """The witnesses that this node knows, and the newest size of the log that each cosigned here; null for none."""
    newest = CosignedNotes(node.private).cosigners_above(0)
    items = [
        {"name": each.name, "public": each.public, "source": each.source, "offered": each.offered, "size": newest.get(each.name)}
        for each in Witnesses(node.private, node.clock).list()
    ]
    return json_response({"items": items, "next": None})


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["ledger"]
    app.add_api_route("/v1/checkpoint", get_checkpoint, methods=["GET"], tags=tags)
    app.add_api_route(HAND_IN, hand_in, methods=["POST"], tags=tags)
    app.add_api_route("/v1/witnesses", list_witnesses, methods=["GET"], tags=tags)
    app.add_api_route(CHECKPOINT, get_checkpoint, methods=["GET"], tags=tags, operation_id="open_checkpoint")
    app.add_api_route(HEADER, get_header, methods=["GET"], tags=tags)
    text = {"requestBody": {"required": True, "content": {"text/plain": {"schema": {"type": "string"}}}}}
    app.add_api_route(f"{WITNESS}/add-checkpoint", add_checkpoint, methods=["POST"], tags=tags, openapi_extra=text)


def _checkpoint(node: Node) -> dict[str, Any]:
    notes, key = CosignedNotes(node.private), node.witness_key
    with node.store.reading() as reader:
        newest, best, head = notes.newest(reader), notes.best(reader), reader.head
    return {
        "checkpoint": None if newest is None else newest.note,
        "size": head.log_size + 1,
        "cosigners": _cosigners(newest),
        "cosigned": None if best is None else {"checkpoint": best.note, "size": best.size, "cosigners": _cosigners(best)},
        "witness": None if key is None else {"name": key.name, "public": key.public.hex()},
        "as_of": as_of(head),
    }


def _cosigners(note: CosignedNote | None) -> list[dict[str, Any]]:
    return [] if note is None else [{"name": name, "time_s": time_s} for name, time_s in note.cosigners.items()]


def _member(caller: Principal) -> str:
    assert caller.member is not None, "the route is for members' nodes"
    return caller.member
