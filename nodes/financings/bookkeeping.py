"""Keeping the book: what each record about a financing adds to it. Records that the rules refused move no money; they are listed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from ledger.errors import InputError
from ledger.store import StoredRecord
from nodes.financings import particulars
from nodes.financings.book import Keeps, financing_lines, financing_records, financings, handed_over, recoveries
from nodes.financings.parts import (
    APPLICATION,
    LOAN,
    PLEDGE,
    REASON,
    REPAYMENT,
    TERMS,
    AdjustmentPart,
    ApplicationPart,
    AppliedLine,
    LoadedFrom,
    LoanPart,
    PledgePart,
    RepaymentPart,
    TakeOverPart,
)
from nodes.sealed_models import read_part
from nodes.sealing import Opened

_LOAD, _TAKE_OVER = "financing.load", "financing.take-over"
_ADJUSTED: Final = {"financing.write-off": "lost_minor", "financing.correct": "adjusted_minor"}


class Book:
    """The projection. `keeps` says whether a new financing belongs into this node's book: a lender also opens what it handed over."""

    def __init__(self, keeps: Keeps) -> None:
        self._keeps = keeps

    def apply(self, connection: sa.Connection, stored: StoredRecord, parts: Mapping[str, Opened]) -> None:
        """Raises `InputError` (`part-malformed`) for a part that it cannot use."""
        if stored.result["code"] == "ok" and self._keeps(connection, stored):
            if stored.record.type == "financing.apply" and APPLICATION in parts:
                _add_financing(connection, stored, read_part(ApplicationPart, parts[APPLICATION].content))
            elif stored.record.type == _LOAD and LOAN in parts:
                _add_load(connection, stored, read_part(LoanPart, parts[LOAN].content))
            elif stored.record.type == _TAKE_OVER and TERMS in parts:
                _add_taken_over(connection, stored, read_part(TakeOverPart, parts[TERMS].content))
        if stored.record.type not in ("financing.apply", _LOAD):
            _take_in(connection, stored, parts)


def _take_in(connection: sa.Connection, stored: StoredRecord, parts: Mapping[str, Opened]) -> None:
    """What a record about a financing changes of it."""
    financing_id = stored.record.body["financing"]
    if connection.execute(sa.select(financings.c.id).where(financings.c.id == financing_id)).first() is None:
        return
    _add_record(connection, stored, financing_id)
    if stored.result["code"] != "ok":
        return
    if stored.record.type == _TAKE_OVER:
        gone = [-amount for amount in handed_over(connection, stored)]
        _each_line(connection, stored, gone, lambda amount: {"adjusted_minor": financing_lines.c.adjusted_minor + amount})
    if PLEDGE in parts:
        pledge = read_part(PledgePart, parts[PLEDGE].content)
        _each_line(connection, stored, pledge.lines, lambda amount: {"approved_minor": amount})
        particulars.add_documents(connection, stored, financing_id, pledge.attachments)
    if LOAN in parts:
        loan = read_part(LoanPart, parts[LOAN].content)
        _each_line(connection, stored, loan.lines, lambda amount: {"disbursed_minor": financing_lines.c.disbursed_minor + amount})
        particulars.add_loan(connection, stored, financing_id, loan)
        particulars.add_documents(connection, stored, financing_id, loan.attachments)
    if REPAYMENT in parts:
        repaid = read_part(RepaymentPart, parts[REPAYMENT].content).lines
        recovered = recoveries(connection, financing_id, repaid)
        _each_line(connection, stored, repaid, lambda amount: {"repaid_minor": financing_lines.c.repaid_minor + amount})
        _each_line(connection, stored, recovered, lambda amount: {"lost_minor": financing_lines.c.lost_minor - amount})
    if REASON in parts and stored.record.type in _ADJUSTED:
        changes = read_part(AdjustmentPart, parts[REASON].content).lines
        column = financing_lines.c[_ADJUSTED[stored.record.type]]
        _each_line(connection, stored, changes, lambda amount: {column.name: column + amount})


