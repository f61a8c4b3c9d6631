"""Tries changes of a ledger, one after the other on a copy in memory, and counts what its audit said."""

from __future__ import annotations

import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from ledger.admission import VerifiedSignatures
from ledger.audit import AuditReport, Manner, audit
from ledger.store import LedgerStore
from tests.ledger.small_ledger import url_of
from tests.tamper.ledgers import LEDGERS, Tampered
from tests.tamper.rows import Change, Rows

# In memory, where there is such a place: nothing here waits for a disk.
_SHM: Final = Path("/dev/shm")  # noqa: S108  # a directory of its own is made in it


@contextmanager
def made(name: str) -> Iterator[Tampered]:
    """A ledger in a directory of its own."""
    with tempfile.TemporaryDirectory(dir=_SHM if _SHM.is_dir() else None, prefix="tallystick-tamper-") as directory:
        yield LEDGERS[name](Path(directory))


class Trying:
    """A copy of a ledger's file that is changed, audited, and made right again."""

    def __init__(self, ledger: Tampered) -> None:
        self.ledger = ledger
        self.right = ledger.path.read_bytes()
        self.path = ledger.path.with_name("changed.db")
        # By the hash of the whole transaction: what was found good once is so wherever it stands.
        self._verified = VerifiedSignatures()
        self.write(self.right)
        # Its connections are closed after each audit; what it has compiled is kept.
        self._store = LedgerStore(url_of(self.path), read_only=True)
        report = self.audit()
        assert report.ok, report.findings

    def close(self) -> None:
        self._store.close()

    def write(self, data: bytes) -> None:
        for beside in ("-wal", "-shm", "-journal"):
            self.path.with_name(self.path.name + beside).unlink(missing_ok=True)
        self.path.write_bytes(data)

    def audit(self) -> AuditReport:
        try:
            return audit(self._store, self.ledger.genesis, self.ledger.rulebook, self.ledger.voucher, Manner(verified=self._verified))
        finally:
            self._store.close()

    def change(self, change: Change) -> bool:
        """False where the database's own rules keep it from holding that."""
        self.write(self.right)
        connection = sqlite3.connect(self.path)
        with closing(connection):
            connection.execute("PRAGMA synchronous = OFF")
            try:
                with connection:
                    done = [connection.execute(statement, values).rowcount for statement, values in change.statements]
            except sqlite3.IntegrityError:
                return False
        assert sum(done) > 0, change
        return True


def try_rows(name: str, masks: Sequence[int], step: int = 1) -> tuple[Counter[str], list[str]]:
    """Every so many of the changes of a ledger's rows, and all that are slack: what was counted, and whatever was not as it must be."""
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    with made(name) as ledger, closing(Trying(ledger)) as trying:
        for number, change in enumerate(Rows(ledger).every(masks)):
            if number % step and change.slack is None:
                continue
            counts["changes"] += 1
            counts[f"changes: {change.what}"] += 1
            if not trying.change(change):
                counts["changes that the database itself refuses"] += 1
                continue
            said = _said(trying, change)
            if said:
                wrong.append(f"{name}, {change.what}, {change.where}: {said}")
            elif change.slack is not None:
                counts["slack"] += 1
                counts[f"slack: {change.slack}"] += 1
            else:
                counts["found, with the first bad height"] += 1
    return counts, wrong


def _said(trying: Trying, change: Change) -> str:
    """What is wrong with what the audit said of a change; empty for nothing."""
    report = trying.audit()
    if change.slack is not None:
        return "" if report.ok else f"is slack, and found: {report.findings[0]}"
    if report.ok:
        return "is not found"
    if report.first_bad_height not in change.heights:
        return f"height {report.first_bad_height} instead of {sorted(change.heights)}: {report.findings[:2]}"
    return ""


def tell_wrong(wrong: Iterable[str], at_most: int = 20) -> str:
    found = list(wrong)
    return "\n".join([f"{len(found)} not as they must be", *found[:at_most]])
