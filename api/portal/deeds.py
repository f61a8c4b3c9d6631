"""What is done with a financing, as the portal says it: the verb on the button, how far the loan has come, and after a deed what was done
and what comes next. The page that follows a deed names it in its address (`done`), and says it only where the deed is what happened last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from api.portal.texts import N_

# The steps of a financing (`steps`), a collection, and the take-over of another bank's loan.
VERBS: Final = {
    "intake": N_("Accept for review"),
    "approve": N_("Approve"),
    "disburse": N_("Register payout"),
    "repay": N_("Register repayment"),
    "extend": N_("Extend the loan"),
    "transfer": N_("Offer to another bank"),
    "write-off": N_("Write off"),
    "correct": N_("Correct what was recorded"),
    "cancel": N_("Cancel the financing"),
    "collect": N_("Register collection"),
}
# By the record that an act left, or the decision that leaves none: what it did, and what comes next.
DONE: Final = {
    "financing.apply": N_("The application is recorded, and what it asks for is held for this bank. Next: accept it for review."),
    "financing.intake": N_("Accepted for review. Next: look through the papers, register the pledge, and prepare the approval."),
    "financing.approve": N_("Approved. The money may leave now. Next: pay it out, and register the payout on the page of the financing."),
    "financing.disburse": N_("The payout is registered. Next: repayments and collections, as they come in."),
    "financing.repay": N_("The repayment is registered. What is still owed stands on the page of the financing."),
    "financing.cancel": N_("The financing is cancelled, and what it held is free again. Nothing more is to be done."),
    "financing.write-off": N_("The write-off is registered. What still comes in of it can be registered as a repayment from collections."),
    "financing.correct": N_("The correction is registered. Both what was recorded and the correction stay in the time line."),
    "financing.transfer": N_(
        "The offer is as you decided. A bank that takes it over does so on its own pages; the loan stays here until then."
    ),
    "financing.take-over": N_("The loan is taken over: it is this bank's now. It stands among the financings."),
    "financing.load": N_("The earlier loan is registered. It stands among the financings, and repayments are registered there."),
    "declaration.collected": N_("The collection is registered. It can be used for a repayment now."),
    "maturity.change": N_("The new day of maturity holds. It stands in this bank's book."),
    "key.add": N_("The key is registered, and can sign from now on."),
}
# What became of a task, by what was asked for and the state that it has; other pairs say nothing.
TASKS: Final = {
    ("prepared", "open"): N_(
        "Prepared and signed by you. It counts once another person has signed it; it waits on that person's work list."
    ),
    ("declined", "declined"): N_("Ended unsigned: nothing was recorded. Who prepared it sees the reason, and may prepare it anew."),
    ("withdrawn", "declined"): N_("Withdrawn: nothing was recorded. It can be prepared anew on the page that it came from."),
    ("signed", "awaiting-authority"): N_("Signed by two people here, and handed to the authority, which signs it too before it counts."),
}
_REACHED: Final = {
    "IN_REVIEW": 1,
    "APPROVED": 2,
    "DISBURSED": 3,
    "REPAYING": 3,
    "PAID_OFF": 5,
}
_CLOSED: Final = frozenset({"PAID_OFF", "CANCELLED", "EXPIRED", "WRITTEN_OFF", "TRANSFERRED"})
_STAGES: Final = (
    (N_("taken in"), ("financing.intake",)),
    (N_("approved"), ("financing.approve",)),
    (N_("paid out"), ("financing.disburse", "financing.load", "financing.take-over")),
    (N_("repaid"), ("financing.repay",)),
    (N_("closed"), ()),
)


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a loan's life. `time` is when it was reached first, None where no record of this bank's says it. `now`: it is what is
    being done.
    """

    name: str
    done: bool
    now: bool
    time: str | None


def stages_of(financing: Mapping[str, Any]) -> list[Stage]:
    """The strip of a financing, from its state and its records. What ended early has not reached what it never was."""
    times: dict[str, str] = {}
    for each in financing["records"]:
        if each["code"] == "ok":
            times.setdefault(each["type"], each["time"])
    found = [next((times[kind] for kind in kinds if kind in times), None) for _, kinds in _STAGES]
    state = financing["state"]
    reached = _REACHED.get(state, max((place for place, time in enumerate(found, 1) if time is not None), default=0))
    stages = []
    for place, ((name, _), time) in enumerate(zip(_STAGES, found, strict=True), 1):
        is_last = place == len(_STAGES)
        done = state in _CLOSED if is_last else place <= reached and (place != 4 or state == "PAID_OFF")
        stages.append(Stage(name, done, state not in _CLOSED and place == reached + 1, time if done else None))
    return stages


def done_text(kind: str, asked: str, state: str, result: str | None) -> str | None:
    """What a task's page says after somebody did `asked`; None where the task is not in the state that this leads to."""
    if asked == "signed" and state == "signed":
        return DONE.get(kind) if result in (None, "ok") else None
    return TASKS.get((asked, state))


def said_of(financing: Mapping[str, Any], asked: str) -> str | None:
    """What a financing's page says after a step that needed one person; None where that is not the last of its records."""
    done = [each["type"] for each in financing["records"] if each["code"] == "ok"]
    return DONE.get(asked) if done[-1:] == [asked] else None
