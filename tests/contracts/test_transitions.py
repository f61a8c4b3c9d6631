"""Every cell of the transition table: what each record makes of a financing in each state."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from contracts.balances import financing_state
from tests.contracts.harness import AUTHORITY, DAY, A, B, World, one

SHARE = 100_000


def in_state(state: str) -> tuple[World, str, str]:
    """A world with a financing of one line in a state, and a collection on its declaration."""
    world = World()
    declaration = world.declaration()
    financing = world.applied((world.grant(declaration), SHARE))
    assert world.collect(declaration, SHARE, AUTHORITY).code == "ok"
    collection = world.last
    steps: dict[str, list[Callable[[], object]]] = {
        "APPLIED": [],
        "IN_REVIEW": [lambda: world.intake(financing)],
        "APPROVED": [lambda: world.intake(financing), lambda: world.approve(financing)],
    }
    approved = steps["APPROVED"]
    steps["PART DRAWN"] = [*approved, lambda: world.disburse(financing, [40_000], final=False)]
    steps["DISBURSED"] = [*approved, lambda: world.disburse(financing, [SHARE])]
    steps["REPAYING"] = [*steps["DISBURSED"], lambda: world.repay(financing, [10_000])]
    steps["PAID_OFF"] = [*steps["DISBURSED"], lambda: world.repay(financing, [SHARE])]
    steps["WRITTEN_OFF"] = [*steps["DISBURSED"], lambda: world.write_off(financing, [SHARE])]
    steps["WRITTEN_OFF REPAID"] = [*steps["REPAYING"], lambda: world.write_off(financing, [90_000])]
    next_grant = world.grant(declaration, B)
    hand_over = [lambda: world.transfer(financing), lambda: world.take_over(financing, [next_grant])]
    steps["TRANSFERRED"] = [*steps["DISBURSED"], *hand_over]
    steps["LOST IN PART"] = [*steps["DISBURSED"], lambda: world.write_off(financing, [60_000])]
    steps["TRANSFERRED IN PART"] = [*steps["LOST IN PART"], *hand_over]
    steps["CORRECTED TO NOTHING"] = [*steps["DISBURSED"], lambda: world.correct(financing, [-SHARE], authority=True)]
    steps["CANCELLED"] = [lambda: world.cancel(financing)]
    steps["CANCELLED APPROVED"] = [*approved, lambda: world.cancel(financing)]
    for step in steps.get(state, []):
        assert getattr(step(), "code", None) == "ok"
    if state == "EXPIRED":
        world.time += DAY
    return world, financing, collection


def act(world: World, financing: str, collection: str, action: str) -> str:
    """The code of an action, and the state after it where it is accepted."""
    line = world.entry("financing", financing)["lines"][0]
    drawn, next_grant = line["drawn"], world.grant(line["declaration"], B)
    if action == "take over":
        world.transfer(financing)
    actions = {
        "intake": lambda: world.intake(financing),
        "approve": lambda: world.approve(financing),
        "disburse": lambda: world.disburse(financing, [10_000]),
        "tranche": lambda: world.disburse(financing, [10_000], final=False),
        "late": lambda: world.disburse(financing, [10_000], authority=True),
        "repay own": lambda: world.repay(financing, [10_000]),
        "repay collected": lambda: world.repay(financing, [10_000], [(collection, 10_000)]),
        "cancel": lambda: world.cancel(financing),
        "write off": lambda: world.write_off(financing, [10_000]),
        "write all off": lambda: world.write_off(financing, [drawn]),
        "write back": lambda: world.write_off(financing, [-10_000]),
        "correct up": lambda: world.correct(financing, [10_000], authority=True),
        "correct down": lambda: world.correct(financing, [-10_000], authority=True),
        "correct away": lambda: world.correct(financing, [-drawn], authority=True),
        "transfer": lambda: world.transfer(financing),
        "take over": lambda: world.take_over(financing, [next_grant]),
    }
    result = actions[action]()
    return str(world.entry("financing", financing)["state"]) if result.code == "ok" else result.code


NO, DRAWN = "wrong-state", "exceeds-drawn"
FIRST = ["intake", "approve", "disburse", "tranche", "late", "repay own", "repay collected", "cancel"]
TO_THE_LOAN = {
    "APPLIED": ["IN_REVIEW", NO, NO, NO, NO, NO, NO, "CANCELLED"],
    "IN_REVIEW": [NO, "APPROVED", NO, NO, NO, NO, NO, "CANCELLED"],
    "APPROVED": [NO, NO, "DISBURSED", "APPROVED", "DISBURSED", DRAWN, DRAWN, "CANCELLED"],
    "PART DRAWN": [NO, NO, "DISBURSED", "APPROVED", "DISBURSED", "APPROVED", "APPROVED", NO],
    "DISBURSED": [NO, NO, NO, NO, NO, "REPAYING", "REPAYING", NO],
    "REPAYING": [NO, NO, NO, NO, NO, "REPAYING", "REPAYING", NO],
    "LOST IN PART": [NO, NO, NO, NO, NO, "REPAYING", "REPAYING", NO],
    "WRITTEN_OFF": [NO, NO, NO, NO, NO, NO, "WRITTEN_OFF", NO],
    "WRITTEN_OFF REPAID": [NO, NO, NO, NO, NO, NO, "WRITTEN_OFF", NO],
    "TRANSFERRED IN PART": [NO, NO, NO, NO, NO, NO, "WRITTEN_OFF", NO],
    "PAID_OFF": [NO, NO, NO, NO, NO, NO, NO, NO],
    "TRANSFERRED": [NO, NO, NO, NO, NO, NO, NO, NO],
    "CANCELLED": [NO, NO, NO, NO, NO, NO, NO, NO],
    "CANCELLED APPROVED": [NO, NO, "second-signature-missing", "second-signature-missing", "DISBURSED", NO, NO, NO],
    "CORRECTED TO NOTHING": [NO, NO, "second-signature-missing", "second-signature-missing", "exceeds-hold", NO, NO, NO],
    "EXPIRED": ["hold-expired", "hold-expired", NO, NO, NO, NO, NO, NO],
}
THEN = ["write off", "write all off", "write back", "correct up", "correct down", "correct away", "transfer", "take over"]
OF_THE_LOAN = {
    "DISBURSED": ["DISBURSED", "WRITTEN_OFF", DRAWN, "DISBURSED", "DISBURSED", "CANCELLED", "DISBURSED", "TRANSFERRED"],
    "REPAYING": ["REPAYING", "WRITTEN_OFF", DRAWN, "REPAYING", "REPAYING", "PAID_OFF", "REPAYING", "TRANSFERRED"],
    "LOST IN PART": ["DISBURSED", "WRITTEN_OFF", "DISBURSED", "DISBURSED", "DISBURSED", "WRITTEN_OFF", "DISBURSED", "WRITTEN_OFF"],
    "WRITTEN_OFF": [DRAWN, "malformed", "DISBURSED", "REPAYING", DRAWN, "malformed", NO, NO],
    "WRITTEN_OFF REPAID": [DRAWN, "malformed", "REPAYING", "REPAYING", DRAWN, "malformed", NO, NO],
    "TRANSFERRED IN PART": [DRAWN, "malformed", "DISBURSED", "REPAYING", DRAWN, "malformed", NO, NO],
    "PAID_OFF": [NO, NO, NO, "REPAYING", DRAWN, "malformed", NO, NO],
}
NEVER = [NO] * len(THEN)
CELLS = [
    *((state, action, row[number]) for state, row in TO_THE_LOAN.items() for number, action in enumerate(FIRST)),
    *((state, action, OF_THE_LOAN.get(state, NEVER)[number]) for state in TO_THE_LOAN for number, action in enumerate(THEN)),
]


@pytest.mark.parametrize(("state", "action", "expected"), CELLS, ids=lambda value: str(value).replace(" ", "-"))
def test_each_cell_of_the_transition_table_holds(state: str, action: str, expected: str) -> None:
    world, financing, collection = in_state(state)
    assert act(world, financing, collection, action) == expected


@pytest.mark.parametrize("state", sorted(TO_THE_LOAN))
def test_another_bank_is_not_permitted_in_any_state(state: str) -> None:
    world, financing, _ = in_state(state)
    codes = [
        world.intake(financing, bank="bank-b").code,
        world.approve(financing, bank="bank-b").code,
        world.disburse(financing, [10_000], bank="bank-b").code,
        world.repay(financing, [10_000], bank="bank-b").code,
        world.cancel(financing, bank="bank-b").code,
        world.write_off(financing, [10_000], bank="bank-b").code,
        world.correct(financing, [10_000], bank="bank-b").code,
        world.transfer(financing, bank="bank-b").code,
    ]
    assert codes == ["not-permitted"] * 8


@pytest.mark.parametrize(
    ("state", "after"),
    [
        ("APPLIED", "EXPIRED"),
        ("IN_REVIEW", "EXPIRED"),
        ("APPROVED", "APPROVED"),
        ("DISBURSED", "DISBURSED"),
        ("REPAYING", "REPAYING"),
        ("WRITTEN_OFF", "WRITTEN_OFF"),
        ("PAID_OFF", "PAID_OFF"),
        ("TRANSFERRED", "TRANSFERRED"),
        ("CANCELLED", "CANCELLED"),
    ],
)
def test_the_time_of_a_hold_ends_only_what_is_not_approved(state: str, after: str) -> None:
    world, financing, _ = in_state(state)
    world.time += DAY - 1
    assert financing_state(world.entry("financing", financing), world.time) == world.entry("financing", financing)["state"]
    world.time += 1
    assert financing_state(world.entry("financing", financing), world.time) == after


def test_the_last_repayment_pays_off() -> None:
    world, financing, collection = in_state("DISBURSED")
    assert world.repay(financing, [60_000]).details["state"] == "REPAYING"
    assert world.repay(financing, [40_000], [(collection, 40_000)]).details["state"] == "PAID_OFF"


def test_the_last_tranche_ends_the_approval_without_being_final() -> None:
    world, financing, _ = in_state("PART DRAWN")
    assert world.disburse(financing, [60_000], final=False).details["state"] == "DISBURSED"


def test_a_final_without_a_share_frees_what_was_never_drawn() -> None:
    world, financing, _ = in_state("PART DRAWN")
    assert world.disburse(financing, [0], final=True).details["state"] == "DISBURSED"
    line = world.entry("financing", financing)["lines"][0]
    assert (line["held"], line["drawn"]) == (0, 40_000)


def test_tranches_that_were_all_repaid_are_paid_off_when_final() -> None:
    world, financing, _ = in_state("PART DRAWN")
    assert world.repay(financing, [40_000]).details["state"] == "APPROVED"
    assert world.disburse(financing, [0], final=True).details["state"] == "PAID_OFF"


@pytest.mark.parametrize(("state", "days", "expected"), [
    ("APPLIED", 0, NO),
    ("APPROVED", 29, NO),
    ("APPROVED", 30, "CANCELLED"),
    ("PART DRAWN", 30, NO),
    ("DISBURSED", 30, NO),
    ("CANCELLED APPROVED", 30, NO),
])  # fmt: skip
def test_the_authority_cancels_only_an_approval_gone_stale(state: str, days: int, expected: str) -> None:
    world, financing, _ = in_state(state)
    world.time += days * DAY
    result = world.run("financing.cancel", {"financing": financing, "reason": "stale"}, one(AUTHORITY))
    assert (result.details["state"] if result.code == "ok" else result.code) == expected


def test_stale_is_the_authoritys_reason_and_its_only_one() -> None:
    world, financing, _ = in_state("APPROVED")
    world.time += 40 * DAY
    assert world.cancel(financing, "stale", bank=A).code == "not-permitted"
    assert world.run("financing.cancel", {"financing": financing, "reason": "error"}, one(AUTHORITY)).code == "not-permitted"
