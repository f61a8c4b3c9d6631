"""Decisions that take two people and leave no record: what a member keeps to itself, for instance a loan's new maturity.

They stand among the tasks that wait for a second signature (`nodes.tasks`), and are listed and declined like those. Both people sign the
same statement, author first; what it decides takes effect in the transaction that keeps the second signature, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ledger import canonical, keys
from ledger.errors import NotPermitted, Refused
from ledger.hashing import tagged_json
from nodes.caller import Caller, registered_key
from nodes.private import metadata, tasks
from nodes.task_book import OPEN, SIGNED, task_causes
from nodes.tasks import WAITING, Task, Tasks, note_task

if TYPE_CHECKING:
    from nodes.node import Node

Effect = Callable[[sa.Connection, Task, dict[str, Any], Caller], None]
_VALID_MS = 43_200_000
_OTHER = {"make": "check", "check": "make"}

private_signatures = sa.Table(
    "private_signatures",
    metadata,
    sa.Column("task", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("signature", sa.Text, nullable=False),
    comment="the second signature under a decision that leaves no record; the first stands with the task",
)


class PrivateTasks:
    """The private decisions of one member's node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._tasks = Tasks(node)

    def by_cause(self, cause: str | None) -> Task | None:
        """The task that a cause has; None where it has none."""
        return self._tasks.by_cause(cause)

    def open(self, caller: Caller, kind: str, statement: Mapping[str, Any], summary: Mapping[str, Any], cause: str | None) -> Task:
        """A statement that the caller signs now. `cause` names what may have one task only. Raises `NotPermitted` as `registered_key`,
        `Refused` (`no-second-person`).
        """
        node = self._node
        key, known = registered_key(caller, node.directory, node.member, "make", "check")
        others = [other for other in node.directory.keys(node.member, _OTHER[known.purpose]) if other.person != known.person]
        if not others:
            raise Refused("no-second-person", "nobody else's key could sign second", hint="register a key for another person")
        now_ms = node.clock.now_ms()
        core = {
            "v": 1,
            "network": node.network,
            "type": kind,
            "nonce": node.random(16).hex(),
            "not_after": now_ms + _VALID_MS,
            "statement": dict(statement),
        }
        text = canonical.encode(core).decode("utf-8")
        task_id = tagged_json("private-task", core)
        row = {
            "id": task_id,
            "type": kind,
            "core": text,
            "summary": canonical.encode(dict(summary)).decode("utf-8"),
            "author": caller.id,
            "author_key": key.id,
            "signature": keys.sign(key.private, bytes.fromhex(task_id)).hex(),
            "state": OPEN,
            "record_id": task_id,
            "created_ms": now_ms,
        }
        with node.private.begin() as connection:
            had = None if cause is None else connection.execute(sa.select(task_causes.c.task).where(task_causes.c.cause == cause)).scalar()
            if had is None:
                connection.execute(sa.insert(tasks).values(**row))
                if cause is not None:
                    connection.execute(sa.insert(task_causes).values(cause=cause, task=task_id))
                note_task(node, connection, WAITING, task_id, kind)
        return self._tasks.get(had or task_id)

    def sign(self, task_id: str, caller: Caller, effect: Effect) -> Task:
        """The second signature; `effect` writes what was decided, and may refuse it.

        Raises `NotFound` (`unknown-task`), `NotPermitted` (`same-person`, `not-permitted`, and as `registered_key`), `Refused`
        (`task-signed`, `task-declined`, `task-expired`), and as `effect`.
        """
        node = self._node
        key, known = registered_key(caller, node.directory, node.member, "make", "check")
        task = self._tasks.get(task_id)
        with node.private.begin() as connection:
            row = connection.execute(sa.select(tasks).where(tasks.c.id == task_id)).one()
            core = canonical.decode(row.core.encode("utf-8"))
            _check_open(row.state, core["not_after"] <= node.clock.now_ms())
            author = node.directory.key(row.author_key)
            if author is None or author.person == known.person:
                raise NotPermitted("same-person", "the person who prepared the task cannot sign it too")
            if known.purpose != _OTHER[author.purpose]:
                raise NotPermitted("not-permitted", "the second signature is of the other purpose")
            effect(connection, task, core["statement"], caller)
            signature = keys.sign(key.private, bytes.fromhex(task_id)).hex()
            connection.execute(sa.insert(private_signatures).values(task=task_id, key=key.id, signature=signature))
            decided = {"state": SIGNED, "decided_by": caller.id, "decided_ms": node.clock.now_ms()}
            connection.execute(sa.update(tasks).where(tasks.c.id == task_id).values(**decided))
        return self._tasks.get(task_id)


def _check_open(state: str, expired: bool) -> None:
    if state != OPEN:
        word = "signed" if state == SIGNED else "declined"
        raise Refused("task-signed" if state == SIGNED else "task-declined", f"the task was {word} before")
    if expired:
        raise Refused("task-expired", "the task waited too long", hint="have it prepared again")
