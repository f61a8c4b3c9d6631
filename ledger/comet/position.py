"""Where the engine is: its height, its time and the app hash after each of its blocks, of those too that left nothing on the ledger.

It is written in the transaction of the block, so that the application is never ahead of what it holds, nor behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection

from ledger import canonical
from ledger.errors import VerificationFailed
from ledger.tables import meta

KEY: Final = "comet"


@dataclass(frozen=True, slots=True)
class Misbehavior:
    """What the engine found a validator out by: `duplicate-vote` or `light-client-attack`. `address` has 40 hex characters."""

    kind: str
    address: str
    height: int
    time_ms: int


@dataclass(frozen=True, slots=True)
class Position:
    """After the engine's block of `height`. At height 0 it has made none. `misbehavior` lists what was seen, the newest last."""

    height: int
    time_ms: int
    app_hash: bytes
    misbehavior: tuple[Misbehavior, ...] = ()


def read_position(connection: Connection) -> Position | None:
    """What is stored; None where the engine has made no block. Raises `VerificationFailed` (`position-damaged`)."""
    text = connection.execute(sa.select(meta.c.value).where(meta.c.key == KEY)).scalar()
    return None if text is None else parse_position(text)


def parse_position(text: str) -> Position:
    """Raises `VerificationFailed` (`position-damaged`)."""
    try:
        value: Any = canonical.decode(text.encode())
        seen = tuple(
            Misbehavior(str(each["kind"]), str(each["address"]), int(each["height"]), int(each["time"])) for each in value["misbehavior"]
        )
        position = Position(int(value["height"]), int(value["time"]), bytes.fromhex(value["app_hash"]), seen)
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged() from error
    # Hex may be of capitals, and an object of more than is read.
    if _written(position) != text:
        raise _damaged()
    return position


def write_position(connection: Connection, position: Position) -> None:
    """Inside the block's transaction."""
    text = _written(position)
    if connection.execute(sa.update(meta).where(meta.c.key == KEY).values(value=text)).rowcount == 0:
        connection.execute(sa.insert(meta), [{"key": KEY, "value": text}])


def _written(position: Position) -> str:
    seen = [{"address": each.address, "height": each.height, "kind": each.kind, "time": each.time_ms} for each in position.misbehavior]
    value = {"app_hash": position.app_hash.hex(), "height": position.height, "misbehavior": seen, "time": position.time_ms}
    return canonical.encode(value).decode()


def _damaged() -> VerificationFailed:
    return VerificationFailed("position-damaged", "what is stored of the engine's height cannot be read", hint="run tallystick audit")
