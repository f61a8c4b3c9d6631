"""A loan after it was approved, in the browser: documents, collections, corrections, losses, another lender; and its page on paper."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, expect

from tests.api.portal.browsing import Person, browser, person
from tests.api.portal.test_bank import open_step, send, state_of
from tests.api.served import Network
from tests.api.supervised import approved, declared, disbursed, granted

pytestmark = pytest.mark.usefixtures("answering")
A4_PX = 672


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    with browser() as launched:
        yield launched


def day(network: Network, days: int = 0) -> str:
    return (datetime.fromtimestamp(network.clock.now_ms() / 1000, UTC) + timedelta(days)).date().isoformat()


def prepare(who: Person, step: str, fields: dict[str, str]) -> None:
    """Fills in the form of a step and sends it."""
    open_step(who, step)
    for field, value in fields.items():
        who.page.fill(f"#{step}-{field}", value)
    send(who, step)


def checked(network: Network, who: Person, bank: str) -> str:
    """The checker signs what was just prepared: the record's id."""
    who.page.wait_for_url("**/portal/tasks/*")
    who.check()
    task = who.page.url.rpartition("/")[2].partition("?")[0]
    answer = network.sign_in(bank, "checker").post(f"/v1/tasks/{task}/sign", headers={"Prefer": "wait=20"})
    assert answer.status_code == 200, answer.text
    return str(answer.json().get("record_id"))


def signed(network: Network, who: Person, financing: str) -> str:
    """The same, and the preparer reads the financing again: its state."""
    checked(network, who, "bank-a")
    who.go(f"/financings/{financing}")
    return state_of(who)


def test_a_loan_with_a_document_a_collection_an_extension_and_a_loss(network: Network, opened: Browser) -> None:
    item = declared(network)
    granted(network, item)
    financing = approved(network, item, "20000.00")
    with person(opened, network, "bank-a", "en-GB", 800) as maker:
        maker.sign_in("maker", network.secrets["bank-a", "maker"])
        maker.go(f"/financings/{financing}")
        paid = {"matures_on": day(network, 60), "reference": "N-1"}
        open_step(maker, "disburse")
        maker.page.set_input_files("#disburse-documents", {"name": "contract.pdf", "mimeType": "text/html", "buffer": b"%PDF-1.7 contract"})
        maker.page.click("form[action$='/disburse'] details:has(input[name=line]) > summary")
        maker.page.fill("form[action$='/disburse'] input[name=line]", "90000.00")
        for field, value in paid.items():
            maker.page.fill(f"#disburse-{field}", value)
        send(maker, "disburse")
        # What was typed, and the document, are still there beside what was wrong.
        expect(maker.page.locator(".trouble")).to_have_count(1)
        assert maker.forgive() == ["409"]
        assert maker.page.locator("#disburse-reference").input_value() == "N-1"
        maker.check()
        maker.page.fill("form[action$='/disburse'] input[name=line]", "18000.00")
        maker.page.locator("#disburse-documents").scroll_into_view_if_needed()
        send(maker, "disburse")
        assert signed(network, maker, financing) == "DISBURSED"
        with maker.page.expect_download() as taken:
            maker.page.click(".documents a")
        assert taken.value.suggested_filename == "contract.pdf"
        prepare(maker, "extend", {"matures_on": day(network, 90), "reason": "the ship is late"})
        assert signed(network, maker, financing) == "DISBURSED"
        expect(maker.page.locator("#financing")).to_contain_text("the ship is late")
        prepare(maker, "collect", {"amount": "10000.00", "reference": "swift-1"})
        signed(network, maker, financing)
        open_step(maker, "repay")
        maker.page.fill("#repay-total", "10,000.00")
        maker.page.fill("#use-1", "10000.00")
        maker.page.fill("#repay-reference", "P-1")
        send(maker, "repay")
        assert signed(network, maker, financing) == "REPAYING"
        prepare(maker, "write-off", {"reason": "the buyer is insolvent"})
        assert signed(network, maker, financing) == "WRITTEN_OFF"
        open_step(maker, "write-off")
        maker.page.check("form[action$='/write-off'] input[name=back]")
        maker.page.fill("#write-off-reason", "the buyer paid after all")
        send(maker, "write-off")
        assert signed(network, maker, financing) == "REPAYING"
        for name in ("Accept for review:", "Approve:", "Cancel the financing:", "Take-over:"):
            expect(maker.page.locator("details.not li", has_text=name)).to_have_count(1)
        open_step(maker, "correct")
        maker.page.fill("form[action$='/correct'] input[name=line]", "100.00")
        maker.page.fill("#correct-reason", "the bank's typing")
        send(maker, "correct")
        maker.page.wait_for_url("**/portal/tasks/*")
        maker.check()
        on_paper(maker, f"/financings/{financing}")


