"""What every way of signing in has in common: it is written down how it ended, before it is answered, and a signer's key is opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from api.context import ApiContext
from api.principal import SIGNING_ROLES
from ledger.errors import TallystickError
from nodes.author import SigningKey
from nodes.keys.account import Account, User
from nodes.keys.accounts import Accounts
from nodes.keys.sign_ins import OK


@dataclass(slots=True)
class Attempt:
    """Who is said to sign in; `verified` once that is so whatever the accounts say."""

    account: str | None = None
    verified: bool = False


@contextmanager
def signing_in(context: ApiContext, way: str, address: str, account: str | None = None) -> Iterator[Attempt]:
    """Writes down how the attempt inside ended: `ok`, or the code of its error."""
    attempt = Attempt(account)
    try:
        yield attempt
    except TallystickError as error:
        context.sign_in_log.add(way, error.code, address, attempt.account, verified=attempt.verified)
        raise
    context.sign_in_log.add(way, OK, address, attempt.account, verified=attempt.verified)


def opened_key(accounts: Accounts, account: Account, secret: str) -> SigningKey | None:
    """The key of a maker or checker who has just been verified; None for who signs nothing. Raises as `Accounts.open_key`."""
    if not isinstance(account, User) or account.role not in SIGNING_ROLES:
        return None
    private = accounts.open_key(account, secret)
    assert account.key_id is not None, "its key was opened"
    return SigningKey(account.key_id, private)


def address_of(connection: HTTPConnection) -> str:
    """The client's address, as the server or a proxy on this machine says it; empty where nothing does."""
    return "" if connection.client is None else connection.client.host
