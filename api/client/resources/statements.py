"""Statements: of a bank's financings over a period, and of a declaration over a month."""

from __future__ import annotations

from datetime import date
from typing import Literal

from api.client.calls import Call, Params, as_bytes, get
from api.client.models import reading
from api.client.operations import Mode, Resource, operation
from api.client.oversight_models import DeclarationStatement, FinancingStatement

Form = Literal["csv", "xlsx"]
_FINANCINGS = "/v1/statements/financings"


class Statements(Resource[Mode]):
    """`client.statements`."""

    @operation
    def financings(
        self, first: date, last: date, *, branch: str | None = None, enterprise_id: str | None = None
    ) -> Call[FinancingStatement]:
        """What each of this bank's financings owed, what moved, and what it owes at the end."""
        return get(_FINANCINGS, reading(FinancingStatement), _over(first, last, branch, enterprise_id))

    @operation
    def financings_file(
        self, form: Form, first: date, last: date, *, branch: str | None = None, enterprise_id: str | None = None
    ) -> Call[bytes]:
        """The same as a file."""
        return get(_FINANCINGS, as_bytes, {**_over(first, last, branch, enterprise_id), "format": form})

    @operation
    def declaration(self, declaration_id: str, month: date) -> Call[DeclarationStatement]:
        """What was lent on a declaration in the month of a day, paid back and collected: for its exporter."""
        return get(_of(declaration_id), reading(DeclarationStatement), {"month": f"{month:%Y-%m}"})

    @operation
    def declaration_file(self, declaration_id: str, month: date, form: Form) -> Call[bytes]:
        """The same as a file."""
        return get(_of(declaration_id), as_bytes, {"month": f"{month:%Y-%m}", "format": form})


def _over(first: date, last: date, branch: str | None, enterprise_id: str | None) -> Params:
    return {"from": first.isoformat(), "to": last.isoformat(), "branch": branch, "enterprise_id": enterprise_id}


def _of(declaration_id: str) -> str:
    return f"/v1/declarations/{declaration_id}/statement"
