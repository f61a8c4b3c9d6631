"""Who signed, and may they? The guards that stand before every rule.

Their order is fixed, so that a refusal has one code everywhere: the thing is unknown, the signers are not permitted, the author is
suspended (only for what starts something), a signature is missing, the state is wrong, the thing is frozen, and then its lines.
The author is the member of the first signer. Signers of the same member may join; an authority may join where the rule says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, NoReturn, TypeVar

from contracts import entries
from contracts.codes import CODES
from ledger.errors import Refused
from ledger.rules import Context, Handler, Result, Signer, State

AUTHORITY = "authority"
BANK = "bank"

Found = TypeVar("Found")


class RuleRefused(Refused):
    """A rule's refusal on its way out of a handler. It never leaves this package: `rule` turns it into a result."""

    def __init__(self, code: str, **details: Any) -> None:
        super().__init__(code, CODES[code])
        self.result = Result(code, details)


def refuse(code: str, **details: Any) -> NoReturn:
    """Ends the handler with a code of `CODES` and public details."""
    raise RuleRefused(code, **details)


def require(holds: bool, code: str) -> None:
    """Ends the handler with a code unless a condition holds."""
    if not holds:
        refuse(code)


def known(entry: Found | None, code: str) -> Found:
    """The entry, or the end of the handler where there is none."""
    if entry is None:
        refuse(code)
    return entry


def rule(handle: Callable[[State, Context, Any], Result]) -> Handler:
    """A handler whose refusals are results."""

    @wraps(handle)
    def handled(state: State, context: Context, body: Any) -> Result:
        try:
            return handle(state, context, body)
        except RuleRefused as refusal:
            return refusal.result

    return handled


@dataclass(frozen=True, slots=True)
class Author:
    """The member that a record speaks for, those of its keys that signed, and whether an authority signed beside it."""

    member: str
    role: str
    status: str
    frozen: bool
    signers: tuple[Signer, ...]
    authority_joined: bool


def author_of(state: State, context: Context, *, authority_may_join: bool = False) -> Author:
    """The author. `not-permitted` for a one-time key, and for signers who have no part in the record."""
    slug = context.signers[0].member
    entry = None if slug is None else entries.member(state, slug)
    if slug is None or entry is None:
        refuse("not-permitted")
    others = [signer for signer in context.signers if signer.member != slug]
    for other in others:
        require(authority_may_join and _is_authority(state, other), "not-permitted")
    own = tuple(signer for signer in context.signers if signer.member == slug)
    return Author(slug, entry["role"], entry["status"], bool(entry["frozen"]), own, bool(others))


def _is_authority(state: State, signer: Signer) -> bool:
    entry = None if signer.member is None else entries.member(state, signer.member)
    return entry is not None and entry["role"] == AUTHORITY


def may_start(author: Author) -> None:
    """Refuses a member that is suspended, succeeded or frozen what starts something new."""
    require(author.status == "active", "suspended")
    require(not author.frozen, "frozen")


def two_people(author: Author) -> None:
    """One signature of purpose `make` and one of purpose `check`, of different persons of the author's staff."""
    makers = [signer.person for signer in author.signers if signer.purpose == "make"]
    checkers = [signer.person for signer in author.signers if signer.purpose == "check"]
    require(bool(makers) and bool(checkers), "second-signature-missing")
    different = any(maker is not None and checker is not None and maker != checker for maker in makers for checker in checkers)
    require(different, "same-person")


def registrar(state: State) -> str:
    """The member that registers declarations."""
    entry = state.get("registrar")
    assert entry is not None, "genesis names a registrar"
    return str(entry["member"])
