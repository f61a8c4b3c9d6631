"""A bank takes the place of another one, through the public API: it finds the loans that it inherited in money, and goes on with them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.business import WAIT, signed
from tests.api.served import Network, problem, served_network
from tests.api.supervised import applied, approved, declared, disbursed, granted, repaid, usd

pytestmark = pytest.mark.usefixtures("answering")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A network of this module's own, because a bank that is succeeded is of no use to other tests."""
    with served_network(tmp_path_factory.mktemp("succession")) as served:
        yield served


@pytest.mark.produces("record-type", "member.estate")
def test_the_heir_lists_what_it_inherited_in_money_and_repays_it(network: Network) -> None:
    items = [declared(network) for _ in range(3)]
    for item in items:
        granted(network, item)
    lent, paid_off = (approved(network, item, "20000.00") for item in items[:2])
    waiting = str(applied(network, items[2], "10000.00").json()["id"])
    for financing, value in ((lent, "5000.00"), (paid_off, "20000.00")):
        disbursed(network, financing)
        repaid(network, financing, value)
    came_in = {"amount": usd("7250.00"), "collected_on": "2026-11-02", "reference": "C-1"}
    collections = f"/v1/declarations/{items[0]['declaration_id']}/collections"
    collection = str(signed(network, network.sign_in("bank-a", "maker").post(collections, json=came_in))["record_id"])
    then = network.sign_in("bank-a", "maker").get(f"/v1/financings/{lent}").json()

    succeeded = network.sign_in("authority", "maker").post("/v1/members/bank-a/succeed", json={"heir": "bank-b"}, headers=WAIT)
    assert succeeded.status_code == 200, succeeded.text
    network.await_head("bank-b")
    heir = network.sign_in("bank-b", "maker")
    listed = {each["id"]: each for each in heir.get("/v1/financings").json()["items"]}
    assert set(listed) == {lent, waiting}
    assert listed[waiting]["totals"]["applied"] == usd("10000.00")
    now = heir.get(f"/v1/financings/{lent}").json()
    assert (now["bank"], now["totals"]["outstanding"]) == ("bank-a", usd("15000.00"))
    assert (now["totals"], now["matures_on"], now["records"]) == (then["totals"], then["matures_on"], then["records"])
    assert problem(heir.get(f"/v1/financings/{paid_off}"))["code"] == "unknown-financing"

    repaid(network, lent, "2000.00", "bank-b")
    cited = {
        "source": "collections",
        "collections": [{"collection_id": collection, "amount": usd("7250.00")}],
        "paid_on": "2026-11-03",
        "reference": "P",
    }
    signed(network, heir.post(f"/v1/financings/{lent}/repay", json={"total": usd("7250.00"), **cited}), "bank-b")
    assert heir.get(f"/v1/financings/{lent}").json()["totals"]["outstanding"] == usd("5750.00")
    refused = network.sign_in("bank-a", "maker").post(f"/v1/financings/{lent}/repay", json={"total": usd("1.00"), **cited})
    assert refused.status_code == 403
    network.await_head("authority")
    seen = network.sign_in("authority", "maker").get(f"/v1/financings/{lent}")
    assert seen.json()["totals"]["outstanding"] == usd("5750.00"), seen.text
