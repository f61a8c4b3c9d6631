"""The validators of a network whose genesis names some, through the public API: who they are, another key for one of them, and no haste."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ledger.keys import ED25519, key_id
from tests.api.business import DAY_MS, signed
from tests.api.rules import Rules
from tests.api.served import Network, problem, served_network

MEMBERS = ("authority", "bank-a", "bank-b", "auditor")


def named(genesis: dict[str, Any]) -> None:
    """Four members with a key for it validate, each with the same power."""
    application = genesis["application"]
    application["validators"] = []
    for member in application["members"]:
        public = os.urandom(32).hex()
        member["keys"].append({"alg": "ed25519", "public": public, "purpose": "validate", "person": None})
        application["validators"].append({"member": member["member"], "public": public, "power": 10})


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with served_network(tmp_path_factory.mktemp("validated"), amend=named) as served:
        yield served


def seats(network: Network) -> list[dict[str, Any]]:
    """The set in force, as a proposal names it."""
    found = network.sign_in("authority", "maker").get("/v1/network").json()["validators"]
    assert [each["public"] for each in found] == sorted(each["public"] for each in found)
    return [{name: each[name] for name in ("member", "key", "power")} for each in found]


def proposed(network: Network, validators: list[dict[str, Any]]) -> httpx.Response:
    body = {"change": {"kind": "validators", "validators": validators}}
    return network.sign_in("authority", "maker").post("/v1/governance/proposals", json=body, headers={"Prefer": "wait=10"})


@pytest.mark.produces("result-code", "power-change-too-large")
def test_a_third_of_the_power_is_not_changed_at_once_in_the_rehearsal_or_on_the_ledger(network: Network) -> None:
    assert sorted(each["member"] for each in seats(network)) == sorted(MEMBERS)
    two = seats(network)[:2]
    assert problem(proposed(network, two))["code"] == "power-change-too-large"
    change = {"change": {"kind": "validators", "validators": two}}
    assert Rules(network).code("authority", "governance.propose", change) == "power-change-too-large"


def test_a_set_that_does_not_fit_is_refused_in_words(network: Network) -> None:
    others = [each for each in seats(network) if each["member"] != "bank-a"]
    assert problem(proposed(network, [*others, {"member": "bank-a", "key": "0" * 64, "power": 10}]))["code"] == "unknown-key"
    assert problem(proposed(network, [*others, {"member": "bank-a", "key": "short", "power": 10}]))["code"] == "invalid-request"
    assert problem(proposed(network, [{**each, "power": 0} for each in others]))["code"] == "invalid-request"
    assert problem(proposed(network, []))["code"] == "invalid-request"


def test_a_member_takes_another_key_and_the_old_one_ends_when_it_votes_no_more(network: Network) -> None:
    rules, public = Rules(network), os.urandom(32)
    new = key_id(ED25519, public)
    maker = network.sign_in("bank-a", "maker")
    body = {"alg": "ed25519", "public": public.hex(), "purpose": "validate"}
    assert maker.post("/v1/members/bank-b/keys", json=body).status_code == 409
    prepared = maker.post("/v1/members/bank-a/keys", json=body, headers={"Prefer": "wait=10"})
    summary = {"action": "add-key", "member": "bank-a", "purpose": "validate", "person": None, "public": public.hex()}
    assert prepared.json()["summary"] == summary
    assert signed(network, prepared)["result"]["code"] == "ok"
    network.await_head("authority")
    before = seats(network)
    (old,) = [each["key"] for each in before if each["member"] == "bank-a"]
    wanted = [{**each, "key": new} if each["member"] == "bank-a" else each for each in before]
    answer = proposed(network, wanted)
    assert answer.status_code == 201, answer.text
    assert answer.json()["changes"] == {f"bank-a:{old}": {"now": 10, "then": None}, f"bank-a:{new}": {"now": None, "then": 10}}
    for bank in ("bank-a", "bank-b"):
        network.await_head(bank)
        path = f"/v1/governance/proposals/{answer.json()['id']}/approve"
        assert network.sign_in(bank, "checker").post(path, json={}, headers={"Prefer": "wait=10"}).status_code == 200
    network.clock.advance(DAY_MS + 60_000)
    revocation = {"key": old, "reason": "rotated"}
    # The change is in force in the block of the first record after its time, before that record.
    assert rules.code("bank-b", "key.revoke", revocation) == "not-permitted"
    assert sorted(each["key"] for each in seats(network)) == sorted(each["key"] for each in wanted)
    assert rules.code("bank-a", "key.revoke", {**revocation, "key": new}) == "wrong-state"
    rules.done("bank-a", "key.revoke", revocation)
