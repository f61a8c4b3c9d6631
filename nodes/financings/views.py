"""A financing as it stands now, in shares and in money, with what may be done next.

State and shares come from the node's own replica at this moment, money from the book. Nothing here writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from contracts import balances, entries
from contracts.financings.cancel import is_stale
from contracts.financings.common import holder
from ledger.errors import NotFound
from ledger.store import Reader
from nodes.days import date_of
from nodes.enquiries.grants import grants
from nodes.financings.amounts import LoanLine, amount_of_share
from nodes.financings.book import Booked, BookedRecord, booked, booked_page
from nodes.financings.carried import Base, Standing, carried_base, standing_of
from nodes.financings.known import registered_amounts
from nodes.financings.maturity_book import Change, changes_by_financing, maturities, standing
from nodes.financings.particulars import Document, Loan
from nodes.money import Money
from nodes.rehearsal import ONE_PERSON, TWO_PEOPLE, rehearse_on, time_now_ms

if TYPE_CHECKING:
    from nodes.node import Node

_PAGE: Final = 100
_OWED: Final = (("write-off", TWO_PEOPLE), ("correct", TWO_PEOPLE), ("transfer", TWO_PEOPLE))
_STEPS: Final = {
    "APPLIED": (("intake", ONE_PERSON), ("cancel", ONE_PERSON)),
    "IN_REVIEW": (("approve", TWO_PEOPLE), ("cancel", ONE_PERSON)),
    "APPROVED": (("disburse", TWO_PEOPLE), ("repay", TWO_PEOPLE), ("cancel", TWO_PEOPLE)),
    "DISBURSED": (("repay", TWO_PEOPLE), *_OWED),
    "REPAYING": (("repay", TWO_PEOPLE), *_OWED),
    "WRITTEN_OFF": (("repay", TWO_PEOPLE), ("write-off", TWO_PEOPLE), ("correct", TWO_PEOPLE)),
    "CANCELLED": (("disburse", TWO_PEOPLE),),
    "PAID_OFF": (("correct", TWO_PEOPLE),),
}


@dataclass(frozen=True, slots=True)
class FinancingLine:
    """A line. Shares as the ledger has them; money where this node knows the amount registered. `available` is what a new application
    could hold on the declaration now.
    """

    declaration_id: str
    number: str
    code: str
    grant: str
    consent: str
    held: int
    drawn: int
    lost: int
    currency: str
    applied: Money
    registered: Money | None
    approved: Money | None
    undrawn: Money | None
    disbursed: Money
    repaid: Money
    written_off: Money
    outstanding: Money
    available: Money | None
    loan: LoanLine | None


@dataclass(frozen=True, slots=True)
class Financing:
    """A financing as of a height and a time. `actions` are those that its bank's people can take now; `hold_until_ms` is None once
    approved. `matures_on` is the day on which the next of what is owed matures, None where nothing is; `loans` are the tranches, each
    with the day until which it runs after the changes of maturity. `lender` acts for it now: `bank`, or who succeeded that.
    `stale`: the authority may let the approval go.
    """

    id: str
    bank: str
    lender: str
    state: str
    enterprise: str
    uscc: str
    name: str
    branch: str
    product: str
    reference: str
    currency: str
    mode: str
    flags: tuple[str, ...]
    applied_ms: int
    origin: str | None
    heir: str | None
    offered_until_ms: int | None
    hold_until_ms: int | None
    approved_ms: int | None
    stale: bool
    lines: tuple[FinancingLine, ...]
    records: tuple[BookedRecord, ...]
    loans: tuple[tuple[Loan, str], ...]
    documents: tuple[Document, ...]
    changes: tuple[Change, ...]
    matures_on: str | None
    overdue: Money
    days_overdue: int
    actions: tuple[str, ...]
    height: int
    time_ms: int
    log_index: int

    def total(self, name: str) -> Money:
        """The sum over the lines of `applied`, `disbursed`, `repaid`, `written_off` or `outstanding`."""
        return Money(self.currency, sum(getattr(line, name).amount_minor for line in self.lines))


class FinancingReader:
    """Looks financings up. Nothing here writes."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def get(self, financing_id: str) -> Financing:
        """Raises `NotFound` (`unknown-financing`) for what this node's book does not have."""
        with self._node.private.reading() as connection:
            return self._whole(connection, [booked(connection, financing_id)])[0]

    def page(
        self,
        *,
        state: str | None = None,
        declaration: str | None = None,
        enterprise: str | None = None,
        overdue: bool | None = None,
        stale: bool | None = None,
        before: int | None = None,
        limit: int = _PAGE,
    ) -> Sequence[Financing]:
        """The newest first, those that fit; `before` is the `log_index` of the last one that was seen."""
        found: list[Financing] = []
        with self._node.private.reading() as connection:
            while len(found) < limit:
                rows = booked_page(connection, before, limit, declaration, enterprise)
                whole = [each for each in self._whole(connection, rows) if state in (None, each.state)]
                found += [each for each in whole if overdue in (None, each.days_overdue > 0) and stale in (None, each.stale)]
                if len(rows) < limit:
                    break
                before = rows[-1].log_index
        return found[:limit]

    def _whole(self, connection: sa.Connection, rows: Sequence[Booked]) -> list[Financing]:
        with self._node.store.reading() as reader:
            made = changes_by_financing(connection, [row.id for row in rows])
            return [self._one(connection, reader, row, made[row.id]) for row in rows]

    def _one(self, connection: sa.Connection, reader: Reader, row: Booked, made: Sequence[Change]) -> Financing:
        entry = entries.financing(reader.state, row.id)
        if entry is None:
            raise NotFound("unknown-financing", "this node's replica does not have the financing yet", hint="ask again in a moment")
        time_ms = time_now_ms(self._node, reader)
        registered = _registered(connection, [line["grant"] for line in entry["lines"]])
        if self._node.config.node.role == "bank":
            # Of what a bank inherited it holds no grants, but the registrations came with the estate.
            registered |= registered_amounts(connection, [own.declaration for own in row.lines])
        state = balances.financing_state(entry, time_ms)
        exact = _exact(
            connection, [standing_of(reader.state, own.declaration, line) for own, line in zip(row.lines, entry["lines"], strict=True)]
        )
        lines = tuple(_line(reader, time_ms, row, place, entry, registered, exact) for place in range(len(row.lines)))
        # What is given up is not owed any more, and a correction changes what was lent.
        repaid_minor = sum(line.repaid_minor + line.lost_minor - line.adjusted_minor for line in row.lines)
        drawn = any(line["drawn"] for line in entry["lines"])
        due = standing(row.loans, made, repaid_minor, drawn=drawn, today=date_of(time_ms))
        return Financing(
            id=row.id,
            bank=entry["bank"],
            lender=holder(reader.state, entry["bank"]),
            state=state,
            enterprise=row.enterprise,
            uscc=row.uscc,
            name=row.name,
            branch=row.branch,
            product=row.product,
            reference=row.reference,
            currency=row.currency,
            mode=entry["mode"],
            flags=tuple(entry["flags"]),
            applied_ms=row.applied_ms,
            origin=entry["origin"],
            heir=entry["heir"],
            offered_until_ms=None if entry["offer"] is None else entry["offer"]["until"],
            hold_until_ms=entry["hold_until"],
            approved_ms=entry["approved_at"],
            stale=state == "APPROVED" and not drawn and is_stale(reader.state, entry, time_ms),
            lines=lines,
            records=row.records,
            loans=tuple(zip(row.loans, maturities(row.loans, made), strict=True)),
            documents=row.documents,
            changes=tuple(made),
            matures_on=due.matures_on,
            overdue=Money(row.currency, due.overdue_minor),
            days_overdue=due.days_overdue,
            actions=self._actions(reader, row.id, state, entry),
            height=reader.head.height,
            time_ms=time_ms,
            log_index=row.log_index,
        )

    def _actions(self, reader: Reader, financing_id: str, state: str, entry: entries.Financing) -> tuple[str, ...]:
        """What the rules would let this node's people do now, as far as that can be said without amounts."""
        if holder(reader.state, entry["bank"]) != self._node.config.node.member:
            return ()
        allowed = []
        for step, people in _STEPS.get(state, ()):
            body: dict[str, Any] = {"financing": financing_id}
            if step == "repay":
                fits = any(line["drawn"] or line["lost"] for line in entry["lines"])
            elif step in ("write-off", "correct"):
                fits = True
            elif step == "transfer":
                body |= {"offer": None, "until": None}
                fits = rehearse_on(self._node, reader, f"financing.{step}", body, people).code == "ok"
            elif step == "disburse":
                fits = any(line["held"] or (state == "CANCELLED" and entry["was_approved"] and line["was"]) for line in entry["lines"])
            else:
                body |= {"reason": "withdrawn"} if step == "cancel" else {"shares": None}
                fits = rehearse_on(self._node, reader, f"financing.{step}", body, people).code == "ok"
            if fits:
                allowed.append(step)
        return tuple(allowed)


