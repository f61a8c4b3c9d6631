"""A block that is wrong, and not the operator's word, is refused, asked for again, and remembered by nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.checkpoint import Checkpoint, parse_note, sign_note
from ledger.errors import TallystickError, VerificationFailed
from ledger.evidence import BlockBundle
from ledger.follow import bundle_of
from ledger.log_operator import Operator, origin_of
from tests.ledger.follow.following import SIGNING_KEY, Open, edited, roots
from tests.ledger.small_ledger import (
    OPERATOR,
    Solo,
)

TAMPERED: dict[str, Callable[[dict[str, Any]], None]] = {
    "a record left out": lambda block: block["records"].pop(),
    "a record twice": lambda block: block["records"].append(block["records"][0]),
    "records reordered": lambda block: block["records"].reverse(),
    "no records": lambda block: block.update(records=[]),
    "a body changed": lambda block: block["records"][0]["record"]["body"].update(count=2),
    "a signature changed": lambda block: block["records"][0].update(signatures=["00" * 64]),
    "a result changed": lambda block: block["records"][0]["result"].update(code="ok"),
    "a result true for 1": lambda block: block["records"][1]["result"].update(left=[True, True]),
    "a time changed": lambda block: block["header"].update(time=block["header"]["time"] + 1),
    "a time in the past": lambda block: block["header"].update(time=1),
    "an engine height changed": lambda block: block["header"].update(engine_height=99),
    "an engine height in the past": lambda block: block["header"].update(engine_height=0),
    "a height changed": lambda block: block["header"].update(height=3),
    "a previous changed": lambda block: block["header"].update(previous="00" * 32),
    "a log root changed": lambda block: block["header"].update(log_root="00" * 32),
    "a log size changed": lambda block: block["header"].update(log_size=1),
    "a state root changed": lambda block: block["header"].update(state_root="00" * 32),
    "rules changed": lambda block: block["header"].update(rules=2),
    "a network changed": lambda block: block["header"].update(network="00" * 32),
    "a header of rubbish": lambda block: block["header"].update(height="x"),
    "a version true": lambda block: block["header"].update(v=True),
    "a note of another block": lambda block: block.update(checkpoint=block["checkpoint"].replace("\n", "\n1", 1)),
    "no note": lambda block: block.update(checkpoint=""),
}


@pytest.mark.parametrize("what", TAMPERED, ids=lambda what: what.replace(" ", "-"))
def test_a_block_that_was_tampered_with_is_refused_and_asked_for_again(told: Solo, follow: Open, what: str) -> None:
    follower = follow()
    bundle = bundle_of(told.store, 2)
    assert bundle is not None
    follower.upstream.replaced[2] = edited(bundle, TAMPERED[what])
    with pytest.raises(TallystickError):
        follower.catch_up()
    assert (follower.height, follower.store.halted()) == (1, None)
    follower.upstream.replaced.clear()
    follower.catch_up()
    assert roots(follower.store) == roots(told.store)


def test_malformed_blocks_are_refused() -> None:
    no_header, no_record = {"header": 1, "records": [], "checkpoint": ""}, {"header": {}, "records": [1], "checkpoint": ""}
    values: list[Any] = [None, [], {}, "x", no_header, no_record]
    for value in values:
        with pytest.raises(TallystickError, match="malformed-block"):
            BlockBundle.from_json(value)


def test_old_notes_and_notes_of_others_cannot_halt_a_follower(told: Solo, follow: Open) -> None:
    follower = follow()
    follower.catch_up()
    with told.store.reading() as reader:
        old = [reader.checkpoint(height) for height in range(reader.head.height + 1)]
    told.put("more")
    with told.store.reading() as reader:
        later = reader.checkpoint()
    follower.upstream.replaced = {4: None}  # type: ignore[dict-item]  # withheld
    follower.upstream.blocks = lambda after, limit, wait: []  # type: ignore[method-assign, assignment]
    for note in [*old, later]:
        follower.upstream.note = note
        assert follower.engine.advance(0) == 0
    elsewhere = Checkpoint(origin_of("ab" * 32), 2, bytes(32))
    follower.upstream.note = sign_note(elsewhere, "op", SIGNING_KEY)
    assert follower.engine.advance(0) == 0
    follower.upstream.note = sign_note(parse_note(old[1] or "").checkpoint, "op", Ed25519PrivateKey.generate())
    with pytest.raises(VerificationFailed, match="bad-checkpoint"):
        follower.engine.advance(0)
    assert follower.store.halted() is None


@pytest.mark.parametrize("lies", [0, 1, 2, 3])
def test_a_proxy_that_hands_out_old_blocks_cannot_halt_a_follower(told: Solo, follow: Open, lies: int) -> None:
    """Whatever height is asked for, a proxy answers with true old blocks, and with rubbish while the follower looks for a fork."""
    follower = follow()
    follower.catch_up()
    true = follower.upstream.blocks
    asked = iter(range(100))

    def proxy(after: int, limit: int, wait_s: float) -> list[BlockBundle]:
        number = next(asked)
        if after >= 3:
            return true(lies % 3, 1, 0)
        found = true(after, 1, 0)
        return [replace(found[0], header={**found[0].header, "time": 5})] if number <= lies else found

    follower.upstream.blocks = proxy  # type: ignore[method-assign, assignment]
    for _ in range(4):
        with pytest.raises(VerificationFailed, match="block-invalid"):
            follower.engine.advance(0)
    assert follower.store.halted() is None


def test_another_key_under_the_operators_name_is_not_the_operator(told: Solo, follow: Open) -> None:
    follower = follow()
    stranger = Operator(OPERATOR.key.name, Ed25519PrivateKey.generate())
    bundle = bundle_of(told.store, 1)
    assert bundle is not None
    note = parse_note(bundle.checkpoint).checkpoint
    follower.upstream.replaced[1] = replace(bundle, checkpoint=sign_note(note, stranger.name, stranger._private_key))
    with pytest.raises(VerificationFailed, match="bad-checkpoint"):
        follower.catch_up()
    assert follower.height == 0
