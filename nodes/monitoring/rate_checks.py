"""New rates of the authority, and what banks stated before they were there: both are compared as soon as both are known."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from ledger.clock import Clock
from nodes.monitoring.catalogue import DETECTORS
from nodes.monitoring.findings import raise_alert
from nodes.monitoring.rates import RATE_OFF, Rate, enter_rates, rate_finding
from nodes.monitoring.tables import rates_stated
from nodes.private import PrivateStore


def enter_and_check(private: PrivateStore, clock: Clock, rates: Iterable[Rate], who: str) -> int:
    """Writes rates down and compares what was stated from the first of their days on. Gives how many were entered."""
    entered = list(rates)
    with private.begin() as connection:
        count = enter_rates(connection, entered, clock.now_ms(), who)
        currencies = sorted({rate.currency for rate in entered})
        of_them = sa.or_(rates_stated.c.base.in_(currencies), rates_stated.c.currency.in_(currencies))
        since = sa.and_(of_them, rates_stated.c.day >= min((rate.day for rate in entered), default=""))
        for stated in connection.execute(sa.select(rates_stated).where(since).order_by(rates_stated.c.record_id)).fetchall():
            found = rate_finding(connection, stated)
            if found is not None:
                raise_alert(connection, DETECTORS[RATE_OFF], found)
    return count
