"""Every single-byte change of a proof file makes it fail, but for the bytes of which docs/proofs.md says that they may change.

Those are the line end after the document, and in a signed note the lines of keys that nobody asks about: those that the trust file
does not name, and in a fork every witness. The sample holds each kind of file. A change of a byte of it is tried at some places with
some values; with `TALLYSTICK_DEEP=1` at every place with every value, and each byte is also left out and written twice.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import canonical
from ledger.checkpoint import add_cosignature
from ledger.proof import bundle_file, consistency_file, fork_file, fork_from_note, record_proof, state_proof
from ledger.verify import verify
from tests.ledger.small_ledger import Solo, solo_ledger
from tests.ledger.verify.small_files import Files, sealed_record
from tests.ledger.verify.trusting import WITNESS, trust

DEEP = os.environ.get("TALLYSTICK_DEEP") == "1"
CHANGES = 400
"""How many changes of each file are tried where not all are."""

STRANGER = Ed25519PrivateKey.from_private_bytes(bytes([8]) * 32)
# In JSON a line end of a note is written \n, and the dash before a signature is a character of its own.
NOT_ASKED = re.compile("— stranger [^\\\\]*\\\\n".encode())
NO_WITNESS = re.compile("— (?:stranger|w) [^\\\\]*\\\\n".encode())
KINDS = ["record", "revealed", "refused once", "state", "absent", "consistency", "fork by blocks", "fork by notes", "bundle"]


def cosigned(note: str) -> str:
    """A note with one cosignature that the trust file demands, and one of a key that it does not name."""
    return add_cosignature(add_cosignature(note, "w", WITNESS, 1_700_000_000), "stranger", STRANGER, 1_700_000_001)


def believed(network: str) -> bytes:
    return trust(network, witnesses=[{"name": "w", "public": WITNESS.public_key().public_bytes_raw().hex()}], witnesses_required=1)


def side(solo: Solo, height: int) -> dict[str, object]:
    with solo.store.reading() as reader:
        header = reader.header(height)
        assert header is not None
        path = reader.inclusion_proof(header.log_size, reader.head.log_size + 1)
        note = cosigned(reader.checkpoint() or "")
        return {"checkpoint": note, "header": header.to_json(), "inclusion": [each.hex() for each in path]}


@pytest.fixture(scope="module")
def sample(files: Files, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, bytes]]:
    """A file of each kind: of a small ledger, and of another history that its operator signed too."""
    path: Path = tmp_path_factory.mktemp("other")
    with solo_ledger(path / "one.db") as one, solo_ledger(path / "other.db") as other:
        sealed, letter_key, _ = sealed_record(one)
        (answer,) = one.send(sealed)
        one.put("a", "b", "c")
        one.put("d")
        other.put("x", "y")
        other.put("z")
        with one.store.reading() as reader, other.store.reading() as elsewhere:
            note = cosigned(reader.checkpoint() or "")
            sealed_id = answer.record_id  # type: ignore[union-attr]  # it was taken
            found = {
                "record": record_proof(reader, sealed_id, note=note),
                "revealed": record_proof(reader, sealed_id, {"letter": letter_key}, note),
                "state": state_proof(reader, "note/a", 2, note),
                "absent": state_proof(reader, "note/none", note=note),
                "consistency": consistency_file(reader, cosigned(reader.checkpoint(1) or ""), note),
                "fork by blocks": fork_file(side(one, 1), side(other, 1)),
                "fork by notes": fork_from_note(reader, cosigned(elsewhere.checkpoint(1) or "")),
            }
            found["bundle"] = bundle_file(reader.head.network, [found["state"], found["revealed"]])
        refused = canonical.decode(files.documents["refused once"])
        found["refused once"] = canonical.encode({**refused, "checkpoint": cosigned(refused["checkpoint"])})
        yield {name: document + b"\n" for name, document in found.items()}


def changes(document: bytes, name: str) -> Iterator[tuple[int, bytes]]:
    """Changed documents, and where each differs first."""
    if DEEP:
        for at in range(len(document)):
            for value in range(256):
                if value != document[at]:
                    yield at, document[:at] + bytes([value]) + document[at + 1 :]
            yield at, document[:at] + document[at + 1 :]
            yield at, document[:at] + document[at : at + 1] + document[at:]
        return
    source = random.Random(name)
    for _ in range(CHANGES):
        at = source.randrange(len(document))
        # Half of the changes are to a digit, which the form of the document allows in most places.
        value = source.choice(b"0123456789abcdef") if source.random() < 0.5 else source.randrange(256)
        if value != document[at]:
            yield at, document[:at] + bytes([value]) + document[at + 1 :]


def not_asked(kind: str) -> re.Pattern[bytes]:
    return NO_WITNESS if kind.startswith("fork") else NOT_ASKED


def free(document: bytes, kind: str) -> set[int]:
    """The places of which the documents say that they may change: the last line end, and lines of keys that nobody asked about."""
    places = {len(document) - 1}
    for found in not_asked(kind).finditer(document):
        places.update(range(*found.span()))
    return places


@pytest.mark.parametrize("kind", KINDS)
def test_no_byte_changes_unnoticed(files: Files, sample: dict[str, bytes], kind: str) -> None:
    document, trusted = sample[kind], believed(files.network)
    before, may_change = verify(document, trusted), free(document, kind)
    assert before.ok, before.code
    assert 1 < len(may_change) < 600
    for at, other in changes(document, kind):
        after = verify(other, trusted)
        if after.ok:
            assert at in may_change, (at, document[max(0, at - 30) : at + 30])
            assert after == before


@pytest.mark.parametrize("kind", KINDS)
def test_what_may_change_does_not_change_what_is_said(files: Files, sample: dict[str, bytes], kind: str) -> None:
    """Not even where all of it is gone."""
    document, trusted = sample[kind], believed(files.network)
    bare = not_asked(kind).sub(b"", document).removesuffix(b"\n")
    assert len(bare) < len(document) - 100
    assert verify(bare, trusted) == verify(document, trusted)


@pytest.mark.parametrize("kind", ["record", "state", "consistency"])
def test_a_cosignature_that_is_listed_and_not_demanded_says_less_when_it_is_changed_and_never_more(
    files: Files, sample: dict[str, bytes], kind: str
) -> None:
    listed = [{"name": "w", "public": WITNESS.public_key().public_bytes_raw().hex()}]
    trusted = trust(files.network, witnesses=listed, witnesses_required=0)
    before = verify(sample[kind], trusted)
    found = re.search("— w [^\\\\]*\\\\n".encode(), sample[kind])
    assert found is not None
    for at in range(*found.span()):
        document = sample[kind]
        after = verify(document[:at] + bytes([document[at] ^ 1]) + document[at + 1 :], trusted)
        if after.ok:
            assert set(after.proves) < set(before.proves)
            assert set(after.does_not_prove) > set(before.does_not_prove)
