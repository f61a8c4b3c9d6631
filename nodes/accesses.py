"""Who asked, saw or used what of an enterprise's data, under which consent: the list that the enterprise itself reads.

Made from the ledger on the enterprise's own node, and on the authority's for exporters in custody. What a bank asked in vain, for
instance under a consent that was used up, stands here too, as an answer that tells nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from ledger import canonical
from ledger.store import StoredRecord
from nodes.consents.book import consents
from nodes.directory import Directory
from nodes.enquiries.book import enquiries
from nodes.enquiries.parts import ANSWER_PART, REQUEST_PART, AnswerPart, RequestPart
from nodes.enterprises import enterprises
from nodes.private import PrivateStore, metadata, parts
from nodes.sealed_models import read_part
from nodes.sealing import Opened

PROJECTION: Final = "accesses/5"

accesses = sa.Table(
    "accesses",
    metadata,
    sa.Column("record_id", sa.Text, primary_key=True),
    sa.Column("enterprise", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("time_ms", sa.BigInteger, nullable=False),
    sa.Column("bank", sa.Text, nullable=False),
    sa.Column("consent", sa.Text),
    sa.Column("object", sa.Text, nullable=False, index=True),
    sa.Column("declarations", sa.Text, nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("log_index", sa.BigInteger, nullable=False, index=True),
    comment="uses of enterprises' data; `object` is the consent, enquiry or financing that the record is about",
)

_BASIS: Final = (consents.c.basis, consents.c.document_sha256, consents.c.signatory)
_GIVEN, _REVOKED, _TAKEN, _ANSWERED, _APPLIED = "consent.give", "consent.revoke", "enquiry.take", "enquiry.answer", "financing.apply"
_STEPS: Final = {
    "financing.intake": "intake",
    "financing.approve": "approval",
    "financing.disburse": "disbursement",
    "financing.repay": "repayment",
    "financing.cancel": "cancellation",
    "financing.write-off": "write-off",
    "financing.correct": "correction",
}
_LOADED, _TAKEN_OVER = "financing.load", "financing.take-over"
TYPES: Final = (_LOADED, _TAKEN_OVER, _GIVEN, _REVOKED, _TAKEN, _ANSWERED, _APPLIED, *_STEPS)


@dataclass(frozen=True, slots=True)
class Access:
    """`kind` is consent, enquiry, answer, application, intake, approval, disbursement, repayment, cancellation, write-off, correction,
    take-over, load or revocation; `declarations` are ids, `scopes` those of the credit facts that an answer showed. `basis` is the
    consent's; one on paper has a document and a signatory. `log_index` is the place to go on from.
    """

    record_id: str
    kind: str
    time_ms: int
    bank: str
    consent: str | None
    declarations: tuple[str, ...]
    log_index: int
    scopes: tuple[str, ...] = ()
    basis: str | None = None
    document_sha256: str | None = None
    signatory: str | None = None


class Accesses:
    """What an enterprise may see of how its data was used."""

    def __init__(self, private: PrivateStore) -> None:
        self._private = private

    def list(self, enterprise_id: str, after: int = 0, limit: int | None = None, *, newest_first: bool = False) -> list[Access]:
        """In the order of the ledger, or against it; `after` is the log index of the last one that was seen, zero of none."""
        query = sa.select(accesses, *_BASIS).outerjoin(consents, consents.c.id == accesses.c.consent)
        place = accesses.c.log_index
        query = query.where(accesses.c.enterprise == enterprise_id)
        if newest_first:
            query = query.where(place < after if after else sa.true()).order_by(place.desc())
        else:
            query = query.where(place > after).order_by(place)
        with self._private.reading() as connection:
            return [_access(row) for row in connection.execute(query if limit is None else query.limit(limit))]


class AccessBook:
    """The projection. It comes after those of consents and enquiries, from which it takes. `own`: this is an enterprise's own node."""

    def __init__(self, directory: Directory, *, own: bool) -> None:
        self._directory = directory
        self._own = own

    def apply(self, connection: sa.Connection, stored: StoredRecord, opened: Mapping[str, Opened]) -> None:
        """Raises `InputError` (`part-malformed`)."""
        kind = stored.record.type
        if kind == _APPLIED:
            self._used(connection, stored, "application", [line["grant"] for line in stored.record.body["lines"]])
        elif stored.result["code"] != "ok":
            return
        elif kind == _GIVEN:
            _about_consent(connection, stored, "consent", stored.id, stored.id)
        elif kind == _REVOKED:
            consent_id = stored.record.body["consent"]
            _about_consent(connection, stored, "revocation", consent_id, consent_id)
        elif kind == _TAKEN:
            _about_consent(connection, stored, "enquiry", stored.record.body["consent"], stored.record.body["request"])
        elif kind == _ANSWERED:
            self._answer(connection, stored, opened)
        elif kind == _LOADED:
            self._used(connection, stored, "load", [line["grant"] for line in stored.record.body["lines"]])
        elif kind == _TAKEN_OVER:
            self._used(connection, stored, "take-over", [opening for opening in stored.record.body["grants"] if opening is not None])
        elif kind in _STEPS:
            _step(connection, stored, _STEPS[kind])

    def _used(self, connection: sa.Connection, stored: StoredRecord, kind: str, openings: Sequence[Mapping[str, Any]]) -> None:
        """Public fields name the consents of the grants that are used. Refused records count too: the exporter wants to see the attempt."""
        bank = self._directory.author_of(stored.record.signers) or ""
        used: dict[str, tuple[str, list[str]]] = {}
        for opening in openings:
            row = connection.execute(sa.select(consents).where(consents.c.id == opening["consent"])).first()
            if row is not None and row.bank == bank:
                # One entry for each enterprise, under the first of its consents, with all that was used of it under any.
                used.setdefault(row.enterprise, (row.id, []))[1].append(opening["declaration"])
        for enterprise, (consent_id, ids) in used.items():
            _insert(connection, stored, kind, enterprise, bank, consent_id, stored.id, tuple(ids))

    def _answer(self, connection: sa.Connection, stored: StoredRecord, opened: Mapping[str, Opened]) -> None:
        if ANSWER_PART not in opened:
            return
        answer = read_part(AnswerPart, opened[ANSWER_PART].content)
        ids = tuple(line.declaration for line in answer.lines if line.declaration is not None)
        scopes = tuple(answer.credit.scopes or ()) if answer.credit is not None else ()
        asked = sa.select(accesses).where(accesses.c.object == answer.request, accesses.c.kind == "enquiry")
        for row in connection.execute(asked).fetchall():
            _insert(connection, stored, "answer", row.enterprise, row.bank, row.consent, answer.request, ids, scopes)
        if stored.record.body["take"] is None:
            self._in_vain(connection, stored, answer.request)

    def _in_vain(self, connection: sa.Connection, stored: StoredRecord, request_id: str) -> None:
        """An answer that tells nothing. The authority knows under whose consent was asked; an enterprise opens none but its own."""
        asked = connection.execute(sa.select(enquiries.c.bank, enquiries.c.consent).where(enquiries.c.id == request_id)).first()
        if asked is None:
            return
        concerned = sa.select(consents.c.enterprise).where(
            consents.c.id == asked.consent, consents.c.bank == asked.bank, consents.c.fault.is_(None)
        )
        if self._own:
            concerned = sa.select(enterprises.c.id).order_by(enterprises.c.log_index).limit(1)
        elif asked.consent is None:
            concerned = _on_paper(connection, request_id)
        enterprise = connection.execute(concerned).scalar()
        if enterprise is not None:
            _insert(connection, stored, "answer", enterprise, asked.bank, asked.consent, request_id, ())


