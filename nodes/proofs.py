"""The proof files that a node's owner may give out: of records, with the sealed parts that it chooses to reveal, of state entries, of a
declaration with its registration, and that the log went on from an earlier block. Needs a home's databases, and no running node.

Every file leads to the note that most witnesses cosigned, of those that cover what it is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from ledger import proof
from ledger.errors import InputError, NotFound, Refused
from ledger.store import LedgerStore, Reader
from nodes.declarations.book import declarations
from nodes.declarations.parts import PART
from nodes.private import PrivateStore, parts
from nodes.witnessing.cosigned import CosignedNotes

_REGISTRAR: Final = "registrar"


class Proofs:
    """Of one home. Which of its people may have what is revealed is for the caller to know."""

    def __init__(self, store: LedgerStore, private: PrivateStore) -> None:
        self._store, self._private, self._notes = store, private, CosignedNotes(private)

    def record(self, record_id: str, *, reveal: bool = False, names: Sequence[str] = ()) -> bytes:
        """Of a record. `reveal` discloses the parts that this node opens, or of those the named ones: whole, and for good.

        Raises `NotFound` (`unknown-record`), `InputError` (`unknown-part`), `Refused` (`part-is-secret`).
        """
        opened = self._content_keys(record_id) if reveal or names else {}
        for name in names:
            if name.startswith(proof.SECRET_PREFIX):
                raise Refused("part-is-secret", "a part with private keys or salts is never revealed")
            if name not in opened:
                raise InputError("unknown-part", f"this node opens no part {name} of that record", hint=_named(opened))
        chosen = {name: key for name, key in opened.items() if not names or name in names}
        with self._store.reading() as reader:
            return proof.record_proof(reader, record_id, chosen, self._notes.anchor_of_record(reader, record_id))

    def state(self, key: str, height: int | None = None) -> bytes:
        """Of a state entry at a height, or that there is none. Raises `NotFound` (`unknown-height`)."""
        with self._store.reading() as reader:
            return proof.state_proof(reader, key, height, self._anchor(reader, height))

    def declaration(self, declaration_id: str, height: int | None = None, *, reveal: bool = False) -> bytes:
        """Of a declaration's entry at a height, in a bundle with its registration and who was the registrar then, where this node can open
        that registration and it is no later. `reveal` discloses it, so that shares can be read as money.

        Raises `NotFound` (`unknown-height`, `unknown-declaration`: nothing can be revealed here).
        """
        with self._private.reading() as connection:
            row = sa.select(declarations.c.record_id, declarations.c.content_key).where(declarations.c.id == declaration_id)
            found = connection.execute(row).first()
        with self._store.reading() as reader:
            note = self._anchor(reader, height)
            files = [proof.state_proof(reader, f"declaration/{declaration_id}", height, note)]
            registered = None if found is None else reader.record(found.record_id)
            if found is not None and registered is not None and (height is None or registered.height <= height):
                revealed = {PART: bytes.fromhex(found.content_key)} if reveal else {}
                files.append(proof.record_proof(reader, registered.id, revealed, note))
                files.append(proof.state_proof(reader, _REGISTRAR, registered.height, note))
            elif reveal:
                raise NotFound("unknown-declaration", "this node can open no registration of that declaration by then")
            return proof.bundle_file(reader.head.network, files)

    def consistency(self, first_height: int, second_height: int | None = None) -> bytes:
        """That the log after one block begins with the log after an earlier one. Raises `NotFound` (`unknown-height`, `no-checkpoint`),
        `InputError` (`outside-log`: the first is the later one).
        """
        with self._store.reading() as reader:
            return proof.consistency_file(reader, _note(reader, first_height), _note(reader, second_height))

    def _content_keys(self, record_id: str) -> dict[str, bytes]:
        """Of the parts that this node has opened, itself or with a key that an answer gave it; never of secrets."""
        own = sa.select(parts.c.part, parts.c.content_key).where(parts.c.record_id == record_id)
        given = sa.select(declarations.c.content_key).where(declarations.c.record_id == record_id)
        with self._private.reading() as connection:
            found = {row.part: row.content_key for row in connection.execute(own)}
            for row in connection.execute(given):
                found.setdefault(PART, row.content_key)
        return {name: bytes.fromhex(key) for name, key in sorted(found.items()) if not name.startswith(proof.SECRET_PREFIX)}

    def _anchor(self, reader: Reader, height: int | None) -> str | None:
        header = reader.head if height is None else reader.header(height)
        return None if header is None else self._notes.anchor(reader, header.log_size)


def _note(reader: Reader, height: int | None) -> str:
    if height is not None and reader.header(height) is None:
        raise NotFound(
            "unknown-height", f"this ledger holds no block of height {height}", hint=f"it holds those from 0 to {reader.head.height}"
        )
    note = reader.checkpoint(height)
    if note is None:
        raise NotFound("no-checkpoint", "this ledger has no signed checkpoint of that height", hint="begin with block 1")
    return note


def _named(opened: dict[str, bytes]) -> str:
    return f"it opens: {', '.join(opened)}" if opened else "it opens none"
