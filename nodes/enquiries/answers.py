"""What to answer for one line of an enquiry: a pure function of the line, the declaration that was found, and the ledger's state.

The answer has three parts: integrity (do the fields agree with what is registered), status (how the declaration stands), source (who
registered it, and is that key good). A number that is not registered and one that belongs to another enterprise get the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from contracts import entries, queries, shares
from contracts.balances import ceiling
from nodes.enquiries.parts import Agreement, AnswerLine, AskedLine, Integrity, LineResult, Source, Status

GRANT_USES: Final = 5
UNKNOWN: Final = AnswerLine(result="unknown")
NOT_EXPORT: Final = AnswerLine(result="not-export")

StatusWord = Literal["registered", "amended", "overused", "collected", "void", "replaced"]
UseWord = Literal["unfinanced", "part-financed", "fully-financed"]
_STATUS: Final[dict[str, StatusWord]] = {"OVERUSED": "overused", "COLLECTED": "collected", "VOID": "void", "REPLACED": "replaced"}
_USE: Final[dict[str, UseWord]] = {"none": "unfinanced", "part": "part-financed", "full": "fully-financed"}


@dataclass(frozen=True, slots=True)
class Facts:
    """A declaration as the registrar's parts say it. `registered_minor` is what shares are parts of; `current_minor` the receivable part
    and `declared_minor` the customs total as they are now, after amendments.
    """

    id: str
    number: str
    exporter_uscc: str
    currency: str
    registered_minor: int
    current_minor: int
    declared_minor: int
    export_date: str
    amended: bool


def is_import(number: str) -> bool:
    """Whether the ninth digit of an 18-digit number says import."""
    return number[8] != "0"


def status_of(facts: Facts, entry: entries.Declaration, time_ms: int) -> Status:
    """How a declaration stands at a time. Money is what the shares are worth, rounded down, so that it promises nothing too much."""
    standing = queries.standing(entry, time_ms)
    otherwise: StatusWord = "amended" if facts.amended else "registered"
    return Status(
        declaration=_STATUS.get(standing.status, otherwise),
        use=_USE[standing.use],
        currency=facts.currency,
        financeable_minor=_worth(facts, ceiling(entry)),
        available_minor=_worth(facts, standing.available),
        available_ppm=standing.available,
        until=entry["until"],
    )


def answer_line(
    asked: AskedLine, uscc: str, facts: Facts | None, entry: entries.Declaration | None, source: Source | None, time_ms: int
) -> AnswerLine:
    """The answer about one line under a consent of the enterprise with this credit code. `facts`, `entry` and `source` are those of
    the declaration with the line's number, None where it is not registered.
    """
    if is_import(asked.number):
        return NOT_EXPORT
    if facts is None or entry is None or source is None or not uscc == facts.exporter_uscc == asked.exporter_uscc:
        return UNKNOWN
    integrity = _integrity(asked, facts)
    result = _result(integrity)
    if result != "match":
        return AnswerLine(result=result, number=facts.number, declaration=facts.id, integrity=integrity)
    status = status_of(facts, entry, time_ms)
    return AnswerLine(
        result=result,
        number=facts.number,
        declaration=facts.id,
        integrity=integrity,
        status=status,
        source=source,
        granted=status.declaration not in ("void", "replaced"),
    )


def _integrity(asked: AskedLine, facts: Facts) -> Integrity:
    """The amount may be the total on the customs declaration or its receivable part; it cannot agree in another currency."""
    amount = asked.amount
    if amount is None:
        return Integrity(amount="not-asked", currency="not-asked", export_date=_agreement(asked.export_date, facts.export_date))
    same_currency = amount.currency == facts.currency
    same_amount = same_currency and amount.amount_minor in (facts.declared_minor, facts.current_minor)
    return Integrity(
        amount="match" if same_amount else "mismatch",
        currency="match" if same_currency else "mismatch",
        export_date=_agreement(asked.export_date, facts.export_date),
    )


def _agreement(asked: str | None, registered: str) -> Agreement:
    if asked is None:
        return "not-asked"
    return "match" if asked == registered else "mismatch"


def _result(integrity: Integrity) -> LineResult:
    if integrity.currency == "mismatch":
        return "currency-mismatch"
    if integrity.amount == "mismatch":
        return "amount-mismatch"
    return "date-mismatch" if integrity.export_date == "mismatch" else "match"


def _worth(facts: Facts, share: int) -> int:
    return facts.registered_minor * share // shares.WHOLE
