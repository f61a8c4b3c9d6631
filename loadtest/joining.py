"""How long does a newcomer's replica take: by a snapshot, or by every block since genesis? Whole lives of financings, truly signed, are
executed by the consortium's application; then two more replicas are filled, one block for block as the engine's block sync asks it to, and
one by taking in the chunks of a snapshot. Both end at the same head.

    python -m loadtest.joining --records 10000 --out loadtest/results/joining.json

What CometBFT does itself, fetching blocks and checking their commits, is not in it: there is no engine. Times are of a processor, so that a
machine with other work to do says much the same.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from contracts.ruleset import RULEBOOK
from ledger.comet.application import Application
from ledger.execution import Block
from ledger.snapshot import unpack
from ledger.snapshot_files import SnapshotFiles
from ledger.solo import begin_ledger
from ledger.store import LedgerStore
from loadtest.import_memory import machine
from loadtest.lifecycle import GENESIS, Lives

STARTS = 20
EMPTY_BLOCKS = 1_000


@dataclass(frozen=True, slots=True)
class Joined:
    """Sizes, and the processor seconds of each thing. `empty_blocks_s` is for `EMPTY_BLOCKS` of the engine's blocks without a record."""

    records: int
    blocks: int
    chunks: int
    packed_bytes: int
    make_s: float
    make_next_s: float
    by_blocks_s: float
    by_snapshot_s: float
    empty_blocks_s: float


@contextmanager
def replica(path: Path) -> Iterator[tuple[LedgerStore, Application]]:
    """An empty replica of a consortium's member."""
    with closing(LedgerStore(f"sqlite:///{path}")) as store:
        begin_ledger(store, GENESIS, RULEBOOK, None)
        with closing(Application(store, GENESIS, RULEBOOK, lambda _position, _execution: None)) as application:
            yield store, application


def decide(application: Application, block: Block) -> None:
    application.finalize(block.engine_height, block.time_ms, block.transactions)
    application.commit()


def made_blocks(count: int) -> list[Block]:
    """Blocks of at least so many records."""
    lives, blocks, made = Lives(STARTS), list[Block](), 0
    while made < count:
        blocks.append(lives.block())
        lives.chain.run(blocks[-1])
        made += len(blocks[-1].transactions)
    return blocks


def measure(directory: Path, count: int) -> Joined:
    """Fills three replicas. Those that joined must stand where the first one does."""
    blocks = made_blocks(count)
    with (
        replica(directory / "giver.db") as (store, giver),
        replica(directory / "blocks.db") as (_, by_blocks),
        replica(directory / "taken.db") as (_, taken),
    ):
        for block in blocks[:-1]:
            decide(giver, block)
        files = SnapshotFiles(directory / "snapshots", 2)
        files.open()
        make_s = timed(lambda: files.make(store, giver.chain.head.height))
        decide(giver, blocks[-1])
        make_next_s = timed(lambda: files.make(store, giver.chain.head.height))

        def every_block() -> None:
            for block in blocks:
                decide(by_blocks, block)

        snapshot = files.list()[-1]
        chunks = [files.load(snapshot.engine_height, index) for index in range(len(snapshot.chunks))]

        def every_chunk() -> None:
            restoring = taken.restoring(snapshot.engine_height, giver.position.app_hash)
            for chunk in chunks:
                restoring.feed(unpack(chunk))
            taken.restored(restoring)

        by_blocks_s, by_snapshot_s = timed(every_block), timed(every_chunk)
        assert by_blocks.position == taken.position == giver.position, "all replicas stand at one place"

        def empty_blocks() -> None:
            for number in range(1, EMPTY_BLOCKS + 1):
                decide(by_blocks, Block(len(blocks) + number, blocks[-1].time_ms + number, []))

        sizes = sum(len(block.transactions) for block in blocks), len(blocks), len(chunks), sum(map(len, chunks))
        return Joined(*sizes, make_s, make_next_s, by_blocks_s, by_snapshot_s, timed(empty_blocks))


def timed(run: Callable[[], None]) -> float:
    began = time.process_time()
    run()
    return round(time.process_time() - began, 2)


def main() -> None:
    """Print the figures, and write them where asked."""
    arguments = argparse.ArgumentParser(description="Measure how long joining a consortium takes.")
    arguments.add_argument("--records", type=int, default=10_000)
    arguments.add_argument("--out", type=Path, help="a JSON file for the figures")
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        found = measure(Path(directory), chosen.records)
    per_thousand = 1_000 / found.records
    print(f"{found.records:,} records in {found.blocks:,} blocks: {found.chunks} chunks, {found.packed_bytes:,} bytes packed")
    print("Processor seconds:")
    print(f"a snapshot made in {found.make_s} s, the next one in {found.make_next_s} s")
    print(f"1,000 records by blocks:    {found.by_blocks_s * per_thousand:.2f} s")
    print(f"1,000 records by snapshot:  {found.by_snapshot_s * per_thousand:.2f} s")
    print(f"{EMPTY_BLOCKS:,} empty blocks:         {found.empty_blocks_s} s", flush=True)
    if chosen.out is not None:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        chosen.out.write_text(json.dumps({**asdict(found), "machine": machine()}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
