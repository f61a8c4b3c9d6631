"""The work of a long run: banks that lend on the same declarations through the API, and a book of what each of them was told.

Every step has a key of its own and is asked for until it is answered, however often a node dies in between. What was acknowledged goes into
the book; what the ledger says in the end must be the book.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from random import Random
from typing import Final, TypeVar

from api.client import Client, DeclarationAsked, DeclarationUsed, Money, NodeUnreachable, NotFound, Pledge, Problem, Refused, Retries
from api.client.errors import AnswerLate, NodeFault, TooMany
from api.client.trade_models import Task

# The book counts what goes wrong, so nothing is sent again behind its back.
ONCE: Final = Retries(attempts=1)
CURRENCY: Final = "USD"
_CENT: Final = Decimal("0.01")
_PAUSE_S: Final = 0.3
_RECENT: Final = 12
_CONSENT_USES: Final = 100
_CONSENT_DAYS: Final = 30
# What a bank may be told no with in the course of honest business: another was first, or holds too much.
HONEST: Final = frozenset({"exceeds-available", "exhausted", "too-many-holds", "not-granted", "grant-expired", "consent-spent"})

T = TypeVar("T")


@dataclass
class Loan:
    """A financing as its bank was told: what is owed is `drawn - repaid`."""

    bank: str
    declaration: str
    asked: Decimal
    state: str = "HELD"
    drawn: Decimal = Decimal(0)
    repaid: Decimal = Decimal(0)

    @property
    def owed(self) -> Decimal:
        return self.drawn - self.repaid


@dataclass
class Book:
    """What all that work was told. Threads share it. `strange` is what no fault explains."""

    loans: dict[str, Loan] = field(default_factory=dict)
    records: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    strange: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1

    def acknowledged(self, record_id: str | None, what: str) -> None:
        """A record that somebody was told is on the ledger."""
        with self.lock:
            self.counts[f"acknowledged: {what}"] += 1
            if record_id is not None:
                self.records[record_id] = what

    def insist(self, ask: Callable[[], T]) -> T:
        """Asks until there is an answer. Raises `ClientError` for an answer of no."""
        while True:
            try:
                return ask()
            except (NodeUnreachable, AnswerLate, TooMany) as error:
                self.count(f"asked again: {error.code}")
            except NodeFault as error:
                self.count(f"asked again: {error.code}")
                if error.status == 500:
                    self.strange.append(str(error))
            time.sleep(_PAUSE_S)


@dataclass
class Customs:
    """The registrar and an exporter in its custody: new declarations, and consents when one is used up."""

    registrar: Client
    exporter: Client
    uscc: str
    book: Book
    papers: list[tuple[str, Decimal]] = field(default_factory=list)

    def register(self, serial: int) -> None:
        """One more declaration, worth more with each."""
        total = Decimal(10_000 + serial * 7 % 90_000).quantize(_CENT)
        today = datetime.now(UTC).date()
        number = f"4200{today.year}0{serial:09d}"
        row = {
            "declaration_number": number,
            "import_export_flag": "E",
            "exporter_uscc": self.uscc,
            "exporter_name": "Exporter",
            "office": "4200",
            "trade_mode": "0110",
            "destination_country": "IDN",
            "export_date": (today - timedelta(days=10)).isoformat(),
            "hs_code": "0809400000",
            "goods_name": "plums",
            "quantity": "100",
            "line_total": str(total),
            "currency": CURRENCY,
        }
        key = f"import-{serial}"
        done = self.book.insist(lambda: self.registrar.declarations.import_rows([row], idempotency_key=key))
        (item,) = self.book.insist(lambda: list(self.registrar.declarations.import_items(done.id)))
        # Where the node died in the middle, the same import finds it registered.
        if item.result not in ("ok", "already-registered"):
            raise AssertionError(f"declaration {number} was not registered: {item.result}")
        self.book.acknowledged(None, "declaration registered")
        self.papers.append((number, total))

    def consent(self, bank: str, serial: int) -> str:
        """The id of a new consent to a bank."""
        now = datetime.now(UTC)
        key, until = f"consent-{bank}-{serial}", now + timedelta(days=_CONSENT_DAYS)
        given = self.book.insist(lambda: self.exporter.consents.give(bank, ["finance"], now, until, _CONSENT_USES, idempotency_key=key))
        self.book.acknowledged(given.record_id, "consent given")
        return given.id


@dataclass
class Lender:
    """One pair of a bank's people at work. `name` makes their keys unlike all others'."""

    bank: str
    name: str
    maker: Client
    checker: Client
    customs: Customs
    book: Book
    random: Random
    consent_id: str = ""
    consents: int = 0
    uses: int = 0
    serial: int = 0

    def round(self) -> None:
        """One declaration looked at, and a loan on it brought as far as chance wants."""
        number, total = self.random.choice(self.customs.papers[-_RECENT:])
        asked = (total * self.random.randrange(10, 71) / 100).quantize(_CENT)
        self.serial += 1
        try:
            self._lend(number, total, asked)
        except Refused as refused:
            self.book.count(f"refused: {refused.code}")
            if refused.code not in HONEST:
                self.book.strange.append(f"{self.name}: {refused.code} {refused.message}")
        except Problem as problem:
            self.book.strange.append(f"{self.name}: {problem.code} {problem.message}")

    def _lend(self, number: str, total: Decimal, asked: Decimal) -> None:
        key = f"{self.name}-{self.serial}"
        declaration = self._granted(number, total, key)
        if declaration is None:
            return
        used = [DeclarationUsed(declaration, Money(CURRENCY, asked))]
        applied = self.book.insist(lambda: self.maker.financings.apply(used, "invoice", key, idempotency_key=f"{key}-apply"))
        loan_id = str(applied.id)
        loan = self.book.loans[loan_id] = Loan(self.bank, declaration, asked)
        self.book.acknowledged(applied.record_id, "application")
        if self.random.random() < 0.2:
            given_up = self.book.insist(lambda: self.maker.financings.cancel(loan_id, "withdrawn", idempotency_key=f"{key}-cancel"))
            self.book.acknowledged(given_up.record_id, "cancellation")
            loan.state = "CANCELLED"
            return
        taken = self.book.insist(lambda: self.maker.financings.intake(loan_id, idempotency_key=f"{key}-intake"))
        self.book.acknowledged(taken.record_id, "intake")
        loan.state = "ACCEPTED"
        pledge = Pledge("A-1", key, datetime.now(UTC))
        self._signed("approval", lambda: self.maker.financings.approve(loan_id, pledge, idempotency_key=f"{key}-approve"), key)
        loan.state = "APPROVED"
        today = datetime.now(UTC).date()
        due = today + timedelta(days=90)
        self._signed("payout", lambda: self.maker.financings.disburse(loan_id, today, due, key, idempotency_key=f"{key}-disburse"), key)
        loan.state, loan.drawn = "DISBURSED", asked
        for part in self._parts(asked):
            money, place = Money(CURRENCY, part), f"{key}-repay-{part}-{loan.repaid}"
            self._signed("repayment", partial(self.maker.financings.repay, loan_id, today, place, money, idempotency_key=place), place)
            loan.repaid += part
            loan.state = "REPAYING" if loan.owed else "PAID_OFF"

    def _parts(self, asked: Decimal) -> list[Decimal]:
        """Mostly all of it, in one or two parts; now and then a part only."""
        half = (asked / 2).quantize(_CENT)
        return self.random.choice([[asked], [half, asked - half], [half], [asked]])

    def _granted(self, number: str, total: Decimal, key: str) -> str | None:
        """The declaration's id, once the authority has granted it to this bank."""
        if not self.consent_id or self.uses >= _CONSENT_USES - 1:
            self.consents, self.uses = self.consents + 1, 0
            self.consent_id = self.customs.consent(self.bank, 1_000 * int(self.name[-1]) + self.consents)
            self._wait_for_consent()
        self.uses += 1
        asked = [DeclarationAsked(number, self.customs.uscc, Money(CURRENCY, total))]
        enquiry = self.book.insist(lambda: self.maker.enquiries.ask(self.consent_id, asked, idempotency_key=f"{key}-ask"))
        (line,) = enquiry.lines
        self.book.count(f"enquiry: {line.result}")
        return line.declaration_id

    def _wait_for_consent(self) -> None:
        while True:
            with suppress(NotFound):
                self.book.insist(lambda: self.maker.consents.get(self.consent_id))
                return
            time.sleep(_PAUSE_S)

    def _signed(self, what: str, prepare: Callable[[], Task], key: str) -> None:
        task = self.book.insist(prepare)
        signed = self.book.insist(lambda: self.checker.tasks.sign(task.id, idempotency_key=f"{key}-{what}-sign"))
        if signed.receipt is None:
            raise AssertionError(f"{what} of {key} has no receipt")
        self.book.acknowledged(signed.receipt.record_id, what)
