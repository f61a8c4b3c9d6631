"""`tallystick members`, `governance` and `keys`, beside running nodes and without; and a member whose people were all lost."""

from __future__ import annotations

import json
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.cli.homes import reading
from contracts.ruleset import RULEBOOK
from ledger.keys import public_of
from nodes.directory import Directory
from tests.api.cli.conftest import Tallystick, served


def by(net: Path, user: str, home: str = "authority") -> tuple[object, ...]:
    return ("--home", net / home, "--user", user, "--secret-file", net / f"{home}.{user}.secret", "--json")


def statuses(tallystick: Tallystick, home: Path) -> dict[str, str]:
    return {each["member"]: each["status"] for each in tallystick("members", "list", "--home", home, "--json").json["items"]}


def proposals(tallystick: Tallystick, home: Path) -> list[str]:
    return [each["id"] for each in tallystick("governance", "list", "--home", home, "--json").json["items"]]


def test_the_authority_admits_suspends_and_reinstates_with_its_node_at_rest(tallystick: Tallystick, founded: Path, tmp_path: Path) -> None:
    application = tmp_path / "bank-z.json"
    key = {"alg": "p256", "public": public_of(generate_private_key(SECP256R1())).public.hex(), "purpose": "service"}
    application.write_text(json.dumps({"member": "bank-z", "role": "bank", "region": "210800", "name": "Bank Z", "keys": [key]}))
    admitted = tallystick("members", "admit", application, *by(founded, "maker"))
    assert (admitted.status, admitted.json["result"]["code"]) == (0, "ok"), admitted.err
    again = tallystick("members", "admit", application, *by(founded, "maker"))
    assert (again.status, again.err.split(": ")[1]) == (1, "already-registered")
    assert tallystick("members", "suspend", "bank-z", "--reason", "request", *by(founded, "checker")).status == 0
    assert statuses(tallystick, founded / "authority")["bank-z"] == "suspended"
    assert tallystick("members", "reinstate", "bank-z", *by(founded, "checker")).status == 0
    assert tallystick("members", "succeed", "bank-z", "--heir", "bank-a", *by(founded, "checker")).status == 0
    assert statuses(tallystick, founded / "authority")["bank-z"] == "succeeded"
    wrong = tallystick("members", "reinstate", "bank-a", *by(founded, "maker")[:4], "--secret-file", founded / "bank-a.maker.secret")
    assert wrong.status == 1


def test_governors_propose_and_approve_beside_their_running_nodes(tallystick: Tallystick, founded: Path) -> None:
    change = json.dumps({"kind": "policy", "policy": {"hold_days_max": 20}})
    with served(founded / "authority", founded / "bank-a"):
        proposed = tallystick("governance", "propose", change, *by(founded, "maker"))
        assert proposed.status == 0, proposed.err
        assert proposed.json["state"] == "OPEN"
        proposal = proposed.json["id"]
        end = time.monotonic() + 120
        while proposal not in proposals(tallystick, founded / "bank-a"):
            assert time.monotonic() < end, "the bank's replica did not get the proposal"
        approved = tallystick("governance", "approve", proposal, *by(founded, "checker", "bank-a"))
        assert (approved.status, approved.json["state"]) == (0, "SCHEDULED"), approved.err
    (listed,) = tallystick("governance", "list", "--home", founded / "bank-a", "--json").json["items"]
    assert (listed["changes"], listed["missing"]) == ({"hold_days_max": {"now": 15, "then": 20}}, [])
    assert "hold_days_max 15 -> 20" in tallystick("governance", "list", "--home", founded / "authority").out
    assert tallystick("governance", "propose", "{", *by(founded, "maker")).status == 2


def test_the_authority_registers_the_first_maker_of_a_member_that_has_nobody(tallystick: Tallystick, founded: Path, tmp_path: Path) -> None:
    bank, secret, key = founded / "bank-a", tmp_path / "secret", tmp_path / "key.json"
    secret.write_text("several words that nobody guesses", encoding="utf-8")
    with served(founded / "authority", bank):
        left = tallystick("user", "disable", "maker", "--home", bank, "--json")
        assert left.json["revoked"], left.err
        added = ("user", "add", "li-wei", "--role", "maker", "--secret-file", secret, "--home", bank, "--json")
        signing = ("--maker-secret-file", founded / "bank-a.maker.secret", "--checker-secret-file", founded / "bank-a.checker.secret")
        alone = tallystick(*added, *signing)
        assert (alone.status, alone.err.split(": ")[1]) == (1, "no-second-person")
        assert "user prepare" in alone.err
        made = tallystick("user", "prepare", *added[2:], "-o", key)
        assert made.status == 0, made.err
        people = ("--maker-secret-file", founded / "authority.maker.secret", "--checker-secret-file", founded / "authority.checker.secret")
        registered = tallystick("members", "add-key", key, "--home", founded / "authority", *people, "--json")
        assert registered.status == 0, registered.err
    with reading(founded / "authority") as opened:
        known = Directory(opened.store).key(made.json["key_id"])
    assert known is not None
    assert (known.member, known.purpose, known.alive) == ("bank-a", "make", True)


