"""A bank's day in the browser, by what is on the screen alone: two people, two languages, narrow and wide screens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO

import openpyxl
import pytest
from playwright.sync_api import Browser, expect

from tests.api.business import consented, imported, row
from tests.api.portal.browsing import Person, browser, person
from tests.api.served import Network
from tests.api.supervised import applied, declared, granted

FORGED = "090820260599999999"


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    with browser() as launched:
        yield launched


def open_step(who: Person, step: str) -> None:
    """Unfolds the form of a step that is allowed."""
    who.page.locator(f"details.step:has(form[action$='/{step}']) > summary").click()


def send(who: Person, step: str) -> None:
    who.page.locator(f"form[action$='/{step}'] button").click()


def state_of(who: Person) -> str:
    """The state of the financing on the screen, as the page's own class of it."""
    return str(who.page.locator("h1 .mark").get_attribute("class")).split()[-1]


@pytest.mark.parametrize(("language", "width"), [("zh-CN", 1280), ("en-GB", 360)])
def test_a_loan_from_the_first_look_at_declarations_to_its_repayment(
    network: Network, answering: None, opened: Browser, language: str, width: int
) -> None:
    rows = [row(), row()]
    assert [each["result"] for each in imported(network, *rows)] == ["ok", "ok"]
    consent, today = consented(network), datetime.fromtimestamp(network.clock.now_ms() / 1000, UTC).date()
    with person(opened, network, "bank-a", language, width) as maker, person(opened, network, "bank-a", language, width) as checker:
        maker.go("")
        maker.check()
        maker.sign_in("maker", network.secrets["bank-a", "maker"])
        checker.sign_in("checker", network.secrets["bank-a", "checker"])
        maker.check()
        look(maker, consent, [each["declaration_number"] for each in rows])
        apply(maker, f"L-{language}")
        open_step(maker, "intake")
        assert (
            maker.page.locator("form[action$='/intake'] button").inner_text()
            == {"zh-CN": "受理申请", "en-GB": "Accept for review"}[language]
        )
        send(maker, "intake")
        assert state_of(maker) == "IN_REVIEW"
        assert {"zh-CN": "下一步", "en-GB": "Next:"}[language] in maker.page.locator(".note.done").inner_text()
        assert stages(maker) == ["done", "now", "ahead", "ahead", "ahead"]
        pledge = {"#approve-agreement": "A-1", "#approve-registration_number": "R-1", "#approve-registered_at": "2026-10-20T09:00"}
        assert by_two(maker, checker, "approve", pledge) == "APPROVED"
        told(checker, "A-1", "R-1", "2026-10-20 09:00:00", "29,000.00")
        loan = {"#disburse-matures_on": (today + timedelta(90)).isoformat(), "#disburse-reference": "N-1"}
        assert by_two(maker, checker, "disburse", loan) == "DISBURSED"
        told(checker, "N-1", {"zh-CN": "最后一笔放款", "en-GB": "Last payout"}[language], "29,000.00")
        assert by_two(maker, checker, "repay", {"#repay-reference": "P-1"}) == "PAID_OFF"
        told(checker, "P-1", {"zh-CN": "自有资金", "en-GB": "own funds"}[language])
        assert stages(maker) == ["done"] * 5
        assert maker.page.locator(".note.done").count() == 0, "what was done before is not said again"
        assert maker.page.locator(".timeline li").count() == 5
        maker.check()
        maker.page.click("form[action$='/sign-out'] button")
        maker.page.wait_for_url("**/portal/sign-in")


def stages(who: Person) -> list[str | None]:
    """How far the financing on the screen has come."""
    return [each.get_attribute("class") for each in who.page.locator(".stages li").all()]


def told(checker: Person, *facts: str) -> None:
    """What the checker has signed stands on the page where it was signed."""
    shown = checker.page.locator("main").inner_text()
    assert [fact for fact in facts if fact not in shown] == [], shown


def look(maker: Person, consent: str, numbers: list[str]) -> None:
    """Asks about two declarations and a forged one, and sees what each line may be used for."""
    maker.page.click("nav a[href$='/enquiries']")
    maker.page.click("a.button")
    maker.check()
    maker.page.select_option("#consent", consent)
    maker.page.fill("#lines", f"{numbers[0]} USD 36250.00 2026-10-11\n{numbers[1]}\n{FORGED}")
    maker.page.click("main form button")
    lines = maker.page.locator("#answer tbody tr")
    expect(lines).to_have_count(3)
    assert [lines.nth(place).locator("input[type=checkbox]").count() for place in range(3)] == [1, 1, 0]
    assert "USD\u00a036,250.00" in lines.nth(0).inner_text()
    maker.check()
    lines.nth(1).locator("input[type=checkbox]").uncheck()
    come_back(maker)


