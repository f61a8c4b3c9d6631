"""The declarations that the story is about: the examples of this repository, or the same made for another date.

A declaration can be financed for twelve months after its export only, and the story needs three weeks that end before today; so
where the committed examples do not fit, `examples/make_declarations.py` writes them anew.
"""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from ledger.errors import InputError
from nodes.customs.declaration import CustomsDeclaration
from nodes.customs.files import read_declarations
from nodes.customs.results import Parsed

COMMITTED_AS_OF: Final = date(2026, 10, 31)
STORY_DAYS: Final = 20
_PAST_DAYS: Final = 45
_FRESH_DAYS: Final = 120
_MAKER: Final = "make_declarations.py"
_FACTS: Final = "make_credit_facts.py"


@dataclass(frozen=True, slots=True)
class Exporter:
    """An exporter of the examples."""

    id: str
    uscc: str
    name: str
    custody: bool


@dataclass(frozen=True, slots=True)
class Cargo:
    """`files` by name; `declarations` by exporter, in the order of the files. `facts` are rows of credit facts;
    `start_ms` is when the story begins.
    """

    start_ms: int
    exporters: tuple[Exporter, ...]
    files: dict[str, bytes]
    declarations: dict[str, list[CustomsDeclaration]]
    facts: tuple[dict[str, str], ...]


def load_cargo(now_ms: int, places: Sequence[Path] | None = None) -> Cargo:
    """Files and dates for a story that ends before now. The examples are in the first of the places that has them: by default those of
    a checkout, then those beside an installation, as the container image has them. Raises `InputError` (`examples-missing`).
    """
    examples = _found(example_places() if places is None else places)
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    after_examples = COMMITTED_AS_OF + timedelta(days=1)
    start = max(today - timedelta(days=_PAST_DAYS), after_examples)
    if start + timedelta(days=STORY_DAYS + 1) <= today and start <= COMMITTED_AS_OF + timedelta(days=_FRESH_DAYS):
        files = {path.name: path.read_bytes() for path in sorted((examples / "declarations").iterdir()) if path.suffix in (".xml", ".csv")}
    else:
        start = today - timedelta(days=_PAST_DAYS)
        files = runpy.run_path(str(examples / _MAKER))["files"](start - timedelta(days=1))
    found: list[dict[str, Any]] = json.loads((examples / "exporters.json").read_text("utf-8"))
    exporters = tuple(Exporter(each["id"], each["uscc"], each["name"], each["custody"]) for each in found)
    start_ms = int(datetime(start.year, start.month, start.day, 1, tzinfo=UTC).timestamp()) * 1000
    facts = tuple(runpy.run_path(str(examples / _FACTS))["rows"]())
    return Cargo(start_ms, exporters, files, _by_exporter(exporters, files), facts)


def example_places() -> tuple[Path, Path]:
    """In a checkout, and under the prefix of the Python environment that runs this."""
    return Path(__file__).resolve().parents[3] / "examples", Path(sys.prefix) / "share" / "tallystick" / "examples"


def _found(places: Sequence[Path]) -> Path:
    for place in places:
        if (place / _MAKER).is_file():
            return place
    raise InputError("examples-missing", f"there are no example declarations in {places[0]}", hint="run the demo from a checkout")


def _by_exporter(exporters: tuple[Exporter, ...], files: dict[str, bytes]) -> dict[str, list[CustomsDeclaration]]:
    """What each exporter knows of its own shipments."""
    names = {exporter.uscc: exporter.id for exporter in exporters}
    found: dict[str, list[CustomsDeclaration]] = {exporter.id: [] for exporter in exporters}
    for name, content in files.items():
        for item in read_declarations(BytesIO(content), name):
            if isinstance(item, Parsed):
                found[names[item.declaration.exporter_uscc]].append(item.declaration)
    return found