def _on_paper(connection: sa.Connection, request_id: str) -> sa.Select[Any]:
    """The exporter in custody whose paper a bank handed in with an enquiry that made no consent."""
    content = connection.execute(sa.select(parts.c.content).where(parts.c.record_id == request_id, parts.c.part == REQUEST_PART)).scalar()
    request = None if content is None else read_part(RequestPart, canonical.decode(content.encode("utf-8")))
    uscc = None if request is None or request.basis is None or not request.lines else request.lines[0].exporter_uscc
    return sa.select(enterprises.c.id).where(enterprises.c.uscc == uscc, enterprises.c.custody.is_(True))


def _about_consent(connection: sa.Connection, stored: StoredRecord, kind: str, consent_id: str, about: str) -> None:
    row = connection.execute(sa.select(consents.c.enterprise, consents.c.bank).where(consents.c.id == consent_id)).first()
    if row is not None:
        _insert(connection, stored, kind, row.enterprise, row.bank, consent_id, about, ())


def _step(connection: sa.Connection, stored: StoredRecord, kind: str) -> None:
    about = stored.record.body["financing"]
    applied = sa.select(accesses).where(accesses.c.record_id == about, accesses.c.kind.in_(("application", "load", "take-over")))
    for row in connection.execute(applied).fetchall():
        ids = tuple(canonical.decode(row.declarations.encode("ascii")))
        _insert(connection, stored, kind, row.enterprise, row.bank, row.consent, about, ids)


def _insert(
    connection: sa.Connection,
    stored: StoredRecord,
    kind: str,
    enterprise: str,
    bank: str,
    consent_id: str | None,
    about: str,
    ids: tuple[str, ...],
    scopes: tuple[str, ...] = (),
) -> None:
    row = {"record_id": stored.id, "enterprise": enterprise, "kind": kind, "time_ms": stored.time_ms, "bank": bank, "consent": consent_id}
    text = canonical.encode(list(ids)).decode("ascii")
    connection.execute(
        sa.insert(accesses).values(**row, object=about, declarations=text, scopes=" ".join(scopes), log_index=stored.log_index)
    )


def _access(row: Any) -> Access:
    ids = tuple(canonical.decode(row.declarations.encode("ascii")))
    fixed = (row.record_id, row.kind, row.time_ms, row.bank, row.consent, ids, row.log_index, tuple(row.scopes.split()))
    return Access(*fixed, row.basis, row.document_sha256, row.signatory)
