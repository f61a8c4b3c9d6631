"""A follower believes what it computed itself: it catches up and forwards."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from ledger.audit import audit
from ledger.errors import Refused, TallystickError, Unreachable, VerificationFailed
from ledger.follow import Heard
from tests.ledger.follow.following import Open, roots
from tests.ledger.small_ledger import (
    GENESIS,
    VOUCHER,
    Solo,
    StoreUpstream,
    code_of,
    genesis_document,
)
from tests.ledger.small_rules import RULEBOOK


def test_a_follower_ends_with_the_same_ledger(told: Solo, follow: Open) -> None:
    follower = follow()
    follower.catch_up()
    assert roots(follower.store) == roots(told.store)
    assert audit(follower.store, GENESIS, RULEBOOK, VOUCHER).ok


def test_a_follower_knows_when_it_last_heard_and_last_lacked_nothing(told: Solo, follow: Open) -> None:
    follower = follow()
    assert follower.engine.heard() == Heard(None, None)
    assert follower.engine.advance(0)
    assert follower.engine.heard().answered_s is not None and follower.engine.heard().level_s is None, "there may be more"
    follower.catch_up()
    level = follower.engine.heard()
    assert level.answered_s is not None and level.answered_s == level.level_s
    told.put("later")
    assert follower.engine.advance(0) == 1
    behind = follower.engine.heard()
    assert behind.answered_s is not None and behind.level_s is not None and behind.answered_s < behind.level_s


def test_a_running_follower_keeps_up_and_forwards(told: Solo, follow: Open) -> None:
    follower = follow(run=True)
    receipt = follower.engine.submit(told.author.put("forwarded")).result(30)
    assert (receipt.code, receipt.height) == ("ok", 4)
    with follower.store.reading() as reader:
        assert reader.record(receipt.record_id) is not None
    raw = told.author.put("again")
    assert follower.engine.submit(raw).result(30).height == 5
    with pytest.raises(Refused, match="repeat"):
        follower.engine.submit(raw).result(30)
    with pytest.raises(TallystickError, match="not-json"):
        follower.engine.submit(b"x").result(30)


def test_a_follower_goes_on_after_a_restart(told: Solo, follow: Open) -> None:
    first = follow()
    first.catch_up()
    first.engine.stop()
    told.put("later")
    again = follow()
    again.catch_up()
    assert roots(again.store) == roots(told.store)


def test_an_engine_that_was_stopped_may_start_again(told: Solo, follow: Open) -> None:
    follower = follow(run=True)
    assert follower.engine.heights.wait_for(3, 30)
    follower.engine.stop()
    assert code_of(follower.engine.submit(told.author.put("k")).exception(1)) == "engine-stopped"  # type: ignore[arg-type]
    follower.engine.start()
    assert follower.engine.submit(told.author.put("k")).result(30).code == "ok"


def test_one_follower_a_home(told: Solo, follow: Open) -> None:
    follow()
    with pytest.raises(Unreachable, match="home-in-use"):
        follow()


def test_a_follower_of_another_genesis_takes_nothing(told: Solo, follow: Open) -> None:
    follower = follow(genesis=genesis_document(name="other"))
    with pytest.raises(VerificationFailed):
        follower.catch_up()
    assert (follower.height, follower.store.halted()) == (0, None)


def test_an_answer_about_another_record_is_not_passed_on(told: Solo, follow: Open) -> None:
    class Liar(StoreUpstream):
        def submit(self, raw: bytes) -> Any:
            return told.engine.submit(told.author.put("instead")).result(30)

    follower = follow("lied", Liar(told.store, told.engine), run=True)
    with pytest.raises(VerificationFailed, match="receipt-untrue"):
        follower.engine.submit(told.author.put("mine")).result(30)


def test_a_disk_that_fails_costs_a_follower_nothing_but_time(told: Solo, follow: Open) -> None:
    follower = follow(run=True)
    assert follower.engine.heights.wait_for(3, 30)
    left = [2]

    def fail(*_: object) -> None:
        if left[0]:
            left[0] -= 1
            raise OSError("the disk is gone")

    event.listen(follower.store.engine, "begin", fail)
    told.put("later")
    assert follower.engine.heights.wait_for(4, 30)
