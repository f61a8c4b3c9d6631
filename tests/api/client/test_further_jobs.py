"""The rest of the business by the client: loans that change, are handed over or were there before, credit, complaints, oversight."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import openpyxl
import pytest

from api.client import AsyncClient, DeclarationAsked, DeclarationUsed, Money, NotFound, Refused, Upload
from tests.api.business import await_record
from tests.api.client.conftest import SOON, At, secret_of
from tests.api.client.test_main_job import PLEDGE, TOTAL, answered, approved, declared
from tests.api.served import CUSTODY_USCC, EXPORTER_USCC, Network
from tests.api.supervised import settle
from tests.api.test_credit import PARAMETERS
from tests.api.test_credit import consented as consented_credit
from tests.nodes.credit.examples import ROWS

pytestmark = pytest.mark.usefixtures("answering")

HALF = Money.of("USD", "10000.00")
PAPER = ("ab" * 32, "Yingkou Intermediate Court", "(2026) 17")


def owed(network: Network, at: At) -> tuple[str, str]:
    """A loan that is paid out: its declaration and id."""
    declaration = answered(network, at)
    loan = approved(at, declaration, "10000.00")
    paid = at("bank-a", "maker").financings.disburse(loan, date(2026, 10, 27), date(2027, 1, 27), "D-1")
    assert at("bank-a", "checker").tasks.sign(paid.id).done
    return declaration, loan


def test_a_loan_is_corrected_written_off_and_taken_back(network: Network, at: At) -> None:
    maker, checker = at("bank-a", "maker"), at("bank-a", "checker")
    loan = approved(at, answered(network, at), "12000.00")
    paid = maker.financings.disburse(loan, date(2026, 10, 27), date(2027, 1, 27), "D-1", [HALF])
    assert checker.tasks.sign(paid.id).done
    corrected = maker.financings.correct(loan, [Money.of("USD", "1000.00")], "a digit was mistyped")
    assert checker.tasks.sign(corrected.id).done
    assert maker.financings.get(loan).totals["outstanding"].value == Decimal("11000.00")
    lost = maker.financings.write_off(loan, "lost", [Money.of("USD", "500.00")])
    assert checker.tasks.sign(lost.id).done
    assert maker.financings.get(loan).totals["outstanding"].value == Decimal("10500.00")
    found = maker.financings.write_off(loan, "found", back=True)
    assert checker.tasks.sign(found.id).done
    assert maker.financings.get(loan).totals["outstanding"].value == Decimal("11000.00")
    statement = maker.statements.financings(date(2026, 10, 1), date(2026, 12, 31))
    (row,) = [each for each in statement.items if each.financing_id == loan]
    assert (row.disbursed, row.closing, row.exporter.uscc) == (Decimal("10000.00"), Decimal("11000.00"), EXPORTER_USCC)
    assert statement.first == date(2026, 10, 1) and statement.totals
    book = maker.statements.financings_file("xlsx", date(2026, 10, 1), date(2026, 12, 31), branch="Dalian")
    assert openpyxl.load_workbook(io.BytesIO(book)).sheetnames == ["financings", "totals"]


def test_a_loan_is_offered_and_taken_over_and_its_exporter_reads_the_month(network: Network, at: At) -> None:
    declaration, loan = owed(network, at)
    maker, checker = at("bank-a", "maker"), at("bank-a", "checker")
    now = datetime.fromtimestamp(network.clock.now_ms() / 1000, UTC)
    offered = maker.financings.transfer(loan, "bank-b", now + timedelta(days=1), terms="at par", note="as agreed")
    receipt = checker.tasks.sign(offered.id).receipt
    assert receipt is not None
    await_record(network, "bank-b", receipt.record_id)
    other, second = at("bank-b", "maker"), at("bank-b", "checker")
    (offer,) = [each for each in other.financings.offers() if each.financing_id == loan]
    assert (offer.lender, offer.amount, offer.terms, offer.lines[0].declaration_id) == ("bank-a", HALF, "at par", declaration)
    consent = at("exporter-a", "maker").consents.give("bank-b", ["finance"], now, now + timedelta(days=30), 1)
    await_record(network, "bank-b", consent.id)
    with pytest.raises(Refused, match="no-grant"):
        other.financings.take_over(loan, "T-1", "refinancing")
    other.enquiries.ask(consent.id, [DeclarationAsked(offer.lines[0].number, EXPORTER_USCC)])
    taken = second.tasks.sign(other.financings.take_over(loan, "T-1", "refinancing", branch="Dalian").id)
    assert taken.receipt is not None
    assert other.financings.get(taken.receipt.record_id).totals["outstanding"] == HALF
    withdrawn = owed(network, at)[1]
    checker.tasks.sign(maker.financings.transfer(withdrawn, "bank-b", now + timedelta(days=1)).id)
    assert checker.tasks.sign(maker.financings.transfer(withdrawn, None).id).done

    await_record(network, "exporter-a", taken.receipt.record_id)
    exporter = at("exporter-a", "maker")
    month = exporter.statements.declaration(declaration, date(2026, 10, 15))
    assert (month.registered, month.first, month.last) == (TOTAL, date(2026, 10, 1), date(2026, 10, 31))
    assert {each.bank for each in month.entries} >= {"bank-a"}
    assert exporter.statements.declaration_file(declaration, date(2026, 10, 15), "csv").startswith(b"\xef\xbb\xbf")


def test_earlier_loans_are_reported_on_and_loaded_one_by_one_and_by_file(network: Network, at: At) -> None:
    declaration = answered(network, at)
    maker, checker = at("bank-a", "maker"), at("bank-a", "checker")
    report = maker.loads.report({declaration: HALF}, idempotency_key=f"report-{declaration}")
    assert maker.loads.get_report(report.id) == report
    assert (report.lines[0].drawn, report.lines[0].left, report.lines[0].overuses) == (HALF, TOTAL, False)
    days = (date(2026, 8, 1), date(2027, 2, 1))
    scan = maker.attachments.add(Upload("agreement.pdf", b"%PDF-1.7 an earlier loan", "application/pdf"))
    assert maker.attachments.get(scan).startswith(b"%PDF")
    task = maker.loads.load({declaration: HALF}, report.id, "earlier", "E-1", *days, branch="Dalian", attachments=[scan])
    loaded = checker.tasks.sign(task.id).receipt
    assert loaded is not None
    assert maker.financings.get(loaded.record_id).totals["outstanding"] == HALF
    with pytest.raises(NotFound, match="unknown-report"):
        maker.loads.get_report("0" * 64)

    number = maker.declarations.get(answered(network, at)).number
    header = maker.loads.template("csv").decode("utf-8-sig").splitlines()[1]
    file = f"{header}\nF-1,{number},USD,10000.00,earlier,Dalian,2026-08-01,2027-02-01\n".encode()
    unread = maker.loads.load_file(file)
    assert (unread.accepted, unread.items[0].result) == (0, "conflict-report-missing")
    told = maker.loads.report_file(file)
    assert (told.total, told.accepted, told.refused) == (1, 1, 0)
    assert told.items[0].line is not None and told.items[0].line.left == TOTAL
    (row,) = maker.loads.load_file(file).items
    assert row.task is not None and checker.tasks.sign(row.task).done


def test_credit_facts_become_a_limit(network: Network, at: At) -> None:
    registrar, maker = at("authority", "maker"), at("bank-a", "maker")
    recorded = registrar.credit.record(ROWS)
    assert (recorded.total, recorded.refused) == (len(ROWS), 0)
    file = f"uscc,month,collections_goods\n{CUSTODY_USCC},2024-06,12.50\n".encode()
    assert registrar.credit.record_file(file).total == 1
    assert EXPORTER_USCC in [each.uscc for each in registrar.credit.profiles()]
    profile = registrar.credit.profile(EXPORTER_USCC)
    assert {each["kind"] for each in profile.facts} >= {"basic", "year"}
    assert registrar.credit.profile(EXPORTER_USCC, revision=1).revision == 1
    assert max(each.revision for each in registrar.credit.revisions(EXPORTER_USCC)) == profile.revision
    core = at("bank-a", "core")
    version = core.credit.set_parameters({**PARAMETERS, "missing_as_zero": ["penalties"]})
    assert (version.weights["collections"], version.cap) == (200_000, Money.of("USD", "5000000.00"))
    assert list(core.credit.parameters())[-1] == version
    enquiry = maker.enquiries.ask_credit(consented_credit(network, "basic", "trade-credit"))
    limit = maker.credit.assess(enquiry.id, parameters_version=version.version)
    assert (limit.uscc, limit.parameters_version, limit.limit.currency) == (EXPORTER_USCC, version.version, "USD")
    assert limit.contributions and limit.steps and limit.limit.value > 0
    assert maker.credit.assessment(limit.id) == limit
    assert limit in list(maker.credit.assessments(uscc=EXPORTER_USCC))


def test_a_record_is_disputed_taken_back_and_decided(network: Network, at: At) -> None:
    bank, authority = at("bank-a", "maker"), at("authority", "checker")
    _, loan = owed(network, at)
    dispute = bank.disputes.open(loan, "the amount is not ours", idempotency_key=f"dispute-{loan}")
    assert (dispute.record, dispute.state, dispute.opened_by) == (loan, "OPEN", "bank-a")
    await_record(network, "authority", dispute.id)
    settle(network)
    (alert,) = authority.alerts.list(code="dispute-opened", subject=loan)
    assert (alert.state, alert.bank, alert.history) == ("open", "bank-a", ())
    assert authority.alerts.take(alert.id, "I call them").state == "taken"
    assert authority.alerts.close(alert.id, "it is cleared").reason == "it is cleared"
    assert authority.alerts.reopen(alert.id, "it is not").state == "open"
    assert [each.change for each in authority.alerts.get(alert.id).history] == ["take", "close", "reopen"]
    decided = authority.disputes.resolve(dispute.id, "rejected", "it is so")
    assert (decided.state, decided.answer) == ("REJECTED", "it is so")
    taken_back = bank.disputes.withdraw(bank.disputes.open(loan, "once more").id, "a mistake of ours")
    assert bank.disputes.get(taken_back.id).state == "WITHDRAWN"
    assert {dispute.id, taken_back.id} <= {each.id for each in bank.disputes.list()}


def test_the_authority_freezes_and_watches_while_awaiting(network: Network, at: At) -> None:
    declaration, _ = owed(network, at)
    settle(network)

    async def watch() -> None:
        async with AsyncClient(network.url("authority"), secret_of(network, "authority", "checker"), retries=SOON) as checker:
            order = await checker.orders.freeze("declaration", declaration, *PAPER, "freeze")
            assert (order.state, order.issuer) == ("standing", PAPER[1])
            assert order.id in [each.id async for each in checker.orders.list(standing=True)]
            assert (await checker.orders.lift(order.id, *PAPER)).state == "lifted"
            assert (await checker.orders.get(order.id)).state == "lifted"
            summary = await checker.monitoring.table("summary", date(2026, 10, 1), date(2026, 12, 31), currency="USD")
            assert summary.period["from"] == date(2026, 10, 1)
            assert Decimal(summary.items[0]["outstanding"]["value"]) >= 10_000
            assert (await checker.monitoring.table("banks", bank="bank-a")).items
            for table in ("series", "stages", "exporters"):
                assert (await checker.monitoring.table(table)).as_of.height > 0
            assert (await checker.monitoring.file("stages", "csv")).startswith(b"\xef\xbb\xbf")
            (whole,) = [each async for each in checker.monitoring.reconciliation(declaration_id=declaration)]
            assert (whole.agrees, whole.owed, whole.shares["lost"]) == (True, HALF, 0)
            before = await checker.monitoring.settings()
            assert (await checker.monitoring.change_settings({"lapses": 4}))["lapses"] == 4
            assert await checker.monitoring.change_settings(before) == before
        async with AsyncClient(network.url("authority"), secret_of(network, "authority", "maker"), retries=SOON) as maker:
            assert await maker.monitoring.enter_rates([("KRW", date(2026, 10, 2), "0.00071")]) == 1
            rates = [each async for each in maker.monitoring.rates(currency="KRW")]
            assert (rates[-1].day, rates[-1].rate) == (date(2026, 10, 2), Decimal("0.00071"))

    asyncio.run(watch())


def test_the_async_client_adjusts_and_computes_too(network: Network, at: At) -> None:
    number, consent = declared(network, at)

    async def lend() -> None:
        async with (
            AsyncClient(network.url("bank-a"), secret_of(network, "bank-a", "maker"), retries=SOON) as maker,
            AsyncClient(network.url("bank-a"), secret_of(network, "bank-a", "checker"), retries=SOON) as checker,
        ):
            enquiry = await maker.enquiries.ask(consent, [DeclarationAsked(number, EXPORTER_USCC, TOTAL)])
            declaration = enquiry.lines[0].declaration_id
            assert declaration is not None
            loan = (await maker.financings.apply([DeclarationUsed(declaration, HALF)], "invoice", "L-1")).id
            assert loan is not None
            await maker.financings.intake(loan)
            await checker.tasks.sign((await maker.financings.approve(loan, PLEDGE)).id)
            await checker.tasks.sign((await maker.financings.disburse(loan, date(2026, 10, 27), date(2027, 1, 27), "D-1")).id)
            assert (await checker.tasks.sign((await maker.financings.write_off(loan, "lost")).id)).done
            assert (await maker.financings.get(loan)).state == "WRITTEN_OFF"
            assert loan not in [each.financing_id async for each in maker.financings.offers()]
            statement = await maker.statements.financings(date(2026, 10, 1), date(2026, 12, 31))
            assert loan in [each.financing_id for each in statement.items]

    asyncio.run(lend())
