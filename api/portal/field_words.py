"""Fields that the API found wrong, as a person reads them: by the field's label, lines counted from one, what is wrong in plain words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from api.portal.texts import N_, Texts

# The last name in a field's path; labels as the forms have them.
FIELDS: Final = {
    "agreement": N_("Pledge agreement"),
    "amount": N_("Amount"),
    "amounts": N_("Amount"),
    "attachments": N_("Documents"),
    "bank": N_("Bank"),
    "branch": N_("Branch"),
    "collected_on": N_("Came in on"),
    "collection_id": N_("Collections"),
    "consent_id": N_("Consent"),
    "contact": N_("Whom to ask"),
    "currency": N_("Currency"),
    "disbursed_on": N_("Paid out on"),
    "drawn": N_("Outstanding"),
    "export_date": N_("Exported"),
    "exporter_uscc": N_("Unified social credit code"),
    "keep": N_("What is kept"),
    "lines": N_("Declarations"),
    "loan_number": N_("Loan number"),
    "matures_on": N_("Matures on"),
    "name": N_("Name"),
    "not_after": N_("Until the end of"),
    "note": N_("Note"),
    "number": N_("Declaration"),
    "paid_on": N_("Paid on"),
    "product": N_("Product"),
    "purpose": N_("Purpose"),
    "rate": N_("Rate, for one unit"),
    "reason": N_("Reason"),
    "reference": N_("Reference"),
    "registered_at": N_("Registered at (UTC+8)"),
    "registration_number": N_("Registration number of the pledge"),
    "scopes": N_("What it may be used for"),
    "signatory": N_("Signed by"),
    "statement": N_("What is wrong"),
    "tenor_days": N_("For how many days"),
    "terms": N_("Terms"),
    "text": N_("Remark"),
    "to": N_("To which bank"),
    "total": N_("Amount"),
    "until": N_("Until the end of"),
    "uscc": N_("Unified social credit code"),
    "uses": N_("Enquiries and applications"),
}
_AMOUNT: Final = N_("is not an amount: write digits, with exactly the decimal places of the currency, for instance 36250.00")
_DAY: Final = N_("is not a day of the calendar")
# What the API says of a field, and the same for people; the first that fits.
_SAID: Final = (
    (r"Field required", N_("is missing")),
    (r"(String|List) should have at least 1 ", N_("is missing")),
    (r"Input should be a valid .*dictionary|money is an object", N_("is missing")),
    (r"should have at most (?P<count>\d+) characters", N_("is longer than %(count)s characters")),
    (r"should have at most (?P<count>\d+) items?", N_("has more than %(count)s entries")),
    (r"the amount is not a plain decimal|an amount in [A-Z]{3} is written|decimal places of|the currency and the value of money", _AMOUNT),
    (r"beyond any that a declaration can have|whole number of minor units", N_("is more than any declaration can have")),
    (r"the currency is not an ISO 4217", N_("is in no currency that is known here: write its three letters, for instance USD")),
    (r"greater than or equal to (?P<count>\d+)|greater than (?P<over>\d+)", N_("is too small")),
    (r"less than or equal to (?P<count>\d+)", N_("is more than %(count)s")),
    (r"Invalid isoformat|month must be|day is out of range|\^\[0-9\]\{4\}-|year .* is out of range", _DAY),
    (r"a time is RFC 3339|lies before 1970", N_("is not a time")),
    (r"should match pattern|should be a valid|Input should be", N_("is not written as it should be")),
    (r"Extra inputs are not permitted", N_("is not asked for here")),
)


def field_text(texts: Texts, error: Mapping[str, str]) -> str:
    """`Line 3, Amount: is missing`. What there are no words for is said as the API says it."""
    place, label = "", None
    for step in error["field"].split("."):
        if step.isdigit():
            place = texts.gettext(N_("Line %(line)s")) % {"line": int(step) + 1}
        elif step in FIELDS:
            label = texts.gettext(FIELDS[step])
    name = (
        texts.gettext(N_("%(line)s, field %(field)s")) % {"line": place, "field": label}
        if place and label
        else place or label or error["field"]
    )
    return f"{name}{'：' if texts.language == 'zh' else ': '}{_said(texts, error['message'])}"


def _said(texts: Texts, message: str) -> str:
    for pattern, words in _SAID:
        found = re.search(pattern, message)
        if found is not None:
            return texts.gettext(words) % found.groupdict()
    return message
