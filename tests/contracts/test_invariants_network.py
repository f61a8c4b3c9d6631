"""The invariants of members, governance, orders, disputes and replacements notice what is broken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from contracts.invariants import check_invariants
from contracts.shares import RATIO_ONE
from tests.contracts.harness import AUTHORITY, REGISTRAR, A, B, C, World, name, one

Change = Callable[[Any], object]


def busy() -> tuple[World, dict[str, str]]:
    """A world with a proposal that waits, one that is open, an order, a dispute, an heir and a declaration that was replaced."""
    world = World()
    world.state.put("rules", [{"at": 0, "version": 1}])
    assert world.propose({"kind": "registrar", "member": AUTHORITY}).code == "ok"
    waiting = world.last
    assert world.propose({"kind": "rules", "version": 2, "at": world.time + 10**10}).code == "ok"
    world.state.put("governors", [{"member": A, "weight": 1}, {"member": AUTHORITY, "weight": 9}])
    assert world.propose({"kind": "registrar", "member": AUTHORITY}, A).details["state"] == "OPEN"
    is_open = world.last
    old = world.declaration()
    assert world.replace("new", (old, RATIO_ONE)).code == "ok"
    order = world.freeze("declaration", name("new"))
    world.ok("dispute.open", {"record": name("record")}, one(A))
    dispute = world.last
    assert world.succeed(B, C).code == "ok"
    return world, {
        "heir": f"member/{C}",
        "succeeded": f"member/{B}",
        "authority": f"member/{AUTHORITY}",
        "waiting": f"proposal/{waiting}",
        "open": f"proposal/{is_open}",
        "scheduled": "scheduled",
        "governors": "governors",
        "registrar": "registrar",
        "rules": "rules",
        "order": f"order/{order}",
        "dispute": f"dispute/{dispute}",
        "old": f"declaration/{old}",
        "new": f"declaration/{name('new')}",
    }


CHANGES: list[tuple[str, str, Change]] = [
    ("succeeded", "an heir is named", lambda it: it.update(status="active")),
    ("succeeded", "lead back to it, or to nobody", lambda it: it.update(heir="nobody")),
    ("heir", "lead back to it, or to nobody", lambda it: it.update(status="succeeded", heir=B)),
    ("heir", "status is not known", lambda it: it.update(status="frozen")),
    ("authority", "an authority is stopped", lambda it: it.update(status="suspended")),
    ("governors", "not members", lambda it: it.append({"member": "nobody", "weight": 1})),
    ("governors", "each governor once", lambda it: it.append(it[0])),
    ("registrar", "not members", lambda it: it.update(member="nobody")),
    ("scheduled", "not the proposals that wait", lambda it: it.pop()),
    ("scheduled", "not the proposals that wait", lambda it: it[0].update(at=1)),
    ("waiting", "not the proposals that wait", lambda it: it.update(state="DONE")),
    ("waiting", "wrong time to take effect", lambda it: it.update(effective_at=None)),
    ("open", "wrong time to take effect", lambda it: it.update(effective_at=1)),
    ("open", "approvals are not in order", lambda it: it["approvals"].clear()),
    ("open", "state is not known", lambda it: it.update(state="LAPSED")),
    ("rules", "do not start in their order", lambda it: it.append({"at": 1, "version": 3})),
    ("rules", "do not start in their order", lambda it: it.append(it[-1])),
    ("order", "orders in force", lambda it: it.update(lifted=True)),
    ("order", "orders in force", lambda it: it.update(target=REGISTRAR, kind="member")),
    ("new", "orders in force", lambda it: it["frozen"].append("f" * 64)),
    ("new", "not in order", lambda it: it["frozen"].append("0")),
    ("dispute", "state or its member", lambda it: it.update(state="LOST")),
    ("dispute", "state or its member", lambda it: it.update(by="nobody")),
    ("old", "successors lead back", lambda it: it["replaced_by"].update(declaration=name("none"))),
    ("new", "successors lead back", lambda it: it.update(replaced_by={"declaration": name("d"), "ratio": 1})),
    ("old", "still carries something", lambda it: it.update(lost=1)),
    ("old", "still carries something", lambda it: it["lenders"].append(A)),
]


@pytest.mark.parametrize(("what", "words", "change"), CHANGES)
def test_a_broken_invariant_is_named(what: str, words: str, change: Change) -> None:
    world, places = busy()
    assert check_invariants(world.state, world.time) == []
    entry = world.state.get(places[what])
    assert entry is not None
    change(entry)
    world.state.put(places[what], entry)
    broken = check_invariants(world.state, world.time)
    assert any(words in message for message in broken), broken
