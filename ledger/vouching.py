"""Whose word the checkpoints of a ledger are: its operator's, or that of a consortium's validators. Genesis says which.

Replicas, audits and archives check checkpoints by this and know nothing more of engines.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ledger.checkpoint import Checkpoint, only_signed_by, verify_note
from ledger.comet.vouching import ConsortiumsWord
from ledger.evidence import BlockBundle, block_evidence, evidence_holds, note_evidence
from ledger.header import Header, network_of
from ledger.log_operator import OperatorKey, operator_of
from ledger.state import StateReader
from ledger.store import Reader


class Voucher(Protocol):
    """Who vouches for a log."""

    @property
    def seals_each_block(self) -> bool:
        """Whether every block has its checkpoint as soon as it is durable. A consortium signs a block by the next one."""
        ...

    def read(self, text: str) -> Checkpoint:
        """What a checkpoint says, if they signed it who say that they may. Raises `InputError`, `VerificationFailed`."""
        ...

    def kept(self, text: str) -> str:
        """The checkpoint without what others may have added to it. Raises as `read`."""
        ...

    def fits(self, text: str, header: Header, before: StateReader) -> bool:
        """Whether those who signed it were they who had to sign this block, by the state before it."""
        ...

    def block_evidence(self, reader: Reader, common: int, bundle: BlockBundle) -> dict[str, Any] | None:
        """What a block that cannot stand shows against who signed it; None where it shows nothing. Raises as `read`."""
        ...

    def note_evidence(self, reader: Reader, text: str) -> dict[str, Any] | None:
        """What a checkpoint of another log shows against who signed it; None where it shows nothing. Raises as `read`."""
        ...

    def evidence_holds(self, reader: Reader, evidence: Any) -> bool:
        """Whether evidence that is kept is still what it was."""
        ...


class OperatorsWord:
    """Of one operator: a note with its signature, of each block's log."""

    seals_each_block = True

    def __init__(self, operator: OperatorKey) -> None:
        self._operator = operator

    def read(self, text: str) -> Checkpoint:
        return verify_note(text, self._operator.name, self._operator.public)

    def kept(self, text: str) -> str:
        return only_signed_by(text, self._operator.name, self._operator.public)

    def fits(self, text: str, header: Header, before: StateReader) -> bool:
        return True

    def block_evidence(self, reader: Reader, common: int, bundle: BlockBundle) -> dict[str, Any] | None:
        return block_evidence(reader, common, bundle, self._operator)

    def note_evidence(self, reader: Reader, text: str) -> dict[str, Any] | None:
        return note_evidence(reader, text, self._operator)

    def evidence_holds(self, reader: Reader, evidence: Any) -> bool:
        return evidence_holds(reader, evidence, self._operator)


def voucher_of(genesis: Mapping[str, Any]) -> Voucher:
    """Raises `InputError` (`bad-genesis`)."""
    engine = genesis.get("engine")
    if isinstance(engine, dict) and engine.get("kind") == "comet":
        return ConsortiumsWord(network_of(genesis))
    return OperatorsWord(operator_of(genesis))
