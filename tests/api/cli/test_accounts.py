from __future__ import annotations

import io
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from api.cli.homes import reading
from nodes.directory import Directory, MemberKey
from nodes.home import Home
from nodes.node import Node
from tests.api.cli.conftest import Tallystick, served
from tests.api.served import CHEAP

SECRET = "several words that nobody guesses"


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text(SECRET + "\nthe rest is not read\n", encoding="utf-8")
    return file


def signing(net: Path, home: str = "bank-a") -> tuple[object, ...]:
    """The options that let the people of the founding sign for a key."""
    return ("--maker-secret-file", net / f"{home}.maker.secret", "--checker-secret-file", net / f"{home}.checker.secret")


def sign_in(home: Path, user: str, secret: str) -> httpx.Response:
    api = Home(home).read_config().api
    form = {"grant_type": "client_credentials", "client_id": user, "client_secret": secret}
    return httpx.post(f"http://{api.host}:{api.port}/oauth2/token", data=form, timeout=120)


def key_entry(home: Path, key_id: str) -> MemberKey | None:
    """What the home's replica says of a key."""
    with reading(home) as opened:
        return Directory(opened.store).key(key_id)


def test_people_added_beside_the_running_node_sign_for_the_next_ones(tallystick: Tallystick, founded: Path, tmp_path: Path) -> None:
    bank = founded / "bank-a"
    home = ("--home", bank, "--json")
    secrets = {user: f"the secret words of {user}, all of them" for user in ("li-wei", "wang-fang", "zhao-min")}
    files = {user: tmp_path / user for user in secrets}
    for user, secret in secrets.items():
        files[user].write_text(secret, encoding="utf-8")
    with served(founded / "authority", bank):
        maker = tallystick("user", "add", "li-wei", "--role", "maker", "--secret-file", files["li-wei"], *signing(founded), *home)
        assert maker.status == 0, maker.err
        # From here on there are two makers, so the one who is to sign is named.
        unnamed = tallystick("user", "add", "wang-fang", "--role", "checker", "--secret-file", files["wang-fang"], *signing(founded), *home)
        assert (unnamed.status, unnamed.err.split(": ")[1]) == (2, "bad-account")
        asked = ("--maker", "li-wei", "--maker-secret-file", files["li-wei"], "--checker-secret-file", founded / "bank-a.checker.secret")
        checker = tallystick("user", "add", "wang-fang", "--role", "checker", "--secret-file", files["wang-fang"], *asked, *home)
        assert checker.status == 0, checker.err
        both = (*asked[:4], "--checker", "wang-fang", "--checker-secret-file", files["wang-fang"])
        third = tallystick("user", "add", "zhao-min", "--role", "maker", "--secret-file", files["zhao-min"], *both, *home)
        assert third.status == 0, third.err
        with reading(bank) as opened, opened.store.reading() as reader:
            record = reader.record(third.json["record_id"])
        assert record is not None
        assert (record.result["code"], record.record.type) == ("ok", "key.add")
        assert record.record.signers == [maker.json["key_id"], checker.json["key_id"]]
        assert {user: sign_in(bank, user, secrets[user]).status_code for user in secrets} == dict.fromkeys(secrets, 200)
        assert sign_in(bank, "li-wei", secrets["wang-fang"]).status_code == 401

        wrong = (*both[:-1], files["li-wei"])
        failed = tallystick("user", "rotate", "zhao-min", "--secret-file", files["zhao-min"], *wrong, *home)
        assert (failed.status, failed.err.split(": ")[1]) == (1, "sign-in-failed")
        rotated = tallystick("user", "rotate", "zhao-min", "--secret-file", files["zhao-min"], *both, *home)
        assert rotated.json["revoked"] == [third.json["key_id"]], rotated.err
        new, old = key_entry(bank, rotated.json["key_id"]), key_entry(bank, third.json["key_id"])
        assert new is not None and old is not None
        assert (new.alive, old.alive, new.person) == (True, False, old.person)

        left = tallystick("user", "disable", "zhao-min", *home)
        assert (left.json["disabled"], left.json["revoked"]) == (True, [rotated.json["key_id"]]), left.err
        assert sign_in(bank, "zhao-min", secrets["zhao-min"]).status_code == 401
        ended = key_entry(bank, rotated.json["key_id"])
        assert ended is not None and not ended.alive
        again = tallystick("user", "disable", "zhao-min", *home)
        assert (again.status, again.json["revoked"]) == (0, [])

        seen = tallystick("user", "sign-ins", *home).json["items"]
        people = [(each["account"], each["way"], each["outcome"], each["address"]) for each in seen if each["way"] != "assertion"]
        assert people[:2] == [
            ("zhao-min", "client-secret", "sign-in-failed", "127.0.0.1"),
            ("li-wei", "client-secret", "sign-in-failed", "127.0.0.1"),
        ]
        assert ("bank-a", "assertion", "ok") in {(each["account"], each["way"], each["outcome"]) for each in seen}
        older = tallystick("user", "sign-ins", *home, "--before", str(seen[0]["number"]), "--limit", "1").json["items"]
        assert [each["number"] for each in older] == [seen[1]["number"]]


