"""The service of messages: a tsin.001 becomes one application of the bank's maker, a tsin.003 lets that financing go, and both are answered
with a tsin.002. What they do is done by `nodes.financings`, under the same rules and grants.

A message is done once: sent again it gets its status as it is now; another one under its id is refused. A message that cannot be used at
all leaves nothing, so that it may be corrected and sent under the same id.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from ledger import admission, canonical
from ledger.clock import rfc3339
from ledger.errors import InputError, NotFound, Refused, TallystickError
from ledger.hashing import tagged_json
from nodes.caller import Caller
from nodes.declarations.register import Declarations
from nodes.financings.apply import ApplicationLine, ApplicationOutcome
from nodes.financings.desk import Financings
from nodes.financings.views import Financing
from nodes.iso20022.book import messages
from nodes.iso20022.reading import REQUEST, MessageInvalid, read
from nodes.iso20022.requests import CancellationRequest, FinancingRequest, cancellation_request, financing_request
from nodes.iso20022.status import (
    ACKNOWLEDGED,
    FINANCED,
    NOT_FINANCED,
    PENDING,
    REJECTED,
    Result,
    Statement,
    cancellation_status,
    request_status,
)
from nodes.money import Money, decimal_text

if TYPE_CHECKING:
    from nodes.node import Node

_OVER: Final = frozenset({"CANCELLED", "EXPIRED"})
_HELD: Final = frozenset({"APPLIED", "IN_REVIEW", "APPROVED"})


@dataclass(frozen=True, slots=True)
class Told:
    """A tsin.002 as of now, and the same without its own id and time, which move while nothing else does."""

    content: bytes
    stable: bytes


@dataclass(frozen=True, slots=True)
class _Message:
    """A message as it is taken."""

    id: str
    kind: str
    request: FinancingRequest | CancellationRequest
    digest: str


class Messages:
    """The messages of a bank's node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._financings = Financings(node)

    def take(self, caller: Caller, content: bytes) -> str:
        """Does what a message asks, once; gives its id here. Raises as `read`, `InputError` (`iso-other-bank`, `iso-supplier-differs`),
        `NotFound` (`unknown-declaration`, `unknown-iso-message`), `Refused` (`iso-duplicate`), and as `Applications.apply`.
        """
        message = self._message(content)
        known = self._begin(message)
        if known is not None:
            return message.id
        cause = f"iso20022:{message.id}"
        try:
            outcome = self._done(caller, message, cause)
        except TallystickError:
            # Where a record was made, it may be on the ledger: sent again, the message finds it.
            if self._node.outbox.by_reference(cause) is None:
                self._forget(message.id)
            raise
        with self._node.private.begin() as connection:
            text = canonical.encode(outcome).decode("utf-8")
            connection.execute(sa.update(messages).where(messages.c.id == message.id).values(outcome=text))
        return message.id

    def status(self, message_id: str) -> Told:
        """The tsin.002 of a message, as things are now. Raises `NotFound` (`unknown-iso-message`)."""
        with self._node.private.reading() as connection:
            row = connection.execute(sa.select(messages).where(messages.c.id == message_id)).first()
        if row is None or row.outcome is None:
            raise NotFound("unknown-iso-message", "this node took no such message")
        outcome = canonical.decode(row.outcome.encode("utf-8"))
        with self._node.store.reading() as reader:
            head = reader.head
        agent = self._node.config.node.id
        now, never = Statement(f"{message_id[:20]}-{head.height}", rfc3339(head.time_ms), agent), Statement("", "", agent)
        if row.kind == REQUEST:
            request = FinancingRequest.model_validate_json(row.request)
            results = self._results(request, outcome)
            return Told(*(request_status(each, request, results) for each in (now, never)))
        taken_back = CancellationRequest.model_validate_json(row.request)
        words = (outcome["status"], outcome["code"], outcome["words"])
        return Told(*(cancellation_status(each, taken_back, *words) for each in (now, never)))

    def _message(self, content: bytes) -> _Message:
        kind, element = read(content)
        request = financing_request(element) if kind == REQUEST else cancellation_request(element)
        if request.agent not in (None, self._node.config.node.id):
            raise InputError("iso-other-bank", "the message's first agent is another member")
        name = [kind, request.requestor.identity, request.message_id]
        return _Message(tagged_json("iso-message", name), kind, request, sha256(content).hexdigest())

    def _begin(self, message: _Message) -> str | None:
        """The outcome of the same message before, None for a new one, and for one that was cut short."""
        request = message.request
        with self._node.private.begin() as connection:
            row = connection.execute(sa.select(messages).where(messages.c.id == message.id)).first()
            if row is None:
                new = {
                    "id": message.id,
                    "kind": message.kind,
                    "requestor": request.requestor.identity,
                    "message_id": request.message_id,
                    "digest": message.digest,
                    "request": request.model_dump_json(),
                    "outcome": None,
                    "created_ms": self._node.clock.now_ms(),
                }
                connection.execute(sa.insert(messages), [new])
                return None
        if row.digest != message.digest:
            hint = "give the message an id of its own"
            raise Refused("iso-duplicate", "another message of the requestor had this id", hint=hint)
        return None if row.outcome is None else str(row.outcome)

    def _forget(self, message_id: str) -> None:
        with self._node.private.begin() as connection:
            connection.execute(sa.delete(messages).where(messages.c.id == message_id, messages.c.outcome.is_(None)))

    def _done(self, caller: Caller, message: _Message, cause: str) -> dict[str, Any]:
        if isinstance(message.request, FinancingRequest):
            return self._applied(caller, message.request, cause)
        return self._cancelled(caller, message.request, cause)

    def _applied(self, caller: Caller, request: FinancingRequest, cause: str) -> dict[str, Any]:
        lines = [self._line(request, place) for place in range(len(request.invoices))]
        outcome: ApplicationOutcome = self._financings.apply(
            caller, lines, product=request.product, reference=request.message_id, mode="all", cause=cause
        )
        told = [{"code": line.code, "words": _words(line.code, line.message, line.left)} for line in outcome.lines]
        return {"financing": outcome.id, "code": outcome.code, "lines": told}

    def _line(self, request: FinancingRequest, place: int) -> ApplicationLine:
        invoice = request.invoices[place]
        where = f"/Document/InvcFincgReq/InvcReqInf[{place + 1}]"
        try:
            declaration = Declarations(self._node).find_by_number(invoice.declaration)
        except NotFound as error:
            hint = "enquire about the declaration under the exporter's consent first"
            raise NotFound(error.code, f"{where}/RfrdDoc: {error.message}", hint=hint) from error
        if invoice.supplier_uscc not in (None, declaration.exporter_uscc):
            raise MessageInvalid("iso-supplier-differs", f"{where}/Spplr", "the supplier is not the exporter of the declaration")
        return ApplicationLine(declaration.id, Money.parse(request.currency, invoice.wanted))

    def _cancelled(self, caller: Caller, request: CancellationRequest, cause: str) -> dict[str, Any]:
        original = tagged_json("iso-message", [REQUEST, request.requestor.identity, request.original_id])
        with self._node.private.reading() as connection:
            row = connection.execute(sa.select(messages).where(messages.c.id == original)).first()
        if row is None or row.outcome is None:
            raise NotFound("unknown-iso-message", "/Document/InvcFincgCxlReq/CxlReqInf/OrgnlGrpId: this node took no such message")
        financing = canonical.decode(row.outcome.encode("utf-8"))["financing"]
        if financing is None:
            return {"status": REJECTED, "code": "not-financed", "words": "nothing was held for that request"}
        try:
            self._financings.cancel(caller, financing, "withdrawn", request.reason, cause=cause)
        except Refused as error:
            if error.code in admission.CODES:
                # The record did not get as far as the rules; it may do so later.
                raise
            return {"status": REJECTED, "code": error.code, "words": error.message}
        return {"status": ACKNOWLEDGED, "code": "", "words": ""}

    def _results(self, request: FinancingRequest, outcome: dict[str, Any]) -> list[Result]:
        if outcome["financing"] is None:
            return [
                Result(NOT_FINANCED, line["code"] if line["code"] != "ok" else outcome["code"], line["words"]) for line in outcome["lines"]
            ]
        financing = self._financings.get(outcome["financing"])
        return [self._result(financing, place) for place in range(len(request.invoices))]

    def _result(self, financing: Financing, place: int) -> Result:
        line = financing.lines[place]
        code = financing.state.lower().replace("_", "-")
        if financing.state in _HELD:
            return Result(PENDING, code)
        if financing.state in _OVER:
            return Result(NOT_FINANCED, code)
        return Result(FINANCED, code, financed=decimal_text(line.disbursed.amount_minor, financing.currency))


def _words(code: str, message: str, left: Money | None) -> str:
    if code == "ok":
        return ""
    return message if left is None else f"{left} is left"
