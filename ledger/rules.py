"""What the ledger asks of the rules that run on it: pure functions by record type and rules version.

A handler sees the state, the context and the body, and gives a result. It writes to the state freely: writes of a record whose
result is not `ok` are dropped as a whole. It may use nothing but its three arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel

from ledger.keys import PublicKey


class State(Protocol):
    """Key-value state. Keys are printable ASCII; values are canonical JSON. What `get` returns is the caller's own copy."""

    def get(self, key: str) -> Any | None: ...

    def put(self, key: str, value: Any) -> None: ...

    def delete(self, key: str) -> None: ...

    def scan(self, prefix: str) -> Iterator[tuple[str, Any]]:
        """Entries whose key starts with the prefix, in the order of their keys."""
        ...


@dataclass(frozen=True, slots=True)
class Signer:
    """A key that signed, as the state knows it. `purpose` is make, check, service, validate or once; a `once` key has no member."""

    key_id: str
    member: str | None
    purpose: str
    person: str | None
    object: str | None


@dataclass(frozen=True, slots=True)
class Context:
    """Where and when a record stands, and who signed it. `time_ms` is the block's time; `log_index` the record's leaf in the log;
    `position` its place in the block, so that (height, position) orders records.
    """

    network: str
    record_id: str
    type: str
    height: int
    position: int
    log_index: int
    time_ms: int
    signers: tuple[Signer, ...]
    sealed_parts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Result:
    """A stable code, and details that everyone may read (canonical JSON values, key `code` not among them)."""

    code: str
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {**self.details, "code": self.code}


OK = Result("ok")

Handler = Callable[[State, Context, Any], Result]


@dataclass(frozen=True, slots=True)
class RecordType:
    """A record type of one rules version: its strict body model, its handler, which sealed parts it may carry and which of them it
    must, and, where its author is a one-time key that the record itself registers, how to find that key in the body.
    """

    name: str
    model: type[BaseModel]
    handle: Handler
    parts: frozenset[str] = frozenset()
    required_parts: frozenset[str] = frozenset()
    one_time_key: Callable[[Any], PublicKey] | None = None


@dataclass(frozen=True, slots=True)
class Ruleset:
    """One version of the rules. `genesis` writes the first state from the application part of the genesis document and its time.

    `begin_block` does what is due at a block's time before its records are looked at; a block that takes none in leaves it undone.
    """

    version: int
    types: Mapping[str, RecordType]
    genesis: Callable[[State, Mapping[str, Any], int], None]
    begin_block: Callable[[State, int], None] | None = None


Rulebook = Mapping[int, Ruleset]
