"""Enquiries of a bank: asked under a consent, answered by the authority's node, read here once they are.

Asking places no hold and spends nothing until the authority takes the request; what was asked is sealed to the authority and the
bank itself. Of a line that is `unknown` the answer says nothing more, so the bank sees its own question beside it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from ledger.errors import InputError, NotFound, Unreachable
from ledger.limits import ENQUIRY_LINES_MAX
from nodes.attachments.store import Attachments
from nodes.author import Part
from nodes.caller import Caller, registered_key
from nodes.consents.book import consents
from nodes.consents.paper import CONFIRMED, basis_state
from nodes.consents.paper_word import confirmed_ms
from nodes.consents.terms import PaperBasis
from nodes.credit.facts import SCOPES, CreditScope
from nodes.credit.report import CreditReport
from nodes.customs.normalise import root_number
from nodes.enquiries.book import PENDING, REQUEST, enquiries
from nodes.enquiries.grants import grants
from nodes.enquiries.parts import (
    ANSWER_PART,
    REQUEST_PART,
    AnswerLine,
    AnswerPart,
    AskedAmount,
    AskedLine,
    AsOf,
    Integrity,
    Kind,
    RequestPart,
    Source,
    Status,
)
from nodes.money import Money
from nodes.outcomes import require_ok
from nodes.sealed_models import read_part
from nodes.sealing import Opened

if TYPE_CHECKING:
    from nodes.node import Node

_READ_S: Final = 30.0
_WITH_EXPORTER: Final = sa.select(enquiries, consents.c.uscc, consents.c.name).outerjoin(consents, consents.c.id == enquiries.c.consent)


@dataclass(frozen=True, slots=True)
class EnquiryLine:
    """A declaration as the bank was shown it; None is not asked. `export_date` is YYYY-MM-DD. A 21-digit number stands for its root."""

    number: str
    exporter_uscc: str
    amount: Money | None = None
    export_date: str | None = None


@dataclass(frozen=True, slots=True)
class AnsweredLine:
    """A line as it was asked, None where this node cannot tell, and as it was answered. `grant` is the commitment that an application uses,
    at the bank only.
    """

    number: str
    result: str
    declaration: str | None
    integrity: Integrity | None
    status: Status | None
    source: Source | None
    grant: str | None
    asked: AskedLine | None

    @property
    def financeable(self) -> Money | None:
        return None if self.status is None else Money(self.status.currency, self.status.financeable_minor)

    @property
    def available(self) -> Money | None:
        return None if self.status is None else Money(self.status.currency, self.status.available_minor)


@dataclass(frozen=True, slots=True)
class Enquiry:
    """`state` is pending, answered or declined; `code` says why it was declined; `as_of` is the state that the answer was read from, and
    `answer_record` the record that holds it. One about declarations has `lines`, one about credit its `credit` report. One on
    paper has its `basis`, and once there is a consent its `basis_state`: unconfirmed, confirmed or disputed, as far as this node can tell.
    `exporter` is the code and the name of the one who consented, None where this node knows no such consent.
    """

    id: str
    bank: str
    kind: str
    consent: str | None
    state: str
    code: str | None
    asked_ms: int
    answered_ms: int | None
    answer_record: str | None
    as_of: AsOf | None
    lines: tuple[AnsweredLine, ...]
    credit: CreditReport | None = None
    basis: PaperBasis | None = None
    basis_state: str | None = None
    confirmed_ms: int | None = None
    exporter: tuple[str, str] | None = None


class Enquiries:
    """For a bank's node; the authority and an enterprise may `get` what they can open."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def ask(
        self,
        caller: Caller,
        consent_id: str | None,
        lines: Sequence[EnquiryLine],
        kind: Kind = "declarations",
        *,
        basis: PaperBasis | None = None,
        scopes: Sequence[CreditScope] = (),
        reference: str | None = None,
    ) -> str:
        """Puts the enquiry on the ledger and gives its id. With a `reference` there is one enquiry for it for ever. `scopes` are those
        asked of credit; none stands for all that the consent allows. In place of a consent, `basis` is a paper whose scan this node keeps,
        for lines of one exporter.

        Raises `InputError` (`bad-enquiry`, `number-format`, `number-twice`, `date-invalid`, `exporters-differ`), `NotFound`
        (`unknown-consent`, `unknown-attachment`), `NotPermitted`, `RuleRefused`, and as `Outbox.send`.
        """
        node = self._node
        key, _ = registered_key(caller, node.directory, node.member, "make", "check", "service")
        if scopes and kind != "credit":
            raise InputError("bad-enquiry", "only an enquiry about credit names scopes")
        wanted = [scope for scope in SCOPES if scope in scopes]
        if (consent_id is None) == (basis is None):
            raise InputError("bad-enquiry", "an enquiry names the consent that it is under, or the paper, and not both")
        part = RequestPart(consent=consent_id, kind=kind, basis=basis, lines=_asked(lines, kind), scopes=wanted)
        if basis is not None:
            self._check_paper(part, basis)
        if consent_id is not None:
            self._require_consent(consent_id)
        recipients = [node.directory.recipient(node.directory.authority()), node.directory.recipient(node.member)]
        authored = node.author.record(REQUEST, {"kind": kind}, [key], {REQUEST_PART: Part(part.content(), recipients)})
        receipt = require_ok(node.outbox.send(authored.raw, REQUEST, reference))
        node.reader.wait_for(receipt.log_index, _READ_S)
        return receipt.record_id

    def get(self, enquiry_id: str) -> Enquiry:
        """Raises `NotFound` (`unknown-enquiry`)."""
        with self._node.private.reading() as connection:
            row = connection.execute(_WITH_EXPORTER.where(enquiries.c.id == enquiry_id)).first()
        if row is None:
            raise NotFound("unknown-enquiry", "this node knows no such enquiry")
        return self._enquiry(row)

    def list(self, after: int = 0, limit: int = 500, *, newest_first: bool = False) -> Sequence[Enquiry]:
        """In the order of the ledger, or against it; `after` is the log index of the last one that was seen, zero of none."""
        place = enquiries.c.log_index
        if newest_first:
            query = _WITH_EXPORTER.where(place < after if after else sa.true()).order_by(place.desc()).limit(limit)
        else:
            query = _WITH_EXPORTER.where(place > after).order_by(place).limit(limit)
        with self._node.private.reading() as connection:
            rows = connection.execute(query).fetchall()
        return [self._enquiry(row) for row in rows]

    def wait(self, enquiry_id: str, timeout_s: float) -> Enquiry:
        """The enquiry once it is answered or declined, or as it stands when the time is over. Raises `NotFound`."""
        end = time.monotonic() + timeout_s
        while True:
            with self._node.store.reading() as reader:
                head_index = reader.head.log_size
            try:
                self._node.reader.wait_for(head_index - 1, max(0.0, end - time.monotonic()))
                enquiry = self.get(enquiry_id)
                if enquiry.state != PENDING:
                    return enquiry
                # Whatever answers it comes after the head that was read in full.
                self._node.reader.wait_for(head_index, max(0.0, end - time.monotonic()))
            except Unreachable as error:
                if error.code != "reader-behind":
                    raise
                return self.get(enquiry_id)

    def _require_consent(self, consent_id: str) -> None:
        query = sa.select(consents.c.id).where(consents.c.id == consent_id, consents.c.bank == self._node.member)
        with self._node.private.reading() as connection:
            if connection.execute(query).first() is None:
                raise NotFound("unknown-consent", "this bank was given no such consent", hint="ask the enterprise for its consent")

    def _check_paper(self, part: RequestPart, basis: PaperBasis) -> None:
        if part.kind != "declarations":
            raise InputError(
                "bad-enquiry", "on paper a bank asks about declarations only", hint="credit facts take the exporter's own consent"
            )
        if len({line.exporter_uscc for line in part.lines}) != 1:
            raise InputError("exporters-differ", "a paper is one exporter's: every line is about its declarations")
        Attachments(self._node).get(basis.document_sha256)

    def _enquiry(self, row: Any) -> Enquiry:
        asked = self._node.reader.parts_of(row.id)
        request = _request_of(asked)
        answer_parts = {} if row.answer is None else self._node.reader.parts_of(row.answer)
        answer = read_part(AnswerPart, answer_parts[ANSWER_PART].content) if ANSWER_PART in answer_parts else None
        said = basis_state(self._node, row.consent)
        return Enquiry(
            id=row.id,
            bank=row.bank,
            kind=row.kind,
            consent=row.consent,
            state=row.state,
            code=row.code,
            asked_ms=row.asked_ms,
            answered_ms=row.answered_ms,
            answer_record=row.answer,
            as_of=None if answer is None else answer.as_of,
            lines=() if answer is None else self._lines(answer, asked, row.answer),
            credit=None if answer is None else answer.credit,
            basis=None if request is None else request.basis,
            basis_state=said,
            confirmed_ms=confirmed_ms(self._node, row.consent) if said == CONFIRMED else None,
            exporter=None if row.uscc is None else (row.uscc, row.name),
        )

    def _lines(self, answer: AnswerPart, asked: dict[str, Opened], answer_record: str) -> tuple[AnsweredLine, ...]:
        request = _request_of(asked)
        said: list[AskedLine | None] = [] if request is None else [*request.lines]
        query = sa.select(grants.c.declaration, grants.c.commitment).where(grants.c.answer_record == answer_record)
        with self._node.private.reading() as connection:
            held = {row.declaration: row.commitment for row in connection.execute(query)}
        said += [None] * (len(answer.lines) - len(said))
        return tuple(_line(line, asked_line, held) for line, asked_line in zip(answer.lines, said, strict=False))


