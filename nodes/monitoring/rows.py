"""Rows of the tables of supervision: read, made, and brought up to what the ledger's state says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from contracts import entries
from ledger.errors import InputError
from nodes.days import day_of
from nodes.declarations.book import declarations
from nodes.monitoring.findings import Seen
from nodes.monitoring.tables import events, financings, lines

_EVENT_COLUMNS: Final = ("bank", "region", "branch", "enterprise", "currency", "product")
RegionOf = Callable[[str], str]


def row_of(connection: sa.Connection, financing_id: str) -> Any:
    """The supervised financing, or None."""
    return connection.execute(sa.select(financings).where(financings.c.id == financing_id)).first()


def lines_of(connection: sa.Connection, financing_id: str) -> Sequence[Any]:
    """Its lines, in their order."""
    return connection.execute(sa.select(lines).where(lines.c.financing == financing_id).order_by(lines.c.line)).fetchall()


def registered_minor(connection: sa.Connection, declaration_id: str) -> int | None:
    """The amount that a declaration's shares are parts of; None where this node cannot open it."""
    value: int | None = connection.execute(sa.select(declarations.c.registered_minor).where(declarations.c.id == declaration_id)).scalar()
    return value


def refresh(seen: Seen, financing_id: str) -> entries.Financing | None:
    """Takes over a financing's state and shares from the ledger's state."""
    entry = entries.financing(seen.state, financing_id)
    if entry is None:
        return None
    seen.connection.execute(
        sa.update(financings).where(financings.c.id == financing_id).values(state=entry["state"], hold_until_ms=entry["hold_until"])
    )
    for place, line in enumerate(entry["lines"]):
        values = {"declaration": line["declaration"], "held": line["held"], "drawn": line["drawn"], "lost": line["lost"]}
        seen.connection.execute(sa.update(lines).where(lines.c.financing == financing_id, lines.c.line == place).values(**values))
    return entry


def add_financing(seen: Seen, bank: str, region_of: RegionOf, values: Mapping[str, Any]) -> None:
    """A financing that the record made."""
    entry = entries.financing(seen.state, seen.stored.id)
    assert entry is not None, "what was accepted is in the state"
    what = {"id": seen.stored.id, "bank": bank, "region": region_of(bank), "log_index": seen.stored.log_index}
    standing = {"state": entry["state"], "hold_until_ms": entry["hold_until"]}
    seen.connection.execute(sa.insert(financings).values(**what, **standing, **values))


def add_lines(seen: Seen, financing_id: str, column: str, amounts: Sequence[int]) -> None:
    """Its lines, with one amount each."""
    entry = entries.financing(seen.state, financing_id)
    assert entry is not None, "what was accepted is in the state"
    check_count(amounts, len(entry["lines"]))
    rows = [
        {
            "financing": financing_id,
            "line": place,
            "declaration": line["declaration"],
            "consent": line["consent"],
            "held": line["held"],
            "drawn": line["drawn"],
            "lost": line["lost"],
            "applied_minor": 0,
            "disbursed_minor": 0,
            "repaid_minor": 0,
            "movements": 0,
            column: amount,
        }
        for place, (line, amount) in enumerate(zip(entry["lines"], amounts, strict=True))
    ]
    seen.connection.execute(sa.insert(lines), rows)


def add_money(seen: Seen, financing_id: str, place: int, column: str, amount: int) -> None:
    """Adds an amount to a line."""
    where = sa.and_(lines.c.financing == financing_id, lines.c.line == place)
    moved = {column: lines.c[column] + amount, "movements": lines.c.movements + 1}
    seen.connection.execute(sa.update(lines).where(where).values(**moved))


def add_event(seen: Seen, financing_id: str, kind: str, amount_minor: int, stage_ms: int | None) -> None:
    """What the record did to a financing."""
    row = row_of(seen.connection, financing_id)
    place = {"record_id": seen.stored.id, "financing": financing_id, "time_ms": seen.stored.time_ms, "log_index": seen.stored.log_index}
    what = {name: getattr(row, name) for name in _EVENT_COLUMNS}
    day = day_of(seen.stored.time_ms)
    seen.connection.execute(sa.insert(events).values(**place, **what, kind=kind, day=day, amount_minor=amount_minor, stage_ms=stage_ms))


def check_count(amounts: Sequence[int], count: int) -> None:
    """Raises `InputError` where sealed amounts are not one for each line."""
    if len(amounts) != count:
        raise InputError("part-malformed", "the sealed amounts are not one for each line of the financing")


def cancelled_minor(seen: Seen, row: Any) -> int:
    """What a cancellation lets go, in money."""
    own = lines_of(seen.connection, row.id)
    agreed: list[int] = [line.applied_minor if line.approved_minor is None else line.approved_minor for line in own]
    lent: list[int] = [line.disbursed_minor for line in own]
    return max(0, sum(agreed) - sum(lent))
