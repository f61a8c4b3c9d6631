"""Whom a record concerns, and with which events: read from the record itself and from the tables that the projections before made of it.

What is said in an event are ids, members, kinds and codes; never a number, a name, an amount or a word that was sealed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from ledger.keys import PublicKey
from ledger.store import LedgerStore, StoredRecord
from nodes.accesses import accesses
from nodes.consents.book import consents
from nodes.declarations.book import declarations
from nodes.directory import Directory
from nodes.dispute_book import disputes
from nodes.enquiries.book import DECLINED, enquiries
from nodes.enterprises import enterprises
from nodes.financings.book import financing_records
from nodes.financings.offer_book import transfer_offers
from nodes.notice_book import notices

_STEPS: Final = {
    "financing.apply": "applied",
    "financing.intake": "taken-in",
    "financing.approve": "approved",
    "financing.disburse": "disbursed",
    "financing.repay": "repaid",
    "financing.cancel": "cancelled",
    "financing.write-off": "written-off",
    "financing.correct": "corrected",
    "financing.transfer": "offered",
    "financing.take-over": "taken-over",
    "financing.load": "loaded",
}
_DECLARED: Final = {"declaration.register": "registered", "declaration.amend": "amended", "declaration.void": "voided"}
# A bank is not told which order froze what it lent on.
_UNSAID: Final = frozenset({"frozen", "unfrozen"})


@dataclass(frozen=True, slots=True)
class Draft:
    """An event that is to be. `enterprise` is the exporter in custody that it is for, empty for the node's owner; `named`: it names the
    record.
    """

    type: str
    subjects: Mapping[str, str | None]
    body: Mapping[str, Any] = field(default_factory=dict)
    enterprise: str = ""
    named: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """A record that was just read into all other tables, at the node of `member`, None at an enterprise's."""

    connection: sa.Connection
    stored: StoredRecord
    store: LedgerStore
    directory: Directory
    member: str | None
    role: str

    @property
    def body(self) -> Mapping[str, Any]:
        return self.stored.record.body

    @property
    def author(self) -> str | None:
        return self.directory.author_of(self.stored.record.signers)

    def rows(self, query: sa.Select[Any]) -> list[Any]:
        return list(self.connection.execute(query))


def drafts(seen: Seen) -> Iterator[Draft]:
    """The events of a record, always in the same order."""
    if seen.stored.result["code"] != "ok":
        if seen.member is not None and seen.author == seen.member:
            yield Draft("record.refused", {}, {"type": seen.stored.record.type, "code": seen.stored.result["code"]})
        return
    public = _PUBLIC.get(seen.stored.record.type)
    if public is not None:
        yield public(seen)
    if seen.role == "bank":
        yield from _at_bank(seen)
    elif seen.role == "authority":
        yield from _enquiry(seen)
        yield from _of_exporters(seen)
    elif seen.role == "enterprise":
        yield from _of_exporters(seen)
    yield from _dispute(seen)


def _admitted(seen: Seen) -> Draft:
    return Draft("member.admitted", {"member": seen.body["member"]}, {"role": seen.body["role"]})


def _suspended(seen: Seen) -> Draft:
    return Draft("member.suspended", {"member": seen.body["member"]}, {"reason": seen.body["reason"]})


def _reinstated(seen: Seen) -> Draft:
    return Draft("member.reinstated", {"member": seen.body["member"]})


def _succeeded(seen: Seen) -> Draft:
    return Draft("member.succeeded", {"member": seen.body["member"], "heir": seen.body["heir"]})


def _key_added(seen: Seen) -> Draft:
    key = seen.body["key"]
    key_id = PublicKey(key["alg"], bytes.fromhex(key["public"])).id
    return Draft("key.added", {"member": seen.body["member"], "key_id": key_id}, {"purpose": key["purpose"]})


def _key_revoked(seen: Seen) -> Draft:
    key = seen.directory.key(seen.body["key"])
    return Draft(
        "key.revoked", {"member": None if key is None else key.member, "key_id": seen.body["key"]}, {"reason": seen.body["reason"]}
    )


def _proposed(seen: Seen) -> Draft:
    what = {"by": seen.author, "kind": seen.body["change"]["kind"], "state": seen.stored.result["state"]}
    return Draft("governance.proposed", {"proposal_id": seen.stored.id}, what)


def _approved(seen: Seen) -> Draft:
    what = {"by": seen.author, "state": seen.stored.result["state"]}
    return Draft("governance.approved", {"proposal_id": seen.body["proposal"]}, what)


_PUBLIC: Final[Mapping[str, Callable[[Seen], Draft]]] = {
    "member.admit": _admitted,
    "member.suspend": _suspended,
    "member.reinstate": _reinstated,
    "member.succeed": _succeeded,
    "key.add": _key_added,
    "key.revoke": _key_revoked,
    "governance.propose": _proposed,
    "governance.approve": _approved,
}


