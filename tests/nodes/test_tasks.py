from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from ledger.errors import NotFound, NotPermitted, Refused, TallystickError
from nodes.caller import Caller
from nodes.financings.apply import ApplicationLine
from nodes.financings.steps import Pledge
from nodes.keys.keystore import KeyInfo
from nodes.outcomes import RuleRefused
from nodes.tasks import Task, Tasks
from tests.nodes.lending import DAY, DAY_MS, Desk, Lending, caller_of, lending, usd

SECRET = "three quiet rivers"
REGISTERED = usd("36250.00")


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lending]:
    with lending(tmp_path_factory.mktemp("market") / "net") as network:
        yield network


@pytest.fixture
def desk(market: Lending) -> Desk:
    return market.a


@pytest.fixture(scope="module")
def second_checker(market: Lending) -> Caller:
    return hired(market.a, "checker-2", "checker")


def hired(desk: Desk, user: str, role: str) -> Caller:
    """Somebody new, whose key the bank's people put on the ledger."""
    node = desk.node
    account = node.accounts.add_user(user, f"{role} number two", role, SECRET)
    assert account.key_id is not None
    info: KeyInfo = node.keystore.info(account.key_id)
    key = {"alg": info.alg, "public": info.public.hex(), "purpose": info.purpose, "person": account.person}
    task = desk.financings.tasks.open(desk.maker, "key.add", {"member": node.member, "key": key}, None)
    desk.sign(task.id)
    return caller_of(node, user, SECRET)


def waiting(market: Lending) -> tuple[str, Task]:
    """A financing in review, and the task that would approve it."""
    desk = market.a
    outcome = desk.financings.apply(desk.maker, [ApplicationLine(market.granted(REGISTERED))], product="", reference="A-9")
    assert outcome.id is not None
    desk.financings.intake(desk.maker, outcome.id)
    return outcome.id, desk.financings.approve(desk.maker, outcome.id, Pledge("a", "1", DAY))


def records_with_result(desk: Desk, financing: str, record_type: str) -> list[str]:
    return [record.code for record in desk.financings.get(financing).records if record.type == record_type]


def test_a_record_waits_for_the_second_person_and_then_takes_effect(market: Lending, desk: Desk) -> None:
    financing, task = waiting(market)
    assert (task.state, task.author, task.result, task.summary["action"]) == ("open", "maker", None, "approve")
    assert task.summary["amount"] == REGISTERED.to_json()
    assert desk.financings.get(financing).state == "IN_REVIEW"
    receipt = desk.sign(task.id)
    done = desk.financings.tasks.get(task.id)
    assert (done.state, done.result, done.decided_by, done.record_id) == ("signed", "ok", "checker", receipt.record_id)
    with desk.node.store.reading() as reader:
        stored = reader.record(receipt.record_id)
    assert stored is not None and desk.maker.key is not None and desk.checker.key is not None
    assert stored.record.signers == [desk.maker.key.id, desk.checker.key.id]


def test_the_person_who_prepared_it_cannot_sign_it_again(market: Lending, desk: Desk) -> None:
    _, task = waiting(market)
    with pytest.raises(NotPermitted, match="same-person"):
        desk.financings.tasks.sign(task.id, desk.maker)
    assert desk.financings.tasks.get(task.id).state == "open"


def test_one_person_with_both_keys_is_still_one_person(market: Lending, desk: Desk) -> None:
    _, task = waiting(market)
    node = desk.node
    assert desk.maker.key is not None
    maker = node.directory.key(desk.maker.key.id)
    account = node.accounts.add_user("both", "the maker again", "checker", SECRET)
    assert account.key_id is not None and maker is not None
    info = node.keystore.info(account.key_id)
    key = {"alg": info.alg, "public": info.public.hex(), "purpose": "check", "person": maker.person}
    desk.sign(desk.financings.tasks.open(desk.maker, "key.add", {"member": node.member, "key": key}, None).id)
    both = caller_of(node, "both", SECRET)
    with pytest.raises(NotPermitted, match="same-person"):
        desk.financings.tasks.sign(task.id, both)
    _, later = waiting(market)
    with pytest.raises(NotPermitted, match="same-person"):
        desk.financings.tasks.sign(later.id, both)


def test_a_second_maker_is_no_checker(market: Lending, desk: Desk) -> None:
    other = hired(desk, "maker-2", "maker")
    _, task = waiting(market)
    with pytest.raises(NotPermitted, match="not-permitted"):
        desk.financings.tasks.sign(task.id, other)


def test_another_banks_people_and_viewers_sign_nothing(market: Lending, desk: Desk) -> None:
    _, task = waiting(market)
    for caller, code in ((market.b.checker, "key-not-alive"), (Caller("v", "staff", "viewer"), "no-signing-key")):
        with pytest.raises(NotPermitted, match=code):
            desk.financings.tasks.sign(task.id, caller)


