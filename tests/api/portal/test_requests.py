"""Between an exporter and a bank in the browser: requests, paper, credit under consent, disputes."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from io import BytesIO

import openpyxl
import pytest
from playwright.sync_api import Browser, expect

from api.portal.asked_lines import template
from ledger.clock import rfc3339
from tests.api.business import DAY_MS, WAIT, await_record, consented, imported, row
from tests.api.portal.browsing import Person, browser, person
from tests.api.portal.test_bank import state_of
from tests.api.served import CUSTODY_USCC, Network
from tests.api.supervised import declared
from tests.api.test_attachments import in_custody
from tests.api.test_financing_requests import carry
from tests.nodes.credit.examples import ROWS

pytestmark = pytest.mark.usefixtures("answering")


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    with browser() as launched:
        yield launched


def ask_bank(owner: Person, number: str, amount: str) -> str:
    """The exporter fills in the form for one declaration: the request's page."""
    owner.go("/requests/new")
    owner.check()
    owner.page.select_option("#bank", "bank-a")
    owner.page.locator(f"p:has(input[value='{number}']) input[name=value]").fill(amount)
    for field, value in (("product", "export invoice financing"), ("purpose", "greenhouse film"), ("contact", "Zhao Min")):
        owner.page.fill(f"#ask-{field}", value)
    owner.page.set_input_files("#ask-documents", {"name": "order.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 order"})
    owner.page.click("main form > button")
    owner.page.wait_for_url("**/portal/requests/*")
    owner.check()
    return owner.page.url.rpartition("/portal")[2]


def test_an_exporters_request_is_corrected_and_becomes_a_loan(network: Network, opened: Browser) -> None:
    item = declared(network)
    network.await_head("exporter-a")
    consented(network)
    with person(opened, network, "exporter-a", "zh-CN", 360) as owner, person(opened, network, "bank-a", "zh-CN", 800) as maker:
        owner.sign_in("maker", network.secrets["exporter-a", "maker"])
        maker.sign_in("maker", network.secrets["bank-a", "maker"])
        path = ask_bank(owner, item["number"], "29000.00")
        carry(network)
        maker.go("/incoming")
        maker.check()
        maker.page.click(f"a[href$='{path}']")
        with maker.page.expect_download() as taken:
            maker.page.click(".documents a")
        assert taken.value.suggested_filename == "order.pdf"
        maker.page.locator("details.step:has(form[action$='/send-back']) > summary").click()
        maker.page.fill("#back-reason", "太长")
        maker.page.check("input[name=field][value=tenor_days]")
        maker.check()
        maker.page.click("form[action$='/send-back'] button")
        carry(network)
        owner.go(path)
        owner.page.click("a.button[href$='/resend']")
        owner.check()
        assert owner.page.locator("#ask-purpose").input_value() == "greenhouse film"
        owner.page.fill("#ask-tenor_days", "60")
        owner.page.click("main form > button")
        owner.page.wait_for_url(f"**/portal{path}")
        carry(network)
        maker.go(path)
        maker.page.click("a.button[href*='/enquiries/new']")
        assert maker.page.locator("#lines").input_value() == item["number"]
        maker.page.click("main form > button")
        maker.page.click("#answer form > button")
        assert maker.page.locator("input[name=amount]").input_value() == "29000.00"
        maker.page.fill("#reference", "L-2")
        maker.check()
        maker.page.click("button[value=send]")
        maker.page.wait_for_url("**/portal/financings/*")
        assert state_of(maker) == "APPLIED"
        carry(network)
        owner.go(path)
        expect(owner.page.locator("h1 .mark")).to_have_text("已受理")
        owner.check()


def test_a_template_that_is_dropped_is_asked_about(network: Network, opened: Browser) -> None:
    consent, item = consented(network), declared(network)
    book = openpyxl.load_workbook(BytesIO(template()))
    book.worksheets[0].append([item["number"], "USD", "36250.00", "2026-10-11"])
    file = BytesIO()
    book.save(file)
    with person(opened, network, "bank-a", "en-GB", 360) as maker:
        maker.sign_in("maker", network.secrets["bank-a", "maker"])
        maker.go(f"/enquiries/new?consent={consent}")
        dropped = maker.page.evaluate_handle(
            """text => {
                const data = new DataTransfer();
                data.items.add(new File([Uint8Array.from(atob(text), (each) => each.charCodeAt(0))], "lines.xlsx"));
                return data;
            }""",
            base64.b64encode(file.getvalue()).decode(),
        )
        maker.page.dispatch_event(".drop", "drop", {"dataTransfer": dropped, "bubbles": True})
        maker.check()
        maker.page.click("main form > button")
        expect(maker.page.locator("#answer tbody tr")).to_have_count(1)
        maker.go("/enquiries")
        expect(maker.page.locator("#enquiries tbody tr").first).to_contain_text("营口青果出口有限公司")
        maker.go("/consents")
        maker.check()
        expect(maker.page.locator(f"article[data-consent='{consent}']")).to_contain_text(
            "may ask 3 times, a list of declarations or a credit report each time; asked so far: 1."
        )


