"""An audit finds the same with any number of processes, and when it was stopped and goes on."""

from __future__ import annotations

import gzip
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ledger import audit as audit_module
from ledger import audit_ahead
from ledger.admission import VerifiedSignatures
from ledger.audit import AuditReport, Manner, audit
from ledger.audit_ahead import good_signatures
from ledger.audit_snapshot import Snapshot
from ledger.errors import NotFound, Refused, TallystickError, VerificationFailed
from ledger.record import Record
from ledger.store import LedgerStore
from tests.ledger.small_ledger import GENESIS, VOUCHER, private_key, solo_ledger, url_of
from tests.ledger.small_rules import RULEBOOK

HEIGHTS = 6


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("audit") / "ledger.db"
    with solo_ledger(path) as solo:
        for number in range(HEIGHTS):
            solo.send(*(solo.author.put(f"{number} {each}") for each in range(3)), solo.author.once(private_key(f"once {number}")))
    return path


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(original, tmp_path / "ledger.db"))


def audited(path: Path, manner: Manner | None = None) -> AuditReport:
    with closing(LedgerStore(url_of(path), read_only=True)) as store:
        return audit(store, GENESIS, RULEBOOK, VOUCHER, manner)


def execute(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(statement, values).rowcount == 1


def stopped_after(path: Path, height: int, snapshot: Snapshot) -> None:
    """An audit that is told to stop once it has compared a height."""
    done: list[int] = []
    manner = Manner(on_progress=lambda at, _: done.append(at), snapshot=snapshot, stops=lambda: done[-1] == height)
    with pytest.raises(Refused) as caught:
        audited(path, manner)
    assert caught.value.code == "audit-stopped"
    assert done == list(range(height + 1))


@pytest.fixture
def snapshot(copy: Path, tmp_path: Path) -> Snapshot:
    made = Snapshot(tmp_path / "audit.gz")
    stopped_after(copy, 3, made)
    return made


def without_local_checks(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Signatures that are checked in this process, as they are."""
    here: list[bytes] = []
    real = VerifiedSignatures.check

    def check(self: VerifiedSignatures, record: Record, publics: list[bytes]) -> bool:
        here.append(record.raw)
        return real(self, record, publics)

    monkeypatch.setattr(VerifiedSignatures, "check", check)
    return here


def test_with_workers_all_good_signatures_are_checked_elsewhere(original: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = without_local_checks(monkeypatch)
    monkeypatch.setattr(audit_ahead, "AUDIT_STRETCH_LEAVES", 5)
    assert audited(original, Manner(jobs=2)) == audited(original)
    assert len(here) == 4 * HEIGHTS, "only the audit with one process checked any"


def test_a_broken_signature_is_found_by_any_number_of_processes(copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as connection:
        (record_id, leaf) = connection.execute("SELECT id, leaf FROM records WHERE height = 4 AND position = 1").fetchone()
    assert leaf.endswith(b'"]}')
    last = b"1" if leaf[-4:-3] == b"0" else b"0"
    execute(copy, "UPDATE records SET leaf = ? WHERE id = ?", leaf[:-4] + last + b'"]}', record_id)
    alone = audited(copy)
    assert (alone.first_bad_height, alone.findings[0].code, alone.findings[0].record_id) == (4, "record-not-admissible", record_id)
    assert audited(copy, Manner(jobs=2)) == alone


def test_a_worker_says_nothing_of_what_it_cannot_read(copy: Path) -> None:
    whole = good_signatures(url_of(copy), 0, 1_000)
    assert len(whole) == 32 * 4 * HEIGHTS
    execute(copy, "UPDATE records SET leaf = x'00' WHERE height = 2 AND position = 0")
    execute(copy, "UPDATE records SET leaf = 7 WHERE height = 2 AND position = 1")
    assert len(good_signatures(url_of(copy), 0, 1_000)) == len(whole) - 64
    execute(copy, "DELETE FROM state WHERE key IN (SELECT key FROM state WHERE key LIKE 'key/%' AND height = 3)")
    assert len(good_signatures(url_of(copy), 0, 1_000)) == len(whole) - 96


def test_good_signatures_under_other_keys_than_the_ledgers_are_not_taken(copy: Path) -> None:
    """The stored entries that a worker reads are not believed: the replay asks for its own keys."""
    with closing(sqlite3.connect(copy)) as connection, connection:
        changed = connection.execute("UPDATE state SET value = replace(value, '\"public\":\"02', '\"public\":\"03') WHERE key LIKE 'key/%'")
        changed = connection.execute("UPDATE state SET value = CAST(value AS BLOB) WHERE key LIKE 'key/%'")
        assert changed.rowcount > 0
    assert audited(copy, Manner(jobs=2)) == audited(copy)


def test_an_audit_goes_on_where_it_was_stopped(copy: Path, snapshot: Snapshot) -> None:
    done: list[int] = []
    report = audited(copy, Manner(on_progress=lambda at, _: done.append(at), snapshot=snapshot, resume=True))
    assert (report.ok, report.height, report.resumed_from) == (True, HEIGHTS, 3)
    assert done == [4, 5, 6]
    assert report.to_json()["resumed_from"] == 3
    assert not snapshot.path.exists(), "what is done needs no snapshot"


def test_what_is_wrong_after_the_snapshot_is_found_as_from_genesis(copy: Path, snapshot: Snapshot) -> None:
    execute(copy, "UPDATE headers SET time_ms = time_ms + 1 WHERE height = 5")
    whole, rest = audited(copy), audited(copy, Manner(snapshot=snapshot, resume=True, jobs=2))
    assert rest.findings == whole.findings
    assert rest.first_bad_height == 5


def test_snapshots_are_written_on_the_way(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_module, "AUDIT_SNAPSHOT_RECORDS", 9)
    snapshot, seen = Snapshot(tmp_path / "audit.gz"), []
    report = audited(copy, Manner(snapshot=snapshot, on_progress=lambda *_: seen.append(snapshot.path.exists())))
    assert report.ok
    assert seen == [False, False, False, True, True, True, True]


def test_an_audit_with_findings_leaves_no_snapshot(copy: Path, tmp_path: Path) -> None:
    execute(copy, "UPDATE headers SET time_ms = time_ms + 1 WHERE height = 2")
    snapshot = Snapshot(tmp_path / "audit.gz")
    stopped_after(copy, 3, snapshot)
    assert not snapshot.path.exists()


def rewritten(snapshot: Snapshot, old: bytes, new: bytes) -> None:
    text = gzip.decompress(snapshot.path.read_bytes())
    assert old in text
    snapshot.path.write_bytes(gzip.compress(text.replace(old, new, 1)))


FORGERIES = {
    "another value": (b'"count\\":1', b'"count\\":2', "snapshot-differs"),
    "another key": (b'["note/0 0"', b'["note/0 9"', "snapshot-differs"),
    "another height": (b'"height":3', b'"height":4', "snapshot-differs"),
    "a height that there is not": (b'"height":3', b'"height":99', "snapshot-differs"),
    "a height that is none": (b'"height":3', b'"height":"x"', "snapshot-differs"),
    "an entry too few": (b'"entries":', b'"entries":1', "snapshot-broken"),
    "another kind": (b"audit-snapshot", b"audit-snapshop", "snapshot-broken"),
    "no JSON": (b'["note/0 0"', b'{"note/0 0"', "snapshot-broken"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_snapshot_is_not_believed(copy: Path, snapshot: Snapshot, forgery: str) -> None:
    old, new, code = FORGERIES[forgery]
    rewritten(snapshot, old, new)
    with pytest.raises(VerificationFailed) as caught:
        audited(copy, Manner(snapshot=snapshot, resume=True))
    assert caught.value.code == code


def test_a_snapshot_that_is_cut_off_is_refused(copy: Path, snapshot: Snapshot) -> None:
    snapshot.path.write_bytes(snapshot.path.read_bytes()[:-30])
    with pytest.raises(VerificationFailed, match="snapshot-broken"):
        audited(copy, Manner(snapshot=snapshot, resume=True))


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE headers SET leaf = (SELECT leaf FROM headers WHERE height = 1) WHERE height = 2",
        "UPDATE headers SET leaf = x'00' WHERE height = 2",
        "UPDATE log_nodes SET hash = zeroblob(32) WHERE position = 15",
        "DELETE FROM log_nodes WHERE position = 15",
    ],
)
def test_a_snapshot_is_refused_where_the_ledger_below_it_does_not_hold(copy: Path, snapshot: Snapshot, damage: str) -> None:
    execute(copy, damage)
    with pytest.raises(VerificationFailed, match="snapshot-differs"):
        audited(copy, Manner(snapshot=snapshot, resume=True))


def test_there_must_be_a_snapshot_to_go_on_from(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no-snapshot"):
        audited(copy, Manner(snapshot=Snapshot(tmp_path / "none.gz"), resume=True))


def test_a_snapshot_that_cannot_be_written_is_said(copy: Path, tmp_path: Path) -> None:
    done: list[int] = []
    manner = Manner(
        snapshot=Snapshot(tmp_path / "absent" / "audit.gz"), stops=lambda: len(done) > 2, on_progress=lambda at, _: done.append(at)
    )
    with pytest.raises(TallystickError, match="snapshot-unwritable"):
        audited(copy, manner)
