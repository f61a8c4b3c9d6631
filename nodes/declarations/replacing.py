"""One declaration takes the place of others: what a registrar's node says about it, from both registered amounts.

`ratio` is what a share of the old one is worth of the new one, in parts of 10**9 and rounded up: use is never made smaller by it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from contracts import entries
from ledger.errors import InputError
from ledger.rules import State
from nodes.customs.declaration import CustomsDeclaration
from nodes.declarations.book import declarations
from nodes.private import PrivateStore

RATIO_UNIT: Final = 1_000_000_000


def ratio(old_registered_minor: int, new_registered_minor: int) -> int:
    """Rounded up, in parts of `RATIO_UNIT`."""
    return -(-old_registered_minor * RATIO_UNIT // new_registered_minor)


@dataclass(frozen=True, slots=True)
class Predecessor:
    """A declaration that is replaced: what this node's table knows of it, None where that is nothing."""

    id: str
    number: str
    exporter_uscc: str | None
    currency: str | None
    registered_minor: int

    def replaced_by(self, new: CustomsDeclaration) -> dict[str, Any]:
        """What the record says. Of one that this node does not know the ledger will say so."""
        known = self.currency is not None
        return {"declaration": self.id, "ratio": ratio(self.registered_minor, new.financeable_minor) if known else RATIO_UNIT}


def predecessors(private: PrivateStore, id_of: Callable[[str], str], what: CustomsDeclaration) -> Sequence[Predecessor]:
    """Those that a declaration replaces, in the order in which it names them."""
    ids = {number: id_of(number) for number in what.replaces}
    if not ids:
        return []
    with private.reading() as connection:
        rows = connection.execute(sa.select(declarations).where(declarations.c.id.in_(ids.values()))).fetchall()
    known = {row.id: row for row in rows}
    return [_predecessor(declaration_id, number, known.get(declaration_id)) for number, declaration_id in ids.items()]


def _predecessor(declaration_id: str, number: str, row: Any) -> Predecessor:
    if row is None:
        return Predecessor(declaration_id, number, None, None, 0)
    return Predecessor(declaration_id, number, row.exporter_uscc, row.currency, row.registered_minor)


def check_alike(found: Sequence[Predecessor], new: CustomsDeclaration) -> None:
    """Raises `InputError`: `other-exporter`, and `currency-differs`, as shares of one currency cannot become shares of another."""
    for each in found:
        if each.exporter_uscc not in (None, new.exporter_uscc):
            raise InputError("other-exporter", f"{each.number} is another exporter's: {new.number} cannot take its place")
        if each.currency not in (None, new.currency):
            message = f"{each.number} was registered in {each.currency}: a declaration in {new.currency} cannot take its place"
            raise InputError("currency-differs", message)


def inherited_ceiling(state: State, found: Sequence[Predecessor], ceiling_ppm: int) -> int:
    """The smallest financing ratio of those replaced; the policy's where none is."""
    known = [entries.declaration(state, each.id) for each in found]
    return min((entry["ceiling_ppm"] for entry in known if entry is not None), default=ceiling_ppm)
