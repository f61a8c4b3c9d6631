"""A bank's credit limits: its own parameters, in versions, and limits computed from answers about credit. None of it is on the ledger."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import FastAPI, Path, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.context import Caller, TheNode
from api.models import ApiModel, Day, Hash, Limit, MoneyIn, ShortText
from api.responses import json_response, page, single
from ledger.clock import rfc3339
from ledger.errors import InputError
from ledger.limits import CREDIT_RATES_MAX, CREDIT_WEIGHT_PPM_MAX, INTEGER_MAX
from nodes.credit.assessments import Assessments, KeptAssessment
from nodes.credit.facts import Year
from nodes.credit.parameters import RATE_ONE, WHOLE, Input, ParameterBook, Parameters, Version, parameters_of
from nodes.money import Money
from nodes.node import Node

Weight = Annotated[int, Field(ge=0, le=CREDIT_WEIGHT_PPM_MAX)]
Factor = Annotated[int, Field(ge=0, le=WHOLE)]
AfterNumber = Annotated[int, Query(ge=0, le=INTEGER_MAX, description="the cursor that the page before gave as `next`")]
AssessmentId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
UsccQuery = Annotated[str | None, Query(pattern=r"^[0-9A-Z]{18}$", description="of one enterprise only")]
_RATE: Final = re.compile(r"(?:0|[1-9][0-9]{0,5})(?:\.[0-9]{1,9})?", re.ASCII)


class WeightsIn(ApiModel):
    """In parts per million of each amount."""

    collections: Weight
    payments: Weight
    exports: Weight
    imports: Weight


class ClassFactorsIn(ApiModel):
    """In parts per million, by the enterprise's class."""

    A: Factor
    B: Factor
    C: Factor


class RateIn(ApiModel):
    """What one unit of `currency` is worth in the limit's currency: a decimal string with up to nine places."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    rate: Annotated[str, Field(max_length=16)]


class ParametersIn(ApiModel):
    """A new version of the bank's parameters. `cap` and `floor` are in `currency`."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    weights: WeightsIn
    services: bool
    capital: bool
    class_factors: ClassFactorsIn
    penalty_haircut_ppm: Factor
    cap: MoneyIn
    floor: MoneyIn
    missing_as_zero: list[Input] = Field(default_factory=list, max_length=9)
    rates: list[RateIn] = Field(default_factory=list, max_length=CREDIT_RATES_MAX)
    rate_source: ShortText | None = None
    rates_of: Day | None = None


class AssessmentIn(ApiModel):
    """Of which answered enquiry; by default with the parameters in use, and of the last full year before the answer."""

    enquiry_id: Hash
    parameters_version: Annotated[int, Field(ge=1, le=INTEGER_MAX)] | None = None
    year: Year | None = None


def set_parameters(node: TheNode, caller: Caller, body: ParametersIn) -> Response:
    """Sets the parameters in use from now on: a new version, unless nothing changes."""
    return json_response(_version(_book(node).set(_parameters(body), caller.name)), status=201)


def list_parameters(node: TheNode, after: AfterNumber = 0, limit: Limit = 100) -> Response:
    """Every version; the last one is in use."""
    found = _book(node).list(after, limit)
    return page([_version(each) for each in found], found[-1].version if len(found) == limit else None)


def assess(node: TheNode, caller: Caller, body: AssessmentIn) -> Response:
    """Computes a credit limit and keeps it."""
    kept = Assessments(node).make(body.enquiry_id, caller.name, parameters=body.parameters_version, year=body.year)
    return json_response(_assessment(kept), status=201, headers={"Location": f"/v1/credit-assessments/{kept.id}"})


def get_assessment(request: Request, node: TheNode, assessment_id: AssessmentId) -> Response:
    """A credit limit with everything that it was made of."""
    return single(request, _assessment(Assessments(node).get(assessment_id)))


def list_assessments(node: TheNode, after: AfterNumber = 0, limit: Limit = 100, uscc: UsccQuery = None) -> Response:
    """In the order in which they were made."""
    found = Assessments(node).list(after, limit, uscc)
    return page([_assessment(each) for each in found], found[-1].sequence if len(found) == limit else None)


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["credit"]
    app.add_api_route("/v1/credit-parameters", set_parameters, methods=["POST"], status_code=201, tags=tags)
    app.add_api_route("/v1/credit-parameters", list_parameters, methods=["GET"], tags=tags)
    app.add_api_route("/v1/credit-assessments", assess, methods=["POST"], status_code=201, tags=tags)
    app.add_api_route("/v1/credit-assessments", list_assessments, methods=["GET"], tags=tags)
    app.add_api_route("/v1/credit-assessments/{assessment_id}", get_assessment, methods=["GET"], tags=tags)


def _book(node: Node) -> ParameterBook:
    return ParameterBook(node.private, node.clock)


def _parameters(body: ParametersIn) -> Parameters:
    """Raises `InputError` (`parameters-invalid`, `currency-unknown`)."""
    if {body.cap.currency, body.floor.currency} != {body.currency}:
        raise InputError("parameters-invalid", "cap and floor are in the limit's currency")
    content = body.model_dump(mode="json", exclude={"cap", "floor", "rates"})
    rates = [{"currency": each.currency, "rate_ppb": _rate_ppb(each.rate)} for each in body.rates]
    return parameters_of({**content, "cap_minor": body.cap.amount_minor, "floor_minor": body.floor.amount_minor, "rates": rates})


def _rate_ppb(text: str) -> int:
    if _RATE.fullmatch(text) is None:
        raise InputError("parameters-invalid", "a rate is a plain decimal number with up to nine places", hint='for example "0.139870000"')
    return int(Decimal(text) * RATE_ONE)


def _version(version: Version) -> dict[str, Any]:
    parameters = version.parameters
    content = parameters.model_dump(mode="json", exclude={"cap_minor", "floor_minor", "rates"})
    return {
        "version": version.version,
        "created": rfc3339(version.created_ms),
        "created_by": version.created_by,
        **content,
        "cap": Money(parameters.currency, parameters.cap_minor).to_json(),
        "floor": Money(parameters.currency, parameters.floor_minor).to_json(),
        "rates": [{"currency": each.currency, "rate": str(Decimal(each.rate_ppb) / RATE_ONE)} for each in parameters.rates],
    }


def _assessment(kept: KeptAssessment) -> dict[str, Any]:
    return {
        "id": kept.id,
        "uscc": kept.uscc,
        "name": kept.name,
        "enquiry_id": kept.enquiry,
        "record_id": kept.record_id,
        "facts_revision": kept.revision,
        "parameters_version": kept.parameters,
        "created": rfc3339(kept.created_ms),
        "created_by": kept.created_by,
        **kept.content,
    }