def come_back(maker: Person) -> None:
    """Whoever goes on and comes back, by the browser or by the page's link, finds the lines chosen as they were."""
    boxes = maker.page.locator("#answer tbody input[type=checkbox]")
    maker.page.click("#answer form > button")
    maker.page.wait_for_url("**/portal/applications/new*")
    maker.page.go_back()
    expect(boxes).to_have_count(2)
    assert [box.is_checked() for box in boxes.all()] == [True, False]
    maker.page.click("#answer form > button")
    maker.page.click(".way a[href*='line=']")
    expect(boxes).to_have_count(2)
    assert [box.is_checked() for box in boxes.all()] == [True, False]


def apply(maker: Person, reference: str) -> None:
    """Applies on the line that is left chosen: tries it first, then sends it."""
    maker.page.click("#answer form > button")
    maker.page.fill("input[name=amount]", "29,000.00")
    maker.page.fill("#product", "export invoice financing")
    maker.page.fill("#reference", reference)
    maker.page.click("button[value=try]")
    expect(maker.page.locator(".note")).to_have_count(1)
    maker.check()
    maker.page.click("button[value=send]")
    maker.page.wait_for_url("**/portal/financings/*")
    assert state_of(maker) == "APPLIED"
    maker.check()


def by_two(maker: Person, checker: Person, step: str, fields: dict[str, str]) -> str:
    """The maker fills in a step and sends it, the checker signs it: the state that the financing is in then."""
    financing = maker.page.url
    open_step(maker, step)
    for field, value in fields.items():
        maker.page.fill(field, value)
    sign_second(maker, checker, step)
    maker.page.goto(financing)
    return state_of(maker)


def sign_second(maker: Person, checker: Person, step: str) -> None:
    """The maker sends; the task appears at the checker's by itself, who opens and signs it. The maker cannot."""
    checker.go("/work")
    waiting = checker.page.locator("#tasks table").first.locator("tbody a")
    send(maker, step)
    maker.page.wait_for_url("**/portal/tasks/*")
    assert maker.page.locator("form[action$='/sign']").count() == 0
    task = maker.page.url.rpartition("/")[2].partition("?")[0]
    maker.page.locator("main a[href*='/financings/']").click()
    expect(maker.page.locator(f"#doing .note a[href$='/tasks/{task}']")).to_have_count(1)
    link = checker.page.locator(f"a[href$='/tasks/{task}']")
    expect(link).to_be_visible(timeout=15_000)
    assert waiting.count() > 0
    link.click()
    checker.check()
    checker.page.click("form[action$='/sign'] button")
    expect(checker.page.locator("h1 .mark.signed")).to_have_count(1)
    expect(checker.page.locator(".note.done")).to_have_count(1)


