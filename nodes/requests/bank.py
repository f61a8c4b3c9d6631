"""The bank's side of financing requests: what it received, sends back for correction (退回补正), refuses, or takes up.

Who wrote a request is what the authority vouches for; the exporter's own words about itself have to agree. Taking up links the request with
the application that the bank made on the ledger, under the exporter's consent: the request itself opens no door.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ledger.errors import InputError, NotFound, Refused
from ledger.keys import X25519, check_public
from nodes.attachments.store import Attachments
from nodes.financings.book import booked
from nodes.requests import book
from nodes.requests.book import RECEIVED, FinancingRequest
from nodes.requests.formats import ANSWER, DOCUMENT, REQUEST, WITHDRAWAL, AnswerBody, DocumentBody, RequestBody, State, WithdrawalBody
from nodes.requests.letters import Letter, Voucher, address_of
from nodes.requests.mailbox import Relay, relay_of
from nodes.requests.post import Post
from nodes.sealed_models import read_part
from nodes.sealing import Recipient

if TYPE_CHECKING:
    from nodes.node import Node


class ReceivedRequests:
    """The requests that this bank received. `relay` stands in for the node's own in tests."""

    def __init__(self, node: Node, relay: Relay | None = None) -> None:
        self._node = node
        apply = {REQUEST: self._received, WITHDRAWAL: self._withdrawn, DOCUMENT: lambda *_: None}
        self.post = Post(node, relay or relay_of(node), apply, {DOCUMENT: self._keep})

    def send_back(self, request_id: str, reason: str, fields: Sequence[str], by: str) -> FinancingRequest:
        """Asks for a correction of some fields. Raises `NotFound` (`unknown-request`), `Refused` (`wrong-state`), `InputError`
        (`bad-field`).
        """
        return self._answer(request_id, "SENT_BACK", by, reason=reason, fields=fields)

    def refuse(self, request_id: str, reason: str, by: str) -> FinancingRequest:
        """Ends it. Raises as `send_back`."""
        return self._answer(request_id, "REFUSED", by, reason=reason)

    def take_up(self, request_id: str, financing_id: str, by: str) -> FinancingRequest:
        """Says which application it became. Raises as `send_back`, and `NotFound` (`unknown-financing`), `Refused` (`exporters-differ`)."""
        with self._node.private.reading() as connection:
            request, financing = book.find(connection, request_id), booked(connection, financing_id)
        if financing.uscc != request.uscc:
            raise Refused("exporters-differ", "the application is about another exporter's declarations")
        return self._answer(request_id, "TAKEN_UP", by, financing=financing_id)

    def get(self, request_id: str) -> FinancingRequest:
        """Raises `NotFound` (`unknown-request`)."""
        with self._node.private.reading() as connection:
            return book.find(connection, request_id)

    def page(self, state: str | None = None, after: str | None = None, limit: int = 100) -> list[FinancingRequest]:
        """The newest first."""
        with self._node.private.reading() as connection:
            return book.page_of(connection, None, state, after, limit)

    def _answer(
        self, request_id: str, state: State, by: str, *, reason: str = "", fields: Sequence[str] = (), financing: str | None = None
    ) -> FinancingRequest:
        unknown = sorted(set(fields) - {"lines", "product", "purpose", "tenor_days", "contact", "attachments"})
        if unknown:
            raise InputError("bad-field", f"fields: a request has no {unknown[0]}")
        with self._node.private.begin() as connection:
            request = book.find(connection, request_id)
            if (request.state, request.reason, request.fields, request.financing) == (state, reason, tuple(fields), financing):
                return request
            book.require_state(request, "RECEIVED", "RESENT")
            now_ms = self._node.clock.now_ms()
            book.note(connection, request_id, state, by, now_ms, reason=reason, fields=fields, financing=financing)
            self._write(connection, request, {"state": state, "reason": reason, "fields": list(fields), "financing": financing})
            self._node.private.once_committed(self.post.hurry)
        return self.get(request_id)

    def _write(self, connection: sa.Connection, request: FinancingRequest, answer: dict[str, object]) -> None:
        body = AnswerBody.model_validate({"request": request.id, "revision": request.revision, **answer})
        if request.seal_public is None:
            recipient = self._node.directory.recipient(self._node.directory.authority())
        else:
            key = check_public(X25519, bytes.fromhex(request.seal_public))
            recipient = Recipient(key.public, key.id, named=False)
        self.post.write(connection, self._node.member, address_of(request.enterprise), recipient, ANSWER, body.content())

    def _received(self, connection: sa.Connection, letter: Letter) -> None:
        """A request or its correction. Raises `InputError` (`part-malformed`), `Refused` (`wrong-state`)."""
        body, now_ms = read_part(RequestBody, letter.body), self._node.clock.now_ms()
        voucher = _voucher(letter)
        about = (voucher.enterprise, voucher.uscc, voucher.name, voucher.seal, self._node.member)
        if about != (body.enterprise, body.uscc, body.name, body.seal, body.form.bank):
            raise InputError("part-malformed", "the request does not say who sent it, and to whom")
        known = connection.execute(sa.select(book.requests).where(book.requests.c.id == body.request)).first()
        if known is None:
            book.insert(connection, RECEIVED, "RECEIVED", body, letter.sender, now_ms)
        elif (known.enterprise, known.state, known.revision + 1) == (body.enterprise, "SENT_BACK", body.revision):
            book.correct(connection, "RESENT", body, letter.sender, now_ms)
        else:
            raise Refused("wrong-state", "no correction of this request was asked for")
        nothing: dict[str, object] = {"reason": "", "fields": [], "financing": None}
        self._write(connection, book.find(connection, body.request), {"state": "RECEIVED", **nothing})

    def _withdrawn(self, connection: sa.Connection, letter: Letter) -> None:
        body = read_part(WithdrawalBody, letter.body)
        request = book.find(connection, body.request, _voucher(letter).enterprise)
        book.require_state(request, "RECEIVED", "RESENT", "SENT_BACK")
        book.note(connection, request.id, "WITHDRAWN", letter.sender, self._node.clock.now_ms(), reason=body.reason)

    def _keep(self, letter: Letter) -> None:
        """Keeps a document that a request of the same exporter names. Raises `NotFound` (`unknown-attachment`), `InputError`."""
        body = read_part(DocumentBody, letter.body)
        mine = book.requests.c.enterprise == _voucher(letter).enterprise
        with self._node.private.reading() as connection:
            ids = [row.id for row in connection.execute(sa.select(book.requests.c.id).where(mine))]
            named = {each.sha256 for request_id in ids for each in book.find(connection, request_id).form.attachments}
        try:
            data = base64.b64decode(body.data, validate=True)
        except ValueError as error:
            raise InputError("part-malformed", "a document is not base64") from error
        if body.sha256 not in named or sha256(data).hexdigest() != body.sha256:
            raise NotFound("unknown-attachment", "no request names this document")
        Attachments(self._node).add(io.BytesIO(data), body.name, by=letter.sender)


def _voucher(letter: Letter) -> Voucher:
    if letter.exporter is None:
        raise InputError("part-malformed", "exporters send requests")
    return letter.exporter
