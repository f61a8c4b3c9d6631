"""The steps of a financing after its application: intake, approval, disbursement, repayment, cancellation.

Amounts come as money and leave as shares that agree with them; the money itself is sealed into the record. Every step is rehearsed on
the node's own replica first, so that whoever prepares it hears at once, in words and in money, why it would be refused. What takes two
people becomes a task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from contracts import balances, entries
from ledger.engine import Receipt
from ledger.errors import InputError, Refused
from nodes.acting import send
from nodes.attachments.store import Attachments
from nodes.author import Part
from nodes.caller import Caller
from nodes.financings.amounts import Use, amount_of_share, drawn, recovered, repaid, used_up
from nodes.financings.collections import Collections
from nodes.financings.countersigned import Countersigned
from nodes.financings.movements import Amounts, kept_shares, loan_of, loans_of, minor_units, moved, repayment_amounts, too_small
from nodes.financings.parts import (
    LOAN,
    PLEDGE,
    REASON,
    REPAYMENT,
    ExchangeStated,
    LoanPart,
    PledgePart,
    ReasonPart,
    RepaymentPart,
    paid_out,
    written,
)
from nodes.financings.preparing import may_prepare, own, require_foreseen
from nodes.financings.recipients import for_all, for_supervision
from nodes.financings.views import Financing, FinancingReader
from nodes.money import Money
from nodes.rehearsal import ONE_PERSON, TWO_PEOPLE, rehearse, time_now_ms
from nodes.tasks import Task, Tasks

if TYPE_CHECKING:
    from nodes.node import Node


Source = Literal["own-funds", "collections"]
Reason = Literal["rejected", "withdrawn", "error"]


@dataclass(frozen=True, slots=True)
class Pledge:
    """What secures a loan: the agreement, and the number and time of its registration as a movable."""

    agreement: str
    registration_number: str
    registered_at: str


@dataclass(frozen=True, slots=True)
class CollectionUse:
    """How much of a collection goes into a repayment."""

    collection_id: str
    amount: Money


class FinancingSteps:
    """The steps that a bank's people take."""

    def __init__(self, node: Node, views: FinancingReader, tasks: Tasks, collections: Collections) -> None:
        self._node, self._views, self._tasks, self._collections = node, views, tasks, collections

    def intake(self, caller: Caller, financing_id: str, keep: Amounts | None = None, *, cause: str | None = None) -> Receipt:
        """Takes an application in. `keep`: what each line keeps, None all of it, zero lets it go; None keeps everything. `cause` names what
        may have one such record only.

        Raises `NotFound` (`unknown-financing`), `InputError` (`currency-differs`, `bad-field`), `Refused` with the rules' code
        (`exceeds-available` with what is left in money), `RuleRefused`, and as `registered_key` and `Outbox.send`.
        """
        self._may_prepare(caller, "make", "service")
        financing = self._own(financing_id)
        body = {"financing": financing_id, "shares": kept_shares(financing, keep)[0]}
        if not self._has_record(cause):
            self._foresee(financing, "intake", body, ONE_PERSON)
        return send(self._node, caller, "financing.intake", body, cause=cause)

    def approve(
        self,
        caller: Caller,
        financing_id: str,
        pledge: Pledge,
        keep: Amounts | None = None,
        *,
        attachments: Sequence[str] = (),
        cause: str | None = None,
    ) -> Task:
        """Prepares an approval, the check just before money moves. `attachments` are digests of documents in this node's store; `keep` and
        errors as `intake`, as `Tasks.open`, and `NotFound` (`unknown-attachment`); `cause` names what may have one task only.
        """
        self._may_prepare(caller)
        if (known := self._tasks.by_cause(cause)) is not None:
            return known
        financing = self._own(financing_id)
        shares, amounts = kept_shares(financing, keep)
        body = {"financing": financing_id, "shares": shares}
        part = written(
            PledgePart,
            agreement=pledge.agreement,
            registration_number=pledge.registration_number,
            registered_at=pledge.registered_at,
            currency=financing.currency,
            lines=amounts,
            attachments=Attachments(self._node).references(attachments),
        )
        self._foresee(financing, "approve", body, TWO_PEOPLE)
        return self._tasks.open(caller, "financing.approve", body, {PLEDGE: for_supervision(self._node, part)}, cause)

    def disburse(
        self,
        caller: Caller,
        financing_id: str,
        amounts: Amounts | None = None,
        *,
        final: bool = True,
        disbursed_on: str,
        matures_on: str,
        reference: str,
        exchange: ExchangeStated | None = None,
        attachments: Sequence[str] = (),
        cause: str | None = None,
    ) -> Task:
        """Prepares the registration of a disbursement. `amounts`: what was paid out on each line, None what is left of it. Less than was
        approved keeps the rest for further tranches until `final`. What was paid although it was cancelled goes on to the authority, once
        two people here have signed. `exchange` is what all of it was changed into, if it was. Raises `Refused` (`exceeds-hold`), and as
        `approve`.
        """
        self._may_prepare(caller)
        if (known := self._tasks.by_cause(cause)) is not None:
            return known
        financing = self._own(financing_id)
        loans = loans_of(financing)
        wanted = minor_units(financing, amounts)
        uses = [moved(financing, place, wanted[place], loan, drawn) for place, loan in enumerate(loans)]
        part = paid_out(
            financing.currency,
            [use.amount_minor for use in uses],
            disbursed_on=disbursed_on,
            matures_on=matures_on,
            reference=reference,
            exchange=exchange,
            attachments=Attachments(self._node).references(attachments),
        )
        body = {"financing": financing_id, "shares": [use.share for use in uses], "final": final}
        parts = {LOAN: self._for_all(financing, part)}
        return Countersigned(self._node, self._tasks).open(caller, "financing.disburse", body, parts, financing, cause)

    def repay(
        self,
        caller: Caller,
        financing_id: str,
        amounts: Amounts | Money | None = None,
        *,
        source: Source,
        paid_on: str,
        reference: str,
        collections: Sequence[CollectionUse] = (),
        cause: str | None = None,
    ) -> Task:
        """Prepares a repayment: an amount for each line (None: all that is outstanding), or one total, which pays the first lines first.

        What is repaid from collections on a declaration is exactly what is cited of collections on it. Raises `Refused`
        (`exceeds-drawn`, `exceeds-collected`), `InputError` (`amount-too-small` for less than a step, `collections-differ`), and as
        `approve`.
        """
        self._may_prepare(caller)
        if (known := self._tasks.by_cause(cause)) is not None:
            return known
        financing = self._own(financing_id)
        loans = loans_of(financing)
        wanted = repayment_amounts(financing, loans, amounts, recovering=source == "collections")
        rule = recovered if source == "collections" else repaid
        uses = [moved(financing, place, wanted[place], loan, rule) for place, loan in enumerate(loans)]
        paid = [use.amount_minor for use in uses]
        if not any(use.share for use in uses):
            raise too_small(financing, loans, paid)
        part = written(
            RepaymentPart,
            currency=financing.currency,
            amount_minor=sum(paid),
            lines=paid,
            paid_on=paid_on,
            source=source,
            reference=reference,
        )
        cited = self._cited(financing, uses, collections)
        shares = [use.share for use in uses]
        body = {"financing": financing_id, "shares": shares, "source": source, "collections": cited}
        self._foresee(financing, "repay", body, TWO_PEOPLE)
        return self._tasks.open(caller, "financing.repay", body, {REPAYMENT: self._for_all(financing, part)}, cause)

    def cancel(self, caller: Caller, financing_id: str, reason: Reason, text: str = "", *, cause: str | None = None) -> Receipt | Task:
        """Lets a financing go; once approved that takes two people, who state that no money left: then a task. Raises as `intake`."""
        financing = self._own(financing_id)
        body = {"financing": financing_id, "reason": reason}
        approved = financing.state == "APPROVED"
        self._may_prepare(caller, *(("make", "check") if approved else ("make", "check", "service")))
        if (known := self._tasks.by_cause(cause)) is not None:
            return known
        if not self._has_record(cause):
            self._foresee(financing, "cancel", body, TWO_PEOPLE if approved else ONE_PERSON)
        parts = {REASON: self._for_all(financing, written(ReasonPart, text=text))} if text else {}
        if not approved:
            return send(self._node, caller, "financing.cancel", body, parts, cause=cause)
        return self._tasks.open(caller, "financing.cancel", body, parts, cause)

    def _own(self, financing_id: str) -> Financing:
        return own(self._node, self._views, financing_id)

    def _may_prepare(self, caller: Caller, *purposes: str) -> None:
        may_prepare(self._node, caller, *purposes)

    def _for_all(self, financing: Financing, part: LoanPart | RepaymentPart | ReasonPart) -> Part:
        return for_all(self._node, part, financing.lines[0].consent)

    def _has_record(self, cause: str | None) -> bool:
        """Whether a cause has its record already: then its receipt is the answer, and nothing is to be foreseen."""
        return cause is not None and self._node.outbox.by_reference(cause) is not None

    def _foresee(self, financing: Financing, step: str, body: Mapping[str, Any], people: tuple[str, ...]) -> None:
        """Refuses what the rules would refuse, in words."""
        seen = rehearse(self._node, f"financing.{step}", body, people)
        if seen.code == "exceeds-available":
            kept_shares = body.get("shares") or [line.held for line in financing.lines]
            raise Refused(seen.code, self._what_is_left(financing, kept_shares), hint="keep less on that declaration, or let it go")
        require_foreseen(seen, financing)

    def _what_is_left(self, financing: Financing, shares: Sequence[int]) -> str:
        """Which declaration has too little left for this financing, and how much, in money."""
        with self._node.store.reading() as reader:
            entry = entries.financing(reader.state, financing.id)
            time_ms = time_now_ms(self._node, reader)
            for index, (line, share) in enumerate(zip(financing.lines, shares, strict=True)):
                declaration = entries.declaration(reader.state, line.declaration_id)
                if entry is None or declaration is None or line.loan is None:
                    continue
                left = balances.room(declaration, entry["at"], index, time_ms)
                if share > left:
                    money = Money(financing.currency, amount_of_share(left, line.loan.registered_minor))
                    return f"{line.number} has only {money} left for this financing"
        return "a declaration has less left than is to be kept"

    def _cited(self, financing: Financing, uses: Sequence[Use], cited: Sequence[CollectionUse]) -> list[dict[str, Any]]:
        """The collections of a repayment in shares. Raises as `repay`."""
        remaining = list(cited)
        body: list[dict[str, Any]] = []
        for line, use in zip(financing.lines, uses, strict=True):
            if use.share == 0 or not cited:
                continue
            known = {each.id: each for each in self._collections.list(line.declaration_id)}
            here = [each for each in remaining if each.collection_id in known]
            remaining = [each for each in remaining if each not in here]
            if any(each.amount.currency != financing.currency for each in here):
                raise InputError("currency-differs", f"the collections on {line.number} are not in {financing.currency}")
            if not here or sum(each.amount.amount_minor for each in here) != use.amount_minor:
                message = (
                    f"{Money(financing.currency, use.amount_minor)} is repaid on {line.number}, and another amount is cited of collections"
                )
                raise InputError("collections-differ", message)
            pairs = [(known[each.collection_id].unused, each.amount.amount_minor) for each in here]
            try:
                takes = used_up(use.share, pairs, loan_of(line).registered_minor)
            except Refused as error:
                unused = amount_of_share(sum(share for share, _ in pairs), loan_of(line).registered_minor)
                message = f"the collections cited on {line.number} have {Money(financing.currency, unused)} unused"
                raise Refused(error.code, message, hint="cite another collection, or repay the rest from own funds") from error
            body += [{"collection": each.collection_id, "share": take} for each, take in zip(here, takes, strict=True) if take]
        if remaining:
            raise InputError("collections-differ", "a collection is cited that is not on a declaration which is repaid")
        return body
