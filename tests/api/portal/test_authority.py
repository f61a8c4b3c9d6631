"""The authority's people in the browser: what they watch, look up, freeze, resolve, decide together and take in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.api.business import await_record, imported, row
from tests.api.portal.browsing import Person, browser, person
from tests.api.served import EXPORTER_USCC, Network
from tests.api.supervised import applied, approved, declared, disbursed, granted, settle

pytestmark = pytest.mark.usefixtures("answering")
NEWCOMER = "91330100MA2B1C3D4E"


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    with browser() as launched:
        yield launched


def facts(who: Person) -> str:
    return who.page.locator(".facts").first.inner_text()


def sign_in(who: Person, network: Network, user: str = "maker") -> None:
    who.sign_in(user, network.secrets["authority", user])


def test_figures_stand_beside_drawings_and_can_be_narrowed_and_kept(network: Network, opened: Browser) -> None:
    item = declared(network)
    granted(network, item)
    disbursed(network, approved(network, item, "29000.00"))
    settle(network)
    with person(opened, network, "authority", "zh-CN", 360) as who:
        sign_in(who, network)
        who.go("/monitoring")
        who.check()
        assert who.page.locator("section.card svg.chart rect.one").count() >= 1
        who.page.locator("section.card summary").first.click()
        expect(who.page.locator("section.card tbody tr").first).to_contain_text("USD")
        assert "bank-a" in who.page.locator("tbody").all_inner_texts()[3]
        assert "北京" in " ".join(who.page.locator("tbody th").all_inner_texts())
        with who.page.expect_download() as kept:
            who.page.locator("a[href^='/v1/monitoring/regions'][href*='xlsx']").click()
        assert kept.value.suggested_filename.startswith("monitoring-regions")
        who.page.fill("#currency", "KWD")
        who.page.click("main form button")
        expect(who.page.locator(".empty")).to_be_visible()
        who.check()
        who.go("/reconciliation")
        who.check()
        expect(who.page.locator("tbody")).to_contain_text("一致")


def test_a_declaration_is_looked_up_by_its_number_and_the_log_says_why(network: Network, opened: Browser) -> None:
    item = declared(network)
    granted(network, item)
    assert applied(network, item, "29000.00").status_code == 201
    settle(network)
    with person(opened, network, "authority", "zh-CN") as who:
        sign_in(who, network)
        look(who, item["number"], "季度检查，第 3 号")
        who.page.wait_for_url(f"**/look-up/declarations/{item['declaration_id']}")
        who.check()
        assert "USD\u00a036,250.00" in facts(who)
        assert who.page.locator("svg.bar-tall rect.hatched").get_attribute("width") == "800.0"
        expect(who.page.locator(".timeline li")).to_have_count(2)
        expect(who.page.locator("main")).to_contain_text("鲜李子")
        expect(who.page.locator("main")).to_contain_text("季度检查，第 3 号")
        who.page.locator(".facts a").first.click()
        who.page.wait_for_url(f"**/look-up/enterprises/{network.exporter}")
        who.check()
        assert EXPORTER_USCC in facts(who)
        who.go("/look-up/log")
        who.check()
        newest = [each for each in who.page.locator("tbody tr").all_inner_texts() if "季度检查，第 3 号" in each]
        assert any("一份报关单" in each for each in newest)
        assert any("一家企业" in each for each in newest)
        look(who, "青果", "季度检查，第 3 号")
        who.page.wait_for_url(f"**/look-up/enterprises/{network.exporter}")
        look(who, item["declaration_id"], "季度检查，第 3 号")
        who.page.wait_for_url(f"**/look-up/declarations/{item['declaration_id']}")
        look(who, "099999999999999999", "季度检查，第 3 号")
        expect(who.page.locator(".empty").first).to_be_visible()
        assert who.page.input_value("#what") == "099999999999999999"
        who.check()


def look(who: Person, what: str, why: str) -> None:
    who.go("/look-up")
    who.page.fill("#what", what)
    who.page.fill("#purpose", why)
    who.page.click("main form button")


def test_an_alert_is_found_taken_on_closed_and_opened_again(network: Network, opened: Browser) -> None:
    item = declared(network)
    granted(network, item)
    assert applied(network, item, "36250.00").status_code == 201
    assert applied(network, item, "36250.00").status_code == 409
    settle(network)
    with person(opened, network, "authority") as who:
        sign_in(who, network, "checker")
        who.go("/alerts?state=open&severity=high&code=refused-duplicate")
        who.check()
        who.page.locator(f"tbody tr:has-text('{row()['exporter_name']}') th a").last.click()
        expect(who.page.locator("h1")).to_contain_text("A duplicate was refused")
        expect(who.page.locator("tbody tr .mark.bad")).to_have_count(1)
        who.check()
        who.page.get_by_role("button", name="Take on").click()
        expect(who.page.locator("h1")).to_contain_text("in hand")
        assert re.search(r"Owner\s+you", facts(who))
        who.page.fill("#close", "the bank sent it twice")
        who.page.get_by_role("button", name="Close").click()
        expect(who.page.locator("h1")).to_contain_text("closed")
        who.page.fill("#reopen", "it happened again")
        who.page.get_by_role("button", name="Open again").click()
        expect(who.page.locator(".timeline li")).to_have_count(3)
        who.page.locator("tbody th a").first.click()
        who.page.wait_for_url("**/ledger/records/*")
        who.go("/alerts/thresholds")
        who.check()
        lapses = who.page.input_value("#lapses")
        who.page.fill("#lapses", "0")
        who.page.click("main form button")
        assert who.page.locator(".trouble code").first.inner_text() == "invalid-request"
        assert who.page.input_value("#lapses") == "0"
        who.page.fill("#lapses", "4")
        who.page.click("main form button")
        expect(who.page.locator(".trouble")).to_have_count(0)
        who.page.fill("#lapses", lapses)
        who.page.click("main form button")
        assert who.forgive() == ["422"]


def test_a_declaration_is_frozen_by_a_paper_and_let_go_by_another(network: Network, opened: Browser, tmp_path: Path) -> None:
    (item,) = imported(network, row())
    paper = tmp_path / "order.pdf"
    paper.write_bytes(b"%PDF-1.7\n" + item["number"].encode())
    with person(opened, network, "authority", "en-GB", 360) as who:
        sign_in(who, network)
        who.go(f"/look-up/declarations/{item['declaration_id']}")
        who.page.get_by_role("link", name="Freeze by an order").click()
        who.page.fill("#issuer", "Dalian Maritime Court")
        who.page.fill("#reference", "(2026) Liao 72 No. 15")
        who.page.get_by_role("button", name="Freeze", exact=True).click()
        assert who.page.locator(".trouble code").first.inner_text() == "invalid-request"
        assert (who.page.input_value("#target"), who.page.input_value("#issuer")) == (item["number"], "Dalian Maritime Court")
        who.check()
        who.page.set_input_files("#document", paper)
        who.page.get_by_role("button", name="Freeze", exact=True).click()
        expect(who.page.locator("h1")).to_contain_text("in force")
        who.check()
        who.page.locator(".facts a").first.click()
        expect(who.page.locator("h1")).to_contain_text("frozen")
        expect(who.page.locator("main")).to_contain_text("Dalian Maritime Court")
        who.page.locator("main ul a").first.click()
        who.page.fill("#issuer", "Dalian Maritime Court")
        who.page.fill("#reference", "(2026) Liao 72 No. 15-1")
        who.page.fill("#digest", "ab" * 32)
        who.page.get_by_role("button", name="Lift").click()
        expect(who.page.locator("h1")).to_contain_text("lifted")
        who.go(f"/look-up/declarations/{item['declaration_id']}")
        expect(who.page.locator("h1")).not_to_contain_text("frozen")
        assert who.forgive() == ["422"]


def test_a_dispute_waits_and_is_resolved_once(network: Network, opened: Browser) -> None:
    (item,) = imported(network, row())
    record = network.sign_in("authority", "maker").get(f"/v1/declarations/{item['declaration_id']}").json()["record_id"]
    await_record(network, "bank-a", record)
    body = {"record": record, "statement": "the amount is another one"}
    dispute = network.sign_in("bank-a", "maker").post("/v1/disputes", json=body).json()["id"]
    await_record(network, "authority", dispute)
    with person(opened, network, "authority", "zh-CN", 360) as who:
        sign_in(who, network)
        who.go("/orders")
        who.page.locator(f"a[href$='/disputes/{dispute}']").click()
        expect(who.page.locator("main")).to_contain_text("the amount is another one")
        who.check()
        who.page.check("input[value=rejected]")
        who.page.fill("#statement", "海关报文金额一致")
        who.page.click("main form button")
        expect(who.page.locator("h1")).to_contain_text("不予支持")
        expect(who.page.locator("main")).to_contain_text("海关报文金额一致")
        expect(who.page.locator("main form")).to_have_count(0)


def test_members_are_suspended_and_the_policy_is_changed_together(network: Network, opened: Browser) -> None:
    with person(opened, network, "authority", "zh-CN") as who, person(opened, network, "bank-a", "zh-CN", 360) as other:
        sign_in(who, network)
        who.page.click("nav a[href$='/members']")
        who.page.fill("#application", "{}")
        who.page.get_by_role("button", name="准予加入").click()
        assert who.page.locator(".trouble code").first.inner_text() == "invalid-request"
        assert who.forgive() == ["422"]
        who.page.locator("tbody a[href$='/bank-b']").click()
        who.check()
        who.page.locator("summary", has_text="暂停").click()
        who.page.get_by_role("button", name="暂停").click()
        expect(who.page.locator("h1")).to_contain_text("已暂停")
        who.check()
        who.page.get_by_role("button", name="恢复").click()
        expect(who.page.locator("h1")).to_contain_text("正常")
        who.go("/governance")
        who.check()
        who.page.locator("summary").first.click()
        who.page.select_option("#field", "hold_days_max")
        who.page.fill("#value", "14")
        who.page.get_by_role("button", name="提出").first.click()
        expect(who.page.locator("tbody")).to_contain_text("申请占用的最长天数")
        who.check()
        proposal = who.page.url.rpartition("/")[2]
        assert who.page.get_by_role("button", name="批准").count() == 0
        await_record(network, "bank-a", proposal)
        other.sign_in("maker", network.secrets["bank-a", "maker"])
        other.go(f"/governance/{proposal}")
        other.check()
        votes = other.page.locator("meter").get_attribute("value")
        other.page.get_by_role("button", name="批准").click()
        expect(other.page.locator("meter")).not_to_have_attribute("value", votes or "")
        expect(other.page.locator(".facts")).to_contain_text("authority, bank-a")


def test_what_is_taken_in_is_told_line_by_line(network: Network, opened: Browser, tmp_path: Path) -> None:
    good = row()
    names = list(good)
    files = {
        "customs.csv": "\n".join(",".join(line) for line in (names, [good[name] for name in names])),
        "broken.xml": "<Dec",
        "facts.csv": f"uscc,name,directory_status,directory_since\n{EXPORTER_USCC},果品公司,在册,2015-03-01\n1,x,在册,2015-03-01\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    with person(opened, network, "authority", "zh-CN", 360) as who:
        sign_in(who, network)
        who.go("/intake")
        who.check()
        for kind in ("customs", "credit"):
            with who.page.expect_download() as kept:
                who.page.click(f"a[href$='/templates/{kind}.xlsx']")
            assert kept.value.suggested_filename == f"{kind}.xlsx"
        who.page.set_input_files("#files", [tmp_path / "customs.csv", tmp_path / "broken.xml"])
        who.page.locator("form[action$='/imports'] button").click()
        expect(who.page.locator("#import")).to_contain_text("已完成", timeout=20_000)
        expect(who.page.locator("#import tbody tr")).to_have_count(2)
        expect(who.page.locator("#import tbody")).to_contain_text("xml-malformed")
        who.check()
        who.page.locator("#import tbody a").click()
        expect(who.page.locator("h1")).to_contain_text(good["declaration_number"])
        who.go("/intake")
        who.page.set_input_files("#facts", tmp_path / "facts.csv")
        who.page.locator("form[action$='/credit'] button").click()
        expect(who.page.locator("tbody tr")).to_have_count(2)
        expect(who.page.locator("tbody tr").first).to_contain_text(re.compile("已记录|此前已知|取代"))
        who.check()
        who.go("/intake")
        who.page.fill("#uscc", "91330100MA2B1C3D4F")
        who.page.fill("#name", "杭州样品有限公司")
        who.page.locator("form[action$='/enterprises'] button").click()
        assert who.page.locator(".trouble code").first.inner_text() == "uscc-invalid"
        assert who.page.input_value("#name") == "杭州样品有限公司"
        who.page.fill("#uscc", NEWCOMER)
        who.page.locator("form[action$='/enterprises'] button").click()
        expect(who.page.locator("h1")).to_contain_text("杭州样品有限公司")
        who.go("/exchange-rates")
        who.page.fill("#rates", "EUR 2026-10-01 1.08")
        who.page.click("main form button")
        assert who.page.input_value("#rates") == "EUR 2026-10-01 1.08"
        assert who.page.locator(".trouble code").first.inner_text() == "rates-malformed"
        who.page.fill("#rates", "EUR,2026-10-01,1.08")
        who.page.click("main form button")
        expect(who.page.locator("tbody tr").first).to_contain_text("1.08")
        who.check()
        assert who.forgive() == ["422", "422"]
