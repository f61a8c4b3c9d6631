"""What the API's codes are called in the portal, in English; `translations` has the other language. A test holds each table to the code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from api import problem_codes, row_codes
from api.portal import oversight_words, reading_words
from api.portal.result_words import RESULTS
from api.portal.texts import N_ as N_  # noqa: PLC0414 - the pages have it from here
from api.portal.texts import Texts
from contracts import codes
from ledger import admission

FINANCING_STATES: Final = {
    "APPLIED": N_("applied for"),
    "IN_REVIEW": N_("in review"),
    "APPROVED": N_("approved"),
    "DISBURSED": N_("paid out"),
    "REPAYING": N_("being repaid"),
    "PAID_OFF": N_("paid off"),
    "CANCELLED": N_("cancelled"),
    "EXPIRED": N_("lapsed"),
    "WRITTEN_OFF": N_("written off"),
    "TRANSFERRED": N_("handed over"),
}
USES: Final = {
    "unfinanced": N_("not financed"),
    "part-financed": N_("partly financed"),
    "fully-financed": N_("fully financed"),
}
DECLARATION_STATES: Final = {
    "registered": N_("registered"),
    "amended": N_("amended"),
    "overused": N_("financed beyond its amount"),
    "collected": N_("collected"),
    "void": N_("void"),
    "replaced": N_("replaced"),
}
LINE_RESULTS: Final = {
    "match": N_("genuine, as registered"),
    "unknown": N_("not registered for this exporter"),
    "not-export": N_("an import, no export"),
    "amount-mismatch": N_("registered with another amount"),
    "currency-mismatch": N_("registered in another currency"),
    "date-mismatch": N_("registered with another date"),
}
ENQUIRY_STATES: Final = {
    "pending": N_("waiting for the answer"),
    "answered": N_("answered"),
    "declined": N_("declined"),
}
CONSENT_STATES: Final = {
    "active": N_("in force"),
    "revoked": N_("revoked"),
    "expired": N_("over"),
    "used-up": N_("used up"),
    "not-yet": N_("not yet in force"),
}
TASK_STATES: Final = {
    "open": N_("waiting for a second signature"),
    "awaiting-authority": N_("waiting for the authority's signature"),
    "signed": N_("signed"),
    "declined": N_("declined"),
    "expired": N_("lapsed"),
}
STEPS: Final = {
    "financing.apply": N_("Application"),
    "financing.intake": N_("Taking in"),
    "financing.approve": N_("Approval"),
    "financing.disburse": N_("Payout"),
    "financing.repay": N_("Repayment"),
    "financing.cancel": N_("Cancellation"),
    "financing.write-off": N_("Write-off"),
    "financing.correct": N_("Correction"),
    "financing.transfer": N_("Hand-over"),
    "financing.take-over": N_("Take-over"),
    "financing.load": N_("Earlier loan"),
    "declaration.collected": N_("Collection"),
    "declaration.register": N_("Registration of a declaration"),
    "declaration.amend": N_("Amendment of a declaration"),
    "declaration.void": N_("Voiding of a declaration"),
    "consent.give": N_("Consent"),
    "consent.revoke": N_("End of a consent"),
    "enquiry.request": N_("Enquiry"),
    "enquiry.take": N_("Use of a consent"),
    "enquiry.answer": N_("Answer"),
    "enterprise.enrol": N_("Enrolment of an enterprise"),
    "dispute.open": N_("Dispute"),
    "dispute.resolve": N_("End of a dispute"),
    "order.freeze": N_("Freeze"),
    "order.lift": N_("Lifting of a freeze"),
    "member.admit": N_("Admission of a member"),
    "member.suspend": N_("Suspension of a member"),
    "member.reinstate": N_("Reinstatement of a member"),
    "member.succeed": N_("Succession to a member"),
    "member.estate": N_("What an heir may open"),
    "governance.propose": N_("Proposal"),
    "governance.approve": N_("Approval of a proposal"),
    "key.add": N_("New key"),
    "key.revoke": N_("End of a key"),
}
ROLES: Final = {
    "maker": N_("maker"),
    "checker": N_("checker"),
    "viewer": N_("reader"),
    "admin": N_("administrator"),
    "enterprise": N_("exporter"),
}
SEATS: Final = {
    "authority": N_("Forex authority"),
    "registrar": N_("Registrar"),
    "bank": N_("Bank"),
    "enterprise": N_("Enterprise"),
    "auditor": N_("Auditor"),
}
CONSENT_SCOPES: Final = {
    "finance": N_("check declarations and lend on them"),
    "basic": N_("see the enterprise's basic data at the authority"),
    "trade-credit": N_("see its trade figures and class"),
    "regulatory-credit": N_("see its penalties and how they were mended"),
}
ACCESS_KINDS: Final = {
    "consent": N_("consent given"),
    "revocation": N_("consent revoked"),
    "enquiry": N_("asked"),
    "answer": N_("was answered"),
    "application": N_("applied for financing"),
    "intake": N_("took the application in"),
    "approval": N_("approved"),
    "disbursement": N_("paid out"),
    "repayment": N_("recorded a repayment"),
    "cancellation": N_("cancelled"),
    "write-off": N_("wrote off"),
    "correction": N_("corrected"),
    "transfer": N_("handed over"),
    "take-over": N_("took over"),
    "load": N_("loaded an earlier loan"),
}
ALERT_SEVERITIES: Final = {"high": N_("high"), "medium": N_("medium"), "low": N_("low")}
ALERT_STATES: Final = {"open": N_("open"), "taken": N_("in hand"), "closed": N_("closed")}
ALERTS: Final = {
    "amended-under-financing": N_("A declaration was amended while financings use it"),
    "amount-off-share": N_("A sealed amount and the public share differ"),
    "approval-stale": N_("Approved and not paid out in time"),
    "correction": N_("What was drawn or collected was corrected"),
    "disbursement-flagged": N_("Paid out late, or on what no longer carries it"),
    "dispute-opened": N_("A record is disputed"),
    "double-attempt": N_("Two banks applied on one declaration"),
    "enquiries-unused": N_("A bank asks again and again without lending"),
    "financed-over-collected": N_("Less collected than was lent"),
    "frozen-attempt": N_("Something was tried with what is frozen"),
    "holds-lapse": N_("Holds lapse again and again"),
    "load-overuses": N_("An earlier loan uses more than there is"),
    "loan-overdue": N_("A loan is overdue"),
    "over-limit-attempt": N_("More was asked for than there is"),
    "part-unreadable": N_("A sealed part does not open"),
    "pledge-later": N_("A pledge was registered later than another bank's"),
    "rate-off": N_("An exchange rate is out of line"),
    "redeclared": N_("Voided, and declared again"),
    "refused-duplicate": N_("A duplicate was refused"),
    "replaced-under-financing": N_("A declaration was replaced while financings use it"),
    "replacement-ratio-off": N_("The ratio of a replacement does not fit the amounts"),
    "same-shipment": N_("Two declarations of one shipment"),
    "voided-under-financing": N_("A declaration was voided while financings use it"),
}
STAGES: Final = {
    "apply-to-intake": N_("from application to intake"),
    "intake-to-approve": N_("from intake to approval"),
    "approve-to-disburse": N_("from approval to payout"),
    "apply-to-disburse": N_("from application to payout"),
}
# What went wrong, for those who meet it in a form. Of other codes the API's own words are shown, or what the code means.
PROBLEMS: Final = {
    "internal": N_("This node met a fault. Nothing that was sent is lost; send it again in a while, or tell the operator the request."),
    "body-too-large": N_(
        "What you sent is larger than 8 MB. Nothing was taken in. Go back, choose fewer or smaller files, and send it again."
    ),
    "method-not-allowed": N_("This address is for a form only. Nothing was done."),
    "form-incomplete": N_("A field of the form is missing or cannot be read. Nothing was sent."),
    "sign-in-failed": N_("The name or the password is not right."),
    "exhausted": N_("Nothing is left to finance on this declaration. Nothing was written."),
    "not-permitted": N_("This is not for your role."),
    "same-person": N_("Whoever made this cannot also sign it. Another person has to."),
    "csrf": N_("This page had been open for too long. Go back, load it anew and send it again; nothing was done."),
    "idempotency-conflict": N_("This form was sent before, with something else in it. See what became of that before you send it again."),
    "session-ended": N_("You were away for a while and have been signed out. Nothing that was sent is lost."),
}
# Of a form whose fields the API names.
FIELDS_WRONG: Final = N_("Something in the form does not fit. Nothing was done, and what you typed still stands there.")

# What every code means that the API or the ledger answers with; `translations` has these sentences too.
MEANINGS: Final[Mapping[str, str]] = {
    **admission.CODES,
    **codes.CODES,
    **{code: meaning for code, (meaning, _) in problem_codes.PROBLEMS.items()},
}
ROWS: Final[Mapping[str, str]] = {**codes.CODES, **{code: meaning for code, (meaning, _) in row_codes.ROWS.items()}}
DECLINES: Final[Mapping[str, str]] = {**codes.CODES, **{code: meaning for code, (meaning, _) in row_codes.DECLINES.items()}}
# Each is a filter of the templates.
TABLES: Final[Mapping[str, Mapping[str, str]]] = {
    "financing_state": FINANCING_STATES,
    "use_word": USES,
    "declaration_state": DECLARATION_STATES,
    "line_result": LINE_RESULTS,
    "enquiry_state": ENQUIRY_STATES,
    "consent_state": CONSENT_STATES,
    "task_state": TASK_STATES,
    "step": STEPS,
    "role_word": ROLES,
    "seat_word": SEATS,
    "scope_word": CONSENT_SCOPES,
    "access_kind": ACCESS_KINDS,
    "alert_severity": ALERT_SEVERITIES,
    "alert_state": ALERT_STATES,
    "alert_word": ALERTS,
    "stage": STAGES,
    "result_word": RESULTS,
    "row_word": ROWS,
    "decline_word": DECLINES,
    **oversight_words.TABLES,
    **reading_words.TABLES,
}


def problem_text(texts: Texts, problem: Mapping[str, Any]) -> str:
    """What happened, in the reader's language."""
    code = str(problem.get("code", "internal"))
    if problem.get("errors"):
        return texts.gettext(FIELDS_WRONG)
    if code in PROBLEMS:
        return texts.gettext(PROBLEMS[code])
    if texts.language == "en" or code not in MEANINGS:
        return str(problem.get("detail", code))
    return texts.gettext(MEANINGS[code])
