"""What an account is, of a person or of a program, and what a row of the private database says of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from ledger.errors import InputError
from ledger.hashing import tagged_json
from ledger.limits import ACCOUNT_NAME_CHARS_MAX
from nodes.keys.keystore import NODE_OWNER
from nodes.private import users

ID: Final = re.compile(r"[a-z][a-z0-9-]{1,63}\Z")


@dataclass(frozen=True, slots=True)
class User:
    """A member of staff. `person` is the pseudonym that the ledger shows, 16 hex digits; `key_id` is a maker's or checker's; `credential`
    names the secret that is in force, and changes with it.
    """

    id: str
    name: str
    role: str
    person: str
    key_id: str | None
    disabled: bool
    created_ms: int
    credential: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class Client:
    """A program within its scopes (RFC 6749, 3.3): of the node's owner, or of an exporter in its custody, then with the id of that
    exporter's enrolment. `credential` as of a user.
    """

    id: str
    name: str
    role: str
    scopes: tuple[str, ...]
    disabled: bool
    created_ms: int
    credential: str = field(compare=False)
    enterprise: str | None = None


Account = User | Client


def check_account(account_id: str, name: str, role: str, roles: tuple[str, ...]) -> None:
    if not ID.match(account_id) or account_id == NODE_OWNER:
        raise InputError("bad-account", "an id has 2 to 64 lower-case letters, digits and hyphens, and is not `node`")
    if not (0 < len(name) <= ACCOUNT_NAME_CHARS_MAX and name.isprintable() and name.strip() == name):
        raise InputError("bad-account", f"a name has 1 to {ACCOUNT_NAME_CHARS_MAX} printable characters")
    if role not in roles:
        raise InputError("bad-account", f"the role is one of {', '.join(roles)}")


def account_of(table: sa.Table, row: dict[str, Any]) -> Account:
    return user_of(row) if table is users else client_of(row)


def user_of(row: dict[str, Any]) -> User:
    own = (row["person"], row["key_id"], row["disabled"], row["created_ms"])
    return User(row["id"], row["name"], row["role"], *own, credential_of(row["secret_hash"]))


def client_of(row: dict[str, Any]) -> Client:
    own = (tuple(row["scopes"].split()), row["disabled"], row["created_ms"])
    return Client(row["id"], row["name"], row["role"], *own, credential_of(row["secret_hash"]), row["enterprise"])


def credential_of(secret_hash: str) -> str:
    """What names the secret that a stored hash is of, and says nothing about it."""
    return tagged_json("credential", secret_hash)
