"""What a bank does: enquiries, applications, and a financing's steps; and second signatures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from api.client.calls import Call, Page, Reply, Upload, as_bytes, get, paged, post, upload
from api.client.models import Money, Receipt, money_json, reading, valuing, without_none
from api.client.operations import Mode, Resource, listing, operation
from api.client.resources.adjustments import Adjustments, Amounts, amounts_json, at
from api.client.trade_models import Application, Enquiry, Financing, Signed, Task


@dataclass(frozen=True, slots=True)
class DeclarationAsked:
    """A declaration as the bank was shown it; what is None is not asked."""

    number: str
    exporter_uscc: str
    amount: Money | None = None
    export_date: date | None = None


@dataclass(frozen=True, slots=True)
class DeclarationUsed:
    """A declaration, and how much is to be financed on it; None is all that is left."""

    declaration_id: str
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class Pledge:
    """What secures the loan: the agreement, and the number and time of its registration as a movable."""

    agreement: str
    registration_number: str
    registered_at: datetime


class Enquiries(Resource[Mode]):
    """`client.enquiries`: asked by a bank under an exporter's consent, answered by the authority's node."""

    @operation
    def ask(
        self, consent_id: str, lines: Sequence[DeclarationAsked], *, wait_s: float | None = None, idempotency_key: str | None = None
    ) -> Call[Enquiry]:
        """About up to 500 declarations of one exporter; gives the answer. Raises `AnswerLate`, after which `get` goes on."""
        asked = [
            without_none(
                number=each.number,
                exporter_uscc=each.exporter_uscc,
                amount=money_json(each.amount),
                export_date=None if each.export_date is None else each.export_date.isoformat(),
            )
            for each in lines
        ]
        body = {"kind": "declarations", "consent_id": consent_id, "lines": asked}
        return _answered(post("/v1/enquiries", reading(Enquiry), body, key=idempotency_key), wait_s)

    @operation
    def ask_credit(
        self, consent_id: str, scopes: Sequence[str] | None = None, *, wait_s: float | None = None, idempotency_key: str | None = None
    ) -> Call[Enquiry]:
        """About the exporter's credit facts, in every scope of the consent by default."""
        body = {"kind": "credit", "consent_id": consent_id, **without_none(scopes=None if scopes is None else list(scopes))}
        return _answered(post("/v1/enquiries", reading(Enquiry), body, key=idempotency_key), wait_s)

    @operation
    def get(self, enquiry_id: str, *, wait_s: float | None = None) -> Call[Enquiry]:
        """The enquiry, once it is answered. With `wait_s=0` as it stands."""
        return _answered(get(f"/v1/enquiries/{enquiry_id}", reading(Enquiry)), wait_s)

    @listing
    def list(self) -> Call[Page[Enquiry]]:
        """In the order of the ledger."""
        return get("/v1/enquiries", paged(valuing(Enquiry)))


class Financings(Adjustments[Mode]):
    """`client.financings`: what two people sign gives a `Task`; the rules' refusal is `Refused` with their code."""

    @operation
    def apply(
        self,
        lines: Sequence[DeclarationUsed],
        product: str,
        reference: str,
        *,
        branch: str | None = None,
        hold_days: int | None = None,
        mode: Literal["all", "partial"] = "all",
        attachments: Sequence[str] = (),
        idempotency_key: str | None = None,
    ) -> Call[Application]:
        """Holds shares of declarations that an enquiry was answered about. `Refused.body["lines"]` says of each line what is left."""
        body = _application(lines, product, reference, branch, hold_days, mode, attachments)
        return post("/v1/financings", reading(Application), body, key=idempotency_key)

    @operation
    def dry_run(
        self,
        lines: Sequence[DeclarationUsed],
        product: str,
        reference: str,
        *,
        branch: str | None = None,
        hold_days: int | None = None,
        mode: Literal["all", "partial"] = "all",
    ) -> Call[Application]:
        """What would come of `apply` now; nothing is written. A refusal is an answer here: see `code`."""
        body = _application(lines, product, reference, branch, hold_days, mode, ())
        return post("/v1/financings", reading(Application), body, params={"dry_run": True})

    @listing
    def list(
        self, *, state: str | None = None, declaration_id: str | None = None, enterprise_id: str | None = None, overdue: bool | None = None
    ) -> Call[Page[Financing]]:
        """The newest first."""
        chosen = {"state": state, "declaration_id": declaration_id, "enterprise_id": enterprise_id, "overdue": overdue}
        return get("/v1/financings", paged(valuing(Financing)), chosen)

    @operation
    def get(self, financing_id: str) -> Call[Financing]:
        """As it stands, with what may be done next."""
        return get(f"/v1/financings/{financing_id}", reading(Financing))

    @operation
    def intake(self, financing_id: str, keep: Amounts | None = None, *, idempotency_key: str | None = None) -> Call[Receipt]:
        """Takes an application in. `keep`: what each line keeps, None all of it."""
        return post(at(financing_id, "intake"), reading(Receipt), without_none(keep=amounts_json(keep)), key=idempotency_key)

    @operation
    def approve(
        self,
        financing_id: str,
        pledge: Pledge,
        keep: Amounts | None = None,
        *,
        attachments: Sequence[str] = (),
        idempotency_key: str | None = None,
    ) -> Call[Task]:
        """Prepares the approval."""
        secured = {
            "agreement": pledge.agreement,
            "registration_number": pledge.registration_number,
            "registered_at": pledge.registered_at.isoformat(),
        }
        body = {"pledge": secured, "attachments": list(attachments), **without_none(keep=amounts_json(keep))}
        return post(at(financing_id, "approve"), reading(Task), body, key=idempotency_key)

    @operation
    def disburse(
        self,
        financing_id: str,
        disbursed_on: date,
        matures_on: date,
        reference: str,
        amounts: Amounts | None = None,
        *,
        final: bool = True,
        attachments: Sequence[str] = (),
        idempotency_key: str | None = None,
    ) -> Call[Task]:
        """Prepares the registration of a disbursement: what was paid on each line, None all that is left. `final` frees the rest."""
        days = {"disbursed_on": disbursed_on.isoformat(), "matures_on": matures_on.isoformat()}
        body = {
            **days,
            "reference": reference,
            "final": final,
            "attachments": list(attachments),
            **without_none(amounts=amounts_json(amounts)),
        }
        return post(at(financing_id, "disburse"), reading(Task), body, key=idempotency_key)

    @operation
    def repay(
        self,
        financing_id: str,
        paid_on: date,
        reference: str,
        total: Money | None = None,
        *,
        source: Literal["own-funds", "collections"] = "own-funds",
        collections: Mapping[str, Money] | None = None,
        idempotency_key: str | None = None,
    ) -> Call[Task]:
        """Prepares the registration of a repayment of `total`, by default of all that is outstanding. `collections`: how much of which."""
        used = [{"collection_id": each, "amount": amount.to_json()} for each, amount in (collections or {}).items()]
        body = {"paid_on": paid_on.isoformat(), "reference": reference, "source": source, "collections": used}
        return post(at(financing_id, "repay"), reading(Task), {**body, **without_none(total=money_json(total))}, key=idempotency_key)

    @operation
    def cancel(
        self, financing_id: str, reason: Literal["rejected", "withdrawn", "error"], text: str = "", *, idempotency_key: str | None = None
    ) -> Call[Receipt | Task]:
        """Lets it go; once approved, two people state that no money left, and the answer is their `Task`."""
        body = {"reason": reason, "text": text}
        return post(at(financing_id, "cancel"), _receipt_or_task, body, key=idempotency_key)

    @operation
    def extend(self, financing_id: str, matures_on: date, reason: str, *, idempotency_key: str | None = None) -> Call[Task]:
        """Prepares a later maturity."""
        body = {"matures_on": matures_on.isoformat(), "reason": reason}
        return post(at(financing_id, "extend"), reading(Task), body, key=idempotency_key)


