from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from ledger.clock import SettableClock
from ledger.errors import InputError, NotFound, Refused, TallystickError, VerificationFailed
from nodes.attachments import store
from nodes.attachments.kinds import media_type_of
from nodes.attachments.store import Attachments
from nodes.node import Node
from tests.nodes.small_network import CHEAP, START_MS, found

SCAN = b"%PDF-1.7 a signed consent of Canary Orchard Ltd"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    clock = SettableClock(START_MS)
    founded = found(tmp_path / "homes", clock=clock)
    with Node.open(founded.homes["authority"], clock, cost=CHEAP) as node:
        yield node


def archive(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        for name in names:
            zipped.writestr(name, "x")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (SCAN, "application/pdf"),
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"\xff\xd8\xff\xe0....", "image/jpeg"),
        (b"II*\x00....", "image/tiff"),
        (archive("[Content_Types].xml", "xl/workbook.xml"), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (archive("OFD.xml", "Doc_0/Document.xml"), "application/ofd"),
    ],
)
def test_a_document_is_of_the_kind_that_its_bytes_say(data: bytes, media_type: str) -> None:
    assert media_type_of(io.BytesIO(data)) == media_type


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"MZ\x90\x00",
        b"<svg onload=alert(1)>",
        archive("a.txt"),
        archive("[Content_Types].xml", "xl/workbook.xml", "xl/vbaProject.bin"),
        b"PK\x03\x04 no archive at all",
    ],
)
def test_whatever_else_it_is_is_refused(data: bytes) -> None:
    with pytest.raises(InputError) as refused:
        media_type_of(io.BytesIO(data))
    assert refused.value.code == "attachment-type"


def test_a_document_is_kept_under_its_digest_for_its_owner_alone_and_encrypted(node: Node) -> None:
    held = Attachments(node)
    kept = held.add(io.BytesIO(SCAN), "授权书.pdf", by="maker")
    assert (kept.sha256, kept.bytes, kept.media_type) == (sha256(SCAN).hexdigest(), len(SCAN), "application/pdf")
    assert held.content(kept.sha256) == SCAN
    file = node.home.path / "attachments" / kept.sha256
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert b"Canary" not in file.read_bytes()
    with pytest.raises(NotFound) as unknown:
        held.content(kept.sha256, "e" * 64)
    assert unknown.value.code == "unknown-attachment"


def test_the_same_document_is_kept_once_for_each_owner_with_the_name_that_it_had_there(node: Node) -> None:
    held = Attachments(node)
    first, again, other = (held.add(io.BytesIO(SCAN), name, by="x", owner=owner) for name, owner in (("a", ""), ("b", ""), ("c", "e" * 64)))
    assert (first, other.name) == (again, "c")
    assert len(list((node.home.path / "attachments").iterdir())) == 1
    assert [each.name for each in held.references([first.sha256], "e" * 64)] == ["c"]


def test_a_file_that_was_changed_renamed_or_lost_does_not_open(node: Node) -> None:
    held = Attachments(node)
    one, two = (held.add(io.BytesIO(data), "a.pdf", by="x").sha256 for data in (SCAN, SCAN + b"2"))
    directory = node.home.path / "attachments"
    (directory / one).write_bytes((directory / two).read_bytes())
    (directory / two).unlink()
    for digest in (one, two):
        with pytest.raises(VerificationFailed) as damaged:
            held.content(digest)
        assert damaged.value.code == "attachment-damaged"
    assert held.content(held.add(io.BytesIO(SCAN), "a.pdf", by="x").sha256) == SCAN


@pytest.mark.parametrize("name", ["", "../a.pdf", "a\\b", "a\nb", "x" * 201])
def test_a_name_is_no_path_and_can_be_printed(node: Node, name: str) -> None:
    with pytest.raises(InputError) as refused:
        Attachments(node).add(io.BytesIO(SCAN), name, by="x")
    assert refused.value.code == "attachment-name"


def test_size_and_number_have_bounds(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Attachments(node)
    monkeypatch.setattr(store, "ATTACHMENTS_PER_DAY_MAX", 1)
    kept = held.add(io.BytesIO(SCAN), "a", by="x")
    with pytest.raises(Refused) as many:
        held.add(io.BytesIO(SCAN + b"2"), "b", by="x")
    assert many.value.code == "too-many-attachments"
    assert held.add(io.BytesIO(SCAN), "a", by="x") == kept
    assert [each.name for each in (node.home.path / "attachments").iterdir()] == [kept.sha256]
    monkeypatch.setattr(store, "ATTACHMENTS_PER_DAY_MAX", 9)
    monkeypatch.setattr(store, "ATTACHMENTS_BYTES_PER_DAY_MAX", 2 * len(SCAN))
    with pytest.raises(Refused):
        held.add(io.BytesIO(SCAN + b"2"), "b", by="x")
    monkeypatch.setattr(store, "ATTACHMENT_BYTES_MAX", 8)
    with pytest.raises(InputError) as large:
        held.add(io.BytesIO(SCAN), "a", by="x")
    assert large.value.code == "attachment-too-large"


def test_a_part_names_each_document_once(node: Node) -> None:
    held = Attachments(node)
    digest = held.add(io.BytesIO(SCAN), "a", by="x").sha256
    for wrong in ([digest, digest], ["0" * 64], ["0" * 64] * 17):
        with pytest.raises(TallystickError) as refused:
            held.references(wrong)
        assert refused.value.code in ("bad-field", "unknown-attachment")