def _add_financing(connection: sa.Connection, stored: StoredRecord, part: ApplicationPart) -> None:
    _check_about([line.declaration for line in part.lines], [allocation["grant"] for allocation in stored.record.body["lines"]])
    _add_rows(connection, stored, part, part.currency, part.reference, part.lines, paid=False)
    particulars.add_documents(connection, stored, stored.id, part.attachments)


def _add_load(connection: sa.Connection, stored: StoredRecord, part: LoanPart) -> None:
    """A loan that was paid before its bank joined: all of it is drawn."""
    openings = [allocation["grant"] for allocation in stored.record.body["lines"]]
    if part.loaded is None or not len(openings) == len(part.lines) == len(part.loaded.numbers):
        raise InputError("part-malformed", "the sealed loan does not say whose it is, line by line")
    lines = [
        AppliedLine(declaration=opening["declaration"], number=number, amount_minor=amount)
        for opening, number, amount in zip(openings, part.loaded.numbers, part.lines, strict=True)
    ]
    _add_rows(connection, stored, part.loaded, part.currency, part.reference, lines, paid=True)
    particulars.add_loan(connection, stored, stored.id, part)
    particulars.add_documents(connection, stored, stored.id, part.attachments)


def _add_taken_over(connection: sa.Connection, stored: StoredRecord, part: TakeOverPart) -> None:
    """All that was drawn, now a loan of the next bank."""
    _check_about([line.declaration for line in part.lines], [opening for opening in stored.record.body["grants"] if opening is not None])
    _add_rows(connection, stored, part, part.currency, part.reference, part.lines, paid=True)
    particulars.add_loan(connection, stored, stored.id, part)


def _check_about(sealed: Sequence[str], openings: Sequence[Mapping[str, str]]) -> None:
    if sealed != [opening["declaration"] for opening in openings]:
        raise InputError("part-malformed", "the sealed part is about other declarations than the public one")


def _add_rows(
    connection: sa.Connection,
    stored: StoredRecord,
    part: ApplicationPart | TakeOverPart | LoadedFrom,
    currency: str,
    reference: str,
    about: Sequence[AppliedLine],
    *,
    paid: bool,
) -> None:
    """A financing that a record makes, and its lines; `paid`: the money has left already."""
    row = {name: getattr(part, name) for name in ("enterprise", "uscc", "name", "branch", "product")}
    what = {"currency": currency, "reference": reference, "applied_ms": stored.time_ms, "log_index": stored.log_index}
    connection.execute(sa.insert(financings).values(id=stored.id, **what, **row))
    lines = [
        {
            "financing": stored.id,
            "line": place,
            "declaration": line.declaration,
            "number": line.number,
            "applied_minor": line.amount_minor,
            "approved_minor": line.amount_minor if paid else None,
            "disbursed_minor": line.amount_minor if paid else 0,
            "repaid_minor": 0,
            "lost_minor": 0,
            "adjusted_minor": 0,
        }
        for place, line in enumerate(about)
    ]
    connection.execute(sa.insert(financing_lines), lines)
    _add_record(connection, stored, stored.id)


def _add_record(connection: sa.Connection, stored: StoredRecord, financing_id: str) -> None:
    place = {"time_ms": stored.time_ms, "height": stored.height, "log_index": stored.log_index}
    what = {"record_id": stored.id, "financing": financing_id, "type": stored.record.type, "code": stored.result["code"]}
    connection.execute(sa.insert(financing_records).values(**what, **place))


def _each_line(
    connection: sa.Connection,
    stored: StoredRecord,
    amounts: Sequence[int],
    values: Callable[[int], dict[str, object]],
) -> None:
    financing_id = stored.record.body["financing"]
    of_it = financing_lines.c.financing == financing_id
    if connection.execute(sa.select(sa.func.count()).select_from(financing_lines).where(of_it)).scalar() != len(amounts):
        raise InputError("part-malformed", "the sealed amounts are not one for each line of the application")
    for place, amount in enumerate(amounts):
        connection.execute(sa.update(financing_lines).where(of_it, financing_lines.c.line == place).values(**values(amount)))
