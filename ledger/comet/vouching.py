"""The word of a consortium's validators: a checkpoint is the engine's next block after one of ours, with votes of more than two thirds of
the power. Whose votes count follows from the state before our block: its validators are those of the engine's next one.
"""

from __future__ import annotations

from typing import Any

from ledger import canonical
from ledger.checkpoint import Checkpoint
from ledger.comet import commits
from ledger.comet.validators import powers_of
from ledger.errors import InputError
from ledger.evidence import BlockBundle
from ledger.header import Header
from ledger.log_operator import origin_of
from ledger.state import StateReader
from ledger.store import Reader


class ConsortiumsWord:
    """Implements `ledger.vouching.Voucher` for a network by its id. It convicts nobody: what validators signed twice their engine finds."""

    seals_each_block = False

    def __init__(self, network: str) -> None:
        self._network = network

    def read(self, text: str) -> Checkpoint:
        height, time_s, powers = _block_of(text)
        trust = commits.trusted_validators(self._network, powers, height, 1_000 * time_s)
        size, root = commits.check(text, trust)
        return Checkpoint(origin_of(self._network), size, root)

    def kept(self, text: str) -> str:
        return text

    def fits(self, text: str, header: Header, before: StateReader) -> bool:
        height, _, powers = _block_of(text)
        return height == header.engine_height + 1 and powers == powers_of(before)

    def block_evidence(self, reader: Reader, common: int, bundle: BlockBundle) -> dict[str, Any] | None:
        return None

    def note_evidence(self, reader: Reader, text: str) -> dict[str, Any] | None:
        return None

    def evidence_holds(self, reader: Reader, evidence: Any) -> bool:
        return False


def _block_of(text: str) -> tuple[int, int, dict[str, int]]:
    """Of the engine's block in a checkpoint its height, its time in seconds, and the voting powers that it lists, by public key."""
    try:
        block = canonical.decode(text.encode())["block"]
        height, time_s = block["header"]["height"], block["header"]["time"]["seconds"]
        powers = {str(each["public"]): each["power"] for each in block["validators"]}
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("bad-checkpoint", "the checkpoint is not one of a consortium") from error
    if any(type(each) is not int for each in (height, time_s, *powers.values())):
        raise InputError("bad-checkpoint", "the checkpoint is not one of a consortium")
    return height, time_s, powers
