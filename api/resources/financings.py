"""Financings at a bank: taken in, approved, disbursed, repaid, cancelled, and read with money beside every share.

What the domain marks with two signatures answers 202 with a task that a second person signs.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import FastAPI, Path, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.context import Acting, Caller, TheNode
from api.idempotency import reference_of
from api.models import ApiModel, Day, Hash, Limit, MoneyIn, ShortText, SignedMoneyIn
from api.resources.exchange import ExchangeIn
from api.resources.records import receipt_json
from api.resources.statements import StatementQuery, statement_file
from api.resources.tasks import opened_task
from api.responses import json_response, page, single
from ledger.clock import rfc3339
from ledger.errors import InputError
from ledger.limits import ALLOCATIONS_BOUND, ATTACHMENTS_PER_PART_MAX, COLLECTIONS_PER_REPAYMENT_MAX, INTEGER_MAX
from nodes.financings.desk import Financings
from nodes.financings.particulars import Loan
from nodes.financings.steps import CollectionUse, Pledge
from nodes.financings.views import Financing, FinancingLine
from nodes.money import Money
from nodes.tasks import Task
from nodes.witnessing.heads import APPROVE, MatchingHeads

FinancingId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
Before = Annotated[int | None, Query(ge=0, le=INTEGER_MAX, description="the cursor that the page before gave as `next`")]
State = Annotated[str | None, Query(pattern=r"^[A-Z_]{1,32}$", description="financings of this state")]
IdQuery = Annotated[str | None, Query(pattern=r"^[0-9a-f]{64}$")]
Overdue = Annotated[bool | None, Query(description="only what is overdue, or only what is not")]
Stale = Annotated[bool | None, Query(description="only approvals that have gone stale, or only what has not")]
Documents = Annotated[list[Hash], Field(max_length=ATTACHMENTS_PER_PART_MAX, default_factory=list)]
Amounts = Annotated[list[MoneyIn | None], Field(min_length=1, max_length=ALLOCATIONS_BOUND)]


class PledgeIn(ApiModel):
    """What secures the loan: the agreement, and the number and time of its registration as a movable."""

    agreement: ShortText
    registration_number: ShortText
    registered_at: ShortText


class IntakeIn(ApiModel):
    """`keep`: what each line keeps, null all of it, zero lets it go; null in its place keeps everything."""

    keep: Amounts | None = None


class ApproveIn(ApiModel):
    """As `IntakeIn`, with the pledge, and digests of documents that were handed in before."""

    pledge: PledgeIn
    keep: Amounts | None = None
    attachments: Documents


class DisburseIn(ApiModel):
    """What was paid out on each line, null what is left of it. `final` frees what was not drawn. `exchange`: what all of it was changed
    into.
    """

    amounts: Amounts | None = None
    final: bool = True
    disbursed_on: Day
    matures_on: Day
    reference: ShortText
    exchange: ExchangeIn | None = None
    attachments: Documents


class ExtendIn(ApiModel):
    """Until when the loan runs now (展期), and why. It stays in this node."""

    matures_on: Day
    reason: ShortText


class CollectionUseIn(ApiModel):
    """How much of a collection goes into the repayment."""

    collection_id: Hash
    amount: MoneyIn


class RepayIn(ApiModel):
    """`amounts` for each line, or a `total` that pays the first lines first, or neither for all that is outstanding."""

    amounts: Amounts | None = None
    total: MoneyIn | None = None
    source: Literal["own-funds", "collections"]
    collections: Annotated[list[CollectionUseIn], Field(max_length=COLLECTIONS_PER_REPAYMENT_MAX, default_factory=list)]
    paid_on: Day
    reference: ShortText


class WriteOffIn(ApiModel):
    """What is written off on each line, null all that is outstanding. `back` takes back what was written off before, null all of it."""

    amounts: Amounts | None = None
    back: bool = False
    reason: ShortText


class CorrectIn(ApiModel):
    """What is added to what was recorded as drawn on each line; a value that begins with a minus sign is taken from it."""

    amounts: Annotated[list[SignedMoneyIn | None], Field(min_length=1, max_length=ALLOCATIONS_BOUND)]
    reason: ShortText


class CancelIn(ApiModel):
    """Why; `text` stays sealed. `stale` is the authority's reason, and no bank's."""

    reason: Literal["rejected", "withdrawn", "error", "stale"]
    text: Annotated[str, Field(max_length=200)] = ""


def list_financings(
    node: TheNode,
    statement: StatementQuery,
    state: State = None,
    declaration_id: IdQuery = None,
    enterprise_id: IdQuery = None,
    overdue: Overdue = None,
    stale: Stale = None,
    after: Before = None,
    limit: Limit = 100,
) -> Response:
    """The newest first; as a file (`format`), the statement of a period (`from`, `to`)."""
    if statement.file_format != "json":
        return statement_file(node, statement, enterprise_id)
    chosen = {"declaration": declaration_id, "enterprise": enterprise_id}
    found = Financings(node).page(state=state, **chosen, overdue=overdue, stale=stale, before=after, limit=limit)
    return page([_json(each) for each in found], found[-1].log_index if len(found) == limit else None)


def get_financing(request: Request, node: TheNode, financing_id: FinancingId) -> Response:
    """A financing as it stands, and what may be done with it next. `heads` says whether its approval is final here, where this node waits
    for other members' heads to match.
    """
    financing = Financings(node).get(financing_id)
    approvals = [each.record_id for each in financing.records if each.type == APPROVE and each.code == "ok"]
    heads = MatchingHeads(node).of_record(approvals[-1]) if approvals else None
    return single(request, _json(financing) | ({} if heads is None else {"heads": heads.to_json()}))


def intake(
    request: Request, node: TheNode, caller: Caller, acting: Acting, financing_id: FinancingId, body: IntakeIn | None = None
) -> Response:
    """Takes an application in."""
    keep = None if body is None else body.keep
    receipt = Financings(node).intake(acting, financing_id, keep, cause=reference_of(request, caller.name))
    return json_response(receipt_json(receipt))


def approve(request: Request, node: TheNode, caller: Caller, acting: Acting, financing_id: FinancingId, body: ApproveIn) -> Response:
    """Prepares the approval, which is the check just before money moves."""
    pledge = Pledge(body.pledge.agreement, body.pledge.registration_number, body.pledge.registered_at)
    cause = reference_of(request, caller.name)
    return opened_task(Financings(node).approve(acting, financing_id, pledge, body.keep, attachments=body.attachments, cause=cause))


def disburse(request: Request, node: TheNode, caller: Caller, acting: Acting, financing_id: FinancingId, body: DisburseIn) -> Response:
    """Prepares the registration of a disbursement."""
    days = {"disbursed_on": body.disbursed_on, "matures_on": body.matures_on}
    task = Financings(node).disburse(
        acting,
        financing_id,
        body.amounts,
        final=body.final,
        reference=body.reference,
        exchange=None if body.exchange is None else body.exchange.stated(),
        attachments=body.attachments,
        cause=reference_of(request, caller.name),
        **days,
    )
    return opened_task(task)


def extend(request: Request, node: TheNode, caller: Caller, acting: Acting, financing_id: FinancingId, body: ExtendIn) -> Response:
    """Prepares a later maturity, for a second person to sign. There is no record of it: it moves nothing on the ledger."""
    cause = reference_of(request, caller.name)
    return opened_task(Financings(node).maturities.extend(acting, financing_id, body.matures_on, body.reason, cause=cause))


def repay(request: Request, node: TheNode, caller: Caller, acting: Acting, financing_id: FinancingId, body: RepayIn) -> Response:
    """Prepares the registration of a repayment."""
    if body.amounts is not None and body.total is not None:
        raise InputError("invalid-request", "say either what each line is repaid or the total, not both")
    task = Financings(node).repay(
        acting,
        financing_id,
        body.amounts if body.total is None else body.total,
        source=body.source,
        paid_on=body.paid_on,
        reference=body.reference,
        collections=[CollectionUse(each.collection_id, each.amount) for each in body.collections],
        cause=reference_of(request, caller.name),
    )
    return opened_task(task)


def write_off(request: Request, node: TheNode, caller: Caller, acting: Acting, financing_id: FinancingId, body: WriteOffIn) -> Response:
    """Prepares a write-off, or, with `back`, that it is taken back."""
    cause = reference_of(request, caller.name)
    return opened_task(Financings(node).write_off(acting, financing_id, body.amounts, body.reason, back=body.back, cause=cause))


def correct(request: Request, node: TheNode, caller: Caller, acting: Acting, financing_id: FinancingId, body: CorrectIn) -> Response:
    """Prepares a correction of what was recorded as drawn."""
    return opened_task(Financings(node).correct(acting, financing_id, body.amounts, body.reason, cause=reference_of(request, caller.name)))


def cancel(request: Request, node: TheNode, caller: Caller, acting: Acting, financing_id: FinancingId, body: CancelIn) -> Response:
    """Lets a financing go; once approved, two people state that no money left."""
    cause = reference_of(request, caller.name)
    if body.reason == "stale":
        return json_response(receipt_json(Financings(node).stale.cancel(acting, financing_id, body.text, cause=cause)))
    done = Financings(node).cancel(acting, financing_id, body.reason, body.text, cause=cause)
    return opened_task(done) if isinstance(done, Task) else json_response(receipt_json(done))


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["financings"]
    app.add_api_route("/v1/financings", list_financings, methods=["GET"], tags=tags)
    app.add_api_route("/v1/financings/{financing_id}", get_financing, methods=["GET"], tags=tags)
    for step in (intake, approve, disburse, extend, repay, cancel, write_off, correct):
        app.add_api_route(f"/v1/financings/{{financing_id}}/{step.__name__.replace('_', '-')}", step, methods=["POST"], tags=tags)


def _json(financing: Financing) -> dict[str, Any]:
    return {
        "id": financing.id,
        "bank": financing.bank,
        "state": financing.state,
        "mode": financing.mode,
        "flags": list(financing.flags),
        "exporter": {"enterprise_id": financing.enterprise, "uscc": financing.uscc, "name": financing.name},
        "branch": financing.branch,
        "product": financing.product,
        "reference": financing.reference,
        "applied": rfc3339(financing.applied_ms),
        "taken_over_from": financing.origin,
        "taken_over_by": financing.heir,
        "offered_until": None if financing.offered_until_ms is None else rfc3339(financing.offered_until_ms),
        "hold_until": None if financing.hold_until_ms is None else rfc3339(financing.hold_until_ms),
        "approved": None if financing.approved_ms is None else rfc3339(financing.approved_ms),
        "totals": {name: financing.total(name).to_json() for name in ("applied", "disbursed", "repaid", "written_off", "outstanding")},
        "lines": [_line(line) for line in financing.lines],
        "records": [
            {"record_id": each.record_id, "type": each.type, "code": each.code, "time": rfc3339(each.time_ms), "height": each.height}
            for each in financing.records
        ],
        "loans": [_loan(financing, loan, day) for loan, day in financing.loans],
        "matures_on": financing.matures_on,
        "overdue": {"amount": financing.overdue.to_json(), "days": financing.days_overdue},
        "maturity_changes": [
            {
                "from": each.matured_on,
                "to": each.matures_on,
                "reason": each.reason,
                "prepared_by": each.prepared_by,
                "signed_by": each.signed_by,
                "time": rfc3339(each.changed_ms),
            }
            for each in financing.changes
        ],
        "attachments": [
            {"record_id": each.record_id, "sha256": each.sha256, "name": each.name, "bytes": each.bytes} for each in financing.documents
        ],
        "actions": list(financing.actions),
        "record_id": financing.id,
        "as_of": {"height": financing.height, "time": rfc3339(financing.time_ms)},
    }


def _loan(financing: Financing, loan: Loan, matures_on: str) -> dict[str, Any]:
    return {
        "record_id": loan.record_id,
        "amount": Money(financing.currency, loan.amount_minor).to_json(),
        "disbursed_on": loan.disbursed_on,
        "matures_on": matures_on,
        "reference": loan.reference,
    }


def _line(line: FinancingLine) -> dict[str, Any]:
    money = {"applied", "registered", "approved", "undrawn", "disbursed", "repaid", "written_off", "outstanding", "available"}
    plain = ("declaration_id", "number", "code", "held", "drawn", "lost")
    return {
        **{name: getattr(line, name) for name in plain},
        "consent_id": line.consent,
        "money": {name: _money(getattr(line, name)) for name in sorted(money)},
    }


def _money(amount: Money | None) -> dict[str, str] | None:
    return None if amount is None else amount.to_json()
