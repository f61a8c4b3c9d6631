"""The invariants notice what is broken: one entry at a time is tampered with, and named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from contracts.invariants import check_invariants
from tests.contracts.harness import B, World, name


def busy() -> tuple[World, dict[str, str]]:
    """A world with one of everything: a hold, a commitment, a loan and a collection."""
    world = World()
    declaration = world.declaration()
    grant = world.grant(declaration)
    loan = world.applied((grant, 100_000))
    for step in (world.intake(loan), world.approve(loan), world.disburse(loan, [60_000], final=False), world.collect(declaration, 50_000)):
        assert step.code == "ok"
    collection = world.last
    hold = world.applied((world.grant(declaration, B), 200_000))
    other = world.declaration("e")
    assert world.load((world.grant(other), 300_000)).code == "ok"
    given = world.last
    next_grant = world.grant(other, B)
    for step in (world.write_off(given, [100_000]), world.transfer(given), world.take_over(given, [next_grant])):
        assert step.code == "ok"
    taken = world.last
    line = world.entry("financing", loan)["lines"][0]
    request = next(key for key, _ in world.state.scan("enquiry/")).partition("/")[2]
    take = world.entry("grant", line["grant"])["take"]
    return world, {
        "declaration": f"declaration/{declaration}",
        "loan": f"financing/{loan}",
        "hold": f"financing/{hold}",
        "other": f"declaration/{other}",
        "given": f"financing/{given}",
        "taken": f"financing/{taken}",
        "taken grant": f"grant/{world.entry('financing', taken)['lines'][0]['grant']}",
        "collection": f"collection/{collection}",
        "grant": f"grant/{line['grant']}",
        "consent": f"consent/{line['consent']}",
        "enquiry": f"enquiry/{request}",
        "take": f"take/{take}",
        "policy": "policy",
    }


Change = Callable[[dict[str, Any]], object]
CHANGES: list[tuple[str, str, Change]] = [
    ("policy", "policy", lambda it: it.update(holds_max=0)),
    ("declaration", "drawn", lambda it: it.update(drawn=it["drawn"] + 1)),
    ("declaration", "lost", lambda it: it.update(lost=1)),
    ("declaration", "collected", lambda it: it.update(collected=0)),
    ("declaration", "capacity", lambda it: it.update(capacity=-1)),
    ("declaration", "financing ratio", lambda it: it.update(ceiling_ppm=0)),
    ("declaration", "holds", lambda it: it["holds"].clear()),
    ("declaration", "two holds", lambda it: it["holds"].append(it["holds"][0])),
    ("declaration", "hold differs", lambda it: it["holds"][0].update(until=it["holds"][0]["until"] + 1)),
    ("declaration", "commitments", lambda it: it["committed"][0].update(share=1)),
    ("declaration", "commits nothing", lambda it: it["committed"][0].update(share=0)),
    ("declaration", "lenders", lambda it: it.update(lenders=[])),
    ("loan", "state", lambda it: it.update(state="LENT")),
    ("loan", "never approved", lambda it: it.update(was_approved=False)),
    ("loan", "still holds", lambda it: it.update(state="DISBURSED")),
    ("loan", "in order", lambda it: it.update(flags=["B", "A"])),
    ("loan", "more than was committed", lambda it: it["lines"][0].update(was=50_000)),
    ("loan", "spent once", lambda it: it["lines"][0].update(code="void")),
    ("hold", "wrong end", lambda it: it.update(hold_until=None)),
    ("hold", "holds nothing", lambda it: it["lines"][0].update(held=0)),
    ("other", "lost", lambda it: it.update(lost=0)),
    ("other", "drawers", lambda it: it["drawers"].pop()),
    ("other", "drawn from is not among its lenders", lambda it: it.update(lenders=["bank-a"])),
    ("given", "nobody took it over", lambda it: it.update(state="TRANSFERRED", heir=None)),
    ("given", "an order freezes nothing", lambda it: it.update(state="TRANSFERRED", frozen=[name("order")])),
    ("given", "with something drawn", lambda it: it.update(state="TRANSFERRED")),
    ("given", "its heir was not", lambda it: it.update(heir=name("none"))),
    ("given", "does not know", lambda it: it.update(heir=None)),
    ("given", "not all that it owes is lost", lambda it: it["lines"][0].update(drawn=1)),
    ("taken", "taken over from nobody", lambda it: it.update(origin=None)),
    ("taken", "does not know", lambda it: it.update(origin=name("none"))),
    ("taken", "two lines hold", lambda it: it["lines"].append(it["lines"][0])),
    ("taken", "nothing drawn", lambda it: it["lines"][0].update(drawn=0)),
    ("taken", "nothing was repaid", lambda it: it.update(state="REPAYING")),
    ("taken grant", "maximum", lambda it: it.update(maximum=199_999)),
    ("collection", "unused", lambda it: it.update(unused=50_001)),
    ("grant", "maximum", lambda it: it.update(maximum=99_999)),
    ("grant", "more often", lambda it: it.update(uses=0)),
    ("grant", "uses are not", lambda it: it.update(used=2)),
    ("grant", "no take", lambda it: it.update(take=name("none"))),
    ("consent", "uses", lambda it: it.update(used=0)),
    ("consent", "open", lambda it: it["open"].append({"financing": name("none"), "until": 2**50})),
    ("enquiry", "taken", lambda it: it.update(take=None)),
    ("take", "taken", lambda it: it.update(bank="bank-c")),
]


@pytest.mark.parametrize(("what", "word", "change"), CHANGES, ids=[f"{what}-{word}".replace(" ", "-") for what, word, _ in CHANGES])
def test_a_broken_invariant_is_named(what: str, word: str, change: Change) -> None:
    world, places = busy()
    assert check_invariants(world.state, world.time) == []
    entry = world.state.get(places[what])
    assert entry is not None
    change(entry)
    world.state.put(places[what], entry)
    broken = check_invariants(world.state, world.time)
    assert any(word in message for message in broken), broken
    assert broken == sorted(broken)
