"""A witness cosigns only what continues what it cosigned before, and says by the protocol why not."""

from __future__ import annotations

from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import log_tree
from ledger.checkpoint import (
    Checkpoint,
    add_cosignature,
    cosignatures_of,
    only_signed_by,
    parse_note,
    sign_note,
    verified_cosigners,
    with_cosignatures,
)
from ledger.errors import TallystickError
from ledger.limits import NOTE_SIGNATURES_MAX
from ledger.log_operator import OperatorKey, origin_of
from ledger.witness import AddCheckpoint, OtherOldSize, WitnessKey, check_add_checkpoint, read_add_checkpoint, write_add_checkpoint

NETWORK = "ab" * 32
KEY = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
OPERATOR = OperatorKey("op", KEY.public_key().public_bytes_raw())
WITNESS = WitnessKey("w.example/1", Ed25519PrivateKey.from_private_bytes(b"\2" * 32))
LEAVES = [log_tree.leaf_hash(bytes([number])) for number in range(20)]


class Nodes:
    """The complete subtrees of a log of so many leaves."""

    def __init__(self, leaves: list[bytes]) -> None:
        self._nodes = {(level, index): value for level, index, value in log_tree.append(0, (), leaves).nodes}

    def node(self, level: int, index: int) -> bytes:
        return self._nodes[level, index]


LOG = Nodes(LEAVES)


def checkpoint(size: int, log: Nodes = LOG) -> Checkpoint:
    return Checkpoint(origin_of(NETWORK), size, log_tree.root_at(size, log))


def note(size: int, log: Nodes = LOG, key: Ed25519PrivateKey = KEY) -> str:
    return sign_note(checkpoint(size, log), "op", key)


def request(old: int, size: int, log: Nodes = LOG) -> AddCheckpoint:
    return AddCheckpoint(old, tuple(log_tree.consistency_proof(old, size, log)), note(size, log))


def refused(asked: AddCheckpoint, latest: Checkpoint | None) -> tuple[int, str]:
    with pytest.raises(TallystickError) as caught:
        check_add_checkpoint(asked, latest, NETWORK, OPERATOR)
    return caught.value.http_status, caught.value.code


def test_what_continues_the_last_one_may_be_cosigned() -> None:
    for old, size in [(0, 1), (0, 20), (1, 2), (4, 8), (7, 20), (20, 20)]:
        latest = None if old == 0 else checkpoint(old)
        assert check_add_checkpoint(request(old, size), latest, NETWORK, OPERATOR) == checkpoint(size)


def test_each_refusal_has_the_status_of_the_protocol() -> None:
    other = Nodes([*LEAVES[:6], log_tree.leaf_hash(b"other"), *LEAVES[7:]])
    good = request(7, 20)
    assert refused(AddCheckpoint(7, good.proof, note(20).replace("tallystick/", "elsewhere/")), checkpoint(7)) == (404, "unknown-log")
    stranger = note(20, key=Ed25519PrivateKey.generate())
    assert refused(AddCheckpoint(7, good.proof, stranger), checkpoint(7)) == (403, "log-not-signed")
    assert refused(AddCheckpoint(21, (), note(20)), checkpoint(21 - 1)) == (400, "bad-request")
    assert refused(AddCheckpoint(0, (), "rubbish"), None) == (400, "bad-request")
    assert refused(good, checkpoint(8)) == (409, "old-size-differs")
    assert refused(good, None) == (409, "old-size-differs")
    assert refused(AddCheckpoint(20, (), note(20, other)), checkpoint(20)) == (409, "old-size-differs")
    assert refused(request(7, 20, other), checkpoint(7)) == (422, "not-consistent")
    assert refused(AddCheckpoint(7, good.proof[1:], good.note), checkpoint(7)) == (422, "not-consistent")
    assert refused(AddCheckpoint(0, (bytes(32),), note(20)), None) == (422, "not-consistent")


def test_a_conflict_says_which_size_was_cosigned_last() -> None:
    with pytest.raises(OtherOldSize) as caught:
        check_add_checkpoint(request(7, 20), checkpoint(9), NETWORK, OPERATOR)
    assert caught.value.size == 9


def test_a_request_reads_as_it_was_written() -> None:
    for old, size in [(0, 5), (7, 20)]:
        asked = request(old, size)
        assert read_add_checkpoint(write_add_checkpoint(asked.old_size, asked.proof, asked.note)) == asked


def test_the_example_of_the_specification_is_read() -> None:
    hashes = ["PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=", "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk="]
    body = "\n".join(["old 20852014", *hashes, "", "example.com/behind-the-sofa", "20852163", "..."])
    asked = read_add_checkpoint(body.encode())
    assert (asked.old_size, len(asked.proof)) == (20852014, 2)
    assert asked.note.startswith("example.com/behind-the-sofa\n20852163\n")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 1",
        b"old 1\n",
        b"new 1\n\nnote",
        b"old 01\n\nnote",
        b"old -1\n\nnote",
        b"old 99999999999999999\n\nnote",
        b"old 1\nnot base64\n\nnote",
        b"old 1\nAAAA\n\nnote",
        b"old 1\n" + b"PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkax=\n" + b"\nnote",
        b"old 1\n" + b"PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n" * 64 + b"\nnote",
        b"old 1\n\n\xff",
        b"old 1\n\n" + b"x" * 200_000,
    ],
)
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(TallystickError, match="bad-request"):
        read_add_checkpoint(body)


def test_a_cosignature_line_stands_under_the_note_that_it_is_about_and_no_other() -> None:
    made = WITNESS.cosign(note(5), 1_700_000_000)
    known = {WITNESS.name: WITNESS.public}
    assert verified_cosigners(with_cosignatures(note(5), [made.line]), known) == {WITNESS.name: 1_700_000_000}
    assert verified_cosigners(with_cosignatures(note(6), [made.line]), known) == {}
    assert cosignatures_of(note(5) + made.line, known) == [made]


def test_a_note_gathers_lines_once_each_and_no_more_than_it_may_have() -> None:
    made = WITNESS.cosign(note(5), 1)
    twice = with_cosignatures(note(5), [made.line, made.line])
    assert len(parse_note(twice).signatures) == 2
    keys = [WitnessKey(f"w{number}", Ed25519PrivateKey.from_private_bytes(sha256(bytes([number])).digest())) for number in range(70)]
    full = with_cosignatures(note(5), [key.cosign(note(5), 1).line for key in keys])
    assert len(parse_note(full).signatures) == NOTE_SIGNATURES_MAX
    assert only_signed_by(full, "op", OPERATOR.public) == note(5)


def test_a_note_that_its_operator_did_not_sign_is_nobodys_word() -> None:
    stranger = add_cosignature(note(5, key=Ed25519PrivateKey.generate()), "w", KEY, 1)
    with pytest.raises(TallystickError, match="bad-checkpoint"):
        only_signed_by(stranger, "op", OPERATOR.public)
