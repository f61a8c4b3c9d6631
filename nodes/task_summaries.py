"""What people are shown of a task: made from its record's public body and its own sealed parts, whether the record was prepared just now or
is read again from the ledger. So whoever loses a private database is shown the same afterwards.

Whoever signs second signs all that the record says, so a summary names all of it: days, numbers of papers, documents, what was changed
into another currency. Beside the record it takes only what never changes once it stands on the ledger: a financing's name, reference and
numbers, what was applied for, and the day and reference of a collection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from ledger import canonical
from ledger.clock import rfc3339
from ledger.errors import NotFound, TallystickError
from nodes.attachments.reference import AttachmentRef
from nodes.declarations.book import declarations
from nodes.enquiries.grants import grants_of
from nodes.financings.book import financing_lines, financings
from nodes.financings.collection_book import collections
from nodes.financings.offer_book import transfer_offers
from nodes.financings.parts import (
    COLLECTION,
    LOAN,
    PLEDGE,
    REASON,
    REPAYMENT,
    TERMS,
    AdjustmentPart,
    CollectionPart,
    ExchangeStated,
    LoanPart,
    OfferPart,
    PledgePart,
    ReasonPart,
    RepaymentPart,
    TakeOverPart,
)
from nodes.money import Money, SignedMoney
from nodes.sealed_models import Part, read_part

Summary = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What a record says to its author's own node: its type, its body, and the contents of its parts by name."""

    kind: str
    body: Mapping[str, Any]
    parts: Mapping[str, Mapping[str, Any]]

    def part(self, name: str, model: type[Part]) -> Part:
        """Raises `NotFound` (`part-missing`), and as `read_part`."""
        if name not in self.parts:
            raise NotFound("part-missing", f"the record's part {name} is not open here")
        return read_part(model, self.parts[name])


def summarise(connection: sa.Connection, told: Told, countersigner: str | None = None) -> Summary:
    """Amounts as money. `countersigner` is the member that signs beside two people. Of a record that cannot be told in full, because a part
    does not open or does not fit, it names what is public.
    """
    try:
        summary = _BY_TYPE.get(told.kind, _public)(connection, told)
    except TallystickError:
        summary = _public(connection, told)
    return summary if countersigner is None else {**summary, "countersigned_by": countersigner}


def _public(_connection: sa.Connection, told: Told) -> Summary:
    names = ("financing", "declaration")
    return {"action": told.kind.split(".")[-1], **{name: told.body[name] for name in names if name in told.body}}


def _approval(connection: sa.Connection, told: Told) -> Summary:
    part = told.part(PLEDGE, PledgePart)
    what = {"agreement": part.agreement, "registration_number": part.registration_number, "registered_at": part.registered_at}
    return _of_financing(connection, told, "approve", part.lines) | what | {"attachments": _documents(part.attachments)}


def _disbursement(connection: sa.Connection, told: Told) -> Summary:
    part = told.part(LOAN, LoanPart)
    what = {"final": told.body["final"], "loan_number": part.reference}
    return _of_financing(connection, told, "disburse", part.lines) | what | _paid_out(part)


def _paid_out(part: LoanPart) -> Summary:
    return {
        "disbursed_on": part.disbursed_on,
        "matures_on": part.matures_on,
        "exchange": _exchange(part.exchange),
        "attachments": _documents(part.attachments),
    }


def _repayment(connection: sa.Connection, told: Told) -> Summary:
    part = told.part(REPAYMENT, RepaymentPart)
    what = {"source": part.source, "paid_on": part.paid_on, "payment_reference": part.reference}
    used = [_used(connection, each["collection"], each["share"]) for each in told.body["collections"]]
    return _of_financing(connection, told, "repay", part.lines) | what | {"collections": used}


def _used(connection: sa.Connection, collection: str, share: int) -> Summary:
    """What a repayment uses up of a collection, as a share of the declaration; and which one that is, where it opens here."""
    row = connection.execute(sa.select(collections).where(collections.c.id == collection)).first()
    about = {} if row is None else {"collected_on": row.collected_on, "reference": row.reference}
    return {"collection_id": collection, "share": share, **about}


def _cancellation(connection: sa.Connection, told: Told) -> Summary:
    text = told.part(REASON, ReasonPart).text if REASON in told.parts else ""
    return _of_financing(connection, told, "cancel", None) | {"reason": told.body["reason"], "text": text}


def _write_off(connection: sa.Connection, told: Told) -> Summary:
    part = told.part(REASON, AdjustmentPart)
    action = "take-back" if any(share < 0 for share in told.body["shares"]) else "write-off"
    return _of_financing(connection, told, action, part.lines, SignedMoney) | {"reason": part.text}


def _correction(connection: sa.Connection, told: Told) -> Summary:
    part = told.part(REASON, AdjustmentPart)
    return _of_financing(connection, told, "correct", part.lines, SignedMoney) | {"reason": part.text}


def _load(_connection: sa.Connection, told: Told) -> Summary:
    part = told.part(LOAN, LoanPart)
    if part.loaded is None:
        raise NotFound("part-missing", "the sealed loan does not say whose it is")
    return {
        "action": "load",
        "enterprise": part.loaded.name,
        "reference": part.reference,
        "branch": part.loaded.branch,
        "product": part.loaded.product,
        "report": part.loaded.report,
        "amount": Money(part.currency, part.amount_minor).to_json(),
        "lines": _lines(part.currency, part.loaded.numbers, part.lines),
        **_paid_out(part),
    }


