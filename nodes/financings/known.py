"""What a bank knows of a declaration that it lends on: from its newest grant, or, of a financing that it inherited, from the registrar's
words, which came with the estate.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from contracts import entries
from ledger.rules import State
from nodes.declarations.book import declarations
from nodes.enquiries.grants import grants_of
from nodes.financings.book import financing_lines


@dataclass(frozen=True, slots=True)
class Known:
    """`name` is the exporter's; `registered_minor` what shares are parts of, in the minor unit of `currency`; `consent` one that this bank,
    or its predecessor, was given.
    """

    number: str
    name: str
    currency: str
    registered_minor: int
    consent: str


def known_declaration(connection: sa.Connection, state: State, declaration_id: str) -> Known | None:
    """None where this node holds no grant on it, and its book no line."""
    held = grants_of(connection, declaration_id)
    if held:
        return Known(held[0].number, held[0].name, held[0].currency, held[0].registered_minor, held[0].consent)
    of_it = sa.select(financing_lines.c.financing, financing_lines.c.line).where(financing_lines.c.declaration == declaration_id)
    row = connection.execute(sa.select(declarations).where(declarations.c.id == declaration_id)).first()
    line = connection.execute(of_it.order_by(financing_lines.c.financing, financing_lines.c.line)).first()
    entry = None if line is None else entries.financing(state, line.financing)
    if row is None or line is None or entry is None:
        return None
    return Known(row.number, row.exporter_name, row.currency, row.registered_minor, entry["lines"][line.line]["consent"])


def registered_amounts(connection: sa.Connection, ids: list[str]) -> dict[str, int]:
    """What shares are parts of, in minor units, of those declarations whose registration this node can open."""
    query = sa.select(declarations.c.id, declarations.c.registered_minor).where(declarations.c.id.in_(ids))
    return {row.id: row.registered_minor for row in connection.execute(query)} if ids else {}
