"""What the API's codes are called on the pages of the authority and the auditor, in English; see `words`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from api.portal.texts import N_

ALERT_DETAILS: Final = {
    "amount": N_("Amount"),
    "left": N_("What was left"),
    "result": N_("Result"),
    "share": N_("Share"),
    "banks": N_("Banks"),
    "bank": N_("Bank"),
    "reason": N_("Reason"),
    "ratio": N_("Ratio"),
    "replaced_by": N_("Replaced by"),
    "by_exporter": N_("Disputed by the exporter"),
    "dispute": N_("Dispute"),
    "declaration": N_("Declaration"),
    "earlier": N_("Earlier registration"),
    "later": N_("Later registration"),
    "part": N_("Sealed part"),
    "code": N_("Code"),
}
ALERT_CHANGES: Final = {"take": N_("taken on"), "close": N_("closed"), "reopen": N_("opened again")}
SUBJECTS: Final = {
    "declaration": N_("Declaration"),
    "financing": N_("Financing"),
    "enquiry": N_("Enquiry"),
    "record": N_("Record"),
    "member": N_("Member"),
    "bank": N_("Bank"),
    "consent": N_("Consent"),
}
ORDER_STATES: Final = {"standing": N_("in force"), "lifted": N_("lifted")}
MEMBER_STATES: Final = {"active": N_("active"), "suspended": N_("suspended"), "succeeded": N_("succeeded by another bank")}
SUSPENSIONS: Final = {"investigation": N_("under investigation"), "breach": N_("breach of the rules"), "request": N_("at its own request")}
KEY_PURPOSES: Final = {
    "make": N_("prepares"),
    "check": N_("signs second"),
    "service": N_("the node itself"),
    "seal": N_("opens sealed parts"),
    "validate": N_("votes on blocks"),
    "once": N_("one-time key"),
}
PROPOSAL_STATES: Final = {
    "OPEN": N_("open for approval"),
    "SCHEDULED": N_("approved, not yet in force"),
    "DONE": N_("in force"),
    "FAILED": N_("could not come into force"),
    "LAPSED": N_("lapsed"),
}
PROPOSALS: Final = {
    "policy": N_("Policy"),
    "governors": N_("Governors"),
    "registrar": N_("Registrar"),
    "rules": N_("Version of the rules"),
    "validators": N_("Validators"),
}
POLICY: Final = {
    "ceiling_ppm": N_("Part of a declaration that can be financed (parts per million)"),
    "financeable_months": N_("Months after export in which it can be financed"),
    "hold_days_max": N_("Days that an application holds at the most"),
    "approved_days_alert": N_("Days from approval until an alert"),
    "approved_days_stale": N_("Days from approval until the authority may cancel"),
    "allocations_max": N_("Lines of an application at the most"),
    "holds_max": N_("Holds on a declaration at the most"),
    "not_after_days_max": N_("Days that a record may wait for the ledger"),
    "records_per_member_block": N_("Records of a member in a block at the most"),
    "governance_delay_hours": N_("Hours from a proposal's approval until it is in force"),
    "power_change_third_days": N_("Days in which a third of the votes may change hands"),
    "onboarding_days": N_("Days in which a new bank may load earlier loans"),
    "proof_heights_kept": N_("Heights for which proofs are kept at hand"),
}
THRESHOLDS: Final = {
    "double_attempt_days": N_("Days between two banks' applications that are one case"),
    "lapses": N_("Lapsed holds on a declaration that are a case"),
    "lapses_days": N_("Days in which they lapsed"),
    "enquiry_days": N_("Days after an enquiry in which a financing should follow"),
    "unused_enquiries": N_("Enquiries without a financing that are a case"),
    "unused_enquiries_days": N_("Days in which they were made"),
    "collection_days": N_("Days after a loan is due until its money should be in"),
    "rate_tolerance_ppm": N_("Difference of a stated exchange rate (parts per million)"),
    "rate_age_days": N_("Days that an exchange rate counts"),
}
RUN_STATES: Final = {"running": N_("running"), "done": N_("done"), "failed": N_("failed"), "broken": N_("broken off")}
ROW_RESULTS: Final = {
    "ok": N_("registered"),
    "already-registered": N_("registered before"),
    "recorded": N_("recorded"),
    "superseded": N_("took the place of an earlier one"),
    "withdrawn": N_("withdrawn"),
    "unchanged": N_("known already"),
}
FACT_KINDS: Final = {
    "basic": N_("Basic data"),
    "class": N_("Class"),
    "year": N_("Money of a year"),
    "month": N_("Collections of a month"),
    "penalty": N_("Penalty"),
}
WITNESS_SOURCES: Final = {"founding": N_("named at the founding"), "admin": N_("accepted by an administrator")}
TABLES: Final[Mapping[str, Mapping[str, str]]] = {
    "alert_detail": ALERT_DETAILS,
    "alert_change": ALERT_CHANGES,
    "subject_word": SUBJECTS,
    "order_state": ORDER_STATES,
    "member_state": MEMBER_STATES,
    "suspension": SUSPENSIONS,
    "purpose_word": KEY_PURPOSES,
    "proposal_state": PROPOSAL_STATES,
    "proposal_word": PROPOSALS,
    "policy_word": POLICY,
    "threshold": THRESHOLDS,
    "run_state": RUN_STATES,
    "row_result": ROW_RESULTS,
    "fact_kind": FACT_KINDS,
    "witness_source": WITNESS_SOURCES,
}
