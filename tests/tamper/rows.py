"""Every change that is tried of what a ledger's database stores, row by row: a byte of any value changed, a value shortened, lengthened, of
another type or gone; a row deleted, doubled, swapped with the next one; a table, or all of them, cut off.

Each change comes with the heights of which its audit must name one as the first bad one, or with the reason for which no audit can see it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from ledger.log_tree import position
from tests.tamper.ledgers import HEIGHTS, Tampered

KEYS: Final = {
    "records": ("log_index",),
    "headers": ("height",),
    "state": ("key", "height"),
    "tree_pages": ("prefix", "height"),
    "log_nodes": ("position",),
    "meta": ("key",),
}
# The lowest bit of a byte; the one that makes a letter a capital, which much that reads hex does not mind; the highest.
MASKS: Final = (0x01, 0x20, 0x80)
_INTEGER_BYTES: Final = 8
_ELSEWHERE: Final = -999_999
_AFTER: Final = HEIGHTS + 1
Row = dict[str, Any]
Statement = tuple[str, tuple[Any, ...]]

CUT_OFF: Final = "the whole end of the ledger is gone: that shows beside another member's checkpoint, or a witness's"
NOT_VOUCHED: Final = (
    "a consortium's block may be vouched for by the next one alone, and a follower begins without the operator's first word"
)
ENGINES_WORD: Final = (
    "how far the engine went after the last record, and what it saw of validators, is its own to say; the log does not hold it"
)
NO_ENGINE: Final = "a replica that follows a consortium has no engine, and so no place of one"
SLACK: Final = (CUT_OFF, NOT_VOUCHED, ENGINES_WORD, NO_ENGINE)


@dataclass(frozen=True)
class Change:
    """`heights` holds what may be named as the first bad height; `slack` says why nothing can be, and is None where something must."""

    what: str
    where: str
    statements: Sequence[Statement]
    heights: frozenset[int]
    slack: str | None = None


class Rows:
    """The rows of a ledger, and the changes of them."""

    def __init__(self, ledger: Tampered) -> None:
        self._ledger = ledger
        with closing(sqlite3.connect(ledger.path)) as connection:
            connection.row_factory = sqlite3.Row
            self._rows: dict[str, list[Row]] = {
                table: [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY {', '.join(key)}")]  # noqa: S608  # names of ours
                for table, key in KEYS.items()
            }

    def every(self, masks: Sequence[int] = MASKS) -> Iterator[Change]:
        for table, rows in self._rows.items():
            for row in rows:
                for column, value in row.items():
                    for what, changed in _changed(value, masks):
                        yield self._of_value(what, table, row, column, changed)
                yield self._of_row("deleted", table, [row], [self._delete(table, row)])
                for what, doubled in self._doubles(table, row):
                    yield self._of_row(what, table, [doubled], [_insert(table, doubled)])
            for one, other in pairwise(rows):
                yield from self._swapped(table, one, other)
            for first in range(len(rows)):
                yield self._of_row("table cut off", table, rows[first:], [self._delete(table, row) for row in rows[first:]])
        yield from self._cut_off()

    def _of_value(self, what: str, table: str, row: Row, column: str, value: Any) -> Change:
        after = {**row, column: value}
        where = f"{table}.{column} of {_named(table, row)}"
        slack = self._slack(table, row, after)
        return Change(what, where, [self._update(table, row, column, value)], self._heights(table, [row, after]), slack)

    def _of_row(self, what: str, table: str, rows: Sequence[Row], statements: Sequence[Statement]) -> Change:
        slack = NO_ENGINE if [row.get("key") for row in rows if table == "meta"] == ["comet"] and what != "doubled" else None
        if what == "table cut off" and table == "meta" and len(rows) > 1:
            slack = None
        return Change(what, f"{table} {_named(table, rows[0])}", statements, self._heights(table, rows), slack)

    def _heights(self, table: str, rows: Iterable[Row]) -> frozenset[int]:
        if table == "meta":
            return frozenset({0, _AFTER})
        return frozenset({min(self._place(table, row) for row in rows)})

    def _place(self, table: str, row: Row) -> int:
        """The height that a row belongs to, by its key."""
        number = row["height" if table in ("state", "tree_pages") else KEYS[table][0]]
        if type(number) is not int:
            return _AFTER
        if table == "records":
            return self._ledger.height_of_leaf(number)
        if table == "log_nodes":
            return self._ledger.height_of_node(number)
        return min(max(number, 0), _AFTER)

    def _slack(self, table: str, before: Row, after: Row) -> str | None:
        """Why this change of one value cannot be seen, if so."""
        if table == "headers" and after["checkpoint"] is None and before["checkpoint"] is not None:
            return NOT_VOUCHED if before["height"] == 0 or self._ledger.name == "consortium" else None
        if table == "meta" and before["key"] == after["key"] == "comet":
            return ENGINES_WORD if _may_be(before["value"], after["value"], self._rows["headers"][-1]) else None
        return None

    def _doubles(self, table: str, row: Row) -> Iterator[tuple[str, Row]]:
        if table in ("state", "tree_pages"):
            taken = {(each[KEYS[table][0]], each["height"]) for each in self._rows[table]}
            for height in (-1, *range(_AFTER + 1)):
                if (row[KEYS[table][0]], height) not in taken:
                    yield "doubled", {**row, "height": height}
        elif table == "log_nodes":
            taken_nodes = {each["position"] for each in self._rows[table]}
            size = self._ledger.sizes[-1]
            free = [at for at in range(position(0, size) + 2) if at not in taken_nodes]
            for at in (-1, free[0], free[-1]):
                yield "doubled", {**row, "position": at}
        elif table == "records":
            for index in (-1, self._ledger.sizes[row["height"]] - 1, self._ledger.sizes[-1]):
                yield "doubled", {**row, "log_index": index, "id": row["id"][::-1]}
        elif table == "headers":
            for height in (-1, _AFTER, _AFTER + 5):
                yield "doubled", {**row, "height": height, "log_index": _ELSEWHERE}
        else:
            yield "doubled", {**row, "key": f"{row['key']}2"}

    def _swapped(self, table: str, one: Row, other: Row) -> Iterator[Change]:
        columns = [column for column in one if column not in KEYS[table] and one[column] != other[column]]
        for some in [[column] for column in columns] + ([columns] if len(columns) > 1 else []):
            statements = []
            for column in some:
                if not (table == "headers" and column == "checkpoint"):
                    statements.append(
                        self._update(table, one, column, b"%d" % _ELSEWHERE if type(one[column]) is bytes else str(_ELSEWHERE))
                    )
                statements += [self._update(table, other, column, one[column]), self._update(table, one, column, other[column])]
            yield Change("swapped", f"{table}.{'+'.join(some)} of {_named(table, one)}", statements, self._heights(table, [one, other]))

    def _cut_off(self) -> Iterator[Change]:
        """All tables after a height: what is left is a whole ledger. Where an engine's place stands beside it, that is ahead of it."""
        for height in range(HEIGHTS):
            size = self._ledger.sizes[height]
            statements: list[Statement] = [
                (f"DELETE FROM {table} WHERE {column} > ?", (last,))  # noqa: S608  # names of ours
                for table, column, last in (
                    ("records", "log_index", size - 1),
                    ("headers", "height", height),
                    ("state", "height", height),
                    ("tree_pages", "height", height),
                )
            ]
            nodes = [row for row in self._rows["log_nodes"] if self._place("log_nodes", row) > height]
            statements += [self._delete("log_nodes", row) for row in nodes]
            slack = CUT_OFF if self._ledger.name == "operator" else None
            yield Change("all cut off", f"after height {height}", statements, frozenset({height + 1}), slack)

    def _update(self, table: str, row: Row, column: str, value: Any) -> Statement:
        # Text may be of bytes that are none.
        place = "CAST(? AS TEXT)" if isinstance(value, _Text) else "?"
        where, key = _key(table, row)
        return f"UPDATE {table} SET {column} = {place} WHERE {where}", (bytes(value) if isinstance(value, _Text) else value, *key)  # noqa: S608  # names of ours

    def _delete(self, table: str, row: Row) -> Statement:
        where, key = _key(table, row)
        return f"DELETE FROM {table} WHERE {where}", key  # noqa: S608  # names of ours


