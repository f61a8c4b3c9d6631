"""A bank's statement of its own financings over a period: what each owed at its beginning, what moved, and what it owes at its end.

Made from the movements on the ledger that this bank wrote itself. Amounts of different currencies are never added up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from contracts import balances, entries
from ledger.errors import InputError
from ledger.limits import STATEMENT_ROWS_MAX
from nodes.financings.book import financings
from nodes.financings.movement_book import DISBURSED, REPAID, movements
from nodes.money import decimal_of
from nodes.rehearsal import time_now_ms
from nodes.spreadsheets import Cell
from nodes.statements.period import Period

if TYPE_CHECKING:
    from nodes.node import Node

HEADERS: Final = (
    "financing",
    "reference",
    "branch",
    "product",
    "exporter_uscc",
    "exporter_name",
    "state",
    "currency",
    "opening",
    "disbursed",
    "repaid",
    "other",
    "closing",
)
TOTALS: Final = ("branch", "exporter_uscc", "currency", "financings", *HEADERS[8:])
_IDS: Final = 500


@dataclass(frozen=True, slots=True)
class Stated:
    """A financing as the book names it, in the state that it has now."""

    id: str
    reference: str
    branch: str
    product: str
    enterprise: str
    uscc: str
    name: str
    currency: str
    state: str


@dataclass(frozen=True, slots=True)
class StatementRow:
    """One financing, in minor units of its currency. `closing_minor` is `opening_minor + disbursed_minor - repaid_minor + other_minor`;
    `other_minor` is what was corrected, written off or handed over, and may be below zero.
    """

    financing: Stated
    opening_minor: int
    disbursed_minor: int
    repaid_minor: int
    other_minor: int
    closing_minor: int

    @property
    def amounts_minor(self) -> tuple[int, ...]:
        return self.opening_minor, self.disbursed_minor, self.repaid_minor, self.other_minor, self.closing_minor

    def cells(self) -> list[Cell]:
        """As `HEADERS`."""
        one = self.financing
        told = (one.id, one.reference, one.branch, one.product, one.uscc, one.name, one.state, one.currency)
        return [*told, *(decimal_of(amount, one.currency) for amount in self.amounts_minor)]


def financing_statement(node: Node, period: Period, enterprise: str | None = None, branch: str | None = None) -> Sequence[StatementRow]:
    """The financings that owed something in the period or moved in it, the oldest first; of one enterprise or branch where it is named.

    Raises `InputError` (`statement-too-long`).
    """
    with node.private.reading() as connection:
        moved = _moved(connection, period, enterprise, branch)
        if len(moved) > STATEMENT_ROWS_MAX:
            raise InputError("statement-too-long", f"more than {STATEMENT_ROWS_MAX} financings", hint="choose one branch or one enterprise")
        amounts = {financing_id: _amounts(sums) for financing_id, sums in moved.items()}
        told = _told(node, connection, [financing_id for financing_id, found in amounts.items() if any(found)])
    return [StatementRow(one, *amounts[one.id]) for one in told]


def totals(rows: Iterable[StatementRow]) -> Iterator[list[Cell]]:
    """Sums by branch, exporter and currency, in their order, as `TOTALS`."""
    groups: dict[tuple[str, str, str], list[StatementRow]] = {}
    for row in rows:
        groups.setdefault((row.financing.branch, row.financing.uscc, row.financing.currency), []).append(row)
    for (branch, uscc, currency), found in sorted(groups.items()):
        sums = (sum(amounts) for amounts in zip(*(row.amounts_minor for row in found), strict=True))
        yield [branch, uscc, currency, len(found), *(decimal_of(amount, currency) for amount in sums)]


Sums = dict[tuple[str, bool], int]


def _moved(connection: sa.Connection, period: Period, enterprise: str | None, branch: str | None) -> dict[str, Sums]:
    """What moved on each financing, by kind, before the period (True) and in it (False), up to its last day."""
    before = (movements.c.day < period.first).label("before")
    query = (
        sa.select(movements.c.financing, movements.c.kind, before, sa.func.sum(movements.c.amount_minor).label("amount_minor"))
        .join(financings, financings.c.id == movements.c.financing)
        .where(movements.c.day <= period.last)
        .group_by(movements.c.financing, movements.c.kind, before)
        .order_by(sa.func.min(financings.c.log_index), movements.c.kind)
    )
    if enterprise is not None:
        query = query.where(financings.c.enterprise == enterprise)
    if branch is not None:
        query = query.where(financings.c.branch == branch)
    found: dict[str, Sums] = {}
    for row in connection.execute(query):
        found.setdefault(row.financing, {})[row.kind, bool(row.before)] = int(row.amount_minor)
    return found


def _amounts(sums: Sums) -> tuple[int, int, int, int, int]:
    """As `StatementRow` has them, in its order."""

    def moved(before: bool, kind: str) -> int:
        return sums.get((kind, before), 0)

    def other(before: bool) -> int:
        return sum(amount for (kind, early), amount in sums.items() if early == before and kind not in (DISBURSED, REPAID))

    opening = moved(True, DISBURSED) - moved(True, REPAID) + other(True)
    lent, paid, rest = moved(False, DISBURSED), moved(False, REPAID), other(False)
    return opening, lent, paid, rest, opening + lent - paid + rest


def _told(node: Node, connection: sa.Connection, ids: Sequence[str]) -> list[Stated]:
    """Financings of the book, in the order in which they are named."""
    names = [column for column in financings.c if column.name in Stated.__slots__]
    rows: dict[str, Stated] = {}
    with node.store.reading() as reader:
        time_ms = time_now_ms(node, reader)
        for first in range(0, len(ids), _IDS):
            for row in connection.execute(sa.select(*names).where(financings.c.id.in_(ids[first : first + _IDS]))):
                entry = entries.financing(reader.state, row.id)
                assert entry is not None, "the book is made from the ledger"
                rows[row.id] = Stated(**row._asdict(), state=balances.financing_state(entry, time_ms))
    return [rows[financing_id] for financing_id in ids]
