"""The audit: everything is replayed from genesis in memory, and every stored byte is compared with what the replay gives.

Nothing that is stored is believed but the transactions, block times and checkpoint signatures, which prove themselves: the log's leaves
and their columns, headers, results, state rows, tree pages, log nodes, checkpoints and `meta` must all be exactly what follows from
genesis, none missing and none left over. A finding names the height that its row belongs to; the replay ends at the first height whose
block does not follow. What an audit cannot see is whether a whole end of the ledger was cut off: that shows beside others' checkpoints.

Signatures may be checked ahead in other processes, and an audit that was stopped may go on from a snapshot: neither changes a finding,
but what was compared before the snapshot rests on the run that wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from ledger.admission import VerifiedSignatures
from ledger.audit_ahead import SignaturesAhead
from ledger.audit_snapshot import Snapshot
from ledger.audit_walk import Enough, Finding, Walk
from ledger.errors import Refused
from ledger.limits import AUDIT_SNAPSHOT_RECORDS
from ledger.memory_chain import MemoryChain
from ledger.rules import Rulebook
from ledger.store import LedgerStore
from ledger.stored_rows import file_damage, plain_connection
from ledger.tables import headers, records
from ledger.vouching import Voucher

__all__ = ["AuditReport", "Finding", "Manner", "audit"]


@dataclass(frozen=True, slots=True)
class AuditReport:
    """`height` and `records` are what the database claims to hold; `first_bad_height` is the least height of a finding.

    `resumed_from` is the height up to which everything was compared by an earlier run, whose snapshot this one went on from.
    """

    ok: bool
    height: int
    records: int
    first_bad_height: int | None
    findings: tuple[Finding, ...]
    resumed_from: int | None = None

    def to_json(self) -> dict[str, Any]:
        shown = {**asdict(self), "findings": [asdict(finding) for finding in self.findings]}
        return {name: value for name, value in shown.items() if name != "resumed_from" or value is not None}


@dataclass(frozen=True, slots=True)
class Manner:
    """How an audit is made. `jobs`: processes; all but one check signatures ahead of the replay. `on_progress` gets the height done and
    the last one. `snapshot` is written now and then, gone on from where `resume` says so, and removed at the end. When `stops` says so
    between two blocks, the audit ends there.
    """

    jobs: int = 1
    on_progress: Callable[[int, int], None] | None = None
    snapshot: Snapshot | None = None
    resume: bool = False
    stops: Callable[[], bool] | None = None
    verified: VerifiedSignatures | None = None


def audit(
    store: LedgerStore, genesis: Mapping[str, Any], rulebook: Rulebook, voucher: Voucher | None, manner: Manner | None = None
) -> AuditReport:
    """Replays and compares. `voucher` is None where nobody signs checkpoints. Never raises for what is stored; raises `InputError`
    (`bad-genesis`) for the genesis document handed in, `Refused` (`audit-stopped`), and those of `Snapshot.restore` where it resumes.
    """
    run = _Run(store, genesis, rulebook, voucher, manner or Manner())
    return run.report()


class _Run:
    """One audit."""

    def __init__(self, store: LedgerStore, genesis: Mapping[str, Any], rulebook: Rulebook, voucher: Voucher | None, manner: Manner) -> None:
        self._store, self._voucher, self._manner = store, voucher, manner
        self._ahead = SignaturesAhead(store, manner.jobs - 1) if manner.jobs > 1 else None
        self._chain = MemoryChain(genesis, rulebook, manner.verified or self._ahead)
        self._found: list[Finding] = []
        self._resumed_from: int | None = None

    def report(self) -> AuditReport:
        last, count = -1, 0
        try:
            with ExitStack() as stack:
                connection = stack.enter_context(plain_connection(self._store))
                last, count = _claims(connection)
                if self._manner.resume and self._manner.snapshot is not None:
                    self._resumed_from = self._manner.snapshot.restore(connection, self._chain)
                if self._ahead is not None:
                    self._ahead.begin(self._chain.head.log_size + 1 if self._resumed_from is not None else 1)
                    stack.callback(self._ahead.close)
                self._compare(connection, last)
        except (SQLAlchemyError, OSError) as error:
            self._add(0, f"the database cannot be read: {type(error).__name__}")
        first = min((finding.height for finding in self._found), default=None)
        if self._manner.snapshot is not None:
            self._manner.snapshot.remove()
        return AuditReport(not self._found, last, count, first, tuple(self._found), self._resumed_from)

    def _compare(self, connection: Connection, last: int) -> None:
        first = 0 if self._resumed_from is None else self._resumed_from + 1
        walk = Walk(connection, self._chain, self._voucher, self._found, first, None if self._ahead is None else self._ahead.reach)
        with closing(walk):
            try:
                self._go(walk, last)
            except Enough:
                pass
            except SQLAlchemyError as error:
                self._add(walk.height, f"the database cannot be read: {type(error).__name__}")
        said = "" if self._found else file_damage(connection)
        if said:
            self._add(0, f"SQLite's integrity check: {said}")

    def _go(self, walk: Walk, last: int) -> None:
        saved = self._chain.head.log_size
        for height in walk.heights():
            if self._manner.on_progress is not None:
                self._manner.on_progress(height, max(last, height))
            stops = height < last and self._manner.stops is not None and self._manner.stops()
            if self._chain.head.log_size - saved >= AUDIT_SNAPSHOT_RECORDS or stops:
                saved = self._chain.head.log_size
                self._save()
            if stops:
                raise Refused("audit-stopped", f"the audit was stopped after the height {height}", hint="run it again with --resume")

    def _save(self) -> None:
        """A run with findings leaves no snapshot: whoever went on from it would not see them."""
        if self._manner.snapshot is not None and not self._found:
            self._manner.snapshot.save(self._chain)

    def _add(self, height: int, reason: str) -> None:
        self._found.append(Finding(height, None, "database-damaged", reason))


def _claims(connection: Connection) -> tuple[int, int]:
    last = connection.execute(sa.select(sa.func.max(headers.c.height))).scalar()
    count = connection.execute(sa.select(sa.func.count()).select_from(records).where(records.c.type != "genesis")).scalar()
    return (last if type(last) is int else -1), int(count or 0)
