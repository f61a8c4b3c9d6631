"""The whole story in the browser, seat by seat, in both languages: what the demo plays through the API, done by what is on the screen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from nodes.enquiries.worker import EnquiryWorker
from tests.api.business import row
from tests.api.portal.browsing import Person, browser, person
from tests.api.portal.test_bank import by_two, open_step, send, state_of
from tests.api.served import Network, served_network

FORGED = "090820260599999999"
SEATS = ("authority maker", "bank-a maker", "bank-a checker", "bank-b maker", "exporter-a maker", "auditor viewer")


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    with browser() as launched:
        yield launched


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A network of its own, whose authority answers enquiries."""
    with served_network(tmp_path_factory.mktemp("story")) as network:
        worker = EnquiryWorker(network.nodes["authority"], "answers")
        worker.start()
        yield network
        worker.stop()


@dataclass
class Story:
    """Everybody at their own browser, and the declarations that it is about: one is lent on by two banks, one is frozen."""

    network: Network
    people: dict[str, Person]
    path: Path
    rows: list[dict[str, str]]

    @property
    def numbers(self) -> list[str]:
        return [each["declaration_number"] for each in self.rows]

    def day(self, days: int = 0) -> str:
        return (datetime.fromtimestamp(self.network.clock.now_ms() / 1000, UTC) + timedelta(days)).date().isoformat()

    def customs_hand_in_a_file_twice(self) -> None:
        """The second time nothing is registered again."""
        who = self.people["authority maker"]
        file = self.path / "customs.csv"
        file.write_text("\n".join(",".join(line) for line in (self.rows[0], *(each.values() for each in self.rows))), encoding="utf-8")
        for done in ("ok", "already-registered"):
            who.go("/intake")
            who.page.set_input_files("#files", file)
            who.page.click("form[action$='/imports'] button")
            expect(who.page.locator("#import tbody tr")).to_have_count(3, timeout=20_000)
            expect(who.page.locator("#import tbody tr.bad")).to_have_count(0 if done == "ok" else 3)
            who.check()

    def the_exporter_consents(self, *banks: str) -> None:
        who = self.people["exporter-a maker"]
        for bank in banks:
            who.go("/consents")
            if not who.page.locator("#bank").is_visible():
                who.page.locator("details.step > summary").first.click()
            who.page.select_option("#bank", bank)
            who.page.fill("#until", self.day(20))
            who.page.click("details.step form button")
            expect(who.page.locator("#consents article").first).to_contain_text(bank)

    def enquire(self, bank: str, *numbers: str) -> Person:
        """The bank's maker asks under the exporter's newest consent, and sees the lines."""
        who = self.people[f"{bank} maker"]
        who.go("/enquiries/new")
        newest = who.page.locator("#consent option").last.get_attribute("value")
        assert newest is not None
        who.page.select_option("#consent", newest)
        who.page.fill("#lines", "\n".join(numbers))
        who.page.click("main form:has(#lines) button:not(.second)")
        expect(who.page.locator("#answer tbody tr")).to_have_count(len(numbers), timeout=20_000)
        who.check()
        return who

    def choose(self, who: Person, number: str, amount: str, reference: str) -> None:
        """An application on one line of the answer, filled in and sent."""
        for box in who.page.locator("#answer tbody input[type=checkbox]").all():
            box.uncheck()
        who.page.locator("#answer tbody tr", has_text=number).locator("input[type=checkbox]").check()
        who.page.click("#answer form > button")
        who.page.fill("input[name=amount]", amount)
        who.page.fill("#product", "export invoice financing")
        who.page.fill("#reference", reference)
        who.page.click("button[value=send]")

    def bank_a_lends_four_fifths(self) -> str:
        """A forged number is not offered; maker and checker approve and pay out. Gives the financing's page."""
        who, checker = self.enquire("bank-a", *self.numbers, FORGED), self.people["bank-a checker"]
        forged = who.page.locator("#answer tbody tr", has_text=FORGED)
        assert forged.locator("input[type=checkbox]").count() == 0
        self.choose(who, self.numbers[0], "29000.00", "A-1")
        who.page.wait_for_url("**/portal/financings/*")
        financing = who.page.url
        open_step(who, "intake")
        send(who, "intake")
        pledge = {"#approve-agreement": "A-1", "#approve-registration_number": "R-1", "#approve-registered_at": "2026-10-20T09:00"}
        assert by_two(who, checker, "approve", pledge) == "APPROVED"
        paid = {"#disburse-matures_on": self.day(90), "#disburse-reference": "N-1"}
        assert by_two(who, checker, "disburse", paid) == "DISBURSED"
        who.check()
        return financing

    def bank_b_gets_what_is_left_and_no_more(self) -> None:
        who = self.enquire("bank-b", self.numbers[0], self.numbers[1])
        expect(who.page.locator("#answer tbody tr").first).to_contain_text("7,250.00")
        self.choose(who, self.numbers[0], "29000.00", "B-1")
        expect(who.page.locator(".trouble code").first).to_have_text("exceeds-available")
        assert who.forgive() == ["409"]
        who.check()
        who.page.fill("input[name=amount]", "7250.00")
        who.page.click("button[value=send]")
        who.page.wait_for_url("**/portal/financings/*")
        assert state_of(who) == "APPLIED"

    def the_buyer_pays(self, financing: str) -> None:
        who, checker = self.people["bank-a maker"], self.people["bank-a checker"]
        who.page.goto(financing)
        assert by_two(who, checker, "repay", {"#repay-reference": "P-1"}) == "PAID_OFF"

    def a_court_freezes_and_lets_go(self) -> None:
        who, bank = self.people["authority maker"], self.people["bank-b maker"]
        paper = self.path / "order.pdf"
        paper.write_bytes(b"%PDF-1.7 order")
        who.go("/orders/new")
        who.page.select_option("#kind", "declaration")
        who.page.fill("#target", self.numbers[1])
        self.sign_paper(who, paper, "form[action$='/orders/new'] button")
        self.enquire("bank-b", self.numbers[1])
        expect(bank.page.locator("#answer tbody input[type=checkbox]")).to_have_count(0)
        order = who.page.url
        paper.write_bytes(b"%PDF-1.7 let go")
        who.page.goto(order)
        self.sign_paper(who, paper, "main form button")
        self.enquire("bank-b", self.numbers[1])
        self.choose(bank, self.numbers[1], "1000.00", "B-2")
        bank.page.wait_for_url("**/portal/financings/*")

    def sign_paper(self, who: Person, paper: Path, button: str) -> None:
        who.page.fill("#issuer", "Dalian Maritime Court")
        who.page.fill("#reference", paper.name)
        who.page.set_input_files("#document", paper)
        who.page.locator(button).last.click()
        who.page.wait_for_url("**/portal/orders/*")
        expect(who.page.locator(".trouble")).to_have_count(0)
        who.check()

    def the_exporter_sees_who_used_what_and_revokes(self) -> None:
        who = self.people["exporter-a maker"]
        who.go("/accesses")
        expect(who.page.locator("#accesses tbody")).to_contain_text("bank-b")
        with who.page.expect_download() as kept:
            who.page.locator("#accesses tbody a[href$='/proof']").first.click()
        kept.value.save_as(self.path / "proof.json")
        who.check()
        who.go("/consents")
        who.page.locator("#consents article", has_text="bank-b").first.locator("form[action$='/revoke'] button").click()
        expect(who.page.locator("#consents article", has_text="bank-b").first.locator("form[action$='/revoke']")).to_have_count(0)

    def bank_b_is_not_answered_any_more(self) -> None:
        who = self.people["bank-b maker"]
        who.go("/consents")
        expect(who.page.locator("#consents article a[href*='/enquiries/new']")).to_have_count(0, timeout=20_000)

    def the_authority_watches(self) -> None:
        who = self.people["authority maker"]
        who.go("/alerts?code=over-limit-attempt")
        who.page.locator("tbody th a").first.click()
        who.page.click("form[action$='/take'] button")
        who.page.fill("#close", "the bank was told what is left")
        who.page.click("form[action$='/close'] button")
        expect(who.page.locator(".timeline li")).to_have_count(2)
        who.go("/monitoring")
        expect(who.page.locator("main")).to_contain_text("bank-b")
        who.check()
        who.go("/reconciliation?differences=true")
        expect(who.page.locator("tbody tr")).to_have_count(0)
        who.check()

    def the_auditor_checks_everything_offline(self) -> None:
        self.network.await_head("auditor")
        who = self.people["auditor viewer"]
        who.go("/audits")
        who.page.click("main form button")
        expect(who.page.locator("#audit a[href$='format=pdf']")).to_have_count(1, timeout=60_000)
        who.check()
        who.go("/proofs")
        with who.page.expect_download() as kept:
            who.page.click("a[href$='/network/trust']")
        kept.value.save_as(self.path / "trust.json")
        who.page.click("a.button")
        who.page.set_input_files("#trust-input", self.path / "trust.json")
        who.page.set_input_files("#proof-input", self.path / "proof.json")
        expect(who.page.locator("article.ok")).to_have_count(1)
        who.check()


@pytest.mark.parametrize(("language", "width"), [("zh-CN", 1440), ("en-GB", 800)])
def test_the_whole_story(staged: Network, opened: Browser, tmp_path: Path, language: str, width: int) -> None:
    with ExitStack() as stack:
        people = {}
        for seat in SEATS:
            node, user = seat.split()
            people[seat] = stack.enter_context(person(opened, staged, node, language, width))
            people[seat].sign_in(user, staged.secrets[node, user])
        story = Story(staged, people, tmp_path, [row(), row(), row()])
        story.customs_hand_in_a_file_twice()
        story.the_exporter_consents("bank-a", "bank-b")
        financing = story.bank_a_lends_four_fifths()
        story.bank_b_gets_what_is_left_and_no_more()
        story.the_buyer_pays(financing)
        story.a_court_freezes_and_lets_go()
        story.the_exporter_sees_who_used_what_and_revokes()
        story.bank_b_is_not_answered_any_more()
        story.the_authority_watches()
        story.the_auditor_checks_everything_offline()
