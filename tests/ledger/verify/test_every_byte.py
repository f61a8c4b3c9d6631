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

import pytest

from ledger.verify import Verdict, verify
from tests.ledger.verify.small_files import Files
from tests.ledger.verify.trusting import WITNESS, trust

DEEP = os.environ.get("TALLYSTICK_DEEP") == "1"
CHANGES = 400
"""How many changes of each file are tried where not all are."""

# In JSON a line end of a note is written \n, and the dash before a signature is a character of its own.
NOT_ASKED = re.compile("— stranger [^\\\\]*\\\\n".encode())
NO_WITNESS = re.compile("— (?:stranger|w) [^\\\\]*\\\\n".encode())
# What the sampled ledger holds of notes.
STORED = "note/(a|b|c|d|sealed)"
KINDS = ["record", "revealed", "refused once", "state", "absent", "consistency", "fork by blocks", "fork by notes", "bundle"]


def believed(network: str) -> bytes:
    return trust(network, witnesses=[{"name": "w", "public": WITNESS.public_key().public_bytes_raw().hex()}], witnesses_required=1)


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


def is_of_another_absent_key(before: Verdict, after: Verdict) -> bool:
    """Whether the one file shows that the ledger holds nothing at one key, and the other the same of another key, in its own words."""
    (was, *_), (key, *_) = [each["key"] for each in before.entries] or [None], [each["key"] for each in after.entries] or [None]
    if was is None or key is None or was == key or len(after.entries) != 1:
        return False
    nothing = all(each["value"] is None for each in (*before.entries, *after.entries))
    said = [sentence.replace(key, was) for sentence in after.proves]
    return nothing and said == before.proves and not re.fullmatch(STORED, key)


@pytest.mark.parametrize("kind", KINDS)
def test_no_byte_changes_unnoticed(files: Files, sample: dict[str, bytes], kind: str) -> None:
    document, trusted = sample[kind], believed(files.network)
    before, may_change = verify(document, trusted), free(document, kind)
    assert before.ok, before.code
    assert 1 < len(may_change) < 600
    for at, other in changes(document, kind):
        after = verify(other, trusted)
        if after.ok and not is_of_another_absent_key(before, after):
            assert at in may_change, (at, document[max(0, at - 30) : at + 30])
            assert after == before


def test_a_proof_of_absence_is_one_of_every_key_whose_way_ends_at_the_same_place(files: Files, sample: dict[str, bytes]) -> None:
    document, trusted = sample["absent"], believed(files.network)
    before, verdicts = verify(document, trusted), []
    for letter in range(0x21, 0x7F):
        after = verify(document.replace(b'"note/none"', f'"note/{letter:02x}{chr(letter)}"'.encode()), trusted)
        verdicts += [after] if after.ok else []
    assert verdicts, "the tree is small, so that some of the keys have the same way"
    assert all(is_of_another_absent_key(before, after) for after in verdicts)


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