def _at_bank(seen: Seen) -> Iterator[Draft]:
    stored, kind = seen.stored, seen.stored.record.type
    if kind in ("consent.give", "consent.revoke"):
        consent = stored.id if kind == "consent.give" else seen.body["consent"]
        mine = sa.select(consents.c.id).where(consents.c.id == consent, consents.c.bank == seen.member, consents.c.fault.is_(None))
        for row in seen.rows(mine):
            yield Draft("consent.given" if kind == "consent.give" else "consent.revoked", {"consent_id": row.id})
    yield from _enquiry(seen)
    if kind in _STEPS:
        booked = sa.select(financing_records.c.financing).where(financing_records.c.record_id == stored.id)
        for row in seen.rows(booked.order_by(financing_records.c.financing)):
            yield Draft(f"financing.{_STEPS[kind]}", {"financing_id": row.financing})
        for row in seen.rows(sa.select(transfer_offers).where(transfer_offers.c.id == stored.id)):
            yield Draft("offer.received", {"offer_id": row.id, "financing_id": row.financing}, {"lender": row.lender})
    for row in seen.rows(sa.select(notices).where(notices.c.log_index == stored.log_index).order_by(notices.c.id)):
        subjects = {"notice_id": row.id, "financing_id": row.financing, "declaration_id": row.declaration, "consent_id": row.consent}
        yield Draft(f"notice.{row.kind}", subjects, named=row.kind not in _UNSAID)
    if kind == "member.estate" and seen.body["heir"] == seen.member:
        yield Draft("estate.received", {"member": seen.body["member"]})


def _enquiry(seen: Seen) -> Iterator[Draft]:
    """Of the bank that asked, and of the authority, which answers all."""
    mine = sa.true() if seen.role == "authority" else enquiries.c.bank == seen.member
    if seen.stored.record.type == "enquiry.request" and seen.role == "authority":
        for row in seen.rows(sa.select(enquiries).where(enquiries.c.id == seen.stored.id)):
            yield Draft("enquiry.asked", {"enquiry_id": row.id}, {"bank": row.bank, "kind": row.kind})
    elif seen.stored.record.type == "enquiry.answer":
        for row in seen.rows(sa.select(enquiries).where(enquiries.c.id == seen.body["request"], mine)):
            kind = "enquiry.declined" if row.state == DECLINED else "enquiry.answered"
            yield Draft(kind, {"enquiry_id": row.id}, {"bank": row.bank, "kind": row.kind})


def _of_exporters(seen: Seen) -> Iterator[Draft]:
    """What an exporter learns of its own: at its node for its owner, at the authority's for each one in custody."""
    kind = seen.stored.record.type
    if kind in _DECLARED:
        its = sa.select(declarations.c.id, declarations.c.enterprise).where(declarations.c.id == seen.body["declaration"])
        for row in seen.rows(its):
            yield from _for_exporter(seen, f"declaration.{_DECLARED[kind]}", row.enterprise, {"declaration_id": row.id})
    used = sa.select(accesses).where(accesses.c.record_id == seen.stored.id).order_by(accesses.c.enterprise)
    for row in seen.rows(used):
        about = {"consent_id": row.consent, "financing_id": row.object if kind.startswith("financing.") else None}
        about["enquiry_id"] = row.object if kind.startswith("enquiry.") else None
        yield from _for_exporter(seen, "data.used", row.enterprise, about, {"bank": row.bank, "kind": row.kind})


def _dispute(seen: Seen) -> Iterator[Draft]:
    """Of the authority, of whose record it is about, of who opened it, and of the exporter concerned."""
    kind = seen.stored.record.type
    if kind not in ("dispute.open", "dispute.resolve"):
        return
    dispute = seen.stored.id if kind == "dispute.open" else seen.body["dispute"]
    name, body = ("dispute.opened", {}) if kind == "dispute.open" else ("dispute.resolved", {"outcome": seen.body["outcome"]})
    for row in seen.rows(sa.select(disputes).where(disputes.c.id == dispute)):
        subjects = {"dispute_id": row.id, "record_id": row.record}
        if seen.role == "authority" or (seen.member is not None and seen.member in _authors(seen, row.id, row.record)):
            yield Draft(name, subjects, body)
        if row.enterprise is not None and seen.role in ("authority", "enterprise"):
            yield from _for_exporter(seen, name, row.enterprise, subjects, body)


def _authors(seen: Seen, *record_ids: str) -> set[str | None]:
    with seen.store.reading() as reader:
        found = [reader.record(record_id) for record_id in record_ids]
    return {seen.directory.author_of(stored.record.signers) for stored in found if stored is not None}


def _for_exporter(
    seen: Seen, kind: str, enterprise: str | None, subjects: Mapping[str, str | None], body: Mapping[str, Any] | None = None
) -> Iterator[Draft]:
    """One with a node of its own learns it there, and only there."""
    if seen.role == "enterprise":
        yield Draft(kind, subjects, body or {})
    elif enterprise is not None:
        in_custody = sa.select(enterprises.c.id).where(enterprises.c.id == enterprise, enterprises.c.custody.is_(True))
        for row in seen.rows(in_custody):
            yield Draft(kind, subjects, body or {}, enterprise=row.id)
