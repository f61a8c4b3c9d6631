"""The policy: what governance may set, with the bounds that it may set it in. Genesis holds the first one."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from contracts.shares import WHOLE
from ledger.limits import NOT_AFTER_DAYS_BOUND, POWER_CHANGE_DAYS_BOUND
from ledger.rules import State

STATE_KEY: Final = "policy"


class Policy(BaseModel):
    """Defaults and bounds of every field. Days, months and hours are whole; `ceiling_ppm` is the financing ratio in parts per million.

    A new policy binds new registrations and new holds only.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    ceiling_ppm: Annotated[int, Field(ge=1_000, le=WHOLE)] = WHOLE
    financeable_months: Annotated[int, Field(ge=1, le=36)] = 12
    hold_days_max: Annotated[int, Field(ge=1, le=60)] = 15
    approved_days_alert: Annotated[int, Field(ge=1, le=90)] = 5
    approved_days_stale: Annotated[int, Field(ge=1, le=90)] = 30
    allocations_max: Annotated[int, Field(ge=1, le=1_000)] = 100
    holds_max: Annotated[int, Field(ge=1, le=256)] = 64
    not_after_days_max: Annotated[int, Field(ge=1, le=NOT_AFTER_DAYS_BOUND)] = 7
    records_per_member_block: Annotated[int, Field(ge=10, le=10_000)] = 500
    governance_delay_hours: Annotated[int, Field(ge=0, le=720)] = 24
    power_change_third_days: Annotated[int, Field(ge=1, le=POWER_CHANGE_DAYS_BOUND)] = 21
    onboarding_days: Annotated[int, Field(ge=0, le=365)] = 90
    proof_heights_kept: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000


def value(state: State, name: str) -> int:
    """A field of the policy in force."""
    policy = state.get(STATE_KEY)
    assert policy is not None, "genesis writes a policy"
    return int(policy[name])
