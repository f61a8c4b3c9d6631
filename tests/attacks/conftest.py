"""Served networks for the attacks: real nodes on this machine. An attacker has what its test says, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from nodes.enquiries.worker import EnquiryWorker
from nodes.founding import MemberPlan
from tests.api.rules import Rules
from tests.api.served import PLANS, Network, served_network
from tests.api.test_forked import quiet, two_faced

__all__ = ["quiet", "two_faced"]
CUSTOMS = MemberPlan("customs", "registrar", "Customs")


@contextmanager
def _worker(network: Network) -> Iterator[None]:
    worker = EnquiryWorker(network.nodes["authority"], "answers")
    worker.start()
    yield
    worker.stop()


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """The authority registers declarations too."""
    with served_network(tmp_path_factory.mktemp("attacked")) as served:
        yield served


@pytest.fixture(scope="session")
def with_customs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """Customs is a member of its own."""
    with served_network(tmp_path_factory.mktemp("customs"), plans=[PLANS[0], CUSTOMS, *PLANS[1:4]]) as served:
        yield served


@pytest.fixture
def answering(network: Network) -> Iterator[None]:
    """The authority's node answers enquiries. Where a test makes answers itself, it does not."""
    with _worker(network):
        yield


@pytest.fixture
def customs_answering(with_customs: Network) -> Iterator[None]:
    """The same, where customs is a member of its own."""
    with _worker(with_customs):
        yield


@pytest.fixture
def rules(network: Network) -> Rules:
    """Records as an attacker's own program makes them: what no honest node would send."""
    return Rules(network)
