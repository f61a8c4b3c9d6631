"""Tasks: records that one person has signed and that wait for a second one.

The author signs when the task is made, so what the other person signs is exactly what the author saw: the same record, sealed parts
and all. Nothing of it reaches the ledger before both have signed, and a declined task never does. Signatures name their keys, so a
record names its second signer from the start; where several people may sign second, the author signs one record for each of them,
alike in everything else, and only one of these is ever sent: the first to be signed takes the task, in the transaction that puts the
record into the outbox.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from ledger import canonical, keys
from ledger.engine import Receipt
from ledger.errors import InputError, NotFound, NotPermitted, Refused
from ledger.limits import FINANCING_TEXT_CHARS_MAX, TASK_SIGNERS_MAX
from ledger.record import assemble
from nodes.author import Part, SigningKey, core_id
from nodes.awaiting import put_aside
from nodes.caller import Caller, registered_key
from nodes.directory import MemberKey
from nodes.outbox import Outgoing
from nodes.outcomes import require_ok
from nodes.private import outbox, tasks
from nodes.task_book import AWAITING, DECLINED, EXPIRED, OPEN, SIGNED, new_row, nonce_of, task_causes, task_records, text_of
from nodes.task_summaries import Told, summarise

if TYPE_CHECKING:
    from nodes.node import Node

_OTHER: Final = {"make": "check", "check": "make"}
WAITING: Final = "task.waiting"
NOT_SIGNED: Final = "task.declined"
_READ_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Task:
    """A record that waits, or waited. `summary` is what people are shown of it, amounts as money. `state` is open, signed, declined or
    expired (its record's time has passed unsigned). `result` is the rules' code once there is one; `record_id` names the record that
    was sent, or the one that would be first. `decided_ms` is the time of its record's block, before that the time of the decision here.
    """

    id: str
    type: str
    summary: Mapping[str, Any]
    author: str
    state: str
    record_id: str
    result: str | None
    decided_by: str | None
    reason: str | None
    created_ms: int
    decided_ms: int | None
    expires_ms: int


class Tasks:
    """The tasks of one member's node. Safe to share between threads and processes."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def open(
        self,
        caller: Caller,
        record_type: str,
        body: Mapping[str, Any],
        parts: Mapping[str, Part] | None,
        cause: str | None = None,
        beside: str | None = None,
    ) -> Task:
        """Makes a record, signed by the caller, that any key of the other purpose and of another person may complete. `cause` names what
        may have one task only: where it has one, that is given. `beside` is another member's key that must sign after both. All of these
        records carry the task's id as their nonce.

        Raises `NotPermitted` (as `registered_key`), `Refused` (`no-second-person`), and as `RecordAuthor.core`.
        """
        node = self._node
        key, known = registered_key(caller, node.directory, node.member, "make", "check")
        seconds = self._seconds(known)
        cores = node.author.cores(record_type, body, [[key.id, second, *([beside] if beside else [])] for second in seconds], parts)
        task_id = nonce_of(cores[0])
        records = [
            {"task": task_id, "second_key": second, "core": text_of(core), "signature": _sign(key, core_id(core))}
            for second, core in zip(seconds, cores, strict=True)
        ]
        told = Told(record_type, body, {name: part.content for name, part in (parts or {}).items()})
        countersigner = node.directory.key(beside) if beside else None
        with node.private.begin() as connection:
            had = None if cause is None else connection.execute(_of_cause(cause)).scalar()
            if had is not None:
                return self.get(had)
            if cause is not None:
                connection.execute(sa.insert(task_causes).values(cause=cause, task=task_id))
            summary = summarise(connection, told, None if countersigner is None else countersigner.member)
            first = {"record_id": core_id(cores[0]), "core": records[0]["core"], "signature": records[0]["signature"]}
            shown = {"summary": text_of(summary), "author": caller.id, "state": OPEN}
            connection.execute(sa.insert(tasks).values(**new_row(task_id, cores[0]), **first, **shown))
            connection.execute(sa.insert(task_records), records)
            note_task(node, connection, WAITING, task_id, record_type)
        return self.get(task_id)

    def sign(self, task_id: str, caller: Caller) -> Receipt:
        """As `complete`, for records that wait for nobody else; for others raises `Refused` (`awaiting-authority`)."""
        receipt = self.complete(task_id, caller)
        if receipt is None:
            raise Refused("awaiting-authority", "the record is signed here, and the authority is to sign it too")
        return receipt

    def complete(self, task_id: str, caller: Caller) -> Receipt | None:
        """Completes the record with the caller's signature and sends it; the receipt is of a record that the rules accepted. None where
        another member's signature is missing still: then the task waits for that. Who signed it gets the same answer again, and nothing
        is done twice: a client that was not answered asks once more.

        Raises `NotFound` (`unknown-task`), `NotPermitted` (`same-person`, `not-permitted`, and as `registered_key`), `Refused`
        (`task-signed`, `task-declined`, `task-expired`), `RuleRefused`, and as `Outbox.send`: then the outbox goes on trying.
        """
        node = self._node
        key, known = registered_key(caller, node.directory, node.member, "make", "check")
        with node.private.begin() as connection:
            row = _row(connection, task_id)
            again = row.decided_by == caller.id
            if again and row.state == AWAITING:
                return None
            raw = connection.execute(_SENT.where(outbox.c.reference == reference_of(task_id))).scalar() if again else None
            if raw is None:
                self._check_open(row)
                self._check_second(known, row.author_key)
                raw = self._signed(connection, row, key, caller)
            if raw is None:
                return None
        receipt = require_ok(node.outbox.send(raw, row.type, reference_of(task_id)))
        node.reader.wait_for(receipt.log_index, _READ_S)
        return receipt

    def _signed(self, connection: sa.Connection, row: Any, key: SigningKey, caller: Caller) -> bytes | None:
        """The complete record, stored to be sent; None where it is put aside for another member's signature."""
        record = connection.execute(_record_of(row.id, key.id)).first()
        if record is None:
            raise NotPermitted("not-permitted", "the record names other second signers", hint="decline it, and have it prepared again")
        core, given = _given(record, key)
        now_ms = self._node.clock.now_ms()
        if len(canonical.decode(core)["signers"]) > len(given):
            put_aside(connection, row.id, record.core, given)
            _decide(connection, row.id, AWAITING, caller.id, now_ms, record_id=core_id(canonical.decode(core)))
            return None
        raw = assemble(core, given)
        sent = self._node.outbox.store(connection, Outgoing(raw, row.type, reference_of(row.id)))
        _decide(connection, row.id, SIGNED, caller.id, now_ms, record_id=sent.record_id)
        return raw

    def decline(self, task_id: str, caller: Caller, reason: str) -> Task:
        """Ends a task unsigned; its author may do so too. Raises as `sign` does, but for what concerns sending, and `InputError`
        (`bad-field`) for a reason that is too long.
        """
        node = self._node
        if len(reason) > FINANCING_TEXT_CHARS_MAX:
            raise InputError("bad-field", f"reason: at most {FINANCING_TEXT_CHARS_MAX} characters")
        registered_key(caller, node.directory, node.member, "make", "check")
        with node.private.begin() as connection:
            row = _row(connection, task_id)
            if row.state != OPEN:
                raise _decided(row.state)
            _decide(connection, task_id, DECLINED, caller.id, node.clock.now_ms(), reason=reason)
            note_task(node, connection, NOT_SIGNED, task_id, row.type)
        return self.get(task_id)

    def get(self, task_id: str) -> Task:
        """Raises `NotFound` (`unknown-task`)."""
        with self._node.private.reading() as connection:
            row = connection.execute(_TASKS.where(tasks.c.id == task_id)).first()
        if row is None:
            raise _unknown()
        return self._task(row)

    def by_cause(self, cause: str | None) -> Task | None:
        """The task that a cause has; None where it has none."""
        if cause is None:
            return None
        with self._node.private.reading() as connection:
            known = connection.execute(_of_cause(cause)).scalar()
        return None if known is None else self.get(known)

    def list(self, state: str | None = None, *, after: str | None = None, limit: int = 100) -> list[Task]:
        """The newest first; those of one state where it is given. `after` is the id of the last one that was seen."""
        query = _TASKS.order_by(tasks.c.created_ms.desc(), tasks.c.id.desc())
        if state is not None:
            query = query.where(tasks.c.state.in_((OPEN, AWAITING) if state == EXPIRED else (state,)))
        with self._node.private.reading() as connection:
            if after is not None:
                seen = _row(connection, after)
                query = query.where(sa.tuple_(tasks.c.created_ms, tasks.c.id) < sa.tuple_(sa.literal(seen.created_ms), sa.literal(seen.id)))
            found = (self._task(row) for row in connection.execute(query))
            wanted = (task for task in found if state in (None, task.state))
            return [task for task, _ in zip(wanted, range(limit), strict=False)]

    def _seconds(self, author: MemberKey) -> tuple[str, ...]:
        """The keys of the other purpose that belong to other people."""
        others = self._node.directory.keys(self._node.member, _OTHER[author.purpose])
        found = sorted(key.id for key in others if key.person is not None and key.person != author.person)
        if not found or author.person is None:
            raise Refused("no-second-person", "nobody else of this member can sign second", hint="register a key of the other purpose")
        return tuple(found[:TASK_SIGNERS_MAX])

    def _check_second(self, second: MemberKey, author_key: str) -> None:
        author = self._node.directory.key(author_key)
        if author is None or second.person == author.person or second.id == author_key:
            raise NotPermitted("same-person", "the person who prepared a record cannot sign it a second time", hint="ask a colleague")
        if second.purpose != _OTHER[author.purpose]:
            raise NotPermitted("not-permitted", "this record waits for a signature of the other kind", hint="a maker's is for a checker")

    def _check_open(self, row: Any) -> None:
        if row.state != OPEN:
            raise _decided(row.state)
        if _expires_ms(row) <= self._node.clock.now_ms():
            raise Refused("task-expired", "the record was not signed in time", hint="have it prepared again")

    def _task(self, row: Any) -> Task:
        expires_ms = _expires_ms(row)
        expired = row.state in (OPEN, AWAITING) and expires_ms <= self._node.clock.now_ms()
        result = None if row.result is None else canonical.decode(row.result.encode("utf-8"))["code"]
        return Task(
            id=row.id,
            type=row.type,
            summary=canonical.decode(row.summary.encode("utf-8")),
            author=row.author,
            state=EXPIRED if expired else row.state,
            record_id=row.record_id,
            result=result,
            decided_by=row.decided_by,
            reason=row.reason,
            created_ms=row.created_ms,
            decided_ms=row.decided_ms,
            expires_ms=expires_ms,
        )


