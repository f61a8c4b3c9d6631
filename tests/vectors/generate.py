"""Writes the vectors: `python -m tests.vectors.generate`. The same bytes each time, wherever it runs; a test compares."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any, Final

from tests.vectors import basics, comet, files, trees
from tests.vectors.fixed import fixed_ledgers

DIRECTORY: Final = Path(__file__).parent
_ABOUT: Final = {
    "canonical": "Canonical JSON: `bytes` is the one form of `value`; the bytes of the bad ones are refused, by whatever code.",
    "ids": "Tagged hashes: of the canonical JSON of `value`, or of the bytes `data`.",
    "commitments": "Commitments to consents, grants and offers: tagged hashes of the canonical JSON of their openings.",
    "signatures": "ECDSA P-256 in its low-s form, over a digest.",
    "sealed": "Sealed parts, opened with their content key.",
    "inclusion": "Inclusion in the log (RFC 9162, 2.1.3).",
    "consistency": "Consistency of two logs (RFC 9162, 2.1.4).",
    "state": "Presence and absence in the state tree.",
    "notes": "Signed notes with cosignatures, under trust files by name.",
    "proofs": "Proof files by name, under trust files by name. A bad one is the named document, or one splice of its bytes.",
    "comet_blocks": "Blocks of a network that CometBFT ran: the `hash` that it gave each, and the bytes `signed` by each signature.",
    "comet": "Proof files by name under checkpoints of a consortium, and trust files by name. A bad one is one splice of its bytes.",
    "trusts": "Trust files that trust nobody: each is one splice of `trust`, under which `document` holds.",
}


def vectors() -> dict[str, bytes]:
    """The content of every file, by its name."""
    with tempfile.TemporaryDirectory() as directory, fixed_ledgers(Path(directory)) as fixed:
        makers = {**basics.families(fixed), **trees.FAMILIES, **files.families(fixed), **comet.families(fixed)}
        assert makers.keys() == _ABOUT.keys()
        return {f"{name}.json": _bytes(name, make()) for name, make in makers.items()}


def write() -> None:
    """Writes them beside this file."""
    for name, content in vectors().items():
        (DIRECTORY / name).write_bytes(content)


def _bytes(name: str, family: dict[str, Any]) -> bytes:
    """JSON with a vector on each line, so that a change of one shows as one."""
    blocks = [f'"v":1,\n"about":{_compact(_ABOUT[name])}']
    for key, value in family.items():
        if isinstance(value, list):
            blocks.append(f'"{key}":[\n' + ",\n".join(map(_compact, value)) + "\n]")
        elif isinstance(value, dict):
            blocks.append(f'"{key}":{{\n' + ",\n".join(f"{_compact(each)}:{_compact(value[each])}" for each in value) + "\n}")
        else:
            blocks.append(f'"{key}":{_compact(value)}')
    return ("{\n" + ",\n".join(blocks) + "\n}\n").encode()


def _compact(value: Any) -> str:
    # Escaped, so that no editor or tool changes what it does not show; numbers are all integers.
    return json.dumps(value, separators=(",", ":"))


if __name__ == "__main__":
    write()
