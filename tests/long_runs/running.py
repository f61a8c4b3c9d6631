"""A long run: an authority, three banks and an auditor, each in a process of its own, with mixed load and faults at random.

Six pairs of bank staff lend on the same declarations; meanwhile nodes are killed, ended, or stand still for seconds. Bank A and bank B die
all the time, the others in the first third only, so that their memory is seen to grow or not in the rest. In the end all nodes are served
undisturbed, and what the ledger says is compared with what everyone was told.

python -m tests.long_runs.running --minutes 30 --seed 1 --out docs/assurance/long-runs.json
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

from rich.progress import Progress

from api.client import Client, ClientSecret
from api.permissions import scopes_of
from ledger.clock import SystemClock
from ledger.store import LedgerStore
from loadtest.served import CHEAP, Served
from nodes.enterprises import enrol, enrolment
from nodes.founding import Addresses, Founded, MemberPlan, create_network
from nodes.home import Home
from nodes.node import Node
from tests.counted import tell
from tests.long_runs.lending import ONCE, Book, Customs, Lender
from tests.long_runs.watching import Watch, fitted, off_the_line

BANKS: Final = ("bank-a", "bank-b", "bank-c")
# Their processes live on after the first third.
STEADY: Final = ("authority", "bank-c", "auditor")
_USCC: Final = "91350100M000100Y43"
PLANS: Final = (
    MemberPlan("authority", "authority", "Forex Authority"),
    *(MemberPlan(bank, "bank", bank) for bank in BANKS),
    MemberPlan("auditor", "auditor", "Auditor"),
)
_PAIRS: Final = 2
_LOOK_S: Final = 5.0
_PAPERS_FIRST: Final = 12
_FAULTS_APART_S: Final = (4.0, 15.0)
_STILL_S: Final = (1.0, 8.0)
_QUIET_S: Final = 30.0
# From this part of the run on, memory is expected to stay as it is: caches fill for some twenty minutes.
_SETTLED: Final = 0.7
_SHOWN: Final = 20


@dataclass
class Run:
    """A network that is served, and what its users were told."""

    founded: Founded
    nodes: Mapping[str, Served]
    secrets: Mapping[tuple[str, str], str]
    book: Book
    watch: Watch
    random: Random
    seconds: float
    heights: list[tuple[int, int]]
    ended: threading.Event

    def client(self, stack: ExitStack, node: str, user: str) -> Client:
        """Of a person at a node, by the name and secret of the account."""
        return stack.enter_context(Client(self.nodes[node].url, ClientSecret(user, self.secrets[node, user]), retries=ONCE))

    @property
    def over(self) -> float:
        """The part of the run that is behind, up to 1."""
        return min(1.0, (time.monotonic() - self.watch.begun) / self.seconds)


@contextmanager
def served(directory: Path, minutes: float, seed: int, port: int) -> Iterator[Run]:
    """The network, founded and served; ended in the end."""
    clock = SystemClock()
    founded = create_network(directory, "long-run", PLANS, clock=clock, random=os.urandom, cost=CHEAP, addresses=Addresses(port_first=port))
    secrets = {(each.node, each.user): each.secret for each in founded.sign_ins}
    with Node.open(founded.homes["authority"], clock, cost=CHEAP) as node:
        receipt = enrol(enrolment(_USCC, "Exporter"), node.author, node.outbox, node.directory, node.identity_key)
        scopes = scopes_of("enterprise")
        _, secret = node.accounts.add_client("exporter", "exporter", "enterprise", scopes, enterprise=receipt.record_id)
        secrets["authority", "exporter"] = secret
    nodes = {name: Served(home) for name, home in founded.homes.items()}
    started = []
    try:
        for each in nodes.values():
            each.start()
            started.append(each)
        yield Run(founded, nodes, secrets, Book(), Watch(), Random(seed), minutes * 60, [], threading.Event())
    finally:
        for each in reversed(started):
            each.end()


def work(run: Run) -> None:
    """Load and faults for the time of the run, then what is in hand is brought to its end."""
    with ExitStack() as stack:
        registrar, exporter = run.client(stack, "authority", "maker"), run.client(stack, "authority", "exporter")
        customs = Customs(registrar, exporter, _USCC, run.book)
        for serial in range(_PAPERS_FIRST):
            customs.register(serial)
        lenders = [
            Lender(
                bank,
                f"{bank}-{pair}",
                run.client(stack, bank, "maker"),
                run.client(stack, bank, "checker"),
                customs,
                run.book,
                Random(run.random.random()),
            )
            for bank in BANKS
            for pair in range(_PAIRS)
        ]
        works = [partial(_rounds, run, each) for each in lenders]
        threads = [
            threading.Thread(target=_noted, args=(run, each))
            for each in (*works, partial(_registering, run, customs), partial(_faults, run))
        ]
        for thread in threads:
            thread.start()
        with Progress(disable=not sys.stderr.isatty()) as progress:
            shown = progress.add_task("long run", total=1.0)
            while run.over < 1:
                time.sleep(min(_LOOK_S, run.seconds / 20))
                progress.update(shown, completed=run.over)
                _look(run, registrar)
        run.ended.set()
        for thread in threads:
            thread.join()
        _look(run, registrar)


def _look(run: Run, registrar: Client) -> None:
    for name, node in run.nodes.items():
        run.watch.look(name, node.pid, node.home)
    height = run.book.insist(registrar.network.get).as_of.height
    run.heights.append((height, sum(path.stat().st_size for path in run.nodes["authority"].home.glob("ledger.db*"))))


def _noted(run: Run, work: Callable[[], None]) -> None:
    """Does a thread's work; where it ends by itself, the run fails by that."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - of whatever kind it is
        run.book.strange.append(f"{type(error).__name__}: {error}")


