"""Members: admitted, suspended, reinstated and succeeded by the authority; their keys; and the enrolment of enterprises.

A suspended member may start nothing; what it began goes on. An heir takes the place of a bank for good, on every financing and every
declaration that it lent on, and the predecessor may only revoke keys. The authority itself is never suspended or succeeded.

An enterprise's enrolment leaves no public entry: who the clients are is nobody's to see. Keys are never deleted and belong to one
member and one purpose for ever.
"""

from __future__ import annotations

from collections.abc import Sequence

from contracts import entries
from contracts.financings.common import holder
from contracts.guards import AUTHORITY, BANK, Author, author_of, known, may_start, refuse, require, rule, two_people
from contracts.models import Empty, Key, KeyAdd, KeyRevoke, MemberAdmit, MemberEstate, MemberReinstate, MemberSucceed, MemberSuspend
from ledger import keyring
from ledger.rules import OK, Context, Result, State


def put_new_member(state: State, body: MemberAdmit, at: list[int], time_ms: int, log_index: int) -> None:
    """Writes a member and its first keys. `already-registered` where the name or one of the keys is taken."""
    require(entries.member(state, body.member) is None, "already-registered")
    entry: entries.Member = {
        "role": body.role,
        "region": body.region,
        "name": body.name,
        "status": "active",
        "frozen": [],
        "heir": None,
        "admitted_at": at,
        "admitted_ms": time_ms,
    }
    entries.put_member(state, body.member, entry)
    _put_keys(state, body.member, body.keys, log_index)


def _put_keys(state: State, slug: str, new: Sequence[Key], log_index: int) -> None:
    for key in new:
        fresh = keyring.register(state, key.to_public(), member=slug, purpose=key.purpose, person=key.person, added_at=log_index)
        require(fresh, "already-registered")


@rule
def admit(state: State, context: Context, body: MemberAdmit) -> Result:
    """`member.admit`, by the authority."""
    author = author_of(state, context)
    require(author.role == AUTHORITY, "not-permitted")
    may_start(author)
    put_new_member(state, body, [context.height, context.position], context.time_ms, context.log_index)
    return OK


def _by_authority(state: State, context: Context) -> Author:
    author = author_of(state, context)
    require(author.role == AUTHORITY, "not-permitted")
    return author


@rule
def suspend(state: State, context: Context, body: MemberSuspend) -> Result:
    """`member.suspend`, by the authority: an active member that is not an authority itself."""
    entry = known(entries.member(state, body.member), "unknown-member")
    _by_authority(state, context)
    require(entry["role"] != AUTHORITY, "not-permitted")
    require(entry["status"] == "active", "wrong-state")
    entries.put_member(state, body.member, {**entry, "status": "suspended"})
    return OK


@rule
def reinstate(state: State, context: Context, body: MemberReinstate) -> Result:
    """`member.reinstate`, by the authority: a suspended member is active again."""
    entry = known(entries.member(state, body.member), "unknown-member")
    _by_authority(state, context)
    require(entry["status"] == "suspended", "wrong-state")
    entries.put_member(state, body.member, {**entry, "status": "active"})
    return OK


@rule
def succeed(state: State, context: Context, body: MemberSucceed) -> Result:
    """`member.succeed`, by the authority: an active bank takes the place of another one, once and for good."""
    entry = known(entries.member(state, body.member), "unknown-member")
    heir = known(entries.member(state, body.heir), "unknown-member")
    _by_authority(state, context)
    require(entry["role"] == heir["role"] == BANK, "not-permitted")
    require(body.member != body.heir, "malformed")
    require(heir["status"] == "active", "suspended")
    require(entry["status"] != "succeeded", "wrong-state")
    entries.put_member(state, body.member, {**entry, "status": "succeeded", "heir": body.heir})
    return OK


@rule
def estate(state: State, context: Context, body: MemberEstate) -> Result:
    """`member.estate`, by the authority, for the one who acts for a succeeded member now. It changes no entry: what it says is sealed."""
    entry = known(entries.member(state, body.member), "unknown-member")
    known(entries.member(state, body.heir), "unknown-member")
    _by_authority(state, context)
    require(entry["status"] == "succeeded" and holder(state, body.member) == body.heir, "wrong-state")
    return OK


@rule
def add_key(state: State, context: Context, body: KeyAdd) -> Result:
    """`key.add`, by two people of the member, or of the authority. A member that was succeeded gets no more keys."""
    entry = known(entries.member(state, body.member), "unknown-member")
    author = author_of(state, context)
    require(author.member == body.member or author.role == AUTHORITY, "not-permitted")
    require(entry["status"] != "succeeded", "not-permitted")
    two_people(author)
    _put_keys(state, body.member, [body.key], context.log_index)
    return OK


@rule
def revoke_key(state: State, context: Context, body: KeyRevoke) -> Result:
    """`key.revoke`, by the member that owns the key, or the authority. One-time keys end with their consent instead."""
    entry = state.get(keyring.entry_key(body.key))
    if entry is None or entry["member"] is None:
        refuse("unknown-key")
    author = author_of(state, context)
    require(author.member == entry["member"] or author.role == AUTHORITY, "not-permitted")
    require(keyring.revoke(state, body.key, context.log_index), "already-revoked")
    return OK


@rule
def enrol(state: State, context: Context, body: Empty) -> Result:  # noqa: ARG001 - every rule takes a body, and this one's is empty
    """`enterprise.enrol`, by the authority."""
    author = author_of(state, context)
    require(author.role == AUTHORITY, "not-permitted")
    may_start(author)
    return OK