def test_a_network_without_validators_says_so_and_which_rules_it_runs_under(tallystick: Tallystick, founded: Path, tmp_path: Path) -> None:
    home = ("--home", founded / "authority")
    seat = f"authority:{'ab' * 32}:10"
    refused = tallystick("governance", "propose", "--validator", seat, *by(founded, "maker"))
    assert (refused.status, refused.err.split(": ")[1]) == (1, "wrong-state"), refused.err
    file = tmp_path / "change.json"
    file.write_text(json.dumps({"kind": "validators", "validators": [{"member": "authority", "key": "ab" * 32, "power": 10}]}))
    same = tallystick("governance", "propose", "--file", file, *by(founded, "maker"))
    assert same.err == refused.err
    for wrong in (["--validator", "authority:10"], ["--validator", f"{seat}0000000"], ["--validator", seat, "{}"], []):
        assert tallystick("governance", "propose", *wrong, *by(founded, "maker")).status == 2
    assert tallystick("governance", "validators", *home, "--json").json == {"items": []}
    newest = max(RULEBOOK)
    told = tallystick("governance", "rules", *home, "--json").json
    assert told == {"known": sorted(RULEBOOK), "in_force": newest, "to_come": []}
    change = json.dumps({"kind": "rules", "version": newest + 1, "at": 0})
    with served(founded / "authority", founded / "bank-a"):
        proposal = tallystick("governance", "propose", change, *by(founded, "maker")).json["id"]
        end = time.monotonic() + 120
        while proposal not in proposals(tallystick, founded / "bank-a"):
            assert time.monotonic() < end, "the bank's replica did not get the proposal"
        approved = tallystick("governance", "approve", proposal, *by(founded, "checker", "bank-a"))
        assert approved.json["state"] == "SCHEDULED", approved.err
    (coming,) = tallystick("governance", "rules", *home, "--json").json["to_come"]
    assert coming == {"version": newest + 1, "from": approved.json["effective"], "known": False}
    assert "upgrade this program before" in tallystick("governance", "rules", *home).out


def test_an_engines_key_is_added_by_two_people_and_ended_by_its_node(tallystick: Tallystick, founded: Path) -> None:
    home = ("--home", founded / "authority", "--json")
    people = ("--maker-secret-file", founded / "authority.maker.secret", "--checker-secret-file", founded / "authority.checker.secret")
    public = Ed25519PrivateKey.generate().public_key().public_bytes_raw().hex()
    added = tallystick("keys", "add", public, *people, *home)
    assert added.status == 0, added.err
    listed = tallystick("keys", "list", *home).json["items"]
    assert {"id": added.json["id"], "purpose": "validate", "alg": "ed25519", "public": public, "power": None} in listed
    again = tallystick("keys", "add", public, *people, *home)
    assert (again.status, again.err.split(": ")[1]) == (1, "already-registered")
    for wrong in (public[:-2], public[:-2] + "zz", " " + public[:-1]):
        assert tallystick("keys", "add", wrong, *people, *home).status == 2
    theirs = tallystick("keys", "add", "22" * 32, "--member", "bank-a", *people, *home)
    assert theirs.status == 0, theirs.err
    assert theirs.json["id"] in [each["id"] for each in tallystick("keys", "list", "--member", "bank-a", *home).json["items"]]
    not_ours = tallystick("keys", "revoke", theirs.json["id"], *home)
    assert (not_ours.status, not_ours.err.split(": ")[1]) == (1, "unknown-key")
    assert tallystick("keys", "revoke", added.json["id"], "--reason", "compromised", *home).status == 0
    assert added.json["id"] not in [each["id"] for each in tallystick("keys", "list", *home).json["items"]]