def _rounds(run: Run, lender: Lender) -> None:
    while not run.ended.is_set():
        lender.round()


def _registering(run: Run, customs: Customs) -> None:
    serial = _PAPERS_FIRST
    while not run.ended.wait(1.0):
        customs.register(serial)
        serial += 1


def _faults(run: Run) -> None:
    while not run.ended.wait(run.random.uniform(*_FAULTS_APART_S)):
        kinds = ["still", "killed", "ended"]
        name = run.random.choice(list(run.nodes))
        kind = "still" if name in STEADY and run.over > 1 / 3 else run.random.choice(kinds)
        node = run.nodes[name]
        run.book.count(f"fault: {name} {kind}")
        if kind == "still":
            node.freeze()
            run.ended.wait(run.random.uniform(*_STILL_S))
            node.thaw()
        else:
            node.end(signal.SIGKILL if kind == "killed" else signal.SIGTERM)
            run.ended.wait(run.random.uniform(0.0, _STILL_S[0]))
            node.start()


def judge(run: Run) -> list[str]:
    """What does not hold, while all are served: each loan against its bank's node, each declaration against its amount."""
    wrong = list(run.book.strange)
    with ExitStack() as stack:
        authority = run.client(stack, "authority", "maker")
        head = authority.network.get().as_of.height
        makers = {bank: run.client(stack, bank, "maker") for bank in BANKS}
        end = time.monotonic() + _QUIET_S
        while any(maker.network.get().as_of.height < head for maker in makers.values()) and time.monotonic() < end:
            time.sleep(_LOOK_S / 10)
        for loan_id, loan in run.book.loans.items():
            seen = makers[loan.bank].financings.get(loan_id)
            if (seen.state, seen.totals["outstanding"].value) != (loan.state, loan.owed):
                wrong.append(f"{loan_id}: {loan.state} owing {loan.owed}, at the bank {seen.state} {seen.totals['outstanding']}")
        owed: dict[str, Any] = {}
        for loan in run.book.loans.values():
            owed[loan.declaration] = owed.get(loan.declaration, 0) + loan.owed
        for each in authority.monitoring.reconciliation():
            if not each.agrees:
                wrong.append(f"{each.declaration_id}: sealed money and shares differ")
            if each.owed is not None and each.owed.value != owed.get(each.declaration_id, 0):
                wrong.append(f"{each.declaration_id}: {each.owed} is owed, of which the banks were told {owed.get(each.declaration_id, 0)}")
            if owed.get(each.declaration_id, 0) > each.registered.value:
                wrong.append(f"{each.declaration_id}: more was lent than {each.registered}")
    return wrong


def audited(run: Run) -> list[str]:
    """What does not hold once all are ended: every home's audit, and each acknowledged record on the authority's ledger."""
    wrong = []
    for name, home in run.founded.homes.items():
        wrong += [f"{name} logged {line}" for line in _faults_logged(home)]
        command = [sys.executable, "-m", "api.cli", "audit", "--home", str(home)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            wrong.append(f"audit of {name}: {done.stdout[-300:]} {done.stderr[-300:]}")
    authority = Home(run.founded.homes["authority"])
    store = LedgerStore(authority.ledger_url(authority.read_config()))
    with store.reading() as reader:
        size = reader.records_of_block(reader.head.height)[-1].log_index + 1
        results = {each.id: each.result["code"] for each in reader.records(0, size)}
    store.close()
    wrong += [
        f"{what} {each}: {results.get(each, 'not on the ledger')}" for each, what in run.book.records.items() if results.get(each) != "ok"
    ]
    run.book.counts["records on the ledger"] = size
    return wrong


def _faults_logged(home: Path) -> list[str]:
    """What a node's log holds of faults of its own."""
    lines = (home / "logs" / "serve.log").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if '"request-failed"' in line or line.startswith("Traceback")]


def figures(run: Run) -> dict[str, int]:
    """Memory of the nodes that lived on, and how the ledger's file grew with its blocks, in whole numbers."""
    counts = {"minutes": round(run.seconds / 60), "wrong": 0}
    for name in STEADY:
        memory = run.watch.memory(name, run.seconds * _SETTLED)
        counts |= {f"{name}: memory, {what}": number for what, number in memory.items()}
    grown = [(float(height), float(size)) for height, size in run.heights[len(run.heights) // 4 :]]
    counts["the ledger's file: bytes for each block"] = round(fitted(grown)[0])
    counts["the ledger's file: farthest from growing evenly, thousandths"] = round(off_the_line(grown) * 1000)
    return counts


def long_run(directory: Path, minutes: float, seed: int, port: int) -> tuple[dict[str, int], list[str]]:
    """The counts of a run, and what did not hold."""
    with served(directory, minutes, seed, port) as run:
        work(run)
        wrong = judge(run)
    wrong += audited(run)
    return {**run.book.counts, **figures(run), "wrong": len(wrong)}, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port", type=int, default=8760)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        counts, wrong = long_run(Path(directory) / "net", options.minutes, options.seed, options.port)
    tell(counts, f"python -m tests.long_runs.running --minutes {options.minutes:g} --seed {options.seed}", options.out)
    for each in wrong[:_SHOWN]:
        sys.stdout.write(f"{each}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
