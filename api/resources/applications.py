"""Applications for a financing: a bank asks for holds, and is told line by line what it got and what is left, in money."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from fastapi import FastAPI, Query
from pydantic import Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from api.context import Acting, Caller, TheNode
from api.idempotency import reference_of
from api.models import ApiModel, Hash, MoneyIn, ShortText, TimeMs
from api.problems import problem, request_id_of
from api.responses import json_response
from contracts.codes import CODES
from ledger.clock import rfc3339
from ledger.limits import ALLOCATIONS_BOUND, ATTACHMENTS_PER_PART_MAX
from nodes.financings.apply import ApplicationLine, ApplicationOutcome, Applications, LineOutcome

DryRun = Annotated[bool, Query(description="answer from this node's replica, and write nothing")]


class LineIn(ApiModel):
    """A declaration, and how much is to be financed on it; null is all that is left."""

    declaration_id: Hash
    amount: MoneyIn | None = None


class ApplicationIn(ApiModel):
    """`branch`, `product` and `reference` are the bank's own words and stay sealed. `mode`: hold `all` lines or none, or the `partial` ones
    that pass. A hold lasts `hold_days`, or until `hold_until`; by default 15 days, or as long as the policy lets.
    """

    lines: Annotated[list[LineIn], Field(min_length=1, max_length=ALLOCATIONS_BOUND)]
    branch: ShortText | None = None
    product: ShortText
    reference: ShortText
    hold_days: Annotated[int, Field(ge=1, le=60)] | None = None
    hold_until: TimeMs | None = None
    mode: Literal["all", "partial"] = "all"
    attachments: Annotated[list[Hash], Field(max_length=ATTACHMENTS_PER_PART_MAX, default_factory=list)]

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if self.hold_days is not None and self.hold_until is not None:
            raise ValueError("give `hold_days` or `hold_until`, not both")
        return self


def apply(request: Request, node: TheNode, caller: Caller, acting: Acting, body: ApplicationIn, dry_run: DryRun = False) -> Response:
    """Applies for a financing. A refusal is 409 with the code, each line's, and the record that shows the attempt; there is none where no
    line could be put into one.
    """
    outcome = Applications(node).apply(
        acting,
        [ApplicationLine(line.declaration_id, line.amount) for line in body.lines],
        branch=body.branch or "",
        product=body.product,
        reference=body.reference,
        hold_days=body.hold_days,
        hold_until_ms=body.hold_until,
        mode=body.mode,
        dry_run=dry_run,
        attachments=body.attachments,
        cause=reference_of(request, caller.name),
    )
    content = _json(outcome)
    if dry_run:
        return json_response(content)
    if outcome.id is None:
        detail = CODES.get(outcome.code) or next((line.message for line in outcome.lines if line.code == outcome.code), outcome.code)
        told = {name: value for name, value in content.items() if name != "record_id" or value is not None}
        return problem(409, outcome.code, detail, request_id=request_id_of(request), extra=told)
    return json_response(content, status=201, headers={"Location": f"/v1/financings/{outcome.id}"})


def add_routes(app: FastAPI) -> None:
    app.add_api_route("/v1/financings", apply, methods=["POST"], status_code=201, tags=["financings"])


def _json(outcome: ApplicationOutcome) -> dict[str, Any]:
    return {
        "id": outcome.id,
        "code": outcome.code,
        "lines": [_line(line) for line in outcome.lines],
        "record_id": outcome.record_id,
        "as_of": {"height": outcome.height, "time": rfc3339(outcome.time_ms)},
    }


def _line(line: LineOutcome) -> dict[str, Any]:
    return {
        "declaration_id": line.declaration_id,
        "number": line.number,
        "code": line.code,
        "message": "" if line.code == "ok" else line.message,
        "share": line.share,
        "amount": None if line.amount is None else line.amount.to_json(),
        "left": None if line.left is None else line.left.to_json(),
    }
