from __future__ import annotations

from collections.abc import Iterator

import pytest

from ledger.errors import NotPermitted, Refused
from nodes.caller import Caller
from nodes.financings.apply import ApplicationLine
from nodes.financings.steps import Pledge
from nodes.keys.account import User
from nodes.keys.staff import StaffKeys
from nodes.outcomes import RuleRefused
from nodes.tasks import Tasks
from tests.nodes.lending import DAY, Desk, Lending, caller_of, lending, usd
from tests.sealed_parts import demanded_parts

MAKERS_SECRET, CHECKERS_SECRET = "three quiet rivers", "four louder rivers"


@pytest.fixture
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lending]:
    with lending(tmp_path_factory.mktemp("market") / "net") as network:
        yield network


def staff_keys(desk: Desk) -> StaffKeys:
    node = desk.node
    return StaffKeys(node.member, node.directory, node.author, node.outbox.send)


def hired(desk: Desk, user: str, role: str, secret: str) -> tuple[User, Caller]:
    """Somebody new, for whose key the people of the founding sign."""
    account = desk.node.accounts.add_user(user, user.title(), role, secret)
    assert account.key_id is not None
    staff_keys(desk).add(desk.node.keystore.info(account.key_id), account.person, desk.maker, desk.checker)
    return account, caller_of(desk.node, user, secret)


def test_a_new_maker_prepares_an_application_and_a_new_checker_completes_it(market: Lending) -> None:
    desk = market.a
    _, maker = hired(desk, "li-wei", "maker", MAKERS_SECRET)
    _, checker = hired(desk, "wang-fang", "checker", CHECKERS_SECRET)
    assert maker.key is not None and checker.key is not None
    line = ApplicationLine(market.granted(usd("36250.00")))
    applied = desk.financings.apply(maker, [line], product="", reference="A-1")
    assert applied.id is not None
    desk.financings.intake(maker, applied.id)
    task = desk.financings.approve(maker, applied.id, Pledge("a", "1", DAY))
    receipt = Tasks(desk.node).sign(task.id, checker)
    assert desk.financings.get(applied.id).state == "APPROVED"
    with desk.node.store.reading() as reader:
        stored = reader.record(receipt.record_id)
    assert stored is not None and stored.record.signers == [maker.key.id, checker.key.id]


def test_a_key_opens_with_its_persons_secret_only(market: Lending) -> None:
    desk = market.a
    account, _ = hired(desk, "li-wei", "maker", MAKERS_SECRET)
    hired(desk, "wang-fang", "checker", CHECKERS_SECRET)
    with pytest.raises(NotPermitted, match="secret-wrong"):
        desk.node.accounts.open_key(account, CHECKERS_SECRET)


def test_who_left_signs_nothing_more_even_with_the_key_still_open(market: Lending) -> None:
    desk = market.a
    account, maker = hired(desk, "li-wei", "maker", MAKERS_SECRET)
    assert maker.key is not None
    held = desk.node.author.record("enquiry.request", {"kind": "declarations"}, [maker.key], demanded_parts("enquiry.request"))
    assert staff_keys(desk).end(account.person, "left", desk.node.identity_key) == [account.key_id]
    with pytest.raises(Refused, match="key-not-alive"):
        desk.node.outbox.send(held.raw, "enquiry.request")
    with pytest.raises(NotPermitted, match="key-not-alive"):
        staff_keys(desk).check_signers(maker, desk.checker)
    assert staff_keys(desk).end(account.person, "left", desk.node.identity_key) == []


def test_a_key_takes_a_maker_and_a_checker_who_are_two_people(market: Lending) -> None:
    desk = market.a
    key = desk.node.keystore.info(desk.node.accounts.add_user("li-wei", "Li Wei", "maker", MAKERS_SECRET).key_id or "")
    with pytest.raises(NotPermitted, match="not-permitted"):
        staff_keys(desk).add(key, "ab" * 8, desk.maker, desk.maker)
    assert desk.maker.key is not None
    one = desk.node.directory.key(desk.maker.key.id)
    twin = desk.node.accounts.add_user("twin", "The maker again", "checker", CHECKERS_SECRET)
    assert one is not None and one.person is not None and twin.key_id is not None
    staff_keys(desk).add(desk.node.keystore.info(twin.key_id), one.person, desk.maker, desk.checker)
    with pytest.raises(RuleRefused, match="same-person"):
        staff_keys(desk).add(key, "ab" * 8, desk.maker, caller_of(desk.node, "twin", CHECKERS_SECRET))
    assert desk.node.directory.key(key.id) is None