class _Text(bytes):
    """Bytes that are stored as text."""


def _changed(value: Any, masks: Sequence[int]) -> Iterator[tuple[str, Any]]:
    if type(value) is int:
        for place in range(_INTEGER_BYTES):
            for mask in masks:
                number = (value & (1 << 64) - 1) ^ (mask << 8 * place)
                yield "byte changed", number - (1 << 64) if number >> 63 else number
        yield "of another type", f"{value}x"
    elif value is None:
        yield "nothing became something", b"\x00"
        yield "nothing became something", b""
    else:
        kind = _Text if type(value) is str else bytes
        data = value.encode() if type(value) is str else value
        for place in range(len(data)):
            for mask in masks:
                yield "byte changed", kind(data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :])
        for shorter in {data[:-1], data[1:], b""} - {data}:
            yield "shortened", kind(shorter)
        for longer in (data + b"\n", data + b"\x00", data + data[-1:] + b"0", b" " + data):
            yield "lengthened", kind(longer)
        yield "of another type", data if kind is _Text else _Text(data)
    if value is not None:
        yield "gone", None


def _may_be(before: str, after: Any, last_header: Row) -> bool:
    """Whether this may be where an engine stands of which that was true: later, and having seen anything."""
    try:
        was, now = json.loads(before), json.loads(bytes(after))
    except (TypeError, ValueError):
        return False
    if not isinstance(now, dict) or now.keys() != was.keys() or json.dumps(now, separators=(",", ":"), sort_keys=True).encode() != after:
        return False
    last = json.loads(last_header["leaf"])["header"]
    later = (
        all(type(now[name]) is int for name in ("height", "time"))
        and now["height"] >= last["engine_height"]
        and now["time"] >= last["time"]
    )
    typed = {"address": str, "height": int, "kind": str, "time": int}
    seen = isinstance(now["misbehavior"], list) and all(
        {name: type(said) for name, said in each.items()} == typed for each in now["misbehavior"]
    )
    return later and seen and now["app_hash"] == was["app_hash"] and isinstance(after, _Text)


def _insert(table: str, row: Row) -> Statement:
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", tuple(row.values())  # noqa: S608  # names of ours


def _key(table: str, row: Row) -> tuple[str, tuple[Any, ...]]:
    return " AND ".join(f"{column} = ?" for column in KEYS[table]), tuple(row[column] for column in KEYS[table])


def _named(table: str, row: Row) -> str:
    return ", ".join(str(row[column]) for column in KEYS[table])
