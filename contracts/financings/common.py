"""What every rule about an existing financing begins and ends with."""

from __future__ import annotations

from typing import Any

from contracts import balances, entries
from contracts.guards import Author, known, require
from ledger.rules import Result, State


def found(state: State, financing_id: str) -> entries.Financing:
    """The financing, or `unknown-financing`."""
    return known(entries.financing(state, financing_id), "unknown-financing")


def by_lender(entry: entries.Financing, author: Author) -> None:
    """Only the bank whose financing it is."""
    require(author.member == entry["bank"], "not-permitted")


def declaration_of(state: State, line: entries.Line) -> entries.Declaration:
    """The declaration of a line that once held something, so it is registered."""
    declaration = entries.declaration(state, line["declaration"])
    assert declaration is not None, "a held line's declaration is registered"
    return declaration


def put_settled(state: State, line: entries.Line, declaration: entries.Declaration, time_ms: int) -> None:
    """Writes a line's declaration, without holds that have lapsed."""
    balances.settle(declaration, time_ms)
    entries.put_declaration(state, line["declaration"], declaration)


def fits_lines(entry: entries.Financing, shares: list[int]) -> None:
    """A body gives one share for each line of the application, the lines that got no hold among them."""
    require(len(shares) == len(entry["lines"]), "malformed")


def outcome(entry: entries.Financing) -> Result:
    """`ok`, with the state that the financing is in now, and its flags where there are any."""
    details: dict[str, Any] = {"state": entry["state"]}
    if entry["flags"]:
        details["flags"] = list(entry["flags"])
    return Result("ok", details)


def add_flag(entry: entries.Financing, flag: str) -> None:
    """Flags stay for good, in order."""
    entry["flags"] = sorted({*entry["flags"], flag})
