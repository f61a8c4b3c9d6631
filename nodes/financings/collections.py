"""Collections: money that came in from abroad for a declaration, recorded once, by whoever lent on it, and then used by repayments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from contracts import entries
from contracts.shares import freed_by_amount
from ledger.errors import InputError, NotFound, Refused
from nodes.caller import Caller
from nodes.financings.amounts import amount_of_share, collected_share
from nodes.financings.collection_book import TYPE, collections
from nodes.financings.countersigned import Countersigned
from nodes.financings.known import Known, known_declaration
from nodes.financings.parts import COLLECTION, CollectionPart, ExchangeStated, written
from nodes.financings.recipients import for_all
from nodes.money import Money
from nodes.tasks import Task, Tasks

if TYPE_CHECKING:
    from nodes.node import Node


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection. `unused` is what repayments may still use of it, as a share, and in money where this node knows the declaration's
    amount registered.
    """

    id: str
    declaration_id: str
    bank: str
    amount: Money
    collected_on: str
    reference: str
    recorded_ms: int
    share: int
    unused: int
    unused_amount: Money | None


class Collections:
    """The collections that a member records, and sees."""

    def __init__(self, node: Node, tasks: Tasks | None = None) -> None:
        self._node = node
        self._tasks = tasks or Tasks(node)

    def record(
        self,
        caller: Caller,
        declaration_id: str,
        amount: Money,
        collected_on: str,
        reference: str,
        *,
        exchange: ExchangeStated | None = None,
        corrects: str | None = None,
        cause: str | None = None,
    ) -> Task:
        """Prepares the record that money came in; a second person signs it. It lowers what may be financed, rounded up to a step.
        `exchange` is what it was changed into, if it was; `corrects` is a collection of which the amount is taken back, as far as no
        repayment used it: that frees, so the authority signs too. `cause` names what may have one task only.

        Raises `NotFound` (`unknown-declaration`), `InputError` (`currency-differs`, `amount-invalid`, `bad-field`), `Refused` with
        the rules' code where they would refuse it, and as `Tasks.open`.
        """
        if (known := self._tasks.by_cause(cause)) is not None:
            return known
        about = self._known(declaration_id)
        if amount.currency != about.currency:
            message = f"{about.number} is in {about.currency}: a collection in {amount.currency} cannot be set against it"
            raise InputError("currency-differs", message)
        if corrects is None:
            share = collected_share(amount.amount_minor, about.registered_minor)
        else:
            share = -self._taken_back(declaration_id, corrects, amount, about.registered_minor)
        part = written(
            CollectionPart,
            currency=amount.currency,
            amount_minor=amount.amount_minor,
            collected_on=collected_on,
            reference=reference,
            exchange=exchange,
        )
        body = {"declaration": declaration_id, "share": share, "corrects": corrects}
        parts = {COLLECTION: for_all(self._node, part, about.consent)}
        return Countersigned(self._node, self._tasks).open(caller, TYPE, body, parts, None, cause)

    def list(self, declaration_id: str, *, unused_only: bool = False) -> Sequence[Collection]:
        """Those on a declaration that this node can open, the oldest first; what was taken back lowers `unused`."""
        node = self._node
        with node.store.reading() as reader, node.private.reading() as connection:
            declaration = entries.declaration(reader.state, declaration_id)
            # A replacement brings the collections of what it replaces along.
            here = [] if declaration is None else declaration["collections"]
            query = sa.select(collections).where(collections.c.id.in_(here)).order_by(collections.c.log_index)
            about = known_declaration(connection, reader.state, declaration_id)
            found = []
            for row in connection.execute(query):
                entry = entries.collection(reader.state, row.id)
                if entry is not None and row.amount_minor > 0 and (entry["unused"] > 0 or not unused_only):
                    found.append(_collection(row, entry, about))
        return found

    def _taken_back(self, declaration_id: str, collection_id: str, amount: Money, registered_minor: int) -> int:
        """The share of a correction: all of the collection with all of its amount, else rounded down."""
        wrong = next((each for each in self.list(declaration_id) if each.id == collection_id), None)
        if wrong is None:
            raise NotFound("unknown-collection", "this node knows no such collection on the declaration")
        share = wrong.share if amount == wrong.amount else freed_by_amount(amount.amount_minor, registered_minor)
        if amount.amount_minor > wrong.amount.amount_minor or share > wrong.unused:
            raise Refused("exceeds-collected", f"{wrong.amount} were collected, and repayments did not use {wrong.unused_amount}")
        if share == 0:
            raise InputError("amount-too-small", "less than a thousandth of the declaration moves no share")
        return share

    def _known(self, declaration_id: str) -> Known:
        with self._node.store.reading() as reader, self._node.private.reading() as connection:
            about = known_declaration(connection, reader.state, declaration_id)
        if about is None:
            raise NotFound("unknown-declaration", "this bank knows no such declaration", hint="enquire about it first")
        return about


def _collection(row: sa.Row[tuple[object, ...]], entry: entries.Collection, about: Known | None) -> Collection:
    amount = Money(row.currency, row.amount_minor)
    unused = None
    if about is not None and about.currency == row.currency:
        # A whole collection is worth its own amount: its share was rounded up.
        covered = amount_of_share(entry["unused"], about.registered_minor)
        unused = Money(row.currency, min(row.amount_minor, covered))
    return Collection(
        id=row.id,
        declaration_id=row.declaration,
        bank=entry["bank"],
        amount=amount,
        collected_on=row.collected_on,
        reference=row.reference,
        recorded_ms=row.time_ms,
        share=entry["share"],
        unused=entry["unused"],
        unused_amount=unused,
    )
