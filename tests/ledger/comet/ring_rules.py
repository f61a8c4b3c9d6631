"""The small rules with validators: genesis names them, and `seats.set` changes them, without governance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from ledger.rules import OK, Context, RecordType, Result, Ruleset, State
from tests.ledger.small_rules import RULESET


class Seat(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    public: str
    power: int


class Seats(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    validators: list[Seat]


def _seats(state: State, _: Context, body: Seats) -> Result:
    state.put("validators", [seat.model_dump() for seat in body.validators])
    return OK


def _genesis(state: State, application: Mapping[str, Any], time_ms: int) -> None:
    RULESET.genesis(state, application, time_ms)
    state.put("validators", application["validators"])


RINGSET = Ruleset(1, {**RULESET.types, "seats.set": RecordType("seats.set", Seats, _seats)}, _genesis)
RINGBOOK = {1: RINGSET}
