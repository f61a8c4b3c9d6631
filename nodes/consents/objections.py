"""Disputes of exporters, which the authority opens for them: a complaint about a record, on the ledger, its words sealed.

Where the record came of a consent on paper, the exporter says that it never signed it. So the consent is revoked first, which ends its
grants and lets go every hold that is not approved, and then the dispute is opened. What the exporter said is stored before either; a crash
between the two leaves work for `resume`, and doubles nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
import structlog

from contracts import entries
from ledger.engine import Receipt
from ledger.errors import InputError, NotFound, NotPermitted, TallystickError
from ledger.limits import FINANCING_TEXT_CHARS_MAX
from nodes.accesses import accesses
from nodes.author import Part
from nodes.consents.book import consents
from nodes.consents.giving import Consents
from nodes.consents.paper import DISPUTED, paper_words
from nodes.declarations.book import declarations
from nodes.dispute_book import OPEN, STATEMENT, StatementPart
from nodes.enterprises import Enterprise
from nodes.outcomes import RuleRefused, require_ok

if TYPE_CHECKING:
    from nodes.node import Node

_CONSENTED: Final = ("consent", "enquiry", "answer")
_READ_S: Final = 30.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Objection:
    """A dispute that was opened: its id, the record that it is about, the consent on paper that it ended, and its place in the log."""

    id: str
    record: str
    revoked: str | None
    log_index: int


class Objections:
    """For the authority's node, on behalf of exporters: they have no name on the ledger."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def open(self, enterprise: Enterprise, record_id: str, text: str, by: str, *, own_node: bool = False) -> Objection:
        """Disputes a record that concerns the exporter; the same record again gives the same dispute. `own_node`: its own node asks for it.

        Raises `NotFound` (`unknown-record` for what does not concern it), `NotPermitted` (`not-in-custody`), `InputError` (`bad-field`),
        `RuleRefused`, `Unreachable`.
        """
        if enterprise.custody == own_node:
            raise NotPermitted("not-in-custody", "this enterprise acts through its own node")
        if not 0 < len(text) <= FINANCING_TEXT_CHARS_MAX:
            raise InputError("bad-field", f"statement: 1 to {FINANCING_TEXT_CHARS_MAX} characters")
        with self._node.private.begin() as connection:
            paper = _paper_behind(connection, enterprise, record_id)
            if paper is not None:
                _note(connection, paper, record_id, text, by, self._node.clock.now_ms())
        if paper is not None:
            self._revoke(paper)
        receipt = self._open(enterprise, record_id, text, paper)
        return Objection(receipt.record_id, record_id, paper, receipt.log_index)

    def resume(self) -> int:
        """Ends what a crash left half done, and says how many it could not end. What the rules refused stays refused: the record that they
        refused stands in the dispute's place, for an operator to see.
        """
        query = sa.select(paper_words, consents.c.enterprise).join(consents, consents.c.id == paper_words.c.consent)
        with self._node.private.reading() as connection:
            rows = connection.execute(query.where(paper_words.c.state == DISPUTED, paper_words.c.dispute.is_(None))).fetchall()
        left = 0
        for row in rows:
            try:
                self._revoke(row.consent)
                self._open(self._node.enterprises.get(row.enterprise), row.record, row.statement, row.consent)
            except RuleRefused as error:
                log.error("dispute-refused", consent=row.consent, code=error.code, record_id=error.record_id)
                self._note_dispute(row.consent, row.record, error.record_id)
            except TallystickError as error:
                log.warning("dispute-waits", consent=row.consent, code=error.code)
                left += 1
        return left

    def _revoke(self, consent_id: str) -> None:
        with self._node.store.reading() as reader:
            entry = entries.consent(reader.state, consent_id)
        if entry is None or entry["revoked"]:
            return
        try:
            Consents(self._node).revoke(consent_id)
        except RuleRefused as error:
            # Another worker of this node was faster.
            if error.code != "consent-revoked":
                raise

    def _open(self, enterprise: Enterprise, record_id: str, text: str, paper: str | None) -> Receipt:
        node = self._node
        part = StatementPart(record=record_id, enterprise=enterprise.id, for_enterprise=True, text=text)
        recipients = [node.directory.recipient(node.member), enterprise.recipient(node.directory)]
        authored = node.author.record(OPEN, {"record": record_id}, [node.identity_key], {STATEMENT: Part(part.content(), recipients)})
        receipt = require_ok(node.outbox.send(authored.raw, OPEN, f"dispute:{enterprise.id}:{record_id}"))
        node.reader.wait_for(receipt.log_index, _READ_S)
        if paper is not None:
            self._note_dispute(paper, record_id, receipt.record_id)
        return receipt

    def _note_dispute(self, consent_id: str, record_id: str, dispute: str) -> None:
        # Another record under the same paper may be disputed too: the word is about the first.
        about = sa.and_(paper_words.c.consent == consent_id, paper_words.c.record == record_id)
        with self._node.private.begin() as connection:
            connection.execute(sa.update(paper_words).where(about).values(dispute=dispute))


def _paper_behind(connection: sa.Connection, enterprise: Enterprise, record_id: str) -> str | None:
    """The consent on paper that the record made, or under which it was asked and answered. Raises `NotFound` (`unknown-record`)."""
    query = sa.select(accesses).where(accesses.c.enterprise == enterprise.id, accesses.c.record_id == record_id)
    row: Any = connection.execute(query).first()
    declared = sa.select(declarations.c.id).where(declarations.c.record_id == record_id, declarations.c.exporter_uscc == enterprise.uscc)
    if row is None and connection.execute(declared).first() is not None:
        return None
    if row is None:
        raise NotFound("unknown-record", "no such record concerns this exporter", hint="GET /v1/accesses lists those that do")
    if row.consent is None or row.kind not in _CONSENTED:
        return None
    basis = connection.execute(sa.select(consents.c.basis).where(consents.c.id == row.consent)).scalar()
    return str(row.consent) if basis == "paper" else None


def _note(connection: sa.Connection, consent_id: str, record_id: str, text: str, by: str, now_ms: int) -> None:
    """A word said before gives way, unless it was this one."""
    known = connection.execute(sa.select(paper_words.c.state).where(paper_words.c.consent == consent_id)).scalar()
    if known == DISPUTED:
        return
    connection.execute(sa.delete(paper_words).where(paper_words.c.consent == consent_id))
    row = {"consent": consent_id, "state": DISPUTED, "said_by": by, "said_ms": now_ms, "record": record_id, "statement": text}
    connection.execute(sa.insert(paper_words).values(**row))
