"""A subject of an OpenID provider signs in one account, and a certificate one program."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.clock import SettableClock
from ledger.errors import InputError, NotFound, NotPermitted, Refused
from nodes.keys.accounts import Accounts
from nodes.keys.keystore import Argon2Cost, KeyStore
from nodes.keys.links import Links
from nodes.private import PrivateStore

CHEAP = Argon2Cost(passes=1, memory_kib=8, lanes=1)
SECRET = "plum harvest in Yingkou"
SHA, OTHER_SHA = "a" * 64, "b" * 64


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PrivateStore]:
    store = PrivateStore(f"sqlite:///{tmp_path / 'private.db'}")
    yield store
    store.close()


@pytest.fixture
def accounts(store: PrivateStore, tmp_path: Path) -> Accounts:
    made = Accounts(store, KeyStore(tmp_path / "keys", os.urandom, CHEAP), SettableClock(1), os.urandom, CHEAP)
    made.add_user("li-wei", "Li Wei", "viewer", SECRET)
    made.add_user("wang-fang", "Wang Fang", "viewer", SECRET)
    made.add_client("core", "Core", "service", [])
    return made


@pytest.mark.usefixtures("accounts")
def test_a_subject_is_one_person_and_a_person_one_subject(store: PrivateStore) -> None:
    links = Links(store)
    links.link("li-wei", "lw@there")
    assert links.linked_user("lw@there").id == "li-wei" and links.is_linked("li-wei") and not links.is_linked("wang-fang")
    with pytest.raises(Refused, match="subject-taken"):
        links.link("wang-fang", "lw@there")
    links.link("li-wei", "li-wei")
    with pytest.raises(NotPermitted, match="oidc-account"):
        links.linked_user("lw@there")
    links.link("li-wei", "li-wei")
    links.unlink("li-wei")
    assert not links.is_linked("li-wei")
    links.link("wang-fang", "li-wei")
    assert links.linked_user("li-wei").id == "wang-fang"


@pytest.mark.usefixtures("accounts")
def test_only_people_are_linked_and_only_to_what_can_be_read(store: PrivateStore) -> None:
    links = Links(store)
    for unknown in ("nobody", "core"):
        with pytest.raises(NotFound, match="unknown-account"):
            links.link(unknown, "x")
        with pytest.raises(NotFound, match="unknown-account"):
            links.unlink(unknown)
    for subject in ("", "x" * 256, "a\x00b", "a\nb"):
        with pytest.raises(InputError, match="bad-subject"):
            links.link("li-wei", subject)


def test_a_disabled_account_is_nobodys(accounts: Accounts, store: PrivateStore) -> None:
    links = Links(store)
    links.link("li-wei", "lw")
    links.register_certificate("core", SHA)
    accounts.disable("li-wei")
    accounts.disable("core")
    with pytest.raises(NotPermitted, match="oidc-account"):
        links.linked_user("lw")
    with pytest.raises(NotPermitted, match="sign-in-failed"):
        links.client_by_certificate("core", SHA)


@pytest.mark.usefixtures("accounts")
def test_a_certificate_replaces_the_one_before(store: PrivateStore) -> None:
    links = Links(store)
    links.register_certificate("core", SHA)
    assert links.client_by_certificate("core", SHA).id == "core"
    links.register_certificate("core", OTHER_SHA)
    assert links.client_by_certificate("core", OTHER_SHA).id == "core"
    for client, shown in (("core", SHA), ("core", ""), ("nobody", OTHER_SHA), ("li-wei", OTHER_SHA)):
        with pytest.raises(NotPermitted, match="sign-in-failed"):
            links.client_by_certificate(client, shown)
    with pytest.raises(NotFound, match="unknown-account"):
        links.register_certificate("li-wei", SHA)
