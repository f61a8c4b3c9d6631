"""`financing.take-over`: the bank that an offer was made to becomes the lender of all that is drawn at that moment.

It opens grants of its own for every line that moves. What the declarations carry does not change, so neither a void nor an over-use
stands in its way, nor that the lender may start nothing any more: it made the offer when it might, may still withdraw it, and is
paid. An order against the financing stops it. What was written off stays with the lender that lost it.
"""

from __future__ import annotations

from contracts import entries
from contracts.commitments import offer_commitment
from contracts.financings.common import declaration_of, fits_lines, found, holder, new_financing, not_frozen, outcome, put_settled
from contracts.financings.models import FinancingTakeOver, GrantOpening
from contracts.financings.transfer import OFFERED
from contracts.grants import GrantDesk, Opened
from contracts.guards import BANK, Author, author_of, may_start, refuse, require, rule, two_people
from ledger.rules import Context, Result, State


@rule
def take_over(state: State, context: Context, body: FinancingTakeOver) -> Result:
    """A financing of the author in state DISBURSED, named by this record; the old one is TRANSFERRED, or WRITTEN_OFF with what it lost."""
    old = found(state, body.financing)
    author = author_of(state, context)
    require(author.role == BANK and holder(state, author.member) != holder(state, old["bank"]), "not-permitted")
    may_start(author)
    two_people(author)
    require(old["state"] in OFFERED, "wrong-state")
    not_frozen(state, old)
    _check_offer(context, body, old, author)

    moving = _moving(old, body.grants)
    desk = GrantDesk(state, author.member, context.record_id, context.time_ms)
    lines = [_open(desk, line, opening, index) for index, (line, opening) in enumerate(moving)]
    new = new_financing(context, author.member, state="DISBURSED", lines=lines, flags=["TAKEN-OVER"], origin=body.financing)
    for line, _ in moving:
        line["drawn"] = 0
    _hand_over(state, context, body.financing, old, new)
    old["offer"], old["heir"] = None, context.record_id
    old["state"] = "WRITTEN_OFF" if any(line["lost"] for line in old["lines"]) else "TRANSFERRED"
    entries.put_financing(state, body.financing, old)
    entries.put_financing(state, context.record_id, new)
    return outcome(new)


def _check_offer(context: Context, body: FinancingTakeOver, old: entries.Financing, author: Author) -> None:
    offer = old["offer"]
    if offer is None:
        refuse("no-offer")
    require(context.time_ms < offer["until"], "offer-expired")
    opens = offer_commitment(bank=author.member, financing=body.financing, salt=body.salt) == offer["commitment"]
    require(opens, "commitment-mismatch")


def _moving(old: entries.Financing, grants: list[GrantOpening | None]) -> list[tuple[entries.Line, GrantOpening]]:
    """The lines that move, each with its opening: `malformed` unless there is one for exactly those, for the declaration of each."""
    fits_lines(old, grants)
    moving: list[tuple[entries.Line, GrantOpening]] = []
    for line, opening in zip(old["lines"], grants, strict=True):
        require((line["drawn"] > 0) == (opening is not None), "malformed")
        if opening is not None:
            require(opening.declaration == line["declaration"], "malformed")
            moving.append((line, opening))
    return moving


def _open(desk: GrantDesk, line: entries.Line, opening: GrantOpening, index: int) -> entries.Line:
    opened: Opened = desk.open(opening)
    desk.require_cover(opened, line["drawn"])
    desk.spend(opened, index, line["drawn"])
    return {
        "declaration": line["declaration"],
        "grant": opened.commitment,
        "consent": opening.consent,
        "code": "ok",
        "held": 0,
        "was": line["drawn"],
        "drawn": line["drawn"],
        "lost": 0,
    }


def _hand_over(state: State, context: Context, old_id: str, old: entries.Financing, new: entries.Financing) -> None:
    """Names the new lender and financing on each declaration. Its sums stay as they are."""
    for line in new["lines"]:
        declaration = declaration_of(state, line)
        put_settled(state, old_id, old, line, declaration, context.time_ms)
        put_settled(state, context.record_id, new, line, declaration, context.time_ms)