def test_a_declined_task_never_reaches_the_ledger(market: Lending, desk: Desk) -> None:
    financing, task = waiting(market)
    declined = desk.financings.tasks.decline(task.id, desk.checker, "the pledge is not registered")
    assert (declined.state, declined.reason, declined.decided_by) == ("declined", "the pledge is not registered", "checker")
    with pytest.raises(Refused, match="task-declined"):
        desk.sign(task.id)
    with pytest.raises(Refused, match="task-declined"):
        desk.financings.tasks.decline(task.id, desk.checker, "again")
    desk.node.outbox.resume()
    assert records_with_result(desk, financing, "financing.approve") == []


def test_a_signed_task_cannot_be_declined_or_signed_by_another(market: Lending, desk: Desk, second_checker: Caller) -> None:
    financing, task = waiting(market)
    desk.sign(task.id)
    tasks = desk.financings.tasks
    for attempt in (lambda: tasks.sign(task.id, second_checker), lambda: tasks.decline(task.id, desk.checker, "too late")):
        with pytest.raises(Refused, match="task-signed"):
            attempt()
    assert records_with_result(desk, financing, "financing.approve") == ["ok"]


def test_who_signed_and_was_not_answered_asks_again(market: Lending, desk: Desk) -> None:
    financing, task = waiting(market)
    assert desk.sign(task.id) == desk.sign(task.id)
    assert records_with_result(desk, financing, "financing.approve") == ["ok"]


def test_two_checkers_at_once_submit_once(market: Lending, desk: Desk, second_checker: Caller) -> None:
    financing, task = waiting(market)
    start = Barrier(4)

    def sign(caller: Caller) -> str:
        start.wait()
        try:
            return Tasks(desk.node).sign(task.id, caller).code
        except TallystickError as error:
            return error.code

    with ThreadPoolExecutor(4) as pool:
        codes = sorted(pool.map(sign, [desk.checker, second_checker, desk.checker, second_checker]))
    assert codes == ["ok", "ok", "task-signed", "task-signed"], "one of the two, who gets the same answer twice"
    assert records_with_result(desk, financing, "financing.approve") == ["ok"]


def test_signing_and_declining_at_once_do_one_of_the_two(market: Lending, desk: Desk, second_checker: Caller) -> None:
    financing, task = waiting(market)
    start = Barrier(2)

    def sign() -> None:
        start.wait()
        desk.financings.tasks.sign(task.id, second_checker)

    def decline() -> None:
        start.wait()
        desk.financings.tasks.decline(task.id, desk.checker, "no")

    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(act) for act in (sign, decline)]
        failures = [each.exception() for each in running]
    assert sum(failure is None for failure in failures) == 1
    done = desk.financings.tasks.get(task.id)
    expected = ["ok"] if done.state == "signed" else []
    assert records_with_result(desk, financing, "financing.approve") == expected


def test_any_other_person_may_complete_what_was_prepared_for_several(market: Lending, desk: Desk, second_checker: Caller) -> None:
    financing, task = waiting(market)
    desk.financings.tasks.sign(task.id, second_checker)
    assert desk.financings.get(financing).state == "APPROVED"
    assert desk.financings.tasks.get(task.id).decided_by == "checker-2"


def test_what_the_rules_refuse_when_both_have_signed_says_so(market: Lending, desk: Desk) -> None:
    financing, task = waiting(market)
    desk.financings.cancel(desk.maker, financing, "withdrawn")
    with pytest.raises(RuleRefused, match="wrong-state") as refused:
        desk.sign(task.id)
    assert desk.financings.tasks.get(task.id).result == "wrong-state"
    assert refused.value.record_id == desk.financings.tasks.get(task.id).record_id


def test_a_record_that_was_stored_and_not_sent_is_sent_later(market: Lending, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    financing, task = waiting(market)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(desk.node.outbox, "send", crash)
        with pytest.raises(KeyboardInterrupt):
            desk.sign(task.id)
    assert desk.financings.tasks.get(task.id).state == "signed"
    assert desk.node.outbox.resume() == 0
    desk.node.reader.catch_up()
    assert records_with_result(desk, financing, "financing.approve") == ["ok"]
    assert desk.financings.tasks.get(task.id).result == "ok"


def test_a_task_whose_record_has_expired_says_so_and_is_not_sent(market: Lending, desk: Desk) -> None:
    financing, task = waiting(market)
    market.clock.advance(DAY_MS)
    assert desk.financings.tasks.get(task.id).state == "expired"
    with pytest.raises(Refused, match="task-expired"):
        desk.sign(task.id)
    assert task.id in [each.id for each in desk.financings.tasks.list("expired")]
    assert task.id not in [each.id for each in desk.financings.tasks.list("open")]
    assert records_with_result(desk, financing, "financing.approve") == []


def test_tasks_are_listed_page_by_page_the_newest_first(market: Lending, desk: Desk) -> None:
    made = []
    for _ in range(3):
        made.append(waiting(market)[1].id)
        market.clock.advance(1)
    first = desk.financings.tasks.list("open", limit=2)
    rest = desk.financings.tasks.list("open", after=first[-1].id, limit=1)
    assert [task.id for task in [*first, *rest]] == made[::-1]


def test_an_unknown_task_is_not_found(desk: Desk) -> None:
    with pytest.raises(NotFound, match="unknown-task"):
        desk.financings.tasks.get("f" * 64)
    with pytest.raises(NotFound, match="unknown-task"):
        desk.sign("f" * 64)
