"""The monthly statement of one declaration, for its exporter: what was lent on it, paid back and collected, and what stands at the end.

Made on the exporter's own node, or on the authority's for an exporter in custody; the lenders on one's own declarations are no secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from contracts import entries
from nodes.declarations.register import Declaration, Declarations
from nodes.financings.collection_book import collections
from nodes.financings.movement_book import REPAID, movements
from nodes.money import Money, decimal_of
from nodes.spreadsheets import Cell
from nodes.statements.period import Period

if TYPE_CHECKING:
    from nodes.node import Node

HEADERS: Final = ("day", "what", "bank", "financing", "currency", "amount", "outstanding", "record")
COLLECTED: Final = "collected"


@dataclass(frozen=True, slots=True)
class Entry:
    """A movement: `kind` is `disbursed`, `repaid`, `collected` or another of the book's; `outstanding_minor` what is owed to all lenders
    after it. A collection changes what can be financed, not what is owed.
    """

    day: str
    kind: str
    bank: str
    financing: str | None
    amount_minor: int
    outstanding_minor: int
    record_id: str
    log_index: int


@dataclass(frozen=True, slots=True)
class DeclarationStatement:
    """`declaration` stands as of now; the rest is of the period. Amounts in the declaration's currency."""

    declaration: Declaration
    period: Period
    opening: Money
    closing: Money
    collected_before: Money
    entries: Sequence[Entry]

    def cells(self) -> list[list[Cell]]:
        """Rows as `HEADERS`: the opening, each entry, the closing."""
        currency = self.declaration.registered.currency
        first: list[Cell] = [self.period.first, "opening", "", "", currency, None, decimal_of(self.opening.amount_minor, currency), ""]
        last: list[Cell] = [self.period.last, "closing", "", "", currency, None, decimal_of(self.closing.amount_minor, currency), ""]
        return [first, *(self._row(each, currency) for each in self.entries), last]

    @staticmethod
    def _row(each: Entry, currency: str) -> list[Cell]:
        amounts = (decimal_of(each.amount_minor, currency), decimal_of(each.outstanding_minor, currency))
        return [each.day, each.kind, each.bank, each.financing or "", currency, *amounts, each.record_id]


def declaration_statement(node: Node, declaration_id: str, period: Period) -> DeclarationStatement:
    """Raises `NotFound` (`unknown-declaration`)."""
    declaration = Declarations(node).get(declaration_id)
    with node.private.reading() as connection, node.store.reading() as reader:
        found = []
        for row in _rows(connection, declaration_id, period.last):
            financing = None if row.financing is None else entries.financing(reader.state, row.financing)
            collection = entries.collection(reader.state, row.record_id) if row.kind == COLLECTED else None
            found.append((row, financing["bank"] if financing is not None else collection["bank"] if collection is not None else ""))
    return _statement(declaration, period, found)


def _rows(connection: sa.Connection, declaration_id: str, last: str) -> Sequence[sa.Row[tuple[object, ...]]]:
    """Movements and collections up to a day, in the order of their days and of the ledger."""
    moved = sa.select(
        movements.c.day,
        movements.c.kind,
        movements.c.financing,
        sa.func.sum(movements.c.amount_minor).label("amount_minor"),
        movements.c.record_id,
        movements.c.log_index,
    )
    moved = moved.where(movements.c.declaration == declaration_id, movements.c.day <= last).group_by(
        movements.c.day, movements.c.kind, movements.c.financing, movements.c.record_id, movements.c.log_index
    )
    came_in = sa.select(
        collections.c.collected_on.label("day"),
        sa.literal(COLLECTED).label("kind"),
        sa.null().label("financing"),
        collections.c.amount_minor,
        collections.c.id.label("record_id"),
        collections.c.log_index,
    ).where(collections.c.declaration == declaration_id, collections.c.collected_on <= last)
    both = sa.union_all(moved, came_in).subquery()
    return connection.execute(sa.select(both).order_by(both.c.day, both.c.log_index)).fetchall()


def _statement(declaration: Declaration, period: Period, found: Sequence[tuple[sa.Row[tuple[object, ...]], str]]) -> DeclarationStatement:
    currency = declaration.registered.currency
    outstanding = opening = collected_before = 0
    listed = []
    for row, bank in found:
        amount = int(row.amount_minor)
        if row.kind != COLLECTED:
            outstanding += -amount if row.kind == REPAID else amount
        if row.day in period:
            listed.append(Entry(row.day, row.kind, bank, row.financing, amount, outstanding, row.record_id, row.log_index))
        elif row.kind == COLLECTED:
            collected_before += amount
        else:
            opening = outstanding
    return DeclarationStatement(
        declaration, period, Money(currency, opening), Money(currency, outstanding), Money(currency, collected_before), listed
    )
