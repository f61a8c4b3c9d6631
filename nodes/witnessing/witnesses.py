"""Whom this node knows as a witness, and by which key.

A witness's key is on no ledger: whose word counts is for each reader to say (see `docs/security-model.md`). The key that a node first
hears of for a name is the one that counts for it, whether the founders wrote it down, the member announced it signed in, or a peer showed
it at its own address. Another one is refused until somebody here accepts it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from ledger.clock import Clock
from ledger.errors import InputError, NotFound, Refused
from ledger.limits import NOTE_NAME_CHARS_MAX, WITNESSES_MAX
from nodes.private import PrivateStore
from nodes.witnessing.tables import witnesses

FOUNDING: Final = "founding"
ADMIN: Final = "admin"
PEER: Final = "peer "
_NAME: Final = re.compile(rf"[!-*,-~]{{1,{NOTE_NAME_CHARS_MAX}}}\Z")
_PUBLIC: Final = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class KnownWitness:
    """`public` is the Ed25519 key that counts, in hex; `offered` another one that waits to be accepted."""

    name: str
    public: str
    source: str
    known_ms: int
    offered: str | None


class Witnesses:
    """The witnesses that one node knows."""

    def __init__(self, private: PrivateStore, clock: Clock) -> None:
        self._private, self._clock = private, clock

    def list(self) -> list[KnownWitness]:
        """By name."""
        query = sa.select(witnesses).order_by(witnesses.c.name)
        with self._private.reading() as connection:
            return [KnownWitness(row.name, row.public, row.source, row.known_ms, row.offered) for row in connection.execute(query)]

    def keys(self) -> Mapping[str, bytes]:
        """The keys that count, by name, as `ledger.checkpoint` takes them."""
        return {each.name: bytes.fromhex(each.public) for each in self.list()}

    def announce(self, name: str, public: str, source: str) -> None:
        """A witness says its key. The first one is kept; another is noted as offered, and refused. `source` is where it says so: a
        peer's address vouches for one name only.

        Raises `InputError` (`bad-witness`), `Refused` (`witness-key-other`, `too-many-witnesses`).
        """
        check_witness(name, public)
        with self._private.reading() as connection:
            known = _row(connection, name)
        if known is not None and known.public == public:
            return
        with self._private.begin() as connection:
            known = _row(connection, name)
            if known is None:
                self._require_own_source(connection, source)
                self._insert(connection, name, public, source)
            elif known.public != public:
                values = {"offered": public, "offered_ms": self._clock.now_ms()}
                connection.execute(sa.update(witnesses).where(witnesses.c.name == name).values(values))
        if known is not None and known.public != public:
            hint = f"if it is rightly so, somebody here accepts it: tallystick witnesses accept {name}"
            raise Refused("witness-key-other", f"{name} is known as a witness by another key", hint=hint)

    def add(self, name: str, public: str) -> None:
        """Somebody here says which key counts, whatever was known. Raises as `announce`, but for `witness-key-other`."""
        check_witness(name, public)
        with self._private.begin() as connection:
            connection.execute(sa.delete(witnesses).where(witnesses.c.name == name))
            self._insert(connection, name, public, ADMIN)

    def add_own(self, name: str, public: str) -> None:
        """This node's own key, which counts for it whatever was known. Raises as `add`."""
        if self.keys().get(name) != bytes.fromhex(public):
            self.add(name, public)

    def accept(self, name: str) -> KnownWitness:
        """From now on the key counts that was offered last. Raises `NotFound` (`unknown-witness`, `nothing-offered`)."""
        with self._private.begin() as connection:
            known = _row(connection, name)
            if known is None:
                raise NotFound("unknown-witness", f"no witness {name} is known here")
            if known.offered is None:
                raise NotFound("nothing-offered", f"{name} has shown no other key than the one that counts")
            self._require_own_key(connection, known.offered)
            values = {"public": known.offered, "source": ADMIN, "known_ms": self._clock.now_ms(), "offered": None, "offered_ms": None}
            connection.execute(sa.update(witnesses).where(witnesses.c.name == name).values(values))
        return next(each for each in self.list() if each.name == name)

    def _insert(self, connection: sa.Connection, name: str, public: str, source: str) -> None:
        if connection.execute(sa.select(sa.func.count()).select_from(witnesses)).scalar_one() >= WITNESSES_MAX:
            raise Refused("too-many-witnesses", f"a node knows at most {WITNESSES_MAX} witnesses")
        self._require_own_key(connection, public)
        row = {"name": name, "public": public, "source": source, "known_ms": self._clock.now_ms()}
        connection.execute(sa.insert(witnesses), [row])

    def _require_own_source(self, connection: sa.Connection, source: str) -> None:
        if (
            source.startswith(PEER)
            and connection.execute(sa.select(witnesses.c.name).where(witnesses.c.source == source)).first() is not None
        ):
            raise InputError(
                "bad-witness", "this peer is known as another witness", hint="add it by hand: tallystick witnesses add NAME:HEX"
            )

    def _require_own_key(self, connection: sa.Connection, public: str) -> None:
        """A cosignature does not say its witness's name: one key under two names would count twice."""
        if connection.execute(sa.select(witnesses.c.name).where(witnesses.c.public == public)).first() is not None:
            raise InputError("bad-witness", "this key is known as another witness's", hint="each witness has a key of its own")


def check_witness(name: str, public: str) -> None:
    """Raises `InputError` (`bad-witness`)."""
    if _NAME.match(name) is None or _PUBLIC.match(public) is None:
        hint = "NAME:HEX, where HEX is the 32 bytes of its Ed25519 key"
        raise InputError("bad-witness", "a witness is a name without spaces or plus signs, and a key of 64 hex digits", hint=hint)


def _row(connection: sa.Connection, name: str) -> Any:
    return connection.execute(sa.select(witnesses).where(witnesses.c.name == name)).first()
