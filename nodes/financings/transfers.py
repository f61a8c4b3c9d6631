"""Financings that change their lender: offered to one bank, which hides who it is from everybody else, and taken over by it.

The offer seals to the next bank what it must know: the salt that opens the commitment, whose loan it is, and what is drawn and owed on
each declaration. It takes over under live grants of its own, so the exporter has consented to it too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from contracts import entries
from contracts.commitments import offer_commitment
from ledger import canonical
from ledger.errors import InputError, NotFound, Refused
from nodes.author import Part
from nodes.caller import Caller
from nodes.days import day_of
from nodes.enquiries.grants import Grant, grants_of
from nodes.financings.apply import NO_GRANT, live
from nodes.financings.offer_book import transfer_offers
from nodes.financings.parts import TERMS, AppliedLine, OfferedLine, OfferPart, TakeOverPart, written
from nodes.financings.preparing import may_prepare, own, require_foreseen
from nodes.financings.recipients import for_all, for_supervision
from nodes.financings.views import FinancingReader
from nodes.money import Money
from nodes.rehearsal import TWO_PEOPLE, rehearse, time_now_ms
from nodes.sealed_models import read_part
from nodes.tasks import Task, Tasks

if TYPE_CHECKING:
    from nodes.node import Node

TRANSFER: Final = "financing.transfer"
TAKE_OVER: Final = "financing.take-over"
_SALT_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer to this bank. `state`: open, taken, withdrawn (or another offer stands in its place) or expired. Its id is its record's."""

    id: str
    lender: str
    state: str
    made_ms: int
    part: OfferPart
    log_index: int

    @property
    def amount(self) -> Money:
        return Money(self.part.currency, self.part.amount_minor)


