"""Answers on stdout: one JSON document, or text; tables, colours and progress on a terminal only, plain columns elsewhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="print one JSON document and nothing else")]


def print_json(document: Any) -> None:
    """The whole answer of a command, as JSON."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def say(text: str) -> None:
    """A line for people."""
    sys.stdout.write(text + "\n")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str | None = None) -> None:
    """A table on a terminal; elsewhere a line for each row, its columns parted by tabs, the headings first."""
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
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