def _offer(connection: sa.Connection, told: Told) -> Summary:
    row, _ = _booked(connection, told.body["financing"])
    about = {"financing": row.id, "enterprise": row.name, "reference": row.reference}
    if told.body["offer"] is None:
        return {"action": "withdraw-offer", **about, "to": None}
    part = told.part(TERMS, OfferPart)
    return {
        "action": "transfer",
        **about,
        "amount": Money(part.currency, part.amount_minor).to_json(),
        "lines": _lines(part.currency, [line.number for line in part.lines], [line.amount_minor for line in part.lines]),
        "to": part.bank,
        "until": rfc3339(part.until),
        "matures_on": part.matures_on,
        "terms": part.terms,
        "note": part.note,
    }


def _take_over(connection: sa.Connection, told: Told) -> Summary:
    part = told.part(TERMS, TakeOverPart)
    offers = connection.execute(sa.select(transfer_offers).where(transfer_offers.c.financing == part.financing))
    # The salt is that of the one offer which is taken.
    lenders = [row.lender for row in offers if canonical.decode(row.content.encode("utf-8"))["salt"] == told.body["salt"]]
    return {
        "action": "take-over",
        "financing": part.financing,
        "lender": lenders[0] if lenders else None,
        "enterprise": part.name,
        "reference": part.reference,
        "branch": part.branch,
        "product": part.product,
        "amount": Money(part.currency, part.amount_minor).to_json(),
        "lines": _lines(part.currency, [line.number for line in part.lines], [line.amount_minor for line in part.lines]),
        "disbursed_on": part.disbursed_on,
        "matures_on": part.matures_on,
        "terms": part.terms,
    }


def _collection(connection: sa.Connection, told: Told) -> Summary:
    part = told.part(COLLECTION, CollectionPart)
    held = grants_of(connection, told.body["declaration"])
    # The first grant: it stays the first, whatever is granted later. Of what a bank inherited it has the registrar's words.
    number, name = (held[-1].number, held[-1].name) if held else _registered(connection, told.body["declaration"])
    return {
        "action": "collect" if told.body["corrects"] is None else "take-back-collection",
        "declaration": told.body["declaration"],
        "number": number,
        "enterprise": name,
        "amount": Money(part.currency, part.amount_minor).to_json(),
        "collected_on": part.collected_on,
        "reference": part.reference,
        "corrects": told.body["corrects"],
        "exchange": _exchange(part.exchange),
    }


def _registered(connection: sa.Connection, declaration_id: str) -> tuple[str, str]:
    row = connection.execute(sa.select(declarations).where(declarations.c.id == declaration_id)).first()
    if row is None:
        raise NotFound("unknown-declaration", "this bank knows no such declaration")
    return row.number, row.exporter_name


def _key(_connection: sa.Connection, told: Told) -> Summary:
    key = told.body["key"]
    summary = {"action": "add-key", "member": told.body["member"], "purpose": key["purpose"], "person": key["person"]}
    # Nothing but the key itself says which engine's it is.
    return summary if key["person"] is not None else {**summary, "public": key["public"]}


def _of_financing(
    connection: sa.Connection, told: Told, action: str, amounts: Sequence[int] | None, money: type[Money | SignedMoney] = Money
) -> Summary:
    """Amounts by line, None for what was applied for; `money` is how they are written."""
    row, lines = _booked(connection, told.body["financing"])
    moved = [line.applied_minor for line in lines] if amounts is None else amounts
    return {
        "action": action,
        "financing": row.id,
        "enterprise": row.name,
        "reference": row.reference,
        "amount": money(row.currency, sum(moved)).to_json(),
        "lines": _lines(row.currency, [line.number for line in lines], moved, money),
    }


def _lines(currency: str, numbers: Iterable[str], amounts: Iterable[int], money: type[Money | SignedMoney] = Money) -> list[Summary]:
    return [{"number": number, "amount": money(currency, amount).to_json()} for number, amount in zip(numbers, amounts, strict=False)]


def _documents(attachments: Iterable[AttachmentRef]) -> list[Summary]:
    return [{"sha256": each.sha256, "name": each.name, "bytes": each.bytes} for each in attachments]


def _exchange(stated: ExchangeStated | None) -> Summary | None:
    return None if stated is None else {"amount": Money(stated.currency, stated.amount_minor).to_json(), "rate": stated.rate}


def _booked(connection: sa.Connection, financing_id: str) -> tuple[Any, Sequence[Any]]:
    """The financing's row, and those of its lines. Raises `NotFound` (`unknown-financing`)."""
    row = connection.execute(sa.select(financings).where(financings.c.id == financing_id)).first()
    if row is None:
        raise NotFound("unknown-financing", "this node's book has no such financing")
    query = sa.select(financing_lines).where(financing_lines.c.financing == financing_id).order_by(financing_lines.c.line)
    return row, connection.execute(query).fetchall()


_BY_TYPE: Final[Mapping[str, Callable[[sa.Connection, Told], Summary]]] = {
    "declaration.collected": _collection,
    "financing.approve": _approval,
    "financing.cancel": _cancellation,
    "financing.correct": _correction,
    "financing.disburse": _disbursement,
    "financing.load": _load,
    "financing.repay": _repayment,
    "financing.take-over": _take_over,
    "financing.transfer": _offer,
    "financing.write-off": _write_off,
    "key.add": _key,
}
