"""A tiny neutral ruleset: notes, keys, and notes under one-time keys. Enough to ask everything of the ledger, and no trade finance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from ledger import keyring
from ledger.keys import PublicKey, check_public
from ledger.rules import OK, Context, RecordType, Result, Ruleset, State


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Put(_Body):
    key: str
    count: int


class Key(_Body):
    alg: str
    public: str


class Once(_Body):
    key: Key
    text: str


class Drop(_Body):
    once: str


class End(_Body):
    key: str


class Add(_Body):
    key: Key
    purpose: str


class Odd(_Body):
    how: str


def _put(state: State, context: Context, body: Put) -> Result:
    """A note is put once; `left` shows a tuple, which JSON gives back as a list."""
    if state.get(f"note/{body.key}") is not None:
        return Result("taken", {"left": (0, 1)})
    state.put(f"note/{body.key}", {"at": [context.height, context.position], "by": context.signers[0].member, "count": body.count})
    return Result("ok", {"left": (context.position, body.count)})


def _once(state: State, context: Context, body: Once) -> Result:
    if body.text == "no":
        return Result("unwanted")
    state.put(f"once/{context.record_id}", {"text": body.text})
    return OK


def _drop(state: State, _: Context, body: Drop) -> Result:
    if state.get(f"once/{body.once}") is None:
        return Result("unknown")
    state.delete(f"once/{body.once}")
    return OK


def _end(state: State, context: Context, body: End) -> Result:
    return OK if keyring.revoke(state, body.key, context.log_index) else Result("unknown")


def _add(state: State, context: Context, body: Add) -> Result:
    key = check_public(body.key.alg, bytes.fromhex(body.key.public))
    member = context.signers[0].member
    fresh = keyring.register(state, key, member=member, purpose=body.purpose, person=None, added_at=context.log_index)
    return OK if fresh else Result("known")


def _odd(state: State, _: Context, body: Odd) -> Result:
    """A rule with a fault: it writes first, and then fails in the way asked for."""
    state.put("note/odd", body.how)
    if body.how == "lookup":
        return Result({}[body.how])  # type: ignore[index]
    if body.how == "float":
        return Result("ok", {"half": 0.5})
    if body.how == "key":
        state.put("", 1)
    raise AssertionError(body.how)


def _genesis(state: State, application: Mapping[str, Any], _time_ms: int) -> None:
    state.put("policy", application["policy"])
    for member in application["members"]:
        for key in member["keys"]:
            public = PublicKey(key["alg"], bytes.fromhex(key["public"]))
            keyring.register(state, public, member=member["member"], purpose=key["purpose"], person=None, added_at=0)


_TYPES = (
    RecordType("note.put", Put, _put, parts=frozenset({"letter", "secret"})),
    RecordType("note.once", Once, _once, one_time_key=lambda body: PublicKey(body.key.alg, bytes.fromhex(body.key.public))),
    RecordType("note.drop", Drop, _drop),
    RecordType("key.end", End, _end),
    RecordType("key.add", Add, _add),
    RecordType("note.odd", Odd, _odd),
    RecordType("note.letter", Put, _put, parts=frozenset({"letter", "secret"}), required_parts=frozenset({"letter"})),
)
RULESET = Ruleset(1, {kind.name: kind for kind in _TYPES}, _genesis)
RULEBOOK = {1: RULESET}
