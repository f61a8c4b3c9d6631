"""Rows as they are stored, without a library's view of their types, in streams: for reading what may be damaged."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from ledger.store import LedgerStore

_ROWS_AT_ONCE = 500
_DAMAGE_CHARS_MAX = 500

Row = sa.Row[*tuple[Any, ...]]
RowStream = Generator[Row, None, None]


@contextmanager
def plain_connection(store: LedgerStore) -> Iterator[Connection]:
    """One reading of all tables. Text that is no UTF-8 is damage to be named, not a reason to fail."""
    with store.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        is_sqlite = connection.dialect.name == "sqlite"
        if is_sqlite:
            driver.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
        try:
            yield connection
        finally:
            if is_sqlite:
                driver.text_factory = str


def file_damage(connection: Connection) -> str:
    """What SQLite's own check says of its file, indexes among it; nothing where it is sound, or the database is another."""
    if connection.dialect.name != "sqlite":
        return ""
    said = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(10)")]
    return "" if said == ["ok"] else "; ".join(said)[:_DAMAGE_CHARS_MAX]


def rows_of(connection: Connection, table: sa.Table, *order: sa.Column[Any], where: sa.ColumnElement[bool] | None = None) -> RowStream:
    """The rows of a table, or some of them, in order, a few at a time. Whoever does not read them to the end closes the stream."""
    query = sa.select(*[sa.type_coerce(column, sa.types.NullType()).label(column.name) for column in table.columns])
    query = (query if where is None else query.where(where)).order_by(*order)
    with connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query) as found:
        for rows in found.partitions():
            yield from rows


def in_chunks(items: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(items), _ROWS_AT_ONCE):
        yield items[start : start + _ROWS_AT_ONCE]


class Grouped:
    """A stream of rows sorted by a number, taken number by number. Rows whose number is none sort last, and are never asked for."""

    def __init__(self, rows: Iterator[Row], column: sa.Column[Any]) -> None:
        """`column` is the one that holds the number, of the table that the rows are of."""
        self._rows, self._place = rows, list(column.table.columns).index(column)
        self._next = next(rows, None)

    def more(self) -> bool:
        return self._next is not None

    def below(self, number: int) -> Iterator[Row]:
        """The rows before a number."""
        while self._next is not None and _number(self._next[self._place]) < number:
            yield self._take()

    def at(self, number: int) -> list[Row]:
        """The rows with exactly this number, those before it being skipped by the caller."""
        found: list[Row] = []
        while self._next is not None and _number(self._next[self._place]) == number:
            found.append(self._take())
        return found

    def rest(self) -> Iterator[Row]:
        while self._next is not None:
            yield self._take()

    def _take(self) -> Row:
        row = self._next
        assert row is not None
        self._next = next(self._rows, None)
        return row


def same(expected: object, stored: object) -> bool:
    """Equal in value and in type: databases may hold any type in any column."""
    return type(expected) is type(stored) and expected == stored


def all_same(expected: Sequence[object], stored: Sequence[object]) -> bool:
    """Whether all values are the same, and of the same types."""
    return [*stored] == [*expected] and [*map(type, stored)] == [*map(type, expected)]


def _number(value: Any) -> float:
    return value if type(value) is int else float("inf")
