"""What people put into forms, as the API takes it: text, amounts, days of business, documents.

What is missing or cannot be read is the API's to say, in its problem's `errors`; only what it never sees is said here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from starlette.datastructures import FormData, UploadFile

from api.portal.calls import Calls
from ledger.clock import rfc3339
from nodes.days import day_end_ms

INCOMPLETE: Final = {"code": "form-incomplete", "detail": "a field of the form is missing or cannot be read"}


def status_of(problem: Mapping[str, Any] | None) -> int:
    """The status of a page that shows a form again with what is wrong."""
    return 200 if problem is None else int(problem.get("status", 422))


class Incomplete(Exception):
    """A field of a form is missing or cannot be read."""


def text(form: FormData, name: str) -> str:
    """A field of one line, without what stands around it."""
    return str(form.get(name, "")).strip()


class Typed(dict[str, str]):
    """What was typed into a form, to be shown again; nothing where nothing was. Of a field that a form has more than once the last."""

    def __missing__(self, name: str) -> str:
        return ""


BLANK: Final = Typed()


def typed(form: FormData) -> Typed:
    return Typed((name, str(value)) for name, value in form.multi_items() if not isinstance(value, UploadFile))


def amount(currency: str, value: str) -> dict[str, str] | None:
    """An amount as it was typed, commas between thousands or not; None where nothing was."""
    value = value.replace(",", "").replace("\u00a0", "").strip()
    return {"currency": currency, "value": value} if value else None


def amounts(form: FormData, name: str, currency: str) -> list[dict[str, str] | None] | None:
    """The amounts of a financing's lines, in their order; None where none was typed."""
    found = [amount(currency, str(each)) for each in form.getlist(name)]
    return found if any(each is not None for each in found) else None


def day_end(form: FormData, name: str) -> str:
    """The end of a day of business. Raises `Incomplete`."""
    try:
        return rfc3339(day_end_ms(date.fromisoformat(text(form, name)).isoformat()))
    except (OverflowError, ValueError) as error:
        raise Incomplete from error


def exchange(form: FormData) -> dict[str, Any] | None:
    """What an amount was changed into, and at which rate; None where nothing was typed."""
    value, rate = amount(text(form, "exchange_currency").upper(), text(form, "exchange_amount")), text(form, "exchange_rate")
    return None if value is None and not rate else {"amount": value, "rate": rate}


async def documents(form: FormData, calls: Calls) -> list[dict[str, str]]:
    """The documents of a form: those that came with it before, and those that are handed in to the API now. Raises `ApiRefused`."""
    kept = [
        {"sha256": str(digest), "name": str(name)}
        for digest, name in zip(form.getlist("kept"), form.getlist("kept_name"), strict=False)
        if str(digest) not in form.getlist("dropped")
    ]
    for place, file in enumerate(form.getlist("documents")):
        if isinstance(file, UploadFile) and file.size:
            key = f"{text(form, 'key')}-{place}"
            handed = await calls.hand_in("/v1/attachments", file.filename or "", await file.read(), "application/octet-stream", key=key)
            kept.append({"sha256": handed.body["sha256"], "name": handed.body["name"]})
    return kept


def digests(found: Sequence[Mapping[str, str]]) -> list[str]:
    """What the API takes for them, each once."""
    return list(dict.fromkeys(each["sha256"] for each in found))
