"""What an attacker takes from a node, and how it goes past every API."""

from __future__ import annotations

from typing import Any

from ledger.errors import InputError, Refused
from ledger.store import StoredRecord
from nodes.enquiries.grants import grants_of
from nodes.node import Node


def size_of_log(node: Node) -> int:
    """How many leaves the log has in a node's replica."""
    with node.store.reading() as reader:
        return reader.head.log_size


def door(operator: Node, raw: bytes) -> str:
    """What an operator's engine itself says to a transaction: its result's code, or that of a refusal at the door."""
    try:
        return str(operator.engine.submit(raw).result(30).result["code"])
    except (InputError, Refused) as error:
        return error.code


def stored(node: Node, record_id: str) -> StoredRecord:
    """A record of the ledger, as a node's own replica holds it."""
    with node.store.reading() as reader:
        found = reader.record(record_id)
    assert found is not None
    return found


def opening(node: Node, declaration: str) -> dict[str, Any]:
    """The opening of a grant, out of a bank's private database."""
    with node.private.reading() as connection:
        return grants_of(connection, declaration)[0].opening()
