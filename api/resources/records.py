"""Records: what is on the ledger, opened for this node's own people as far as its keys open it; and handing in a signed one.

A guest (another member's node, an enterprise's node) gets the public record only: what this node can open is not theirs. Parts named
`secret...` hold private keys and salts and are shown to nobody.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

from fastapi import FastAPI, Path, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.context import ApiContext, Caller, Context, TheNode
from api.idempotency import body_hash, key_of
from api.preferences import wait_seconds
from api.principal import Principal
from api.responses import as_of, json_response, proof_file, single
from ledger.clock import rfc3339
from ledger.engine import Receipt
from ledger.errors import InputError, NotFound, NotPermitted, TallystickError
from ledger.limits import SEALED_PARTS_MAX
from ledger.proof import SECRET_PREFIX
from ledger.record import Record, parse
from ledger.store import StoredRecord
from nodes.node import Node
from nodes.proofs import Proofs

DISCLOSERS: Final = frozenset({"maker", "checker", "service"})
_OPENERS: Final = frozenset({"maker", "checker", "viewer", "service"})

Reveal = Annotated[bool, Query(description="disclose the sealed parts that this node opens, but no secrets")]
Parts = Annotated[list[str] | None, Query(max_length=SEALED_PARTS_MAX, description="disclose these parts only")]
RecordId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


def get_record(request: Request, node: TheNode, caller: Caller, record_id: RecordId) -> Response:
    """A record with its place and result, and for this node's own people the sealed parts that it opens."""
    with node.store.reading() as reader:
        stored, head = reader.record(record_id), reader.head
    if stored is None:
        raise NotFound(
            "unknown-record", "the ledger holds no such record", hint="a record that was just sent may not be in this replica yet"
        )
    content = _public(node, stored)
    if caller.role in _OPENERS:
        parts = node.reader.parts_of(record_id)
        content["parts"] = {name: part.content for name, part in parts.items() if not name.startswith(SECRET_PREFIX)}
    return single(request, {**content, "as_of": as_of(head)})


def prove_record(node: TheNode, caller: Caller, record_id: RecordId, reveal: Reveal = False, part: Parts = None) -> Response:
    """The record's proof file, for `tallystick verify`. `reveal` discloses what this node opens of it: those parts whole, and for good."""
    if (reveal or part) and caller.role not in DISCLOSERS:
        raise NotPermitted("not-permitted", "this caller may not disclose what is sealed", hint="leave `reveal` and `part` out")
    return proof_file(Proofs(node.store, node.private).record(record_id, reveal=reveal, names=part or ()), record_id)


async def submit_record(request: Request, context: Context, caller: Caller) -> Response:
    """Hands in a signed transaction, whose payer is the caller's member. Its bytes are canonical JSON; the same bytes may come again.

    With `Prefer: wait` the answer is the receipt; `result.code` says what the rules made of it. Without, 202 and where to look.
    """
    raw = await request.body()

    async def submit() -> Response:
        return await _submit(context, caller, raw, wait_seconds(request))

    # The record's own id makes it idempotent; any other key is the caller's, and kept like those of other requests.
    if key_of(request) in (None, parse(raw).id):
        return await submit()
    return await context.idempotency.answer(request, caller.name, await body_hash(request), submit)


def add_routes(app: FastAPI) -> None:
    app.add_api_route("/v1/records/{record_id}", get_record, methods=["GET"], tags=["ledger"])
    app.add_api_route("/v1/records/{record_id}/proof", prove_record, methods=["GET"], tags=["ledger"])
    transaction = {"schema": {"type": "object", "required": ["record", "signatures"]}}
    extra = {"requestBody": {"required": True, "content": {"application/json": transaction}}}
    app.add_api_route("/v1/records", submit_record, methods=["POST"], tags=["ledger"], openapi_extra=extra)


async def deliver(context: ApiContext, raw: bytes, record_id: str, wait_s: int | None) -> Response:
    """Submits a transaction and answers with its receipt, or with 202 where the caller does not wait or waited in vain."""
    future = asyncio.wrap_future(context.node.engine.submit(raw))
    try:
        receipt = await asyncio.wait_for(asyncio.shield(future), wait_s or 0.001)
    except TimeoutError:
        future.add_done_callback(_heard)
        return accepted(record_id)
    except TallystickError as error:
        known = await run_in_threadpool(_known, context.node, record_id) if error.code == "repeat" else None
        if known is None:
            raise
        receipt = known
    headers = {} if wait_s is None else {"Preference-Applied": f"wait={wait_s}"}
    return json_response(receipt_json(receipt), headers=headers)


def receipt_json(receipt: Receipt) -> dict[str, Any]:
    """A receipt, and what the answer is as of."""
    return {**receipt.to_json(), "as_of": {"height": receipt.height, "time": rfc3339(receipt.time_ms)}}


def accepted(record_id: str) -> Response:
    """202: the record is taken, and will be found at its `Location`. Sent again, the request asks again (see `api.idempotency`)."""
    location = f"/v1/records/{record_id}"
    return json_response({"record_id": record_id, "location": location}, status=202, headers={"Location": location, "Retry-After": "1"})


async def _submit(context: ApiContext, caller: Principal, raw: bytes, wait_s: int | None) -> Response:
    record = parse(raw)
    await run_in_threadpool(_check_payer, context.node, caller, record)
    return await deliver(context, raw, record.id, wait_s)


def _check_payer(node: Node, caller: Principal, record: Record) -> None:
    """Raises `NotPermitted` (`not-your-record`): nobody hands in what another member signed and pays for."""
    payer = payer_of(node, record)
    if payer is None:
        raise InputError("unknown-key", "no signer of the record that could pay for it is known")
    if payer != caller.member:
        raise NotPermitted("not-your-record", "the record's payer is another member", hint="each member hands in its own records")


def payer_of(node: Node, record: Record) -> str | None:
    """The member whose quota pays: the author's, or the introducer's of a record that a one-time key signs first."""
    author = node.directory.key(record.signers[0])
    if author is not None:
        return author.member
    introducer = node.directory.key(record.signers[1]) if len(record.signers) > 1 else None
    return None if introducer is None else introducer.member


def _public(node: Node, stored: StoredRecord) -> dict[str, Any]:
    keys = {key_id: node.directory.key(key_id) for key_id in stored.record.signers}
    return {
        "record_id": stored.id,
        "type": stored.record.type,
        "height": stored.height,
        "position": stored.position,
        "log_index": stored.log_index,
        "time": rfc3339(stored.time_ms),
        "result": dict(stored.result),
        "signers": [
            {"key": key_id, "member": key and key.member, "purpose": "once" if key is None else key.purpose, "person": key and key.person}
            for key_id, key in keys.items()
        ],
        "record": dict(stored.record.core),
        "signatures": [signature.hex() for signature in stored.record.signatures],
    }


def _known(node: Node, record_id: str) -> Receipt | None:
    with node.store.reading() as reader:
        stored = reader.record(record_id)
    return None if stored is None else Receipt(stored.id, stored.height, stored.time_ms, stored.log_index, stored.position, stored.result)


def _heard(future: asyncio.Future[Receipt]) -> None:
    """Nobody waits for this outcome any more; asking for it keeps the loop from reporting it as forgotten."""
    if not future.cancelled():
        future.exception()