def test_a_home_that_nobody_runs_brings_the_key_to_the_ledger_itself(tallystick: Tallystick, founded: Path, secret_file: Path) -> None:
    home = ("--home", founded / "authority", "--json")
    added = tallystick(
        "user", "add", "li-wei", "--role", "maker", "--name", "李伟", "--secret-file", secret_file, *signing(founded, "authority"), *home
    )
    assert added.status == 0, added.err
    assert SECRET not in added.out
    entry = key_entry(founded / "authority", added.json["key_id"])
    assert entry is not None and entry.alive
    assert tallystick("user", "disable", "li-wei", *home).json["revoked"] == [added.json["key_id"]]
    listed = {each["id"]: each for each in tallystick("user", "list", *home).json["items"]}
    assert set(listed) == {"checker", "li-wei", "maker"}
    assert (listed["li-wei"]["disabled"], listed["li-wei"]["name"]) == (True, "李伟")


def test_rotating_completes_a_person_whose_key_never_reached_the_ledger(tallystick: Tallystick, founded: Path, secret_file: Path) -> None:
    authority = founded / "authority"
    with closing(Node.open(authority, cost=CHEAP)) as node:
        cut_off = node.accounts.add_user("li-wei", "Li Wei", "maker", SECRET)
    home = ("--secret-file", secret_file, *signing(founded, "authority"), "--home", authority, "--json")
    rotated = tallystick("user", "rotate", "li-wei", *home)
    assert rotated.json["revoked"] == [], rotated.err
    entry = key_entry(authority, rotated.json["key_id"])
    assert entry is not None and (entry.alive, entry.person) == (True, cut_off.person)
    assert key_entry(authority, cut_off.key_id or "") is None


def test_without_the_ledger_no_maker_is_added_and_one_who_leaves_is_shut_out_at_once(
    tallystick: Tallystick, founded: Path, secret_file: Path
) -> None:
    home = ("--home", founded / "bank-a", "--json")
    failed = tallystick("user", "add", "li-wei", "--role", "maker", "--secret-file", secret_file, *signing(founded), *home)
    assert (failed.status, failed.err.split(": ")[1]) == (3, "upstream-unreachable")
    assert {each["id"] for each in tallystick("user", "list", *home).json["items"]} == {"checker", "maker"}
    left = tallystick("user", "disable", "maker", *home)
    assert left.status == 3
    assert "the key still counts" in left.err
    assert {each["id"]: each["disabled"] for each in tallystick("user", "list", *home).json["items"]} == {"checker": False, "maker": True}


def test_the_secrets_of_three_people_may_come_line_by_line(tallystick: Tallystick, founded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [SECRET, *((founded / f"authority.{user}.secret").read_text("utf-8") for user in ("maker", "checker"))]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("\n".join(lines).encode())))
    added = tallystick("user", "add", "li-wei", "--role", "checker", "--home", founded / "authority", "--json")
    assert added.status == 0, added.err


def test_a_program_gets_its_secret_once_and_a_new_one_on_demand(tallystick: Tallystick, founded: Path) -> None:
    home = ("--home", founded / "bank-a", "--json")
    added = tallystick("client", "add", "core", "--scope", "ledger:read", *home).json
    assert (added["scopes"], added["role"]) == ("ledger:read", "service")
    assert len(added["secret"]) > 40
    assert tallystick("client", "rotate", "core", *home).json["secret"] != added["secret"]
    assert "secret" not in tallystick("client", "list", *home).json["items"][0]
    assert tallystick("client", "disable", "core", *home).json["disabled"] is True


def test_people_and_programs_are_not_mistaken_for_each_other(tallystick: Tallystick, founded: Path) -> None:
    home = ("--home", founded / "bank-a")
    assert tallystick("client", "disable", "maker", *home).err.startswith("tallystick: bad-account: ")
    assert tallystick("client", "add", "maker", *home).err.startswith("tallystick: account-exists: ")
    assert tallystick("user", "disable", "nobody", *home).err.startswith("tallystick: unknown-account: ")


def test_a_weak_or_missing_secret_makes_no_user(
    tallystick: Tallystick, founded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = ("--home", founded / "bank-a", "--json")
    weak = tmp_path / "weak"
    weak.write_text("password1234", encoding="utf-8")
    for options in (["--secret-file", weak], ["--secret-file", tmp_path / "missing"], []):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
        failed = tallystick("user", "add", "li-wei", "--role", "viewer", *options, *home)
        assert (failed.status, failed.out) == (2, "")
    assert len(tallystick("user", "list", *home).json["items"]) == 2


def test_a_secret_may_come_on_stdin(tallystick: Tallystick, founded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(SECRET.encode() + b"\r\n")))
    assert tallystick("user", "add", "li-wei", "--role", "viewer", "--home", founded / "bank-a").status == 0


def test_a_person_is_linked_to_an_outside_subject_and_unlinked(tallystick: Tallystick, founded: Path) -> None:
    home = ("--home", founded / "authority")
    assert tallystick("user", "link", "maker", "--oidc-subject", "lw@there", *home).status == 0
    taken = tallystick("user", "link", "checker", "--oidc-subject", "lw@there", *home)
    assert (taken.status, taken.err.split(": ")[1]) == (1, "subject-taken")
    assert tallystick("user", "unlink", "maker", *home).status == 0
    assert tallystick("user", "link", "checker", "--oidc-subject", "lw@there", *home).status == 0
    assert tallystick("user", "link", "nobody", "--oidc-subject", "x", *home).err.split(": ")[1] == "unknown-account"
