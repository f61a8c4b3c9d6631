"""A thief holds the key file of one person at a bank, and the secret that opens it and signs in; and it reaches the bank's node."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
import pytest

from nodes.author import SigningKey
from nodes.keys.account import User
from nodes.keys.staff import StaffKeys
from tests.api.business import WAIT
from tests.api.rules import Rules
from tests.api.served import Network, problem
from tests.api.supervised import PLEDGE, declared, granted, usd
from tests.attacks.stolen import door
from tests.nodes.lending import caller_of
from tests.sealed_parts import demanded_parts

BANK = "bank-b"


@dataclass
class Stolen:
    """Somebody new at the bank, and what a thief has of them."""

    network: Network
    user: User
    secret: str
    keys: StaffKeys

    @property
    def signs(self) -> SigningKey:
        key = caller_of(self.network.nodes[BANK], self.user.id, self.secret).key
        assert key is not None
        return key

    def signed_in(self) -> httpx.Client:
        return self.network.sign_in(BANK, self.user.id)


def stolen(network: Network, user: str, role: str) -> Stolen:
    node, secret = network.nodes[BANK], f"the words of {user} that a thief has read"
    keys = StaffKeys(node.member, node.directory, node.author, node.outbox.send)
    account = node.accounts.add_user(user, user, role, secret)
    assert account.key_id is not None
    maker, checker = (caller_of(node, each, network.secrets[BANK, each]) for each in ("maker", "checker"))
    keys.add(node.keystore.info(account.key_id), account.person, maker, checker)
    network.secrets[BANK, user] = secret  # type: ignore[index]  # the network's own dictionary
    network.await_head(BANK)
    return Stolen(network, account, secret, keys)


@pytest.mark.usefixtures("answering")
def test_a_makers_key_holds_a_share_for_a_while_and_pays_nothing_out(network: Network, rules: Rules) -> None:
    """The thief can read what that person reads, apply, take in and prepare. Alone it cannot approve or pay out, by the API or by records
    of its own. What it held lapses. Every sign-in is in the log of the bank's administrators, with its address.
    """
    thief = stolen(network, "li-na", "maker")
    item = declared(network)
    granted(network, item, BANK)
    client = thief.signed_in()
    lines = [{"declaration_id": item["declaration_id"], "amount": usd("1000.00")}]
    applied = client.post("/v1/financings", json={"lines": lines, "product": "x", "reference": "x", "hold_days": 1}, headers=WAIT)
    assert applied.status_code == 201, applied.text
    financing = str(applied.json()["id"])
    assert client.post(f"/v1/financings/{financing}/intake", json={}).status_code == 200
    task = client.post(f"/v1/financings/{financing}/approve", json={"pledge": PLEDGE})
    assert task.status_code == 202, task.text
    assert client.post(f"{task.headers['location']}/sign").status_code == 403
    body = {"financing": financing, "shares": None}
    assert rules.code(BANK, "financing.approve", body, thief.signs) == "second-signature-missing"
    checkers = network.nodes[BANK].directory.keys(BANK, "check")
    alone = network.nodes[BANK].author.record(
        "financing.approve", body, [thief.signs, SigningKey(checkers[0].id, thief.signs.private)], demanded_parts("financing.approve")
    )
    assert door(network.nodes["authority"], alone.raw) == "bad-signature"
    # The person beside whom it would have to sign says no.
    said_no = network.sign_in(BANK, "checker").post(f"{task.headers['location']}/decline", json={"reason": "nobody asked for this"})
    assert said_no.status_code == 200, said_no.text
    seen = network.sign_in(BANK, "admin").get("/v1/sign-ins", params={"limit": 500}).json()["items"]
    assert ("li-na", "ok", "127.0.0.1") in {(each["account"], each["outcome"], each["address"]) for each in seen}


@pytest.mark.usefixtures("answering")
def test_a_checkers_key_prepares_nothing(network: Network) -> None:
    """The thief can sign what a maker prepared: the second pair of eyes is gone. It cannot prepare anything, nor sign as the maker too."""
    thief = stolen(network, "wang-fang", "checker")
    item = declared(network)
    granted(network, item, BANK)
    lines = [{"declaration_id": item["declaration_id"], "amount": usd("1000.00")}]
    refused = thief.signed_in().post("/v1/financings", json={"lines": lines, "product": "x", "reference": "x"}, headers=WAIT)
    assert problem(refused)["code"] == "not-permitted"


@pytest.mark.parametrize("role", ["maker", "checker"])
def test_once_it_is_known_the_key_is_worth_nothing(network: Network, role: str) -> None:
    """The bank disables the person and ends the key. From that record on nothing that the key signs is taken, anywhere, whatever the thief
    still holds open; what it signed before stands, with its time.
    """
    thief = stolen(network, f"gone-{role}", role)
    client, signs = thief.signed_in(), thief.signs
    assert client.get("/v1/policy").status_code == 200
    node = network.nodes[BANK]
    kept = node.author.record("enquiry.request", {"kind": "declarations"}, [signs], demanded_parts("enquiry.request")).raw
    node.accounts.disable(thief.user.id)
    assert thief.keys.end(thief.user.person, "compromised", node.identity_key) == [signs.id]
    assert problem(client.get("/v1/policy"))["code"] == "token-ended"
    assert door(network.nodes["authority"], kept) == "key-not-alive"
    for each in ("bank-a", "auditor"):
        network.await_head(each)
        key = network.nodes[each].directory.key(signs.id)
        assert key is not None and not key.alive
