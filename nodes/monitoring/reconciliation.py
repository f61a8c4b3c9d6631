"""Sealed money against public shares, declaration by declaration.

Two promises are checked in money. What was lent and not repaid on a line is covered by what it has drawn and lost, to within a step for
each rounding. And what was lent and not repaid on a declaration, by this financing and those approved before it, is never more than was
financeable when this one was approved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from contracts import balances, entries
from contracts.shares import STEP
from ledger.store import Reader
from nodes.declarations.book import declarations
from nodes.financings.amounts import exact_share
from nodes.monitoring.tables import collected, financings, lines
from nodes.sums import exact_sum, total

_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class ReconciledLine:
    """A financing's line on the declaration. `owed_before_minor` is what it and those approved before it owe on the declaration;
    `financeable_minor` what was financeable at its approval, None where that was on another declaration or unknown.
    """

    financing: str
    bank: str
    state: str
    drawn: int
    lost: int
    owed_minor: int
    covered: bool
    owed_before_minor: int
    financeable_minor: int | None
    within: bool


@dataclass(frozen=True, slots=True)
class Reconciled:
    """A declaration: shares as the ledger has them now, and money as it was sealed."""

    declaration: str
    number: str
    enterprise: str | None
    currency: str
    registered_minor: int
    ceiling: int
    drawn: int
    lost: int
    collected: int
    owed_minor: int
    collected_minor: int
    lines: tuple[ReconciledLine, ...]
    agrees: bool
    log_index: int


def reconcile(
    connection: sa.Connection, reader: Reader, after: int, limit: int, *, declaration: str | None = None, differences: bool = False
) -> list[Reconciled]:
    """Declarations that something was lent or collected on, in the order of their registration; `after` is the log index of the last one
    that was seen. `differences`: only those that do not agree.
    """
    used = sa.union(sa.select(lines.c.declaration), sa.select(collected.c.declaration)).subquery()
    query = sa.select(declarations).where(declarations.c.id.in_(sa.select(used.c.declaration))).order_by(declarations.c.log_index)
    if declaration is not None:
        query = query.where(declarations.c.id == declaration)
    found: list[Reconciled] = []
    while len(found) < limit:
        rows = connection.execute(query.where(declarations.c.log_index > after).limit(_PAGE)).fetchall()
        whole = [_one(connection, reader, row) for row in rows]
        found += [each for each in whole if not (differences and each.agrees)]
        if len(rows) < _PAGE:
            break
        after = rows[-1].log_index
    return found[:limit]


def _one(connection: sa.Connection, reader: Reader, row: Any) -> Reconciled:
    entry = entries.declaration(reader.state, row.id)
    assert entry is not None, "a declaration that was opened is registered"
    own = _lines(connection, row)
    came_in = sa.select(*exact_sum(collected.c.amount_minor, "minor")).where(collected.c.declaration == row.id)
    collected_minor = total(connection.execute(came_in).one(), "minor")
    drawn = sum(line.drawn + line.lost for line in own)
    agrees = all(line.covered and line.within for line in own) and drawn == entry["drawn"] + entry["lost"]
    return Reconciled(
        declaration=row.id,
        number=row.number,
        enterprise=row.enterprise,
        currency=row.currency,
        registered_minor=row.registered_minor,
        ceiling=balances.ceiling(entry),
        drawn=entry["drawn"],
        lost=entry["lost"],
        collected=entry["collected"],
        owed_minor=sum(line.owed_minor for line in own),
        collected_minor=collected_minor,
        lines=own,
        agrees=agrees,
        log_index=row.log_index,
    )


def _lines(connection: sa.Connection, declaration: Any) -> tuple[ReconciledLine, ...]:
    query = (
        sa.select(*lines.c, financings.c.bank, financings.c.state)
        .join(financings, financings.c.id == lines.c.financing)
        .where(lines.c.declaration == declaration.id)
        .order_by(sa.func.coalesce(financings.c.approved_ms, financings.c.disbursed_ms, financings.c.log_index), financings.c.log_index)
    )
    found: list[ReconciledLine] = []
    owed_before = 0
    for row in connection.execute(query).fetchall():
        owed = max(0, row.disbursed_minor - row.repaid_minor)
        owed_before += owed
        financeable = row.financeable_minor if row.financeable_on == declaration.id else None
        found.append(
            ReconciledLine(
                financing=row.financing,
                bank=row.bank,
                state=row.state,
                drawn=row.drawn,
                lost=row.lost,
                owed_minor=owed,
                covered=_covers(row, owed, declaration.registered_minor),
                owed_before_minor=owed_before,
                financeable_minor=financeable,
                within=financeable is None or owed == 0 or owed_before <= financeable,
            )
        )
    return tuple(found)


def _covers(row: Any, owed_minor: int, registered_minor: int) -> bool:
    share = row.drawn + row.lost
    return owed_minor == 0 or exact_share(owed_minor, registered_minor) <= share + STEP * max(1, row.movements)
