"""What every rule about an existing financing begins and ends with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from contracts import balances, entries, shares
from contracts.guards import Author, known, require
from ledger.limits import INTEGER_MAX
from ledger.rules import Context, Result, State


def holder(state: State, slug: str) -> str:
    """Who acts for a member: itself, or, where it was succeeded, its heir, and so on to the last one."""
    entry = entries.member(state, slug)
    while entry is not None and entry["heir"] is not None:
        slug = entry["heir"]
        entry = entries.member(state, slug)
    return slug


def found(state: State, financing_id: str) -> entries.Financing:
    """The financing, or `unknown-financing`."""
    return known(entries.financing(state, financing_id), "unknown-financing")


def is_lender(state: State, entry: entries.Financing, author: Author) -> bool:
    """Whether the author is the bank whose financing it is, or that bank's heir."""
    return author.member == holder(state, entry["bank"])


def by_lender(state: State, entry: entries.Financing, author: Author) -> None:
    """Only the bank whose financing it is, or its heir."""
    require(is_lender(state, entry, author), "not-permitted")


def new_financing(
    context: Context,
    bank: str,
    *,
    state: str,
    lines: list[entries.Line],
    flags: list[str],
    origin: str | None = None,
    hold_until: int | None = None,
    mode: str = "all",
) -> entries.Financing:
    """A financing that a record makes. With no hold that ends it counts as approved when it was made."""
    return {
        "bank": bank,
        "state": state,
        "mode": mode,
        "hold_until": hold_until,
        "at": [context.height, context.position],
        "approved_at": context.time_ms if hold_until is None else None,
        "was_approved": hold_until is None,
        "repaid": False,
        "frozen": [],
        "offer": None,
        "origin": origin,
        "heir": None,
        "flags": flags,
        "lines": lines,
    }


def declaration_of(state: State, line: entries.Line) -> entries.Declaration:
    """The declaration of a line that once held something, so it is registered."""
    declaration = entries.declaration(state, line["declaration"])
    assert declaration is not None, "a held line's declaration is registered"
    return declaration


def follow(state: State, entry: entries.Financing, line: entries.Line) -> None:
    """Carries a line with nothing held, drawn or lost to the declaration that replaces its own, and on to the last one.

    A replacement moves only what is used, so such a line stays behind until somebody touches it.
    """
    successor = declaration_of(state, line)["replaced_by"]
    while successor is not None:
        line["declaration"] = successor["declaration"]
        line["was"] = min(shares.carried(line["was"], successor["ratio"]), shares.SHARES_MAX)
        add_flag(entry, "MOVED")
        successor = declaration_of(state, line)["replaced_by"]


def put_settled(
    state: State,
    financing_id: str,
    entry: entries.Financing,
    line: entries.Line,
    declaration: entries.Declaration,
    time_ms: int,
) -> None:
    """Writes a line's declaration, without holds that have lapsed.

    As long as the financing owes on it, it is among the declaration's drawers; its bank is among the lenders from then on. `malformed`
    where the sums become larger than a canonical integer, which only corrections beyond all reason can bring about.
    """
    require(declaration["drawn"] + declaration["lost"] <= INTEGER_MAX, "malformed")
    owes = any(other["declaration"] == line["declaration"] and other["drawn"] + other["lost"] > 0 for other in entry["lines"])
    if owes != (financing_id in declaration["drawers"]):
        others = {drawer for drawer in declaration["drawers"] if drawer != financing_id}
        declaration["drawers"] = sorted({*others, financing_id} if owes else others)
    if owes:
        declaration["lenders"] = sorted({*declaration["lenders"], entry["bank"]})
    balances.settle(declaration, time_ms)
    entries.put_declaration(state, line["declaration"], declaration)


def not_frozen(state: State, entry: entries.Financing) -> None:
    """`frozen` where an order freezes the financing, or a declaration that something of it is drawn on."""
    require(not entry["frozen"], "frozen")
    for line in entry["lines"]:
        require(line["drawn"] == 0 or not declaration_of(state, line)["frozen"], "frozen")


def fits_lines(entry: entries.Financing, given: Sequence[object]) -> None:
    """A body gives one share, or opening, for each line of the application, the lines that got no hold among them."""
    require(len(given) == len(entry["lines"]), "malformed")


def outcome(entry: entries.Financing) -> Result:
    """`ok`, with the state that the financing is in now, and its flags where there are any."""
    details: dict[str, Any] = {"state": entry["state"]}
    if entry["flags"]:
        details["flags"] = list(entry["flags"])
    return Result("ok", details)


def add_flag(entry: entries.Financing, flag: str) -> None:
    """Flags stay for good, in order."""
    entry["flags"] = sorted({*entry["flags"], flag})


def add_standing(entry: entries.Financing, declaration: entries.Declaration, time_ms: int) -> None:
    """Flags what would have stopped a new application on a declaration that money was drawn on."""
    if declaration["frozen"]:
        add_flag(entry, "FROZEN")
    status = balances.status(declaration, time_ms)
    if status in ("OVERUSED", "VOID", "REPLACED"):
        add_flag(entry, status)