class Tasks(Resource[Mode]):
    """`client.tasks`: second signatures, by a person who prepared nothing of it."""

    @listing
    def list(self, *, state: Literal["open", "awaiting-authority", "signed", "declined", "expired"] | None = None) -> Call[Page[Task]]:
        """The newest first."""
        return get("/v1/tasks", paged(valuing(Task)), {"state": state})

    @operation
    def get(self, task_id: str) -> Call[Task]:
        """A task, and what became of its record."""
        return get(f"/v1/tasks/{task_id}", reading(Task))

    @operation
    def sign(self, task_id: str, *, idempotency_key: str | None = None) -> Call[Signed]:
        """Signs second, and sends the record. Raises `Refused` with the rules' code."""
        return post(f"/v1/tasks/{task_id}/sign", _signed, key=idempotency_key)

    @operation
    def decline(self, task_id: str, reason: str, *, idempotency_key: str | None = None) -> Call[Task]:
        """Ends it unsigned."""
        return post(f"/v1/tasks/{task_id}/decline", reading(Task), {"reason": reason}, key=idempotency_key)


class Attachments(Resource[Mode]):
    """`client.attachments`: documents that requests name by their digest."""

    @operation
    def add(self, file: Path | Upload, *, idempotency_key: str | None = None) -> Call[str]:
        """Hands a document in; gives its SHA-256."""
        kept = file if isinstance(file, Upload) else Upload(file.name, file)
        return upload("/v1/attachments", lambda reply: str(reply.json()["sha256"]), [kept], key=idempotency_key)

    @operation
    def get(self, sha256: str) -> Call[bytes]:
        """The document."""
        return get(f"/v1/attachments/{sha256}", as_bytes)


def _application(
    lines: Sequence[DeclarationUsed],
    product: str,
    reference: str,
    branch: str | None,
    hold_days: int | None,
    mode: str,
    attachments: Sequence[str],
) -> dict[str, Any]:
    used = [without_none(declaration_id=each.declaration_id, amount=money_json(each.amount)) for each in lines]
    body = {"lines": used, "product": product, "reference": reference, "mode": mode, "attachments": list(attachments)}
    return {**body, **without_none(branch=branch, hold_days=hold_days)}


def _answered(call: Call[Enquiry], wait_s: float | None) -> Call[Enquiry]:
    return replace(call, settled=lambda enquiry: enquiry.state != "pending", wait_s=wait_s)


def _receipt_or_task(reply: Reply) -> Receipt | Task:
    return reading(Task)(reply) if reply.status == 202 else reading(Receipt)(reply)


def _signed(reply: Reply) -> Signed:
    """A receipt, with the heads that are waited for; or the task."""
    body = reply.json()
    if "task" not in body and "log_index" in body:
        return valuing(Signed)({"receipt": body, "heads": body.get("heads")})
    return valuing(Signed)({"task": body, "heads": body.get("heads")})
