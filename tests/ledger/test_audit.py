"""Whatever byte of the stored ledger was changed, taken away or added, the audit says so and names the first bad height."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.audit import AuditReport, Manner, audit
from ledger.checkpoint import add_cosignature
from ledger.log_operator import OperatorKey
from ledger.log_tree import position
from ledger.store import LedgerStore
from ledger.vouching import OperatorsWord
from tests.ledger.small_ledger import ANNE_SERVICE, GENESIS, VOUCHER, genesis_document, private_key, solo_ledger, url_of
from tests.ledger.small_rules import RULEBOOK

HEIGHTS = 6
TABLES = {
    "records": ("log_index", "height", "position", "id", "type", "leaf"),
    "headers": ("height", "time_ms", "hash", "log_index", "leaf", "checkpoint"),
    "state": ("key", "height", "value"),
    "tree_pages": ("prefix", "height", "page"),
    "log_nodes": ("position", "hash"),
    "meta": ("key", "value"),
}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with accepted and refused records, deletions, one-time keys and forgotten ids."""
    path = tmp_path_factory.mktemp("audit") / "ledger.db"
    with solo_ledger(path) as solo:
        solo.put("a", "b", "c")
        solo.send(solo.author.once(private_key("once")), solo.author.put("a"), solo.author.put("d"))
        with solo.store.reading() as reader:
            once = reader.records_of_block(2)[0].id
        solo.send(solo.author.record("note.drop", {"once": once}, [private_key("once"), ANNE_SERVICE]))
        for name in "efg"[: HEIGHTS - 3]:
            solo.clock.advance(86_400_000)
            solo.author.now_ms = solo.clock.now_ms()
            solo.put(name)
    return path


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(original, tmp_path / "ledger.db"))


def audited(path: Path, **options: Any) -> AuditReport:
    store = LedgerStore(url_of(path), read_only=True)
    try:
        return audit(store, options.get("genesis", GENESIS), RULEBOOK, options.get("voucher", VOUCHER), options.get("manner"))
    finally:
        store.close()


def execute(path: Path, statement: str, *values: Any) -> None:
    connection = sqlite3.connect(path)
    try:
        with connection:
            assert connection.execute(statement, values).rowcount == 1
    finally:
        connection.close()


def rows(path: Path, table: str) -> list[dict[str, Any]]:
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute(f"SELECT rowid AS rowid, * FROM {table} ORDER BY 2, 3")]  # noqa: S608  # names of ours
    finally:
        connection.close()


def one_byte_off(value: Any, place: float) -> Any:
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        index = int(place * (len(value) - 1)) if value else 0
        return value[:index] + ("0" if value[index : index + 1] != "0" else "1") + value[index + 1 :]
    if value is None:
        return b"0"
    index = int(place * (len(value) - 1))
    return value[:index] + bytes([value[index] ^ 1]) + value[index + 1 :]


def height_of(path: Path, table: str, row: dict[str, Any]) -> int:
    if "height" in row:
        return int(row["height"])
    if table == "meta":
        return 0
    ends = sorted((each["log_index"], each["height"]) for each in rows(path, "headers"))
    done = {position(level, index): ((index + 1) << level) - 1 for level in range(8) for index in range(64)}
    return next(int(height) for log_index, height in ends if done[row["position"]] <= log_index)


def test_a_ledger_as_it_was_written_is_right(original: Path) -> None:
    steps: list[tuple[int, int]] = []
    report = audited(original, manner=Manner(on_progress=lambda height, last: steps.append((height, last))))
    assert report == AuditReport(True, HEIGHTS, 10, None, ())
    assert steps == [(height, HEIGHTS) for height in range(HEIGHTS + 1)]
    assert report.to_json() == {"ok": True, "height": HEIGHTS, "records": 10, "first_bad_height": None, "findings": []}


