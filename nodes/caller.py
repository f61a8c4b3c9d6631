"""Who asks a service of the node to do something, and with which key they sign.

What a key is for, and whose it is, is read from the ledger's state and not from the account: validators look there too. A maker or
a checker signs with the key that their sign-in opened; a program that acts for the member signs with the node's service key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ledger.errors import NotPermitted
from nodes.author import SigningKey
from nodes.directory import Directory, MemberKey

Kind = Literal["staff", "client", "node", "system"]


@dataclass(frozen=True, slots=True)
class Caller:
    """`id` is a user's or client's; `enterprise` the enrolment that an exporter in custody acts for; `key` is None for who only looks."""

    id: str
    kind: Kind
    role: str
    enterprise: str | None = None
    key: SigningKey | None = None


def registered_key(caller: Caller, directory: Directory, member: str, *purposes: str) -> tuple[SigningKey, MemberKey]:
    """The caller's key and what the ledger says of it: alive, the member's, of one of the purposes.

    Raises `NotPermitted`: `no-signing-key`, `key-not-alive`, `not-permitted`.
    """
    if caller.key is None:
        raise NotPermitted("no-signing-key", "this sign-in has no key to sign with", hint="a maker or a checker signs")
    known = directory.key(caller.key.id)
    if known is None or not known.alive or known.member != member:
        raise NotPermitted("key-not-alive", "the ledger knows no such key of this member in force", hint="register it with `key.add`")
    if known.purpose not in purposes:
        wanted = " or ".join(_NAMES[purpose] for purpose in purposes)
        raise NotPermitted("not-permitted", f"this is for {wanted}, not for {_NAMES.get(known.purpose, known.purpose)}")
    return caller.key, known


_NAMES = {"make": "a maker", "check": "a checker", "service": "the member's own programs"}