class Transfers:
    """Offers at a lender's node, and take-overs at the next bank's."""

    def __init__(self, node: Node, views: FinancingReader, tasks: Tasks) -> None:
        self._node, self._views, self._tasks = node, views, tasks

    def offer(
        self,
        caller: Caller,
        financing_id: str,
        to: str | None,
        until_ms: int | None = None,
        *,
        terms: str = "",
        note: str = "",
        cause: str | None = None,
    ) -> Task:
        """Prepares an offer of all that is drawn to one bank, until a time, in place of an earlier one; `to` None withdraws it.

        Raises `NotFound` (`unknown-financing`, `unknown-member`), `NotPermitted`, `InputError` (`bad-field`), `Refused` with the rules'
        code, and as `Tasks.open`.
        """
        may_prepare(self._node, caller)
        if (known := self._tasks.by_cause(cause)) is not None:
            return known
        financing = own(self._node, self._views, financing_id)
        body: dict[str, Any] = {"financing": financing_id, "offer": None, "until": None}
        parts: dict[str, Part] = {}
        if to is not None:
            if self._node.directory.member(to).role != "bank" or to == self._node.member:
                raise InputError("bad-field", "to: another bank of the network")
            if until_ms is None:
                raise InputError("bad-field", "until: an offer has an end")
            salt = self._node.random(_SALT_BYTES).hex()
            body |= {"offer": offer_commitment(bank=to, financing=financing_id, salt=salt), "until": until_ms}
            part = written(
                OfferPart,
                bank=to,
                financing=financing_id,
                salt=salt,
                until=until_ms,
                enterprise=financing.enterprise,
                uscc=financing.uscc,
                name=financing.name,
                currency=financing.currency,
                amount_minor=financing.total("outstanding").amount_minor,
                lines=[
                    OfferedLine(
                        declaration=line.declaration_id, number=line.number, drawn=line.drawn, amount_minor=line.outstanding.amount_minor
                    )
                    for line in financing.lines
                ],
                matures_on=financing.matures_on or day_of(financing.time_ms),
                terms=terms,
                note=note,
            )
            taker = replace(self._node.directory.recipient(to), named=False)
            supervised = for_supervision(self._node, part)
            parts[TERMS] = Part(supervised.content, [*supervised.recipients, taker])
        require_foreseen(rehearse(self._node, TRANSFER, body, TWO_PEOPLE), financing)
        return self._tasks.open(caller, TRANSFER, body, parts, cause)

    def offers(self) -> Sequence[Offer]:
        """What was offered to this bank, the newest first."""
        query = sa.select(transfer_offers).order_by(transfer_offers.c.log_index.desc())
        with self._node.store.reading() as reader, self._node.private.reading() as connection:
            time_ms = time_now_ms(self._node, reader)
            return [self._offer(entries.financing(reader.state, row.financing), time_ms, row) for row in connection.execute(query)]

    def take_over(
        self, caller: Caller, financing_id: str, *, reference: str, product: str, branch: str = "", cause: str | None = None
    ) -> Task:
        """Prepares the take-over of a financing that is offered to this bank, under its newest live grants. The task's record names the
        new financing.

        Raises `NotFound` (`no-offer`), `Refused` (`no-grant`, naming the declarations to enquire about first, `terms-overtaken` where
        what is drawn is not what was offered any more, `currency-differs`, and the rules' codes), and as `Tasks.open`.
        """
        may_prepare(self._node, caller)
        if (known := self._tasks.by_cause(cause)) is not None:
            return known
        offer = next((each for each in self.offers() if each.part.financing == financing_id), None)
        if offer is None:
            raise NotFound("no-offer", "nobody offered this bank such a financing", hint="see GET /v1/transfer-offers")
        part = offer.part
        held = self._grants(offer)
        body = {"financing": financing_id, "salt": part.salt, "grants": [None if grant is None else grant.opening() for grant in held]}
        rehearse(self._node, TAKE_OVER, body, TWO_PEOPLE).require_ok()
        moving = [(line, grant) for line, grant in zip(part.lines, held, strict=True) if grant is not None]
        taken = written(
            TakeOverPart,
            financing=financing_id,
            enterprise=moving[0][1].enterprise,
            uscc=moving[0][1].uscc,
            name=moving[0][1].name,
            currency=part.currency,
            amount_minor=sum(line.amount_minor for line, _ in moving),
            branch=branch,
            product=product,
            reference=reference,
            lines=[
                AppliedLine(declaration=line.declaration, number=grant.number, amount_minor=line.amount_minor) for line, grant in moving
            ],
            disbursed_on=day_of(self._node.clock.now_ms()),
            matures_on=part.matures_on,
            terms=part.terms,
        )
        sealed = for_all(self._node, taken, moving[0][1].consent)
        parts = {TERMS: Part(sealed.content, [*sealed.recipients, self._node.directory.recipient(offer.lender)])}
        return self._tasks.open(caller, TAKE_OVER, body, parts, cause)

    def _grants(self, offer: Offer) -> list[Grant | None]:
        """This bank's newest live grant for each line with something drawn, None for the others."""
        node, part = self._node, offer.part
        with node.store.reading() as reader, node.private.reading() as connection:
            entry, time_ms = entries.financing(reader.state, part.financing), time_now_ms(node, reader)
            assert entry is not None, "what was offered is on the ledger"
            if offer.state == "open" and [line["drawn"] for line in entry["lines"]] != [line.drawn for line in part.lines]:
                message = "what is drawn on the financing is not what was offered any more"
                raise Refused("terms-overtaken", message, hint="ask its lender for a new offer")
            held: list[Grant | None] = []
            missing = []
            for line, offered in zip(entry["lines"], part.lines, strict=True):
                if offered.drawn == 0:
                    held.append(None)
                    continue
                grant = next((each for each in grants_of(connection, line["declaration"]) if live(reader.state, each, time_ms)), None)
                held.append(grant)
                if grant is None:
                    missing.append(offered.number)
                elif grant.currency != part.currency:
                    raise Refused("currency-differs", f"{grant.number} is in {grant.currency}, and the loan in {part.currency}")
        if missing:
            hint = "enquire about them under the exporter's consent first"
            raise Refused(NO_GRANT, f"this bank has no live grant for {', '.join(missing)}", hint=hint)
        return held

    def _offer(self, entry: entries.Financing | None, time_ms: int, row: Any) -> Offer:
        part = read_part(OfferPart, canonical.decode(row.content.encode("utf-8")))
        stands = entry is not None and entry["offer"] is not None and entry["offer"]["commitment"] == row.commitment
        if stands:
            state = "open" if time_ms < part.until else "expired"
        else:
            state = "taken" if entry is not None and entry["heir"] is not None else "withdrawn"
        return Offer(row.id, row.lender, state, row.time_ms, part, row.log_index)
