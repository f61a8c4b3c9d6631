"""Approvals that nobody draws, as the authority's people find and end them in the browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from nodes.enquiries.worker import EnquiryWorker
from tests.api.business import DAY_MS
from tests.api.portal.browsing import browser, person
from tests.api.served import Network, served_network
from tests.api.supervised import approved, declared, granted


@pytest.fixture
def aged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Network, str]]:
    """A network of its own, and a financing that was approved a month ago."""
    with served_network(tmp_path_factory.mktemp("stale")) as served:
        worker = EnquiryWorker(served.nodes["authority"], "answers")
        worker.start()
        item = declared(served)
        granted(served, item)
        financing = approved(served, item, "20000.00")
        worker.stop()
        served.clock.advance(31 * DAY_MS)
        served.await_head("authority")
        yield served, financing


def test_a_stale_approval_is_let_go_with_the_reason(aged: tuple[Network, str]) -> None:
    network, financing = aged
    with browser() as opened, person(opened, network, "authority", "zh-CN", 360) as who:
        who.sign_in("checker", network.secrets["authority", "checker"])
        who.go("/orders")
        who.check()
        who.page.locator("input[name=text]").fill("一个月未放款")
        who.page.locator(f"form[action$='/{financing}'] button").click()
        expect(who.page.locator("input[name=text]")).to_have_count(0)
        who.go(f"/financings/{financing}")
        expect(who.page.locator("h1 .mark")).to_have_class("mark CANCELLED")
