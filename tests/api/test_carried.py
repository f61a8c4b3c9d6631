"""Loans whose declaration is replaced under them, through the public API: they are drawn and repaid on, in money."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.served import Network
from tests.api.supervised import approved, declared, disbursed, granted, repaid, usd

pytestmark = pytest.mark.usefixtures("answering")


def test_a_loan_goes_on_on_the_declaration_that_replaces_its_own(network: Network) -> None:
    item, successor = declared(network), declared(network, "30000.00")
    granted(network, item)
    financing = approved(network, item, "20000.00")
    disbursed(network, financing)
    void = {"reason": "error", "successor": successor["declaration_id"]}
    answer = network.sign_in("authority", "maker").post(f"/v1/declarations/{item['declaration_id']}/void", json=void)
    assert answer.status_code == 200, answer.text
    network.await_head("bank-a")

    moved = seen(network, financing)
    assert ("MOVED" in moved["flags"], moved["lines"][0]["declaration_id"]) == (True, successor["declaration_id"])
    assert moved["totals"]["outstanding"] == usd("20000.00")
    repaid(network, financing, "5000.00")
    part = seen(network, financing)["lines"][0]
    assert part["drawn"] * 30_000_00 >= 15_000_00 * 1_000_000, "what is left drawn covers what is owed"
    assert part["drawn"] <= 15_000_00 * 1_000_000 // 30_000_00 + 3_000
    repaid(network, financing, "15000.00")
    done = seen(network, financing)
    assert (done["state"], done["lines"][0]["drawn"]) == ("PAID_OFF", 0)


def seen(network: Network, financing: str) -> dict[str, Any]:
    value: dict[str, Any] = network.sign_in("bank-a", "maker").get(f"/v1/financings/{financing}").json()
    return value
