"""A private database that is lost, made anew from the ledger and the keys alone.

Every part that was sealed to this node is opened again, and every table that follows from records is filled again, that of the tasks
whose records reached the ledger too (`nodes.task_book`). Tasks that still waited, or were declined, left nothing on it. That, and what
else is not there again (`NOT_ON_THE_LEDGER`), is told to whoever runs this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from ledger.errors import Refused
from ledger.file_lock import FileLock
from ledger.writer_lock import WriterLock
from nodes.keys.staff import STAFF_PURPOSES
from nodes.node import Node
from nodes.private import clients, parts, private_schema, tasks, users
from nodes.reader import broken_parts

# Tables that follow from no record: what a backup keeps and the ledger does not. Their comments say what that is.
NOT_ON_THE_LEDGER: Final = (
    "alert_changes",
    "alert_standings",
    "attachments",
    "awaiting_authority",
    "client_certificates",
    "clients",
    "conflict_reports",
    "cosignatures",
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
    "local_events",
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
    "seen_checkpoints",
    "sign_in_sources",
    "sign_ins",
    "subjects",
    "task_causes",
    "task_records",
    "used_assertions",
    "users",
    "webhook_deliveries",
    "webhooks",
    "witnesses",
)
UNSENT_TASKS: Final = "of the tasks, those whose record never reached the ledger: open, declined, expired, or of a maturity"


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How many records were read, parts opened, parts found broken, and tasks signed. `to_restore`: makers and checkers whose keys are
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
            return _rebuilt(node, records)
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


def _rebuilt(node: Node, records: int) -> Rebuilt:
    with node.private.reading() as connection:
        opened, broken, signed = (
            connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() for table in (parts, broken_parts, tasks)
        )
    owners = [info.owner for info in node.keystore.list() if info.purpose in STAFF_PURPOSES and _is_in_force(node, info.id)]
    declared = private_schema().declared.tables
    lost = {name: declared[name].comment or "" for name in NOT_ON_THE_LEDGER} | {tasks.name: UNSENT_TASKS}
    return Rebuilt(records, opened, broken, signed, tuple(sorted(set(owners))), lost)


def _is_in_force(node: Node, key_id: str) -> bool:
    known = node.directory.key(key_id)
    return known is not None and known.alive
