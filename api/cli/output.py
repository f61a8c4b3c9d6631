"""Answers on stdout: one JSON document, or text; tables, colours and progress on a terminal only, plain columns elsewhere.

What others wrote is shown among it: characters by which a text could move the cursor, hide itself or turn its reading order are written
out as escapes, as JSON has them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

# Controls of ASCII and Latin-1, and those by which Unicode turns the order of reading.
_HIDDEN: Final = {
    code: f"\\u{code:04x}"
    for code in (*range(0x20), *range(0x7F, 0xA0), 0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
}
_HIDDEN_BETWEEN_LINES: Final = {code: escape for code, escape in _HIDDEN.items() if chr(code) not in "\n\t"}

AsJson = Annotated[bool, typer.Option("--json", help="print one JSON document and nothing else")]


def print_json(document: Any) -> None:
    """The whole answer of a command, as JSON."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2).translate(_HIDDEN_BETWEEN_LINES) + "\n")


def say(text: str) -> None:
    """A line for people, or several."""
    sys.stdout.write(text.translate(_HIDDEN_BETWEEN_LINES) + "\n")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str | None = None) -> None:
    """A table on a terminal; elsewhere a line for each row, its columns parted by tabs, the headings first."""
    texts = [["" if cell is None else str(cell).translate(_HIDDEN) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        lines = ["\t".join(cells) for cells in [list(columns), *texts]]
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        return
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for cells in texts:
        table.add_row(*(_plain(cell) for cell in cells))
    Console().print(table)


def _plain(text: str) -> str:
    """Square brackets are rich's markup; here they are only brackets."""
    return text.replace("[", r"\[")