@pytest.mark.parametrize(("table", "column"), [(table, column) for table, columns in TABLES.items() for column in columns])
def test_one_byte_changed_in_any_column_is_found_at_its_height(original: Path, tmp_path: Path, table: str, column: str) -> None:
    stored = rows(original, table)
    step = max(1, len(stored) // 5)
    changed = 0
    for number, row in enumerate(stored[::step]):
        path = Path(shutil.copy(original, tmp_path / f"{number}.db"))
        try:
            value = one_byte_off(row[column], number / 7 % 1)
            execute(path, f"UPDATE {table} SET {column} = ? WHERE rowid = ?", value, row["rowid"])  # noqa: S608  # names of ours
        except sqlite3.IntegrityError:
            continue
        changed += 1
        report = audited(path)
        assert not report.ok
        assert report.first_bad_height == height_of(original, table, row), (row, report.findings)
        path.unlink()
    assert changed


@pytest.mark.parametrize("table", ["records", "headers", "state", "tree_pages", "log_nodes"])
def test_a_row_that_is_missing_is_found_at_its_height(original: Path, tmp_path: Path, table: str) -> None:
    stored = rows(original, table)
    for number, row in enumerate(stored[:: max(1, len(stored) // 4)]):
        path = Path(shutil.copy(original, tmp_path / f"{number}.db"))
        execute(path, f"DELETE FROM {table} WHERE rowid = ?", row["rowid"])  # noqa: S608  # names of ours
        assert audited(path).first_bad_height == height_of(original, table, row)


SURPLUS = {
    "a record before the first": ("INSERT INTO records VALUES (-1, 0, 0, 'x', 'note.put', x'00')", 0),
    "a record beside a header": ("INSERT INTO records SELECT log_index, 2, 9, 'x', 'note.put', x'00' FROM headers WHERE height = 2", 2),
    "a record after the last": ("INSERT INTO records VALUES (9999, 3, 0, 'x', 'note.put', x'00')", HEIGHTS + 1),
    "a header after a gap": (
        "INSERT INTO headers SELECT 99, time_ms, hash, 999, leaf, checkpoint FROM headers WHERE height = 2",
        HEIGHTS + 1,
    ),
    "a state row": ("INSERT INTO state VALUES ('note/z', 3, x'31')", 3),
    "a deletion of state": ("INSERT INTO state VALUES ('note/a', 4, NULL)", 4),
    "a state row of a negative height": ("INSERT INTO state VALUES ('note/z', -3, x'31')", 0),
    "a state row of the future": ("INSERT INTO state VALUES ('note/z', 99, x'31')", HEIGHTS + 1),
    "a state row of no height": ("INSERT INTO state VALUES ('note/z', 'soon', x'31')", HEIGHTS + 1),
    "a page": ("INSERT INTO tree_pages VALUES ('ff', 2, x'00')", 2),
    "a log node": ("INSERT INTO log_nodes VALUES (99999, x'00')", HEIGHTS + 1),
    "a word in meta": ("INSERT INTO meta VALUES ('more', '1')", 0),
    "a halt without evidence": ("INSERT INTO meta VALUES ('halted', '{}')", 0),
}


@pytest.mark.parametrize("what", SURPLUS, ids=lambda what: what.replace(" ", "-"))
def test_a_row_too_many_is_found(copy: Path, what: str) -> None:
    statement, height = SURPLUS[what]
    execute(copy, statement)
    report = audited(copy)
    assert (report.ok, report.first_bad_height) == (False, height)


def test_text_that_is_no_utf_8_is_found_at_its_height(copy: Path) -> None:
    execute(copy, "UPDATE state SET key = CAST(x'ff6e' AS TEXT) WHERE key = 'note/d' AND height = 2")
    assert audited(copy).first_bad_height == 2


def test_a_record_that_does_not_hold_is_named(copy: Path) -> None:
    (row,) = [row for row in rows(copy, "records") if (row["height"], row["position"]) == (2, 2)]
    execute(copy, "UPDATE records SET leaf = ? WHERE id = ?", row["leaf"].replace(b'"key":"d"', b'"key":"z"'), row["id"])
    findings = audited(copy).findings
    assert (findings[0].height, findings[0].record_id, findings[0].code) == (2, row["id"], "record-not-admissible")


def test_a_changed_result_is_named(copy: Path) -> None:
    (row,) = [row for row in rows(copy, "records") if (row["height"], row["position"]) == (2, 1)]
    execute(copy, "UPDATE records SET leaf = ? WHERE id = ?", row["leaf"].replace(b'"code":"taken"', b'"code":"tokem"'), row["id"])
    finding = audited(copy).findings[0]
    assert (finding.height, finding.record_id, finding.code) == (2, row["id"], "record-differs")


def test_a_checkpoint_with_a_line_that_nobody_can_check_is_found(copy: Path) -> None:
    (row,) = [row for row in rows(copy, "headers") if row["height"] == 3]
    note = add_cosignature(row["checkpoint"], "someone", Ed25519PrivateKey.generate(), 1)
    execute(copy, "UPDATE headers SET checkpoint = ? WHERE height = 3", note)
    assert audited(copy).first_bad_height == 3


def test_another_operator_and_another_genesis_are_found(original: Path) -> None:
    assert audited(original, voucher=OperatorsWord(OperatorKey("op", bytes(32)))).first_bad_height == 0
    assert audited(original, genesis=genesis_document(name="other")).first_bad_height == 0


def test_a_damaged_file_is_a_finding(copy: Path) -> None:
    data = bytearray(copy.read_bytes())
    for offset in range(4096 * 2, len(data), 4096):
        data[offset : offset + 64] = b"\xff" * 64
    copy.write_bytes(bytes(data))
    report = audited(copy)
    assert not report.ok
    assert {finding.code for finding in report.findings} <= {"database-damaged", "meta-differs", "header-missing"}


def test_a_table_that_cannot_be_read_is_a_finding_and_leaves_nothing_open(copy: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Reading of the others has begun, and ends before the connection does."""
    with closing(sqlite3.connect(copy)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'tree_pages'").fetchone()
    data = bytearray(copy.read_bytes())
    data[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    copy.write_bytes(bytes(data))
    assert [finding.code for finding in audited(copy).findings] == ["database-damaged"]
    assert caplog.records == []


def test_a_damaged_index_is_a_finding(copy: Path) -> None:
    """What the replay does not read, SQLite's own check does."""
    connection = sqlite3.connect(copy)
    with connection:
        connection.execute("PRAGMA writable_schema = ON")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ix_records_type'").fetchone()
    connection.close()
    data = bytearray(copy.read_bytes())
    data[page * 4096 - 1] ^= 1
    copy.write_bytes(bytes(data))
    report = audited(copy)
    assert [finding.code for finding in report.findings] == ["database-damaged"]


def test_an_empty_database_has_no_ledger(tmp_path: Path) -> None:
    store = LedgerStore(url_of(tmp_path / "empty.db"))
    report = audit(store, GENESIS, RULEBOOK, VOUCHER)
    store.close()
    assert (report.ok, report.height, report.findings[-1].code) == (False, -1, "header-missing")
