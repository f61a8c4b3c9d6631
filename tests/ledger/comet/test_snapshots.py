"""What the application answers the engine about snapshots, question by question, as a newcomer and as one that gives."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ledger.comet import abci_pb2 as abci
from ledger.comet.snapshots import Snapshots
from ledger.errors import VerificationFailed
from ledger.limits import SNAPSHOT_CHUNK_PACKED_BYTES_MAX
from ledger.snapshot import Snapshot, chunk_hash, pack, unpack
from ledger.snapshot_files import SnapshotFiles
from tests.ledger.comet.blocks import Blocks, blocks, comet_genesis

Offer = abci.ResponseOfferSnapshot
Apply = abci.ResponseApplySnapshotChunk


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.snapshot.SNAPSHOT_CHUNK_BYTES", 3_000)


@dataclass
class Node:
    """A node's ledger, and its answers."""

    made: Blocks
    files: SnapshotFiles
    snapshots: Snapshots
    restored: list[int] = field(default_factory=list)

    def offer(self, told: abci.Snapshot, app_hash: bytes, **changes: Any) -> int:
        told = abci.Snapshot.FromString(told.SerializeToString())
        for name, value in changes.items():
            setattr(told, name, value)
        return self.snapshots.offer(abci.RequestOfferSnapshot(snapshot=told, app_hash=app_hash)).result

    def apply(self, index: int, chunk: bytes, sender: str = "ab") -> abci.ResponseApplySnapshotChunk:
        return self.snapshots.apply(abci.RequestApplySnapshotChunk(index=index, chunk=chunk, sender=sender))


@pytest.fixture
def giver(tmp_path: Path) -> Iterator[Node]:
    with blocks(tmp_path / "giver.db") as made, node(made, tmp_path / "given") as giver:
        for number in range(3):
            made.put(*(f"{number} {each}" for each in range(8)))
        giver.files.make(made.store, 3)
        for _ in range(2):
            made.decide()
        yield giver


@pytest.fixture
def taker(tmp_path: Path) -> Iterator[Node]:
    with blocks(tmp_path / "taker.db") as made, node(made, tmp_path / "taken") as taker:
        yield taker


@contextmanager
def node(made: Blocks, path: Path) -> Iterator[Node]:
    files, restored = SnapshotFiles(path, 4), list[int]()
    files.open()
    snapshots = Snapshots(made.application, files, restored.append)
    yield Node(made, files, snapshots, restored)
    snapshots.close()


def listed(node: Node) -> list[abci.Snapshot]:
    return list(node.snapshots.list(abci.RequestListSnapshots()).snapshots)


def chunks_of(node: Node, told: abci.Snapshot) -> list[bytes]:
    asked = [abci.RequestLoadSnapshotChunk(height=told.height, format=told.format, chunk=index) for index in range(told.chunks)]
    return [node.snapshots.load(each).chunk for each in asked]


def told_of(height: int, chunks: list[bytes]) -> abci.Snapshot:
    """What a peer tells of chunks of its own making."""
    snapshot = Snapshot(height, tuple(chunk_hash(chunk) for chunk in chunks))
    return abci.Snapshot(height=height, format=1, chunks=len(chunks), hash=snapshot.hash, metadata=snapshot.metadata)


def untouched(node: Node) -> bool:
    node.snapshots.close()
    with node.made.store.reading() as reader:
        return reader.head.height == 0 and node.made.application.position.height == 0 and node.restored == []


def test_a_newcomer_is_given_all_chunks_and_stands_where_the_snapshot_ends(giver: Node, taker: Node) -> None:
    (told,) = listed(giver)
    assert taker.offer(told, giver.made.place[1]) == Offer.ACCEPT
    chunks = chunks_of(giver, told)
    assert len(chunks) > 3
    assert [taker.apply(index, chunk).result for index, chunk in enumerate(chunks)] == [Apply.ACCEPT] * len(chunks)
    assert taker.made.place == (3, giver.made.place[1])
    assert taker.restored == [3]
    assert taker.apply(len(chunks), chunks[0]).result == Apply.ABORT


def test_a_snapshot_is_listed_once_the_headers_that_a_light_client_needs_are_there(tmp_path: Path) -> None:
    with blocks(tmp_path / "ledger.db") as made, node(made, tmp_path / "given") as giver:
        made.put("a")
        giver.files.make(made.store, 1)
        counts = []
        for _ in range(3):
            counts.append(len(listed(giver)))
            made.decide()
    assert counts == [0, 0, 1]


