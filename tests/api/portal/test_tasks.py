"""What waits for a second signature, as those at the browser find it: what its maker takes back, and what is told of each kind of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.api.portal.browsing import browser, person
from tests.api.served import Network
from tests.api.supervised import PLEDGE, applied, approved, declared, disbursed, granted, usd

pytestmark = pytest.mark.usefixtures("answering")


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    with browser() as launched:
        yield launched


def prepared(network: Network) -> str:
    """An approval that waits for its second signature: the task."""
    item = declared(network)
    granted(network, item)
    path = applied(network, item, "1000.00").headers["location"]
    maker = network.sign_in("bank-a", "maker")
    assert maker.post(f"{path}/intake", json={}).status_code == 200
    return str(maker.post(f"{path}/approve", json={"pledge": PLEDGE}).json()["task"])


@pytest.mark.parametrize(("language", "width", "word"), [("zh-CN", 360, "已撤回"), ("en-GB", 1280, "withdrawn")])
def test_who_prepared_it_takes_it_back_and_nobody_can_sign_it_then(
    network: Network, opened: Browser, language: str, width: int, word: str
) -> None:
    task = prepared(network)
    with person(opened, network, "bank-a", language, width) as maker:
        maker.sign_in("maker", network.secrets["bank-a", "maker"])
        maker.go(f"/tasks/{task}")
        assert "2026-10-26 16:00:00" in maker.page.locator("dl.facts").inner_text(), "when the pledge was registered, in UTC+8"
        maker.check()
        maker.page.click("form[action$='/withdraw'] button")
        expect(maker.page.locator("h1 .mark")).to_have_text(word)
        maker.check()
        maker.go("/work")
        expect(maker.page.locator(f"tr:has(a[href$='/tasks/{task}']) .mark")).to_have_text(word)
    answer = network.sign_in("bank-a", "checker").post(f"/v1/tasks/{task}/sign")
    assert answer.json()["code"] == "task-declined"


def test_the_authority_reads_in_money_what_it_signs_beside_two_people(network: Network, opened: Browser) -> None:
    item = declared(network)
    granted(network, item)
    financing = approved(network, item, "20000.00")
    disbursed(network, financing)
    body: dict[str, Any] = {"amounts": [usd("-2000.00")], "reason": "paid in part only"}
    task = network.sign_in("bank-a", "maker").post(f"/v1/financings/{financing}/correct", json=body).headers["location"]
    record = network.sign_in("bank-a", "checker").post(f"{task}/sign").json()["record_id"]
    with person(opened, network, "authority", "zh-CN", 360) as who:
        who.sign_in("checker", network.secrets["authority", "checker"])
        who.go(f"/tasks/{record}")
        shown = who.page.locator("main").inner_text()
        assert [each for each in ("bank-a", "-2,000.00", "paid in part only", item["number"]) if each not in shown] == [], shown
        who.check()
        who.page.fill("#reason", "请补充凭证")
        who.page.click("form[action$='/decline'] button")
        expect(who.page.locator("h1 .mark.declined")).to_have_count(1)
