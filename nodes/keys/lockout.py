"""What failures to sign in cost: waiting, twice as long each time, up to a quarter of an hour.

They are counted for each account whose secret a person may have chosen, durably. An address from which it has signed in before has a count
of its own; all others share one. So whoever guesses from elsewhere makes strangers wait, and not the person where that person usually is.
A waiting ends by itself: nobody is locked out for good. Programs of the node's owner have secrets of 256 random bits, at which no number of
guesses helps: they are not locked.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from ledger.errors import NotPermitted
from nodes.keys.tables import sign_in_sources

FAILURES_FREE: Final = 5
LOCKED_MS_MAX: Final = 15 * 60_000
SOURCE_DAYS: Final = 90
_DAY_MS: Final = 86_400_000
_FIRST_MS: Final = 1_000


class AccountLocked(NotPermitted):
    """`account-locked`: who asks has to wait for so many whole seconds."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("account-locked", "too many failures in a row", hint=f"try again after {retry_after_s} seconds")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Standing:
    """What is counted against an account of a table at one source. `known` sources have a count of their own, which began at `last_ms`."""

    table: sa.Table
    account: str
    source: str
    known: bool
    last_ms: int
    failures: int
    locked_until_ms: int


def source_of(address: str) -> str:
    """What counts as one place: an IPv4 address, or the network of 64 bits that an IPv6 address is in; anything else as it is."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        return str(found.ipv4_mapped or ipaddress.IPv6Network((int(found) >> 64 << 64, 64)))
    return str(found)


def wait_ms(failures: int) -> int:
    """How long nothing is tried after so many failures in a row."""
    over = failures - FAILURES_FREE
    return 0 if over < 0 else min(LOCKED_MS_MAX, _FIRST_MS << min(over, 20))


def standing(connection: sa.Connection, table: sa.Table, account: dict[str, Any], source: str, now_ms: int) -> Standing:
    """Of a row of `users` or `clients`."""
    row = connection.execute(sa.select(sign_in_sources).where(_at(account["id"], source))).first()
    if row is None or row.last_ms < now_ms - SOURCE_DAYS * _DAY_MS:
        return Standing(table, account["id"], source, False, 0, account["failures"], account["locked_until_ms"])
    return Standing(table, account["id"], source, True, row.last_ms, row.failures, row.locked_until_ms)


def check_open(held: Standing, now_ms: int) -> None:
    """Raises `AccountLocked` while the account has to wait here."""
    if now_ms < held.locked_until_ms:
        raise AccountLocked((held.locked_until_ms - now_ms + 999) // 1000)


def note_failure(connection: sa.Connection, held: Standing, now_ms: int) -> None:
    """One failure more, and the waiting that follows from it."""
    failures = held.failures + 1
    _set(connection, held, failures=failures, locked_until_ms=now_ms + wait_ms(failures))


def note_success(connection: sa.Connection, held: Standing, now_ms: int) -> None:
    """Forgets the failures counted here, and knows the source from now on; sources of long ago are forgotten."""
    _set(connection, held, failures=0, locked_until_ms=0)
    long_ago = sa.and_(sign_in_sources.c.account == held.account, sign_in_sources.c.last_ms < now_ms - SOURCE_DAYS * _DAY_MS)
    connection.execute(sa.delete(sign_in_sources).where(long_ago))
    if held.known:
        connection.execute(sa.update(sign_in_sources).where(_at(held.account, held.source)).values(last_ms=now_ms))
    elif held.source:
        row = {"account": held.account, "source": held.source, "last_ms": now_ms, "failures": 0, "locked_until_ms": 0}
        connection.execute(sa.insert(sign_in_sources), [row])


def is_settled(held: Standing, now_ms: int) -> bool:
    """Whether a success would change nothing worth writing."""
    return held.failures == 0 and (held.known or not held.source) and now_ms - held.last_ms < _DAY_MS


def _set(connection: sa.Connection, held: Standing, **values: int) -> None:
    where = _at(held.account, held.source) if held.known else held.table.c.id == held.account
    connection.execute(sa.update(sign_in_sources if held.known else held.table).where(where).values(values))


def _at(account: str, source: str) -> sa.ColumnElement[bool]:
    return sa.and_(sign_in_sources.c.account == account, sign_in_sources.c.source == source)
