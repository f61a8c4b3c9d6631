"""The estate of a bank that was succeeded, at its heir's node: what the authority handed on opens the parts of earlier records.

Each key opens what its author sealed, checked against the record as by any recipient; the node then reads the ledger anew, and keeps the
book that the predecessor kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

import sqlalchemy as sa
import structlog
from pydantic import Field

from ledger.errors import InputError, NotFound, VerificationFailed
from ledger.limits import ESTATE_KEYS_MAX
from ledger.store import LedgerStore, Reader, StoredRecord
from nodes.consents.terms import Hex32
from nodes.private import get_meta, parts, set_meta
from nodes.reader import broken_parts, read_again, store_part
from nodes.sealed_models import Hash, SealedModel, SealedPart, Slug, read_part
from nodes.sealing import Opened, open_with_key

TYPE: Final = "member.estate"
PART: Final = "estate"
PROJECTION: Final = "estates/1"

PartName = Literal["application", "pledge", "loan", "repayment", "reason", "terms", "collection", "consent", "declaration"]

log = structlog.get_logger(__name__)


class EstateKey(SealedModel):
    """What opens one part of one record."""

    record: Hash
    part: PartName
    content_key: Hex32


class EstatePart(SealedPart):
    """The part `estate`, for the heir and the authority: financings of a member that was succeeded, and what opens their parts."""

    member: Slug
    heir: Slug
    financings: Annotated[list[Hash], Field(max_length=ESTATE_KEYS_MAX)]
    keys: Annotated[list[EstateKey], Field(min_length=1, max_length=ESTATE_KEYS_MAX)]


class EstateBook:
    """The projection, on a bank's node. What it writes outlives every reading anew, as the opened parts do."""

    def __init__(self, store: LedgerStore, member: str) -> None:
        self._store, self._member = store, member

    def apply(self, connection: sa.Connection, stored: StoredRecord, opened: Mapping[str, Opened]) -> None:
        """Raises `InputError` (`part-malformed`)."""
        body = stored.record.body
        if stored.result["code"] != "ok" or PART not in opened or body["heir"] != self._member:
            return
        estate = read_part(EstatePart, opened[PART].content)
        if (estate.member, estate.heir) != (body["member"], body["heir"]):
            raise InputError("part-malformed", "the sealed estate is another member's than its public fields say")
        new = [financing for financing in estate.financings if not inherited(connection, financing)]
        for financing in new:
            set_meta(connection, _mark(financing), stored.id)
        with self._store.reading() as reader:
            outcomes = {_open(connection, reader, key, stored.log_index) for key in estate.keys}
        if None in outcomes:
            connection.execute(sa.insert(broken_parts).values(record_id=stored.id, place=PART, code="estate-wrong", height=stored.height))
        if new or True in outcomes:
            read_again(connection)


def inherited(connection: sa.Connection, financing_id: str) -> bool:
    """Whether an estate handed this node a financing of a predecessor."""
    return get_meta(connection, _mark(financing_id)) is not None


def _mark(financing_id: str) -> str:
    return f"inherited:{financing_id}"


def _open(connection: sa.Connection, reader: Reader, key: EstateKey, before: int) -> bool | None:
    """Opens a part of a record before an index of the log and keeps it: whether it is new here, or None where the key does not open it."""
    if connection.execute(sa.select(parts.c.part).where(parts.c.record_id == key.record, parts.c.part == key.part)).first() is not None:
        return False
    stored, content_key = reader.record(key.record), bytes.fromhex(key.content_key)
    # The reader may be about to open what comes later, and keeps each part once.
    if stored is None or stored.log_index >= before:
        return None
    try:
        content = open_with_key(stored.record.core, key.part, content_key)
    except (NotFound, VerificationFailed) as error:
        log.warning("estate-wrong", record_id=key.record, part=key.part, code=error.code)
        return None
    store_part(connection, stored, key.part, Opened(content, content_key))
    return True
