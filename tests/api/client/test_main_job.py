"""The main job by the client, from the customs rows to the last repayment; and what the client makes of refusals."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.client import (
    AsyncClient,
    Client,
    DeclarationAsked,
    DeclarationUsed,
    InvalidRequest,
    Money,
    NotFound,
    Pledge,
    Receipt,
    Refused,
    SignInFailed,
    Task,
    Upload,
)
from api.client.credentials import ClientSecret
from ledger.verify import verify
from tests.api.business import await_record, row
from tests.api.client.conftest import SOON, At, secret_of
from tests.api.served import EXPORTER_USCC, Network

pytestmark = pytest.mark.usefixtures("answering")

PLEDGE = Pledge("A-1", "R-1", datetime(2026, 10, 26, 8, tzinfo=UTC))
EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "iso20022"
TOTAL = Money.of("USD", "36250.00")


def declared(network: Network, at: At) -> tuple[str, str]:
    """A declaration, its number, and a consent that bank-a knows: number and consent."""
    columns = row()
    report = at("authority", "maker").declarations.import_rows([columns])
    assert (report.state, report.registered) == ("done", 1)
    now = datetime.fromtimestamp(network.clock.now_ms() / 1000, UTC)
    consent = at("exporter-a", "maker").consents.give("bank-a", ["finance"], now, now + timedelta(days=30), 3)
    await_record(network, "bank-a", consent.id)
    return columns["declaration_number"], consent.id


def answered(network: Network, at: At) -> str:
    """A declaration that bank-a may finance: its id."""
    number, consent = declared(network, at)
    enquiry = at("bank-a", "maker").enquiries.ask(consent, [DeclarationAsked(number, EXPORTER_USCC, TOTAL)])
    assert enquiry.lines[0].declaration_id is not None
    return enquiry.lines[0].declaration_id


def approved(at: At, declaration: str, value: str) -> str:
    maker = at("bank-a", "maker")
    loan = maker.financings.apply([DeclarationUsed(declaration, Money.of("USD", value))], "invoice", "L-1", branch="Dalian")
    assert loan.id is not None
    maker.financings.intake(loan.id)
    task = maker.financings.approve(loan.id, PLEDGE)
    assert at("bank-a", "checker").tasks.sign(task.id).done
    return loan.id


def test_the_main_job_runs_from_the_customs_rows_to_the_last_repayment(network: Network, at: At) -> None:
    number, consent = declared(network, at)
    maker, checker = at("bank-a", "maker"), at("bank-a", "checker")
    enquiry = maker.enquiries.ask(consent, [DeclarationAsked(number, EXPORTER_USCC, TOTAL, date(2026, 10, 11))])
    (line,) = enquiry.lines
    assert (enquiry.state, line.result) == ("answered", "match")
    assert line.status is not None and line.status.available == TOTAL
    assert maker.enquiries.get(enquiry.id) == enquiry
    assert enquiry.id in [each.id for each in maker.enquiries.list()]
    assert line.declaration_id is not None

    wanted = [DeclarationUsed(line.declaration_id, Money.of("USD", "29000.00"))]
    foreseen = maker.financings.dry_run(wanted, "export invoice financing", "L-1")
    assert (foreseen.code, foreseen.id, foreseen.record_id) == ("ok", None, None)
    loan = maker.financings.apply(wanted, "export invoice financing", "L-1", hold_days=10)
    assert loan.id is not None and loan.code == "ok"
    assert isinstance(maker.financings.intake(loan.id, [None]), Receipt)
    task = maker.financings.approve(loan.id, PLEDGE)
    assert checker.tasks.get(task.id).state == "open"
    assert task.id in [each.id for each in checker.tasks.list(state="open")]
    signed = checker.tasks.sign(task.id)
    assert signed.done and signed.receipt is not None and signed.receipt.result["code"] == "ok"
    paid = maker.financings.disburse(loan.id, date(2026, 10, 27), date(2027, 1, 27), "D-1")
    assert checker.tasks.sign(paid.id).done

    with pytest.raises(Refused) as refused:
        maker.financings.apply([DeclarationUsed(line.declaration_id, Money.of("USD", "10000.00"))], "invoice", "L-2")
    assert refused.value.code == "exceeds-available"
    assert refused.value.body["lines"][0]["left"] == {"currency": "USD", "value": "7250.00"}
    assert maker.records.get(refused.value.record_id).result["code"] == "exceeds-available"

    later = maker.financings.extend(loan.id, date(2027, 2, 27), "the buyer pays later")
    extended = checker.tasks.sign(later.id)
    assert extended.done and extended.receipt is None and extended.task is not None
    assert maker.financings.get(loan.id).matures_on == date(2027, 2, 27)
    part = maker.financings.repay(loan.id, date(2026, 11, 1), "P-1", Money.of("USD", "9000.00"))
    assert checker.tasks.decline(part.id, "not received").state == "declined"
    collected = maker.declarations.record_collection(line.declaration_id, Money.of("USD", "29000.00"), date(2026, 11, 2), "C-1")
    assert checker.tasks.sign(collected.id).done
    (collection,) = maker.declarations.collections(line.declaration_id)
    whole = maker.financings.repay(
        loan.id, date(2026, 11, 3), "P-2", source="collections", collections={collection.id: Money.of("USD", "29000.00")}
    )
    assert checker.tasks.sign(whole.id).done
    financing = maker.financings.get(loan.id)
    assert (financing.state, financing.totals["repaid"].value) == ("PAID_OFF", Decimal("29000.00"))
    assert loan.id in [each.id for each in maker.financings.list(state="PAID_OFF", declaration_id=line.declaration_id)]


def test_lists_turn_their_pages_by_themselves(network: Network, at: At) -> None:
    items = [row() for _ in range(3)]
    registrar = at("authority", "core")
    files = [Upload("a.csv", _csv(items[:2]), "text/csv"), Upload("b.csv", _csv(items[2:]), "text/csv")]
    report = registrar.declarations.import_files(files)
    assert (report.total, report.refused, registrar.declarations.get_import(report.id)) == (3, 0, report)
    reported = list(registrar.declarations.import_items(report.id))
    assert [each.file for each in reported] == ["a.csv", "a.csv", "b.csv"]
    singly = list(registrar.http.items("/v1/declarations", {"limit": 1}))
    assert [each["id"] for each in singly] == [each.id for each in registrar.declarations.list()]
    assert [each.number for each in registrar.declarations.list(number=items[0]["declaration_number"])] == [items[0]["declaration_number"]]


def test_files_are_read_from_their_paths(network: Network, at: At, tmp_path: Path) -> None:
    file = tmp_path / "july.csv"
    file.write_bytes(_csv([row()]))
    registrar = at("authority", "core")
    report = registrar.declarations.import_files([file], idempotency_key="july")
    assert registrar.declarations.import_files([file], idempotency_key="july") == report
    pdf = tmp_path / "agreement.pdf"
    pdf.write_bytes(b"%PDF-1.7\n%%EOF\n")
    bank = at("bank-a", "maker")
    assert bank.attachments.get(bank.attachments.add(pdf)) == pdf.read_bytes()


def test_the_registrar_amends_and_voids_and_the_exporter_takes_consent_back(network: Network, at: At) -> None:
    declaration = answered(network, at)
    registrar, exporter = at("authority", "maker"), at("exporter-a", "maker")
    registrar.declarations.amend(declaration, Money.of("USD", "18125.00"), "short shipment")
    assert registrar.declarations.get(declaration).current == Money.of("USD", "18125.00")
    registrar.declarations.void(declaration, "withdrawn")
    assert registrar.declarations.get(declaration).status.declaration == "void"
    consent = list(exporter.consents.list())[-1]
    exporter.consents.revoke(consent.id)
    assert exporter.consents.get(consent.id).state == "revoked"


def test_a_financing_is_let_go_by_one_person_or_by_two(network: Network, at: At) -> None:
    declaration, maker = answered(network, at), at("bank-a", "maker")
    loan = maker.financings.apply([DeclarationUsed(declaration, Money.of("USD", "100.00"))], "invoice", "L-1")
    assert loan.id is not None
    assert isinstance(maker.financings.cancel(loan.id, "withdrawn"), Receipt)
    assert isinstance(maker.financings.cancel(approved(at, declaration, "100.00"), "withdrawn"), Task)


def test_the_ledger_is_read_and_proven(network: Network, at: At) -> None:
    declaration = answered(network, at)
    bank = at("bank-a", "maker")
    trust = network.founded.homes["bank-a"].joinpath("trust.json").read_bytes()
    about = bank.network.get()
    assert (about.name, about.node.member, about.registrar) == ("test", "bank-a", "authority")
    assert "hold_days_max" in bank.network.policy()
    assert [each.member for each in bank.network.members()] == ["auditor", "authority", "bank-a", "bank-b"]
    asked = network.sign_in("bank-a", "maker").get("/v1/governance/proposals")
    assert [each.id for each in bank.network.proposals()] == [each["id"] for each in asked.json()["items"]]
    record = bank.records.get(bank.declarations.get(declaration).record_id)
    assert (record.type, record.parts) == ("declaration.register", {})
    assert list(at("authority", "maker").records.get(record.record_id).parts) == ["declaration"]
    block = bank.records.block(record.height)
    assert block.header["height"] == record.height
    for proof in (
        bank.records.proof(record.record_id, reveal=True),
        bank.declarations.proof(declaration),
        bank.records.state_proof("policy"),
        bank.records.consistency_proof(1),
    ):
        assert verify(proof, trust).ok
    assert "cosigned" in bank.records.checkpoint()


def test_an_answer_that_takes_longer_is_named_and_found_later(network: Network, at: At) -> None:
    number, consent = declared(network, at)
    maker = at("bank-a", "maker")
    asked = maker.enquiries.ask(consent, [DeclarationAsked(number, EXPORTER_USCC)], wait_s=0)
    assert asked.state in ("pending", "answered")
    assert maker.enquiries.get(asked.id).state == "answered"


def test_a_message_of_iso_20022_is_sent_and_its_status_asked_for(network: Network, at: At) -> None:
    number, consent = declared(network, at)
    maker = at("bank-a", "maker")
    maker.enquiries.ask(consent, [DeclarationAsked(number, EXPORTER_USCC)])
    text = (
        (EXAMPLES / "request.xml").read_text(encoding="utf-8").replace("090820260519123456", number).replace("QG-2026", f"G{number[-6:]}")
    )
    taken = maker.iso20022.send(text.encode())
    assert b"<FincgReqSts>PDNG</FincgReqSts>" in taken.document
    assert b"PDNG" in maker.iso20022.status(taken.id)
    assert maker.iso20022.send(text.encode()).id == taken.id
    with pytest.raises(InvalidRequest) as wrong:
        maker.iso20022.send(b"<a/>")
    assert wrong.value.code == "iso-unsupported"


def test_credit_is_asked_for_within_the_consent(network: Network, at: At) -> None:
    now = datetime.fromtimestamp(network.clock.now_ms() / 1000, UTC)
    consent = at("exporter-a", "maker").consents.give("bank-a", ["basic"], now, now + timedelta(days=30), 1)
    await_record(network, "bank-a", consent.id)
    enquiry = at("bank-a", "maker").enquiries.ask_credit(consent.id, ["basic"])
    assert (enquiry.kind, enquiry.state) == ("credit", "answered")
    assert enquiry.credit is not None


def test_problems_are_one_family_with_code_hint_and_request(network: Network, at: At) -> None:
    maker = at("bank-a", "maker")
    with pytest.raises(NotFound) as unknown:
        maker.financings.get("0" * 64)
    assert (unknown.value.code, unknown.value.status) == ("unknown-financing", 404)
    assert unknown.value.request_id
    with pytest.raises(InvalidRequest) as wrong:
        maker.http.post("/v1/financings", {"lines": [], "colour": "red"})
    assert wrong.value.code == "invalid-request"
    assert "colour" in {each["field"] for each in wrong.value.errors}
    with pytest.raises(SignInFailed) as refused, Client(network.url("bank-a"), ClientSecret("maker", "wrong"), retries=SOON) as nobody:
        nobody.network.get()
    assert refused.value.code == "sign-in-failed"
    assert "wrong" not in str(refused.value)


def test_the_async_client_does_the_same(network: Network, at: At) -> None:
    number, consent = declared(network, at)

    async def bank() -> tuple[Any, ...]:
        async with AsyncClient(network.url("bank-a"), secret_of(network, "bank-a", "maker"), retries=SOON) as maker:
            enquiry = await maker.enquiries.ask(consent, [DeclarationAsked(number, EXPORTER_USCC)])
            declaration = enquiry.lines[0].declaration_id
            assert declaration is not None
            loan = await maker.financings.apply([DeclarationUsed(declaration, Money.of("USD", "100.00"))], "invoice", "L-1")
            with pytest.raises(NotFound):
                await maker.financings.get("0" * 64)
            pdf = Upload("a.pdf", b"%PDF-1.7\n%%EOF\n")
            kept = await maker.attachments.get(await maker.attachments.add(pdf))
            return loan, [each.id async for each in maker.financings.list()], kept

    loan, listed, kept = asyncio.run(bank())
    assert loan.id in listed and kept.startswith(b"%PDF")


def test_a_client_of_the_callers_own_carries_the_requests(network: Network) -> None:
    with httpx.Client(headers={"X-Request-Id": "core-4711"}) as http:
        maker = Client(network.url("bank-a"), secret_of(network, "bank-a", "maker"), http=http)
        with maker, pytest.raises(NotFound) as unknown:
            maker.records.get("0" * 64)
        assert unknown.value.request_id == "core-4711"
        assert not http.is_closed


def _csv(rows: list[dict[str, str]]) -> bytes:
    lines = [",".join(rows[0]), *(",".join(each.values()) for each in rows)]
    return ("\n".join(lines) + "\n").encode()
