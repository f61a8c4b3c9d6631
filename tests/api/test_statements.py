"""Statements through the public API: a bank's period, and an exporter's month."""

from __future__ import annotations

import csv
import io
from typing import Any

import openpyxl
import pytest

from tests.api.business import answered, asked, await_record, consented, financed, imported, row, signed
from tests.api.served import Network

pytestmark = pytest.mark.usefixtures("answering")

PERIOD = {"from": "2026-10-01", "to": "2026-11-30"}


@pytest.fixture(scope="module")
def lent(network: Network) -> dict[str, Any]:
    """USD 20,000.00 lent and 5,000.00 repaid on a fresh declaration: it and the financing."""
    declaration = imported(network, row())[0]
    line = answered(network, consented(network), [asked(declaration)])["lines"][0]
    path = financed(network, line["declaration_id"], "20000.00").headers["location"]
    maker = network.sign_in("bank-a", "maker")
    assert maker.post(f"{path}/intake", json={}).status_code == 200
    pledge = {"agreement": "=A-1", "registration_number": "R-1", "registered_at": "2026-10-26T08:00:00Z"}
    signed(network, maker.post(f"{path}/approve", json={"pledge": pledge}))
    days = {"disbursed_on": "2026-10-27", "matures_on": "2027-01-27", "reference": "D-1"}
    signed(network, maker.post(f"{path}/disburse", json=days))
    total = {"currency": "USD", "value": "5000.00"}
    repayment = {"total": total, "source": "own-funds", "paid_on": "2026-11-03", "reference": "P"}
    await_record(network, "exporter-a", signed(network, maker.post(f"{path}/repay", json=repayment))["record_id"])
    return {"declaration": line["declaration_id"], "financing": path.rpartition("/")[2]}


def test_a_banks_statement_in_three_forms_says_the_same(network: Network, lent: dict[str, Any]) -> None:
    maker = network.sign_in("bank-a", "maker")
    told = maker.get("/v1/statements/financings", params=PERIOD).json()
    mine = next(each for each in told["items"] if each["financing_id"] == lent["financing"])
    expected = ["0.00", "20000.00", "5000.00", "0.00", "15000.00"]
    assert [mine[name] for name in ("opening", "disbursed", "repaid", "other", "closing")] == expected
    assert sum(each["financings"] for each in told["totals"]) == len(told["items"])

    file = maker.get("/v1/financings", params={**PERIOD, "format": "csv"})
    assert "financings-2026-10-01-2026-11-30.csv" in file.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))
    found = next(each for each in rows if each["financing"] == lent["financing"])
    assert [found[name] for name in ("opening", "disbursed", "repaid", "other", "closing")] == expected

    book = openpyxl.load_workbook(io.BytesIO(maker.get("/v1/financings", params={**PERIOD, "format": "xlsx"}).content))
    assert book.sheetnames == ["financings", "totals"]
    by_id = {line[0].value: [cell.value for cell in line] for line in book["financings"].iter_rows(min_row=2)}
    assert by_id[lent["financing"]][-1] == 15_000


def test_a_period_must_be_one(network: Network) -> None:
    maker = network.sign_in("bank-a", "maker")
    for params in ({}, {"from": "2026-10-01"}, {"from": "2026-10-02", "to": "2026-10-01"}):
        answer = maker.get("/v1/financings", params={**params, "format": "csv"})
        assert (answer.status_code, answer.json()["code"]) == (422, "bad-period")


def test_an_exporters_month_shows_what_was_lent_repaid_and_left(network: Network, lent: dict[str, Any]) -> None:
    exporter = network.sign_in("exporter-a", "core")
    path = f"/v1/declarations/{lent['declaration']}/statement"
    october, november = (exporter.get(path, params={"month": month}).json() for month in ("2026-10", "2026-11"))
    assert [(each["what"], each["bank"], each["outstanding"]["value"]) for each in october["entries"]] == [
        ("disbursed", "bank-a", "20000.00")
    ]
    assert (november["opening"]["value"], november["closing"]["value"]) == ("20000.00", "15000.00")
    assert november["available_now"]["value"] == "21206.25", "a use is rounded up to a step, what frees is rounded down"
    sheet = openpyxl.load_workbook(io.BytesIO(exporter.get(path, params={"month": "2026-11", "format": "xlsx"}).content)).worksheets[0]
    assert [cell.value for cell in sheet[sheet.max_row]][1] == "closing"


def test_nobody_else_gets_the_month(network: Network, lent: dict[str, Any]) -> None:
    path = f"/v1/declarations/{lent['declaration']}/statement"
    assert network.sign_in("bank-a", "maker").get(path, params={"month": "2026-10"}).status_code == 403
    assert network.sign_in("auditor", "core").get(path, params={"month": "2026-10"}).status_code == 403
