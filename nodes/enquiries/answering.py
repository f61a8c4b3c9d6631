"""Making the record that answers an enquiry: the lines, the grants, and to whom which part is sealed.

Everything is read from one reading of the ledger and from what this node, the authority's, opened of it. The asking bank is named by
the request, so its wrap may be named; the enterprise is found by trial.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from contracts import entries
from contracts.commitments import grant_commitment
from contracts.shares import WHOLE
from ledger.errors import NotFound
from ledger.store import Reader
from nodes.author import Part
from nodes.credit.profiles import Profiles
from nodes.declarations.book import declarations
from nodes.declarations.register import facts_of
from nodes.enquiries.answers import GRANT_USES, answer_line
from nodes.enquiries.book import ANSWER
from nodes.enquiries.credit import credit_report
from nodes.enquiries.parts import (
    ANSWER_PART,
    SECRET_PART,
    AnswerLine,
    AnswerPart,
    AnswerSecret,
    AskedLine,
    AsOf,
    GrantOpening,
    RequestPart,
    SecretLine,
    Source,
)
from nodes.sealing import Recipient

if TYPE_CHECKING:
    from nodes.node import Node


class Answering:
    """Makes signed `enquiry.answer` records for the authority."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def answer(self, reader: Reader, request_id: str, bank: str, request: RequestPart, consent: Any, take: str) -> bytes:
        """The answer to an enquiry whose take is final in the reading. `consent` is its row."""
        as_of = self._as_of(reader)
        if request.kind == "credit":
            return self._credit(request_id, bank, request, consent, take, as_of)
        lines: list[AnswerLine] = []
        secrets: list[SecretLine | None] = []
        grants: list[str] = []
        for asked in request.lines:
            line, row = self._line(reader, asked, consent.uscc, as_of.time_ms)
            lines.append(line)
            secrets.append(None if row is None or line.result != "match" else self._secret(row, consent, granted=bool(line.granted)))
            secret = secrets[-1]
            if secret is not None and secret.grant is not None:
                grants.append(grant_commitment(bank=bank, consent=consent.id, **secret.grant.model_dump()))
        part = AnswerPart(request=request_id, code="answered", as_of=as_of, lines=lines)
        body = {"request": request_id, "take": take, "grants": grants}
        return self._record(body, bank, consent, part, AnswerSecret(consent=consent.id, lines=secrets))

    def decline(self, reader: Reader, request_id: str, bank: str, consent: Any, code: str) -> bytes:
        """The answer that none is given. The enterprise reads it too where the consent was its own to this bank."""
        part = AnswerPart(request=request_id, code=code, as_of=self._as_of(reader), lines=[])
        body: dict[str, Any] = {"request": request_id, "take": None, "grants": []}
        own = consent if consent is not None and consent.bank == bank and consent.fault is None else None
        return self._record(body, bank, own, part, None)

    def _credit(self, request_id: str, bank: str, request: RequestPart, consent: Any, take: str, as_of: AsOf) -> bytes:
        """The answer to an enquiry about credit: no grants, and nothing that is the bank's alone."""
        report = credit_report(Profiles(self._node.private, self._node.clock), request, consent, as_of.time_ms)
        part = AnswerPart(request=request_id, code="answered", as_of=as_of, lines=[], credit=report)
        return self._record({"request": request_id, "take": take, "grants": []}, bank, consent, part, None)

    def _as_of(self, reader: Reader) -> AsOf:
        return AsOf(height=reader.head.height, time_ms=max(reader.head.time_ms, self._node.clock.now_ms()))

    def _line(self, reader: Reader, asked: AskedLine, uscc: str, time_ms: int) -> tuple[AnswerLine, Any]:
        """The same steps whether the number is registered or not, as far as the answer can show."""
        declaration_id = self._node.registry_key.declaration_id(asked.number)
        with self._node.private.reading() as connection:
            row = connection.execute(sa.select(declarations).where(declarations.c.id == declaration_id)).first()
        entry = entries.declaration(reader.state, declaration_id)
        if row is None or entry is None:
            return answer_line(asked, uscc, None, None, None, time_ms), None
        return answer_line(asked, uscc, facts_of(row), entry, self._source(reader, row.record_id), time_ms), row

    def _source(self, reader: Reader, record_id: str) -> Source | None:
        stored = reader.record(record_id)
        key = None if stored is None else self._node.directory.key(stored.record.signers[0])
        return None if key is None else Source(registered_by=key.member, key="good" if key.alive else "revoked")

    def _secret(self, row: Any, consent: Any, *, granted: bool) -> SecretLine:
        grant = None
        if granted:
            salt = self._node.random(32).hex()
            grant = GrantOpening(declaration=row.id, maximum=WHOLE, uses=GRANT_USES, end=consent.not_after, salt=salt)
        return SecretLine(record=row.record_id, content_key=row.content_key, grant=grant)

    def _record(self, body: dict[str, Any], bank: str, consent: Any, part: AnswerPart, secret: AnswerSecret | None) -> bytes:
        directory = self._node.directory
        both = [directory.recipient(directory.authority()), directory.recipient(bank)]
        parts = {ANSWER_PART: Part(part.content(), [*both, *self._enterprise(consent)])}
        if secret is not None:
            parts[SECRET_PART] = Part(secret.content(), both)
        return self._node.author.record(ANSWER, body, [self._node.identity_key], parts).raw

    def _enterprise(self, consent: Any) -> list[Recipient]:
        if consent is None:
            return []
        try:
            return [self._node.enterprises.get(consent.enterprise).recipient(self._node.directory)]
        except NotFound:
            return []
