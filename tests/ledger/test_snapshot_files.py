"""The snapshots of a node: the same bytes wherever they are made, made by what was added, and made anew where they are damaged."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger.errors import Unreachable, VerificationFailed
from ledger.snapshot import Snapshot, unpack
from ledger.snapshot_files import SnapshotFiles
from ledger.tables import records
from tests.ledger.comet.blocks import Blocks, blocks, comet_genesis

CHUNK = 2_000
KEPT = 2


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.snapshot.SNAPSHOT_CHUNK_BYTES", CHUNK)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Blocks]:
    with blocks(tmp_path / "ledger.db") as made:
        made.put("a", "b", "c")
        made.decide()
        made.put("d")
        yield made


def files_at(path: Path) -> SnapshotFiles:
    files = SnapshotFiles(path, KEPT)
    files.open()
    return files


def content(files: SnapshotFiles, snapshot: Snapshot) -> bytes:
    return b"".join(unpack(files.load(snapshot.engine_height, index)) for index in range(len(snapshot.chunks)))


def leaves_to(made: Blocks, height: int) -> bytes:
    with made.store.reading() as reader:
        lines = [reader.connection.execute(sa.select(records.c.leaf).where(records.c.log_index == 0)).scalar_one()]
        for each in range(height + 1):
            header = reader.header(each)
            assert header is not None
            lines += [*(record.leaf for record in reader.records_of_block(each)), header.leaf]
    return b"".join(bytes(line) + b"\n" for line in lines)


def names(path: Path) -> set[str]:
    return {each.name for each in path.iterdir()}


def test_a_snapshot_is_the_log_to_its_height(made: Blocks, tmp_path: Path) -> None:
    files = files_at(tmp_path / "files")
    files.make(made.store, 2)
    (snapshot,) = files.list()
    assert snapshot.engine_height == 3
    assert content(files, snapshot) == leaves_to(made, 2)
    assert len(snapshot.chunks) > 2


def test_it_is_the_same_whether_made_at_once_or_by_what_was_added(made: Blocks, tmp_path: Path) -> None:
    grown, fresh = files_at(tmp_path / "grown"), files_at(tmp_path / "fresh")
    for height in range(1, 6):
        made.put(*(f"{height} {number}" for number in range(height)))
        grown.make(made.store, height)
        # Whoever opens them anew goes on as well.
        grown = files_at(tmp_path / "grown")
    fresh.make(made.store, 5)
    assert grown.list()[-1] == fresh.list()[-1]
    assert content(grown, grown.list()[-1]) == content(fresh, fresh.list()[-1]) == leaves_to(made, 5)


def test_only_the_newest_are_kept_and_their_files(made: Blocks, tmp_path: Path) -> None:
    files = files_at(tmp_path / "files")
    for name in "efgh":
        made.put(name)
    for height in range(1, 7):
        files.make(made.store, height)
    kept = [snapshot.engine_height for snapshot in files.list()]
    assert kept == [6, 7]
    assert {name for name in names(tmp_path / "files") if not name.startswith("chunk")} == {"6.json", "6.z", "7.json", "7.z"}
    assert [snapshot.engine_height for snapshot in files_at(tmp_path / "files").list()] == kept
    for snapshot in files.list():
        assert content(files, snapshot) == leaves_to(made, snapshot.engine_height - 1)


def test_a_height_that_is_not_there_or_past_makes_nothing(made: Blocks, tmp_path: Path) -> None:
    files = files_at(tmp_path / "files")
    files.make(made.store, 3)
    assert files.list() == []
    files.make(made.store, 2)
    files.make(made.store, 1)
    assert [snapshot.engine_height for snapshot in files.list()] == [3]


def test_what_is_not_there_loads_as_nothing(made: Blocks, tmp_path: Path) -> None:
    files = files_at(tmp_path / "files")
    files.make(made.store, 2)
    count = len(files.list()[0].chunks)
    assert files.load(3, count) == files.load(3, -1) == files.load(2, 0) == b""


@pytest.mark.parametrize("name", ["chunk-0.z", "3.z"])
def test_a_damaged_chunk_is_not_handed_out_and_the_next_time_all_are_made_anew(made: Blocks, tmp_path: Path, name: str) -> None:
    files = files_at(tmp_path / "files")
    files.make(made.store, 2)
    path = tmp_path / "files" / name
    whole = path.read_bytes()
    path.write_bytes(whole[:9] + bytes([whole[9] ^ 1]) + whole[10:])
    (snapshot,) = files.list()
    loaded = [files.load(3, index) for index in range(len(snapshot.chunks))]
    assert loaded.count(b"") == 1
    files.make(made.store, 2)
    assert files.list() == [snapshot]
    assert content(files, snapshot) == leaves_to(made, 2)


def test_a_chunk_that_is_gone_is_made_anew(made: Blocks, tmp_path: Path) -> None:
    files = files_at(tmp_path / "files")
    files.make(made.store, 1)
    (tmp_path / "files" / "chunk-0.z").unlink()
    files.make(made.store, 2)
    assert [content(files, snapshot) for snapshot in files.list()] == [leaves_to(made, 2)]


@pytest.mark.parametrize("text", [b"", b"{}", b'{"v":1}', b"[]", b'{"chunks":["00"],"engine_height":3,"log_size":1,"network":"x","v":1}'])
def test_a_description_that_cannot_be_read_is_as_none(made: Blocks, tmp_path: Path, text: bytes) -> None:
    files = files_at(tmp_path / "files")
    files.make(made.store, 2)
    (tmp_path / "files" / "3.json").write_bytes(text)
    files = files_at(tmp_path / "files")
    assert files.list() == []
    files.make(made.store, 2)
    assert content(files, files.list()[0]) == leaves_to(made, 2)


def test_files_of_another_network_are_not_gone_on_from(made: Blocks, tmp_path: Path) -> None:
    files_at(tmp_path / "files").make(made.store, 1)
    files = files_at(tmp_path / "files")
    with blocks(tmp_path / "other.db", genesis=comet_genesis("other")) as other:
        other.put("a")
        other.put("b")
        files.make(other.store, 2)
        assert [content(files, snapshot) for snapshot in files.list()] == [leaves_to(other, 2)]


def test_a_damaged_ledger_makes_none(made: Blocks, tmp_path: Path) -> None:
    with made.store.writing() as connection:
        connection.execute(sa.update(records).where(records.c.log_index == 3).values(leaf=b'{"record":1}'))
    files = files_at(tmp_path / "files")
    with pytest.raises(VerificationFailed) as caught:
        files.make(made.store, 2)
    assert caught.value.code == "replica-damaged"
    assert files.list() == []


def test_nobody_else_may_read_them(made: Blocks, tmp_path: Path) -> None:
    files_at(tmp_path / "files").make(made.store, 2)
    assert stat.S_IMODE((tmp_path / "files").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "files").iterdir()} == {0o600}


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unreachable) as caught:
        files_at(tmp_path / "file")
    assert caught.value.code == "snapshots-unwritable"


def test_postgresql_gives_the_same_snapshot(made: Blocks, tmp_path: Path, postgresql_url: str) -> None:
    here, there = files_at(tmp_path / "here"), files_at(tmp_path / "there")
    here.make(made.store, 2)
    with blocks(postgresql_url) as other, made.store.reading() as reader:
        other.decide(*(record.record.raw for record in reader.records_of_block(1)))
        other.decide()
        other.decide(*(record.record.raw for record in reader.records_of_block(2)))
        there.make(other.store, 2)
    assert here.list() == there.list()
