"""A snapshot is taken in whole and as it was signed, or leaves no trace."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from ledger import canonical, log_tree
from ledger.audit import audit
from ledger.comet.position import Position, write_position
from ledger.errors import TallystickError, VerificationFailed
from ledger.header import Header
from ledger.limits import BLOCK_RECORDS_MAX
from ledger.rules import Rulebook
from ledger.snapshot_restore import Restoring
from ledger.store import LedgerStore
from ledger.tables import metadata, records
from tests.ledger.comet.blocks import GENESIS, Blocks, blocks, comet_genesis
from tests.ledger.comet.ring_rules import RINGBOOK, RINGSET

Forge = Callable[[list[bytes]], list[bytes]]


@pytest.fixture(scope="module")
def giver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Blocks]:
    with blocks(tmp_path_factory.mktemp("giver") / "ledger.db") as made:
        for number in range(6):
            made.put(*(f"{number} {each}" for each in range(number + 1)), "0 0")
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def taker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Blocks]:
    place = tmp_path / "taker.db" if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
    with blocks(place) as made:
        yield made


def leaves_of(made: Blocks) -> list[bytes]:
    with made.store.reading() as reader:
        genesis = reader.connection.execute(sa.select(records.c.leaf).where(records.c.log_index == 0)).scalar_one()
        found = [bytes(genesis)]
        for height in range(reader.head.height + 1):
            header = reader.header(height)
            assert header is not None
            found += [*(record.leaf for record in reader.records_of_block(height)), header.leaf]
    return found


def root_of(leaves: Sequence[bytes]) -> bytes:
    after = log_tree.append(0, (), [log_tree.leaf_hash(leaf) for leaf in leaves])
    return log_tree.root(after.size, after.frontier)


def rows_of(store: LedgerStore) -> dict[str, list[Any]]:
    with store.engine.connect() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key))]
            for table in metadata.sorted_tables
        }


def place(connection: Connection, head: Header) -> None:
    """What the comet engine writes beside."""
    write_position(connection, Position(head.engine_height, head.time_ms, log_tree.EMPTY_ROOT))


def begun(store: LedgerStore, height: int, root: bytes, rulebook: Rulebook = RINGBOOK) -> Restoring:
    return Restoring(store, GENESIS, rulebook, height, root)


def take(store: LedgerStore, leaves: Sequence[bytes], height: int, root: bytes, *, rulebook: Rulebook = RINGBOOK, step: int = 777) -> None:
    restoring = begun(store, height, root, rulebook)
    try:
        content = b"".join(leaf + b"\n" for leaf in leaves)
        for start in range(0, len(content), step):
            restoring.feed(content[start : start + step])
        restoring.finish(place)
    finally:
        restoring.abandon()


def refusal(made: Blocks, leaves: Sequence[bytes], height: int, root: bytes, **options: Any) -> str:
    """The code by which it is refused, and that it left nothing."""
    before = rows_of(made.store)
    with pytest.raises(TallystickError) as caught:
        take(made.store, leaves, height, root, **options)
    assert rows_of(made.store) == before
    return caught.value.code


@pytest.mark.parametrize("step", [1, 4_096, 10**9])
def test_it_gives_every_row_that_the_blocks_gave(giver: Blocks, taker: Blocks, step: int) -> None:
    restoring = taker.application.restoring(*giver.place)
    content = b"".join(leaf + b"\n" for leaf in leaves_of(giver))
    for start in range(0, len(content), step):
        restoring.feed(content[start : start + step])
    taker.application.restored(restoring)
    assert rows_of(taker.store) == rows_of(giver.store)
    assert taker.application.position == giver.application.position
    assert audit(taker.store, GENESIS, RINGBOOK, None).findings == ()


def test_blocks_follow_it_as_they_do_on_any_replica(tmp_path: Path) -> None:
    with blocks(tmp_path / "giver.db") as giver, blocks(tmp_path / "taker.db") as taker:
        giver.put("a", "b")
        restoring = taker.application.restoring(*giver.place)
        restoring.feed(b"".join(leaf + b"\n" for leaf in leaves_of(giver)))
        taker.application.restored(restoring)
        raws = [giver.author.put("a"), giver.author.put("c")]
        for made in (giver, taker):
            made.decide(*raws)
        assert rows_of(taker.store) == rows_of(giver.store)


def test_nothing_is_seen_until_it_is_finished(giver: Blocks, taker: Blocks) -> None:
    before = rows_of(taker.store)
    restoring = begun(taker.store, *giver.place)
    restoring.feed(b"".join(leaf + b"\n" for leaf in leaves_of(giver)))
    assert rows_of(taker.store) == before
    restoring.abandon()
    restoring.abandon()
    assert rows_of(taker.store) == before
    take(taker.store, leaves_of(giver), *giver.place)
    assert len(rows_of(taker.store)["records"]) == len(rows_of(giver.store)["records"])


def test_a_replica_that_holds_the_beginning_takes_the_rest(giver: Blocks, taker: Blocks) -> None:
    with giver.store.reading() as reader:
        for height in (1, 2):
            taker.decide(*(record.record.raw for record in reader.records_of_block(height)))
    take(taker.store, leaves_of(giver), *giver.place)
    take(taker.store, leaves_of(giver), *giver.place)
    assert {**rows_of(taker.store), "meta": []} == {**rows_of(giver.store), "meta": []}


def test_a_replica_with_another_history_takes_nothing(giver: Blocks, taker: Blocks) -> None:
    taker.put("other")
    assert refusal(taker, leaves_of(giver), *giver.place) == "other-history"


def test_a_replica_that_is_ahead_takes_nothing(giver: Blocks, tmp_path: Path) -> None:
    with blocks(tmp_path / "ahead.db") as ahead:
        take(ahead.store, leaves_of(giver), *giver.place)
        leaves = leaves_of(giver)[: 2 + 2 + 1]
        assert refusal(ahead, leaves, 1, root_of(leaves)) == "other-history"


def forged_result(leaves: list[bytes]) -> list[bytes]:
    return [leaf.replace(b'"code":"taken"', b'"code":"ok"') for leaf in leaves]


def forged_signature(leaves: list[bytes]) -> list[bytes]:
    value = canonical.decode(leaves[3])
    value["signatures"] = [each[::-1] for each in value["signatures"]]
    return [*leaves[:3], canonical.encode(value), *leaves[4:]]


def forged_header(leaves: list[bytes], **changes: Any) -> list[bytes]:
    header = replace(Header.from_json(canonical.decode(leaves[-1])["header"]), **changes)
    return [*leaves[:-1], header.leaf]


FORGERIES: dict[str, Forge] = {
    "a result": forged_result,
    "a signature": forged_signature,
    "the state": lambda leaves: forged_header(leaves, state_root="00" * 32),
    "the log's root": lambda leaves: forged_header(leaves, log_root="00" * 32),
    "a time": lambda leaves: forged_header(leaves, time_ms=1),
    "the height before": lambda leaves: forged_header(leaves, previous="00" * 32),
    "genesis": lambda leaves: [canonical.encode({"genesis": comet_genesis("other")}), *leaves[1:]],
    "a record left out": lambda leaves: [*leaves[:2], *leaves[3:]],
    "a record twice": lambda leaves: [*leaves[:3], leaves[2], *leaves[3:]],
    "two records in another order": lambda leaves: [*leaves[:2], leaves[3], leaves[2], *leaves[4:]],
    "a block left out": lambda leaves: [*leaves[:2], *leaves[5:]],
    "blocks of a stranger": lambda leaves: [*leaves, *leaves[2:5]],
    "no leaves but headers": lambda leaves: leaves[-1:],
    "what is no record": lambda leaves: [*leaves[:2], b'{"record":1}', *leaves[2:]],
    "what is no JSON": lambda leaves: [*leaves[:2], b"\xff{", *leaves[2:]],
    "an empty line": lambda leaves: [*leaves[:2], b"", *leaves[2:]],
    "a header of another form": lambda leaves: [*leaves[:-1], b'{"header":[]}'],
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_log_is_the_senders_fault(giver: Blocks, taker: Blocks, name: str) -> None:
    leaves = FORGERIES[name](leaves_of(giver))
    assert leaves != leaves_of(giver)
    assert refusal(taker, leaves, *giver.place) == "snapshot-broken"


@pytest.mark.parametrize("name", FORGERIES)
def test_a_signed_log_that_cannot_be_executed_to_the_same_end_is_this_programs_fault(giver: Blocks, tmp_path: Path, name: str) -> None:
    leaves = FORGERIES[name](leaves_of(giver))
    with blocks(tmp_path / "taker.db") as taker:
        assert refusal(taker, leaves, giver.place[0], root_of(leaves)) == "replay-differs"


def test_a_log_under_rules_that_this_program_lacks_says_so(giver: Blocks, tmp_path: Path) -> None:
    lacking = {1: replace(RINGSET, types={name: kind for name, kind in RINGSET.types.items() if name != "note.put"})}
    with blocks(tmp_path / "taker.db", rulebook=lacking) as taker:
        assert refusal(taker, leaves_of(giver), *giver.place, rulebook=lacking) == "replay-differs"


def test_a_log_that_ends_early_or_inside_a_block_is_refused(giver: Blocks, taker: Blocks) -> None:
    leaves = leaves_of(giver)
    height, root = giver.place
    assert refusal(taker, leaves[:-1], height, root) == "snapshot-broken"
    assert refusal(taker, [], height, root) == "snapshot-broken"
    shorter = leaves[:5]
    assert refusal(taker, shorter, height, root) == "snapshot-broken"
    assert refusal(taker, shorter, height, root_of(shorter)) == "snapshot-broken"


def test_what_is_longer_than_any_block_is_refused_before_it_is_complete(
    giver: Blocks, taker: Blocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    restoring = begun(taker.store, *giver.place)
    with pytest.raises(VerificationFailed):
        restoring.feed(b"x\n" * (BLOCK_RECORDS_MAX + 2))
    restoring.abandon()
    monkeypatch.setattr("ledger.snapshot_restore.SNAPSHOT_BLOCK_BYTES_MAX", 10_000)
    for line in (b"x" * 1_000, b"x" * 1_000 + b"\n"):
        restoring = begun(taker.store, *giver.place)
        for _ in range(10):
            restoring.feed(line)
        with pytest.raises(VerificationFailed):
            restoring.feed(line)
        restoring.abandon()


CRASH = """
import os, sys
from pathlib import Path
from tests.ledger.test_snapshot_restore import GENESIS, RINGBOOK, LedgerStore, begun
url, content, height, root = sys.argv[1], Path(sys.argv[2]).read_bytes(), int(sys.argv[3]), bytes.fromhex(sys.argv[4])
store = LedgerStore(url)
restoring = begun(store, height, root)
restoring.feed(content[: len(content) * 3 // 4])
os._exit(9)
"""


def test_a_crash_between_chunks_leaves_what_was_there_before(giver: Blocks, taker: Blocks, tmp_path: Path) -> None:
    before = rows_of(taker.store)
    leaves = leaves_of(giver)
    (tmp_path / "content").write_bytes(b"".join(leaf + b"\n" for leaf in leaves))
    height, root = giver.place
    told = [sys.executable, "-c", CRASH, taker.store.url, str(tmp_path / "content"), str(height), root.hex()]
    assert subprocess.run(told, cwd=Path(__file__).parents[2], check=False).returncode == 9
    assert rows_of(taker.store) == before
    take(taker.store, leaves, height, root)
    assert rows_of(taker.store)["headers"] == rows_of(giver.store)["headers"]
