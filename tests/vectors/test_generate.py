"""The committed vectors are what the generator writes, to the last byte."""

from __future__ import annotations

import json

from tests.vectors.generate import DIRECTORY, vectors
from tests.vectors.splices import splice, spliced


def test_the_committed_vectors_are_those_that_the_generator_writes() -> None:
    made = vectors()
    assert {path.name for path in DIRECTORY.glob("*.json")} == set(made)
    stale = [name for name, content in made.items() if (DIRECTORY / name).read_bytes() != content]
    assert not stale, "run: python -m tests.vectors.generate"


def test_every_family_has_something_to_refuse() -> None:
    for path in DIRECTORY.glob("*.json"):
        family = json.loads(path.read_bytes())
        names = [each["name"] for each in [*family.get("good", []), *family.get("bad", [])] if "trust" not in each]
        assert len(set(names)) == len(names), path.name
        assert family.get("bad") or path.name == "ids.json"


def test_a_splice_makes_the_one_of_the_other() -> None:
    for one, other in ((b"abc", b"abd"), (b"abc", b"ab"), (b"ab", b"abc"), (b"aaa", b"aa"), (b"", b"x"), (b"x", b""), (b"xay", b"xbcy")):
        assert spliced(one, splice(one, other)) == other
