"""Statements over a period: a bank's own financings by enterprise and branch, and one declaration's month for its exporter.

Each is JSON, or a file to keep (`format=csv`, `format=xlsx`); days are in UTC+8.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Path, Query
from starlette.responses import Response

from api.context import Caller, TheNode
from api.exports import Format, file_response
from api.resources.declarations import visible
from api.responses import json_response
from nodes.money import decimal_text
from nodes.node import Node
from nodes.spreadsheets import Sheet
from nodes.statements import declarations, financings
from nodes.statements.declarations import DeclarationStatement, Entry, declaration_statement
from nodes.statements.financings import StatementRow, financing_statement, totals
from nodes.statements.period import month as month_of
from nodes.statements.period import period

First = Annotated[str, Query(alias="from", pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$", description="the first day")]
Last = Annotated[str, Query(alias="to", pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$", description="the last day")]
Month = Annotated[str, Query(pattern=r"^[0-9]{4}-[0-9]{2}$", description="a calendar month")]
EnterpriseQuery = Annotated[str | None, Query(pattern=r"^[0-9a-f]{64}$", description="financings of this enterprise")]
Branch = Annotated[str | None, Query(max_length=200, description="financings of this branch")]
DeclarationId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class _StatementQuery:
    """A period, one branch where it is named, and the form of the answer."""

    first: First = ""
    last: Last = ""
    branch: Branch = None
    file_format: Format = "json"


StatementQuery = Annotated[_StatementQuery, Depends()]


def financings_over(node: TheNode, wanted: StatementQuery, enterprise_id: EnterpriseQuery = None) -> Response:
    """What each of this bank's financings owed at the beginning, what moved, and what it owes at the end."""
    if wanted.file_format != "json":
        return statement_file(node, wanted, enterprise_id)
    span = period(wanted.first, wanted.last)
    rows = financing_statement(node, span, enterprise_id, wanted.branch)
    sums = [dict(zip(financings.TOTALS, (_plain(cell) for cell in cells), strict=True)) for cells in totals(rows)]
    return json_response({"from": span.first, "to": span.last, "items": [_row(row) for row in rows], "totals": sums})


def statement_file(node: Node, wanted: _StatementQuery, enterprise_id: str | None) -> Response:
    """The same as a file. Raises `InputError` (`bad-period`, `statement-too-long`)."""
    span = period(wanted.first, wanted.last)
    rows = financing_statement(node, span, enterprise_id, wanted.branch)
    sheets = [
        Sheet("financings", [financings.HEADERS], (row.cells() for row in rows)),
        Sheet("totals", [financings.TOTALS], totals(rows)),
    ]
    return file_response(sheets, "csv" if wanted.file_format == "csv" else "xlsx", f"financings-{span.first}-{span.last}")


def declaration_month(node: TheNode, caller: Caller, declaration_id: DeclarationId, month: Month, chosen: Format = "json") -> Response:
    """What was lent on a declaration in a month, paid back and collected, and what stood at its end."""
    found = visible(node, caller, declaration_id)
    statement = declaration_statement(node, declaration_id, month_of(month))
    if chosen != "json":
        sheet = Sheet(found.number, [declarations.HEADERS], statement.cells())
        return file_response([sheet], chosen, f"declaration-{found.number}-{month}")
    return json_response(_statement(statement))


def add_routes(app: FastAPI) -> None:
    app.add_api_route("/v1/statements/financings", financings_over, methods=["GET"], tags=["statements"])
    app.add_api_route("/v1/declarations/{declaration_id}/statement", declaration_month, methods=["GET"], tags=["statements"])


def _plain(cell: object) -> Any:
    return cell if isinstance(cell, int | str) else str(cell)


def _row(row: StatementRow) -> dict[str, Any]:
    one = row.financing
    names = ("opening", "disbursed", "repaid", "other", "closing")
    return {
        "financing_id": one.id,
        "reference": one.reference,
        "branch": one.branch,
        "product": one.product,
        "exporter": {"enterprise_id": one.enterprise, "uscc": one.uscc, "name": one.name},
        "state": one.state,
        "currency": one.currency,
        **{name: _signed(amount, one.currency) for name, amount in zip(names, row.amounts_minor, strict=True)},
        "record_id": one.id,
    }


def _signed(amount_minor: int, currency: str) -> str:
    return ("-" if amount_minor < 0 else "") + decimal_text(abs(amount_minor), currency)


def _statement(statement: DeclarationStatement) -> dict[str, Any]:
    currency = statement.declaration.registered.currency
    return {
        "declaration_id": statement.declaration.id,
        "number": statement.declaration.number,
        "registered": statement.declaration.registered.to_json(),
        "from": statement.period.first,
        "to": statement.period.last,
        "opening": statement.opening.to_json(),
        "collected_before": statement.collected_before.to_json(),
        "entries": [_entry(each, currency) for each in statement.entries],
        "closing": statement.closing.to_json(),
        "available_now": statement.declaration.available.to_json(),
    }


def _entry(each: Entry, currency: str) -> dict[str, Any]:
    return {
        "day": each.day,
        "what": each.kind,
        "bank": each.bank,
        "financing_id": each.financing,
        "amount": {"currency": currency, "value": _signed(each.amount_minor, currency)},
        "outstanding": {"currency": currency, "value": _signed(each.outstanding_minor, currency)},
        "record_id": each.record_id,
    }