def _registered(connection: sa.Connection, commitments: Sequence[str]) -> dict[str, int]:
    """The amount registered behind each grant that this bank can open, by commitment."""
    query = sa.select(grants.c.commitment, grants.c.registered_minor).where(grants.c.commitment.in_(commitments))
    return {row.commitment: row.registered_minor for row in connection.execute(query)}


def _exact(connection: sa.Connection, stands: Sequence[Standing]) -> dict[str, int]:
    """What this bank was told about successors that it enquired about anew."""
    moved = [each.declaration for each in stands if each.ratios]
    query = sa.select(grants.c.declaration, grants.c.registered_minor).where(grants.c.declaration.in_(moved))
    return {row.declaration: row.registered_minor for row in connection.execute(query)} if moved else {}


def _bounds(registered_minor: int | None, stands: Standing, exact_minor: int | None) -> Base | None:
    """What the line's shares are parts of, as far as this node knows."""
    if stands.ratios and exact_minor is not None:
        return Base(exact_minor, exact_minor)
    if registered_minor is None:
        return None
    base = Base(registered_minor, registered_minor)
    for ratio in stands.ratios:
        base = carried_base(base, ratio)
    return base


def _line(
    reader: Reader,
    time_ms: int,
    row: Booked,
    place: int,
    entry: entries.Financing,
    registered: dict[str, int],
    exact: dict[str, int],
) -> FinancingLine:
    own, line = row.lines[place], entry["lines"][place]
    stands = standing_of(reader.state, own.declaration, line)
    bounds = _bounds(registered.get(line["grant"], registered.get(own.declaration)), stands, exact.get(stands.declaration))
    base = None if bounds is None else bounds.least_minor
    declaration = entries.declaration(reader.state, stands.declaration)
    available = 0 if declaration is None else balances.available(declaration, time_ms)
    approved = own.approved_minor
    loan = None
    if base is not None and bounds is not None:
        if entry["was_approved"] and approved is None:
            approved = min(own.applied_minor, amount_of_share(stands.was, base))
        amounts = (own.disbursed_minor, own.repaid_minor)
        # What a cancellation let go may still be recorded as paid, late, with the authority.
        held = stands.was if entry["state"] == "CANCELLED" and entry["was_approved"] else line["held"]
        loan = LoanLine(base, approved or 0, held, line["drawn"], *amounts, line["lost"], own.lost_minor, own.adjusted_minor)
        loan = replace(loan, registered_most_minor=bounds.most_minor)

    def money(amount_minor: int) -> Money:
        return Money(row.currency, amount_minor)

    return FinancingLine(
        declaration_id=stands.declaration,
        number=own.number,
        code=line["code"],
        grant=line["grant"],
        consent=line["consent"],
        held=line["held"] if balances.counts(entry, time_ms) else 0,
        drawn=line["drawn"],
        lost=line["lost"],
        currency=row.currency,
        applied=money(own.applied_minor),
        registered=None if base is None else money(base),
        approved=None if approved is None else money(approved),
        undrawn=None if loan is None else money(loan.undrawn_minor),
        disbursed=money(own.disbursed_minor),
        repaid=money(own.repaid_minor),
        written_off=money(max(0, own.lost_minor)),
        outstanding=money(max(0, own.disbursed_minor + own.adjusted_minor - own.repaid_minor - own.lost_minor)),
        available=None if base is None else money(amount_of_share(available, base)),
        loan=loan,
    )
