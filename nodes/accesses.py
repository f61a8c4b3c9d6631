"""Who asked, saw or used what of an enterprise's data, under which consent: the list that the enterprise itself reads.

Made from the ledger on the enterprise's own node, and on the authority's for exporters in custody. What a bank asked in vain, for
instance under a consent that was used up, stands here too, as an answer that tells nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from ledger import canonical
from ledger.store import StoredRecord
from nodes.consent_book import consents
from nodes.directory import Directory
from nodes.enquiry_parts import ANSWER_PART, AnswerPart
from nodes.private import PrivateStore, metadata
from nodes.sealed_models import read_part
from nodes.sealing import Opened

PROJECTION: Final = "accesses/1"

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
    sa.Column("log_index", sa.BigInteger, nullable=False, index=True),
    comment="uses of enterprises' data; `object` is the consent, enquiry or financing that the record is about",
)

_GIVEN, _REVOKED, _TAKEN, _ANSWERED, _APPLIED = "consent.give", "consent.revoke", "enquiry.take", "enquiry.answer", "financing.apply"
_STEPS: Final = {
    "financing.intake": "intake",
    "financing.approve": "approval",
    "financing.disburse": "disbursement",
    "financing.repay": "repayment",
    "financing.cancel": "cancellation",
}
TYPES: Final = (_GIVEN, _REVOKED, _TAKEN, _ANSWERED, _APPLIED, *_STEPS)


@dataclass(frozen=True, slots=True)
class Access:
    """`kind` is consent, enquiry, answer, application, intake, approval, disbursement, repayment, cancellation or revocation;
    `declarations` are ids. `log_index` is the place to go on from.
    """

    record_id: str
    kind: str
    time_ms: int
    bank: str
    consent: str | None
    declarations: tuple[str, ...]
    log_index: int


class Accesses:
    """What an enterprise may see of how its data was used."""

    def __init__(self, private: PrivateStore) -> None:
        self._private = private

    def list(self, enterprise_id: str, after: int = 0, limit: int | None = None) -> list[Access]:
        """In the order of the ledger; `after` is the log index of the last one that was seen."""
        query = sa.select(accesses).where(accesses.c.enterprise == enterprise_id, accesses.c.log_index > after)
        query = query.order_by(accesses.c.log_index)
        with self._private.reading() as connection:
            return [_access(row) for row in connection.execute(query if limit is None else query.limit(limit))]


class AccessBook:
    """The projection. It comes after that of consents, whose enterprises it takes."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def apply(self, connection: sa.Connection, stored: StoredRecord, opened: Mapping[str, Opened]) -> None:
        """Raises `InputError` (`part-malformed`)."""
        kind = stored.record.type
        if kind == _APPLIED:
            self._application(connection, stored)
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
            _answer(connection, stored, opened)
        elif kind in _STEPS:
            _step(connection, stored, _STEPS[kind])

    def _application(self, connection: sa.Connection, stored: StoredRecord) -> None:
        """Public fields name the consents of an application's grants, refused ones too: the attempt is what the exporter wants to see."""
        bank = self._directory.author_of(stored.record.signers) or ""
        by_enterprise: dict[tuple[str, str], list[str]] = {}
        for line in stored.record.body["lines"]:
            row = connection.execute(sa.select(consents).where(consents.c.id == line["grant"]["consent"])).first()
            if row is not None and row.bank == bank:
                by_enterprise.setdefault((row.enterprise, row.id), []).append(line["grant"]["declaration"])
        seen: set[str] = set()
        for (enterprise, consent_id), ids in by_enterprise.items():
            if enterprise not in seen:
                _insert(connection, stored, "application", enterprise, bank, consent_id, stored.id, tuple(ids))
                seen.add(enterprise)


def _about_consent(connection: sa.Connection, stored: StoredRecord, kind: str, consent_id: str, about: str) -> None:
    row = connection.execute(sa.select(consents.c.enterprise, consents.c.bank).where(consents.c.id == consent_id)).first()
    if row is not None:
        _insert(connection, stored, kind, row.enterprise, row.bank, consent_id, about, ())


def _answer(connection: sa.Connection, stored: StoredRecord, opened: Mapping[str, Opened]) -> None:
    if ANSWER_PART not in opened:
        return
    answer = read_part(AnswerPart, opened[ANSWER_PART].content)
    ids = tuple(line.declaration for line in answer.lines if line.declaration is not None)
    asked = sa.select(accesses).where(accesses.c.object == answer.request, accesses.c.kind == "enquiry")
    for row in connection.execute(asked).fetchall():
        _insert(connection, stored, "answer", row.enterprise, row.bank, row.consent, answer.request, ids)


def _step(connection: sa.Connection, stored: StoredRecord, kind: str) -> None:
    about = stored.record.body["financing"]
    applied = sa.select(accesses).where(accesses.c.record_id == about, accesses.c.kind == "application")
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
) -> None:
    row = {"record_id": stored.id, "enterprise": enterprise, "kind": kind, "time_ms": stored.time_ms, "bank": bank, "consent": consent_id}
    text = canonical.encode(list(ids)).decode("ascii")
    connection.execute(sa.insert(accesses).values(**row, object=about, declarations=text, log_index=stored.log_index))


def _access(row: Any) -> Access:
    ids = tuple(canonical.decode(row.declarations.encode("ascii")))
    return Access(row.record_id, row.kind, row.time_ms, row.bank, row.consent, ids, row.log_index)
