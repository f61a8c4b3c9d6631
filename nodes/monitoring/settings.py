"""The authority's own thresholds for alerts. Every version is kept with the time from which it counts, and a detector uses the version
that was in force when its case began: so tables that are made anew hold the same alerts, whatever was set since.
"""

from __future__ import annotations

from typing import Annotated, Final

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.shares import WHOLE
from ledger import canonical
from ledger.clock import Clock
from ledger.errors import InputError
from ledger.limits import MONITORING_COUNT_MAX, MONITORING_DAYS_MAX
from nodes.private import PrivateStore, metadata

Days = Annotated[int, Field(ge=1, le=MONITORING_DAYS_MAX)]
Count = Annotated[int, Field(ge=1, le=MONITORING_COUNT_MAX)]


class MonitoringSettings(BaseModel):
    """`double_attempt_days`: how far apart two banks' applications on one declaration are one case. `lapses` holds on a declaration that
    lapsed within `lapses_days`, and `unused_enquiries` of a bank within `unused_enquiries_days` that led to no financing in
    `enquiry_days`, are a case. `collection_days` after a loan is due its money should be in. A stated rate may differ by
    `rate_tolerance_ppm` parts per million from the authority's newest of at most `rate_age_days` before.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    double_attempt_days: Days = 30
    lapses: Count = 3
    lapses_days: Days = 90
    enquiry_days: Days = 30
    unused_enquiries: Count = 3
    unused_enquiries_days: Days = 90
    collection_days: Days = 90
    rate_tolerance_ppm: Annotated[int, Field(ge=0, le=WHOLE)] = 20_000
    rate_age_days: Days = 7


DEFAULTS: Final = MonitoringSettings()

settings = sa.Table(
    "monitoring_settings",
    metadata,
    sa.Column("since_ms", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    comment="thresholds of alerts, every version with the time from which it counts",
)


def settings_at(connection: sa.Connection, time_ms: int) -> MonitoringSettings:
    """The thresholds in force at a time."""
    query = sa.select(settings.c.settings).where(settings.c.since_ms <= time_ms).order_by(settings.c.since_ms.desc()).limit(1)
    text = connection.execute(query).scalar()
    return DEFAULTS if text is None else MonitoringSettings.model_validate(canonical.decode(text.encode("utf-8")))


def change_settings(private: PrivateStore, clock: Clock, changes: dict[str, int], who: str) -> MonitoringSettings:
    """Sets some thresholds from now on. Raises `InputError` (`bad-field`)."""
    now_ms = clock.now_ms()
    with private.begin() as connection:
        try:
            changed = MonitoringSettings.model_validate({**settings_at(connection, now_ms).model_dump(), **changes})
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            raise InputError("bad-field", f"{'.'.join(str(step) for step in fault['loc'])}: {fault['msg']}") from error
        row = {"settings": canonical.encode(changed.model_dump()).decode("utf-8"), "who": who}
        connection.execute(sa.delete(settings).where(settings.c.since_ms == now_ms))
        connection.execute(sa.insert(settings).values(since_ms=now_ms, **row))
    return changed
