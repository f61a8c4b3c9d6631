"""What a harness counted, printed, and kept for `docs/assurance.md`.

A harness is a program, `python -m tests.HARNESS.running ...`, that tries something many times and counts what it tried and what it saw.
With `--out docs/assurance/PART.json` its counts are kept, with the command and the commit that gave them; `make docs` writes the page.
The tests run the same functions on a sample.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]


def tell(counts: Mapping[str, int], command: str, out: Path | None = None) -> None:
    """Prints the counts, a line each, and keeps them in `out`: all that one command counted, under the command's own name.

    Other commands' counts of the same part stay as they are.
    """
    sys.stdout.writelines(f"{number:12,} {what}\n" for what, number in sorted(counts.items()))
    if out is not None:
        kept = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
        kept[command] = {"commit": commit(), "counts": dict(sorted(counts.items()))}
        out.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def commit() -> str:
    """The commit that is checked out, with `-dirty` where files differ from it other than the counts that are kept."""
    head = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--", ".", ":!docs/assurance", ":!docs/assurance.md")
    return f"{head}-dirty" if changed else head or "unknown"


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=False, cwd=ROOT, capture_output=True, text=True).stdout.strip()
