"""How fast is the audit? A ledger of whole lives of financings is written to a file and audited again and again, with its signatures and
without, and its blocks are replayed alone, beside no database.

    python -m loadtest.audit_speed --records 50000 --repeat 3 --jobs 2 --out loadtest/results/audit-speed.json

Rates are records a second of processor time of the process that replays, so that a machine with other work to do says much the same; the
best of the repeats counts, because other work can only slow a run down. With workers it is the time on the wall that counts.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from contracts.ruleset import RULEBOOK
from ledger import canonical
from ledger.audit import Manner, audit
from ledger.collecting import collect_seldom
from ledger.execution import Block
from ledger.header import Header, split_record_leaf
from ledger.memory_chain import MemoryChain
from ledger.store import LedgerStore
from ledger.tables import headers, records
from ledger.vouching import OperatorsWord
from loadtest.import_memory import machine
from loadtest.lifecycle import GENESIS, OPERATOR, Lives, Unchecked

STARTS: Final = 20


@dataclass(frozen=True, slots=True)
class Timed:
    """The best of some runs of one thing, over all records. `cpu_s` is of the process that replays, `wall_s` what a clock says."""

    what: str
    cpu_s: float
    wall_s: float
    per_cpu_second: int
    per_second: int


def blocks_of(store: LedgerStore) -> list[Block]:
    """All blocks after genesis, as an engine gave them."""
    with store.engine.connect() as connection:
        leaves = connection.execute(sa.select(records.c.height, records.c.leaf).where(records.c.height > 0).order_by(records.c.log_index))
        transactions: dict[int, list[bytes]] = {}
        for height, leaf in leaves:
            transactions.setdefault(height, []).append(split_record_leaf(leaf)[0])
        found = connection.execute(sa.select(headers.c.leaf).where(headers.c.height > 0).order_by(headers.c.height)).scalars()
        made = [Header.from_json(canonical.decode(leaf)["header"]) for leaf in found]
    return [Block(header.engine_height, header.time_ms, transactions[header.height]) for header in made]


def replayed(blocks: list[Block]) -> None:
    chain = MemoryChain(GENESIS, RULEBOOK, Unchecked())
    for block in blocks:
        chain.run(block)


def audited(store: LedgerStore, manner: Manner) -> None:
    report = audit(store, GENESIS, RULEBOOK, OperatorsWord(OPERATOR.key), manner)
    assert report.ok, report.findings


def timed(what: str, count: int, repeat: int, run: Callable[[], None]) -> Timed:
    """Runs something so many times."""
    cpu_s, wall_s = [], []
    for _ in range(repeat):
        cpu, wall = time.process_time(), time.perf_counter()
        run()
        cpu_s.append(time.process_time() - cpu)
        wall_s.append(time.perf_counter() - wall)
    best, shortest = min(cpu_s), min(wall_s)
    return Timed(what, round(best, 2), round(shortest, 2), round(count / best), round(count / shortest))


def measure(path: Path, count: int, repeat: int, jobs: int) -> tuple[int, int, list[Timed]]:
    """Writes a ledger to a file that is not there yet, and measures. Its records, its blocks, and the times."""
    with closing(LedgerStore(f"sqlite:///{path}")) as store:
        made = Lives(STARTS).fill(store, count)
    with closing(LedgerStore(f"sqlite:///{path}", read_only=True)) as store:
        blocks = blocks_of(store)
        manners = {
            "audit without signatures": Manner(verified=Unchecked()),
            "audit": Manner(),
            f"audit with --jobs {jobs}": Manner(jobs=jobs),
        }
        found = [timed("replay without signatures", made, repeat, lambda: replayed(blocks))]
        for what, manner in manners.items():
            found.append(timed(what, made, repeat, partial(audited, store, manner)))
    return made, len(blocks), found


def main() -> None:
    """Print the figures, and write them where asked."""
    arguments = argparse.ArgumentParser(description="Measure the speed of the audit.")
    arguments.add_argument("--records", type=int, default=50_000)
    arguments.add_argument("--repeat", type=int, default=3)
    arguments.add_argument("--jobs", type=int, default=2)
    arguments.add_argument("--out", type=Path, help="a JSON file for the figures")
    chosen = arguments.parse_args()
    collect_seldom()  # as the command `tallystick` does
    with tempfile.TemporaryDirectory() as directory:
        made, blocks, found = measure(Path(directory) / "ledger.db", chosen.records, chosen.repeat, chosen.jobs)
    for one in found:
        print(f"{one.what:<28} {one.per_cpu_second:>8,} records a processor second, {one.per_second:>8,} a second", flush=True)
    if chosen.out is not None:
        figures = {"records": made, "blocks": blocks, "runs": [asdict(one) for one in found], "machine": machine()}
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        chosen.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
