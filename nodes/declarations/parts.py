"""What the registrar says of a declaration in sealed parts: registered, amended, void. Plaintext formats, version 1.

The registered form is the customs declaration itself (see `nodes.customs.declaration`) and the enterprise that it belongs to. An
amendment says what the amounts are now, with the new customs declaration where there is one. Shares are parts of the financeable
amount that was registered, for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import StringConstraints

from ledger.errors import InputError
from ledger.limits import IMPORT_FIELD_CHARS_MAX
from nodes.customs.declaration import CustomsDeclaration
from nodes.sealed_models import AmountMinor, CurrencyCode, Hash, Number, SealedPart

PART: Final = "declaration"

Reason = Annotated[str, StringConstraints(max_length=IMPORT_FIELD_CHARS_MAX)]


class AmendedPart(SealedPart):
    """`financeable_minor` is the receivable part now, `declared_minor` the total on the customs declaration now."""

    enterprise: Hash | None
    number: Number
    currency: CurrencyCode
    financeable_minor: AmountMinor
    declared_minor: AmountMinor
    declaration: dict[str, Any] | None
    reason: Reason


class VoidPart(SealedPart):
    """The registrar's words about why the declaration counts no more."""

    enterprise: Hash | None
    number: Number
    reason: Reason


@dataclass(frozen=True, slots=True)
class RegisteredPart:
    """The registrar's own words. `enterprise` is the id of the exporter's enrolment, None where the registrar knew of none."""

    enterprise: str | None
    declaration: CustomsDeclaration

    def content(self) -> dict[str, Any]:
        return {**self.declaration.to_sealed(), "enterprise": self.enterprise}


def read_registered(content: Mapping[str, Any]) -> RegisteredPart:
    """Raises `InputError` (`part-malformed`, `declaration-malformed`)."""
    enterprise = content.get("enterprise")
    named = isinstance(enterprise, str) and len(enterprise) == 64 and enterprise.isascii()
    if "enterprise" not in content or not (enterprise is None or named):
        raise InputError("part-malformed", "the sealed declaration does not say whose it is")
    fields = {name: value for name, value in content.items() if name != "enterprise"}
    return RegisteredPart(enterprise, CustomsDeclaration.from_sealed(fields))
