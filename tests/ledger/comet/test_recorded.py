"""What CometBFT itself answered, recorded: our reading of it comes to the hashes and signatures that its validators made."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from ledger.comet import commits
from ledger.errors import InputError, VerificationFailed
from ledger.verify.comet import check_block, check_chain
from ledger.verify.comet_blocks import read_header
from ledger.verify.strict_json import Invalid
from tests.ledger.comet.recorded import CHAIN_ID, NETWORK, Recorded, recorded


@pytest.fixture(scope="module")
def engine() -> Recorded:
    return recorded()


def heights(engine: Recorded) -> range:
    return range(1, engine.last + 1)


def test_every_header_hashes_to_what_was_signed(engine: Recorded) -> None:
    for height in heights(engine):
        block = commits.fetch_block(engine, height)
        named = engine.commit(height)["signed_header"]["commit"]["block_id"]["hash"]
        assert read_header(block["header"], "bad").hash.hex().upper() == named
        following = engine.commits.get(str(height + 1))
        assert following is None or following["signed_header"]["header"]["last_block_id"]["hash"] == named


def test_no_more_signatures_are_kept_than_two_thirds_of_the_power_need(engine: Recorded) -> None:
    counts = [len(commits.fetch_block(engine, height)["signatures"]) for height in heights(engine)]
    # Three of four equal ones are needed; of five the new one has nine of thirteen.
    assert counts == [3] * (engine.changed_at - 1) + [1] * (engine.last - engine.changed_at + 1)


def test_votes_that_are_wanted_come_first(engine: Recorded) -> None:
    last = commits.fetch_block(engine, 2)["validators"][3]["public"]
    assert [each["validator"] for each in commits.fetch_block(engine, 2)["signatures"]] == [0, 1, 2]
    assert [each["validator"] for each in commits.fetch_block(engine, 2, wanted=[last])["signatures"]] == [0, 1, 3]


def test_a_change_of_the_validators_is_led_over_by_the_block_that_names_the_next_ones(engine: Recorded) -> None:
    fetched: list[int] = []

    def fetch(height: int) -> dict[str, Any]:
        fetched.append(height)
        return commits.fetch_block(engine, height)

    newest = fetch(engine.last)
    steps = commits.steps_to(newest, [], engine.trust(), fetch)
    assert [each["header"]["height"] for each in steps][-2:] == [engine.changed_at - 1, engine.changed_at]
    assert len(fetched) <= 5
    chain = [check_block(each, CHAIN_ID) for each in (*steps, newest)]
    check_chain(chain, engine.trust())
    with pytest.raises(Invalid, match="validators-not-trusted"):
        check_chain([each for each in chain if each.header.height >= engine.changed_at], engine.trust())


def test_known_steps_are_taken_again_and_nothing_is_fetched(engine: Recorded) -> None:
    blocks = {height: commits.fetch_block(engine, height) for height in heights(engine)}
    known = [blocks[height] for height in heights(engine)][:-1]
    steps = commits.steps_to(blocks[engine.last], known, engine.trust(), lambda height: pytest.fail(f"block {height} is known"))
    assert [each["header"]["height"] for each in steps] == list(range(1, engine.changed_at + 1))
    # Of blocks that need none, none is taken.
    assert commits.steps_to(blocks[engine.changed_at - 1], known[: engine.changed_at - 2], engine.trust(), blocks.__getitem__) == []


def test_nothing_leads_from_other_validators(engine: Recorded) -> None:
    other = commits.trusted_validators(NETWORK, {"11" * 32: 1}, 1, engine.time_ms)
    with pytest.raises(VerificationFailed) as caught:
        commits.steps_to(commits.fetch_block(engine, 3), [], other, lambda height: commits.fetch_block(engine, height))
    assert caught.value.code == "validators-not-trusted"


def test_a_chain_of_another_name_leads_nowhere(engine: Recorded) -> None:
    with pytest.raises(VerificationFailed) as caught:
        commits.steps_to(commits.fetch_block(engine, 2), [], replace(engine.trust(), network="cd" * 32), lambda height: {})
    assert caught.value.code == "wrong-network"


def test_a_vote_for_nothing_and_one_left_out_do_not_count(engine: Recorded) -> None:
    for flag in (1, 3):
        answer = deepcopy(engine.commit(2))
        votes = answer["signed_header"]["commit"]["signatures"]
        votes[0]["block_id_flag"] = flag
        block = commits.block_of(answer, engine.validators(2))
        assert [each["validator"] for each in block["signatures"]] == [1, 2, 3]
        votes[1]["block_id_flag"] = flag
        with pytest.raises(VerificationFailed) as caught:
            commits.block_of(answer, engine.validators(2))
        assert caught.value.code == "not-enough-power"


def test_a_vote_that_does_not_hold_is_left_out(engine: Recorded) -> None:
    answer = deepcopy(engine.commit(2))
    votes = answer["signed_header"]["commit"]["signatures"]
    votes[0]["timestamp"] = votes[1]["timestamp"]
    assert [each["validator"] for each in commits.block_of(answer, engine.validators(2))["signatures"]] == [1, 2, 3]


def test_validators_of_another_height_do_not_fit(engine: Recorded) -> None:
    with pytest.raises(VerificationFailed) as caught:
        commits.block_of(engine.commit(2), list(reversed(engine.validators(2))))
    assert caught.value.code in ("validators-invalid", "not-enough-power")
    with pytest.raises(InputError) as refused:
        commits.block_of(engine.commit(2), engine.validators(engine.last))
    assert refused.value.code == "bad-engine-answer"


def paths(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(path for key, item in children for path in paths(item, (*way, key)))]


def put(value: Any, way: tuple[Any, ...], new: Any) -> Any:
    if not way:
        return new
    other = deepcopy(value)
    place = other
    for step in way[:-1]:
        place = place[step]
    place[way[-1]] = new
    return other


ODD: tuple[Any, ...] = (None, "", "x", "-1", "01", "1e3", 1.5, -1, True, [], {}, "9" * 20, "2023-13-01T00:00:00Z", "\u0661")
UNUSED = {"address", "proposer_priority", "validator_address", "canonical"}


def test_answers_of_another_form_are_refused_and_never_a_traceback(engine: Recorded) -> None:
    commit, validators = engine.commit(2), engine.validators(2)
    whole = commits.block_of(commit, validators)
    for way in paths(commit):
        for odd in ODD:
            try:
                found = commits.block_of(put(commit, way, odd), validators)
            except (InputError, VerificationFailed):
                continue
            assert found == whole or "signatures" in way, (way, odd)
    for way in paths(validators)[1:]:
        for odd in ODD:
            try:
                found = commits.block_of(commit, put(validators, way, odd))
            except (InputError, VerificationFailed):
                continue
            assert found == whole and UNUSED & set(map(str, way)), (way, odd)
