"""A person and a member sign with keys in a hardware module, through the command line and the API."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from api.cli.homes import reading
from nodes.home import Home
from nodes.node import Node
from tests.api.cli.conftest import Tallystick, served
from tests.api.cli.test_accounts import key_entry, sign_in, signing
from tests.api.served import CHEAP
from tests.softhsm import PIN, section


@pytest.fixture
def pin_file(tmp_path: Path) -> Path:
    file = tmp_path / "pin"
    file.write_text(PIN + "\n", encoding="utf-8")
    return file


@pytest.fixture
def authority(founded: Path) -> Path:
    """A home that names the module."""
    home = Home(founded / "authority")
    home.write_config(home.read_config().model_copy(update={"pkcs11": section()}))
    return home.path


def test_a_maker_and_the_member_sign_with_keys_in_the_module(
    tallystick: Tallystick, founded: Path, authority: Path, pin_file: Path, tmp_path: Path
) -> None:
    home = ("--home", authority, "--json")
    people = (*signing(founded, "authority"), *home)
    secret = founded / "authority.maker.secret"
    before = {each["id"]: each["key_id"] for each in tallystick("user", "list", *home).json["items"]}
    made = tallystick("keys", "hsm", "one", "--user", "maker", "--secret-file", secret, "--pin-file", pin_file, *people)
    assert made.status == 0, made.err
    assert made.json["revoked"] == [before["maker"]] and PIN not in made.out
    mine = key_entry(authority, made.json["id"])
    assert mine is not None and (mine.alive, mine.purpose) == (True, "make")

    service = [each["id"] for each in tallystick("keys", "list", *home).json["items"] if each["purpose"] == "service"]
    own = tallystick("keys", "hsm", "two", "--pin-file", pin_file, *people)
    assert own.status == 0, own.err
    assert (own.json["revoked"], own.json["older"]) == (service, []), "a copy of the home signs nothing any more"
    assert [each["id"] for each in tallystick("keys", "list", *home).json["items"] if each["purpose"] == "service"] == [own.json["id"]]
    with reading(authority) as opened, opened.store.reading() as reader:
        record = reader.record(own.json["record_id"])
    assert record is not None and record.result["code"] == "ok"
    assert record.record.signers[0] == made.json["id"], "the maker signed by the module"

    node = Node.open(authority, cost=CHEAP)
    assert node.identity_key.id == own.json["id"]
    node.close()
    (tmp_path / "leaver").write_text("several words that nobody guesses", encoding="utf-8")
    leaver = tallystick("user", "add", "leaver", "--role", "maker", "--secret-file", tmp_path / "leaver", "--maker", "maker", *people)
    assert leaver.status == 0, leaver.err
    left = tallystick("user", "disable", "leaver", *home)
    assert left.json["revoked"] == [leaver.json["key_id"]], left.err
    ended = key_entry(authority, leaver.json["key_id"])
    assert ended is not None and not ended.alive, "the node signed by the module"

    with served(authority):
        assert sign_in(authority, "maker", "not the secret at all").status_code == 401
        answer = sign_in(authority, "maker", secret.read_text())
        assert answer.status_code == 200, answer.text
        bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        api = Home(authority).read_config().api
        who = httpx.get(f"http://{api.host}:{api.port}/v1/session", headers=bearer, timeout=120).json()
        assert who["key"] == "open"


def test_beside_a_running_node_the_older_key_counts_until_somebody_revokes_it(
    tallystick: Tallystick, founded: Path, authority: Path, pin_file: Path
) -> None:
    home = ("--home", authority, "--json")

    def service() -> list[str]:
        return [each["id"] for each in tallystick("keys", "list", *home).json["items"] if each["purpose"] == "service"]

    with served(authority):
        (older,) = service()
        own = tallystick("keys", "hsm", "one", "--pin-file", pin_file, *signing(founded, "authority"), *home)
        assert own.status == 0, own.err
        assert (own.json["revoked"], own.json["older"]) == ([], [older])
    with served(authority):
        mine = tallystick("keys", "revoke", own.json["id"], *home)
        assert (mine.status, mine.err.split(": ")[1]) == (1, "unknown-key"), "the node signs with it"
        assert tallystick("keys", "revoke", older, *home).status == 0
    assert service() == [own.json["id"]]


def test_a_key_is_registered_by_who_owns_it_and_where_a_module_is_named(
    tallystick: Tallystick, founded: Path, authority: Path, pin_file: Path
) -> None:
    people = signing(founded, "authority")
    wrong = ("--user", "maker", "--secret-file", founded / "authority.checker.secret", "--pin-file", pin_file)
    refused = tallystick("keys", "hsm", "one", *wrong, *people, "--home", authority)
    assert (refused.status, refused.err.split(": ")[1]) == (1, "sign-in-failed")
    unknown = tallystick("keys", "hsm", "nobody", "--pin-file", pin_file, *people, "--home", authority)
    assert (unknown.status, unknown.err.split(": ")[1]) == (1, "hsm-key")
    home = Home(authority)
    home.write_config(home.read_config().model_copy(update={"pkcs11": None}))
    nowhere = tallystick("keys", "hsm", "one", "--pin-file", pin_file, *people, "--home", authority)
    assert (nowhere.status, nowhere.err.split(": ")[1]) == (1, "no-hsm")
