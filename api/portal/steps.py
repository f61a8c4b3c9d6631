"""The steps of a financing: what a person may do with it, why not, and what the API takes for each from the fields of its form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import FormData

from api.portal.filled_in import amount, amounts, day_end, digests, exchange, text
from api.portal.words import N_

Documents = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Step:
    """`body` makes the API's body of the form, the currency and the documents that were handed in. `why_not` is said where the rules do
    not allow the step now; `people` are the roles that may take it.
    """

    body: Callable[[FormData, str, Documents], dict[str, Any]]
    why_not: str
    people: tuple[str, ...] = ("maker", "checker")


def _intake(form: FormData, currency: str, _documents: Documents) -> dict[str, Any]:
    return {"keep": amounts(form, "line", currency)}


def _approve(form: FormData, currency: str, documents: Documents) -> dict[str, Any]:
    registered = text(form, "registered_at")
    pledge = {
        "agreement": text(form, "agreement"),
        "registration_number": text(form, "registration_number"),
        # As a browser gives it, in UTC+8, the days of business.
        "registered_at": f"{registered}:00+08:00" if len(registered) == len("2026-06-11T09:00") else registered,
    }
    return {"pledge": pledge, "keep": amounts(form, "line", currency), "attachments": digests(documents)}


def _disburse(form: FormData, currency: str, documents: Documents) -> dict[str, Any]:
    return {
        "amounts": amounts(form, "line", currency),
        "final": "final" in form,
        "disbursed_on": text(form, "disbursed_on"),
        "matures_on": text(form, "matures_on"),
        "reference": text(form, "reference"),
        "exchange": exchange(form),
        "attachments": digests(documents),
    }


def _repay(form: FormData, currency: str, _documents: Documents) -> dict[str, Any]:
    parts = [
        {"collection_id": str(collection), "amount": used}
        for collection, value in zip(form.getlist("collection"), form.getlist("use"), strict=False)
        if (used := amount(currency, str(value))) is not None
    ]
    return {
        "total": amount(currency, text(form, "total")),
        "source": "collections" if parts else "own-funds",
        "collections": parts,
        "paid_on": text(form, "paid_on"),
        "reference": text(form, "reference"),
    }


def _extend(form: FormData, _currency: str, _documents: Documents) -> dict[str, Any]:
    return {"matures_on": text(form, "matures_on"), "reason": text(form, "reason")}


def _write_off(form: FormData, currency: str, _documents: Documents) -> dict[str, Any]:
    return {"amounts": amounts(form, "line", currency), "back": "back" in form, "reason": text(form, "reason")}


def _correct(form: FormData, currency: str, _documents: Documents) -> dict[str, Any]:
    return {"amounts": [amount(currency, str(each)) for each in form.getlist("line")], "reason": text(form, "reason")}


def _transfer(form: FormData, _currency: str, _documents: Documents) -> dict[str, Any]:
    if text(form, "do") == "withdraw":
        return {"to": None}
    return {"to": text(form, "to"), "until": day_end(form, "until"), "terms": text(form, "terms"), "note": text(form, "note")}


def _cancel(form: FormData, _currency: str, _documents: Documents) -> dict[str, Any]:
    return {"reason": text(form, "reason"), "text": text(form, "text")}


def collection_of(form: FormData, currency: str) -> dict[str, Any]:
    """The body of a collection, or, with `corrects`, of one that is taken back."""
    return {
        "amount": amount(currency, text(form, "amount")),
        "collected_on": text(form, "collected_on"),
        "reference": text(form, "reference"),
        "exchange": exchange(form),
        "corrects": text(form, "corrects") or None,
    }


# In the order of a loan's life.
STEPS: Final[Mapping[str, Step]] = {
    "intake": Step(_intake, N_("Only an application whose hold has not lapsed is taken in."), ("maker",)),
    "approve": Step(_approve, N_("It has to be taken in first, and its hold and the consents have to be in force.")),
    "disburse": Step(_disburse, N_("It has to be approved first, and something of it has to be left to pay out.")),
    "repay": Step(_repay, N_("Nothing of it is outstanding.")),
    "extend": Step(_extend, N_("Nothing of it is owed, so nothing matures.")),
    "transfer": Step(_transfer, N_("Only what was paid out and is still owed can be handed over to another bank.")),
    "write-off": Step(_write_off, N_("Only what was paid out can be written off.")),
    "correct": Step(_correct, N_("Only what was recorded as paid out can be corrected.")),
    "cancel": Step(_cancel, N_("It has been paid out, or has ended.")),
}
OTHER_ROLE: Final = N_("This is for a maker.")


def allowed(financing: Mapping[str, Any]) -> set[str]:
    """The steps that can be taken now."""
    steps = set(financing["actions"])
    return steps | {"extend"} if financing["matures_on"] else steps
