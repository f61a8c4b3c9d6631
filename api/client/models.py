"""What a node answers, as typed values that do not change. A field that a newer node adds is ignored; one that is missing is an error.

Money is exact (`Decimal`), times are aware, days are dates, ids are 64 hexadecimal digits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
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


class Heads(Answer):
    """How far other members' heads match, where the node waits for them before an approval is final."""

    state: str
    wanted: int
    matching: int
    members: tuple[str, ...]


class Task(Answer):
    """What one person prepared and signed, for another to sign or decline."""

    id: str
    type: str
    summary: dict[str, Any]
    author: str
    state: str
    record_id: str | None
    result: str | None
    decided_by: str | None
    reason: str | None
    created: datetime
    decided: datetime | None
    expires: datetime
    heads: Heads | None = None


class Signed(Answer):
    """What came of a second signature: a `receipt`; or the `task`, where there is no record, or the authority is to sign too. `heads` of an
    approval that waits for other members.
    """

    receipt: Receipt | None = None
    task: Task | None = None
    heads: Heads | None = None

    @property
    def done(self) -> bool:
        """Whether it is in force: nobody else is to sign, and no head is waited for."""
        if self.receipt is not None:
            return self.heads is None or self.heads.state == "final"
        return self.task is not None and self.task.state == "signed"


class Exporter(Answer):
    """The exporter as this caller may know it."""

    uscc: str
    name: str
    enterprise_id: str | None = None


class Consent(Answer):
    """What an exporter lets a bank ask."""

    id: str
    exporter: Exporter
    bank: str
    scopes: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    uses: int
    used: int
    basis: str
    state: str
    record_id: str


class LineStatus(Answer):
    """What may still be financed, as the authority answered."""

    declaration: str
    financeable: Money
    available: Money
    use: str
    until: datetime


class EnquiryLine(Answer):
    """One declaration's answer. `result` is `match` where number and exporter belong together."""

    number: str
    result: str | None
    declaration_id: str | None
    integrity: dict[str, Any] | None
    status: LineStatus | None
    source: dict[str, Any] | None
    grant: str | None


class Enquiry(Answer):
    """An enquiry and, once `state` is no longer `pending`, its answer. `credit` is that of an enquiry of this kind."""

    id: str
    kind: str
    consent_id: str | None
    basis_state: str | None
    state: str
    code: str | None
    asked: datetime
    answered: datetime | None
    record_id: str | None
    lines: tuple[EnquiryLine, ...]
    credit: dict[str, Any] | None


class ApplicationLine(Answer):
    """What came of one line of an application; `left` is what could be had."""

    declaration_id: str
    number: str | None
    code: str
    message: str
    share: int | None
    amount: Money | None
    left: Money | None


class Application(Answer):
    """What came of an application. `id` is the financing's; None for a dry run, which has no record either."""

    id: str | None
    code: str
    lines: tuple[ApplicationLine, ...]
    record_id: str | None
    as_of: AsOf


class FinancingLine(Answer):
    """A line of a financing; `money` by name, as `applied`, `approved`, `disbursed`, `outstanding`, `available`."""

    declaration_id: str
    number: str
    code: str
    consent_id: str
    money: dict[str, Money | None]


class FinancingRecord(Answer):
    """A record that moved, or was to move, a financing."""

    record_id: str
    type: str
    code: str
    time: datetime
    height: int


class Financing(Answer):
    """A financing as it stands; `actions` are those that the bank's people can take now."""

    id: str
    bank: str
    state: str
    exporter: Exporter
    branch: str
    product: str
    reference: str
    applied: datetime
    approved: datetime | None
    hold_until: datetime | None
    totals: dict[str, Money]
    lines: tuple[FinancingLine, ...]
    records: tuple[FinancingRecord, ...]
    matures_on: date | None
    overdue: dict[str, Any]
    actions: tuple[str, ...]
    as_of: AsOf


class ReplacedBy(Answer):
    """The declaration that took another's place."""

    declaration_id: str
    number: str | None


class DeclarationStatus(Answer):
    """What may still be financed on a declaration, from the node's own replica."""

    declaration: str
    use: str
    financeable: Money
    available: Money
    until: datetime
    frozen: bool
    replaced_by: ReplacedBy | None


class Declaration(Answer):
    """A declaration as far as the node can open it."""

    id: str
    number: str
    exporter: Exporter
    registered: Money
    current: Money
    export_date: date
    status: DeclarationStatus
    record_id: str
    as_of: AsOf


class Collection(Answer):
    """Money that came in from abroad for a declaration."""

    id: str
    declaration_id: str
    amount: Money
    collected_on: date
    reference: str
    unused_amount: Money | None
    record_id: str


class ImportItem(Answer):
    """What became of one declaration of a file."""

    file: str
    position: int
    number: str | None
    result: str
    declaration_id: str | None
    message: str


class Import(Answer):
    """How an import stands: `running`, `done`, or `broken` with a `code`. Its items are a list of their own."""

    id: str
    state: str
    code: str | None
    total: int
    registered: int
    refused: int


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
