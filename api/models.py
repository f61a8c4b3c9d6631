"""What requests are made of: strict models that refuse unknown fields, money, times and pages.

Times are RFC 3339 text in UTC or with an offset, and milliseconds inside; money is `{"currency": "USD", "value": "36250.00"}`.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal

from fastapi import Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from ledger.errors import InputError
from ledger.limits import HTTP_PAGE_ITEMS_MAX
from nodes.money import Money, SignedMoney

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)\Z", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class ApiModel(BaseModel):
    """The body of a request: strict types, no unknown fields."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def parse_time(value: Any) -> int:
    """RFC 3339 text as milliseconds since the epoch. Raises `ValueError`, as a validator does."""
    if not isinstance(value, str) or _TIME.match(value) is None:
        raise ValueError("a time is RFC 3339 text, for instance 2026-01-31T08:00:00Z")
    moment = datetime.fromisoformat(value)
    if moment < _EPOCH:
        raise ValueError("the time lies before 1970")
    return (moment - _EPOCH) // (datetime.resolution * 1000)


def _check_date(value: str) -> str:
    date.fromisoformat(value)
    return value


def _money(value: Any) -> Money:
    try:
        return Money.from_json(value)
    except InputError as error:
        raise ValueError(error.message) from error


def _signed_money(value: Any) -> SignedMoney:
    try:
        return SignedMoney.from_json(value)
    except InputError as error:
        raise ValueError(error.message) from error


TimeMs = Annotated[int, BeforeValidator(parse_time), WithJsonSchema({"type": "string", "format": "date-time"})]
Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_check_date)]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,31}$")]
ShortText = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
MoneyIn = Annotated[
    Money,
    BeforeValidator(_money),
    WithJsonSchema(
        {
            "type": "object",
            "properties": {"currency": {"type": "string", "pattern": "^[A-Z]{3}$"}, "value": {"type": "string"}},
            "required": ["currency", "value"],
            "additionalProperties": False,
            "examples": [{"currency": "USD", "value": "36250.00"}],
        }
    ),
]
SignedMoneyIn = Annotated[
    SignedMoney,
    BeforeValidator(_signed_money),
    WithJsonSchema(
        {
            "type": "object",
            "properties": {"currency": {"type": "string", "pattern": "^[A-Z]{3}$"}, "value": {"type": "string"}},
            "required": ["currency", "value"],
            "additionalProperties": False,
            "examples": [{"currency": "USD", "value": "-250.00"}],
        }
    ),
]

Limit = Annotated[int, Query(ge=1, le=HTTP_PAGE_ITEMS_MAX, description="how many items a page holds at most")]
Order = Annotated[Literal["oldest", "newest"], Query(description="which come first")]
After = Annotated[str | None, Query(max_length=200, description="the cursor that the page before gave as `next`")]
