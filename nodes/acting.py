"""One member's record, signed by one person or program of it: rehearsed, sent once for its cause, and read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ledger.engine import Receipt
from nodes.author import Part
from nodes.caller import Caller, registered_key
from nodes.outcomes import require_ok
from nodes.rehearsal import ONE_PERSON, rehearse

if TYPE_CHECKING:
    from nodes.node import Node

_READ_S: Final = 10.0
_PURPOSES: Final = ("make", "check", "service")


def act(
    node: Node,
    caller: Caller,
    record_type: str,
    body: Mapping[str, Any],
    parts: Mapping[str, Part] | None = None,
    *,
    cause: str | None = None,
) -> Receipt:
    """The receipt of a record that took effect and that this node has read. `cause` names what may have one such record only.

    Raises `Refused` with the rules' code where they would refuse it, `RuleRefused` where they did, and as `registered_key` and
    `Outbox.send`.
    """
    registered_key(caller, node.directory, node.member, *_PURPOSES)
    if cause is None or node.outbox.by_reference(cause) is None:
        rehearse(node, record_type, body, ONE_PERSON).require_ok()
    return send(node, caller, record_type, body, parts, cause=cause)


def send(
    node: Node,
    caller: Caller,
    record_type: str,
    body: Mapping[str, Any],
    parts: Mapping[str, Part] | None = None,
    *,
    cause: str | None = None,
) -> Receipt:
    """As `act`, for who has rehearsed the record in a way of its own."""
    key, _ = registered_key(caller, node.directory, node.member, *_PURPOSES)
    authored = node.author.record(record_type, body, [key], parts)
    receipt = require_ok(node.outbox.send(authored.raw, record_type, cause))
    node.reader.wait_for(receipt.log_index, _READ_S)
    return receipt