def test_two_nodes_list_the_same(giver: Node, tmp_path: Path) -> None:
    (told,) = listed(giver)
    with blocks(tmp_path / "taker.db") as made, node(made, tmp_path / "taken") as other:
        other.offer(told, giver.made.place[1])
        for index, chunk in enumerate(chunks_of(giver, told)):
            other.apply(index, chunk)
        other.files.make(made.store, 3)
        for _ in range(2):
            made.decide()
        assert listed(other) == listed(giver)


def test_what_is_not_there_is_missing(giver: Node) -> None:
    (told,) = listed(giver)
    for changes in ({"format": 2}, {"height": 2}, {"chunk": told.chunks}, {"chunk": 2**32 - 1}, {"height": 2**64 - 1}):
        asked = abci.RequestLoadSnapshotChunk(**{"height": told.height, "format": 1, "chunk": 0, **changes})
        assert giver.snapshots.load(asked).chunk == b""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"format": 2}, Offer.REJECT_FORMAT),
        ({"format": 0}, Offer.REJECT_FORMAT),
        ({"chunks": 1}, Offer.REJECT_SENDER),
        ({"chunks": 2**32 - 1}, Offer.REJECT_SENDER),
        ({"hash": bytes(32)}, Offer.REJECT_SENDER),
        ({"height": 4}, Offer.REJECT_SENDER),
        ({"height": 0}, Offer.REJECT_SENDER),
        ({"height": 2**64 - 1}, Offer.REJECT_SENDER),
        ({"metadata": b""}, Offer.REJECT_SENDER),
        ({"metadata": bytes(31)}, Offer.REJECT_SENDER),
        ({"metadata": bytes(32 * 65_537), "chunks": 65_537}, Offer.REJECT_SENDER),
    ],
)
def test_an_offer_that_no_honest_node_makes_is_refused(giver: Node, taker: Node, changes: dict[str, Any], expected: int) -> None:
    (told,) = listed(giver)
    assert taker.offer(told, giver.made.place[1], **changes) == expected
    assert taker.apply(0, chunks_of(giver, told)[0]).result == Apply.ABORT


def test_an_offer_below_what_the_node_has_is_refused(giver: Node) -> None:
    (told,) = listed(giver)
    assert giver.offer(told, giver.made.place[1]) == Offer.REJECT
    assert giver.offer(told, b"short") == Offer.REJECT


@pytest.mark.parametrize("wrong", ["tampered", "another", "empty", "no zlib", "too long", "bomb"])
def test_a_wrong_chunk_is_fetched_again_and_its_sender_left_out(giver: Node, taker: Node, wrong: str) -> None:
    (told,) = listed(giver)
    chunks = chunks_of(giver, told)
    plain = unpack(chunks[1])
    sent = {
        "tampered": pack(plain[:-1] + bytes([plain[-1] ^ 1])),
        "another": chunks[2],
        "empty": b"",
        "no zlib": b"x" * 100,
        "too long": bytes(SNAPSHOT_CHUNK_PACKED_BYTES_MAX + 1),
        "bomb": pack(bytes(100_000_000)),
    }[wrong]
    taker.offer(told, giver.made.place[1])
    taker.apply(0, chunks[0])
    answered = taker.apply(1, sent, sender="liar")
    assert (answered.result, list(answered.refetch_chunks), list(answered.reject_senders)) == (Apply.RETRY, [1], ["liar"])
    for index, chunk in enumerate(chunks[1:], 1):
        assert taker.apply(index, chunk).result == Apply.ACCEPT
    assert taker.made.place == (3, giver.made.place[1])


def test_the_same_chunk_packed_otherwise_is_the_same(giver: Node, taker: Node) -> None:
    (told,) = listed(giver)
    taker.offer(told, giver.made.place[1])
    for index, chunk in enumerate(chunks_of(giver, told)):
        assert taker.apply(index, zlib.compress(unpack(chunk), 0)).result == Apply.ACCEPT
    assert taker.restored == [3]


def test_chunks_in_another_order_begin_the_snapshot_again(giver: Node, taker: Node) -> None:
    (told,) = listed(giver)
    chunks = chunks_of(giver, told)
    taker.offer(told, giver.made.place[1])
    assert taker.apply(1, chunks[1]).result == Apply.RETRY_SNAPSHOT
    taker.offer(told, giver.made.place[1])
    assert taker.apply(0, chunks[0]).result == Apply.ACCEPT
    assert taker.apply(0, chunks[0]).result == Apply.RETRY_SNAPSHOT
    assert untouched(taker)


def forged(chunks: list[bytes], old: bytes, new: bytes) -> list[bytes]:
    content = b"".join(map(unpack, chunks)).replace(old, new)
    return [content[start : start + 3_000] for start in range(0, len(content), 3_000)]


