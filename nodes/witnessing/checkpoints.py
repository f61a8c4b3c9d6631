"""The checkpoints of this node's own log with the cosignatures that it knows, and those that it was shown.

Whatever somebody shows is the operator's word or nothing: a note is looked at once its signature holds. Of this node's own log, it brings
cosignatures, and those of known witnesses are kept. Ahead of it, it is remembered until this node gets there. Of another history, it is
evidence: the engine halts for good (`ledger.halting`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa
import structlog

from ledger.checkpoint import Checkpoint, Cosignature, cosignatures_of, only_signed_by, verify_note
from ledger.errors import InputError, Refused, VerificationFailed
from ledger.evidence import HeaderInLog, header_evidence, note_evidence
from ledger.follow import FollowEngine
from ledger.halting import Show
from ledger.limits import SEEN_CHECKPOINTS_PER_SOURCE_MAX
from ledger.log_operator import operator_of, origin_of
from ledger.solo import SoloEngine
from nodes.witnessing.cosigned import CosignedNotes
from nodes.witnessing.tables import seen_checkpoints
from nodes.witnessing.witnesses import Witnesses

if TYPE_CHECKING:
    from nodes.node import Node

Where = Literal["here", "ahead"]
OWN: Final = "own"

log = structlog.get_logger(__name__)


class Checkpoints:
    """Of one node. Safe to share between threads and processes: what is kept is in the private database."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._operator = operator_of(node.genesis)
        self.witnesses = Witnesses(node.private, node.clock)
        self.cosigned = CosignedNotes(node.private)

    def observe(self, text: str, source: str) -> Where:
        """Takes what somebody shows: whether it is of the log that is here, or ahead of it. Raises `InputError` (`bad-note`),
        `VerificationFailed` (`bad-checkpoint`, `other-log`), and `fork-seen` or `replica-damaged` where it is of another history.
        """
        note = self._verified(text)
        with self._node.store.reading() as reader:
            evidence = note_evidence(reader, text, self._operator)
            ahead = note.size > reader.head.log_size + 1
        if evidence is not None:
            self._refuse(lambda reader: note_evidence(reader, text, self._operator), source)
        if ahead and isinstance(self._node.engine, SoloEngine):
            self._stand_still(self._node.engine, source)
        self._remember(note, text, source, compared=not ahead)
        if not ahead:
            found = cosignatures_of(text, self.witnesses.keys())
            if found:
                self.keep(note.size, found)
        return "ahead" if ahead else "here"

    def compare_header(self, seen: HeaderInLog) -> bool:
        """Whether a header that somebody shows below a signed note is this node's, or of a height that it does not have yet.
        Raises as `HeaderInLog.checked`.
        """
        with self._node.store.reading() as reader:
            return header_evidence(reader, seen, self._operator) is None

    def refuse_header(self, seen: HeaderInLog, source: str) -> None:
        """Halts for good where the header is of another history. Raises as `observe`."""
        self._refuse(lambda reader: header_evidence(reader, seen, self._operator), source)

    def compare_remembered(self) -> int:
        """Compares the notes that were ahead of this node and are no more: how many. Raises as `observe`."""
        with self._node.store.reading() as reader:
            size = reader.head.log_size + 1
        query = sa.select(seen_checkpoints).where(seen_checkpoints.c.compared.is_(False), seen_checkpoints.c.size <= size)
        with self._node.private.reading() as connection:
            rows = connection.execute(query.order_by(seen_checkpoints.c.size)).fetchall()
        for row in rows:
            self.observe(row.note, row.source)
        return len(rows)

    def keep(self, size: int, found: Iterable[Cosignature]) -> None:
        """As `CosignedNotes.keep`."""
        with self._node.store.reading() as reader:
            self.cosigned.keep(reader, size, found)

    def last_cosigned(self) -> Checkpoint | None:
        """What this node cosigned last as a witness, whatever its replica holds now."""
        with self._node.private.reading() as connection:
            return self.last_cosigned_in(connection)

    def last_cosigned_in(self, connection: sa.Connection) -> Checkpoint | None:
        """As `last_cosigned`, inside a transaction."""
        query = sa.select(seen_checkpoints.c.note).where(seen_checkpoints.c.source == OWN).order_by(seen_checkpoints.c.size.desc()).limit(1)
        note = connection.execute(query).scalar()
        return None if note is None else self._verified(note)

    def last_cosigned_note(self) -> str:
        """The note of `last_cosigned`, where there is one."""
        with self._node.private.reading() as connection:
            query = sa.select(seen_checkpoints.c.note).where(seen_checkpoints.c.source == OWN)
            return str(connection.execute(query.order_by(seen_checkpoints.c.size.desc()).limit(1)).scalar_one())

    def set_last_cosigned(self, connection: sa.Connection, note: Checkpoint, text: str) -> None:
        """Inside the transaction in which it was compared with the one before."""
        connection.execute(sa.delete(seen_checkpoints).where(seen_checkpoints.c.source == OWN))
        connection.execute(sa.insert(seen_checkpoints), [self._row(note, text, OWN, compared=True)])

    def operators_word(self, text: str) -> str:
        """The note with the operator's signature alone. Raises as `verify_note`."""
        return only_signed_by(text, self._operator.name, self._operator.public)

    def _verified(self, text: str) -> Checkpoint:
        note = verify_note(text, self._operator.name, self._operator.public)
        if note.origin != origin_of(self._node.network):
            raise VerificationFailed("other-log", "the checkpoint is of another network's log")
        return note

    def _refuse(self, show: Show, source: str) -> None:
        engine = self._node.engine
        assert isinstance(engine, FollowEngine | SoloEngine), "other engines show no checkpoints"
        try:
            engine.refuse(show)
        except VerificationFailed as error:
            log.error("fork-seen" if error.code == "fork-seen" else "fork-not-shown", code=error.code, source=source)
            raise

    def _stand_still(self, engine: SoloEngine, source: str) -> None:
        """What an operator signed is durable before anybody sees it: where its own word is ahead of it, its ledger is an old copy, and the
        next block that it ordered would be a fork.
        """
        log.error("ledger-older", source=source)
        hint = "put the newest copy of the ledger database back, and serve the node again"
        engine.stand_still(Refused("ledger-older", "this node's key signed more of the log than its ledger holds", hint=hint))

    def _remember(self, note: Checkpoint, text: str, source: str, *, compared: bool) -> None:
        of_source = seen_checkpoints.c.source == source
        same = sa.and_(of_source, seen_checkpoints.c.size == note.size, seen_checkpoints.c.root == note.root.hex())
        with self._node.private.reading() as connection:
            known = connection.execute(sa.select(seen_checkpoints).where(of_source)).fetchall()
        ours = [row for row in known if (row.size, row.root) == (note.size, note.root.hex())]
        # Strangers may show old notes again and again: what says nothing new costs no writing.
        if any(row.compared or not compared for row in ours) or (not compared and len(known) >= SEEN_CHECKPOINTS_PER_SOURCE_MAX):
            return
        if compared and not ours and any(row.compared and row.size > note.size for row in known):
            return
        with self._node.private.begin() as connection:
            connection.execute(sa.delete(seen_checkpoints).where(same))
            if compared:
                # Of what was compared the newest is enough: the log that it is about holds all before it.
                older = sa.and_(of_source, seen_checkpoints.c.compared.is_(True), seen_checkpoints.c.size <= note.size)
                connection.execute(sa.delete(seen_checkpoints).where(older))
            connection.execute(sa.insert(seen_checkpoints), [self._row(note, text, source, compared=compared)])

    def _row(self, note: Checkpoint, text: str, source: str, *, compared: bool) -> dict[str, Any]:
        shown = {"size": note.size, "root": note.root.hex(), "note": text}
        return {"source": source, **shown, "compared": compared, "seen_ms": self._node.clock.now_ms()}


def require_note(text: Any) -> str:
    """Raises `InputError` (`bad-note`)."""
    if not isinstance(text, str):
        raise InputError("bad-note", "a note is text")
    return text
