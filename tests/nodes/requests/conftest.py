"""One town for all tests of a file. Tests add to its letters and never depend on how many there are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.nodes.network import network
from tests.nodes.requests.town import Town, town_of


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with network(tmp_path_factory.mktemp("network")) as net:
        yield town_of(net)
