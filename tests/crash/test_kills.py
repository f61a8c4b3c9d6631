"""Thirty SIGKILLs at seeded random moments of a loaded authority: three homes, ten kills each (many more with TALLYSTICK_DEEP).

A bank's node lives through all of it in the test's process: it enquires, applies, and keeps a verified replica, while declarations are
imported without a pause. What the killed process had acknowledged is noted out here.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from contracts.ruleset import RULEBOOK
from ledger.audit import audit
from ledger.clock import SystemClock
from ledger.errors import TallystickError, Unreachable
from ledger.vouching import voucher_of
from nodes.consents.giving import Consent, Consents
from nodes.declarations.book import declarations as declaration_rows
from nodes.enquiries.asking import Enquiries
from nodes.enterprises import enrol, enrolment
from nodes.financings.apply import ApplicationLine
from nodes.financings.desk import Financings
from nodes.founding import create_network
from nodes.money import Money
from nodes.node import Node
from tests.conftest import DEEP
from tests.crash import child
from tests.crash.mortal import Mortal, Upstream
from tests.nodes.network import CUSTODY, DAY_MS, NAMES, asked, caller, csv_file, declaration
from tests.nodes.small_network import AUTHORITY, BANK_A, CHEAP

KILLS = 10
LOADED = 10
SEEDS = range(30) if DEEP else range(3)
ANSWERED_S = 180.0


@dataclass
class Load:
    """Work that goes on until `ended`, and what was acknowledged of it. `strange` is what no kill explains."""

    mortal: Mortal
    bank: Node
    consent: Consent
    directory: Path
    registered: list[int] = field(default_factory=list)
    enquiries: list[str] = field(default_factory=list)
    applications: dict[str, str] = field(default_factory=dict)
    strange: list[BaseException] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> list[threading.Thread]:
        threads = [threading.Thread(target=self._again, args=(step,), daemon=True) for step in (self._load, self._enquire, self._apply)]
        for thread in threads:
            thread.start()
        return threads

    @property
    def acknowledged(self) -> int:
        return len(self.mortal.items) + len(self.mortal.receipts)

    def wait_for(self, reached: Callable[[], bool]) -> None:
        """On a busy machine a moment after the start nothing may be under way yet: rounds are as long as their work."""
        end = time.monotonic() + ANSWERED_S
        while not reached() and time.monotonic() < end and not self.strange:
            self.ended.wait(0.01)

    def wait_for_more(self, count: int) -> None:
        wanted = self.acknowledged + count
        self.wait_for(lambda: self.acknowledged >= wanted)

    def _again(self, step: Callable[[int], None]) -> None:
        turn = 0
        while not self.ended.is_set():
            try:
                if self.mortal.alive.wait(0.2):
                    turn += 1
                    step(turn)
            except Unreachable:
                continue
            except BaseException as error:
                self.strange.append(error)
                raise

    def _load(self, turn: int) -> None:
        serials = range(turn * LOADED, turn * LOADED + LOADED)
        path = self.directory / f"load-{turn}.csv"
        path.write_bytes(csv_file(*(declaration(serial) for serial in serials)).getvalue())
        self.mortal.ask("load", file=str(path))
        self.registered.extend(serials)

    def _enquire(self, turn: int) -> None:
        known = self.registered[-20:]
        lines = [asked(declaration(serial)) for serial in [*known[turn % 7 :: 7], 900_000_000 + turn]]
        self.enquiries.append(Enquiries(self.bank).ask(caller(self.bank), self.consent.id, lines))

    def _apply(self, turn: int) -> None:
        service = Enquiries(self.bank)
        lines = [line for enquiry_id in self.enquiries[-4:] for line in service.get(enquiry_id).lines]
        granted = [line.declaration for line in lines if line.grant is not None and line.declaration is not None]
        if not granted:
            self.ended.wait(0.05)
            return
        line = ApplicationLine(granted[turn % len(granted)], Money("USD", 100_000))
        outcome = Financings(self.bank).apply(caller(self.bank), [line], product="export-receivables", reference=f"{turn}")
        if outcome.record_id is not None:
            self.applications[outcome.record_id] = outcome.code


def founded_home(directory: Path) -> tuple[dict[str, Path], str]:
    """An authority and a bank with a consent of an exporter in custody: their homes, and the consent's id."""
    founded = create_network(directory, "crash", [AUTHORITY, BANK_A], clock=SystemClock(), random=os.urandom, cost=CHEAP)
    with Node.open(founded.homes["authority"], cost=CHEAP) as node:
        enterprise = enrol(enrolment(CUSTODY, NAMES[CUSTODY]), node.author, node.outbox, node.directory, node.identity_key)
        node.reader.catch_up()
        now_ms = node.clock.now_ms()
        consent = Consents(node).give(enterprise.record_id, "bank-a", ["finance"], now_ms - DAY_MS, now_ms + DAY_MS, 1_000_000)
    return dict(founded.homes), consent.id


