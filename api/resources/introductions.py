"""Introductions: an enterprise's node hands in a consent, or its revocation, that a one-time key signed; this node's member signs beside
it and pays for it. So no enterprise key is ever public, and no replica shows which enterprise it was.

Only `consent.give` and `consent.revoke` are introduced, only with this member as the introducer, and so many a day for each enterprise.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import sqlalchemy as sa
from fastapi import FastAPI
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.context import Caller, Context
from api.models import ApiModel
from api.preferences import wait_seconds
from api.principal import Principal
from api.resources.records import accepted, receipt_json
from api.responses import json_response
from ledger import canonical, keyring, keys
from ledger.errors import InputError, NotPermitted, Refused, Unreachable
from ledger.limits import HTTP_WAIT_SECONDS_MAX, INTRODUCTIONS_PER_DAY_MAX
from ledger.record import Record, assemble, parse, record_id
from nodes.node import Node
from nodes.private import outbox

INTRODUCED: Final = frozenset({"consent.give", "consent.revoke"})
_DAY_MS: Final = 86_400_000


class IntroductionIn(ApiModel):
    """`record` is the unsigned record with its sealed parts; `signature` the one-time key's, 64 bytes in hex."""

    record: dict[str, Any]
    signature: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]


def introduce(request: Request, context: Context, caller: Caller, body: IntroductionIn) -> Response:
    """Signs as introducer and submits; the receipt's `result.code` says what the rules made of it."""
    node = context.node
    record = _checked(node, body)
    _check_quota(node, caller)
    signature = keys.sign(node.identity_key.private, record.digest)
    raw = assemble(record.record_bytes, [record.signatures[0], signature])
    wait_s = wait_seconds(request)
    try:
        receipt = node.outbox.send(raw, _purpose(caller), wait_s=HTTP_WAIT_SECONDS_MAX if wait_s is None else wait_s)
    except Unreachable as error:
        if error.code != "answer-late":
            raise
        return accepted(record.id)
    return json_response(receipt_json(receipt), status=201)


def add_routes(app: FastAPI) -> None:
    app.add_api_route("/v1/introductions", introduce, methods=["POST"], status_code=201, tags=["consents"])


def _checked(node: Node, body: IntroductionIn) -> Record:
    """The record, once it is one that this node introduces and its one-time key's signature holds."""
    record_bytes = canonical.encode(body.record)
    signature = bytes.fromhex(body.signature)
    # The introducer's signature is not made yet; the one that is there stands in, so that the format's own reader checks all the rest.
    record = parse(assemble(record_bytes, [signature] * max(1, len(_signers(body.record)))))
    if record.type not in INTRODUCED:
        raise NotPermitted("not-introduced", "only consents and their revocations are introduced")
    if record.signers[1:] != [node.identity_key.id]:
        raise InputError("introducer-missing", "the record's second signer is this member's service key", hint="see GET /v1/members")
    if record.core["network"] != node.network:
        raise Refused("wrong-network", "the record was made for another network")
    public = _one_time_key(node, record)
    if keys.key_id(keys.P256, public) != record.signers[0] or not keys.verify(public, signature, bytes.fromhex(record_id(record_bytes))):
        raise InputError("bad-signature", "the signature of the one-time key is not valid")
    return record


def _signers(core: dict[str, Any]) -> list[Any]:
    signers = core.get("signers")
    return signers if isinstance(signers, list) else []


def _one_time_key(node: Node, record: Record) -> bytes:
    """Its public bytes: in the body of a consent, on the ledger for its revocation."""
    if record.type == "consent.give":
        key = record.body.get("key")
        public = key.get("public") if isinstance(key, dict) and key.get("alg") == keys.P256 else None
    else:
        with node.store.reading() as reader:
            entry = reader.state.get(keyring.entry_key(record.signers[0]))
        public = entry["public"] if entry is not None and entry["purpose"] == "once" else None
    try:
        return keys.check_public(keys.P256, bytes.fromhex(public or "")).public
    except (TypeError, ValueError) as error:
        raise InputError("malformed", "the one-time key is 33 bytes in hex") from error


def _purpose(caller: Principal) -> str:
    return f"introduction for {caller.enterprise}"


def _check_quota(node: Node, caller: Principal) -> None:
    """Raises `Refused` (`too-many-introductions`): the member pays for these records, so nobody may have it pay without end."""
    since_ms = node.clock.now_ms() - _DAY_MS
    mine = sa.select(sa.func.count()).where(outbox.c.purpose == _purpose(caller), outbox.c.created_ms > since_ms)
    with node.private.reading() as connection:
        count = connection.execute(mine).scalar_one()
    if count >= INTRODUCTIONS_PER_DAY_MAX:
        raise Refused("too-many-introductions", f"an enterprise has {INTRODUCTIONS_PER_DAY_MAX} introductions a day", hint="go on tomorrow")
