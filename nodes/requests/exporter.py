"""The exporter's side of financing requests: on its own node, or at the authority's for one in custody.

    SENT ──> RECEIVED ──> SENT_BACK ──> RESENT ──> RECEIVED ──> TAKEN_UP
      └────────┴─────────────┴─────────────┴──> WITHDRAWN, REFUSED

A request is a letter to one bank; nothing of it stands on the ledger. What the bank answers comes as letters too, and counts only for the
revision that it names. Taken up is taken up, even where the exporter's withdrawal was on its way.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from ledger.errors import InputError, NotFound, Refused
from ledger.hashing import tagged_json
from ledger.limits import ATTACHMENT_SENT_BYTES_MAX
from nodes.attachments.reference import AttachmentRef
from nodes.attachments.store import OWN, Attachments
from nodes.customs.normalise import root_number
from nodes.declarations.book import declarations
from nodes.enquiries.parts import AskedAmount
from nodes.enterprises import Enterprise, SealedKey
from nodes.money import Money
from nodes.requests import book
from nodes.requests.book import SENT, FinancingRequest
from nodes.requests.formats import (
    ANSWER,
    DOCUMENT,
    REQUEST,
    WITHDRAWAL,
    AnswerBody,
    DocumentBody,
    Form,
    RequestBody,
    WantedLine,
    WithdrawalBody,
    filled_in,
)
from nodes.requests.letters import Letter, address_of
from nodes.requests.mailbox import Relay, relay_of
from nodes.requests.post import Post
from nodes.sealed_models import read_part

if TYPE_CHECKING:
    from nodes.node import Node

_OPEN: Final = ("SENT", "RECEIVED", "RESENT")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A declaration by its number, or by its id where this node knows it, and how much is wanted on it."""

    amount: Money
    number: str | None = None
    declaration_id: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """What the exporter fills in; `attachments` are digests of its documents."""

    bank: str
    lines: Sequence[Wanted]
    product: str
    purpose: str
    tenor_days: int
    contact: str
    attachments: Sequence[str] = ()


