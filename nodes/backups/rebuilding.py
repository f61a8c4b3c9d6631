"""A private database that is lost, made anew from the ledger and the keys alone.

Every part that was sealed to this node is opened again, and every table that follows from records is filled again. Tasks whose records
reached the ledger come back signed; those that still waited, or were declined, left nothing on it. What else is not there again is
named in `NOT_ON_THE_LEDGER`, and told to whoever runs this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from ledger import canonical
from ledger.errors import Refused
from ledger.file_lock import FileLock
from ledger.store import StoredRecord
from ledger.writer_lock import WriterLock
from nodes.author import VALID_MS
from nodes.keys.keystore import NODE_OWNER, KeyInfo
from nodes.keys.staff import KEY_ADD, STAFF_PURPOSES
from nodes.node import Node
from nodes.outbox import DONE
from nodes.private import clients, outbox, parts, private_schema, tasks, users
from nodes.reader import broken_parts
from nodes.tasks import SIGNED, reference_of

_BATCH: Final = 200

# Tables that follow from no record: what a backup keeps and the ledger does not. Their comments say what that is.
NOT_ON_THE_LEDGER: Final = (
    "alert_changes",
    "alert_standings",
    "attachments",
    "awaiting_authority",
    "clients",
    "conflict_reports",
    "countersignatures",
    "credit_assessments",
    "credit_facts",
    "credit_parameters",
    "credit_profiles",
    "exchange_rates",
    "financing_request_history",
    "financing_requests",
    "idempotency",
    "import_items",
    "imports",
    "introductions",
    "letters_in",
    "letters_out",
    "look_up_enterprises",
    "look_ups",
    "mailbox",
    "maturity_changes",
    "monitoring_settings",
    "notice_readings",
    "outbox",
    "paper_enquiries",
    "paper_words",
    "private_signatures",
    "task_causes",
    "task_records",
    "used_assertions",
    "users",
)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How many records were read, parts opened, parts found broken, and tasks made again. `to_restore`: makers and checkers whose keys are
    here and count, by id. `lost`: what is not on the ledger, by table.
    """

    records: int
    parts: int
    broken_parts: int
    tasks: int
    to_restore: tuple[str, ...]
    lost: Mapping[str, str]


def rebuild_private(path: Path) -> Rebuilt:
    """Fills the private database of a home that nobody runs from its replica of the ledger and its keys.

    Raises `Refused` (`private-exists`) where people or programs can sign in already, `Refused` (`replica-empty`), `Unreachable`
    (`home-in-use`), and as `Node.open`.
    """
    node = Node.open(path)
    lock = WriterLock(FileLock(node.home.lock_file), node.store.engine)
    try:
        lock.acquire()
        try:
            _check(node)
            records = node.reader.rebuild()
            made = _rebuild_tasks(node)
            return _rebuilt(node, records, made)
        finally:
            lock.release()
    finally:
        node.close()


def _check(node: Node) -> None:
    with node.private.reading() as connection:
        accounts = sum(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() for table in (users, clients))
    if accounts:
        hint = "a private database that holds something is never overwritten: move it aside first"
        raise Refused("private-exists", "the private database is there, with accounts in it", hint=hint)
    if node.store.is_new():
        hint = "let tallystick serve fetch it from the upstream first; the operator puts its own copy back"
        raise Refused("replica-empty", "this home has no ledger to rebuild from", hint=hint)


def _rebuild_tasks(node: Node) -> int:
    """Makes a signed task of every record that two of this member's people signed, by keys that are in this home."""
    staff = {info.id: info for info in node.keystore.list() if info.purpose in STAFF_PURPOSES and info.owner != NODE_OWNER}
    found = [stored for stored in _records(node) if _is_of_staff(stored, staff)]
    with node.private.begin() as connection:
        known = set(connection.execute(sa.select(tasks.c.record_id)).scalars())
        new = [stored for stored in found if stored.id not in known]
        for stored in new:
            connection.execute(sa.insert(tasks).values(**_task(stored, staff)))
            connection.execute(sa.insert(outbox).values(**_sent(stored)))
    return len(new)


def _records(node: Node) -> Iterator[StoredRecord]:
    first = 0
    while True:
        with node.store.reading() as reader:
            found = reader.records(first, _BATCH)
        yield from found
        if not found:
            return
        first = found[-1].log_index + 1


def _is_of_staff(stored: StoredRecord, staff: Mapping[str, KeyInfo]) -> bool:
    """Whether two people of this home signed a record, as tasks have it; a key's registration is signed by two people at once."""
    return stored.record.type != KEY_ADD and len(stored.record.signers) == 2 and staff.keys() >= set(stored.record.signers)


def _task(stored: StoredRecord, staff: Mapping[str, KeyInfo]) -> dict[str, Any]:
    """The row of a record's task. It is named by its record: under which name people knew it is not on the ledger. Of its summary, what
    follows from public fields; the amounts are in the record's opened parts.
    """
    core, signers = stored.record.core, stored.record.signers
    objects = {name: core["body"][name] for name in ("financing", "declaration") if name in core["body"]}
    return {
        "id": stored.id,
        "type": stored.record.type,
        "core": stored.record.record_bytes.decode("utf-8"),
        "summary": canonical.encode({"action": stored.record.type.split(".")[-1], "rebuilt": True, **objects}).decode("utf-8"),
        "author": staff[signers[0]].owner,
        "author_key": signers[0],
        "signature": stored.record.signatures[0].hex(),
        "state": SIGNED,
        "decided_by": staff[signers[1]].owner,
        "record_id": stored.id,
        "created_ms": core["not_after"] - VALID_MS,
        "decided_ms": stored.time_ms,
    }


def _sent(stored: StoredRecord) -> dict[str, Any]:
    """The row of the outbox from which a task's result is read."""
    return {
        "record_id": stored.id,
        "raw": stored.record.raw,
        "purpose": stored.record.type,
        "state": DONE,
        "result": canonical.encode(dict(stored.result)).decode("utf-8"),
        "height": stored.height,
        "created_ms": stored.record.core["not_after"] - VALID_MS,
        "reference": reference_of(stored.id),
    }


def _rebuilt(node: Node, records: int, made: int) -> Rebuilt:
    with node.private.reading() as connection:
        opened, broken = (connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() for table in (parts, broken_parts))
    owners = [info.owner for info in node.keystore.list() if info.purpose in STAFF_PURPOSES and _is_in_force(node, info.id)]
    declared = private_schema().declared.tables
    lost = {name: declared[name].comment or "" for name in NOT_ON_THE_LEDGER}
    return Rebuilt(records, opened, broken, made, tuple(sorted(set(owners))), lost)


def _is_in_force(node: Node, key_id: str) -> bool:
    known = node.directory.key(key_id)
    return known is not None and known.alive
