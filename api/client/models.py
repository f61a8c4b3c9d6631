"""What a node answers, as typed values that do not change. A field that a newer node adds is ignored; one that is missing is an error.

Money is exact (`Decimal`), times are aware, days are dates, ids are 64 hexadecimal digits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from api.client.calls import Reply
from api.client.errors import UnreadableAnswer

T = TypeVar("T")


class Answer(BaseModel):
    """The base of all answers."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount with exactly its currency's digits: `Money.of("USD", "36250.00")`, `Money.of("JPY", "94060589")`."""

    currency: str
    value: Decimal

    @classmethod
    def of(cls, currency: str, value: str | int | Decimal) -> Self:
        """Raises `ValueError` for what is no number."""
        try:
            return cls(currency, Decimal(value))
        except InvalidOperation as error:
            raise ValueError(f"{value} is no amount of money") from error

    def to_json(self) -> dict[str, str]:
        return {"currency": self.currency, "value": f"{self.value:f}"}

    def __str__(self) -> str:
        return f"{self.currency} {self.value:,f}"


class AsOf(Answer):
    """The block that an answer is about."""

    height: int
    time: datetime


class NodeInfo(Answer):
    """Whose node answers, and how it comes by blocks."""

    id: str
    role: str
    member: str | None
    engine: str


class Network(Answer):
    """The network as the node knows it. In a `sandbox` nothing is real."""

    id: str
    name: str
    registrar: str
    rules: int
    node: NodeInfo
    as_of: AsOf
    sandbox: bool = False


class Member(Answer):
    """A member of the network."""

    member: str
    role: str
    name: str
    region: str
    status: str
    frozen: bool
    heir: str | None
    admitted: datetime
    keys: tuple[dict[str, Any], ...]


class Proposal(Answer):
    """What governors propose: its `change` as they wrote it, who approved, who is missing."""

    id: str
    state: str
    change: dict[str, Any]
    approvals: tuple[str, ...]
    missing: tuple[str, ...]
    effective: datetime | None


class Receipt(Answer):
    """A record's place on the ledger and what the rules made of it."""

    record_id: str
    height: int
    log_index: int
    result: dict[str, Any]
    as_of: AsOf


class Event(Answer):
    """Something that concerns the node's owner. `id` is the cursor to go on from; `subjects` are ids to ask about."""

    id: str
    type: str
    time: datetime
    record_id: str | None
    height: int | None
    subjects: dict[str, str]
    body: dict[str, Any]


class Signer(Answer):
    """Whose key signed a record; `member` is None for a one-time key."""

    key: str
    member: str | None
    purpose: str
    person: str | None


class Record(Answer):
    """A record with its place and result; `parts` are the sealed parts that this node opens for the caller."""

    record_id: str
    type: str
    height: int
    position: int
    log_index: int
    time: datetime
    result: dict[str, Any]
    signers: tuple[Signer, ...]
    record: dict[str, Any]
    signatures: tuple[str, ...]
    parts: dict[str, Any] = {}


class Block(Answer):
    """A block as followers execute it again."""

    hash: str
    header: dict[str, Any]
    record_ids: tuple[str, ...]
    records: tuple[dict[str, Any], ...]
    checkpoint: str


class Webhook(Answer):
    """Where events are handed to, and how that goes."""

    id: str
    url: str
    description: str
    types: tuple[str, ...]
    state: str
    after: str
    failures: int
    created: datetime


class Delivery(Answer):
    """One attempt to hand an event in."""

    number: int
    message_id: str
    type: str
    outcome: str
    status: int | None
    at: datetime


def reading(model: type[T]) -> Callable[[Reply], T]:
    """A reader of answers that are one such value."""
    value = valuing(model)
    return lambda reply: value(reply.json())


def valuing(model: type[T]) -> Callable[[Any], T]:
    """Makes such a value of JSON. Raises `UnreadableAnswer`."""
    adapter = TypeAdapter(model)

    def value(content: Any) -> T:
        try:
            return adapter.validate_python(content)
        except ValidationError as error:
            # What does not fit is not said: an answer may hold what is sealed to everybody else.
            places = ", ".join(sorted({".".join(str(step) for step in each["loc"]) for each in error.errors(include_input=False)}))
            raise UnreadableAnswer("unreadable-answer", f"the node's answer is no {model.__name__} (see {places})") from None

    return value


def money_json(amount: Money | None) -> dict[str, str] | None:
    """Money as requests have it; None asks for all that is left."""
    return None if amount is None else amount.to_json()


def without_none(**fields: Any) -> Mapping[str, Any]:
    """The fields that are given."""
    return {name: value for name, value in fields.items() if value is not None}
