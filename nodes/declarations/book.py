"""The table of declarations that this node may read, made from the ledger.

The registrar, the authority and the exporter open the registrar's parts themselves. A bank opens them with the content keys that
an answer to its enquiry gave it: it reads the registrar's own words, and those of no declaration that it was not answered about.
What is public (shares, holds, whether it is void) is not here: that is asked of the ledger's state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from contracts import shares
from ledger import canonical
from ledger.errors import InputError
from ledger.store import LedgerStore, StoredRecord
from nodes.declarations.parts import PART, AmendedPart, VoidPart, read_registered
from nodes.enquiries import parts as enquiry_parts
from nodes.enquiries.parts import AnswerSecret
from nodes.private import metadata
from nodes.sealed_models import read_part
from nodes.sealing import Opened, open_with_key

PROJECTION: Final = "declarations/1"
TYPES: Final = ("declaration.register", "declaration.amend", "declaration.void", "enquiry.answer")

declarations = sa.Table(
    "declarations",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("number", sa.Text, nullable=False, index=True),
    sa.Column("record_id", sa.Text, nullable=False),
    sa.Column("enterprise", sa.Text, index=True),
    sa.Column("exporter_uscc", sa.Text, nullable=False, index=True),
    sa.Column("exporter_name", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("registered_minor", sa.BigInteger, nullable=False),
    sa.Column("current_minor", sa.BigInteger, nullable=False),
    sa.Column("declared_minor", sa.BigInteger, nullable=False),
    sa.Column("export_date", sa.Text, nullable=False),
    sa.Column("amended", sa.Boolean, nullable=False, default=False),
    sa.Column("content_key", sa.Text, nullable=False),
    sa.Column("height", sa.BigInteger, nullable=False),
    sa.Column("log_index", sa.BigInteger, nullable=False, index=True),
    comment="declarations that this node can open: `registered_minor` is what shares are parts of, `current_minor` the receivable part now",
)


class DeclarationBook:
    """The projection. `declaration_id` recomputes an id from a number where this node holds the registry key."""

    def __init__(self, store: LedgerStore, declaration_id: Callable[[str], str] | None) -> None:
        self._store = store
        self._declaration_id = declaration_id

    def apply(self, connection: sa.Connection, stored: StoredRecord, opened: Mapping[str, Opened]) -> None:
        """Raises `InputError` for content that cannot be used: `part-malformed`, `declaration-malformed`, `declaration-id-wrong`."""
        if stored.result["code"] != "ok":
            return
        kind = stored.record.type
        if kind == "declaration.register" and PART in opened:
            self._register(connection, stored, opened[PART])
        elif kind == "declaration.amend":
            _amend(connection, stored, opened.get(PART))
        elif kind == "declaration.void" and PART in opened:
            read_part(VoidPart, opened[PART].content)
        elif kind == "enquiry.answer" and enquiry_parts.SECRET_PART in opened:
            self._disclosed(connection, stored, read_part(AnswerSecret, opened[enquiry_parts.SECRET_PART].content))

    def _register(self, connection: sa.Connection, stored: StoredRecord, opened: Opened) -> None:
        part = read_registered(opened.content)
        what, declaration_id = part.declaration, str(stored.record.body["declaration"])
        if self._declaration_id is not None and self._declaration_id(what.number) != declaration_id:
            raise InputError("declaration-id-wrong", "the sealed number is not the one that the declaration's id was made from")
        if connection.execute(sa.select(declarations.c.id).where(declarations.c.id == declaration_id)).first() is not None:
            return
        connection.execute(
            sa.insert(declarations).values(
                id=declaration_id,
                number=what.number,
                record_id=stored.id,
                enterprise=part.enterprise,
                exporter_uscc=what.exporter_uscc,
                exporter_name=what.exporter_name,
                currency=what.currency,
                registered_minor=what.financeable_minor,
                current_minor=what.financeable_minor,
                declared_minor=what.total_minor,
                export_date=what.export_date,
                amended=False,
                content_key=opened.content_key.hex(),
                height=stored.height,
                log_index=stored.log_index,
            )
        )

    def _disclosed(self, connection: sa.Connection, answer: StoredRecord, secret: AnswerSecret) -> None:
        """Opens what an answer gave the keys of, and takes over what public fields had said of it by then."""
        with self._store.reading() as reader:
            state = reader.state_at(answer.height)
            for line in secret.lines:
                stored = None if line is None else reader.record(line.record)
                if line is None or stored is None or stored.record.type != "declaration.register" or stored.result["code"] != "ok":
                    continue
                content_key = bytes.fromhex(line.content_key)
                self._register(connection, stored, Opened(open_with_key(stored.record.core, PART, content_key), content_key))
                entry = state.get_bytes(f"declaration/{stored.record.body['declaration']}")
                capacity = shares.WHOLE if entry is None else canonical.decode(entry)["capacity"]
                if capacity != shares.WHOLE:
                    _set_capacity(connection, stored.record.body["declaration"], capacity)


def _amend(connection: sa.Connection, stored: StoredRecord, opened: Opened | None) -> None:
    """A bank that was answered before learns the new amount from the public share only."""
    declaration_id = stored.record.body["declaration"]
    row = connection.execute(sa.select(declarations).where(declarations.c.id == declaration_id)).first()
    if row is None:
        return
    if opened is None:
        _set_capacity(connection, declaration_id, stored.record.body["capacity"])
        return
    part = read_part(AmendedPart, opened.content)
    if (part.number, part.currency) != (row.number, row.currency):
        raise InputError("part-malformed", "the sealed amendment is about another declaration than its public fields")
    values = {"current_minor": part.financeable_minor, "declared_minor": part.declared_minor, "amended": True}
    connection.execute(sa.update(declarations).where(declarations.c.id == declaration_id).values(**values))


def _set_capacity(connection: sa.Connection, declaration_id: str, capacity: int) -> None:
    row = connection.execute(sa.select(declarations.c.registered_minor).where(declarations.c.id == declaration_id)).first()
    if row is not None:
        current_minor = row.registered_minor * capacity // shares.WHOLE
        values = {"current_minor": current_minor, "declared_minor": current_minor, "amended": True}
        connection.execute(sa.update(declarations).where(declarations.c.id == declaration_id).values(**values))


def numbers_of(connection: sa.Connection, ids: Sequence[str]) -> dict[str, str]:
    """The numbers of declarations by id, of those that this node can open."""
    query = sa.select(declarations.c.id, declarations.c.number).where(declarations.c.id.in_(ids))
    return {row.id: row.number for row in connection.execute(query)} if ids else {}