def answered(bank: Node) -> int:
    """Waits until every enquiry of the bank that is on the ledger has its answer: how many there are."""
    end = time.monotonic() + ANSWERED_S
    service = Enquiries(bank)
    found = [enquiry.id for enquiry in service.list(limit=100_000)]
    for enquiry_id in found:
        enquiry = service.wait(enquiry_id, max(0.0, end - time.monotonic()))
        assert enquiry.state == "answered", f"{enquiry_id} is {enquiry.state} after {ANSWERED_S} s"
    return len(found)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_acknowledged_is_lost_and_no_enquiry_is_answered_twice(seed: int, tmp_path: Path) -> None:
    homes, consent_id = founded_home(tmp_path / "homes")
    rng, mortal = random.Random(seed), Mortal(child.main, homes["authority"])
    mortal.start()
    with Node.open(homes["bank-a"], cost=CHEAP, upstream=Upstream(mortal)) as bank:
        load = under_load(mortal, bank, consent_id, tmp_path, rng)
        enquiries = answered(bank)
        assert bank.outbox.resume() == 0
        assert mortal.stop() == 0
        counts = {
            "seed": seed,
            "kills": KILLS,
            "items": len(mortal.items),
            "receipts": len(mortal.receipts),
            "enquiries": enquiries,
            "applications": Counter(load.applications.values()),
        }
        assert enquiries and load.applications and mortal.items, counts
        assert set(load.enquiries) <= {enquiry.id for enquiry in Enquiries(bank).list(limit=100_000)}, counts
    check_authority(homes["authority"], mortal, load)


def under_load(mortal: Mortal, bank: Node, consent_id: str, directory: Path, rng: random.Random) -> Load:
    """Kills and restarts under load; the process is alive at the end."""
    end = time.monotonic() + ANSWERED_S
    while bank.reader.catch_up() or not _knows(bank, consent_id):
        assert time.monotonic() < end, "the bank's replica did not get its consent"
    load = Load(mortal, bank, Consents(bank).get(consent_id), directory)
    threads = load.run()
    for _ in range(KILLS):
        load.wait_for_more(rng.randrange(1, 24))
        load.ended.wait(rng.uniform(0, 0.3))
        mortal.kill()
        mortal.start()
    load.wait_for(lambda: bool(load.applications))
    load.ended.set()
    for thread in threads:
        thread.join(300)
        assert not thread.is_alive(), "the load did not end"
    assert not load.strange, load.strange
    return load


def _knows(bank: Node, consent_id: str) -> bool:
    try:
        Consents(bank).get(consent_id)
    except TallystickError:
        return False
    return True


def check_authority(home: Path, mortal: Mortal, load: Load) -> None:
    """The home after all of it, opened by the test itself."""
    with Node.open(home, cost=CHEAP) as node:
        assert node.outbox.resume() == 0 and node.outbox.pending() == []
        node.reader.catch_up()
        with node.store.reading() as reader, node.private.reading() as connection:
            for receipt in mortal.receipts:
                stored = reader.record(receipt["record_id"])
                assert stored is not None, f"acknowledged and lost: {receipt}"
                found = (stored.height, stored.log_index, stored.position, stored.time_ms, dict(stored.result))
                assert found == tuple(receipt[name] for name in ("height", "log_index", "position", "time_ms", "result"))
            for record_id, code in load.applications.items():
                stored = reader.record(record_id)
                assert stored is not None and stored.result["code"] == code
            rows = set(connection.execute(sa.select(declaration_rows.c.id)).scalars())
            for item in mortal.items:
                assert item["result"] in ("ok", "already-registered"), item
                assert reader.state.get(f"declaration/{item['declaration_id']}") is not None, f"acknowledged and lost: {item}"
                assert item["declaration_id"] in rows
            every = reader.records(0, 1_000_000)
        for kind, per in (("enquiry.take", "request"), ("enquiry.answer", "request"), ("declaration.register", "declaration")):
            ok = Counter(one.record.body[per] for one in every if one.record.type == kind and one.result["code"] == "ok")
            assert ok and set(ok.values()) == {1}, f"{kind}: {ok.most_common(3)}"
        asked_for = {one.id for one in every if one.record.type == "enquiry.request" and one.result["code"] == "ok"}
        assert asked_for == {one.record.body["request"] for one in every if one.record.type == "enquiry.answer"}
        report = audit(node.store, node.genesis, RULEBOOK, voucher_of(node.genesis))
        assert report.ok, report.findings
