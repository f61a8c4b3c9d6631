"""The tables of tasks, and what tasks learn from the ledger: a record that two people of this home signed is a signed task.

The record that a task sends carries the task's id as its nonce. So a task whose private database was lost, or which was still open when
the backup was made, is found or made again under its own id when the reader comes to its record, with nothing but the ledger, the home's
keys and the parts that these open. What never reached the ledger moved nothing, and is only where it was made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from ledger import canonical
from ledger.errors import NotFound
from ledger.store import StoredRecord
from nodes.author import VALID_MS
from nodes.directory import Directory
from nodes.keys.keystore import KeyStore
from nodes.keys.staff import STAFF_PURPOSES
from nodes.private import metadata, tasks
from nodes.sealing import Opened
from nodes.task_summaries import Told, summarise

PROJECTION: Final = "tasks/1"
OPEN: Final = "open"
SIGNED: Final = "signed"
DECLINED: Final = "declined"
EXPIRED: Final = "expired"
AWAITING: Final = "awaiting-authority"

task_records = sa.Table(
    "task_records",
    metadata,
    sa.Column("task", sa.Text, primary_key=True),
    sa.Column("second_key", sa.Text, primary_key=True),
    sa.Column("core", sa.Text, nullable=False),
    sa.Column("signature", sa.Text, nullable=False),
    comment="the record of a task for each key that may sign it second, and the author's signature of it",
)

task_causes = sa.Table(
    "task_causes",
    metadata,
    sa.Column("cause", sa.Text, primary_key=True),
    sa.Column("task", sa.Text, nullable=False),
    comment="what may have one task only, for instance a request with an idempotency key, and the task that it has",
)


class TaskBook:
    """The projection of a member's node. It deletes nothing of `tasks`, because not all of them are on the ledger; it comes after those
    that a summary takes from.
    """

    def __init__(self, directory: Directory, keystore: KeyStore, member: str) -> None:
        self._directory, self._keystore, self._member = directory, keystore, member

    def apply(self, connection: sa.Connection, stored: StoredRecord, opened: Mapping[str, Opened]) -> None:
        """Whatever the rules said of the record: its task is signed, and has a result."""
        if len(stored.record.signers) < 2:
            return
        people = self._people(stored.record.signers)
        sent = connection.execute(sa.select(tasks).where(tasks.c.record_id == stored.id)).first()
        # Anybody may use a nonce again, so it names a task only under the signatures of this home's own people, and once.
        named = None
        if sent is None and people is not None:
            named = connection.execute(sa.select(tasks).where(tasks.c.id == nonce_of(stored.record.core))).first()
        known = sent if named is None or named.state == SIGNED else named
        if known is None and people is None:
            return
        values = _settled(stored)
        if people is not None:
            told = Told(stored.record.type, stored.record.body, {name: part.content for name, part in opened.items()})
            summary = summarise(connection, told, self._countersigner(stored.record.signers))
            values |= {"summary": text_of(summary), "author": people[0], "decided_by": people[1]}
        if known is not None:
            connection.execute(sa.update(tasks).where(tasks.c.id == known.id).values(**values))
        else:
            task_id = nonce_of(stored.record.core) if named is None else stored.id
            connection.execute(sa.insert(tasks).values(**new_row(task_id, stored.record.core), **values))

    def _people(self, signers: list[str]) -> tuple[str, str] | None:
        """Whose keys the first two are, the author's first; None where one is not of a person of this home."""
        owners = []
        for key_id in signers[:2]:
            registered = self._directory.key(key_id)
            if registered is None or registered.member != self._member or registered.purpose not in STAFF_PURPOSES:
                return None
            try:
                owners.append(self._keystore.info(key_id).owner)
            except NotFound:
                return None
        return owners[0], owners[1]

    def _countersigner(self, signers: list[str]) -> str | None:
        beside = self._directory.key(signers[2]) if len(signers) > 2 else None
        return None if beside is None else beside.member


def nonce_of(core: Mapping[str, Any]) -> str:
    """The id of the task that a record belongs to."""
    return str(core["nonce"])


def new_row(task_id: str, core: Mapping[str, Any]) -> dict[str, Any]:
    """What of a task is fixed when its record is prepared. It was made when its record's time began."""
    return {"id": task_id, "type": core["type"], "author_key": core["signers"][0], "created_ms": core["not_after"] - VALID_MS}


def text_of(value: Mapping[str, Any]) -> str:
    """As tables keep it."""
    return canonical.encode(dict(value)).decode("utf-8")


def _settled(stored: StoredRecord) -> dict[str, Any]:
    """What the ledger says of a task: the very record, when it counted, and what became of it."""
    return {
        "core": stored.record.record_bytes.decode("utf-8"),
        "signature": stored.record.signatures[0].hex(),
        "state": SIGNED,
        "reason": None,
        "record_id": stored.id,
        "decided_ms": stored.time_ms,
        "result": text_of(stored.result),
    }