def _request_of(opened: dict[str, Opened]) -> RequestPart | None:
    """What was asked; None where this node cannot open it, or nobody can use it, which its answer says."""
    try:
        return read_part(RequestPart, opened[REQUEST_PART].content) if REQUEST_PART in opened else None
    except InputError:
        return None


def _line(line: AnswerLine, asked: AskedLine | None, held: dict[str, str]) -> AnsweredLine:
    return AnsweredLine(
        number=line.number or ("" if asked is None else asked.number),
        result=line.result,
        declaration=line.declaration,
        integrity=line.integrity,
        status=line.status,
        source=line.source,
        grant=held.get(line.declaration or ""),
        asked=asked,
    )


def _asked(lines: Sequence[EnquiryLine], kind: Kind) -> list[AskedLine]:
    if len(lines) > ENQUIRY_LINES_MAX or (kind == "declarations") != bool(lines):
        raise InputError("bad-enquiry", f"an enquiry about declarations has 1 to {ENQUIRY_LINES_MAX} lines, any other has none")
    asked = [_asked_line(place, line) for place, line in enumerate(lines, 1)]
    seen: set[str] = set()
    for place, line in enumerate(asked, 1):
        if line.number in seen:
            raise InputError("number-twice", f"the number in line {place} came before")
        seen.add(line.number)
    return asked


def _asked_line(place: int, line: EnquiryLine) -> AskedLine:
    number = root_number(line.number)
    if number is None:
        raise InputError("number-format", f"line {place} has no declaration number", hint="18 digits, or 21 with the item")
    if len(line.exporter_uscc) != 18 or not line.exporter_uscc.isascii() or not line.exporter_uscc.isalnum():
        raise InputError("uscc-invalid", f"line {place} has no unified social credit code", hint="18 letters and digits")
    if line.export_date is not None:
        try:
            written = date.fromisoformat(line.export_date).isoformat()
        except ValueError as error:
            raise InputError("date-invalid", f"the export date in line {place} is no day", hint="YYYY-MM-DD") from error
        if written != line.export_date:
            raise InputError("date-invalid", f"the export date in line {place} is not written YYYY-MM-DD")
    amount = None if line.amount is None else AskedAmount(currency=line.amount.currency, amount_minor=line.amount.amount_minor)
    return AskedLine(number=number, exporter_uscc=line.exporter_uscc.upper(), amount=amount, export_date=line.export_date)
