"""The form of a snapshot: chunks that are the same on every node and for every later snapshot, whatever packs them."""

from __future__ import annotations

import random
import zlib

import pytest

from ledger.errors import VerificationFailed
from ledger.limits import SNAPSHOT_CHUNK_BYTES, SNAPSHOT_CHUNK_PACKED_BYTES_MAX, SNAPSHOT_CHUNKS_MAX
from ledger.snapshot import Cutter, Snapshot, chunk_hash, pack, unpack

LEAVES = [b'{"record":' + bytes([97 + number % 26]) * (1_000 + 7_919 * number % 90_000) + b"}" for number in range(100)]


def cut(leaves: list[bytes], rest: bytes = b"") -> tuple[list[bytes], bytes]:
    cutter = Cutter(rest)
    return list(cutter.feed(leaves)), cutter.rest


def test_chunks_are_the_lines_cut_into_equal_pieces_and_a_last_one() -> None:
    chunks, rest = cut(LEAVES)
    assert b"".join(chunks) + rest == b"".join(leaf + b"\n" for leaf in LEAVES)
    assert {len(chunk) for chunk in chunks} == {SNAPSHOT_CHUNK_BYTES}
    assert 0 < len(rest) <= SNAPSHOT_CHUNK_BYTES


def test_cutting_goes_on_from_the_last_chunk() -> None:
    chunks, rest = cut(LEAVES)
    for at in (1, 30, 99):
        begun, begun_rest = cut(LEAVES[:at])
        more, more_rest = cut(LEAVES[at:], begun_rest)
        assert ([*begun, *more], more_rest) == (chunks, rest)


def test_a_last_chunk_may_be_full_and_is_never_empty() -> None:
    assert cut([b"x" * (SNAPSHOT_CHUNK_BYTES - 1)]) == ([], b"x" * (SNAPSHOT_CHUNK_BYTES - 1) + b"\n")
    assert cut([b"x" * SNAPSHOT_CHUNK_BYTES]) == ([b"x" * SNAPSHOT_CHUNK_BYTES], b"\n")


@pytest.mark.parametrize("chunk", [b"\n", random.Random(1).randbytes(SNAPSHOT_CHUNK_BYTES), bytes(SNAPSHOT_CHUNK_BYTES)])
def test_a_chunk_unpacks_to_what_was_packed_however_little_it_shrinks(chunk: bytes) -> None:
    assert len(pack(chunk)) <= SNAPSHOT_CHUNK_PACKED_BYTES_MAX
    assert unpack(pack(chunk)) == chunk


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"no zlib",
        pack(b"chunk")[:-1],
        pack(b"chunk") + b"x",
        zlib.compress(bytes(SNAPSHOT_CHUNK_BYTES + 1)),
        zlib.compress(bytes(50 * SNAPSHOT_CHUNK_BYTES)),
        bytes(SNAPSHOT_CHUNK_PACKED_BYTES_MAX + 1),
    ],
)
def test_what_unpacks_to_no_chunk_is_broken(packed: bytes) -> None:
    with pytest.raises(VerificationFailed) as caught:
        unpack(packed)
    assert caught.value.code == "snapshot-broken"


def test_a_snapshot_is_read_back_from_its_metadata() -> None:
    made = Snapshot(7, (chunk_hash(b"a"), chunk_hash(b"b")))
    assert Snapshot.read(7, made.metadata) == made


def test_its_hash_covers_height_and_every_chunk() -> None:
    a, b = chunk_hash(b"a"), chunk_hash(b"b")
    made = [Snapshot(7, (a, b)), Snapshot(8, (a, b)), Snapshot(7, (b, a)), Snapshot(7, (a,))]
    assert len({each.hash for each in made}) == len(made)


@pytest.mark.parametrize(
    ("height", "metadata"),
    [
        (7, b""),
        (7, bytes(31)),
        (7, bytes(33)),
        (0, bytes(32)),
        (2**63, bytes(32)),
        (7, bytes(32 * (SNAPSHOT_CHUNKS_MAX + 1))),
    ],
)
def test_metadata_that_no_node_gives_is_none(height: int, metadata: bytes) -> None:
    assert Snapshot.read(height, metadata) is None
