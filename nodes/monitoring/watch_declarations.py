"""Detectors of what happens to declarations under financings, and of one shipment that is declared twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa

from contracts import balances, entries
from nodes.declarations.book import declarations
from nodes.declarations.replacing import ratio
from nodes.monitoring.findings import Detector, Finding, Seen
from nodes.monitoring.tables import cargo
from nodes.monitoring.watch_attempts import enterprise_of


def _users_of(seen: Seen, declaration_id: str) -> tuple[str, ...]:
    """The financings that hold, commit, have drawn or lost something on a declaration."""
    entry = entries.declaration(seen.state, declaration_id)
    if entry is None:
        return ()
    holding = [hold["financing"] for hold in balances.alive_holds(entry, seen.stored.time_ms)]
    return tuple(dict.fromkeys([*entry["drawers"], *(item["financing"] for item in entry["committed"]), *holding]))


def _under_financing(seen: Seen, declaration_id: str, user_declaration: str, details: dict[str, Any]) -> Iterator[Finding]:
    users = _users_of(seen, user_declaration)
    if seen.code == "ok" and users:
        banks = [entry["bank"] for each in users if (entry := entries.financing(seen.state, each)) is not None]
        yield Finding(
            (seen.stored.id, declaration_id),
            "declaration",
            declaration_id,
            banks[0] if len(set(banks)) == 1 else "",
            enterprise_of(seen.connection, declaration_id),
            (seen.stored.id, *users),
            seen.stored.time_ms,
            {**details, "banks": sorted(set(banks))},
        )


def _amended(seen: Seen) -> Iterator[Finding]:
    body = seen.stored.record.body
    return _under_financing(seen, body["declaration"], body["declaration"], {"capacity": body["capacity"]})


def _voided(seen: Seen) -> Iterator[Finding]:
    body = seen.stored.record.body
    if body.get("successor") is None:
        yield from _under_financing(seen, body["declaration"], body["declaration"], {"reason": body["reason"]})


def _replacements(seen: Seen) -> list[tuple[str, str, int]]:
    """Which declaration a record replaces by which, and at what ratio."""
    body = seen.stored.record.body
    pairs = [(each["declaration"], body["declaration"], each["ratio"]) for each in body.get("replaces", ())]
    if body.get("successor") is not None:
        pairs.append((body["declaration"], body["successor"]["declaration"], body["successor"]["ratio"]))
    return pairs


def _replaced(seen: Seen) -> Iterator[Finding]:
    for old, new, worth in _replacements(seen):
        yield from _under_financing(seen, old, new, {"replaced_by": new, "ratio": worth})


def _ratio_off(seen: Seen) -> Iterator[Finding]:
    """The rules cannot see the amounts, so only the authority can tell whether use was carried over whole."""
    for old, new, stated in _replacements(seen) if seen.code == "ok" else ():
        query = sa.select(declarations.c.id, declarations.c.registered_minor).where(declarations.c.id.in_((old, new)))
        registered = {row.id: row.registered_minor for row in seen.connection.execute(query)}
        if len(registered) == 2 and stated != ratio(registered[old], registered[new]):
            yield Finding(
                (seen.stored.id, old),
                "declaration",
                new,
                "",
                enterprise_of(seen.connection, new),
                (seen.stored.id,),
                seen.stored.time_ms,
                {"replaced": old, "ratio": stated, "right_ratio": ratio(registered[old], registered[new])},
            )


_OWN: Final = sa.select(cargo).where(cargo.c.declaration == sa.bindparam("declaration"))
_OTHER: Final = sa.and_(
    cargo.c.uscc == sa.bindparam("uscc"), cargo.c.declaration != sa.bindparam("declaration"), cargo.c.replaced_by.is_(None)
)
_BY: Final = {name: sa.select(cargo).where(_OTHER, cargo.c[name] == sa.bindparam("known_by")) for name in ("bill_of_lading", "contract")}


def _alike(seen: Seen, *names: str) -> tuple[Any, list[Any]]:
    """The declaration of the record, and others of its exporter that have one of these in common with it, the oldest first."""
    if seen.code != "ok":
        return None, []
    declaration = seen.stored.record.body["declaration"]
    own = seen.connection.execute(_OWN, {"declaration": declaration}).first()
    if own is None:
        return None, []
    others: dict[str, Any] = {}
    for name in names:
        if known_by := getattr(own, name):
            asked = {"uscc": own.uscc, "declaration": declaration, "known_by": known_by}
            others |= {row.declaration: row for row in seen.connection.execute(_BY[name], asked)}
    return own, sorted(others.values(), key=lambda row: row.log_index)


def _redeclared(seen: Seen) -> Iterator[Finding]:
    """A void one and a live one of the same contract or bill of lading, whichever came first; a replacement that is named is none."""
    own, others = _alike(seen, "bill_of_lading", "contract")
    for other in others:
        if own.replaced_by is not None or (own.void_record is None) == (other.void_record is None):
            continue
        void, live = (own, other) if own.void_record is not None else (other, own)
        yield Finding(
            (void.declaration, live.declaration),
            "declaration",
            live.declaration,
            "",
            enterprise_of(seen.connection, live.declaration),
            (void.record_id, void.void_record, live.record_id),
            seen.stored.time_ms,
            {"void": void.declaration, **_same(own, other)},
        )


def _same_shipment(seen: Seen) -> Iterator[Finding]:
    own, others = _alike(seen, "bill_of_lading")
    for other in others:
        if own.void_record is None and other.void_record is None:
            first, second = sorted((own, other), key=lambda row: row.log_index)
            yield Finding(
                (first.declaration, second.declaration),
                "declaration",
                second.declaration,
                "",
                enterprise_of(seen.connection, second.declaration),
                (first.record_id, second.record_id),
                seen.stored.time_ms,
                {"other": first.declaration, **_same(own, other)},
            )


def _same(own: Any, other: Any) -> dict[str, str]:
    names = ("contract", "bill_of_lading")
    return {name: getattr(own, name) for name in names if getattr(own, name) and getattr(own, name) == getattr(other, name)}


DETECTORS: Final = (
    Detector(
        "amended-under-financing", "high", "a declaration was amended while financings use it", frozenset({"declaration.amend"}), _amended
    ),
    Detector(
        "voided-under-financing", "high", "a declaration was voided while financings use it", frozenset({"declaration.void"}), _voided
    ),
    Detector(
        "replaced-under-financing",
        "medium",
        "a declaration was replaced by another, which now carries the financings that used it",
        frozenset({"declaration.register", "declaration.void"}),
        _replaced,
    ),
    Detector(
        "replacement-ratio-off",
        "high",
        "the ratio at which use was carried to a successor is not that of the two registered amounts",
        frozenset({"declaration.register", "declaration.void"}),
        _ratio_off,
    ),
    Detector(
        "redeclared",
        "high",
        "a declaration was voided and another one registered with the same contract or bill of lading, and neither names the other",
        frozenset({"declaration.register", "declaration.void"}),
        _redeclared,
    ),
    Detector(
        "same-shipment",
        "high",
        "two declarations that both count have the same bill of lading",
        frozenset({"declaration.register"}),
        _same_shipment,
    ),
)
