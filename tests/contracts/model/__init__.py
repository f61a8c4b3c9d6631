"""A second telling of the rules of financing, to compare the handlers with: plain dictionaries, nothing shared with the contracts.

It keeps no sums and no lists of holds: every quantity is computed afresh from all financings and the time. It also forgets nothing,
settles nothing and carries nothing later, so that what the handlers write down lazily must agree with what is simply true at a time.
"""

from __future__ import annotations

from tests.contracts.model.base import BILLION, MILLION, Signed
from tests.contracts.model.declarations import Declarations
from tests.contracts.model.governance import Governance
from tests.contracts.model.lending import Lending
from tests.contracts.model.members import Members
from tests.contracts.model.moving import Moving
from tests.contracts.model.validators import Seat

__all__ = ["BILLION", "MILLION", "Model", "Seat", "Signed"]


class Model(Declarations, Lending, Moving, Members, Governance):
    """Every record type, one method each, which gives the code of the result. Things go by labels; `t` is the time of the next record."""
