"""A stored checkpoint whichever engine made it: an operator's signed note (`ledger.checkpoint`), or the text of a consortium's object
(`ledger.comet.commits`). Who signed it is another question, which `ledger.vouching` answers.
"""

from __future__ import annotations

from typing import Any

from ledger import canonical
from ledger.checkpoint import Checkpoint, parse_note
from ledger.comet import commits


def said(checkpoint: str) -> Checkpoint:
    """What it says of a log. Raises `InputError` (`bad-note`, `bad-checkpoint`)."""
    return commits.said(checkpoint) if commits.is_checkpoint(checkpoint) else parse_note(checkpoint).checkpoint


def embedded(checkpoint: str) -> Any:
    """As it stands in a proof file."""
    return canonical.decode(checkpoint.encode()) if commits.is_checkpoint(checkpoint) else checkpoint