def test_a_paper_is_handed_in_and_its_exporters_word_is_shown(network: Network, opened: Browser) -> None:
    item = imported(network, row(CUSTODY_USCC))[0]
    with person(opened, network, "bank-a", "zh-CN", 360) as maker:
        maker.sign_in("maker", network.secrets["bank-a", "maker"])
        maker.go("/enquiries/paper")
        maker.page.fill("#paper-uscc", CUSTODY_USCC)
        maker.page.fill("#paper-signatory", "李华")
        maker.page.set_input_files("#scan", {"name": "scan.pdf", "mimeType": "application/pdf", "buffer": b"no document at all"})
        maker.page.fill("#lines", item["number"])
        maker.check()
        maker.page.click("main form > button")
        expect(maker.page.locator(".trouble code").first).to_have_text("attachment-type")
        assert maker.forgive() == ["422"]
        assert maker.page.locator("#paper-signatory").input_value() == "李华"
        # What is too large is said at once, before anything is sent.
        maker.page.set_input_files("#scan", {"name": "scan.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7" + bytes(8_000_000)})
        assert "8 MB" in maker.page.eval_on_selector("#scan", "field => field.validationMessage")
        maker.page.set_input_files("#scan", {"name": "scan.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 paper"})
        maker.page.click("main form > button")
        maker.page.wait_for_url("**/portal/enquiries/*")
        expect(maker.page.locator("#answer tbody tr")).to_have_count(1)
        maker.page.reload()
        expect(maker.page.locator(".note").first).to_contain_text("待企业确认")
        maker.check()
        enquiry = network.sign_in("bank-a", "maker").get(f"/v1/enquiries/{maker.page.url.rpartition('/')[2]}").json()
        assert in_custody(network).post(f"/v1/consents/{enquiry['consent_id']}/confirm").status_code == 200
        maker.page.reload()
        expect(maker.page.locator(".note").first).to_contain_text("企业已确认")


def test_credit_is_read_under_a_consent_and_makes_a_limit(network: Network, opened: Browser) -> None:
    assert network.sign_in("authority", "maker").post("/v1/credit-profiles", json=list(ROWS)).status_code == 200
    now_ms = network.clock.now_ms()
    body = {"bank": "bank-a", "scopes": ["basic", "trade-credit"], "not_before": rfc3339(now_ms), "uses": 2}
    given = network.sign_in("exporter-a", "maker").post(
        "/v1/consents", json={**body, "not_after": rfc3339(now_ms + 30 * DAY_MS)}, headers=WAIT
    )
    consent = given.json()["id"]
    await_record(network, "bank-a", consent)
    with person(opened, network, "bank-a", "en-GB", 800) as admin:
        admin.sign_in("admin", network.secrets["bank-a", "admin"])
        admin.page.click("nav a[href$='/limits/parameters']")
        fields = {"currency": "USD", "cap": "5,000,000.00", "floor": "10000.00", "haircut": "10"}
        fields |= {"weight_collections": "20", "weight_payments": "5", "weight_exports": "15", "weight_imports": "2.5"}
        for field, value in (fields | {"class_A": "100", "class_B": "50", "class_C": "many"}).items():
            admin.page.fill(f"#set-{field}", value)
        admin.page.check("input[name=services]")
        admin.page.uncheck("input[name=zero][value=penalties]")
        admin.page.click("main form > button")
        expect(admin.page.locator(".trouble code").first).to_have_text("form-incomplete")
        assert admin.forgive() == ["422"]
        assert admin.page.locator("#set-class_B").input_value() == "50"
        admin.page.fill("#set-class_C", "0")
        admin.check()
        admin.page.click("main form > button")
        expect(admin.page.locator(".trouble")).to_have_count(0)
    with person(opened, network, "bank-a", "zh-CN", 360) as maker:
        maker.sign_in("maker", network.secrets["bank-a", "maker"])
        maker.go(f"/credit/new?consent={consent}")
        maker.check()
        maker.page.click("main form > button")
        expect(maker.page.locator("#answer")).to_contain_text("USD\u00a01,073,300.00")
        maker.check()
        maker.page.click("form[action$='/limits'] button")
        # Without the scope of penalties they are not known, and the bank's parameters ask for them.
        expect(maker.page.locator(".trouble code").first).to_have_text("input-missing")
        assert maker.forgive() == ["409"]
        client = network.sign_in("bank-a", "core")
        used = client.get("/v1/credit-parameters").json()["items"][-1]
        kept = {name: value for name, value in used.items() if name not in ("version", "created", "created_by")}
        assert client.post("/v1/credit-parameters", json={**kept, "missing_as_zero": ["penalties"]}).status_code == 201
        maker.page.click("form[action$='/limits'] button")
        maker.page.wait_for_url("**/portal/limits/*")
        expect(maker.page.locator("main")).to_contain_text("USD\u00a0409,045.17")
        maker.check()
        maker.go("/limits")
        maker.check()


def test_a_record_is_disputed_and_the_dispute_taken_back(network: Network, opened: Browser) -> None:
    declared(network)
    consent = consented(network)
    with person(opened, network, "exporter-a", "en-GB", 360) as owner:
        owner.sign_in("maker", network.secrets["exporter-a", "maker"])
        owner.go("/accesses")
        owner.check()
        with owner.page.expect_download() as taken:
            owner.page.locator("#accesses a[href$='/proof']").first.click()
        assert taken.value.suggested_filename.endswith(".proof.json")
        owner.page.locator(f"#accesses a[href$='/disputes?record={consent}']").first.click()
        assert owner.page.locator("#dispute-record").input_value() == consent
        owner.page.fill("#dispute-statement", "nobody here gave it")
        owner.check()
        owner.page.click("details form button")
        case = owner.page.locator("#disputes article").first
        expect(case).to_contain_text("nobody here gave it")
        case.locator("summary").click()
        case.locator("input[name=statement]").fill("it was our own branch")
        case.locator("button").click()
        expect(owner.page.locator("#disputes article").first).to_contain_text("withdrawn")
        owner.check()
        owner.go("/declarations")
        owner.check()
        owner.page.locator("#declarations tbody a").first.click()
        owner.check()
        with owner.page.expect_download() as taken:
            owner.page.click("a[href$='format=xlsx']")
        assert taken.value.suggested_filename.startswith("declaration-")
