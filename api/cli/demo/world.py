"""The demo's network: every member with its own home, node, replica and API on a free loopback port, all in this process.

The nodes share a clock that stands in the past and is moved by the story, never beyond the real now: so the same homes can be served
with the machine's clock afterwards.
"""

from __future__ import annotations

import json
import os
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from api.cli.demo.cargo import Cargo
from api.cli.demo.client import Desk, Unexpected
from api.cli.proofs import write_new
from api.cli.running import RunningNode, stop_followers
from api.permissions import scopes_of
from ledger.clock import SettableClock, SystemClock
from ledger.errors import Refused
from ledger.solo import SoloEngine
from nodes.founding import PORT_FIRST, Addresses, Founded, MemberPlan, create_network
from nodes.home import write_file
from nodes.keys.keystore import Argon2Cost
from nodes.node import Node
from nodes.private_files import make_private_directory

AUTHORITY: Final = "authority"
CORE_SYSTEM: Final = "core-system"
HOST: Final = "127.0.0.1"
HOUR_MS: Final = 3_600_000
_PORT_LAST: Final = 60_000
_SETTLE_S: Final = 30.0
_NETWORK: Final = "tallystick-demo"
# Every secret of the demo is made here, of 128 random bits and more: nobody can guess it, so stretching it would only take time.
_COST: Final = Argon2Cost(passes=1, memory_kib=1_024, lanes=1)


@dataclass(frozen=True, slots=True)
class SignInHere:
    """How a person, or an exporter in custody, signs in after the story."""

    node: str
    address: str
    user: str
    role: str
    secret: str

    def to_json(self) -> dict[str, str]:
        return {"node": self.node, "address": self.address, "user": self.user, "role": self.role, "secret": self.secret}


class World:
    """A context: inside it every member runs. `enterprises` are enrolment ids by exporter."""

    def __init__(self, directory: Path, cargo: Cargo) -> None:
        self.directory, self.cargo = directory, cargo
        self.clock = SettableClock(cargo.start_ms)
        self.sign_ins: list[SignInHere] = []
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

    def engine(self) -> SoloEngine:
        """The engine that orders everything."""
        engine = self.node(AUTHORITY).engine
        assert isinstance(engine, SoloEngine), "the authority orders blocks"
        return engine

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

    def pass_hours(self, hours: int) -> None:
        """Time goes by for everyone. Raises `Refused` (`clock-ahead`) rather than go beyond the real now."""
        if self.clock.now_ms() + hours * HOUR_MS > SystemClock().now_ms():
            raise Refused("clock-ahead", "the story would go beyond the real time")
        self.clock.advance(hours * HOUR_MS)

    def settle(self) -> int:
        """Waits until every replica holds, and every node has read, what the authority's does; gives the height."""
        with self.node(AUTHORITY).store.reading() as reader:
            head = reader.head
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
        listeners = _listeners(len(plans), self._stack)
        addresses = Addresses(host=HOST, port_first=listeners[0].getsockname()[1])
        founded = create_network(self.directory, _NETWORK, plans, clock=self.clock, random=os.urandom, addresses=addresses, cost=_COST)
        self.sign_ins = [SignInHere(each.node, each.address, each.user, each.role, each.secret) for each in founded.sign_ins]
        write_new(self.directory / "trust.json", (founded.homes[AUTHORITY] / "trust.json").read_bytes())
        for plan, listener in zip(plans, listeners, strict=True):
            node = Node.open(founded.homes[plan.id], self.clock, cost=_COST)
            self._running[plan.id] = self._stack.enter_context(RunningNode(node, listener))
            if plan.id == AUTHORITY:
                self._enrol(founded)
        self._stack.callback(stop_followers, self._running.values())
        self._add_program("bank-a")
        self._write_sign_ins()
        self.settle()

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
                self.sign_ins.append(SignInHere(AUTHORITY, desk.url, exporter.id, "enterprise", secret))

    def _add_program(self, bank: str) -> None:
        """A bank's core system, which signs in as a program."""
        node = self.node(bank)
        _, secret = node.accounts.add_client(CORE_SYSTEM, "core system", "service", scopes_of("service"))
        self.sign_ins.append(SignInHere(bank, self._running[bank].url, CORE_SYSTEM, "service", secret))

    def _write_sign_ins(self) -> None:
        content = json.dumps([each.to_json() for each in self.sign_ins], ensure_ascii=False, indent=2)
        write_file(self.directory / "sign-ins.json", content + "\n")


def _listeners(count: int, stack: ExitStack) -> list[socket.socket]:
    """Listening sockets on neighbouring ports, from 8000 upward; they stay open, so that nobody takes one meanwhile."""
    for first in range(PORT_FIRST, _PORT_LAST, count):
        with ExitStack() as attempt:
            try:
                found = [attempt.enter_context(socket.create_server((HOST, first + place), backlog=256)) for place in range(count)]
            except OSError:
                continue
            stack.push(attempt.pop_all())
            return found
    raise Refused("no-free-port", f"there are no {count} free ports from {PORT_FIRST} on")
