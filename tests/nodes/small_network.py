"""A small founded network for tests: real homes, real keys, real engines; a clock that stands still and cheap key derivation."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from ledger import canonical
from ledger.clock import SettableClock
from ledger.engine import Receipt
from ledger.errors import Unreachable
from ledger.evidence import BlockBundle
from ledger.follow import bundle_of
from ledger.header import network_of
from ledger.solo import SoloEngine
from nodes.consents.introducer import introduce
from nodes.enterprises import Enrolment, enrolment
from nodes.founding import Addresses, Founded, MemberPlan, create_network
from nodes.home import Home, write_file
from nodes.keys.keystore import Argon2Cost
from nodes.node import Node
from nodes.trust_files import trust_document

CHEAP = Argon2Cost(passes=1, memory_kib=8, lanes=1)
LOCAL = Addresses()
START_MS = 1_793_000_000_000
AUTHORITY = MemberPlan("authority", "authority", "Forex Authority")
BANK_A = MemberPlan("bank-a", "bank", "Bank A")
EXPORTER_A = MemberPlan("exporter-a", "enterprise", "营口青果出口有限公司")
USCCS = ["91350100M000100Y43", "91210800MA0000001L"]


def found(directory: Path, *plans: MemberPlan, clock: SettableClock | None = None, addresses: Addresses = LOCAL) -> Founded:
    """A network of the given members, the authority alone by default."""
    members: Sequence[MemberPlan] = plans or (AUTHORITY,)
    clock = clock or SettableClock(START_MS)
    return create_network(directory, "test", members, clock=clock, random=os.urandom, addresses=addresses, cost=CHEAP)


def refounded(founded: Founded, amend: Callable[[dict[str, Any]], None]) -> Founded:
    """The same homes under another genesis document, before any of them ran: so a network begins with what founding does not offer."""
    genesis = deepcopy(dict(founded.genesis))
    amend(genesis)
    network = network_of(genesis)
    for path in founded.homes.values():
        home = Home(path)
        write_file(home.genesis_file, canonical.encode(genesis))
        write_file(home.trust_file, canonical.encode(trust_document(genesis)))
        config = home.read_config()
        home.write_config(config.model_copy(update={"network": config.network.model_copy(update={"id": network})}))
    return replace(founded, network=network, genesis=genesis)


def custody(number: int = 0) -> Enrolment:
    """The enrolment of an enterprise in custody."""
    return enrolment(USCCS[number], f"Exporter {number}")


class Beside:
    """An upstream in the same process: reads another node's store, hands records to its engine."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.reachable = True

    def blocks(self, after_height: int, limit: int, wait_s: float) -> list[BlockBundle]:
        self._require()
        assert isinstance(self.node.engine, SoloEngine)
        self.node.engine.heights.wait_for(after_height + 1, min(wait_s, 0.2))
        with self.node.store.reading() as reader:
            newest = reader.head.height
        heights = range(after_height + 1, min(newest, after_height + limit) + 1)
        return [bundle for height in heights if (bundle := bundle_of(self.node.store, height)) is not None]

    def checkpoint(self) -> str:
        self._require()
        with self.node.store.reading() as reader:
            return reader.checkpoint() or ""

    def submit(self, raw: bytes) -> Receipt:
        self._require()
        return self.node.engine.submit(raw).result(10)

    def introduce(self, core: Mapping[str, Any], signature: bytes) -> Receipt:
        self._require()
        return introduce(self.node, core, signature, "the one beside")

    def _require(self) -> None:
        if not self.reachable:
            raise Unreachable("upstream-unreachable", "the test cut the line")