class SentRequests:
    """The requests that are sent from this node. `relay` stands in for the node's own in tests."""

    def __init__(self, node: Node, relay: Relay | None = None) -> None:
        self._node = node
        self.post = Post(node, relay or relay_of(node), {ANSWER: self._answered}, {})

    def send(self, enterprise: Enterprise, draft: Draft, by: str, *, cause: str | None = None) -> FinancingRequest:
        """Sends a request. `cause` names what may have one only.

        Raises `InputError` (`bad-field`, `number-format`, `number-twice`, `attachment-too-large`, `letter-too-large`), `NotFound`
        (`unknown-member`, `unknown-declaration`, `unknown-attachment`), `Refused` (`too-many-letters`).
        """
        request_id = self._node.random(32).hex() if cause is None else tagged_json("financing-request", [enterprise.id, cause])
        form, now_ms = self._form(enterprise, draft), self._node.clock.now_ms()
        with self._node.private.begin() as connection:
            if connection.execute(sa.select(book.requests.c.id).where(book.requests.c.id == request_id)).first() is None:
                body = self._body(enterprise, request_id, 1, form)
                book.insert(connection, SENT, "SENT", body, by, now_ms)
                self._write_request(connection, enterprise, body, form.attachments)
            self._node.private.once_committed(self.post.hurry)
        return self.get(request_id, enterprise.id)

    def resend(self, enterprise: Enterprise, request_id: str, draft: Draft, by: str) -> FinancingRequest:
        """Sends a correction of a request that the bank sent back, to the same bank; once more it is the same. Raises as
        `send`, and `Refused` (`wrong-state`).
        """
        form, now_ms = self._form(enterprise, draft), self._node.clock.now_ms()
        with self._node.private.begin() as connection:
            known = book.find(connection, request_id, enterprise.id)
            if known.revision > 1 and known.state in ("RESENT", "RECEIVED") and known.form == form:
                return known
            book.require_state(known, "SENT_BACK")
            if form.bank != known.bank:
                raise InputError("bad-field", f"bank: the request is one to {known.bank}", hint="withdraw it, and send another")
            body = self._body(enterprise, request_id, known.revision + 1, form)
            book.correct(connection, "RESENT", body, by, now_ms)
            had = {each.sha256 for each in known.form.attachments}
            self._write_request(connection, enterprise, body, [each for each in form.attachments if each.sha256 not in had])
            self._node.private.once_committed(self.post.hurry)
        return self.get(request_id, enterprise.id)

    def withdraw(self, enterprise: Enterprise, request_id: str, reason: str, by: str) -> FinancingRequest:
        """Takes a request back that is not decided yet; once more it is the same. Raises `NotFound` (`unknown-request`), `Refused`
        (`wrong-state`).
        """
        with self._node.private.begin() as connection:
            known = book.find(connection, request_id, enterprise.id)
            if (known.state, known.reason) == ("WITHDRAWN", reason):
                return known
            book.require_state(known, *_OPEN, "SENT_BACK")
            book.note(connection, request_id, "WITHDRAWN", by, self._node.clock.now_ms(), reason=reason)
            body = WithdrawalBody(request=request_id, reason=reason)
            self._write(connection, enterprise, known.bank, WITHDRAWAL, body)
            self._node.private.once_committed(self.post.hurry)
        return self.get(request_id, enterprise.id)

    def get(self, request_id: str, enterprise_id: str) -> FinancingRequest:
        """Raises `NotFound` (`unknown-request`)."""
        with self._node.private.reading() as connection:
            return book.find(connection, request_id, enterprise_id)

    def page(self, enterprise_id: str, state: str | None = None, after: str | None = None, limit: int = 100) -> list[FinancingRequest]:
        """The newest first."""
        with self._node.private.reading() as connection:
            return book.page_of(connection, enterprise_id, state, after, limit)

    def _form(self, enterprise: Enterprise, draft: Draft) -> Form:
        if self._node.directory.member(draft.bank).role != "bank":
            raise InputError("bad-field", f"bank: the member {draft.bank} is no bank")
        lines = [WantedLine(number=self._number(enterprise, line), amount=_asked(line.amount)) for line in draft.lines]
        if len({line.number for line in lines}) != len(lines):
            raise InputError("number-twice", "a declaration stands in two lines")
        attached = Attachments(self._node).references(draft.attachments, self._owner(enterprise))
        if sum(each.bytes for each in attached) > ATTACHMENT_SENT_BYTES_MAX:
            raise InputError("attachment-too-large", f"the documents of a request have at most {ATTACHMENT_SENT_BYTES_MAX} bytes together")
        return filled_in(
            bank=draft.bank,
            lines=lines,
            product=draft.product,
            purpose=draft.purpose,
            tenor_days=draft.tenor_days,
            contact=draft.contact,
            attachments=attached,
        )

    def _number(self, enterprise: Enterprise, line: Wanted) -> str:
        if (line.number is None) == (line.declaration_id is None):
            raise InputError("bad-field", "lines: a declaration is named by its number or by its id")
        if line.number is not None:
            number = root_number(line.number)
            if number is None:
                raise InputError("number-format", "a line has no declaration number", hint="18 digits, or 21 with the item")
            return number
        query = sa.select(declarations.c.number).where(
            declarations.c.id == line.declaration_id, declarations.c.exporter_uscc == enterprise.uscc
        )
        with self._node.private.reading() as connection:
            found = connection.execute(query).scalar()
        if found is None:
            raise NotFound("unknown-declaration", "this exporter has no such declaration")
        return str(found)

    def _body(self, enterprise: Enterprise, request_id: str, revision: int, form: Form) -> RequestBody:
        seal = None if enterprise.seal is None else SealedKey(alg=enterprise.seal.alg, public=enterprise.seal.public.hex())
        return RequestBody(
            request=request_id,
            revision=revision,
            enterprise=enterprise.id,
            uscc=enterprise.uscc,
            name=enterprise.name,
            seal=seal,
            form=form,
        )

    def _write_request(
        self, connection: sa.Connection, enterprise: Enterprise, body: RequestBody, documents: Sequence[AttachmentRef]
    ) -> None:
        """The request comes first: a bank takes only documents that a request has named."""
        self._write(connection, enterprise, body.form.bank, REQUEST, body)
        for each in documents:
            data = Attachments(self._node).content(each.sha256, self._owner(enterprise))
            document = DocumentBody(sha256=each.sha256, name=each.name, data=base64.b64encode(data).decode("ascii"))
            self._write(connection, enterprise, body.form.bank, DOCUMENT, document)

    def _write(
        self, connection: sa.Connection, enterprise: Enterprise, bank: str, kind: str, body: RequestBody | WithdrawalBody | DocumentBody
    ) -> None:
        recipient = self._node.directory.recipient(bank)
        self.post.write(connection, address_of(enterprise.id), bank, recipient, kind, body.content())

    def _owner(self, enterprise: Enterprise) -> str:
        return enterprise.id if enterprise.custody else OWN

    def _answered(self, connection: sa.Connection, letter: Letter) -> None:
        """A bank's answer. Raises `NotFound` (`unknown-request`), `Refused` (`wrong-state` for one that came too late to count)."""
        body = read_part(AnswerBody, letter.body)
        known = book.find(connection, body.request)
        if (letter.sender, letter.to) != (known.bank, address_of(known.enterprise)):
            raise NotFound("unknown-request", "this bank was sent no such request")
        states = ("SENT", "RESENT") if body.state == "RECEIVED" else (*_OPEN, "WITHDRAWN") if body.state == "TAKEN_UP" else _OPEN
        if body.revision != known.revision or known.state not in states:
            raise Refused("wrong-state", "the answer is about a state that is past")
        now_ms, financing = self._node.clock.now_ms(), body.financing
        book.note(connection, body.request, body.state, letter.sender, now_ms, reason=body.reason, fields=body.fields, financing=financing)


def _asked(amount: Money) -> AskedAmount:
    return AskedAmount(currency=amount.currency, amount_minor=amount.amount_minor)
