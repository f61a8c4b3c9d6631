"""One served network for all tests of the API. Tests add to its ledger and never depend on how much is on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nodes.enquiries.worker import EnquiryWorker
from tests.api.served import Network, served_network


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with served_network(tmp_path_factory.mktemp("network")) as served:
        yield served


@pytest.fixture(scope="module")
def answering(network: Network) -> Iterator[None]:
    """The authority's node answers enquiries while the tests of a module run."""
    worker = EnquiryWorker(network.nodes["authority"], "answers")
    worker.start()
    yield
    worker.stop()
