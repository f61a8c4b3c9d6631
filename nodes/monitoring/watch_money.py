"""Detectors that compare what banks sealed with what is public, with each other, and with the authority's own rates.

A share covers its money to within a step, and each rounding of a line may add one. Beyond that somebody lends more than the share says,
or blocks more than it lends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import sqlalchemy as sa

from contracts.ruleset import RULESET
from contracts.shares import STEP
from nodes.financings.amounts import exact_share
from nodes.financings.parts import (
    APPLICATION,
    COLLECTION,
    LOAN,
    PLEDGE,
    REASON,
    REPAYMENT,
    AdjustmentPart,
    ApplicationPart,
    CollectionPart,
    LoanPart,
    PledgePart,
    RepaymentPart,
)
from nodes.monitoring.findings import EVERY_TYPE, Detector, Finding, Seen, SubjectKind
from nodes.monitoring.rates import RATE_OFF, rate_finding
from nodes.monitoring.rows import lines_of, registered_minor, row_of
from nodes.monitoring.tables import lines, pledges, rates_stated
from nodes.monitoring.watch_attempts import enterprise_of
from nodes.reader import broken_parts
from nodes.sealed_models import read_part

OFF_SHARE: Final = "amount-off-share"
UNREADABLE: Final = "part-unreadable"
_BROKEN: Final = sa.select(broken_parts.c.place, broken_parts.c.code).where(broken_parts.c.record_id == sa.bindparam("record_id"))


def _off_share(seen: Seen) -> Iterator[Finding]:
    """Each line's amount against its share, in the places of the financing's lines."""
    if seen.code != "ok":
        return
    kind, body = seen.stored.record.type, seen.stored.record.body
    if kind == "declaration.collected":
        if COLLECTION in seen.parts:
            amount = read_part(CollectionPart, seen.parts[COLLECTION].content).amount_minor
            yield from _compared(seen, "declaration", body["declaration"], [(body["declaration"], abs(body["share"]), amount, 1)])
        return
    financing_id = body.get("financing", seen.stored.id)
    own = lines_of(seen.connection, financing_id)
    shares, amounts = _stated(seen)
    if len(own) == len(shares) == len(amounts):
        stated = zip(own, shares, amounts, strict=True)
        yield from _compared(
            seen, "financing", financing_id, [(line.declaration, share, amount, max(1, line.movements)) for line, share, amount in stated]
        )


def _stated(seen: Seen) -> tuple[Sequence[int], Sequence[int]]:
    """The shares of the body and the amounts of the sealed part, a line that got no hold as nothing."""
    body, parts, kind = seen.stored.record.body, seen.parts, seen.stored.record.type
    if kind in ("financing.apply", "financing.load"):
        passed = [answer["code"] == "ok" for answer in seen.stored.result["lines"]]
        shares = [line["share"] * ok for line, ok in zip(body["lines"], passed, strict=True)]
        if kind == "financing.load":
            return shares, read_part(LoanPart, parts[LOAN].content).lines if LOAN in parts else ()
        if APPLICATION not in parts:
            return shares, ()
        applied = read_part(ApplicationPart, parts[APPLICATION].content).lines
        return shares, [line.amount_minor * ok for line, ok in zip(applied, passed, strict=False)]
    shares = list(body["shares"] or ())
    if kind in ("financing.write-off", "financing.correct"):
        return shares, read_part(AdjustmentPart, parts[REASON].content).lines if REASON in parts else ()
    if PLEDGE in parts:
        return shares, read_part(PledgePart, parts[PLEDGE].content).lines
    if LOAN in parts:
        return shares, read_part(LoanPart, parts[LOAN].content).lines
    if REPAYMENT in parts:
        return shares, read_part(RepaymentPart, parts[REPAYMENT].content).lines
    return shares, ()


def _compared(seen: Seen, kind: SubjectKind, subject: str, stated: Sequence[tuple[str, int, int, int]]) -> Iterator[Finding]:
    """(declaration, share, amount, roundings) of each line."""
    row = row_of(seen.connection, subject)
    enterprise = enterprise_of(seen.connection, subject) if row is None else row.enterprise
    for place, (declaration, share, amount_minor, roundings) in enumerate(stated):
        base = registered_minor(seen.connection, declaration)
        if base is None or abs(share - exact_share(amount_minor, base)) <= STEP * roundings:
            continue
        details = {
            "declaration": declaration,
            "share": share,
            "share_of_amount": exact_share(amount_minor, base),
            "amount_minor": amount_minor,
        }
        where = "declaration" if kind == "declaration" else "financing"
        records = (seen.stored.id,) if where == "declaration" else (subject, seen.stored.id)
        cause = (seen.stored.id, str(place))
        yield Finding(
            cause,
            "declaration" if where == "declaration" else "financing",
            subject,
            seen.author,
            enterprise,
            records,
            seen.stored.time_ms,
            details,
        )


def _pledge_later(seen: Seen) -> Iterator[Finding]:
    """What secures this financing was registered later than what secures another bank's that is alive on the same declaration."""
    for own in seen.connection.execute(sa.select(pledges).where(pledges.c.record_id == seen.stored.id)).fetchall():
        alive = sa.and_(
            lines.c.financing == pledges.c.financing, lines.c.declaration == own.declaration, sa.or_(lines.c.drawn > 0, lines.c.held > 0)
        )
        query = sa.select(pledges).where(pledges.c.declaration == own.declaration, pledges.c.bank != own.bank, sa.exists().where(alive))
        for other in seen.connection.execute(query.order_by(pledges.c.record_id)).fetchall():
            if other.registered_ms == own.registered_ms:
                continue
            earlier, later = (own, other) if own.registered_ms < other.registered_ms else (other, own)
            yield Finding(
                (own.declaration, earlier.record_id, later.record_id),
                "financing",
                later.financing,
                later.bank,
                enterprise_of(seen.connection, own.declaration),
                (earlier.record_id, later.record_id),
                seen.stored.time_ms,
                {"declaration": own.declaration, "earlier": earlier.registered_ms, "later": later.registered_ms},
            )


