"""Which versions of the rules this program has, which one is in force, and which are to come: so that it is upgraded before it must be.

A node without the version that governs the next block takes no block (`rules-missing`), so it writes nothing that others would not. That
the time is coming is known as soon as the governors have approved the version, and is said in the log once for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from ledger.clock import rfc3339
from ledger.errors import TallystickError
from ledger.execution import rules_in_force, rules_listed
from ledger.rules import Rulebook
from ledger.store import LedgerStore, Reader

RULES_MISSING: Final = "rules-missing"
UPGRADE_NEEDED: Final = "upgrade-needed"
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ToCome:
    """A version that no block was made under yet, and the time in ms from which it governs blocks. `known`: this program has it."""

    version: int
    at_ms: int
    known: bool


@dataclass(frozen=True, slots=True)
class Outlook:
    """`known` are this program's versions, sorted; `in_force` governs a block that is made now; `to_come` the next one first."""

    known: tuple[int, ...]
    in_force: int
    to_come: Sequence[ToCome]

    @property
    def missing(self) -> bool:
        """This program cannot take the next block."""
        return self.in_force not in self.known

    @property
    def upgrade_needed(self) -> bool:
        """A time is coming from which this program could take no block."""
        return any(not each.known for each in self.to_come)


def outlook(reader: Reader, rulebook: Rulebook, time_ms: int) -> Outlook:
    """As of one reading of the ledger, for a block at a time in ms."""
    head = reader.head
    coming = [ToCome(version, at, version in rulebook) for at, version in rules_listed(reader.state) if at > head.time_ms]
    return Outlook(tuple(sorted(rulebook)), rules_in_force(reader.state, time_ms), coming)


class RulesWatch:
    """Says in the log, once for each version that this program lacks, that it is to come."""

    def __init__(self, store: LedgerStore, rulebook: Rulebook) -> None:
        self._store, self._rulebook = store, rulebook
        self._told: set[int] = set()

    def look(self, _height: int = 0) -> None:
        """For a subscription to heights too: it is quick, and never raises."""
        try:
            with self._store.reading() as reader:
                lacking = [each for each in outlook(reader, self._rulebook, reader.head.time_ms).to_come if not each.known]
        except (SQLAlchemyError, TallystickError):
            # Whatever is wrong with the database, the engine meets it too and says so.
            return
        for each in lacking:
            if each.version not in self._told:
                self._told.add(each.version)
                log.warning(
                    UPGRADE_NEEDED,
                    version=each.version,
                    at=rfc3339(each.at_ms),
                    known=sorted(self._rulebook),
                    hint="upgrade this node's program before that time: it takes no block after it",
                )
