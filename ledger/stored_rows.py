"""Rows as they are stored, without a library's view of their types, in streams: for reading what may be damaged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

_ROWS_AT_ONCE = 500

Row = dict[str, Any]


def rows_of(connection: Connection, table: sa.Table, *order: sa.Column[Any], where: sa.ColumnElement[bool] | None = None) -> Iterator[Row]:
    """The rows of a table, in order, a few at a time."""
    query = sa.select(*[sa.type_coerce(column, sa.types.NullType()).label(column.name) for column in table.columns])
    query = query.order_by(*order) if where is None else query.where(where)
    found = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query)
    for row in found.mappings():
        yield {name: bytes(value) if isinstance(value, memoryview) else value for name, value in row.items()}


def in_chunks(items: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(items), _ROWS_AT_ONCE):
        yield items[start : start + _ROWS_AT_ONCE]


class Grouped:
    """A stream of rows sorted by a number, taken number by number. Rows whose number is none sort last, and are never asked for."""

    def __init__(self, rows: Iterator[Row], name: str) -> None:
        self._rows, self._name = rows, name
        self._next = next(rows, None)

    def more(self) -> bool:
        return self._next is not None

    def below(self, number: int) -> Iterator[Row]:
        """The rows before a number."""
        while self._next is not None and self._number() < number:
            yield self._take()

    def at(self, number: int) -> list[Row]:
        """The rows with exactly this number, those before it being skipped by the caller."""
        found: list[Row] = []
        while self._next is not None and self._number() == number:
            found.append(self._take())
        return found

    def rest(self) -> Iterator[Row]:
        while self._next is not None:
            yield self._take()

    def _number(self) -> float:
        value = None if self._next is None else self._next[self._name]
        return value if type(value) is int else float("inf")

    def _take(self) -> Row:
        row = self._next
        assert row is not None
        self._next = next(self._rows, None)
        return row
