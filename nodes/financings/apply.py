"""Applications: a bank asks for holds on declarations, and is told line by line what it got and what is left, in money.

Each line is asked under the newest live grant that this bank holds for its declaration. Where only dead ones are there, the newest of
them is used, so that the ledger says why and keeps the attempt. Where there is none at all nothing can be sent: `no-grant`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from contracts import entries, policy, queries
from contracts.codes import CODES
from contracts.months import DAY_MS
from ledger.engine import Receipt
from ledger.errors import InputError
from ledger.rules import State
from nodes.attachments.reference import AttachmentRef
from nodes.attachments.store import Attachments
from nodes.caller import Caller, registered_key
from nodes.enquiries.grants import Grant, grants_of
from nodes.financings.amounts import Use, amount_of_share, applied
from nodes.financings.parts import APPLICATION, ApplicationPart, AppliedLine, written
from nodes.financings.recipients import for_all
from nodes.money import Money
from nodes.rehearsal import ONE_PERSON, Foreseen, rehearse, time_now_ms
from nodes.sealed_models import read_part

if TYPE_CHECKING:
    from nodes.node import Node

TYPE: Final = "financing.apply"
NO_GRANT: Final = "no-grant"
HOLD_DAYS: Final = 15
_MARGIN_MS: Final = 60_000
_READ_S: Final = 10.0
_NOTHING: Final = Use(0, 0)

Mode = Literal["all", "partial"]


@dataclass(frozen=True, slots=True)
class ApplicationLine:
    """A declaration, and what is to be financed on it; None is all that is left."""

    declaration_id: str
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class LineOutcome:
    """`code` is the rules', or `no-grant`; `amount` what was asked for, and `left` what there is where that was too much. Without a grant
    the bank knows neither the number nor a share.
    """

    declaration_id: str
    number: str | None
    code: str
    share: int | None
    amount: Money | None
    left: Money | None

    @property
    def message(self) -> str:
        """The code in words."""
        if self.code == NO_GRANT:
            return "this bank has no grant for the declaration: enquire under the exporter's consent first"
        if self.code == "exceeds-available" and self.left is not None:
            return f"{self.amount} is more than is left: {self.left}"
        return CODES.get(self.code, "the rules of the ledger refused the line")


@dataclass(frozen=True, slots=True)
class ApplicationOutcome:
    """`id` is the financing's, None where nothing was held; `record_id` None where nothing was sent. As of `height` and `time_ms`."""

    id: str | None
    code: str
    lines: tuple[LineOutcome, ...]
    record_id: str | None
    height: int
    time_ms: int


@dataclass(frozen=True, slots=True)
class Planned:
    """A line with the grant that it is asked under, and its share."""

    line: ApplicationLine
    grant: Grant | None = None
    use: Use = _NOTHING

    def outcome(self, code: str, left_share: int | None) -> LineOutcome:
        if self.grant is None:
            return LineOutcome(self.line.declaration_id, None, code, None, self.line.amount, None)
        currency, registered = self.grant.currency, self.grant.registered_minor
        left_share = 0 if code == "exhausted" else left_share
        left = None if left_share is None else Money(currency, amount_of_share(left_share, registered))
        amount = Money(currency, self.use.amount_minor)
        return LineOutcome(self.line.declaration_id, self.grant.number, code, self.use.share, amount, left)


