"""Each rule that financing stands on is taken out of the model once, and the walks must notice: so they are squeezed enough.

A mutation that walks do not notice is a rule that nothing tells from its absence. What changes the reading of a rule must make model
and handlers differ; what changes money must break the ghost's promise. `TALLYSTICK_DEEP=1` tries them all, otherwise every other one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest

from tests.contracts.ghost import STEP, Ghost
from tests.contracts.model import BILLION, MILLION, Model, Signed
from tests.contracts.model.base import Base, Entry, No, no, scaled
from tests.contracts.walks import fresh_pair, walk

DEEP = os.environ.get("TALLYSTICK_DEEP") == "1"
SEEDS, STEPS = 300, 100
Replacement = Callable[..., Any]


@dataclass(frozen=True)
class Mutation:
    """A method of the model or of the ghost, and what stands in its place: given the original first."""

    holder: type
    method: str
    instead: Replacement


def stated_base(original: Replacement, ghost: Ghost, amount: int, d: str) -> Any:
    """The base is an amount that the applicant states, a tenth more than what was registered."""
    return original(ghost, amount * 10 // 11, d)


def use_rounded_down(original: Replacement, ghost: Ghost, amount: int, d: str) -> int:
    return max(STEP, amount * MILLION // (ghost.registered[d] * STEP) * STEP)


def freed_rounded_up(original: Replacement, ghost: Ghost, amount: Fraction, d: str) -> int:
    return -(-int(amount) * MILLION // (ghost.registered[d] * STEP)) * STEP


def ratio_in_ppm(original: Replacement, ghost: Ghost, old: str, new: str) -> int:
    return max(1, ghost.registered[old] * MILLION // ghost.registered[new]) * (BILLION // MILLION)


def without_ratio(original: Replacement, model: Base, d: str, **how: bool) -> int:
    it = model.declarations[d]
    return int(original(model, d, **how) * MILLION // it["ppm"])


def drawn_and_lost(model: Base, d: str) -> int:
    return sum(int(line["drawn"] + line["lost"]) for _, _, line in model.lines_on(d))


def younger_count(original: Replacement, model: Base, d: str, f: str, i: int) -> int:
    """Whoever reviews first loses: all other holds count, younger ones too."""
    held = [line["held"] for other, j, line in model.lines_on(d) if model.state(other) in ("APPLIED", "IN_REVIEW") and (other, j) != (f, i)]
    committed = [line["held"] for other, _, line in model.lines_on(d) if model.state(other) == "APPROVED"]
    return int(sum(held + committed)) + drawn_and_lost(model, d)


def older_do_not_count(original: Replacement, model: Base, d: str, f: str, i: int) -> int:
    committed = [line["held"] for other, _, line in model.lines_on(d) if model.state(other) == "APPROVED"]
    return int(sum(committed)) + drawn_and_lost(model, d)


def ends_stop_reviews(original: Replacement, model: Model, f: str, i: int, share: int, kept: dict[str, int]) -> None:
    """Intake and approval ask for the end and the uses of a grant again, though the application spent a use of it already."""
    original(model, f, i, share, kept)
    grant = model.grants[model.financings[f]["lines"][i]["g"]]
    no("grant-expired", share and model.t >= grant["end"])


def uses_stop_reviews(original: Replacement, model: Model, f: str, i: int, share: int, kept: dict[str, int]) -> None:
    original(model, f, i, share, kept)
    grant = model.grants[model.financings[f]["lines"][i]["g"]]
    no("grant-used-up", share and grant["used"] >= grant["uses"])


def all_or_nothing(original: Replacement, model: Model, f: str, i: int, share: int, kept: dict[str, int]) -> None:
    """A line is kept as a whole."""
    original(model, f, i, share, kept)
    no("malformed", share != model.financings[f]["lines"][i]["held"])


def late_without_authority(original: Replacement, model: Model, signed: Signed, f: str, shares: list[int], **how: bool) -> Any:
    return original(model, Signed(signed.by, signed.hands, authority=True), f, shares, **how)


def late_never(original: Replacement, model: Model, signed: Signed, f: str, shares: list[int], **how: bool) -> Any:
    if f in model.financings and model.state(f) == "CANCELLED" and model.holder(model.financings[f]["bank"]) == signed.by:
        return "wrong-state" if signed.hands == "two" else original(model, signed, f, shares, **how)
    return original(model, signed, f, shares, **how)


def disburse_refused(reason: Callable[[Model, Signed, str], bool]) -> Replacement:
    def instead(original: Replacement, model: Model, signed: Signed, f: str, shares: list[int], **how: bool) -> Any:
        if f in model.financings and model.state(f) == "APPROVED" and reason(model, signed, f):
            return "refused"
        return original(model, signed, f, shares, **how)

    return instead


def on_any(model: Model, f: str, holds: Callable[[str], bool]) -> bool:
    return any(line["held"] and holds(line["d"]) for line in model.financings[f]["lines"])


def collections_rise_again(
    original: Replacement, model: Model, signed: Signed, f: str, shares: list[int], cited: list[tuple[str, int]]
) -> Any:
    """What a repayment uses up counts as collected no more."""
    code = original(model, signed, f, shares, cited)
    if code == "ok":
        for c, share in cited:
            model.collections[c]["share"] -= share
    return code


def collected_capped(original: Replacement, model: Base, d: str) -> int:
    return int(min(original(model, d), model.declarations[d]["capacity"]))


def lowers_by_outcome(original: Replacement, model: Model, deltas: list[int]) -> bool:
    return sum(deltas) < 0


def never(original: Replacement, *_args: Any) -> bool:
    return False


def nothing(original: Replacement, *_args: Any) -> None:
    return None


def lost_is_free(original: Replacement, model: Base, d: str) -> int:
    """What is written off is available again."""
    return int(original(model, d)) - sum(int(line["lost"]) for _, _, line in model.lines_on(d))


def lapsed_counts(original: Replacement, model: Base, f: str) -> str:
    """A hold counts until somebody ends it."""
    return str(model.financings[f]["state"])


def revocation_keeps_holds(original: Replacement, model: Model, consent: str) -> Any:
    """A revoked consent ends its grants only."""
    if model.consents[consent]["revoked"]:
        return "consent-revoked"
    model.consents[consent]["revoked"] = True
    return "ok"


def lost_moves(original: Replacement, model: Model, signed: Signed, new: str, f: str, *args: Any, **how: bool) -> Any:
    """The taker takes on what the old lender lost."""
    code = original(model, signed, new, f, *args, **how)
    if code == "ok":
        model.financings[f]["state"] = "TRANSFERRED"
    return code


def heirs_are_strangers(original: Replacement, model: Base, slug: str) -> str:
    return slug


def ceiling_is_new(original: Replacement, model: Model, signed: Signed, d: str, successor: tuple[str, int] | None) -> Any:
    """The successor of a void declaration keeps a ceiling of its own."""
    before = None if successor is None or successor[0] not in model.declarations else model.declarations[successor[0]]["ppm"]
    code = original(model, signed, d, successor)
    if code == "ok" and successor is not None:
        model.declarations[successor[0]]["ppm"] = before
    return code


def room_without_freed(original: Replacement, model: Base, d: str, f: str, i: int, freed: int = 0) -> int:
    return int(original(model, d, f, i, 0))


def rounded_down(original: Replacement, model: Model, old: str, new: str, ratio: int) -> None:
    lines: list[Entry] = [line for _, _, line in model.lines_on(old)]
    before = [dict(line) for line in lines]
    original(model, old, new, ratio)
    for line, was in zip(lines, before, strict=True):
        line.update({field: was[field] * ratio // BILLION for field in ("held", "drawn", "lost")})


def too_coarse(original: Replacement, model: Model, old: str, new: str, ratio: int) -> None:
    original(model, old, new, -(-ratio // 1_000) * 1_000)


MUTATIONS = {
    "the base is what an applicant states": Mutation(Ghost, "share_of", stated_base),
    "a use is rounded down": Mutation(Ghost, "share_of", use_rounded_down),
    "what frees is rounded up": Mutation(Ghost, "freed_by", freed_rounded_up),
    "a ratio is in parts per million": Mutation(Ghost, "ratio", ratio_in_ppm),
    "carried shares are of a coarser ratio": Mutation(Model, "carry_lines", too_coarse),
    "carried shares are rounded down": Mutation(Model, "carry_lines", rounded_down),
    "what was collected stays behind": Mutation(Model, "carry_collections", nothing),
    "the ceiling is all that was registered": Mutation(Model, "ceiling", without_ratio),
    "younger holds count": Mutation(Model, "taken", younger_count),
    "older holds do not count": Mutation(Model, "taken", older_do_not_count),
    "a review asks for the grant's end again": Mutation(Model, "check_kept", ends_stop_reviews),
    "a review asks for the grant's uses again": Mutation(Model, "check_kept", uses_stop_reviews),
    "a line is kept as a whole": Mutation(Model, "check_kept", all_or_nothing),
    "a late disbursement needs no authority": Mutation(Model, "disburse", late_without_authority),
    "there is no late disbursement": Mutation(Model, "disburse", late_never),
    "a suspended bank disburses nothing": Mutation(
        Model, "disburse", disburse_refused(lambda model, signed, _: model.members[signed.by]["status"] == "suspended")
    ),
    "a frozen loan is not disbursed": Mutation(Model, "disburse", disburse_refused(lambda model, _, f: model.frozen("financing", f))),
    "nothing is disbursed on a frozen declaration": Mutation(
        Model, "disburse", disburse_refused(lambda model, _, f: on_any(model, f, lambda d: model.frozen("declaration", d)))
    ),
    "nothing is disbursed on a void declaration": Mutation(
        Model, "disburse", disburse_refused(lambda model, _, f: on_any(model, f, lambda d: bool(model.declarations[d]["void"])))
    ),
    "nothing is disbursed on an overused declaration": Mutation(
        Model, "disburse", disburse_refused(lambda model, _, f: on_any(model, f, lambda d: model.status(d) == "OVERUSED"))
    ),
    "what a repayment uses up is collected no more": Mutation(Model, "repay", collections_rise_again),
    "no more is collected than was declared": Mutation(Model, "collected", collected_capped),
    "a correction lowers by its outcome": Mutation(Model, "lowers", lowers_by_outcome),
    "a correction exceeds what is available": Mutation(Model, "too_much", never),
    "a correction exceeds what was committed": Mutation(Model, "never_committed", never),
    "what is lost is free": Mutation(Model, "used", lost_is_free),
    "a lapsed hold counts": Mutation(Model, "state", lapsed_counts),
    "a revoked consent keeps its holds": Mutation(Model, "revoke", revocation_keeps_holds),
    "what is lost moves to the taker": Mutation(Model, "take_over", lost_moves),
    "an heir is a stranger": Mutation(Model, "holder", heirs_are_strangers),
    "the ceiling is not inherited": Mutation(Model, "void", ceiling_is_new),
    "what a review lets go is not free at once": Mutation(Model, "room", room_without_freed),
}


def noticed_by(name: str, monkeypatch: pytest.MonkeyPatch) -> int | None:
    """The first seed whose walk notices, or None."""
    mutation = MUTATIONS[name]
    fresh_pair()
    original = getattr(mutation.holder, mutation.method)
    monkeypatch.setattr(mutation.holder, mutation.method, lambda *args, **how: mutation.instead(original, *args, **how))
    for seed in range(SEEDS):
        try:
            walk(fresh_pair(), seed, STEPS)
        except (AssertionError, No):
            return seed
    return None


@pytest.mark.parametrize("name", sorted(MUTATIONS)[:: 1 if DEEP else 2])
def test_the_walks_notice_a_rule_that_is_missing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert noticed_by(name, monkeypatch) is not None


def test_shares_are_scaled_up_and_never_down() -> None:
    assert [scaled(share, 333_333_334) for share in (0, 1, 3, 1_000_000)] == [0, 1, 2, 333_334]
