"""The ledger's database: reading beside a writer, at past heights, and of files that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger import log_tree, state_tree
from ledger.errors import InputError, NotFound, TallystickError, Unreachable
from ledger.execution import execute_genesis
from ledger.store import LedgerStore
from tests.ledger.small_ledger import GENESIS, solo_ledger, url_of
from tests.ledger.small_rules import RULEBOOK


def test_reading_what_is_not_there_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="database-unreachable"):
        LedgerStore(url_of(tmp_path / "missing.db"), read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_unreachable(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(b"not a database " * 1000)
    with pytest.raises(Unreachable, match="database-unreachable"):
        LedgerStore(url_of(tmp_path / "notes.txt"))


def test_a_path_with_odd_characters_is_read(tmp_path: Path) -> None:
    odd = tmp_path / "a b#c"
    odd.mkdir()
    with solo_ledger(odd / "ledger.db") as solo:
        solo.put("a")
    store = LedgerStore(url_of(odd / "ledger.db"), read_only=True)
    with store.reading() as reader:
        assert reader.head.height == 1
    store.close()


def test_an_empty_ledger_says_so(tmp_path: Path) -> None:
    store = LedgerStore(url_of(tmp_path / "ledger.db"))
    with pytest.raises(NotFound, match="ledger-empty"), store.reading():
        pass
    store.close()


def test_one_who_only_reads_sees_one_height_while_others_write_and_cannot_write(tmp_path: Path) -> None:
    with solo_ledger(tmp_path / "ledger.db") as solo:
        solo.put("a")
        store = LedgerStore(url_of(tmp_path / "ledger.db"), read_only=True)
        with store.reading() as reader:
            assert reader.head.height == 1
            solo.put("b")
            assert reader.state.get("note/b") is None
            assert reader.header(2) is None
            with pytest.raises(sa.exc.OperationalError):
                reader.connection.exec_driver_sql("DELETE FROM state")
        with store.reading() as reader:
            assert reader.state.get("note/b") is not None
        store.close()


def test_every_past_height_can_be_read_and_proven(tmp_path: Path) -> None:
    with solo_ledger(tmp_path / "ledger.db") as solo:
        for name in "abcd":
            solo.put(name)
        with solo.store.reading() as reader:
            for height in range(reader.head.height + 1):
                header = reader.header(height)
                assert header is not None
                root = bytes.fromhex(header.state_root)
                for number, name in enumerate("abcd", start=1):
                    (value,), joint = reader.joint_state_proof([f"note/{name}"], height)
                    ((_, terminal),) = joint.ends
                    proof = state_tree.StateProof(joint.siblings[::-1], terminal)
                    assert (value is not None) == (number <= height)
                    held = state_tree.verify_absence(root, f"note/{name}", proof)
                    if value is not None:
                        held = state_tree.verify_presence(root, f"note/{name}", value, proof)
                    assert held
                assert reader.height_of_log_index(header.log_size) == height
                proof_hashes = reader.consistency_proof(header.log_size, reader.head.log_size)
                roots = reader.log_root(header.log_size), reader.log_root(reader.head.log_size)
                assert roots[0].hex() == header.log_root
                assert log_tree.verify_consistency(header.log_size, reader.head.log_size, proof_hashes, *roots)


def test_records_are_found_by_id_by_place_and_by_block(tmp_path: Path) -> None:
    with solo_ledger(tmp_path / "ledger.db") as solo:
        solo.put("a", "b")
        solo.put("c")
        with solo.store.reading() as reader:
            everything = reader.records(0, 10)
            assert [item.record.body["key"] for item in everything] == ["a", "b", "c"]
            assert [item.record.body["key"] for item in reader.records(everything[1].log_index, 1)] == ["b"]
            assert reader.record(everything[2].id) == everything[2]
            assert reader.records_of_block(1) == everything[:2]
            assert reader.record("00" * 32) is None


@pytest.mark.parametrize("change", [{"rules": 9}, {"rules": True}, {"time": None}, {"application": {}}, {"application": None}])
def test_a_genesis_that_begins_no_ledger_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InputError, match="bad-genesis"):
        execute_genesis({**GENESIS, **change}, RULEBOOK)


def test_a_home_without_rights_is_told_by_a_code(tmp_path: Path) -> None:
    with pytest.raises(TallystickError, match="database-unreachable"):
        LedgerStore(url_of(tmp_path / "no" / "such" / "place.db"))


def test_the_version_changes_with_each_block_and_is_unknown_where_no_engine_is_at_work(tmp_path: Path) -> None:
    with solo_ledger(tmp_path / "ledger.db") as solo:
        beside = LedgerStore(url_of(tmp_path / "ledger.db"), read_only=True)
        versions = [solo.engine.store.version]
        for key in ("a", "b"):
            solo.put(key)
            versions.append(solo.engine.store.version)
        assert None not in versions and len(set(versions)) == 3
        assert solo.engine.store.version == versions[-1]
        assert beside.version is None
        solo.engine.stop()
        assert solo.engine.store.version is None
        solo.engine.start()
        assert solo.engine.store.version not in versions
    beside.close()


def test_the_version_is_unknown_while_a_block_is_written_and_another_one_after_a_failure(tmp_path: Path) -> None:
    store = LedgerStore(url_of(tmp_path / "ledger.db"))
    store.take()
    before = store.version
    during: list[int | None] = []

    def fail() -> None:
        with store.writing():
            during.append(store.version)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert during == [None]
    assert store.version not in (None, before)
    store.close()
