"""Approvals that nobody draws: the authority sees which have gone stale, and lets them go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.business import DAY_MS
from tests.api.served import Network, problem, served_network
from tests.api.supervised import approved, declared, granted

pytestmark = pytest.mark.usefixtures("answering")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A network of its own, whose clock goes on by weeks."""
    with served_network(tmp_path_factory.mktemp("stale")) as served:
        yield served


def stale(network: Network) -> list[dict[str, Any]]:
    found = network.sign_in("authority", "checker").get("/v1/financings", params={"state": "APPROVED", "stale": "true"})
    assert found.status_code == 200, found.text
    items: list[dict[str, Any]] = found.json()["items"]
    return items


def test_a_stale_approval_is_listed_and_cancelled_by_the_authority_alone(network: Network) -> None:
    item = declared(network)
    granted(network, item)
    financing = approved(network, item, "20000.00")
    network.await_head("authority")
    path, body = f"/v1/financings/{financing}/cancel", {"reason": "stale", "text": "nothing was drawn for a month"}
    assert stale(network) == []
    assert problem(network.sign_in("authority", "checker").post(path, json=body))["code"] == "wrong-state"
    network.clock.advance(31 * DAY_MS)
    # A younger approval comes first in the list, and is not one of those that are asked for.
    younger = declared(network, export_date="20261025")
    granted(network, younger)
    fresh = approved(network, younger, "20000.00")
    network.await_head("authority")
    first = network.sign_in("authority", "checker").get("/v1/financings", params={"stale": "true", "limit": "1"}).json()
    assert ([each["id"] for each in first["items"]], first["next"] is None) == ([financing], False)
    others = network.sign_in("authority", "checker").get("/v1/financings", params={"stale": "false", "limit": "1"}).json()
    assert [each["id"] for each in others["items"]] == [fresh]
    assert [(each["id"], each["bank"]) for each in stale(network)] == [(financing, "bank-a")]
    assert problem(network.sign_in("bank-a", "checker").post(path, json=body))["code"] == "not-permitted"
    done = network.sign_in("authority", "checker").post(path, json=body)
    assert done.status_code == 200, done.text
    assert stale(network) == []
    network.await_head("bank-a")
    seen = network.sign_in("bank-a", "maker").get(f"/v1/financings/{financing}").json()
    assert (seen["state"], seen["records"][-1]["type"]) == ("CANCELLED", "financing.cancel")
