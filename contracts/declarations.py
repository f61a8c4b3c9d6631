"""Declarations: registered once, amended, voided, and collected upon. Their amounts are sealed; here are only shares.

What others use of a declaration never disappears when it is amended or voided. Over-use that comes from such a record is a status,
never a refusal. Every accepted record settles the holds that have lapsed.
"""

from __future__ import annotations

from typing import Any

from contracts import balances, entries, policy
from contracts.financings.common import holder
from contracts.guards import AUTHORITY, BANK, Author, author_of, known, may_start, refuse, registrar, require, rule, two_people
from contracts.models import DeclarationAmend, DeclarationCollected, DeclarationRegister, DeclarationVoid
from contracts.months import month_end_ms
from contracts.replacements import carry
from contracts.shares import STEP, WHOLE, in_steps
from ledger.limits import COLLECTIONS_PER_DECLARATION_MAX
from ledger.rules import OK, Context, Result, State


def _by_registrar(state: State, context: Context) -> Author:
    author = author_of(state, context)
    require(author.member == registrar(state), "not-permitted")
    return author


def _status(entry: entries.Declaration, time_ms: int) -> Result:
    details: dict[str, Any] = {"status": balances.status(entry, time_ms)}
    return Result("ok", details)


@rule
def register(state: State, context: Context, body: DeclarationRegister) -> Result:
    """`declaration.register`, by the registrar: a number registers once, with the financing ratio that the policy allows.

    One that replaces others, which may be void, has the smallest of their ratios, and carries all that was used of them.
    """
    author = _by_registrar(state, context)
    may_start(author)
    require(entries.declaration(state, body.declaration) is None, "already-registered")
    ceilings = [_replaceable(state, old.declaration)["ceiling_ppm"] for old in body.replaces]
    fits = body.ceiling_ppm == min(ceilings) if ceilings else body.ceiling_ppm <= policy.value(state, "ceiling_ppm")
    require(fits, "malformed")
    entry: entries.Declaration = {
        "ceiling_ppm": body.ceiling_ppm,
        "until": month_end_ms(body.until),
        "capacity": WHOLE,
        "collected": 0,
        "void": None,
        "replaced_by": None,
        "frozen": [],
        "drawn": 0,
        "lost": 0,
        "holds": [],
        "committed": [],
        "lenders": [],
        "drawers": [],
        "collections": [],
    }
    entries.put_declaration(state, body.declaration, entry)
    return _replace(state, context, body) if body.replaces else OK


def _replaceable(state: State, declaration_id: str) -> entries.Declaration:
    entry = _standing(state, declaration_id)
    require(entry["replaced_by"] is None, "replaced")
    return entry


def _replace(state: State, context: Context, body: DeclarationRegister) -> Result:
    moved: set[str] = set()
    for old in body.replaces:
        moved.update(carry(state, old.declaration, body.declaration, old.ratio, context.time_ms))
    details: dict[str, Any] = {"status": balances.status(_standing(state, body.declaration), context.time_ms), "moved": sorted(moved)}
    return Result("ok", details)


def _standing(state: State, declaration_id: str) -> entries.Declaration:
    return known(entries.declaration(state, declaration_id), "unknown-declaration")


def _changeable(entry: entries.Declaration) -> None:
    require(entry["replaced_by"] is None, "replaced")
    require(entry["void"] is None, "void")


@rule
def amend(state: State, context: Context, body: DeclarationAmend) -> Result:
    """`declaration.amend`, by the registrar: sets the capacity, which may exceed what was registered."""
    entry = _standing(state, body.declaration)
    _by_registrar(state, context)
    _changeable(entry)
    entry["capacity"] = body.capacity
    balances.settle(entry, context.time_ms)
    entries.put_declaration(state, body.declaration, entry)
    return _status(entry, context.time_ms)


@rule
def void(state: State, context: Context, body: DeclarationVoid) -> Result:
    """`declaration.void`, by the registrar. What is used of it moves to a successor, which may also be named later, in a second record."""
    entry = _standing(state, body.declaration)
    _by_registrar(state, context)
    require(entry["replaced_by"] is None, "replaced")
    require(entry["void"] is None or body.successor is not None, "void")
    entry["void"] = body.reason
    balances.settle(entry, context.time_ms)
    entries.put_declaration(state, body.declaration, entry)
    if body.successor is None:
        return _status(entry, context.time_ms)
    successor = _standing(state, body.successor.declaration)
    require(body.successor.declaration != body.declaration, "malformed")
    _changeable(successor)
    moved = carry(state, body.declaration, body.successor.declaration, body.successor.ratio, context.time_ms)
    details: dict[str, Any] = {"status": "REPLACED", "moved": moved}
    return Result("ok", details)


@rule
def collected(state: State, context: Context, body: DeclarationCollected) -> Result:
    """`declaration.collected`, by two people of a bank that has or had an approved financing on it, or of the authority.

    Never refused for lack of room, and not capped at the capacity. A negative share takes back a collection, with the authority's
    signature too, as far as no repayment used it. Only where everything is collected already may there be too many.
    """
    entry = _replaceable(state, body.declaration)
    author = author_of(state, context, authority_may_join=True)
    lender = author.role == BANK and author.member in {holder(state, bank) for bank in entry["lenders"]}
    require(lender or author.role == AUTHORITY, "not-permitted")
    two_people(author)
    if body.share < 0 and not (author.role == AUTHORITY or author.authority_joined):
        refuse("second-signature-missing")
    if body.corrects is None:
        require(body.share % STEP == 0, "not-in-steps")
        # What lowers the ceiling is never refused, whoever filled the list before, and there can only be so many of it, in whole steps.
        # A correction, which the authority signs, must always find its place.
        counted = len(entry["collections"]) < COLLECTIONS_PER_DECLARATION_MAX or entry["collected"] < entry["capacity"]
        require(counted, "too-many-collections")
    else:
        _take_back(state, body.declaration, body.corrects, -body.share)
    entry["collected"] += body.share
    entry["collections"].append(context.record_id)
    balances.settle(entry, context.time_ms)
    entries.put_declaration(state, body.declaration, entry)
    collection: entries.Collection = {
        "declaration": body.declaration,
        "bank": author.member,
        "share": body.share,
        "unused": max(0, body.share),
    }
    entries.put_collection(state, context.record_id, collection)
    return _status(entry, context.time_ms)


def _take_back(state: State, declaration_id: str, collection_id: str, share: int) -> None:
    """Lowers the unused part of the collection that a correction names, so that no repayment can cite money that never came.

    In whole steps, or all of it: what was carried to another declaration is no longer a multiple of a step.
    """
    wrong = known(entries.collection(state, collection_id), "unknown-collection")
    require(wrong["declaration"] == declaration_id, "unknown-collection")
    require(share <= wrong["unused"], "exceeds-collected")
    require(in_steps(share, wrong["unused"]), "not-in-steps")
    wrong["unused"] -= share
    entries.put_collection(state, collection_id, wrong)
