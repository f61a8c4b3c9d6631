"""A rate that a bank states beside an amount: the authority compares it with its own (`nodes.monitoring.rates`)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.models import ApiModel, MoneyIn
from nodes.financings.parts import ExchangeStated


class ExchangeIn(ApiModel):
    """What an amount was changed into, and how many units of that currency one unit of the amount's gave."""

    amount: MoneyIn
    rate: Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,8})(\.[0-9]{1,12})?$")]

    def stated(self) -> ExchangeStated:
        """As it is sealed."""
        return ExchangeStated(currency=self.amount.currency, amount_minor=self.amount.amount_minor, rate=self.rate)
