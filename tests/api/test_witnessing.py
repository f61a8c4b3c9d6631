"""Members cosign what the operator signs, and readers may demand it: real nodes on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from stdnum.cn.uscc import calc_check_digit

from ledger import canonical
from ledger.checkpoint import add_cosignature, parse_note, verified_cosigners
from ledger.verify import verify
from ledger.witness import write_add_checkpoint
from nodes.enterprises import enrol, enrolment
from nodes.trust_files import trust_document
from nodes.witnessing.checkpoints import Checkpoints
from nodes.witnessing.gossip import Gossip, Pusher
from nodes.witnessing.peers import Peer
from nodes.witnessing.witness import HAND_IN, Witness
from tests.api.served import PLANS, Network, problem, served_network

BANKS = ("bank-a", "bank-b")
SERIALS = count(1_000)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with served_network(tmp_path_factory.mktemp("witnessed"), plans=PLANS[:4]) as served:
        yield served


def grow(network: Network) -> str:
    """One more record on the ledger, which every node holds: its id."""
    authority = network.nodes["authority"]
    body = f"91210800MA{next(SERIALS):07d}"
    receipt = enrol(
        enrolment(body + calc_check_digit(body), "Somebody"),
        authority.author,
        authority.outbox,
        authority.directory,
        authority.identity_key,
    )
    for node in network.nodes:
        network.await_head(node)
    return receipt.record_id


def cosign(network: Network, *banks: str) -> None:
    for bank in banks:
        witness = Witness(network.nodes[bank])
        note = witness.cosign_newest()
        assert note is not None, "there is something new to cosign"
        witness.hand_in(note)


def trust(network: Network, required: int, *banks: str) -> bytes:
    publics = {name: key.hex() for name, key in Checkpoints(network.nodes["authority"]).witnesses.keys().items() if name in banks}
    return canonical.encode(trust_document(network.founded.genesis, publics, required))


def open_checkpoint(network: Network, node: str) -> dict[str, Any]:
    found: dict[str, Any] = network.anyone(node).get("/.well-known/tallystick/checkpoint").json()
    return found


def test_a_proof_carries_the_cosignatures_that_its_trust_file_demands(network: Network) -> None:
    record = grow(network)
    client = network.sign_in("authority", "maker")
    alone = client.get(f"/v1/records/{record}/proof").content
    assert verify(alone, trust(network, 1, *BANKS)).code == "witnesses-missing"
    cosign(network, "bank-a")
    once = client.get(f"/v1/records/{record}/proof").content
    assert verify(once, trust(network, 1, *BANKS)).ok
    assert verify(once, trust(network, 2, *BANKS)).code == "witnesses-missing"
    cosign(network, "bank-b")
    twice = client.get(f"/v1/records/{record}/proof").content
    verdict = verify(twice, trust(network, 2, *BANKS))
    assert verdict.ok
    assert any("bank-a" in sentence and "bank-b" in sentence for sentence in verdict.proves)
    assert verify(twice, trust(network, 1, "bank-b")).ok


def test_a_proof_leads_to_the_note_that_most_witnesses_cosigned(network: Network) -> None:
    record = grow(network)
    cosign(network, *BANKS)
    grow(network)
    client = network.sign_in("authority", "maker")
    proof = client.get(f"/v1/records/{record}/proof").content
    assert verify(proof, trust(network, 2, *BANKS)).ok
    state = client.get("/v1/state/proof", params={"key": "policy", "height": json.loads(proof)["header"]["height"]}).content
    assert verify(state, trust(network, 2, *BANKS)).ok
    shown = client.get("/v1/checkpoint").json()
    assert shown["cosigners"] == []
    assert [each["name"] for each in shown["cosigned"]["cosigners"]] == list(BANKS)
    assert shown["cosigned"]["size"] < shown["size"]


def test_anyone_may_compare_the_checkpoint_and_a_header_below_it_without_signing_in(network: Network) -> None:
    grow(network)
    shown = open_checkpoint(network, "bank-a")
    assert parse_note(shown["checkpoint"]).checkpoint.size == shown["size"]
    assert shown["witness"]["name"] == "bank-a"
    assert open_checkpoint(network, "authority")["witness"] is None
    with Peer(network.url("bank-a")) as peer:
        seen = peer.header(1)
    assert seen.checked(network.founded.network, Witness(network.nodes["authority"])._operator).height == 1
    beyond = network.anyone("bank-a").get("/.well-known/tallystick/header", params={"height": 10_000})
    assert (beyond.status_code, problem(beyond)["code"]) == (404, "unknown-height")
    assert network.anyone("bank-a").get("/.well-known/tallystick/header", params={"height": "x"}).status_code == 422


def test_members_hear_each_others_cosignatures_by_gossip(network: Network) -> None:
    grow(network)
    cosign(network, *BANKS)
    bank = network.nodes["bank-a"]
    gossip = Gossip(bank)
    assert gossip.run_once() == 2
    gossip.close()
    with bank.store.reading() as reader:
        newest = Checkpoints(bank).cosigned.newest(reader)
    assert newest is not None and sorted(newest.cosigners) == list(BANKS)
    assert bank.store.halted() is None


def test_another_witness_key_of_a_member_is_refused_until_it_is_accepted(network: Network) -> None:
    grow(network)
    bank, authority = network.nodes["bank-b"], network.nodes["authority"]
    with bank.store.reading() as reader:
        note = reader.checkpoint() or ""
    other = Ed25519PrivateKey.generate()
    public = other.public_key().public_bytes_raw().hex()
    body = {"note": add_cosignature(note, "bank-b", other, 1_793_000_000), "public": public}
    with pytest.raises(Exception, match="witness-key-other"):
        bank.upstream.hand_in(HAND_IN, "other-key", canonical.encode(body))  # type: ignore[union-attr]  # a served node has one
    known = Checkpoints(authority).witnesses
    assert known.keys()["bank-b"].hex() != public
    assert next(each for each in known.list() if each.name == "bank-b").offered == public
    before = known.keys()["bank-b"].hex()
    known.accept("bank-b")
    answer = bank.upstream.hand_in(HAND_IN, "other-key", canonical.encode(body))  # type: ignore[union-attr]
    assert [each["name"] for each in answer["cosigners"]] == ["bank-b"]
    known.add("bank-b", before)


def test_only_members_hand_cosignatures_in_and_only_their_own(network: Network) -> None:
    body = {"note": "x", "public": "00" * 32}
    assert network.anyone("authority").post(HAND_IN, json=body).status_code == 401
    assert network.sign_in("authority", "maker").post(HAND_IN, json=body).status_code == 403
    bank, key = network.nodes["bank-a"], network.nodes["bank-b"].witness_key
    assert key is not None
    with bank.store.reading() as reader:
        note = reader.checkpoint() or ""
    of_another = with_line(note, key.cosign(note, 1_793_000_000).line)
    with pytest.raises(Exception, match="not-cosigned"):
        bank.upstream.hand_in(HAND_IN, "of-another", canonical.encode({"note": of_another, "public": key.public.hex()}))  # type: ignore[union-attr]


def with_line(note: str, line: str) -> str:
    return note + line


def add_checkpoint(network: Network, node: str, body: bytes) -> httpx.Response:
    return network.anyone(node).post("/.well-known/tallystick/witness/add-checkpoint", content=body)


@pytest.mark.produces("problem-code", "not-consistent")
def test_a_log_asks_a_member_to_cosign_by_the_protocol_of_c2sp(network: Network) -> None:
    grow(network)
    cosign(network, "bank-b")
    grow(network)
    with network.nodes["authority"].store.reading() as reader:
        note, size = reader.checkpoint() or "", reader.head.log_size + 1
        unproven = add_checkpoint(network, "bank-b", write_add_checkpoint(0, [], note))
        assert unproven.status_code == 409
        assert unproven.headers["content-type"].startswith("text/x.tlog.size")
        old = int(unproven.text)
        assert 0 < old < size
        wrong = add_checkpoint(network, "bank-b", write_add_checkpoint(old, [bytes(32)], note))
        assert (wrong.status_code, problem(wrong)["code"]) == (422, "not-consistent")
        answer = add_checkpoint(network, "bank-b", write_add_checkpoint(old, reader.consistency_proof(old, size), note))
        assert answer.status_code == 200, answer.text
        again = add_checkpoint(network, "bank-b", write_add_checkpoint(size, [], note))
        assert again.status_code == 200
    key = network.nodes["bank-b"].witness_key
    assert key is not None
    assert list(verified_cosigners(with_line(note, answer.text), {"bank-b": key.public})) == ["bank-b"]
    assert network.nodes["bank-b"].store.halted() is None


@pytest.mark.produces("problem-code", "bad-request", "body-too-large", "log-not-signed", "not-a-witness", "unknown-log")
def test_a_witness_answers_strangers_requests_with_the_codes_of_the_protocol(network: Network) -> None:
    with network.nodes["authority"].store.reading() as reader:
        note, size = reader.checkpoint() or "", reader.head.log_size + 1
    assert add_checkpoint(network, "bank-a", b"rubbish").status_code == 400
    assert add_checkpoint(network, "bank-a", write_add_checkpoint(size + 1, [], note)).status_code == 400
    elsewhere = note.replace("tallystick/", "elsewhere/", 1)
    assert add_checkpoint(network, "bank-a", write_add_checkpoint(0, [], elsewhere)).status_code == 404
    unsigned = note.replace("\n\u2014 authority ", "\n\u2014 nobody ")
    assert add_checkpoint(network, "bank-a", write_add_checkpoint(0, [], unsigned)).status_code == 403
    assert add_checkpoint(network, "authority", write_add_checkpoint(0, [], note)).status_code == 404
    assert add_checkpoint(network, "bank-a", b"old 0\n\n" + b"x" * 200_000).status_code == 413


def test_an_operator_pushes_its_checkpoint_to_configured_witnesses(network: Network) -> None:
    grow(network)
    authority = network.nodes["authority"]
    prefix = network.url("bank-a") + "/.well-known/tallystick/witness"
    config = authority.config
    authority.config = config.model_copy(update={"witnesses": config.witnesses.model_copy(update={"push": [prefix]})})
    try:
        pusher = Pusher(authority)
        assert pusher.run_once() == 1
        pusher.close()
    finally:
        authority.config = config
    assert [each["name"] for each in open_checkpoint(network, "authority")["cosigners"]] == ["bank-a"]


def test_the_witnesses_that_a_node_knows_are_listed(network: Network) -> None:
    items = network.sign_in("bank-a", "maker").get("/v1/witnesses").json()["items"]
    assert {each["name"] for each in items} == {"bank-a", "bank-b"}
    assert all(len(each["public"]) == 64 for each in items)
