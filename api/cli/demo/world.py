"""The demo's network: every member with its own home, node, replica and API on a free loopback port, all in this process; in a consortium
each with its CometBFT beside it. The homes can be served with the machine's clock afterwards.
"""

from __future__ import annotations

import os
import time
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Self

from api.cli.demo.cargo import Cargo
from api.cli.demo.client import Desk, Unexpected
from api.cli.demo.pace import Pace, RealTime, StoryTime
from api.cli.demo.starting_line import StartingLine, starting_line
from api.cli.ports import HOST, first_free, neighbouring
from api.cli.proofs import write_new
from api.cli.running import RunningNode, stop_followers
from api.cli.sign_ins import write_sign_ins
from api.permissions import scopes_of
from ledger.comet.engine import CometEngine
from nodes.founding import ENGINE_PORT_FIRST, PORT_FIRST, Addresses, Consortium, Founded, MemberPlan, create_network
from nodes.keys.keystore import Argon2Cost
from nodes.node import Node
from nodes.private_files import make_private_directory
from nodes.seats import SignIn

AUTHORITY: Final = "authority"
CORE_SYSTEM: Final = "core-system"
_LOOK_S: Final = 0.05
_SETTLE_S: Final = 30.0
_FIRST_BLOCK_S: Final = 60.0
_EMPTY_BLOCKS_S: Final = 1
_VALIDATORS: Final = (AUTHORITY, "bank-a", "bank-b", "bank-c")
_NETWORK: Final = "tallystick-demo"
# Every secret of the demo is made here, of 128 random bits and more: nobody can guess it, so stretching it would only take time.
_COST: Final = Argon2Cost(passes=1, memory_kib=1_024, lanes=1)


