"""The recogniser and the maker of CometBFT's call sequences agree with each other and with sequences whose verdict is plain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ledger.comet import grammar
from tests.ledger.comet.grammar import CLEAN_START, CONSENSUS_HEIGHT, RECOVERY, START, fits, is_whole, words

ROUND = ("prepare_proposal", "process_proposal")
DECIDED = ("finalize_block", "commit")

GOOD = {
    "a first start": ("info", "init_chain", *ROUND, *DECIDED, "process_proposal", *DECIDED),
    "a first start by the letter": ("init_chain", *DECIDED),
    "three rounds": ("info", *ROUND, "process_proposal", "process_proposal", *DECIDED),
    "a round without a proposal": ("info", *DECIDED, *ROUND, *ROUND, *DECIDED),
    "replay of decided blocks": ("info", *DECIDED * 5),
    "a death after deciding": ("info", "finalize_block"),
    "vote extensions": ("info", "process_proposal", "verify_vote_extension", "extend_vote", "verify_vote_extension", *DECIDED),
    "state sync": ("offer_snapshot", "offer_snapshot", "apply_snapshot_chunk", "apply_snapshot_chunk", "info", *DECIDED),
    "state sync by the letter": ("init_chain", "offer_snapshot", "apply_snapshot_chunk", "info", *DECIDED),
    "nothing": (),
}
BAD = {
    "commit without a decision": (("info", *ROUND, "commit"), 3),
    "two decisions": (("info", "finalize_block", "finalize_block"), 2),
    "a proposal after the decision": (("info", "finalize_block", "process_proposal"), 2),
    "two commits": (("info", *DECIDED, "commit"), 3),
    "init_chain in the middle": (("info", *DECIDED, "init_chain"), 3),
    "blocks before the handshake": (DECIDED, 0),
    "state sync without a chunk": (("offer_snapshot", "info"), 1),
    "state sync after blocks": (("info", *DECIDED, "offer_snapshot"), 3),
    "two answers to info": (("info", "info"), 1),
    "a call that is none": (("info", "begin_block"), 1),
}


@pytest.mark.parametrize("calls", GOOD.values(), ids=GOOD)
def test_what_the_engine_may_ask_fits(calls: tuple[str, ...]) -> None:
    assert fits(START, calls) == len(calls)


@pytest.mark.parametrize(("calls", "place"), BAD.values(), ids=BAD)
def test_what_the_engine_may_not_ask_stands_out_at_its_place(calls: tuple[str, ...], place: int) -> None:
    assert fits(START, calls) == place


@given(words(START), st.data())
def test_every_beginning_of_a_word_fits(word: tuple[str, ...], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(word)))
    assert fits(START, word[:place]) == place
    assert set(word) <= grammar.KINDS


@given(words(CONSENSUS_HEIGHT), st.data())
def test_a_height_ends_with_its_commit_and_nowhere_else(word: tuple[str, ...], data: st.DataObject) -> None:
    left = CONSENSUS_HEIGHT
    for place, kind in enumerate(word):
        assert not is_whole(left), word[:place]
        left = grammar.after(left, kind)
    assert is_whole(left)
    assert fits(CONSENSUS_HEIGHT, (*word, data.draw(st.sampled_from(sorted(grammar.KINDS))))) == len(word)


@given(words(CLEAN_START))
def test_a_recovery_begins_nothing_anew(word: tuple[str, ...]) -> None:
    if "init_chain" in word or "offer_snapshot" in word:
        assert fits(RECOVERY, word) < len(word)


@given(words(grammar.without(START, grammar.VOTE_EXTENSIONS)))
def test_what_is_left_out_is_in_no_word(word: tuple[str, ...]) -> None:
    assert not grammar.VOTE_EXTENSIONS & set(word)
    assert fits(START, word) == len(word)
