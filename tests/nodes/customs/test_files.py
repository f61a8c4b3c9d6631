from __future__ import annotations

import io
from pathlib import Path

import pytest

from ledger.errors import InputError
from loadtest.declarations import write_declarations
from nodes.customs import text
from nodes.customs.duplicates import DuplicateGuard
from nodes.customs.files import read_declarations
from nodes.customs.results import Parsed, Rejected
from tests.nodes.customs.support import LAST_EXPORT


@pytest.fixture(params=["xml", "csv"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"ten.{request.param}"
    write_declarations(path, 10, LAST_EXPORT)
    return path


def test_a_path_and_a_stream_give_the_same(file: Path) -> None:
    items = list(read_declarations(file, file.name))
    assert len(items) == 10
    assert all(isinstance(item, Parsed) for item in items)
    with file.open("rb") as stream:
        assert list(read_declarations(stream, file.name)) == items


def test_a_stream_that_cannot_seek_is_read_too(file: Path) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: object) -> int:
            raise io.UnsupportedOperation("seek")

    assert list(read_declarations(Pipe(file.read_bytes()), file.name)) == list(read_declarations(file, file.name))


def test_the_content_tells_xml_whatever_the_name(tmp_path: Path) -> None:
    write_declarations(tmp_path / "ten.xml", 10, LAST_EXPORT)
    data = (tmp_path / "ten.xml").read_bytes()
    assert len(list(read_declarations(io.BytesIO(b"\xef\xbb\xbf" + data), "customs.dat"))) == 10


@pytest.mark.parametrize(("name", "data"), [("a.pdf", b"%PDF-1.7"), ("a.xls", b"\xd0\xcf\x11\xe0"), ("a.csv", b"PK\x03\x04"), ("a", b"")])
def test_another_kind_of_file_is_refused(name: str, data: bytes) -> None:
    with pytest.raises(InputError) as refusal:
        list(read_declarations(io.BytesIO(data), name))
    assert refusal.value.code == "file-type-unknown"
    assert refusal.value.hint


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.xml", tmp_path):
        with pytest.raises(InputError) as refusal:
            list(read_declarations(path, path.name))
        assert refusal.value.code == "file-unreadable"


def test_a_number_counts_once_across_the_files_of_one_import(file: Path) -> None:
    with DuplicateGuard() as guard:
        assert all(isinstance(item, Parsed) for item in read_declarations(file, file.name, guard=guard))
        again = list(read_declarations(file, file.name, guard=guard))
    assert {item.code for item in again if isinstance(item, Rejected)} == {"duplicate-in-file"}
    assert len(again) == 10
    assert [item.position for item in again] == list(range(1, 11))


def test_the_guard_remembers_every_number() -> None:
    with DuplicateGuard() as guard:
        assert guard.first("090820190519123456")
        assert not guard.first("090820190519123456")
        assert "090820190519123456" in guard
        assert "990820190519123456" not in guard


def test_a_file_beyond_its_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "IMPORT_FILE_BYTES_MAX", 100_000)
    write_declarations(tmp_path / "many.xml", 300, LAST_EXPORT)
    *good, last = read_declarations(tmp_path / "many.xml", "many.xml")
    assert isinstance(last, Rejected)
    assert (last.code, last.ends_file) == ("file-too-large", True)
    assert good
    write_declarations(tmp_path / "many.csv", 300, LAST_EXPORT)
    with pytest.raises(InputError) as refusal:
        list(read_declarations(tmp_path / "many.csv", "many.csv"))
    assert refusal.value.code == "file-too-large"
