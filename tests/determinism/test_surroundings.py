"""Other seeds of hashing, time zones, locales, Pythons and databases change no root and no row: a sample of `running`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.determinism import surroundings as of
from tests.determinism.running import compare, every
from tests.determinism.surroundings import Surroundings
from tests.determinism.telling import SIMULATED, STORIES


@pytest.mark.parametrize("story", STORIES)
def test_two_seeds_two_zones_two_locales_and_both_databases_give_the_same(story: str, postgresql_socket: str) -> None:
    own = Path(sys.executable), ".".join(map(str, sys.version_info[:2]))
    places = [
        Surroundings(*own, "0", "UTC0", "C", of.SQLITE),
        Surroundings(*own, "1", "NST3:30NDT,M3.2.0,M11.1.0", of.locales()[-1], of.POSTGRESQL),
    ]
    counts, shown = compare(story, places, postgresql_socket)
    assert counts["heights compared"] >= 40
    # The surroundings were really others.
    assert all(len(shown[what]) == 2 for what in ("hash of a text", "order of a set", "time zone", "locale", "database")), shown


@pytest.mark.deep
@pytest.mark.parametrize("story", [*STORIES, SIMULATED])
def test_every_python_locale_and_database_that_is_here_gives_the_same(story: str, postgresql_socket: str) -> None:
    places = [where for where in every(postgresql_socket) if story != SIMULATED or where.database == of.SQLITE]
    counts, shown = compare(story, places, postgresql_socket)
    assert counts["processes"] == len(places)
    assert shown["python"] == set(of.interpreters())