def test_a_whole_snapshot_that_is_forged_is_refused_with_its_sender(giver: Node, taker: Node) -> None:
    (told,) = listed(giver)
    made_up = forged(chunks_of(giver, told), b'"count":1', b'"count":2')
    assert taker.offer(told_of(3, made_up), giver.made.place[1]) == Offer.ACCEPT
    answers = [taker.apply(index, pack(chunk), sender="liar") for index, chunk in enumerate(made_up)]
    assert {each.result for each in answers[:-1]} == {Apply.ACCEPT}
    assert (answers[-1].result, list(answers[-1].reject_senders)) == (Apply.REJECT_SNAPSHOT, ["liar"])
    assert untouched(taker)


def test_a_snapshot_of_another_height_than_it_says_is_refused(giver: Node, taker: Node) -> None:
    (told,) = listed(giver)
    chunks = [unpack(chunk) for chunk in chunks_of(giver, told)]
    taker.offer(told_of(4, chunks), giver.made.place[1])
    assert [taker.apply(index, pack(chunk)).result for index, chunk in enumerate(chunks)][-1] == Apply.REJECT_SNAPSHOT
    assert untouched(taker)


def test_a_snapshot_of_another_network_is_refused(taker: Node, giver: Node, tmp_path: Path) -> None:
    with blocks(tmp_path / "other.db", genesis=comet_genesis("other")) as made, node(made, tmp_path / "others") as other:
        for number in range(3):
            made.put(str(number))
        other.files.make(made.store, 3)
        made.decide()
        made.decide()
        (told,) = listed(other)
        taker.offer(told, giver.made.place[1])
        answers = [taker.apply(index, chunk).result for index, chunk in enumerate(chunks_of(other, told))]
    assert answers[-1] == Apply.REJECT_SNAPSHOT
    assert untouched(taker)


def test_chunks_cut_short_or_too_many_are_refused(giver: Node, taker: Node) -> None:
    (told,) = listed(giver)
    chunks = [unpack(chunk) for chunk in chunks_of(giver, told)]
    for made_up in (chunks[:-1], [*chunks, chunks[-1]], [*chunks, b"more"], [*chunks[:-1], chunks[-1][:-1]]):
        taker.offer(told_of(3, made_up), giver.made.place[1])
        answers = [taker.apply(index, pack(chunk)).result for index, chunk in enumerate(made_up)]
        assert answers[-1] == Apply.REJECT_SNAPSHOT
    assert untouched(taker)


def test_another_offer_in_between_begins_anew(giver: Node, taker: Node) -> None:
    (told,) = listed(giver)
    chunks = chunks_of(giver, told)
    taker.offer(told, giver.made.place[1])
    taker.apply(0, chunks[0])
    assert taker.offer(told, giver.made.place[1]) == Offer.ACCEPT
    for index, chunk in enumerate(chunks):
        assert taker.apply(index, chunk).result == Apply.ACCEPT
    assert taker.restored == [3]


def test_after_a_crash_of_the_engine_alone_the_same_snapshot_is_taken_again(giver: Node, taker: Node) -> None:
    """CometBFT notes that it has synced after the application has; a crash in between makes it sync once more."""
    (told,) = listed(giver)
    chunks = chunks_of(giver, told)
    for _ in range(2):
        assert taker.offer(told, giver.made.place[1]) == Offer.ACCEPT
        assert {taker.apply(index, chunk).result for index, chunk in enumerate(chunks)} == {Apply.ACCEPT}
        assert taker.made.place == (3, giver.made.place[1])


def test_a_node_with_another_history_says_so_and_takes_no_other_snapshot(giver: Node, taker: Node) -> None:
    taker.made.put("another")
    (told,) = listed(giver)
    taker.offer(told, giver.made.place[1])
    chunks = chunks_of(giver, told)
    for index, chunk in enumerate(chunks[:-1]):
        taker.apply(index, chunk)
    with pytest.raises(VerificationFailed) as caught:
        taker.apply(len(chunks) - 1, chunks[-1])
    assert caught.value.code == "other-history"
    assert taker.made.application.position.height == 1


def test_an_engine_that_asks_nothing_for_long_while_its_node_waits_is_started_again(giver: Node, taker: Node) -> None:
    (told,) = listed(giver)
    assert not taker.snapshots.stalled(1_000)
    assert not taker.snapshots.stalled(300_999)
    assert taker.snapshots.stalled(301_000)
    assert not taker.snapshots.stalled(301_001)
    taker.offer(told, giver.made.place[1])
    assert not taker.snapshots.stalled(900_000)
    assert not taker.snapshots.stalled(1_199_999)
    assert taker.snapshots.stalled(1_200_000)
    assert [giver.snapshots.stalled(now_ms) for now_ms in (1_000, 400_000, 900_000)] == [False, False, False]
