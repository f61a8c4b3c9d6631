"""The API of nodes whose databases are on PostgreSQL: the main job, from consent to repayment, and requests that come twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api import test_alerts, test_business, test_monitoring
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


@pytest.mark.usefixtures("answering")
def test_the_authority_supervises_all_the_same(network: Network) -> None:
    test_alerts.test_what_two_banks_try_on_one_declaration_is_seen(network)
    test_alerts.test_a_shipment_that_is_declared_twice_is_seen(network)
    test_alerts.test_an_alert_is_taken_and_closed_with_a_reason_and_a_rebuild_forgets_neither(network)
    test_monitoring.test_what_is_taken_over_or_written_off_moves_in_money_too(network)
    summary = network.sign_in("authority", "checker").get("/v1/monitoring/summary").json()["items"]
    assert [each["currency"] for each in summary] == ["USD"]
    test_alerts.test_what_time_brings_is_seen_once(network)
