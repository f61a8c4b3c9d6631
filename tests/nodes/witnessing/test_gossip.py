"""Peers and witnesses that answer badly are passed over, and win nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.checkpoint import parse_note, sign_note
from ledger.clock import SettableClock
from ledger.engine import Receipt
from ledger.errors import Unreachable
from ledger.limits import GOSSIP_ANSWER_BYTES_MAX
from ledger.witness import WitnessKey, read_add_checkpoint
from nodes.enterprises import enrol
from nodes.home_config import GossipSection, WitnessesSection
from nodes.node import Node
from nodes.witnessing.checkpoints import Checkpoints
from nodes.witnessing.gossip import Gossip, Pusher
from nodes.witnessing.peers import Peer
from tests.nodes.dripping import BEGINNINGS, dripping
from tests.nodes.small_network import AUTHORITY, BANK_A, CHEAP, START_MS, Beside, custody, found

Answer = Callable[[httpx.Request], httpx.Response]
KEY = WitnessKey("w.example/1", Ed25519PrivateKey.from_private_bytes(b"\5" * 32))


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


@dataclass
class Pair:
    """An operator's node and a follower, which hold the same few blocks."""

    authority: Node
    bank: Node

    def note(self) -> str:
        with self.bank.store.reading() as reader:
            return reader.checkpoint() or ""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    clock = SettableClock(START_MS)
    founded = found(tmp_path_factory.mktemp("pair"), AUTHORITY, BANK_A, clock=clock)
    with ExitStack() as stack:
        authority = stack.enter_context(Node.open(founded.homes["authority"], clock, cost=CHEAP))
        bank = stack.enter_context(Node.open(founded.homes["bank-a"], clock, cost=CHEAP, upstream=Beside(authority)))
        bank.config = bank.config.model_copy(
            update={"gossip": GossipSection(peers=["http://peer"]), "engine": bank.config.engine.model_copy(update={"upstream": None})}
        )
        authority.config = authority.config.model_copy(update={"witnesses": WitnessesSection(push=["http://witness/log"])})
        receipt: Receipt = enrol(custody(), authority.author, authority.outbox, authority.directory, authority.identity_key)
        bank.reader.wait_for(receipt.log_index, 30)
        yield Pair(authority, bank)


def answering(answer: Answer) -> Callable[[str], Peer]:
    return lambda url: Peer(url, httpx.MockTransport(answer))


def asked(pair: Pair, answer: Answer) -> int:
    gossip = Gossip(pair.bank, answering(answer))
    try:
        return gossip.run_once()
    finally:
        gossip.close()


def shown(**fields: Any) -> Answer:
    return lambda _: httpx.Response(200, content=orjson.dumps(fields))


def unreachable(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("nobody there", request=request)


BAD: dict[str, Answer] = {
    "nobody there": unreachable,
    "an error": lambda _: httpx.Response(500, content=b"{}"),
    "nothing known": lambda _: httpx.Response(404),
    "no JSON": lambda _: httpx.Response(200, content=b"<html>"),
    "a list": lambda _: httpx.Response(200, content=b"[]"),
    "no note": shown(size=3),
    "a number for a note": shown(checkpoint=3),
    "rubbish for a note": shown(checkpoint="rubbish"),
    "far too much": lambda _: httpx.Response(200, content=b" " * (GOSSIP_ANSWER_BYTES_MAX + 1)),
}


@pytest.mark.parametrize("what", BAD, ids=lambda what: what.replace(" ", "-"))
def test_a_peer_that_answers_badly_is_passed_over(pair: Pair, what: str) -> None:
    assert asked(pair, BAD[what]) == 0
    assert pair.bank.store.halted() is None


@pytest.mark.parametrize(("beginning", "drop"), BEGINNINGS.values(), ids=BEGINNINGS)
def test_a_peer_whose_answer_never_ends_is_passed_over_each_time(beginning: bytes, drop: bytes) -> None:
    with dripping(beginning, drop) as url, Peer(url, answer_s=0.1) as peer:
        for _ in range(2):
            with pytest.raises(Unreachable):
                peer.checkpoint()


def test_a_note_that_the_operator_did_not_sign_says_nothing_about_it(pair: Pair) -> None:
    forged = parse_note(pair.note()).checkpoint
    stranger = sign_note(type(forged)(forged.origin, forged.size, bytes(32)), "authority", Ed25519PrivateKey.generate())
    assert asked(pair, shown(checkpoint=stranger, witness=None)) == 0
    assert pair.bank.store.halted() is None


def test_a_peer_that_shows_the_same_log_is_heard_and_may_say_who_it_is(pair: Pair) -> None:
    known = Checkpoints(pair.bank).witnesses
    me = {"name": KEY.name, "public": KEY.public.hex()}
    assert asked(pair, shown(checkpoint=pair.note(), witness=me)) == 1
    assert known.keys()[KEY.name] == KEY.public
    somebody_else = {"name": "bank-z", "public": "77" * 32}
    assert asked(pair, shown(checkpoint=pair.note(), witness=somebody_else)) == 1
    assert "bank-z" not in [each.name for each in known.list()]
    assert asked(pair, shown(checkpoint=pair.note(), witness={"name": KEY.name})) == 0
    assert asked(pair, shown(checkpoint=pair.note(), witness={"name": KEY.name, "public": "88" * 32})) == 1
    assert known.keys()[KEY.name] == KEY.public


def test_a_peer_before_its_first_block_has_no_note_and_is_no_trouble(pair: Pair) -> None:
    with structlog.testing.capture_logs() as logged:
        assert asked(pair, shown(checkpoint=None, witness=None)) == 1
    assert [each for each in logged if each["log_level"] == "warning"] == []


def pushed(pair: Pair, answer: Answer) -> int:
    pusher = Pusher(pair.authority, answering(answer))
    try:
        return pusher.run_once()
    finally:
        pusher.close()


def test_a_witness_outside_of_the_network_cosigns_by_the_protocol(pair: Pair) -> None:
    asked_for: list[tuple[str, int]] = []

    def witness(request: httpx.Request) -> httpx.Response:
        asking = read_add_checkpoint(request.content)
        asked_for.append((request.url.path, asking.old_size))
        if asking.old_size != 1:
            return httpx.Response(409, content=b"1\n", headers={"Content-Type": "text/x.tlog.size"})
        return httpx.Response(200, content=KEY.cosign(asking.note, 1_793_000_000).line.encode())

    known = Checkpoints(pair.authority)
    assert pushed(pair, witness) == 0, "nobody here said that this witness counts"
    known.witnesses.add(KEY.name, KEY.public.hex())
    assert pushed(pair, witness) == 1
    assert asked_for[-2:] == [("/log/add-checkpoint", 0), ("/log/add-checkpoint", 1)]
    assert KEY.name in known.cosigned.cosigners_above(0)


@pytest.mark.parametrize(
    "answer",
    [
        unreachable,
        lambda _: httpx.Response(500),
        lambda _: httpx.Response(403),
        lambda _: httpx.Response(409, content=b"rubbish"),
        lambda _: httpx.Response(409, content=b"999999999\n"),
        lambda _: httpx.Response(200, content=b"rubbish"),
        lambda _: httpx.Response(200, content=b""),
        lambda _: httpx.Response(200, content="\u2014 w.example/1 AAAAAAAA\n".encode()),
    ],
)
def test_a_witness_that_answers_badly_is_passed_over(pair: Pair, answer: Answer) -> None:
    assert pushed(pair, answer) == 0
    assert pair.authority.store.halted() is None
