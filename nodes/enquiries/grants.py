"""The grants that a bank holds: what answers to its enquiries let it use, with everything that opens their commitments.

A grant is a commitment that only its bank can open. The projection `grants` keeps, for each, the opening and what the registrar and
the consent say of its declaration, so that an application needs nothing else. Whether a grant is still live is the ledger's to know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from nodes.private import metadata

PROJECTION: Final = "grants/1"

grants = sa.Table(
    "grants",
    metadata,
    sa.Column("commitment", sa.Text, primary_key=True),
    sa.Column("declaration", sa.Text, nullable=False, index=True),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("maximum", sa.BigInteger, nullable=False),
    sa.Column("uses", sa.BigInteger, nullable=False),
    sa.Column("end_ms", sa.BigInteger, nullable=False),
    sa.Column("consent", sa.Text, nullable=False, index=True),
    sa.Column("salt", sa.Text, nullable=False),
    sa.Column("registered_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("enterprise", sa.Text, nullable=False),
    sa.Column("uscc", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("answer_record", sa.Text, nullable=False),
    sa.Column("height", sa.BigInteger, nullable=False),
    sa.Column("log_index", sa.BigInteger, nullable=False, index=True),
    comment="openings of the grants that this bank was given; made from the ledger",
)


@dataclass(frozen=True, slots=True)
class Grant:
    """An opening. `maximum` is a share, `end_ms` a time, `uses` how many applications may get a hold, `registered_minor` the amount that
    shares are parts of, in the minor unit of `currency`; `enterprise`, `uscc` and `name` are the exporter's.
    """

    commitment: str
    declaration: str
    number: str
    maximum: int
    uses: int
    end_ms: int
    consent: str
    salt: str
    registered_minor: int
    currency: str
    enterprise: str
    uscc: str
    name: str
    answer_record: str
    height: int
    log_index: int

    def opening(self) -> dict[str, Any]:
        """What `financing.apply` shows of it."""
        return {
            "consent": self.consent,
            "declaration": self.declaration,
            "end": self.end_ms,
            "maximum": self.maximum,
            "salt": self.salt,
            "uses": self.uses,
        }


def grants_of(connection: sa.Connection, declaration_id: str) -> list[Grant]:
    """The grants on a declaration, the newest first."""
    query = sa.select(grants).where(grants.c.declaration == declaration_id).order_by(grants.c.log_index.desc(), grants.c.commitment)
    return [Grant(**row._asdict()) for row in connection.execute(query)]