class Applications:
    """The applications of a bank's node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def apply(  # noqa: PLR0913 - an application says as much: what, for whom, until when, and on which papers
        self,
        caller: Caller,
        lines: Sequence[ApplicationLine],
        *,
        product: str,
        branch: str = "",
        reference: str,
        hold_days: int | None = None,
        hold_until_ms: int | None = None,
        mode: Mode = "all",
        dry_run: bool = False,
        attachments: Sequence[str] = (),
        cause: str | None = None,
    ) -> ApplicationOutcome:
        """Asks for holds, on every line or none (`all`) or on those that pass (`partial`), for 15 days or as long as the policy lets.

        A refusal by the rules is an outcome, not an error. `dry_run` sends and writes nothing; `cause` names what may have one
        application only; `attachments` are digests of documents in this node's store. Raises `InputError` (`currency-differs`,
        `exporters-differ`, `bad-field`, `amount-invalid`, `malformed`), `NotFound` (`unknown-attachment`), `NotPermitted` as
        `registered_key`, and as `Outbox.send`.
        """
        node = self._node
        key, _ = registered_key(caller, node.directory, node.member, "make", "service")
        attached = Attachments(node).references(attachments)
        planned, hold_until = self._plan(lines, hold_days, hold_until_ms)
        sendable = [plan for plan in planned if plan.grant is not None]
        body = _body(sendable, hold_until, mode)
        part = _application(sendable, branch, product, reference, attached) if sendable else None
        if dry_run or part is None or (mode == "all" and len(sendable) < len(planned)):
            return self._foreseen(planned, sendable, body, mode)
        authored = node.author.record(TYPE, body, [key], {APPLICATION: for_all(node, part, body["lines"][0]["grant"]["consent"])})
        receipt = node.outbox.send(authored.raw, TYPE, cause)
        node.reader.wait_for(receipt.log_index, _READ_S)
        if receipt.record_id != authored.record_id:
            sendable = self._as_sent(sendable, receipt.record_id)
        return _outcome(planned, sendable, receipt.result, receipt.height, receipt.time_ms, receipt)

    def _plan(self, lines: Sequence[ApplicationLine], hold_days: int | None, hold_until_ms: int | None) -> tuple[list[Planned], int]:
        if not lines:
            raise InputError("bad-field", "lines: an application names at least one declaration")
        node = self._node
        with node.store.reading() as reader, node.private.reading() as connection:
            state, time_ms = reader.state, time_now_ms(node, reader)
            planned = [planned_line(state, time_ms, line, grants_of(connection, line.declaration_id)) for line in lines]
            days_max = policy.value(state, "hold_days_max")
        check_alike([plan.grant for plan in planned if plan.grant is not None])
        if hold_until_ms is not None:
            return planned, hold_until_ms
        # Block time comes from another clock than ours: the longest hold ends a minute early, so that it is not refused as too long.
        days = min(HOLD_DAYS, days_max) if hold_days is None else hold_days
        if not 1 <= days <= days_max:
            raise InputError("bad-field", f"hold_days: a hold lasts 1 to {days_max} days")
        return planned, time_ms + days * DAY_MS - (_MARGIN_MS if days == days_max else 0)

    def _foreseen(self, planned: Sequence[Planned], sendable: Sequence[Planned], body: Mapping[str, Any], mode: Mode) -> ApplicationOutcome:
        """What would come of it, without sending anything."""
        if sendable:
            seen = rehearse(self._node, TYPE, body, ONE_PERSON)
        else:
            with self._node.store.reading() as reader:
                seen = Foreseen({"code": NO_GRANT}, reader.head.height, time_now_ms(self._node, reader))
        if mode == "all" and len(sendable) < len(planned):
            # One line that cannot even be asked refuses all of them; what the others would get is told all the same.
            seen = Foreseen({**seen.result, "code": NO_GRANT}, seen.height, seen.time_ms)
        return _outcome(planned, sendable, seen.result, seen.height, seen.time_ms, None)

    def _as_sent(self, sendable: Sequence[Planned], record_id: str) -> list[Planned]:
        """The same lines with the shares and amounts of the record that their cause had already."""
        with self._node.store.reading() as reader:
            stored = reader.record(record_id)
        part = self._node.reader.parts_of(record_id).get(APPLICATION)
        if stored is None or part is None or len(stored.record.body["lines"]) != len(sendable):
            raise InputError("malformed", "the same request was an application with other lines before")
        amounts = [line.amount_minor for line in read_part(ApplicationPart, part.content).lines]
        shares = [allocation["share"] for allocation in stored.record.body["lines"]]
        return [Planned(plan.line, plan.grant, Use(share, amount)) for plan, share, amount in zip(sendable, shares, amounts, strict=True)]


def live(state: State, grant: Grant, time_ms: int) -> bool:
    """Whether an application may be made under a grant at a time, as far as the grant and its consent go."""
    entry, consent = entries.grant(state, grant.commitment), entries.consent(state, grant.consent)
    if entry is None or consent is None or consent["revoked"]:
        return False
    return consent["not_before"] <= time_ms < min(consent["not_after"], grant.end_ms) and entry["used"] < grant.uses


def planned_line(state: State, time_ms: int, line: ApplicationLine, held: Sequence[Grant]) -> Planned:
    """A line under the newest live grant among those held, else the newest. Raises `InputError` (`currency-differs`, `amount-invalid`)."""
    if not held:
        return Planned(line)
    grant = next((grant for grant in held if live(state, grant, time_ms)), held[0])
    if line.amount is not None and line.amount.currency != grant.currency:
        message = f"{grant.number} is in {grant.currency}, and is financed in {grant.currency} only"
        raise InputError("currency-differs", message, hint=f"state the amount in {grant.currency}")
    available = queries.available(state, line.declaration_id, time_ms)
    wanted = None if line.amount is None else line.amount.amount_minor
    return Planned(line, grant, applied(wanted, grant.registered_minor, available))


def check_alike(held: Sequence[Grant]) -> None:
    """One currency and one exporter. Raises `InputError` (`currency-differs`, `exporters-differ`)."""
    if len({grant.currency for grant in held}) > 1:
        raise InputError("currency-differs", "the declarations are in several currencies", hint="make an application for each currency")
    if len({grant.enterprise for grant in held}) > 1:
        raise InputError("exporters-differ", "the declarations are of several exporters", hint="make an application for each exporter")


def _body(sendable: Sequence[Planned], hold_until: int, mode: Mode) -> dict[str, Any]:
    lines = [{"grant": plan.grant.opening(), "share": plan.use.share} for plan in sendable if plan.grant is not None]
    return {"lines": lines, "hold_until": hold_until, "mode": mode}


def _application(sendable: Sequence[Planned], branch: str, product: str, reference: str, attached: list[AttachmentRef]) -> ApplicationPart:
    held = [plan.grant for plan in sendable if plan.grant is not None]
    lines = [
        AppliedLine(declaration=grant.declaration, number=grant.number, amount_minor=plan.use.amount_minor)
        for grant, plan in zip(held, sendable, strict=True)
    ]
    return written(
        ApplicationPart,
        enterprise=held[0].enterprise,
        uscc=held[0].uscc,
        name=held[0].name,
        currency=held[0].currency,
        amount_minor=sum(line.amount_minor for line in lines),
        branch=branch,
        product=product,
        reference=reference,
        lines=lines,
        attachments=attached,
    )


def _outcome(
    planned: Sequence[Planned],
    sendable: Sequence[Planned],
    result: Mapping[str, Any],
    height: int,
    time_ms: int,
    receipt: Receipt | None,
) -> ApplicationOutcome:
    """Line by line; a refusal of the whole application is every line's."""
    code = str(result["code"])
    answers = iter(result.get("lines") or [{"code": code}] * len(sendable))
    sent = iter(sendable)
    lines = []
    for plan in planned:
        if plan.grant is None:
            lines.append(plan.outcome(NO_GRANT, None))
        else:
            answer = next(answers)
            lines.append(next(sent).outcome(answer["code"], answer.get("left")))
    record_id = None if receipt is None else receipt.record_id
    return ApplicationOutcome(record_id if code == "ok" else None, code, tuple(lines), record_id, height, time_ms)
