"""What a node answers about the business: declarations, consents, enquiries, financings, and what waits for a second signature."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from api.client.models import Answer, AsOf, Money, Receipt


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
    exporter: Exporter | None
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
