"""The tables of supervision, record by record: what a financing is, what it carries in shares and in money, and what happened to it.

Shares and states are read from the ledger's state after the record's block, money from sealed parts. A part that cannot be used raises
`InputError`; then nothing of its record is taken in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from contracts import balances, entries, policy
from contracts.months import DAY_MS
from nodes.days import day_end_ms, instant_ms
from nodes.declarations.book import declarations
from nodes.financings.amounts import amount_of_share
from nodes.financings.parts import (
    APPLICATION,
    LOAN,
    PLEDGE,
    REASON,
    REPAYMENT,
    AdjustmentPart,
    ApplicationPart,
    LoanPart,
    PledgePart,
    RepaymentPart,
)
from nodes.monitoring import deadlines, surroundings
from nodes.monitoring.findings import Seen
from nodes.monitoring.rows import (
    RegionOf,
    add_event,
    add_financing,
    add_lines,
    add_money,
    cancelled_minor,
    check_count,
    lines_of,
    refresh,
    registered_minor,
    row_of,
)
from nodes.monitoring.tables import financings, lines, loans, pledges
from nodes.sealed_models import read_part


def take_in(seen: Seen, region_of: RegionOf) -> None:
    """Writes down what one record says. Raises `InputError` (`part-malformed`, `declaration-malformed`)."""
    kind = seen.stored.record.type
    if kind == "financing.apply":
        surroundings.note_attempts(seen)
    if seen.code != "ok":
        return
    if kind in _NEW:
        _NEW[kind](seen, region_of)
        surroundings.use_grants(seen)
    elif kind in _STEPS:
        _step(seen, _STEPS[kind])
    elif kind in _OTHERS:
        _OTHERS[kind](seen)


def _applied(seen: Seen, region_of: RegionOf) -> None:
    if APPLICATION not in seen.parts:
        return
    part = read_part(ApplicationPart, seen.parts[APPLICATION].content)
    who = {name: getattr(part, name) for name in ("enterprise", "uscc", "name", "currency", "product")}
    add_financing(seen, seen.author, region_of, {**who, "branch": part.branch, "applied_ms": seen.stored.time_ms})
    amounts = [line.amount_minor for line in part.lines]
    add_lines(seen, seen.stored.id, "applied_minor", amounts)
    until = seen.stored.record.body["hold_until"]
    deadlines.set_deadline(seen.connection, deadlines.HOLD, seen.stored.id, seen.stored.id, until, seen.author, part.enterprise)
    held = [line.amount_minor for line, answer in zip(part.lines, seen.stored.result["lines"], strict=True) if answer["code"] == "ok"]
    add_event(seen, seen.stored.id, "applied", sum(held), None)


def _loaded(seen: Seen, region_of: RegionOf) -> None:
    """A loan that was paid before its bank joined: whose it is follows from its declarations."""
    if LOAN not in seen.parts:
        return
    part = read_part(LoanPart, seen.parts[LOAN].content)
    first = seen.stored.record.body["lines"][0]["grant"]["declaration"]
    owner = seen.connection.execute(sa.select(declarations).where(declarations.c.id == first)).first()
    if owner is None:
        return
    who = {"enterprise": owner.enterprise or "", "uscc": owner.exporter_uscc, "name": owner.exporter_name, "currency": part.currency}
    add_financing(seen, seen.author, region_of, {**who, "product": "", "branch": "", "disbursed_ms": seen.stored.time_ms})
    add_lines(seen, seen.stored.id, "disbursed_minor", part.lines)
    add_event(seen, seen.stored.id, "loaded", part.amount_minor, None)
    _await_money(seen, seen.stored.id, part.lines, part.matures_on, seen.author, owner.enterprise or "")


def _taken_over(seen: Seen, region_of: RegionOf) -> None:
    """All that was drawn moves, in shares and in what is owed, to a financing of the next bank."""
    old_id = seen.stored.record.body["financing"]
    old, old_lines = row_of(seen.connection, old_id), lines_of(seen.connection, old_id)
    entry = entries.financing(seen.state, seen.stored.id)
    if old is None or entry is None:
        return
    who = {name: getattr(old, name) for name in ("enterprise", "uscc", "name", "currency", "product")}
    add_financing(seen, seen.author, region_of, {**who, "branch": "", "disbursed_ms": seen.stored.time_ms})
    moved = [line for line, opening in zip(old_lines, seen.stored.record.body["grants"], strict=True) if opening is not None]
    owed = [max(0, line.disbursed_minor - line.repaid_minor - _lost_minor(seen, line)) for line in moved]
    add_lines(seen, seen.stored.id, "disbursed_minor", owed)
    for line, amount in zip(moved, owed, strict=True):
        add_money(seen, old_id, line.line, "repaid_minor", amount)
    add_event(seen, seen.stored.id, "taken-over", sum(owed), None)
    add_event(seen, old_id, "transferred", sum(owed), None)
    due = sa.select(sa.func.max(loans.c.matures_on)).where(loans.c.financing == old_id)
    matures_on = seen.connection.execute(due).scalar()
    _settle_loans(seen, old_id)
    refresh(seen, old_id)
    if matures_on is not None:
        _await_money(seen, seen.stored.id, owed, matures_on, seen.author, old.enterprise)


def _lost_minor(seen: Seen, line: Any) -> int:
    """What was written off on a line, which stays with the lender that lost it."""
    base = registered_minor(seen.connection, line.declaration)
    return 0 if base is None else amount_of_share(line.lost, base)


def _step(seen: Seen, step: tuple[str, Callable[[Seen, Any], int]]) -> None:
    financing_id = seen.stored.record.body["financing"]
    row = row_of(seen.connection, financing_id)
    if row is None:
        return
    kind, take = step
    amount = take(seen, row)
    entry = refresh(seen, financing_id)
    first_loan = row.approved_ms if row.disbursed_ms is None else None
    began = {"intake": row.applied_ms, "approved": row.intake_ms, "disbursed": first_loan}.get(kind)
    add_event(seen, financing_id, kind, amount, None if began is None else seen.stored.time_ms - began)
    column = {"intake": "intake_ms", "approved": "approved_ms", "disbursed": "disbursed_ms"}.get(kind)
    if column is not None and getattr(row, column) is None:
        seen.connection.execute(sa.update(financings).where(financings.c.id == financing_id).values(**{column: seen.stored.time_ms}))
    if entry is not None and entry["state"] not in balances.UNAPPROVED:
        deadlines.resolve(seen.connection, deadlines.HOLD, financing_id, seen.stored.time_ms)
    if entry is not None and kind != "approved" and entry["state"] != "APPROVED":
        deadlines.resolve(seen.connection, deadlines.APPROVAL, financing_id, seen.stored.time_ms)


def _held_money(seen: Seen, row: Any) -> int:
    """What the lines hold, as far as it was applied for."""
    entry = entries.financing(seen.state, row.id)
    own = lines_of(seen.connection, row.id)
    total = 0
    for line, held in zip(own, entry["lines"] if entry is not None else (), strict=True):
        base = registered_minor(seen.connection, held["declaration"])
        total += 0 if base is None else min(line.applied_minor, amount_of_share(held["held"], base))
    return total


def _approved(seen: Seen, row: Any) -> int:
    days = policy.value(seen.state, "approved_days_alert")
    due_ms = seen.stored.time_ms + days * DAY_MS
    deadlines.set_deadline(seen.connection, deadlines.APPROVAL, seen.stored.id, row.id, due_ms, row.bank, row.enterprise)
    if PLEDGE not in seen.parts:
        return _held_money(seen, row)
    part = read_part(PledgePart, seen.parts[PLEDGE].content)
    own = lines_of(seen.connection, row.id)
    check_count(part.lines, len(own))
    registered_ms = instant_ms(part.registered_at)
    for line, amount in zip(own, part.lines, strict=True):
        entry, base = entries.declaration(seen.state, line.declaration), registered_minor(seen.connection, line.declaration)
        financeable = None if entry is None or base is None else amount_of_share(balances.ceiling(entry), base)
        ceiling = {"financeable_minor": financeable, "financeable_on": line.declaration}
        where = sa.and_(lines.c.financing == row.id, lines.c.line == line.line)
        seen.connection.execute(sa.update(lines).where(where).values(approved_minor=amount, **ceiling))
        if registered_ms is not None and amount:
            what = {"record_id": seen.stored.id, "declaration": line.declaration, "financing": row.id, "bank": row.bank}
            known = sa.select(pledges.c.bank).where(pledges.c.record_id == seen.stored.id, pledges.c.declaration == line.declaration)
            if seen.connection.execute(known).first() is None:
                seen.connection.execute(sa.insert(pledges).values(**what, registered_ms=registered_ms))
    return sum(part.lines)


def _disbursed(seen: Seen, row: Any) -> int:
    if LOAN not in seen.parts:
        return 0
    part = read_part(LoanPart, seen.parts[LOAN].content)
    check_count(part.lines, len(lines_of(seen.connection, row.id)))
    for place, amount in enumerate(part.lines):
        add_money(seen, row.id, place, "disbursed_minor", amount)
    _await_money(seen, row.id, part.lines, part.matures_on, row.bank, row.enterprise)
    surroundings.note_rate(seen, "financing", row.id, row.bank, row.enterprise, part, part.disbursed_on)
    return part.amount_minor


def _await_money(seen: Seen, financing_id: str, amounts: Sequence[int], matures_on: str, bank: str, enterprise: str) -> None:
    """The loan is to be paid back when it is due, and what was financed to be collected some time later. `amounts` are by line."""
    what = {"record_id": seen.stored.id, "financing": financing_id, "amount_minor": sum(amounts), "matures_on": matures_on}
    seen.connection.execute(sa.insert(loans).values(**what, log_index=seen.stored.log_index))
    try:
        due_ms = day_end_ms(matures_on)
    except ValueError:
        return
    deadlines.set_deadline(seen.connection, deadlines.LOAN, seen.stored.id, seen.stored.id, due_ms, bank, enterprise)
    due_ms += seen.settings.collection_days * DAY_MS
    own = lines_of(seen.connection, financing_id)
    drawn_on = [line.declaration for line, amount in zip(own, amounts, strict=True) if amount]
    for declaration in dict.fromkeys(drawn_on):
        deadlines.set_deadline(seen.connection, deadlines.COLLECTION, seen.stored.id, declaration, due_ms, bank, enterprise)


def _repaid(seen: Seen, row: Any) -> int:
    if REPAYMENT not in seen.parts:
        return 0
    part = read_part(RepaymentPart, seen.parts[REPAYMENT].content)
    check_count(part.lines, len(lines_of(seen.connection, row.id)))
    for place, amount in enumerate(part.lines):
        add_money(seen, row.id, place, "repaid_minor", amount)
    _settle_loans(seen, row.id)
    return part.amount_minor


def _settle_loans(seen: Seen, financing_id: str) -> None:
    """What is repaid pays the loans that are due first."""
    repaid = sum(line.repaid_minor for line in lines_of(seen.connection, financing_id))
    query = sa.select(loans).where(loans.c.financing == financing_id).order_by(loans.c.matures_on, loans.c.log_index)
    for loan in seen.connection.execute(query).fetchall():
        repaid -= loan.amount_minor
        if repaid < 0:
            return
        deadlines.resolve(seen.connection, deadlines.LOAN, loan.record_id, seen.stored.time_ms)


def _adjusted(seen: Seen, row: Any) -> int:
    """A write-off or a correction. What is given up stays owed here, since its share stays used; a correction changes what was lent."""
    if REASON not in seen.parts:
        return 0
    part = read_part(AdjustmentPart, seen.parts[REASON].content)
    check_count(part.lines, len(lines_of(seen.connection, row.id)))
    if seen.stored.record.type == "financing.correct":
        for place, amount in enumerate(part.lines):
            add_money(seen, row.id, place, "disbursed_minor", amount)
    return sum(abs(amount) for amount in part.lines)


_NEW: Final[Mapping[str, Callable[[Seen, RegionOf], None]]] = {
    "financing.apply": _applied,
    "financing.load": _loaded,
    "financing.take-over": _taken_over,
}
_STEPS: Final[Mapping[str, tuple[str, Callable[[Seen, Any], int]]]] = {
    "financing.intake": ("intake", _held_money),
    "financing.approve": ("approved", _approved),
    "financing.disburse": ("disbursed", _disbursed),
    "financing.repay": ("repaid", _repaid),
    "financing.cancel": ("cancelled", cancelled_minor),
    "financing.write-off": ("written-off", _adjusted),
    "financing.correct": ("corrected", _adjusted),
    "financing.transfer": ("offered", lambda _seen, _row: 0),
}
_OTHERS: Final[Mapping[str, Callable[[Seen], None]]] = {
    "consent.revoke": surroundings.revoke,
    "enquiry.answer": surroundings.answer,
    "declaration.register": surroundings.register,
    "declaration.void": surroundings.void,
    "declaration.collected": surroundings.took_in_collection,
}
