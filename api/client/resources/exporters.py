"""Declarations and their imports, and what exporters consent to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from api.client.calls import Call, Page, Upload, as_bytes, get, paged, post, upload
from api.client.models import Money, Receipt, reading, valuing, without_none
from api.client.operations import Mode, Resource, listing, operation
from api.client.trade_models import Collection, Consent, Declaration, Import, ImportItem, Task


class Declarations(Resource[Mode]):
    """`client.declarations`: at the registrar, banks and exporters, each as far as they concern it."""

    @operation
    def import_files(
        self, files: Sequence[Path | Upload], *, wait_s: float | None = None, idempotency_key: str | None = None
    ) -> Call[Import]:
        """Registers what customs files hold (XML, CSV, XLSX), at the registrar. `import_items` says what became of each declaration."""
        uploads = [each if isinstance(each, Upload) else Upload(each.name, each) for each in files]
        return _finished(upload("/v1/declaration-imports", reading(Import), uploads, key=idempotency_key), wait_s)

    @operation
    def import_rows(
        self, rows: Sequence[Mapping[str, str]], *, wait_s: float | None = None, idempotency_key: str | None = None
    ) -> Call[Import]:
        """The same from rows whose names are the columns of the CSV template."""
        body = [dict(row) for row in rows]
        return _finished(post("/v1/declaration-imports", reading(Import), body, key=idempotency_key), wait_s)

    @operation
    def get_import(self, import_id: str) -> Call[Import]:
        """How an import stands."""
        return get(f"/v1/declaration-imports/{import_id}", reading(Import))

    @listing
    def import_items(self, import_id: str) -> Call[Page[ImportItem]]:
        """What became of each declaration, in the order of the files."""
        return get(f"/v1/declaration-imports/{import_id}", paged(valuing(ImportItem)))

    @listing
    def list(self, *, number: str | None = None, exporter_uscc: str | None = None) -> Call[Page[Declaration]]:
        """In the order of their registration."""
        return get("/v1/declarations", paged(valuing(Declaration)), {"number": number, "exporter_uscc": exporter_uscc})

    @operation
    def get(self, declaration_id: str) -> Call[Declaration]:
        """One, with what may still be financed on it."""
        return get(f"/v1/declarations/{declaration_id}", reading(Declaration))

    @operation
    def proof(self, declaration_id: str, *, height: int | None = None, reveal: bool = False) -> Call[bytes]:
        """The proof file of what it has available at a height."""
        return get(f"/v1/declarations/{declaration_id}/proof", as_bytes, {"height": height, "reveal": reveal or None})

    @operation
    def amend(self, declaration_id: str, amount: Money, reason: str, *, idempotency_key: str | None = None) -> Call[Receipt]:
        """The declared amount changed, at the registrar."""
        body = {"amount": amount.to_json(), "reason": reason}
        return post(f"/v1/declarations/{declaration_id}/amend", reading(Receipt), body, key=idempotency_key)

    @operation
    def void(
        self,
        declaration_id: str,
        reason: Literal["withdrawn", "error"],
        *,
        successor: str | None = None,
        idempotency_key: str | None = None,
    ) -> Call[Receipt]:
        """The declaration counts no more, at the registrar."""
        body = without_none(reason=reason, successor=successor)
        return post(f"/v1/declarations/{declaration_id}/void", reading(Receipt), body, key=idempotency_key)

    @operation
    def record_collection(
        self, declaration_id: str, amount: Money, collected_on: date, reference: str, *, idempotency_key: str | None = None
    ) -> Call[Task]:
        """Prepares the record that money came in from abroad, at a bank."""
        body = {"amount": amount.to_json(), "collected_on": collected_on.isoformat(), "reference": reference}
        return post(f"/v1/declarations/{declaration_id}/collections", reading(Task), body, key=idempotency_key)

    @listing
    def collections(self, declaration_id: str) -> Call[Page[Collection]]:
        """Money that came in, as far as this node can open it."""
        return get(f"/v1/declarations/{declaration_id}/collections", paged(valuing(Collection)))


class Consents(Resource[Mode]):
    """`client.consents`: given by an exporter, read by it and by the bank that it was given to."""

    @operation
    def give(
        self,
        bank: str,
        scopes: Sequence[str],
        not_before: datetime,
        not_after: datetime,
        uses: int,
        *,
        enterprise_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> Call[Consent]:
        """Lets a bank ask, in so many enquiries. Times are aware."""
        times = {"not_before": not_before.isoformat(), "not_after": not_after.isoformat()}
        body = {"bank": bank, "scopes": list(scopes), **times, **without_none(uses=uses, enterprise_id=enterprise_id)}
        return post("/v1/consents", reading(Consent), body, key=idempotency_key)

    @listing
    def list(self) -> Call[Page[Consent]]:
        """In the order of the ledger."""
        return get("/v1/consents", paged(valuing(Consent)))

    @operation
    def get(self, consent_id: str) -> Call[Consent]:
        """One, and how much of it is used."""
        return get(f"/v1/consents/{consent_id}", reading(Consent))

    @operation
    def revoke(self, consent_id: str, *, idempotency_key: str | None = None) -> Call[Receipt]:
        """Takes it back."""
        return post(f"/v1/consents/{consent_id}/revoke", reading(Receipt), key=idempotency_key)


def _finished(call: Call[Any], wait_s: float | None) -> Call[Any]:
    return replace(call, settled=lambda report: report.state != "running", wait_s=wait_s)