_SENT: Final = sa.select(outbox.c.raw)
_TASKS = sa.select(
    *(column for column in tasks.c if column.name != "result"), sa.func.coalesce(outbox.c.result, tasks.c.result).label("result")
).select_from(tasks.outerjoin(outbox, outbox.c.record_id == tasks.c.record_id))


def _row(connection: sa.Connection, task_id: str) -> Any:
    row = connection.execute(sa.select(tasks).where(tasks.c.id == task_id)).first()
    if row is None:
        raise _unknown()
    return row


def _of_cause(cause: str) -> sa.Select[Any]:
    return sa.select(task_causes.c.task).where(task_causes.c.cause == cause)


def _record_of(task_id: str, second_key: str) -> sa.Select[Any]:
    return sa.select(task_records).where(task_records.c.task == task_id, task_records.c.second_key == second_key)


def _given(record: Any, key: SigningKey) -> tuple[bytes, list[bytes]]:
    """The unsigned record, and its signatures, the author's first."""
    core = record.core.encode("utf-8")
    digest = core_id(canonical.decode(core))
    return core, [bytes.fromhex(record.signature), bytes.fromhex(_sign(key, digest))]


def _decide(connection: sa.Connection, task_id: str, state: str, by: str, now_ms: int, **values: str) -> None:
    connection.execute(sa.update(tasks).where(tasks.c.id == task_id).values(state=state, decided_by=by, decided_ms=now_ms, **values))


def _sign(key: SigningKey, record_id: str) -> str:
    return keys.sign(key.private, bytes.fromhex(record_id)).hex()


def _expires_ms(row: Any) -> int:
    return int(canonical.decode(row.core.encode("utf-8"))["not_after"])


def note_task(node: Node, connection: sa.Connection, event: str, task_id: str, record_type: str) -> None:
    """Tells those who follow this node's events."""
    node.events.note(connection, event, {"task_id": task_id}, {"type": record_type}, f"{event}:{task_id}")


def reference_of(task_id: str) -> str:
    """The cause that a task's record has in the outbox."""
    return f"task:{task_id}"


def _unknown() -> NotFound:
    return NotFound("unknown-task", "there is no such task")


def _decided(state: str) -> Refused:
    if state == SIGNED:
        return Refused("task-signed", "the task was signed before", hint="its record shows what became of it")
    if state == AWAITING:
        return Refused("task-signed", "two people here have signed; the authority is to sign too")
    return Refused("task-declined", "the task was declined", hint="have it prepared again")
