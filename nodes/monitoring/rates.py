"""The authority's own exchange rates: how many US dollars a unit of a currency is worth on a day. They are its own, and on no ledger.

A rate is a decimal string and is never changed: a newer one for the same day supersedes it, and both stay. Whoever uses one says of which
day it is. Calculations are exact until the last step, which rounds half up to the minor unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any, Final

import sqlalchemy as sa

from contracts.shares import WHOLE
from ledger.errors import InputError
from nodes.customs.codes import CURRENCY_DIGITS, digits_of
from nodes.financings.parts import is_day
from nodes.monitoring.findings import Finding
from nodes.monitoring.settings import settings_at
from nodes.private import PrivateStore, metadata

BASE: Final = "USD"
RATE_OFF: Final = "rate-off"
RATE: Final = re.compile(r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,12})?", re.ASCII)

exchange_rates = sa.Table(
    "exchange_rates",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("day", sa.Text, nullable=False),
    sa.Column("rate", sa.Text, nullable=False),
    sa.Column("entered_ms", sa.BigInteger, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Index("ix_exchange_rates_currency_day", "currency", "day"),
    comment="the authority's rates in US dollars for a unit; of several for one day the last one entered counts",
)


@dataclass(frozen=True, slots=True)
class Rate:
    """How many US dollars a unit of `currency` is worth on `day`."""

    currency: str
    day: str
    rate: str


def checked(currency: str, day: str, rate: str) -> Rate:
    """Raises `InputError` (`currency-unknown`, `bad-field`, `rate-invalid`)."""
    if currency not in CURRENCY_DIGITS:
        raise InputError("currency-unknown", "this is no currency of ISO 4217")
    if not is_day(day):
        raise InputError("bad-field", "day: not a day", hint="write it as 2026-05-31")
    if RATE.fullmatch(rate) is None or not Decimal(rate):
        raise InputError("rate-invalid", "a rate is a plain decimal above zero, with at most 12 decimals", hint='for example "0.1389"')
    if currency == BASE and Decimal(rate) != 1:
        raise InputError("rate-invalid", "a US dollar is worth one US dollar")
    return Rate(currency, day, rate)


def enter_rates(connection: sa.Connection, rates: Iterable[Rate], now_ms: int, who: str) -> int:
    """Writes rates down, and gives how many."""
    rows = [{"currency": each.currency, "day": each.day, "rate": each.rate, "entered_ms": now_ms, "who": who} for each in rates]
    if rows:
        connection.execute(sa.insert(exchange_rates), rows)
    return len(rows)


class ExchangeRates:
    """The authority's rates."""

    def __init__(self, private: PrivateStore) -> None:
        self._private = private

    def list(self, currency: str | None, after: int, limit: int) -> Sequence[Any]:
        """Rows in the order in which they were entered; `after` is the id of the last one that was seen."""
        query = sa.select(exchange_rates).where(exchange_rates.c.id > after).order_by(exchange_rates.c.id).limit(limit)
        if currency is not None:
            query = query.where(exchange_rates.c.currency == currency)
        with self._private.reading() as connection:
            return connection.execute(query).fetchall()


def rate_on(connection: sa.Connection, currency: str, day: str, age_days: int | None = None) -> Rate | None:
    """The newest rate of a day or before it, no older than so many days; None where there is none."""
    if currency == BASE:
        return Rate(BASE, day, "1")
    table = exchange_rates
    query = (
        sa.select(table).where(table.c.currency == currency, table.c.day <= day).order_by(table.c.day.desc(), table.c.id.desc()).limit(1)
    )
    row = connection.execute(query).first()
    if row is None or (age_days is not None and date.fromisoformat(row.day) < date.fromisoformat(day) - timedelta(days=age_days)):
        return None
    return Rate(currency, row.day, row.rate)


def in_dollars(amount_minor: int, rate: Rate) -> int:
    """An amount in US cents, rounded half up."""
    with localcontext() as exact:
        exact.prec = 60
        value = Decimal(amount_minor).scaleb(2 - digits_of(rate.currency)) * Decimal(rate.rate)
        return int(value.to_integral_value(ROUND_HALF_UP))


def rate_finding(connection: sa.Connection, stated: Any) -> Finding | None:
    """What is wrong with a rate that a bank stated, if anything: units of `currency` for one of `base`, against the authority's own."""
    settings = settings_at(connection, stated.time_ms)
    of_base, of_other = (rate_on(connection, each, stated.day, settings.rate_age_days) for each in (stated.base, stated.currency))
    if of_base is None or of_other is None:
        return None
    with localcontext() as exact:
        exact.prec = 60
        own = Decimal(of_base.rate) / Decimal(of_other.rate)
        off_ppm = int(abs(Decimal(stated.rate) - own) / own * WHOLE)
        shown = format(own.quantize(Decimal("1e-9")), "f")
    if off_ppm <= settings.rate_tolerance_ppm:
        return None
    details = {"base": stated.base, "currency": stated.currency, "stated": stated.rate, "own": shown, "off_ppm": off_ppm}
    days = {"own_days": sorted({rate.day for rate in (of_base, of_other) if rate.currency != BASE})}
    records = (stated.record_id,)
    return Finding(
        records, stated.subject_kind, stated.subject, stated.bank, stated.enterprise, records, stated.time_ms, {**details, **days}
    )
