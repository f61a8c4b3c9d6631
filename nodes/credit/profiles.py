"""The authority's store of credit facts, in its private database. Nothing in it is ever overwritten.

Whatever is recorded about an enterprise gets the next number of that enterprise's revisions. A newer fact about the same thing supersedes
the older one, which stays, with the revision that ended it; a fact that was wrong is withdrawn by a revision without content. So what was
known at any revision, and who recorded it when, can be read again for ever; an answer names the revision that it was made from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import sqlalchemy as sa

from ledger import canonical
from ledger.clock import Clock
from ledger.errors import InputError, NotFound
from ledger.limits import CREDIT_REVISIONS_MAX
from nodes.credit.facts import KINDS, Fact, Kind, content_of, fact_of
from nodes.private import PrivateStore, metadata

Recorded = Literal["recorded", "superseded", "withdrawn", "unchanged"]

credit_profiles = sa.Table(
    "credit_profiles",
    metadata,
    sa.Column("uscc", sa.Text, primary_key=True),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("updated_ms", sa.BigInteger, nullable=False),
    comment="enterprises with credit facts, by credit code; `revision` is the newest",
)
credit_facts = sa.Table(
    "credit_facts",
    metadata,
    sa.Column("uscc", sa.Text, sa.ForeignKey(credit_profiles.c.uscc), primary_key=True),
    sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("content", sa.Text),
    sa.Column("recorded_ms", sa.BigInteger, nullable=False),
    sa.Column("recorded_by", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("superseded_revision", sa.BigInteger),
    sa.Index("ix_credit_facts_thing", "uscc", "kind", "key"),
    comment="one row for each revision; `content` is canonical JSON, null where the fact was withdrawn",
)

_IN_FORCE: Final = credit_facts.c.superseded_revision.is_(None)


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to record: a fact, or, without one, that what was recorded about this thing is withdrawn."""

    uscc: str
    kind: Kind
    key: str
    fact: Fact | None


@dataclass(frozen=True, slots=True)
class Profile:
    """An enterprise with facts. `revision` is the newest one."""

    uscc: str
    revision: int
    updated_ms: int


@dataclass(frozen=True, slots=True)
class KeptFact:
    """A revision. `fact` is None where it withdrew one; `superseded_revision` ended it, None while it is in force."""

    revision: int
    kind: Kind
    key: str
    fact: Fact | None
    recorded_ms: int
    recorded_by: str
    source: str
    superseded_revision: int | None


class Profiles:
    """Recording and reading facts."""

    def __init__(self, private: PrivateStore, clock: Clock) -> None:
        self._private, self._clock = private, clock

    def record(self, entries: Iterable[Entry], by: str, source: str) -> list[Recorded | InputError]:
        """Records entries in order and all at once; one result for each. `by` is who did it, `source` what it was read from.

        An `InputError` among the results (`fact-unknown`, `too-many-facts`) says why that one was not recorded.
        """
        with self._private.begin() as connection:
            now_ms = self._clock.now_ms()
            return [self._one(connection, entry, by, source, now_ms) for entry in entries]

    def _one(self, connection: sa.Connection, entry: Entry, by: str, source: str, now_ms: int) -> Recorded | InputError:
        about = sa.and_(credit_facts.c.uscc == entry.uscc, credit_facts.c.kind == entry.kind, credit_facts.c.key == entry.key)
        known = connection.execute(sa.select(credit_facts.c.content).where(about, _IN_FORCE)).first()
        before = None if known is None else known.content
        content = None if entry.fact is None else _text(entry.fact)
        if content is None and before is None:
            return InputError("fact-unknown", "nothing that could be withdrawn is recorded about this")
        if content == before:
            return "unchanged"
        newest = connection.execute(sa.select(credit_profiles.c.revision).where(credit_profiles.c.uscc == entry.uscc)).scalar()
        revision = (newest or 0) + 1
        if revision > CREDIT_REVISIONS_MAX:
            return InputError("too-many-facts", f"an enterprise has at most {CREDIT_REVISIONS_MAX} revisions")
        values = {"revision": revision, "updated_ms": now_ms}
        if newest is None:
            connection.execute(sa.insert(credit_profiles).values(uscc=entry.uscc, **values))
        else:
            connection.execute(sa.update(credit_profiles).where(credit_profiles.c.uscc == entry.uscc).values(**values))
        connection.execute(sa.update(credit_facts).where(about, _IN_FORCE).values(superseded_revision=revision))
        row = {"uscc": entry.uscc, "revision": revision, "kind": entry.kind, "key": entry.key, "content": content}
        connection.execute(sa.insert(credit_facts).values(**row, recorded_ms=now_ms, recorded_by=by, source=source))
        return "withdrawn" if content is None else "recorded" if before is None else "superseded"

    def facts(self, uscc: str, revision: int | None = None) -> tuple[int, list[Fact]]:
        """The revision, the newest by default, and the facts in force at it. `(0, [])` where nothing is known of the enterprise."""
        with self._private.reading() as connection:
            newest = connection.execute(sa.select(credit_profiles.c.revision).where(credit_profiles.c.uscc == uscc)).scalar() or 0
            at = newest if revision is None else min(revision, newest)
            ended = sa.or_(_IN_FORCE, credit_facts.c.superseded_revision > at)
            query = sa.select(credit_facts).where(credit_facts.c.uscc == uscc, credit_facts.c.revision <= at, ended)
            rows = connection.execute(query.order_by(credit_facts.c.revision)).fetchall()
        return at, [kept.fact for kept in map(_kept, rows) if kept.fact is not None]

    def history(self, uscc: str, after: int = 0, limit: int | None = None) -> list[KeptFact]:
        """Every revision in order, those that are superseded too; `after` is the last one that was seen."""
        query = sa.select(credit_facts).where(credit_facts.c.uscc == uscc, credit_facts.c.revision > after)
        query = query.order_by(credit_facts.c.revision)
        with self._private.reading() as connection:
            return [_kept(row) for row in connection.execute(query if limit is None else query.limit(limit))]

    def get(self, uscc: str) -> Profile:
        """Raises `NotFound` (`unknown-profile`)."""
        with self._private.reading() as connection:
            row = connection.execute(sa.select(credit_profiles).where(credit_profiles.c.uscc == uscc)).first()
        if row is None:
            raise NotFound("unknown-profile", "there are no credit facts under this credit code")
        return Profile(**row._asdict())

    def list(self, after: str = "", limit: int = 500) -> Sequence[Profile]:
        """In the order of credit codes; `after` is the last one that was seen."""
        query = sa.select(credit_profiles).where(credit_profiles.c.uscc > after).order_by(credit_profiles.c.uscc).limit(limit)
        with self._private.reading() as connection:
            return [Profile(**row._asdict()) for row in connection.execute(query)]


def _text(fact: Fact) -> str:
    return canonical.encode(content_of(fact)).decode("utf-8")


def _kept(row: Any) -> KeptFact:
    assert row.kind in KINDS, "only these kinds are ever written"
    fact = None if row.content is None else fact_of(canonical.decode(row.content.encode("utf-8")))
    times = (row.recorded_ms, row.recorded_by, row.source, row.superseded_revision)
    return KeptFact(row.revision, row.kind, row.key, fact, *times)
