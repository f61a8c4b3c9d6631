"""What the codes of loans, requests, notices and credit are called in the portal, as in `words`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from api.portal.deeds import VERBS
from api.portal.words import N_, STEPS

# Records, and the one decision that leaves none.
TASKS: Final = {**STEPS, "maturity.change": N_("Extension")}
# What a financing is marked as for ever.
FLAGS: Final = {
    "CORRECTED": N_("corrected"),
    "FROZEN": N_("paid out while frozen"),
    "LATE": N_("paid out late"),
    "LOADED": N_("a loan from before"),
    "MOVED": N_("on a replaced declaration"),
    "OVERUSED": N_("on an overused declaration"),
    "REPLACED": N_("on a replaced declaration"),
    "SUSPENDED": N_("paid out while suspended"),
    "TAKEN-OVER": N_("taken over"),
    "VOID": N_("on a void declaration"),
}
# What each scope lets a bank do, for the exporter who gives it.
SCOPE_MEANINGS: Final = {
    "finance": N_(
        "It may ask about declarations whose numbers it knows: whether they are genuine and what is left on them, and lend on them."
    ),
    "basic": N_("It is told your name and code, whether you stand in the authority's directory, and your class."),
    "trade-credit": N_("It is told what you collected and paid across the border, by year and month, and what you exported and imported."),
    "regulatory-credit": N_("It is told your classes over time, and the penalties that are in force; mended ones are not shown."),
}
REQUEST_STATES: Final = {
    "SENT": N_("on its way to the bank"),
    "RECEIVED": N_("with the bank"),
    "SENT_BACK": N_("sent back for correction"),
    "RESENT": N_("corrected, with the bank"),
    "REFUSED": N_("refused"),
    "TAKEN_UP": N_("taken up"),
    "WITHDRAWN": N_("withdrawn"),
}
REQUEST_FIELDS: Final = {
    "lines": N_("Declarations and amounts"),
    "product": N_("Product"),
    "purpose": N_("Purpose"),
    "tenor_days": N_("For how many days"),
    "contact": N_("Whom to ask"),
    "attachments": N_("Documents"),
}
NOTICE_KINDS: Final = {
    "amended": N_("The amount of the declaration was changed"),
    "voided": N_("The declaration was voided"),
    "replaced": N_("The declaration was replaced by another"),
    "frozen": N_("Frozen by an order: no new hold, approval or hand-over"),
    "unfrozen": N_("The freeze was lifted"),
    "consent-revoked": N_("The exporter revoked the consent"),
}
OFFER_STATES: Final = {
    "open": N_("on offer"),
    "taken": N_("taken over"),
    "withdrawn": N_("withdrawn"),
    "expired": N_("over"),
}
DISPUTE_STATES: Final = {
    "OPEN": N_("being looked at"),
    "UPHELD": N_("upheld by the authority"),
    "REJECTED": N_("rejected by the authority"),
    "WITHDRAWN": N_("withdrawn"),
}
MOVEMENTS: Final = {
    "disbursed": N_("Paid out"),
    "repaid": N_("Repaid"),
    "recovered": N_("Recovered after a write-off"),
    "written-off": N_("Written off"),
    "corrected": N_("Corrected"),
    "loaded": N_("Earlier loan loaded"),
    "handed-over": N_("Handed over"),
    "taken-over": N_("Taken over"),
    "collected": N_("Collected from abroad"),
}
SOURCES: Final = {"own-funds": N_("the exporter's own funds"), "collections": N_("collections")}
# Why a financing is let go: by its lender, or once stale by the authority.
CANCEL_REASONS: Final = {
    "withdrawn": N_("withdrawn by the exporter"),
    "rejected": N_("rejected by the bank"),
    "error": N_("entered in error"),
    "stale": N_("not paid out in time"),
}
BASIS_STATES: Final = {
    "unconfirmed": N_("on paper, not confirmed yet"),
    "confirmed": N_("on paper, confirmed by the exporter"),
    "disputed": N_("on paper, disputed by the exporter"),
}
DIRECTORY_STATES: Final = {"listed": N_("in the directory"), "removed": N_("removed from the directory")}
CREDIT_INPUTS: Final = {
    "collections": N_("Collections"),
    "collections.goods": N_("collections, goods"),
    "collections.services": N_("collections, services"),
    "collections.capital": N_("collections, capital items"),
    "payments": N_("Payments"),
    "payments.goods": N_("payments, goods"),
    "payments.services": N_("payments, services"),
    "payments.capital": N_("payments, capital items"),
    "exports": N_("exports as declared"),
    "imports": N_("imports as declared"),
    "penalties": N_("penalties"),
}
# Each is a filter of the templates.
TABLES: Final[Mapping[str, Mapping[str, str]]] = {
    "step": TASKS,
    "flag_word": FLAGS,
    "scope_meaning": SCOPE_MEANINGS,
    "request_state": REQUEST_STATES,
    "request_field": REQUEST_FIELDS,
    "notice_word": NOTICE_KINDS,
    "offer_state": OFFER_STATES,
    "dispute_state": DISPUTE_STATES,
    "movement_word": MOVEMENTS,
    "source_word": SOURCES,
    "basis_word": BASIS_STATES,
    "cancel_reason": CANCEL_REASONS,
    "verb_word": VERBS,
    "directory_word": DIRECTORY_STATES,
    "credit_input": CREDIT_INPUTS,
}