def _rate_off(seen: Seen) -> Iterator[Finding]:
    for stated in seen.connection.execute(sa.select(rates_stated).where(rates_stated.c.record_id == seen.stored.id)).fetchall():
        found = rate_finding(seen.connection, stated)
        if found is not None:
            yield found


def _unreadable(seen: Seen) -> Iterator[Finding]:
    """Parts that were for this node and do not hold, and those that every record of the type owes to it and that it cannot open."""
    rows = seen.connection.execute(_BROKEN, {"record_id": seen.stored.id})
    places = {row.place: row.code for row in rows}
    record_type = RULESET.types.get(seen.stored.record.type)
    owed = record_type.required_parts if record_type is not None else frozenset()
    for name in sorted(owed - seen.parts.keys() - places.keys()):
        places[name] = "not-for-the-authority"
    for place, code in sorted(places.items()):
        records = (seen.stored.id,)
        yield Finding(
            (seen.stored.id, place), "record", seen.stored.id, seen.author, "", records, seen.stored.time_ms, {"part": place, "code": code}
        )


DETECTORS: Final = (
    Detector(
        OFF_SHARE,
        "high",
        "a sealed amount and the public share differ by more than a step",
        frozenset(
            {
                "financing.apply",
                "financing.approve",
                "financing.disburse",
                "financing.repay",
                "financing.load",
                "financing.write-off",
                "financing.correct",
                "declaration.collected",
            }
        ),
        _off_share,
    ),
    Detector(
        "pledge-later",
        "medium",
        "what secures a financing was registered later than what secures another bank's on the same declaration",
        frozenset({"financing.approve"}),
        _pledge_later,
    ),
    Detector(
        RATE_OFF,
        "medium",
        "a stated exchange rate differs from the authority's own by more than the tolerance",
        frozenset({"declaration.collected", "financing.disburse"}),
        _rate_off,
    ),
    Detector(
        UNREADABLE,
        "high",
        "a sealed part that is owed to the authority does not open, or does not hold what it must",
        EVERY_TYPE,
        _unreadable,
    ),
)
