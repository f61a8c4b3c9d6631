"""Telling the registrar whose declarations are sealed to whom, at the authority's node.

An enrolment tells the registrar of its day (the part `registry`). Whoever becomes registrar later, and a registrar of before there was this
part, is told in records of its own, one for each enterprise: `enterprise.enrol` with the same enrolment once more, which changes nothing,
and the part sealed to the registrar of now. What has been told is read from the node's own opened parts, so that a private database which
was lost and rebuilt tells nobody twice. A registrar that is replaced keeps what it was told, and no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
import structlog

from ledger import canonical
from ledger.errors import TallystickError
from nodes.author import Part
from nodes.enterprises import PART, RECORD_TYPE, REGISTRY, Enterprise, RegistryPart, enrolment, registrar_to_tell, told
from nodes.outbox import Outgoing
from nodes.private import parts
from nodes.sealed_models import read_part

if TYPE_CHECKING:
    from nodes.node import Node

BATCH: Final = 100

log = structlog.get_logger(__name__)


class Telling:
    """Goes through the enrolments in their order, from the first one again for each new registrar."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._registrar = ""
        self._after = 0
        self._told: frozenset[str] = frozenset()

    def run_once(self) -> int:
        """Tells the registrar of the next enterprises that it was not told of, a batch at most: how many records that took.

        Raises `Unreachable` where the private database does not answer; what could not be sent waits for the next run.
        """
        node, registrar = self._node, registrar_to_tell(self._node.directory)
        if registrar is None:
            return 0
        if registrar != self._registrar:
            self._registrar, self._after, self._told = registrar, 0, self._told_to(registrar)
        found = node.enterprises.list(self._after, BATCH)
        missing = [each for each in found if each.id not in self._told and not self._names(each, registrar)]
        outcomes = node.outbox.send_many([self._record(each, registrar) for each in missing]) if missing else []
        for each, outcome in zip(missing, outcomes, strict=True):
            if isinstance(outcome, TallystickError):
                log.warning("registrar-not-told", enterprise=each.id, code=outcome.code)
                return len(missing)
        if found:
            self._after = found[-1].log_index
        return len(missing)

    def _told_to(self, registrar: str) -> frozenset[str]:
        """The enterprises that a registrar was told of, by their enrolments."""
        with self._node.private.reading() as connection:
            rows = connection.execute(sa.select(parts.c.record_id, parts.c.content).where(parts.c.part == REGISTRY)).fetchall()
        opened = [(row.record_id, read_part(RegistryPart, canonical.decode(row.content.encode("utf-8")))) for row in rows]
        return frozenset(part.enterprise or record_id for record_id, part in opened if part.registrar == registrar)

    def _names(self, enterprise: Enterprise, registrar: str) -> bool:
        opened = self._node.reader.parts_of(enterprise.id).get(REGISTRY)
        return opened is not None and read_part(RegistryPart, opened.content).registrar == registrar

    def _record(self, enterprise: Enterprise, registrar: str) -> Outgoing:
        node, what = self._node, enrolment(enterprise.uscc, enterprise.name, enterprise.sign, enterprise.seal)
        sealed = {
            PART: Part(what.model_dump(), [node.directory.recipient(node.member)]),
            **told(registrar, what, enterprise.id, node.directory),
        }
        authored = node.author.record(RECORD_TYPE, {}, [node.identity_key], sealed)
        return Outgoing(authored.raw, RECORD_TYPE, f"registry:{registrar}:{enterprise.id}")