class World:
    """A context: inside it every member runs. `enterprises` are enrolment ids by exporter."""

    def __init__(self, directory: Path, cargo: Cargo, *, consortium: bool = False, network: str = _NETWORK) -> None:
        self.directory, self.cargo, self._consortium, self._name = directory, cargo, consortium, network
        self.pace: Pace = RealTime(self._block_time_ms) if consortium else StoryTime(cargo.start_ms)
        self.clock = self.pace.clock
        self.sign_ins: list[SignIn] = []
        self.enterprises: dict[str, str] = {}
        self._stack = ExitStack()
        self._running: dict[str, RunningNode] = {}
        self._desks: dict[tuple[str, str], Desk] = {}

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for desk in self._desks.values():
            desk.close()
        self._stack.close()

    def node(self, member: str) -> Node:
        """The node itself, for what no API offers: to wait for it, or to hold its engine for a moment."""
        return self._running[member].node

    def starting_line(self, racers: int) -> AbstractContextManager[StartingLine]:
        """As `starting_line` at the engine that the authority's node has."""
        return starting_line(self.node(AUTHORITY).engine, racers)

    def place_of(self, member: str, record_id: str) -> int:
        """Where a record stands in the log of a member's own replica."""
        with self.node(member).store.reading() as reader:
            stored = reader.record(record_id)
        if stored is None:
            raise Unexpected("record-missing", f"{member} does not hold record {record_id}")
        return stored.log_index

    def desk(self, member: str, user: str) -> Desk:
        """Somebody at a member's API."""
        if (member, user) not in self._desks:
            found = next(each for each in self.sign_ins if (each.node, each.user) == (member, user))
            self._desks[member, user] = Desk(member, found.address, user, found.secret, self.clock)
        return self._desks[member, user]

    def home_of(self, member: str) -> Path:
        return self.directory / member

    @property
    def network(self) -> str:
        return self.node(AUTHORITY).network

    def members(self) -> dict[str, Any]:
        """Who there is, and where."""
        return {
            name: {"role": running.node.config.node.role, "address": running.url, "home": str(self.home_of(name))}
            for name, running in self._running.items()
        }

    def settle(self) -> int:
        """Waits until every replica holds, and every node has read, what any of them does; gives the height."""
        heads = []
        for running in self._running.values():
            with running.node.store.reading() as reader:
                heads.append(reader.head)
        head = max(heads, key=lambda each: each.height)
        for running in self._running.values():
            engine: Any = running.node.engine
            if not engine.heights.wait_for(head.height, _SETTLE_S):
                raise Unexpected("replica-behind", f"{running.node.config.node.id} does not reach height {head.height}")
            if head.height > 0:
                running.node.reader.wait_for(head.log_size - 1, _SETTLE_S)
        return head.height

    def _begin(self) -> None:
        make_private_directory(self.directory)
        exporters = [exporter for exporter in self.cargo.exporters if not exporter.custody]
        plans = [
            MemberPlan(AUTHORITY, "authority", "Forex Authority"),
            MemberPlan("bank-a", "bank", "Bank A"),
            MemberPlan("bank-b", "bank", "Bank B"),
            MemberPlan("bank-c", "bank", "Bank C"),
            *(MemberPlan(exporter.id, "enterprise", exporter.name) for exporter in exporters),
            MemberPlan("auditor", "auditor", "Auditor"),
        ]
        listeners = neighbouring(PORT_FIRST, len(plans), self._stack)
        addresses = Addresses(host=HOST, port_first=listeners[0].getsockname()[1])
        consortium = None
        if self._consortium:
            consortium = Consortium(_VALIDATORS, _EMPTY_BLOCKS_S)
            addresses = replace(addresses, engine_port_first=first_free(ENGINE_PORT_FIRST, len(plans)))
        founded = create_network(
            self.directory,
            self._name,
            plans,
            clock=self.clock,
            random=os.urandom,
            addresses=addresses,
            cost=_COST,
            consortium=consortium,
        )
        self.sign_ins = list(founded.sign_ins)
        write_new(self.directory / "trust.json", (founded.homes[AUTHORITY] / "trust.json").read_bytes())
        # Exporters are enrolled before their own nodes begin, and that takes whoever orders blocks.
        first = [plan.id for plan in plans if plan.role != "enterprise"] if self._consortium else [AUTHORITY]
        for plan, listener in sorted(zip(plans, listeners, strict=True), key=lambda pair: pair[0].id not in first):
            node = Node.open(founded.homes[plan.id], self.clock, cost=_COST)
            self._running[plan.id] = self._stack.enter_context(RunningNode(node, listener))
            if len(self._running) == len(first):
                self._await_first_block()
                self._enrol(founded)
        self._stack.callback(stop_followers, self._running.values())
        self._add_program("bank-a")
        write_sign_ins(self.directory, self.sign_ins)
        self.settle()

    def _block_time_ms(self) -> int:
        engine = self.node(AUTHORITY).engine
        assert isinstance(engine, CometEngine), "the time of a consortium's blocks is CometBFT's"
        return engine.position.time_ms

    def _await_first_block(self) -> None:
        """A consortium begins once enough of its validators have found each other. Raises `Unexpected` (`no-quorum`)."""
        engine, end = self.node(AUTHORITY).engine, time.monotonic() + _FIRST_BLOCK_S
        while isinstance(engine, CometEngine) and engine.position.height == 0:
            if time.monotonic() > end:
                raise Unexpected("no-quorum", "the consortium makes no blocks", hint="see logs/comet.log in the members' homes")
            time.sleep(_LOOK_S)

    def _enrol(self, founded: Founded) -> None:
        """The authority enrols the exporters; those in custody sign in at its API, the others run nodes."""
        desk = self.desk(AUTHORITY, "maker")
        accounts = self.node(AUTHORITY).accounts
        for exporter in self.cargo.exporters:
            keys = founded.enterprises.get(exporter.id)
            body: dict[str, Any] = {"uscc": exporter.uscc, "name": exporter.name, "custody": exporter.custody, "sign": None, "seal": None}
            if keys is not None:
                body |= {"sign": keys.sign.to_json(), "seal": keys.seal.to_json()}
            enrolled = desk.must(desk.post("/v1/enterprises", body))
            self.enterprises[exporter.id] = str(enrolled["id"])
            if exporter.custody:
                scopes = scopes_of("enterprise")
                _, secret = accounts.add_client(exporter.id, exporter.name, "enterprise", scopes, enterprise=self.enterprises[exporter.id])
                self.sign_ins.append(SignIn(AUTHORITY, desk.url, exporter.id, "enterprise", secret))

    def _add_program(self, bank: str) -> None:
        """A bank's core system, which signs in as a program."""
        node = self.node(bank)
        _, secret = node.accounts.add_client(CORE_SYSTEM, "core system", "service", scopes_of("service"))
        self.sign_ins.append(SignIn(bank, self._running[bank].url, CORE_SYSTEM, "service", secret))
