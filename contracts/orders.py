"""Orders: the authority freezes a declaration, a financing or a member by the order of a court or an office, and lifts that again.

What is frozen takes no new hold, approval or transfer, and a frozen member starts nothing; money that was approved still moves. A thing
is frozen as long as one order stands.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable

from contracts import entries
from contracts.guards import AUTHORITY, author_of, known, refuse, require, rule
from contracts.models import OrderFreeze, OrderLift
from ledger.limits import ORDERS_PER_TARGET_MAX
from ledger.rules import OK, Context, Result, State

Change = Callable[[list[str]], None]


@rule
def freeze(state: State, context: Context, body: OrderFreeze) -> Result:
    """`order.freeze`, by the authority, which is never frozen itself.

    What nothing is left of is not frozen, and the result names where it went: a replaced declaration is `replaced`, with its
    `successor`; a financing that another bank took over is in a `wrong-state`, with the `heir` that its loan runs on in.
    """
    entry = _target(state, body.target.kind, body.target.id)
    require(author_of(state, context).role == AUTHORITY, "not-permitted")
    if body.target.kind == "member":
        target = entries.member(state, body.target.id)
        require(target is not None and target["role"] != AUTHORITY, "not-permitted")
    if body.target.kind == "declaration":
        declaration = entries.declaration(state, body.target.id)
        successor = None if declaration is None else declaration["replaced_by"]
        if successor is not None:
            refuse("replaced", successor=successor["declaration"])
    if body.target.kind == "financing":
        heir = _taken_over_by(state, body.target.id)
        if heir is not None:
            refuse("wrong-state", heir=heir)
    require(len(entry["frozen"]) < ORDERS_PER_TARGET_MAX, "too-many-orders")
    _change(state, body.target.kind, body.target.id, lambda orders: insort(orders, context.record_id))
    order: entries.Order = {"kind": body.target.kind, "target": body.target.id, "digest": body.digest, "lifted": False}
    entries.put_order(state, context.record_id, order)
    return OK


@rule
def lift(state: State, context: Context, body: OrderLift) -> Result:
    """`order.lift`, by the authority, once. Where a declaration was replaced, what the order freezes now is its successor."""
    order = known(entries.order(state, body.order), "unknown-order")
    require(author_of(state, context).role == AUTHORITY, "not-permitted")
    require(not order["lifted"], "already-lifted")
    _change(state, order["kind"], order["target"], lambda orders: orders.remove(body.order))
    entries.put_order(state, body.order, {**order, "lifted": True})
    return OK


def _taken_over_by(state: State, financing_id: str) -> str | None:
    """The last one in the row of financings that took a transferred one over; None for one that was not transferred."""
    heir = None
    entry = entries.financing(state, financing_id)
    while entry is not None and entry["state"] == "TRANSFERRED":
        heir = entry["heir"]
        assert heir is not None, "whoever takes a financing over is named in it"
        entry = entries.financing(state, heir)
    return heir


def _target(state: State, kind: str, thing: str) -> entries.Declaration | entries.Financing | entries.Member:
    if kind == "declaration":
        return known(entries.declaration(state, thing), "unknown-declaration")
    if kind == "financing":
        return known(entries.financing(state, thing), "unknown-financing")
    return known(entries.member(state, thing), "unknown-member")


def _change(state: State, kind: str, thing: str, change: Change) -> None:
    """Changes the list of the orders that freeze a thing."""
    entry = _target(state, kind, thing)
    change(entry["frozen"])
    state.put(f"{kind}/{thing}", entry)
