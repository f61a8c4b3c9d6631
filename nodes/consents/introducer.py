"""The member that signs beside a one-time key, and pays: so no enterprise key is ever public, and no replica shows which enterprise it was.

Only `consent.give` and `consent.revoke` are introduced, only with this member as the introducer, and so many a day for each enterprise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from ledger import canonical, keyring, keys
from ledger.engine import Receipt
from ledger.errors import InputError, NotPermitted, Refused
from ledger.limits import INTRODUCTIONS_PER_DAY_MAX
from ledger.record import Record, assemble, parse
from nodes.private import outbox

if TYPE_CHECKING:
    from nodes.node import Node

TOO_MANY: Final = "too-many-introductions"
GIVE: Final = "consent.give"
REVOKE: Final = "consent.revoke"
_DAY_MS: Final = 86_400_000


def introduce(node: Node, core: Mapping[str, Any], signature: bytes, enterprise: str, *, wait_s: float | None = None) -> Receipt:
    """Signs beside the one-time key, sends, and waits; the receipt's code says what the rules made of it. The same core may be handed in
    again at any time. `enterprise`: the enrolment whose consent it is, or whose node handed it in, and whose quota it counts for.

    Raises `InputError` (`malformed`, `bad-key`, `bad-signature`, `introducer-missing`), `NotPermitted` (`not-introduced`), `Refused`
    (`wrong-network`, `too-many-introductions`), and as `Outbox.send`.
    """
    record = _checked(node, core, signature)
    _check_quota(node, enterprise, record.id)
    beside = keys.sign(node.identity_key.private, record.digest)
    return node.outbox.send(assemble(record.record_bytes, [signature, beside]), _purpose(enterprise), wait_s=wait_s)


def _check_quota(node: Node, enterprise: str, record_id: str) -> None:
    """Raises `Refused` (`too-many-introductions`): the member pays for these records, so nobody may have it pay without end. A record
    that was handed in before counts once.
    """
    since_ms = node.clock.now_ms() - _DAY_MS
    counted = sa.select(sa.func.count()).where(outbox.c.purpose == _purpose(enterprise), outbox.c.created_ms > since_ms)
    known = sa.select(outbox.c.record_id).where(outbox.c.record_id == record_id)
    with node.private.reading() as connection:
        if connection.execute(known).first() is None and connection.execute(counted).scalar_one() >= INTRODUCTIONS_PER_DAY_MAX:
            message = f"an enterprise has {INTRODUCTIONS_PER_DAY_MAX} introductions a day"
            raise Refused(TOO_MANY, message, hint="go on tomorrow")


def _purpose(enterprise: str) -> str:
    return f"introduction for {enterprise}"


def _checked(node: Node, core: Mapping[str, Any], signature: bytes) -> Record:
    """The record, once it is one that this node introduces and its one-time key's signature holds."""
    # The introducer's signature is not made yet; the one that is there stands in, so that the format's own reader checks all the rest.
    record = parse(assemble(canonical.encode(dict(core)), [signature] * max(1, len(_signers(core)))))
    if record.type not in (GIVE, REVOKE):
        raise NotPermitted("not-introduced", "only consents and their revocations are introduced")
    if record.signers[1:] != [node.identity_key.id]:
        raise InputError("introducer-missing", "the record's second signer is this member's service key", hint="see GET /v1/members")
    if record.core["network"] != node.network:
        raise Refused("wrong-network", "the record was made for another network")
    public = _one_time_key(node, record)
    if keys.key_id(keys.P256, public) != record.signers[0] or not keys.verify(public, signature, record.digest):
        raise InputError("bad-signature", "the signature of the one-time key is not valid")
    return record


def _signers(core: Mapping[str, Any]) -> list[Any]:
    signers = core.get("signers")
    return signers if isinstance(signers, list) else []


def _one_time_key(node: Node, record: Record) -> bytes:
    """Its public bytes: in the body of a consent, on the ledger for its revocation."""
    if record.type == GIVE:
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
