"""The pages of every seat: those in its menu open, in both languages and at three widths, and read well; others' are refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.api.business import answered, asked, consented, financed, imported, row
from tests.api.portal.browsing import Person, browser, person
from tests.api.served import Network

SEATS = {
    "bank-a": ["work", "incoming", "enquiries", "financings", "declarations", "consents", "ledger"],
    "authority": ["work", "monitoring", "alerts", "look-up", "orders", "members", "intake", "ledger"],
    "exporter-a": ["declarations", "requests", "consents", "accesses", "ledger"],
    "auditor": ["members", "ledger", "audits", "proofs"],
}
PEOPLE = {"auditor": "viewer"}
# Words of the ledger itself, ids and names of people stay as they are.
LATIN = re.compile(r"[A-Za-z]{4,}")
KEPT = {"Tallystick", "English", "test", "XLSX", "tallystick", "verify", "Bank", "bank", "Custody", "Exporter", "join"}


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    with browser() as launched:
        yield launched


def menu(who: Person) -> list[str]:
    links = who.page.locator("nav a").all()
    return [str(link.get_attribute("href")).rpartition("/")[2] for link in links]


@pytest.mark.parametrize("node", SEATS)
@pytest.mark.parametrize(("language", "width"), [("zh-CN", 360), ("en-GB", 800), ("zh-CN", 1440)])
def test_every_page_of_a_seat_reads_well(network: Network, answering: None, opened: Browser, node: str, language: str, width: int) -> None:
    one = row()
    assert imported(network, one)[0]["result"] == "ok"
    found = answered(network, consented(network), [asked({"number": one["declaration_number"]})])
    assert financed(network, found["lines"][0]["declaration_id"], "1000.00").status_code == 201
    user = PEOPLE.get(node, "maker")
    with person(opened, network, node, language, width) as who:
        who.sign_in(user, network.secrets[node, user])
        assert menu(who) == SEATS[node]
        for name in SEATS[node]:
            who.go(f"/{name}")
            who.check()
            headings = who.page.locator("nav, h1, h2:not(article h2), thead, label, button, summary, .empty").all_inner_texts()
            if language == "zh-CN":
                left = {word for text in headings for word in LATIN.findall(text)} - KEPT
                assert left == set(), (name, left)


def test_an_exporter_gives_a_consent_and_ends_it(network: Network, opened: Browser) -> None:
    day = (datetime.fromtimestamp(network.clock.now_ms() / 1000, UTC) + timedelta(20)).date()
    with person(opened, network, "exporter-a", "zh-CN", 360) as owner:
        owner.sign_in("maker", network.secrets["exporter-a", "maker"])
        owner.go("/consents")
        before = owner.page.locator("#consents article").count()
        if before:
            owner.page.locator("details.step > summary").first.click()
        owner.page.select_option("#bank", "bank-b")
        owner.page.fill("#until", day.isoformat())
        owner.page.fill("#uses", "2")
        owner.page.click("details.step form button")
        row_of_it = owner.page.locator("#consents article").first
        expect(row_of_it).to_contain_text("bank-b")
        expect(row_of_it).to_contain_text(f"{day.year}年{day.month}月{day.day}日")
        expect(row_of_it).to_contain_text("有效")
        owner.check()
        row_of_it.locator("button").click()
        expect(owner.page.locator("#consents article").first).to_contain_text("已撤回")
        owner.go("/accesses")
        expect(owner.page.locator("#accesses tbody tr").first).to_contain_text("撤回授权")


def test_the_auditor_finds_a_record_and_takes_its_proof(network: Network, opened: Browser) -> None:
    consent = consented(network)
    network.await_head("auditor")
    with person(opened, network, "auditor") as auditor:
        auditor.sign_in("viewer", network.secrets["auditor", "viewer"])
        auditor.go("/ledger")
        auditor.page.fill("#record", consent)
        auditor.page.click("main form button")
        auditor.page.wait_for_url(f"**/ledger/records/{consent}")
        auditor.check()
        with auditor.page.expect_download() as taken:
            auditor.page.click("a.button")
        assert taken.value.suggested_filename == f"{consent}.proof.json"
        auditor.page.click(".way a")
        auditor.check()
        expect(auditor.page.locator("tbody tr")).not_to_have_count(0)


def test_what_is_not_for_a_seat_is_refused_and_nothing_is_shown(network: Network, opened: Browser) -> None:
    with person(opened, network, "bank-b") as maker:
        maker.sign_in("maker", network.secrets["bank-b", "maker"])
        for path in ("/alerts", "/monitoring", "/accesses", "/look-up", "/orders"):
            maker.go(path)
            assert maker.page.locator(".trouble code").first.inner_text() == "wrong-seat"
            maker.check()
        for path in ("/nowhere", "/intake", "/orders/new"):
            maker.go(path)
            assert maker.page.locator("h1").inner_text() == "No such page"
        maker.check()
        maker.go(f"/financings/{'0' * 64}")
        assert maker.page.locator(".trouble code").first.inner_text() == "unknown-financing"
        assert maker.forgive() == ["403"] * 5 + ["404"] * 4


@pytest.mark.parametrize(("language", "words"), [("zh", "超过 8 MB"), ("en", "larger than 8 MB")])
def test_a_form_that_is_too_large_and_an_address_that_takes_none_are_answered_with_a_page(
    network: Network, language: str, words: str
) -> None:
    headers = {"Accept-Language": language}
    with httpx.Client(base_url=network.url("bank-a"), headers=headers, timeout=60) as browser_like:
        large = browser_like.post("/portal/sign-in", files={"file": ("scan.pdf", b"0" * 9_000_000)})
        assert (large.status_code, large.headers["content-type"]) == (413, "text/html; charset=utf-8")
        assert words in large.text
        assert "default-src 'none'" in large.headers["content-security-policy"]
        wrong = browser_like.post("/portal/work")
        assert (wrong.status_code, wrong.headers["content-type"]) == (405, "text/html; charset=utf-8")
        api = browser_like.post("/v1/session", content=b"0" * 9_000_000)
        assert (api.status_code, api.json()["code"]) == (413, "body-too-large")