def on_paper(who: Person, path: str) -> None:
    """The page as it is printed: what it says and nothing to click, as wide as A4."""
    who.go(path)
    who.page.set_viewport_size({"width": A4_PX, "height": 900})
    who.page.emulate_media(media="print")
    expect(who.page.locator(".letterhead")).to_be_visible()
    expect(who.page.locator("#actions")).to_be_hidden()
    who.check()
    assert who.page.pdf(prefer_css_page_size=True).startswith(b"%PDF")


def test_a_loan_goes_to_another_lender(network: Network, opened: Browser) -> None:
    item = declared(network)
    granted(network, item)
    financing = approved(network, item, "20000.00")
    disbursed(network, financing)
    with person(opened, network, "bank-a", "zh-CN", 360) as maker:
        maker.sign_in("maker", network.secrets["bank-a", "maker"])
        maker.go(f"/financings/{financing}")
        open_step(maker, "transfer")
        maker.check()
        maker.page.select_option("#transfer-to", "bank-b")
        maker.page.fill("#transfer-until", day(network, 2))
        maker.page.fill("#transfer-terms", "at par")
        send(maker, "transfer")
        signed(network, maker, financing)
    network.await_head("bank-b")
    with person(opened, network, "bank-b", "zh-CN", 360) as taker:
        taker.sign_in("maker", network.secrets["bank-b", "maker"])
        taker.go("/incoming")
        taker.check()
        taker.page.locator("a[href*='/offers/']").first.click()
        taker.page.fill("#take-reference", "T-1")
        taker.page.fill("#take-product", "refinancing")
        taker.page.click("main form button")
        # It has not looked at the declaration yet, and is told which.
        expect(taker.page.locator("main")).to_contain_text(item["number"])
        assert taker.forgive() == ["409"]
        assert taker.page.locator("#take-reference").input_value() == "T-1"
        taker.check()
        granted(network, item, "bank-b")
        taker.page.click("main form button")
        taker.go(f"/financings/{checked(network, taker, 'bank-b')}")
        assert state_of(taker) == "DISBURSED"
        taker.check()


def test_a_period_is_shown_and_taken_along_as_a_file(network: Network, opened: Browser) -> None:
    item = declared(network)
    granted(network, item)
    disbursed(network, approved(network, item, "1000.00"))
    with person(opened, network, "bank-a", "zh-CN", 360) as viewer:
        viewer.sign_in("maker", network.secrets["bank-a", "maker"])
        viewer.go("/statements?from=2026-10-01&to=2026-11-30")
        viewer.check()
        assert viewer.page.locator("tbody tr").count() >= 2
        for ending in ("xlsx", "csv"):
            with viewer.page.expect_download() as taken:
                viewer.page.click(f"a[href$='format={ending}']")
            assert taken.value.suggested_filename == f"financings-2026-10-01-2026-11-30.{ending}"
        viewer.go("/statements?from=2026-11-30&to=2026-10-01")
        expect(viewer.page.locator(".trouble code").first).to_have_text("bad-period")
        assert viewer.forgive() == ["422"]


def choose(who: Person, content: bytes) -> None:
    who.page.set_input_files("#file", {"name": "loans.csv", "mimeType": "text/csv", "buffer": content})


@pytest.mark.parametrize(("language", "width"), [("zh-CN", 360), ("en-GB", 1280)])
def test_earlier_loans_are_read_about_and_then_prepared_from_the_same_file(
    network: Network, opened: Browser, language: str, width: int
) -> None:
    item = declared(network)
    granted(network, item, "bank-b")
    columns = "reference,declaration_number,currency,drawn,product,branch,disbursed_on,matures_on"
    row = f"E-{language},{item['number']},USD,10000.00,earlier,,2026-08-01,2027-02-01"
    unknown = f"F-{language},090820260599999998,USD,10000.00,earlier,,2026-08-01,2027-02-01"
    content = f"{columns}\n{row}\n{unknown}".encode()
    with person(opened, network, "bank-b", language, width) as maker:
        maker.sign_in("maker", network.secrets["bank-b", "maker"])
        maker.go("/financings")
        maker.page.click("main a[href$='/loads']")
        maker.check()
        choose(maker, content)
        maker.page.click("button[value=load]")
        assert maker.page.locator("#rows tr.bad").count() == 2, "nobody loads unread"
        choose(maker, content)
        maker.page.click("button[value=report]")
        expect(maker.page.locator("#rows tr.good")).to_have_count(1)
        assert "USD\u00a036,250.00" in maker.page.locator("#rows tr.good").inner_text()
        maker.check()
        choose(maker, content)
        maker.page.click("button[value=load]")
        maker.page.click("#rows tr.good a[href*='/tasks/']")
        shown = maker.page.locator("main").inner_text()
        assert [each for each in (f"E-{language}", "10,000.00", item["number"]) if each not in shown] == [], shown
        maker.check()
