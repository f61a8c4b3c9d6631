"""The authority's worker: takes enquiries under live consents and answers them, by itself, each exactly once. Before each batch it ends
disputes of papers that a crash left half done, tells a registrar of the enterprises that it was not told of, and hands heirs what is
missing of an estate.

An enquiry goes through two durable steps, each a record under a reference in the outbox, so that there is one for ever, whoever makes
it and however often: `take:<enquiry>`, which spends a use of the consent, and `answer:<enquiry>`. What an enquiry needs next is read
from the ledger each time; so workers may stand side by side, in threads or in processes on one private database, and one that is
killed at any moment leaves nothing but work for the next. The ledger itself refuses a second take or answer.

Nothing is sealed to the bank before the take is on the ledger with `ok`: until then the consent might be revoked in the same moment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
import structlog

from contracts import entries
from ledger.background import Background
from ledger.engine import Receipt
from ledger.errors import InputError, Refused, TallystickError
from ledger.store import Reader
from nodes.consents.book import consents
from nodes.consents.objections import Objections
from nodes.consents.paper import Papers
from nodes.consents.terms import SECRET_PART, SecretPart
from nodes.enquiries.answering import Answering
from nodes.enquiries.book import ANSWER, PENDING, enquiries
from nodes.enquiries.credit import why_no_credit
from nodes.enquiries.parts import REQUEST_PART, RequestPart
from nodes.estates import Estates
from nodes.outbox import Outgoing
from nodes.sealed_models import read_part
from nodes.sealing import shuffled
from nodes.telling import Telling

if TYPE_CHECKING:
    from nodes.node import Node

TAKE: Final = "enquiry.take"
BATCH: Final = 50
_IDLE_S: Final = 2.0
_RACED: Final = ("already-taken", "already-answered")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Open:
    """An enquiry without an answer, and what this node knows about it. `decline` is why it cannot be taken, None where it can."""

    id: str
    bank: str
    request: RequestPart | None
    consent: Any
    decline: str | None


def _nothing(_step: str) -> None:
    """No hook."""


class EnquiryWorker(Background):
    """One worker. `on_step` is called after each durable step, with its name: for tests that kill a worker there."""

    def __init__(self, node: Node, name: str = "enquiries", *, on_step: Callable[[str], None] = _nothing) -> None:
        super().__init__(name, "enquiries-wait", _IDLE_S, retry_s=_IDLE_S)
        self._node, self._on_step = node, on_step
        self._answering, self._papers, self._objections = Answering(node), Papers(node), Objections(node)
        self._telling, self._estates = Telling(node), Estates(node)
        self._given_up: set[str] = set()
        node.engine.subscribe(self.wake)

    def run_once(self) -> int:
        """Takes and answers what is open now, a batch at most, and gives the number of enquiries that have their answer by it.

        Raises `Unreachable` where the private database or the ledger does not answer; the next run goes on from there.
        """
        self._node.reader.catch_up()
        self._objections.resume()
        self._telling.run_once()
        self._estates.run_once()
        found = self._find_open()
        if not found:
            return 0
        refused = self._take([one for one in found if one.decline is None])
        return self._answer(found, refused)

    def work(self) -> None:
        """Batch after batch, until nothing is open."""
        while not self._stopping.is_set() and self.run_once():
            pass

    def _find_open(self) -> list[_Open]:
        """A batch of open enquiries, the oldest first, in an order of its own: workers side by side then seldom meet at one."""
        # A member without a sealing key in force cannot be answered; its enquiries wait for a key, and must not fill the batch.
        directory = self._node.directory
        banks = [member.slug for member in directory.members() if directory.keys(member.slug, "seal")]
        open_now = sa.and_(enquiries.c.state == PENDING, enquiries.c.bank.in_(banks), enquiries.c.id.not_in(self._given_up))
        query = sa.select(enquiries).where(open_now)
        with self._node.private.reading() as connection:
            rows = connection.execute(query.order_by(enquiries.c.log_index).limit(BATCH)).fetchall()
        judged = [self._judge(row) for row in shuffled(rows, self._node.random)]
        return [one for one in judged if one is not None]

    def _judge(self, row: Any) -> _Open | None:
        """What can be known before the take: whether it can be read, and whether the consent is real, the bank's, and for this."""
        request = self._request(row.id)
        if request is None or request.kind != row.kind:
            return _Open(row.id, row.bank, None, None, "request-unreadable")
        if request.basis is not None:
            return self._judge_paper(row, request)
        with self._node.private.reading() as connection:
            consent = connection.execute(sa.select(consents).where(consents.c.id == request.consent)).first()
        decline: str | None = None
        if consent is None:
            decline = "consent-unknown"
        elif consent.bank != row.bank:
            decline = "consent-not-yours"
        elif consent.fault is not None:
            decline = "consent-invalid"
        elif request.kind == "credit":
            decline = why_no_credit(request, consent)
        elif consent.basis == "paper":
            # It is for the one enquiry that it was handed in with.
            decline = "consent-not-yours"
        elif "finance" not in consent.scopes.split():
            decline = "scope-missing"
        return _Open(row.id, row.bank, request, consent, decline)

    def _judge_paper(self, row: Any, request: RequestPart) -> _Open | None:
        """As `_judge`, once the consent on paper is made; None where it could not be made now, which must not keep others waiting."""
        try:
            consent, why = self._papers.consent_for(row.id, row.bank, request)
        except (InputError, Refused) as error:
            log.warning("paper-waits", enquiry=row.id, code=error.code)
            return None
        return _Open(row.id, row.bank, request, consent, why)

    def _request(self, request_id: str) -> RequestPart | None:
        parts = self._node.reader.parts_of(request_id)
        try:
            return read_part(RequestPart, parts[REQUEST_PART].content) if REQUEST_PART in parts else None
        except InputError:
            return None

    def _take(self, found: Sequence[_Open]) -> dict[str, str]:
        """Takes what is not taken yet. Gives, for those that the rules refused, the code."""
        with self._node.store.reading() as reader:
            open_now = [one for one in found if _untouched(reader, one.id)]
        self._on_step("found")
        outgoing = [self._take_record(one) for one in open_now]
        refused: dict[str, str] = {}
        for one, outcome in zip(open_now, self._node.outbox.send_many(outgoing) if outgoing else [], strict=True):
            if isinstance(outcome, TallystickError):
                log.warning("enquiry-not-taken", enquiry=one.id, code=outcome.code)
            elif outcome.code != "ok" and outcome.code not in _RACED:
                refused[one.id] = outcome.code
        self._on_step("taken")
        return refused

    def _take_record(self, one: _Open) -> Outgoing:
        secret = self._node.reader.parts_of(one.consent.id)[SECRET_PART]
        body = {"request": one.id, "consent": one.consent.id, "salt": read_part(SecretPart, secret.content).salt}
        return Outgoing(self._node.author.record(TAKE, body, [self._node.identity_key]).raw, TAKE, f"take:{one.id}")

    def _answer(self, found: Sequence[_Open], refused: dict[str, str]) -> int:
        """Answers what is taken, and declines what cannot be. What neither holds for waits for the next run."""
        outgoing: list[tuple[_Open, Outgoing]] = []
        for one in found:
            try:
                raw = self._answer_record(one, refused)
            except (InputError, Refused) as error:
                # One answer that cannot be made must not keep all others waiting; an operator has to look.
                log.error("enquiry-not-answered", enquiry=one.id, code=error.code)
                self._given_up.add(one.id)
                continue
            if raw is not None:
                outgoing.append((one, Outgoing(raw, ANSWER, f"answer:{one.id}")))
        self._on_step("sealed")
        outcomes = self._node.outbox.send_many([item for _, item in outgoing]) if outgoing else []
        self._on_step("answered")
        return sum(self._is_answered(one, outcome) for (one, _), outcome in zip(outgoing, outcomes, strict=True))

    def _answer_record(self, one: _Open, refused: dict[str, str]) -> bytes | None:
        """The answer, made from one reading of the ledger in which the take is final; None where there is none to give now."""
        with self._node.store.reading() as reader:
            entry = entries.enquiry(reader.state, one.id)
            if entry is None or entry["answer"] is not None:
                return None
            if entry["take"] is not None:
                if one.request is None or one.consent is None:
                    return None
                return self._answering.answer(reader, one.id, one.bank, one.request, one.consent, entry["take"])
            code = one.decline or refused.get(one.id)
            return None if code is None else self._answering.decline(reader, one.id, one.bank, one.consent, code)

    def _is_answered(self, one: _Open, outcome: Receipt | TallystickError) -> bool:
        if isinstance(outcome, TallystickError):
            log.warning("enquiry-not-answered", enquiry=one.id, code=outcome.code)
            return False
        if outcome.code != "ok" and outcome.code not in _RACED:
            # One reference, one record: trying again would send the same. An operator has to look.
            log.error("enquiry-not-answered", enquiry=one.id, code=outcome.code)
            self._given_up.add(one.id)
        return outcome.code == "ok"


def _untouched(reader: Reader, request_id: str) -> bool:
    entry = entries.enquiry(reader.state, request_id)
    return entry is not None and entry["take"] is None and entry["answer"] is None
