"""The log of sign-ins: who tried to, in which way, from where, and how it ended. Never what they showed to prove it.

Successes are kept for `SIGN_IN_DAYS_KEPT` days. Of everything else the newest `SIGN_IN_FAILURES_KEPT` are, whatever a flood of guesses
adds: it can push out other failures, and no success.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from ledger.clock import Clock
from ledger.limits import SIGN_IN_DAYS_KEPT, SIGN_IN_FAILURES_KEPT
from nodes.keys.tables import sign_ins
from nodes.private import PrivateStore, clients, users

OK: Final = "ok"
_DAY_MS: Final = 86_400_000
_TIDY_EVERY: Final = 100


@dataclass(frozen=True, slots=True)
class SignIn:
    """`account` is None where there is none of the name that was given; `outcome` is `ok` or the code of a refusal."""

    number: int
    time_ms: int
    account: str | None
    way: str
    outcome: str
    address: str


class SignInLog:
    """Of one node. `counts` is how many sign-ins ended in which outcome since the node started. Safe to share between threads."""

    def __init__(self, private: PrivateStore, clock: Clock) -> None:
        self._private, self._clock = private, clock
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()

    def add(self, way: str, outcome: str, address: str, account: str | None, *, verified: bool = False) -> None:
        """Writes one down. An account that is not `verified` is named only where there is one."""
        with self._private.begin() as connection:
            named = account if verified or account is None else _existing(connection, account)
            last = connection.execute(sa.select(sa.func.max(sign_ins.c.number))).scalar() or 0
            row = {
                "number": last + 1,
                "time_ms": self._clock.now_ms(),
                "account": named,
                "way": way,
                "outcome": outcome,
                "address": address,
            }
            connection.execute(sa.insert(sign_ins), [row])
            if last % _TIDY_EVERY == 0:
                self._tidy(connection)
        with self._lock:
            self.counts[outcome] += 1

    def page(self, before: int | None, limit: int) -> list[SignIn]:
        """The newest first, or those before a number."""
        query = sa.select(sign_ins).order_by(sign_ins.c.number.desc()).limit(limit)
        if before is not None:
            query = query.where(sign_ins.c.number < before)
        with self._private.reading() as connection:
            return [SignIn(**row._mapping) for row in connection.execute(query)]

    def _tidy(self, connection: sa.Connection) -> None:
        old_ms = self._clock.now_ms() - SIGN_IN_DAYS_KEPT * _DAY_MS
        connection.execute(sa.delete(sign_ins).where(sign_ins.c.time_ms < old_ms))
        failed = sign_ins.c.outcome != OK
        newest = sa.select(sign_ins.c.number).where(failed).order_by(sign_ins.c.number.desc())
        first = connection.execute(newest.offset(SIGN_IN_FAILURES_KEPT - 1).limit(1)).scalar()
        if first is not None:
            connection.execute(sa.delete(sign_ins).where(failed, sign_ins.c.number < first))


def _existing(connection: sa.Connection, account: str) -> str | None:
    # A name of a shape that no account has may hold what a database cannot store.
    if not account.isascii() or not account.isprintable():
        return None
    for table in (users, clients):
        if connection.execute(sa.select(table.c.id).where(table.c.id == account)).first() is not None:
            return account
    return None
