"""Members, governance and orders through the public API, by the people of the authority and of the banks that govern."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from ledger.keys import public_of
from ledger.solo import SoloEngine
from tests.api.business import DAY_MS, answered, asked, consented, financed, imported, row, signed
from tests.api.served import Network, problem, served_network
from tests.sealed_parts import demanded_parts

pytestmark = pytest.mark.usefixtures("answering")
ENROL = "enterprise.enrol"
PAPER = {"document_sha256": "ab" * 32, "issuer": "Yingkou Intermediate Court", "reference": "(2026) 辽08 民初 17", "text": "freeze"}


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A network of its own: what happens to its members and its policy would disturb other tests."""
    with served_network(tmp_path_factory.mktemp("governed")) as served:
        yield served


def member(network: Network, slug: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = network.sign_in("authority", "maker").get("/v1/members").json()["items"]
    return next(each for each in found if each["member"] == slug)


def posted(
    network: Network, path: str, body: dict[str, Any] | None = None, node: str = "authority", user: str = "checker"
) -> httpx.Response:
    return network.sign_in(node, user).post(path, json=body or {}, headers={"Prefer": "wait=10"})


def key() -> str:
    return public_of(generate_private_key(SECP256R1())).public.hex()


def applicant(slug: str) -> dict[str, Any]:
    """A bank that applies, with a service key of its own."""
    keys = [{"alg": "p256", "public": key(), "purpose": "service"}]
    return {"member": slug, "role": "bank", "region": "210800", "name": slug, "keys": keys}


def admitted(network: Network, slug: str) -> None:
    """A new member, for one test alone: which tests share a network is the test runner's affair."""
    answer = posted(network, "/v1/members", applicant(slug), user="maker")
    assert answer.status_code == 201, answer.text


@pytest.mark.produces("record-type", "member.admit")
def test_a_bank_is_admitted_once(network: Network) -> None:
    body = applicant("bank-z")
    answer = posted(network, "/v1/members", body, user="maker")
    assert answer.status_code == 201, answer.text
    assert member(network, "bank-z")["status"] == "active"
    again = posted(network, "/v1/members", body, user="maker")
    assert problem(again)["code"] == "already-registered"
    assert problem(posted(network, "/v1/members", {**body, "role": "authority"}, user="maker"))["code"] == "invalid-request"
    assert posted(network, "/v1/members", body, "bank-a", "maker").status_code == 403


@pytest.mark.produces("record-type", "member.suspend", "member.reinstate")
@pytest.mark.produces("result-code", "suspended", "unknown-member")
def test_a_suspended_bank_starts_nothing_until_it_is_reinstated(network: Network) -> None:
    declaration = imported(network, row())[0]
    line = answered(network, consented(network, "bank-a"), [asked(declaration)], "bank-a")["lines"][0]
    assert posted(network, "/v1/members/bank-a/suspend", {"reason": "investigation"}).status_code == 200
    assert member(network, "bank-a")["status"] == "suspended"
    assert problem(posted(network, "/v1/members/bank-a/suspend", {"reason": "breach"}))["code"] == "wrong-state"
    network.await_head("bank-a")
    assert problem(financed(network, line["declaration_id"], "100.00"))["code"] == "suspended"
    assert posted(network, "/v1/members/bank-a/reinstate").status_code == 200
    assert problem(posted(network, "/v1/members/bank-a/reinstate"))["code"] == "wrong-state"
    network.await_head("bank-a")
    assert financed(network, line["declaration_id"], "100.00").status_code == 201
    assert problem(posted(network, "/v1/members/nobody/suspend", {"reason": "breach"}))["code"] == "unknown-member"
    assert problem(posted(network, "/v1/members/authority/suspend", {"reason": "breach"}))["code"] == "not-permitted"


@pytest.mark.produces("record-type", "governance.propose", "governance.approve")
@pytest.mark.produces("result-code", "already-approved")
def test_a_policy_changes_with_more_than_two_thirds_after_its_delay(network: Network) -> None:
    change = {"change": {"kind": "policy", "policy": {"hold_days_max": 20}}}
    proposed = posted(network, "/v1/governance/proposals", change).json()
    assert proposed["changes"] == {"hold_days_max": {"now": 15, "then": 20}}
    assert (proposed["state"], proposed["weight"], proposed["missing"]) == ("OPEN", {"approved": 1, "needed": 3}, ["bank-a", "bank-b"])
    path = f"/v1/governance/proposals/{proposed['id']}/approve"
    assert problem(posted(network, path))["code"] == "already-approved"
    states = []
    for bank in ("bank-a", "bank-b"):
        network.await_head(bank)
        states.append(posted(network, path, node=bank).json()["state"])
    assert states == ["OPEN", "SCHEDULED"]
    network.await_head("authority")
    authority = network.sign_in("authority", "maker")
    policy = authority.get("/v1/policy").json()
    assert policy["policy"]["hold_days_max"] == 15
    assert policy["scheduled"][0]["changes"] == {"hold_days_max": {"now": 15, "then": 20}}
    assert problem(posted(network, path, node="bank-a"))["code"] == "wrong-state"
    network.clock.advance(DAY_MS + 60_000)
    imported(network, row())
    assert network.sign_in("authority", "maker").get("/v1/policy").json()["policy"]["hold_days_max"] == 20


@pytest.mark.produces("admission-code", "quota-exceeded")
def test_records_beyond_a_members_quota_of_a_block_stand_in_the_next_ones(network: Network) -> None:
    """Nobody is told to come again: what admission drops as `quota-exceeded` waits for the next block."""
    change = {"change": {"kind": "policy", "policy": {"records_per_member_block": 10}}}
    path = f"/v1/governance/proposals/{posted(network, '/v1/governance/proposals', change).json()['id']}/approve"
    for bank in ("bank-a", "bank-b"):
        network.await_head(bank)
        posted(network, path, node=bank)
    network.clock.advance(DAY_MS + 60_000)
    imported(network, row())
    authority = network.nodes["authority"]
    assert isinstance(authority.engine, SoloEngine)
    raws = [authority.author.record(ENROL, {}, [authority.identity_key], demanded_parts(ENROL)).raw for _ in range(25)]
    program = network.sign_in("authority", "core")
    # All of them are there before the next block is begun.
    authority.engine.pause()
    try:
        taken = [program.post("/v1/records", content=raw).status_code for raw in raws]
    finally:
        authority.engine.resume()
    assert taken == [202] * 25
    receipts = [program.post("/v1/records", content=raw, headers={"Prefer": "wait=30"}).json() for raw in raws]
    assert {receipt["result"]["code"] for receipt in receipts} == {"ok"}
    assert sorted(Counter(receipt["height"] for receipt in receipts).values()) == [5, 10, 10]


@pytest.mark.produces("problem-code", "nothing-changes")
@pytest.mark.produces("result-code", "unknown-proposal")
def test_what_does_not_fit_is_no_proposal(network: Network) -> None:
    for change, code in (
        ({"kind": "policy", "policy": {"hold_days_max": 61}}, "malformed"),
        ({"kind": "policy", "policy": {"colour": 1}}, "malformed"),
        ({"kind": "policy", "policy": {"ceiling_ppm": 1_000_000}}, "nothing-changes"),
        ({"kind": "registrar", "member": "nobody"}, "unknown-member"),
        ({"kind": "registrar", "member": "bank-a"}, "malformed"),
        ({"kind": "rules", "version": 1, "at": 0}, "malformed"),
        ({"kind": "validators"}, "invalid-request"),
    ):
        assert problem(posted(network, "/v1/governance/proposals", {"change": change}))["code"] == code
    assert problem(posted(network, f"/v1/governance/proposals/{'0' * 64}/approve"))["code"] == "unknown-proposal"
    assert (
        problem(
            posted(network, "/v1/governance/proposals", {"change": {"kind": "registrar", "member": "authority"}}, "auditor", "dashboard")
        )["status"]
        == 403
    )


@pytest.mark.produces("record-type", "order.freeze", "order.lift")
@pytest.mark.produces("result-code", "already-lifted", "unknown-order")
def test_a_frozen_declaration_takes_no_hold_until_the_last_order_is_lifted(network: Network) -> None:
    declaration = imported(network, row())[0]
    line = answered(network, consented(network), [asked(declaration)])["lines"][0]
    target = {"kind": "declaration", "target": line["declaration_id"]}
    first, second = (posted(network, "/v1/orders", {**PAPER, **target}).json() for _ in range(2))
    network.await_head("bank-a")
    refused = problem(financed(network, line["declaration_id"], "100.00"))
    assert (refused["code"], "Yingkou" in str(refused)) == ("frozen", False)
    assert posted(network, f"/v1/orders/{first['id']}/lift", PAPER).json()["state"] == "lifted"
    assert problem(posted(network, f"/v1/orders/{first['id']}/lift", PAPER))["code"] == "already-lifted"
    network.await_head("bank-a")
    assert problem(financed(network, line["declaration_id"], "100.00"))["code"] == "frozen"
    assert posted(network, f"/v1/orders/{second['id']}/lift", PAPER).status_code == 200
    network.await_head("bank-a")
    assert financed(network, line["declaration_id"], "100.00").status_code == 201
    listed = network.sign_in("authority", "maker").get("/v1/orders").json()["items"]
    assert {each["id"]: each["reference"] for each in listed}[first["id"]] == PAPER["reference"]
    newest = network.sign_in("authority", "maker").get("/v1/orders", params={"limit": "1"}).json()
    older = network.sign_in("authority", "maker").get("/v1/orders", params={"limit": "1", "after": newest["next"]}).json()
    assert [each["id"] for answer in (newest, older) for each in answer["items"]] == [each["id"] for each in listed[:2]]
    assert problem(posted(network, f"/v1/orders/{'0' * 64}/lift", PAPER))["code"] == "unknown-order"
    assert network.sign_in("bank-a", "maker").get("/v1/orders").status_code == 403


def test_a_frozen_bank_starts_nothing_and_a_frozen_financing_is_not_approved(network: Network) -> None:
    declaration = imported(network, row())[0]
    line = answered(network, consented(network, "bank-b"), [asked(declaration)], "bank-b")["lines"][0]
    path = financed(network, line["declaration_id"], "100.00", "bank-b").headers["location"]
    order = posted(network, "/v1/orders", {**PAPER, "kind": "financing", "target": path.rpartition("/")[2]}).json()
    network.await_head("bank-b")
    maker = network.sign_in("bank-b", "maker")
    assert problem(maker.post(f"{path}/intake", json={}))["code"] == "frozen"
    assert posted(network, f"/v1/orders/{order['id']}/lift", PAPER).status_code == 200
    order = posted(network, "/v1/orders", {**PAPER, "kind": "member", "target": "bank-b"}).json()
    assert member(network, "bank-b")["frozen"] is True
    network.await_head("bank-b")
    assert problem(maker.post(f"{path}/intake", json={}))["code"] == "frozen"
    assert posted(network, f"/v1/orders/{order['id']}/lift", PAPER).status_code == 200
    assert problem(posted(network, "/v1/orders", {**PAPER, "kind": "member", "target": "authority"}))["code"] == "not-permitted"
    network.await_head("bank-b")
    assert maker.post(f"{path}/intake", json={}).status_code == 200
    pledge = {"agreement": "A-1", "registration_number": "R-1", "registered_at": "2026-10-26T08:00:00Z"}
    assert signed(network, maker.post(f"{path}/approve", json={"pledge": pledge}), "bank-b")["result"]["code"] == "ok"


def test_an_order_reaches_no_bank_in_words(network: Network, tmp_path: Path) -> None:
    home = network.founded.homes["bank-a"]
    assert not [path for path in home.rglob("*") if path.is_file() and PAPER["issuer"].encode() in path.read_bytes()]


def test_two_people_of_the_authority_register_a_key_of_a_member_that_has_nobody(network: Network) -> None:
    admitted(network, "bank-y")
    body = {"alg": "p256", "public": key(), "purpose": "make", "person": "first-maker"}
    prepared = posted(network, "/v1/members/bank-y/keys", body, user="maker")
    assert (prepared.status_code, prepared.json()["summary"]["member"]) == (202, "bank-y"), prepared.text
    task = prepared.headers["location"]
    assert posted(network, f"{task}/sign", user="maker").status_code == 403
    assert posted(network, f"{task}/sign").json()["result"]["code"] == "ok"
    assert problem(posted(network, "/v1/members/bank-y/keys", body, user="maker"))["code"] == "already-registered"
    assert problem(posted(network, "/v1/members/nobody/keys", {**body, "public": key()}, user="maker"))["code"] == "unknown-member"
    assert posted(network, "/v1/members/bank-y/keys", body, "bank-a", "maker").status_code == 403


@pytest.mark.produces("record-type", "member.succeed")
def test_a_bank_is_succeeded_once_and_its_heir_may_not_be_itself(network: Network) -> None:
    admitted(network, "bank-x")
    assert problem(posted(network, "/v1/members/bank-x/succeed", {"heir": "bank-x"}))["code"] == "malformed"
    assert posted(network, "/v1/members/bank-x/succeed", {"heir": "bank-b"}).status_code == 200
    found = member(network, "bank-x")
    assert (found["status"], found["heir"]) == ("succeeded", "bank-b")
    assert problem(posted(network, "/v1/members/bank-x/succeed", {"heir": "bank-b"}))["code"] == "wrong-state"
