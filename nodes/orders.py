"""Orders at the authority's node: a court or an office has a declaration, a financing or a member frozen, and lets it go again.

The order's paper stays with the authority: on the ledger stands its digest, and what it says is sealed to the authority alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import StringConstraints

from contracts import entries
from ledger.engine import Receipt
from ledger.errors import NotFound
from ledger.limits import FINANCING_TEXT_CHARS_MAX
from ledger.store import StoredRecord
from nodes.acting import act
from nodes.author import Part
from nodes.caller import Caller
from nodes.sealed_models import SealedPart, read_part

if TYPE_CHECKING:
    from nodes.node import Node

FREEZE: Final = "order.freeze"
LIFT: Final = "order.lift"
PART: Final = "order"
_PAGE: Final = 100
Target = Literal["declaration", "financing", "member"]


class OrderPart(SealedPart):
    """The part `order`, for the authority: who gave it, under which reference, and what it says."""

    issuer: Annotated[str, StringConstraints(min_length=1, max_length=FINANCING_TEXT_CHARS_MAX)]
    reference: Annotated[str, StringConstraints(min_length=1, max_length=FINANCING_TEXT_CHARS_MAX)]
    text: Annotated[str, StringConstraints(max_length=FINANCING_TEXT_CHARS_MAX)]


@dataclass(frozen=True, slots=True)
class Order:
    """`digest` is the SHA-256 of the paper. `words` is None where this node cannot open them."""

    id: str
    kind: str
    target: str
    digest: str
    lifted: bool
    words: OrderPart | None
    time_ms: int
    log_index: int


class Orders:
    """For the authority's node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def freeze(self, caller: Caller, kind: Target, target: str, digest: str, words: OrderPart, *, cause: str | None = None) -> Receipt:
        """From now on the target takes no new hold, approval or transfer; a member starts nothing. Raises as `act`."""
        body = {"target": {"kind": kind, "id": target}, "digest": digest}
        return act(self._node, caller, FREEZE, body, self._sealed(words), cause=cause)

    def lift(self, caller: Caller, order_id: str, digest: str, words: OrderPart, *, cause: str | None = None) -> Receipt:
        """Ends an order, by another paper. Raises as `act`."""
        return act(self._node, caller, LIFT, {"order": order_id, "digest": digest}, self._sealed(words), cause=cause)

    def get(self, order_id: str) -> Order:
        """Raises `NotFound` (`unknown-order`)."""
        with self._node.store.reading() as reader:
            entry = entries.order(reader.state, order_id)
            if entry is None:
                raise NotFound("unknown-order", "no such order is on the ledger")
            return self._order(reader.record(order_id), entry)

    def list(self, *, standing_only: bool = False, before: int | None = None, limit: int = _PAGE) -> Sequence[Order]:
        """The newest first; `before` is the `log_index` of the last one that was seen."""
        with self._node.store.reading() as reader:
            entries_by_id = {
                key.partition("/")[2]: value for key, value in reader.state.scan("order/") if not (standing_only and value["lifted"])
            }
            # The state knows no order of time, and reading the records of all orders to find the newest ones would take far longer.
            places = reader.log_indexes(list(entries_by_id))
            wanted = sorted((each for each in places if before is None or places[each] < before), key=lambda each: -places[each])[:limit]
            return [self._order(reader.record(each), entries_by_id[each]) for each in wanted]

    def _order(self, stored: StoredRecord | None, entry: entries.Order) -> Order:
        assert stored is not None, "an order is named by its record"
        part = self._node.reader.parts_of(stored.id).get(PART)
        words = None if part is None else read_part(OrderPart, part.content)
        return Order(stored.id, entry["kind"], entry["target"], entry["digest"], entry["lifted"], words, stored.time_ms, stored.log_index)

    def _sealed(self, words: OrderPart) -> dict[str, Part]:
        directory = self._node.directory
        return {PART: Part(words.content(), [directory.recipient(directory.authority())])}