def test_an_application_whose_answer_came_too_late_is_sent_again_and_made_once(
    network: Network, answering: None, opened: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, reference = row(), "lost-and-found"
    assert imported(network, one)[0]["result"] == "ok"
    consent = consented(network)
    with person(opened, network, "bank-a", "zh-CN") as maker:
        maker.sign_in("maker", network.secrets["bank-a", "maker"])
        maker.go("/enquiries/new")
        maker.page.select_option("#consent", consent)
        maker.page.fill("#lines", one["declaration_number"])
        maker.page.click("main form button")
        maker.page.locator("#answer form > button").click()
        maker.page.fill("#product", "export invoice financing")
        maker.page.fill("#reference", reference)
        with monkeypatch.context() as slow:
            # The record goes out, and nobody waits for what becomes of it.
            slow.setattr(network.nodes["bank-a"].outbox, "_wait_s", 0)
            maker.page.click("button[value=send]")
            assert "只会办理一次" in maker.page.locator(".trouble").inner_text()
            assert maker.forgive() == ["503"]
        maker.page.click("button[value=send]")
        maker.page.wait_for_url("**/portal/financings/*")
        maker.go("/financings")
        assert maker.page.locator("tbody tr", has_text=reference).count() == 1


@pytest.mark.parametrize(("language", "width", "now", "as_of"), [("zh-CN", 360, "现为 USD", "截至"), ("en-GB", 1280, "now USD", "As of")])
def test_an_old_answer_says_of_when_it_is_and_what_is_left_now_and_is_asked_again(
    network: Network, answering: None, opened: Browser, language: str, width: int, now: str, as_of: str
) -> None:
    item = declared(network)
    enquiry = granted(network, item)
    with person(opened, network, "bank-a", language, width) as maker:
        maker.sign_in("maker", network.secrets["bank-a", "maker"])
        maker.go(f"/enquiries/{enquiry}")
        assert as_of in maker.page.locator("main > p strong").first.inner_text()
        assert now not in maker.page.locator("#answer tbody").inner_text()
        assert applied(network, item, "29000.00").status_code == 201
        maker.go(f"/enquiries/{enquiry}")
        assert f"{now}\u00a07,250.00" in maker.page.locator("#answer tbody").inner_text()
        maker.check()
        with maker.page.expect_download() as taken:
            maker.page.click("a[href$='.xlsx']")
        rows = list(openpyxl.load_workbook(BytesIO(taken.value.path().read_bytes())).worksheets[0].iter_rows(values_only=True))
        assert (rows[2][0], rows[2][4], rows[2][6], rows[2][7]) == (item["number"], "USD", 36250, 7250)
        maker.page.click("form[action$='/again'] button")
        maker.page.wait_for_url(lambda address: enquiry not in address)
        expect(maker.page.locator("#answer tbody tr")).to_have_count(1, timeout=20_000)
        assert "7,250.00" in maker.page.locator("#answer tbody").inner_text()
        assert "36,250.00" in maker.page.locator("#answer tbody").inner_text(), "what is financeable is as it was"
        assert now not in maker.page.locator("#answer tbody").inner_text()


@pytest.mark.parametrize(("language", "width"), [("zh-CN", 360), ("en-GB", 1280)])
def test_the_sums_of_an_application_follow_what_is_typed_and_a_line_is_left_out(
    network: Network, answering: None, opened: Browser, language: str, width: int
) -> None:
    rows = [row(), row()]
    assert [each["result"] for each in imported(network, *rows)] == ["ok", "ok"]
    consent = consented(network)
    with person(opened, network, "bank-a", language, width) as maker:
        maker.sign_in("maker", network.secrets["bank-a", "maker"])
        maker.go(f"/enquiries/new?consent={consent}")
        maker.page.fill("#lines", "\n".join(each["declaration_number"] for each in rows))
        maker.page.click("main form button")
        maker.page.locator("#answer form > button").click()
        asked, stays = maker.page.locator("[data-total]"), maker.page.locator("[data-stays]")
        assert asked.inner_text() == "USD\u00a072,500.00"
        maker.check()
        maker.page.locator("input[name=amount]").first.fill("30,000.5")
        assert (asked.inner_text(), stays.inner_text()) == ("USD\u00a066,250.50", "USD\u00a06,249.50")
        maker.page.fill("#product", "export invoice financing")
        maker.page.locator("button[name=without]").nth(1).click()
        expect(maker.page.locator("input[name=amount]")).to_have_count(1)
        assert maker.page.locator("input[name=amount]").input_value() == "30,000.5", "what was typed stays"
        assert maker.page.locator("#product").input_value() == "export invoice financing"
        assert (asked.inner_text(), stays.inner_text()) == ("USD\u00a030,000.50", "USD\u00a06,249.50"), "the server sums up alike"
        maker.check()


def test_lines_that_cannot_be_read_are_shown_again_with_what_is_wrong(network: Network, opened: Browser) -> None:
    consent = consented(network)
    with person(opened, network, "bank-a") as maker:
        maker.sign_in("maker", network.secrets["bank-a", "maker"])
        maker.go("/enquiries/new")
        maker.page.select_option("#consent", consent)
        maker.page.fill("#lines", f"{FORGED}\n12345")
        maker.page.click("main form button")
        assert "Line 2" in maker.page.locator(".trouble").inner_text()
        assert maker.page.locator("#lines").input_value() == f"{FORGED}\n12345"
        assert maker.page.locator("#consent").input_value() == consent
        assert maker.forgive() == ["422"]


def test_a_wrong_password_says_so_and_nothing_else(network: Network, opened: Browser) -> None:
    with person(opened, network, "bank-b", "zh-CN", 360) as stranger:
        stranger.go("/financings")
        assert stranger.page.url.endswith("/portal/sign-in?next=/portal/financings")
        stranger.page.fill("#user", "checker")
        stranger.page.fill("#password", "not the password")
        stranger.page.click("main button")
        assert "用户名或密码不正确" in stranger.page.locator(".trouble").inner_text()
        stranger.check()
        assert stranger.forgive() == ["401"]
        stranger.page.fill("#password", network.secrets["bank-b", "checker"])
        stranger.page.click("main button")
        stranger.page.wait_for_url("**/portal/financings")
        expect(stranger.page.locator("h1")).to_have_text("融资")
