"""Sums of whole numbers that stay exact on every database, however many there are of them.

SQLite adds in 64 bits and fails beyond; what other members sealed may be as large as an amount can be, as often as they like. So the
billions and the rest are added up apart, and put together here.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

_UNIT: Final = 1_000_000_000


def exact_sum(column: sa.ColumnElement[int], name: str) -> tuple[sa.Label[Any], sa.Label[Any]]:
    """Two columns of a query, of which `total` makes the sum. Of no rows it is 0."""
    # Both databases divide towards zero, and their remainders have the sign of what was divided.
    whole, rest = sa.func.sum(column // _UNIT), sa.func.sum(column % _UNIT)
    return sa.func.coalesce(whole, 0).label(f"{name}_billions"), sa.func.coalesce(rest, 0).label(f"{name}_rest")


def total(row: Any, name: str) -> int:
    """The sum from a row of a query that has the columns of `exact_sum`."""
    return int(getattr(row, f"{name}_billions")) * _UNIT + int(getattr(row, f"{name}_rest"))
