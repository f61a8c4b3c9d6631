"""Answering an enquiry about credit: which scopes may be answered, and the report of the facts in them.

The consent is judged scope by scope: what was not consented to is not in the answer, and where nothing that was asked for was consented
to there is none (`scope-missing`). On what basis the consent stands is judged in one place, `basis_allows_credit`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from nodes.credit.facts import SCOPES, CreditScope
from nodes.credit.profiles import Profiles
from nodes.credit.report import CreditReport, report_of
from nodes.enquiries.parts import RequestPart

_SIGNED_BASES: Final = ("key", "custody")


def basis_allows_credit(consent: Any) -> bool:
    """Whether the enterprise itself gave this consent (its row): by its own key, or signed in at its custodian."""
    return consent.basis in _SIGNED_BASES


def why_no_credit(request: RequestPart, consent: Any) -> str | None:
    """Why there is no answer about credit under a consent that holds and is the bank's; None where there is one."""
    if not allowed_scopes(request, consent):
        return "scope-missing"
    return None if basis_allows_credit(consent) else "basis-unconfirmed"


def allowed_scopes(request: RequestPart, consent: Any) -> list[CreditScope]:
    """The scopes that were asked for and consented to."""
    consented = consent.scopes.split()
    return [scope for scope in SCOPES if scope in consented and (not request.scopes or scope in request.scopes)]


def credit_report(profiles: Profiles, request: RequestPart, consent: Any, time_ms: int) -> CreditReport:
    """What the newest facts of the consenting enterprise say at a time, of the scopes that may be answered. Days are those of UTC."""
    revision, facts = profiles.facts(consent.uscc)
    day = datetime.fromtimestamp(time_ms / 1000, UTC).date().isoformat()
    return report_of(consent.uscc, facts, revision, allowed_scopes(request, consent), day)
