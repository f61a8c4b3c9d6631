"""The table of disputes, made from the ledger, with what was said of each where this node can open that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import sqlalchemy as sa
from pydantic import StringConstraints

from ledger.limits import FINANCING_TEXT_CHARS_MAX
from ledger.store import StoredRecord
from nodes.private import metadata
from nodes.sealed_models import Hash, SealedPart, read_part
from nodes.sealing import Opened

PROJECTION: Final = "disputes/1"
OPEN: Final = "dispute.open"
RESOLVE: Final = "dispute.resolve"
TYPES: Final = (OPEN, RESOLVE)
STATEMENT: Final = "statement"

disputes = sa.Table(
    "disputes",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("record", sa.Text, nullable=False),
    sa.Column("enterprise", sa.Text, index=True),
    sa.Column("for_enterprise", sa.Boolean, nullable=False),
    sa.Column("statement", sa.Text),
    sa.Column("opened_ms", sa.BigInteger, nullable=False),
    sa.Column("resolved_by", sa.Text),
    sa.Column("answer", sa.Text),
    sa.Column("resolved_ms", sa.BigInteger),
    sa.Column("log_index", sa.BigInteger, nullable=False, index=True),
    comment="every dispute, with what was said of it where this node can open that; made from the ledger",
)


class StatementPart(SealedPart):
    """The part `statement`: what is said of the record. `enterprise` is the enrolment of the one concerned, where there is one;
    `for_enterprise`: it is that one which speaks, and the author lends it its name.
    """

    record: Hash
    enterprise: Hash | None
    for_enterprise: bool
    text: Annotated[str, StringConstraints(min_length=1, max_length=FINANCING_TEXT_CHARS_MAX)]


def project_dispute(connection: sa.Connection, stored: StoredRecord, opened: Mapping[str, Opened]) -> None:
    """The projection. Raises `InputError` (`part-malformed`)."""
    if stored.result["code"] != "ok":
        return
    part = read_part(StatementPart, opened[STATEMENT].content) if STATEMENT in opened else None
    text = None if part is None else part.text
    if stored.record.type == OPEN:
        row: dict[str, Any] = {"id": stored.id, "record": stored.record.body["record"], "statement": text}
        row |= {"enterprise": part and part.enterprise, "for_enterprise": part is not None and part.for_enterprise}
        connection.execute(sa.insert(disputes).values(**row, opened_ms=stored.time_ms, log_index=stored.log_index))
    else:
        values = {"resolved_by": stored.id, "answer": text, "resolved_ms": stored.time_ms}
        connection.execute(sa.update(disputes).where(disputes.c.id == stored.record.body["dispute"]).values(**values))
