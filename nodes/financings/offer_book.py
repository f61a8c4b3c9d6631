"""Offers of other banks' financings to this bank: a projection of what was sealed to it, where the salt opens the public commitment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa

from contracts.commitments import offer_commitment
from ledger import canonical
from ledger.errors import InputError
from ledger.store import StoredRecord
from nodes.directory import Directory
from nodes.financings.parts import TERMS, OfferPart
from nodes.private import metadata
from nodes.sealed_models import read_part
from nodes.sealing import Opened

PROJECTION: Final = "offers/1"
TYPE: Final = "financing.transfer"

transfer_offers = sa.Table(
    "transfer_offers",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("financing", sa.Text, nullable=False, index=True),
    sa.Column("lender", sa.Text, nullable=False),
    sa.Column("commitment", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("time_ms", sa.BigInteger, nullable=False),
    sa.Column("log_index", sa.BigInteger, nullable=False, unique=True),
    comment="offers of financings to this bank, with what opens them; made from the ledger",
)


class OfferBook:
    """The projection of a bank's node."""

    def __init__(self, directory: Directory, member: str) -> None:
        self._directory, self._member = directory, member

    def apply(self, connection: sa.Connection, stored: StoredRecord, parts: Mapping[str, Opened]) -> None:
        """Raises `InputError` (`part-malformed`) for terms that do not open the offer that the record makes."""
        body = stored.record.body
        if stored.result["code"] != "ok" or body["offer"] is None or TERMS not in parts:
            return
        part = read_part(OfferPart, parts[TERMS].content)
        if part.bank != self._member:
            return
        opens = offer_commitment(bank=part.bank, financing=part.financing, salt=part.salt) == body["offer"]
        if not opens or part.financing != body["financing"]:
            raise InputError("part-malformed", "the terms are not those of the offer")
        connection.execute(
            sa.insert(transfer_offers).values(
                id=stored.id,
                financing=part.financing,
                lender=self._directory.author_of(stored.record.signers) or "",
                commitment=body["offer"],
                content=canonical.encode(part.content()).decode("utf-8"),
                time_ms=stored.time_ms,
                log_index=stored.log_index,
            )
        )
