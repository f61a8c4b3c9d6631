"""A network where customs is a member of its own: it registers, amends and voids, and the authority only reads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nodes.founding import MemberPlan
from tests.api.business import WAIT, row
from tests.api.served import PLANS, Network, problem, served_network
from tests.api.supervised import usd


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    plans = [PLANS[0], MemberPlan("customs", "registrar", "Customs"), *(plan for plan in PLANS if plan.id == "exporter-a")]
    with served_network(tmp_path_factory.mktemp("customs"), plans=plans) as served:
        yield served


def test_customs_registers_amends_and_voids_and_the_authority_reads_it(network: Network) -> None:
    customs = network.sign_in("customs", "maker")
    answer = customs.post("/v1/declaration-imports", json=[row(), row()], headers=WAIT)
    assert [item["result"] for item in answer.json()["items"]] == ["ok", "ok"], answer.text
    first, second = (item["declaration_id"] for item in answer.json()["items"])
    network.await_head("customs")
    amended = customs.post(f"/v1/declarations/{first}/amend", json={"amount": usd("18125.00"), "reason": "short shipment"})
    assert amended.json()["result"]["code"] == "ok", amended.text
    voided = customs.post(f"/v1/declarations/{second}/void", json={"reason": "error", "successor": first})
    assert voided.json()["result"]["code"] == "ok", voided.text
    network.await_head("authority")
    reader = network.sign_in("authority", "maker")
    assert reader.get(f"/v1/declarations/{first}").json()["current"] == usd("18125.00")
    assert reader.get(f"/v1/declarations/{second}").json()["status"]["declaration"] == "replaced"


def test_an_exporter_with_a_node_of_its_own_opens_what_customs_registers(network: Network) -> None:
    customs = network.sign_in("customs", "maker")
    (item,) = customs.post("/v1/declaration-imports", json=[row()], headers=WAIT).json()["items"]
    assert item["result"] == "ok", item
    network.await_head("exporter-a")
    own = network.sign_in("exporter-a", "maker").get(f"/v1/declarations/{item['declaration_id']}")
    assert own.json()["number"] == item["number"], own.text
    network.await_head("authority")
    seen = network.sign_in("authority", "maker").get(f"/v1/declarations/{item['declaration_id']}").json()
    assert own.json()["registered"] == seen["registered"]


def test_customs_reads_no_enrolment(network: Network) -> None:
    network.await_head("customs")
    parts = network.sign_in("customs", "maker").get(f"/v1/records/{network.exporter}").json()["parts"]
    assert {name: set(content) for name, content in parts.items()} == {"registry": {"v", "registrar", "enterprise", "uscc", "seal"}}


def test_the_authority_registers_nothing_there(network: Network) -> None:
    refused = network.sign_in("authority", "maker").post("/v1/declaration-imports", json=[row()], headers=WAIT)
    assert problem(refused)["code"] == "wrong-seat"
