"""The same story in other surroundings comes to the same roots at every height, and to the same rows.

`python -m tests.determinism.running` tells it under every Python from 3.11 to 3.13 that is installed here, in an environment of its own
with what the lock file holds, in every locale that can be had, over SQLite and PostgreSQL, each with another seed of hashing and another
time zone. What was counted is printed; `--out` keeps it (`tests/counted.py`).
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from tests.counted import tell
from tests.determinism import surroundings as of
from tests.determinism.surroundings import Surroundings
from tests.determinism.telling import SIMULATED, STORIES

_SIMULATED_STEP = 4


def every(socket: str | None) -> Iterator[Surroundings]:
    """Each Python in each locale over each database; seeds and zones take turns, in other steps than each other."""
    turn = count()
    for version, program in of.interpreters().items():
        python = of.environment_of(version, program)
        for locale in of.locales():
            for database in (of.SQLITE, of.POSTGRESQL) if socket else (of.SQLITE,):
                number = next(turn)
                seed, zone = of.SEEDS[number % len(of.SEEDS)], of.ZONES[number % len(of.ZONES)]
                yield Surroundings(python, version, seed, zone, locale, database)


def compare(story: str, wheres: Iterable[Surroundings], socket: str | None) -> tuple[Counter[str], dict[str, set[str]]]:
    """Tells a story in all of the surroundings: what was counted, and what the processes showed of them. Raises `AssertionError` where one
    tells it otherwise.
    """
    first: tuple[Surroundings, Mapping[str, Any]] | None = None
    counts: Counter[str] = Counter()
    shown: dict[str, set[str]] = {"database": set()}
    for where in wheres:
        said = of.told_in(where, story, socket)
        assert said["surroundings"]["python"] == where.version
        shown["database"].add(where.database)
        for name, value in said["surroundings"].items():
            shown.setdefault(name, set()).add(value)
        if first is None:
            first = where, said
        for height, (one, other) in enumerate(zip(first[1]["heights"], said["heights"], strict=True)):
            assert one == other, f"{story}, height {height}: {first[0]} gives {one}, {where} {other}"
        assert first[1]["digest"] == said["digest"], f"{story}: {first[0]} and {where} store other rows"
        counts["processes"] += 1
        counts["heights compared"] += len(said["heights"])
    return counts, shown


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    out = parser.parse_args().out
    counted: Counter[str] = Counter()
    seen: dict[str, set[str]] = {}
    with of.databases(wanted=True) as server:
        everywhere = list(every(server))
        for each in (*STORIES, SIMULATED):
            # Simulated networks have databases of their own, and take long.
            places = [where for where in everywhere if where.database == of.SQLITE][::_SIMULATED_STEP] if each == SIMULATED else everywhere
            found, showed = compare(each, places, server)
            counted += found
            for what, values in showed.items():
                seen.setdefault(what, set()).update(values)
    for what, values in sorted(seen.items()):
        counted[f"kinds of {what}"] = len(values)
    missing = [version for version in of.VERSIONS if version not in seen["python"]]
    if missing or of.POSTGRESQL not in seen["database"]:
        sys.stderr.write(f"not installed here: Python {', '.join(missing) or '-'}; databases seen: {', '.join(sorted(seen['database']))}\n")
    tell(counted, "python -m tests.determinism.running", out)
