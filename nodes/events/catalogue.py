"""Every type of event: a stable name, its number, what it means, and which route shows the thing itself. The table in the documents is
made from here.

An event tells its reader that something is there to be looked at, by ids; so it is for those who may call the route in `reads`, and for
nobody else. Numbers order the events of one record: one that was given out is never changed nor given to another type, so that cursors
stay what they are when tables are made anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class EventType:
    """`at` are the nodes that have such events: the owner's role, `exporter in custody`, or all. `local`: it follows from no record."""

    name: str
    number: int
    reads: str
    at: str
    meaning: str
    local: bool = False


_MEMBERS: Final = "GET /v1/members"
_PROPOSAL: Final = "GET /v1/governance/proposals/{proposal_id}"
_ENQUIRY: Final = "GET /v1/enquiries/{enquiry_id}"
_CONSENT: Final = "GET /v1/consents/{consent_id}"
_FINANCING: Final = "GET /v1/financings/{financing_id}"
_NOTICES: Final = "GET /v1/notices"
_DECLARATION: Final = "GET /v1/declarations/{declaration_id}"
_DISPUTE: Final = "GET /v1/disputes/{dispute_id}"
_TASK: Final = "GET /v1/tasks/{task_id}"

_ALL: Final = "all"
_MEMBER: Final = "members"
_BANK: Final = "bank"
_AUTHORITY: Final = "authority"
_EXPORTER: Final = "enterprise, exporter in custody"
_PARTIES: Final = "those concerned, authority"

_TYPES: Final = (
    EventType("member.admitted", 1, _MEMBERS, _ALL, "a member was admitted"),
    EventType("member.suspended", 2, _MEMBERS, _ALL, "a member may start nothing more"),
    EventType("member.reinstated", 3, _MEMBERS, _ALL, "a suspension ended"),
    EventType("member.succeeded", 4, _MEMBERS, _ALL, "another bank took a member's place for good"),
    EventType("key.added", 5, _MEMBERS, _ALL, "a member has one more key"),
    EventType("key.revoked", 6, _MEMBERS, _ALL, "a key ended"),
    EventType("governance.proposed", 7, _PROPOSAL, _ALL, "a governor proposed a change"),
    EventType("governance.approved", 8, _PROPOSAL, _ALL, "a governor approved; `state` says whether it was enough"),
    EventType("record.refused", 9, "GET /v1/records/{record_id}", _MEMBER, "the rules refused a record of this member; `code` says why"),
    EventType("alert.raised", 10, "GET /v1/alerts/{alert_id}", _AUTHORITY, "a detector found something in a record, or a deadline passed"),
    EventType("enquiry.asked", 11, _ENQUIRY, _AUTHORITY, "a bank asked"),
    EventType("enquiry.answered", 12, _ENQUIRY, "bank, authority", "an enquiry is answered"),
    EventType("enquiry.declined", 13, _ENQUIRY, "bank, authority", "an enquiry got an answer that tells nothing"),
    EventType("consent.given", 14, _CONSENT, _BANK, "an exporter consented"),
    EventType("consent.revoked", 15, _CONSENT, _BANK, "a consent ended"),
    EventType("financing.applied", 16, _FINANCING, _BANK, "an application got its hold"),
    EventType("financing.taken-in", 17, _FINANCING, _BANK, "an application was taken in"),
    EventType("financing.approved", 18, _FINANCING, _BANK, "a financing was approved"),
    EventType("financing.disbursed", 19, _FINANCING, _BANK, "money of a financing was paid out"),
    EventType("financing.repaid", 20, _FINANCING, _BANK, "a repayment was recorded"),
    EventType("financing.cancelled", 21, _FINANCING, _BANK, "a financing was cancelled, by the bank or by the authority"),
    EventType("financing.written-off", 22, _FINANCING, _BANK, "what is outstanding was written off, or that was taken back"),
    EventType("financing.corrected", 23, _FINANCING, _BANK, "what is recorded as drawn was corrected"),
    EventType("financing.offered", 24, _FINANCING, _BANK, "the bank offered a financing to another, or withdrew the offer"),
    EventType("financing.taken-over", 25, _FINANCING, _BANK, "a financing was handed over: at the lender of before, and at the next one"),
    EventType("financing.loaded", 26, _FINANCING, _BANK, "an earlier loan was loaded"),
    EventType("notice.amended", 30, _NOTICES, _BANK, "a declaration under an own financing was amended"),
    EventType("notice.voided", 31, _NOTICES, _BANK, "one was voided"),
    EventType("notice.replaced", 32, _NOTICES, _BANK, "one was replaced by another"),
    EventType("notice.frozen", 33, _NOTICES, _BANK, "one, or a financing, was frozen; by which order is not said"),
    EventType("notice.unfrozen", 34, _NOTICES, _BANK, "it was let go"),
    EventType("notice.consent-revoked", 35, _NOTICES, _BANK, "the consent under an own financing was revoked"),
    EventType("offer.received", 36, "GET /v1/transfer-offers", _BANK, "another bank offers a financing"),
    EventType("estate.received", 37, "GET /v1/financings", _BANK, "what a succeeded bank left was handed on"),
    EventType("declaration.registered", 38, _DECLARATION, _EXPORTER, "a declaration of the exporter was registered"),
    EventType("declaration.amended", 39, _DECLARATION, _EXPORTER, "one was amended"),
    EventType("declaration.voided", 40, _DECLARATION, _EXPORTER, "one was voided"),
    EventType("data.used", 41, "GET /v1/accesses", _EXPORTER, "a consent, an enquiry or a financing concerned the exporter's data"),
    EventType("dispute.opened", 42, _DISPUTE, _PARTIES, "somebody says that a record is wrong"),
    EventType("dispute.resolved", 43, _DISPUTE, _PARTIES, "a dispute ended"),
    EventType("task.waiting", 50, _TASK, _MEMBER, "a record waits for a second signature", local=True),
    EventType("task.declined", 51, _TASK, _MEMBER, "a task ended unsigned", local=True),
    EventType(
        "webhook.disabled", 52, "GET /v1/webhooks/{webhook_id}", _ALL, "a webhook was given up after it had failed for days", local=True
    ),
)
TYPES: Final = {each.name: each for each in _TYPES}
# Everybody's replica shows these, so they concern everybody.
PUBLIC: Final = frozenset(each.name for each in _TYPES if each.at == _ALL and not each.local)
