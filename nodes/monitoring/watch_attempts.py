"""Detectors of what banks tried, and what stands flagged on the ledger: duplicates, over-use, frozen things, corrections."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import sqlalchemy as sa

from contracts import entries
from contracts.months import DAY_MS
from nodes.declarations.book import declarations
from nodes.financings.amounts import amount_of_share
from nodes.money import Money
from nodes.monitoring.findings import EVERY_TYPE, Detector, Finding, Seen
from nodes.monitoring.rows import row_of
from nodes.monitoring.tables import attempts

_APPLY: Final = "financing.apply"
_DUPLICATE: Final = frozenset({"exhausted", "too-many-holds", "already-registered"})
_OVER_LIMIT: Final = frozenset({"exceeds-available", "exceeds-grant", "exceeds-hold", "overused"})
_FLAGS: Final = frozenset({"LATE", "OVERUSED", "VOID", "REPLACED", "FROZEN", "SUSPENDED"})


def owner_of(connection: sa.Connection, declaration_id: str) -> Any:
    """The row of a declaration that this node can open, or None."""
    return connection.execute(sa.select(declarations).where(declarations.c.id == declaration_id)).first()


def enterprise_of(connection: sa.Connection, declaration_id: str) -> str:
    """The enrolment id of a declaration's exporter, empty where none is known."""
    row = owner_of(connection, declaration_id)
    return "" if row is None else row.enterprise or ""


def worth(connection: sa.Connection, declaration_id: str, share: int) -> dict[str, Any]:
    """A share, and what it is worth where that is known."""
    row = owner_of(connection, declaration_id)
    money = {} if row is None else {"amount": Money(row.currency, amount_of_share(share, row.registered_minor)).to_json()}
    return {"share": share, **money}


def _refused(seen: Seen, codes: frozenset[str]) -> Iterator[Finding]:
    """A finding for each line that was refused with one of the codes; for other records, for the whole."""
    body = seen.stored.record.body
    answers: list[Mapping[str, Any]] = list(seen.stored.result.get("lines") or [])
    if not answers and seen.code in codes:
        yield _whole(seen)
    for index, answer in enumerate(answers):
        if answer["code"] in codes:
            line = body["lines"][index]
            declaration = line["grant"]["declaration"]
            details = {"result": answer["code"], **worth(seen.connection, declaration, line["share"])}
            left = answer.get("left")
            if left is not None:
                details["left"] = worth(seen.connection, declaration, left)
            yield Finding(
                (seen.stored.id, str(index)),
                "declaration",
                declaration,
                seen.author,
                enterprise_of(seen.connection, declaration),
                (seen.stored.id,),
                seen.stored.time_ms,
                details,
            )


def _whole(seen: Seen) -> Finding:
    """About a record that was refused as a whole."""
    body = seen.stored.record.body
    when, cause, what = seen.stored.time_ms, (seen.stored.id,), {"result": seen.code}
    if "declaration" in body:
        enterprise = enterprise_of(seen.connection, body["declaration"])
        return Finding(cause, "declaration", body["declaration"], seen.author, enterprise, cause, when, what)
    if "financing" in body:
        row = row_of(seen.connection, body["financing"])
        enterprise = "" if row is None else row.enterprise
        return Finding(cause, "financing", body["financing"], seen.author, enterprise, (body["financing"], *cause), when, what)
    return Finding(cause, "record", seen.stored.id, seen.author, "", cause, when, what)


def _refused_duplicate(seen: Seen) -> Iterable[Finding]:
    return _refused(seen, _DUPLICATE)


def _over_limit(seen: Seen) -> Iterable[Finding]:
    return _refused(seen, _OVER_LIMIT)


def _frozen(seen: Seen) -> Iterable[Finding]:
    return _refused(seen, frozenset({"frozen"}))


def _double_attempt(seen: Seen) -> Iterator[Finding]:
    """The first application of each further bank within the window of another's."""
    since_ms = seen.stored.time_ms - seen.settings.double_attempt_days * DAY_MS
    for declaration in dict.fromkeys(line["grant"]["declaration"] for line in seen.stored.record.body["lines"]):
        before = sa.and_(
            attempts.c.declaration == declaration,
            attempts.c.log_index < seen.stored.log_index,
            attempts.c.time_ms >= since_ms,
        )
        rows = seen.connection.execute(sa.select(attempts).where(before).order_by(attempts.c.log_index)).fetchall()
        others = [row for row in rows if row.bank != seen.author]
        if not others or any(row.bank == seen.author for row in rows):
            continue
        banks = sorted({row.bank for row in others} | {seen.author})
        yield Finding(
            (declaration, seen.stored.id),
            "declaration",
            declaration,
            seen.author,
            enterprise_of(seen.connection, declaration),
            (*(row.record_id for row in others), seen.stored.id),
            seen.stored.time_ms,
            {"banks": banks},
        )


def _flagged(seen: Seen, flags: frozenset[str]) -> Iterator[Finding]:
    """A financing that the record left with one of the flags."""
    body = seen.stored.record.body
    financing_id = body.get("financing", seen.stored.id)
    entry, row = entries.financing(seen.state, financing_id), row_of(seen.connection, financing_id)
    found = [] if entry is None else sorted(flags.intersection(entry["flags"]))
    if seen.code == "ok" and found:
        enterprise = "" if row is None else row.enterprise
        records = (financing_id, seen.stored.id)
        yield Finding((seen.stored.id,), "financing", financing_id, seen.author, enterprise, records, seen.stored.time_ms, {"flags": found})


def _flagged_disbursement(seen: Seen) -> Iterator[Finding]:
    return _flagged(seen, _FLAGS)


def _load_overuses(seen: Seen) -> Iterator[Finding]:
    return _flagged(seen, frozenset({"OVERUSED"}))


def _correction(seen: Seen) -> Iterator[Finding]:
    body = seen.stored.record.body
    takes_back = seen.stored.record.type == "financing.correct" or body["share"] < 0
    if seen.code == "ok" and takes_back:
        yield _whole(seen)


DETECTORS: Final = (
    Detector(
        "refused-duplicate",
        "high",
        "an application was refused because the declaration is financed in full or held already, or a number was registered twice",
        frozenset({_APPLY, "financing.load", "declaration.register"}),
        _refused_duplicate,
    ),
    Detector(
        "over-limit-attempt",
        "medium",
        "a record asked for more than the declaration, the grant or the hold has",
        frozenset({_APPLY, "financing.intake", "financing.approve", "financing.disburse", "financing.load", "financing.take-over"}),
        _over_limit,
    ),
    Detector("frozen-attempt", "high", "something was tried with what an order freezes", EVERY_TYPE, _frozen),
    Detector(
        "double-attempt", "high", "two or more banks applied on one declaration within the window", frozenset({_APPLY}), _double_attempt
    ),
    Detector(
        "disbursement-flagged",
        "high",
        "money was paid out late, or on what is overused, void, replaced, frozen or suspended by then",
        frozenset({"financing.disburse"}),
        _flagged_disbursement,
    ),
    Detector(
        "load-overuses",
        "medium",
        "a loan of the back book uses more than its declaration allows",
        frozenset({"financing.load"}),
        _load_overuses,
    ),
    Detector(
        "correction",
        "medium",
        "what was drawn or collected was corrected afterwards",
        frozenset({"financing.correct", "declaration.collected"}),
        _correction,
    ),
)
