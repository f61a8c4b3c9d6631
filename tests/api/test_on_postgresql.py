"""The API of nodes whose databases are on PostgreSQL: the main job, from consent to repayment, and requests that come twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api import test_business
from tests.api.served import PLANS, Network, served_network
from tests.postgresql import network_databases


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory, postgresql_socket: str) -> Iterator[Network]:
    databases = network_databases(postgresql_socket, *PLANS)
    with databases as addresses, served_network(tmp_path_factory.mktemp("postgresql"), addresses) as served:
        yield served


@pytest.mark.usefixtures("answering")
def test_the_main_job_runs_from_consent_to_repayment(network: Network) -> None:
    test_business.test_files_come_as_a_form_too_and_the_same_key_imports_once(network)
    test_business.test_the_main_job_runs_from_consent_to_repayment(network)
