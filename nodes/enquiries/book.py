"""The table of enquiries that this node may read, and the grants that it was given, made from the ledger.

The bank that asked sees its own, the authority every one, an enterprise those answered under its consents. Of an enquiry that it
cannot open the authority knows that it was asked, and has to say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from contracts.commitments import grant_commitment
from ledger.errors import InputError
from ledger.store import LedgerStore, StoredRecord
from nodes.consents.book import consents
from nodes.declarations.book import declarations
from nodes.directory import Directory
from nodes.enquiries.grants import grants
from nodes.enquiries.parts import ANSWER_PART, REQUEST_PART, SECRET_PART, AnswerPart, AnswerSecret, RequestPart
from nodes.private import metadata
from nodes.sealed_models import read_part
from nodes.sealing import Opened

PROJECTION: Final = "enquiries/2"
REQUEST: Final = "enquiry.request"
ANSWER: Final = "enquiry.answer"
TYPES: Final = (REQUEST, ANSWER)
PENDING: Final = "pending"
ANSWERED: Final = "answered"
DECLINED: Final = "declined"

enquiries = sa.Table(
    "enquiries",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("bank", sa.Text, nullable=False, index=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("consent", sa.Text, index=True),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("code", sa.Text),
    sa.Column("answer", sa.Text),
    sa.Column("asked_ms", sa.BigInteger, nullable=False),
    sa.Column("answered_ms", sa.BigInteger),
    sa.Column("height", sa.BigInteger, nullable=False),
    sa.Column("log_index", sa.BigInteger, nullable=False, index=True),
    sa.CheckConstraint("state IN ('pending', 'answered', 'declined')", name="ck_enquiries_state"),
    comment="enquiries that this node asked, answers, or reads the answers of",
)


class EnquiryBook:
    """The projection of `enquiries` and `grants`. `answers`: this is the authority's node, which has to answer every one."""

    def __init__(self, store: LedgerStore, directory: Directory, *, answers: bool) -> None:
        self._store = store
        self._directory = directory
        self._answers = answers

    def apply(self, connection: sa.Connection, stored: StoredRecord, opened: Mapping[str, Opened]) -> None:
        """Raises `InputError` (`part-malformed`, `grant-wrong`)."""
        if stored.result["code"] != "ok":
            return
        if stored.record.type == REQUEST and (self._answers or REQUEST_PART in opened):
            connection.execute(sa.insert(enquiries).values(**self._asked(stored), consent=_consent_named(opened)))
        elif stored.record.type == ANSWER:
            self._answered(connection, stored, opened)

    def _asked(self, request: StoredRecord) -> dict[str, Any]:
        return {
            "id": request.id,
            "bank": self._directory.author_of(request.record.signers) or "",
            "kind": request.record.body["kind"],
            "state": PENDING,
            "asked_ms": request.time_ms,
            "height": request.height,
            "log_index": request.log_index,
        }

    def _answered(self, connection: sa.Connection, stored: StoredRecord, opened: Mapping[str, Opened]) -> None:
        request_id = stored.record.body["request"]
        known = connection.execute(sa.select(enquiries.c.id).where(enquiries.c.id == request_id)).first() is not None
        if not known and ANSWER_PART not in opened:
            return
        if not known:
            with self._store.reading() as reader:
                request = reader.record(request_id)
            assert request is not None, "an answer that was accepted answers a request on the ledger"
            connection.execute(sa.insert(enquiries).values(**self._asked(request), consent=self._consent_taken(stored)))
        values = {
            "state": DECLINED if stored.record.body["take"] is None else ANSWERED,
            "code": None,
            "answer": stored.id,
            "answered_ms": stored.time_ms,
        }
        connection.execute(sa.update(enquiries).where(enquiries.c.id == request_id).values(**values))
        # One on paper names no consent when it is asked: the take does.
        unnamed = sa.and_(enquiries.c.id == request_id, enquiries.c.consent.is_(None))
        connection.execute(sa.update(enquiries).where(unnamed).values(consent=self._consent_taken(stored)))
        if ANSWER_PART in opened:
            answer = _read_answer(opened[ANSWER_PART], request_id)
            connection.execute(sa.update(enquiries).where(enquiries.c.id == request_id).values(code=answer.code))

    def _consent_taken(self, answer: StoredRecord) -> str | None:
        take_id = answer.record.body["take"]
        if take_id is None:
            return None
        with self._store.reading() as reader:
            take = reader.state.get(f"take/{take_id}")
        return None if take is None else str(take["consent"])


class GrantBook:
    """The projection of `grants`, on a bank's node. It comes after those of consents and declarations, from which it takes."""

    def __init__(self, bank: str) -> None:
        self._bank = bank

    def apply(self, connection: sa.Connection, stored: StoredRecord, opened: Mapping[str, Opened]) -> None:
        """Raises `InputError`: `part-malformed`, `grant-wrong` for an opening that does not open what the ledger holds."""
        if stored.record.type != ANSWER or stored.result["code"] != "ok" or SECRET_PART not in opened:
            return
        secret = read_part(AnswerSecret, opened[SECRET_PART].content)
        public = set(stored.record.body["grants"])
        for line in secret.lines:
            if line is None or line.grant is None:
                continue
            opening = {**line.grant.model_dump(), "consent": secret.consent}
            commitment = grant_commitment(bank=self._bank, **opening)
            if commitment not in public:
                raise InputError("grant-wrong", "a grant's opening does not open any commitment of the answer")
            declared = connection.execute(sa.select(*_DECLARED).where(declarations.c.id == line.grant.declaration)).first()
            consenting = connection.execute(sa.select(*_CONSENTING).where(consents.c.id == secret.consent)).first()
            if declared is None or consenting is None:
                raise InputError("grant-wrong", "a grant is about a declaration or a consent that this node cannot read")
            end_ms = opening.pop("end")
            values = {
                **opening,
                **declared._asdict(),
                **consenting._asdict(),
                "end_ms": end_ms,
                "commitment": commitment,
                "answer_record": stored.id,
            }
            connection.execute(sa.insert(grants).values(**values, height=stored.height, log_index=stored.log_index))


_DECLARED: Final = (declarations.c.number, declarations.c.registered_minor, declarations.c.currency)
_CONSENTING: Final = (consents.c.enterprise, consents.c.uscc, consents.c.name)


def _consent_named(opened: Mapping[str, Opened]) -> str | None:
    """The consent that a request names; None where the request cannot be read, which is for its answer to say."""
    if REQUEST_PART not in opened:
        return None
    try:
        return read_part(RequestPart, opened[REQUEST_PART].content).consent
    except InputError:
        return None


def _read_answer(opened: Opened, request_id: str) -> AnswerPart:
    answer = read_part(AnswerPart, opened.content)
    if answer.request != request_id:
        raise InputError("part-malformed", "the sealed answer is about another request than its public fields")
    return answer
