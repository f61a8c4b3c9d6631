"""What walks of handlers and model side by side found in the handlers, or could not come to: each as a short sequence."""

from __future__ import annotations

import pytest

from contracts import declarations
from tests.contracts.harness import AUTHORITY, REGISTRAR, World, name, one


def replace(world: World, old: str, ratio: int) -> str:
    """A successor that takes on what is used of a declaration."""
    body = {
        "declaration": name(f"successor of {old}"),
        "ceiling_ppm": world.entry("declaration", old)["ceiling_ppm"],
        "until": "2027-12",
        "replaces": [{"declaration": old, "ratio": ratio}],
    }
    world.ok("declaration.register", body, one(REGISTRAR))
    return str(body["declaration"])


def test_parts_that_are_carried_and_rounded_up_one_by_one_stay_within_what_was_committed() -> None:
    world = World()
    declaration = world.declaration()
    financing = world.approved((world.grant(declaration), 120_000))
    assert world.disburse(financing, [90_000], final=False).code == "ok"
    replace(world, declaration, 925_074_875)
    line = world.entry("financing", financing)["lines"][0]
    assert (line["drawn"], line["held"], line["was"]) == (83_257, 27_753, 111_010)
    assert world.disburse(financing, [27_753]).code == "ok"


def test_a_declaration_lists_at_most_so_many_collections(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    declaration = world.declaration()
    monkeypatch.setattr(declarations, "COLLECTIONS_PER_DECLARATION_MAX", 2)
    collected = [world.collect(declaration, 1_000, AUTHORITY).code for _ in range(3)]
    assert collected == ["ok", "ok", "too-many-collections"]
    assert world.entry("declaration", declaration)["collected"] == 2_000
