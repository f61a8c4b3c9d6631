"""The authority's log of its own look-ups: who of its people or programs read what of whom, when, and why they said they did.

It is written before the answer is given. Entries are only ever added, and each holds the hash of the one before it: one that is taken
out or changed breaks the chain at its place, and a shortened log no longer ends in the hash that whoever read it before knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from ledger import canonical
from ledger.clock import Clock
from ledger.hashing import tagged_json
from nodes.private import PrivateStore, metadata

GENESIS: Final = "0" * 64
_PAGE: Final = 500

look_ups = sa.Table(
    "look_ups",
    metadata,
    sa.Column("place", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("resource", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("enterprises", sa.Text, nullable=False),
    sa.Column("previous", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    comment="what the authority's people and programs read, each entry chained to the one before",
)
look_up_enterprises = sa.Table(
    "look_up_enterprises",
    metadata,
    sa.Column("enterprise", sa.Text, primary_key=True),
    sa.Column("place", sa.BigInteger, primary_key=True, autoincrement=False),
    comment="whom each look-up concerned, for the enterprises to read; follows from the log",
)
_CHAINED: Final = ("place", "at_ms", "who", "role", "resource", "subject", "purpose", "enterprises", "previous")


@dataclass(frozen=True, slots=True)
class LookUp:
    """`who` is a pseudonym of a person or the id of a program; `resource` the route, `subject` what it was asked for; `enterprises` whom
    the answer named. `place` counts from 1.
    """

    place: int
    at_ms: int
    who: str
    role: str
    resource: str
    subject: str
    purpose: str
    enterprises: tuple[str, ...]
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """`first_bad` is the place of the first entry that is missing or does not fit, None where all do; `head` the last hash."""

    entries: int
    first_bad: int | None
    head: str


class LookUps:
    """The log of one authority's node."""

    def __init__(self, private: PrivateStore, clock: Clock) -> None:
        self._private, self._clock = private, clock

    def add(self, *, who: str, role: str, resource: str, subject: str, purpose: str, enterprises: Iterable[str]) -> LookUp:
        """Writes an entry, for good. Raises `Unreachable` (`database-busy`)."""
        named = tuple(sorted(set(enterprises)))
        with self._private.begin() as connection:
            last = connection.execute(sa.select(look_ups.c.place, look_ups.c.hash).order_by(look_ups.c.place.desc()).limit(1)).first()
            place, previous = (1, GENESIS) if last is None else (last.place + 1, last.hash)
            row: dict[str, Any] = {"place": place, "at_ms": self._clock.now_ms(), "who": who, "role": role, "resource": resource}
            row |= {
                "subject": subject,
                "purpose": purpose,
                "enterprises": canonical.encode(list(named)).decode("utf-8"),
                "previous": previous,
            }
            row["hash"] = _hash(row)
            connection.execute(sa.insert(look_ups).values(**row))
            if named:
                connection.execute(sa.insert(look_up_enterprises), [{"enterprise": each, "place": place} for each in named])
        return LookUp(**{**row, "enterprises": named})

    def list(self, after: int, limit: int, *, enterprise: str | None = None) -> Sequence[LookUp]:
        """In their order, all of them or those that concerned one enterprise; `after` is the place of the last one that was seen."""
        query = sa.select(look_ups).where(look_ups.c.place > after).order_by(look_ups.c.place).limit(limit)
        if enterprise is not None:
            own = sa.select(look_up_enterprises.c.place).where(look_up_enterprises.c.enterprise == enterprise)
            query = query.where(look_ups.c.place.in_(own))
        with self._private.reading() as connection:
            return [_look_up(row) for row in connection.execute(query)]

    def head(self) -> tuple[int, str]:
        """How many entries there are, and the hash that the log ends in."""
        with self._private.reading() as connection:
            last = connection.execute(sa.select(look_ups.c.place, look_ups.c.hash).order_by(look_ups.c.place.desc()).limit(1)).first()
        return (0, GENESIS) if last is None else (last.place, last.hash)

    def check(self) -> ChainCheck:
        """Goes through the whole chain."""
        expected, previous = 1, GENESIS
        for row in self._rows():
            if row["place"] != expected or row["previous"] != previous or row["hash"] != _hash(row):
                return ChainCheck(expected - 1, expected, previous)
            expected, previous = expected + 1, row["hash"]
        return ChainCheck(expected - 1, None, previous)

    def _rows(self) -> Iterator[dict[str, Any]]:
        after = 0
        while True:
            with self._private.reading() as connection:
                query = sa.select(look_ups).where(look_ups.c.place > after).order_by(look_ups.c.place).limit(_PAGE)
                rows = [dict(row) for row in connection.execute(query).mappings()]
            if not rows:
                return
            yield from rows
            after = rows[-1]["place"]


def _hash(row: dict[str, Any]) -> str:
    return tagged_json("look-up", {name: row[name] for name in _CHAINED})


def _look_up(row: Any) -> LookUp:
    named = tuple(canonical.decode(row.enterprises.encode("utf-8")))
    return LookUp(**{**row._mapping, "enterprises": named})
