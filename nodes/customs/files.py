"""Any declaration file: which reader it needs, and the same number twice across the files of one import.

with DuplicateGuard() as guard:
    for path in paths:
        for item in read_declarations(path, path.name, guard=guard):
            ...
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path, PurePath
from typing import BinaryIO, Final

from ledger.errors import InputError
from nodes.customs.csv_reader import read_csv
from nodes.customs.duplicates import DuplicateGuard
from nodes.customs.results import Item, Parsed, Rejected
from nodes.customs.text import chunks
from nodes.customs.xlsx_reader import read_xlsx
from nodes.customs.xml_reader import read_xml

_MARKS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_READERS: Final = {"xml": read_xml, "csv": read_csv, "xlsx": read_xlsx}


def read_declarations(source: str | Path | BinaryIO, filename: str, *, guard: DuplicateGuard | None = None) -> Iterator[Item]:
    """One result per declaration of a file, in order; constant memory.

    `source` is a path or a binary stream (one that cannot seek is copied to a temporary file first); `filename` tells the type
    where the content does not. A number that an earlier declaration of the same `guard` was parsed with is `duplicate-in-file`;
    without a guard the file has its own. Raises `InputError` (`file-unreadable`, `file-type-unknown`, and what the readers
    raise) before the first item.
    """
    with ExitStack() as stack:
        stream = _opened(source, stack)
        own = guard if guard is not None else stack.enter_context(DuplicateGuard())
        for item in _READERS[file_type(stream, filename)](stream):
            if isinstance(item, Parsed) and not own.first(item.declaration.number):
                message = "this number came before, in this file or in another of the same import"
                yield Rejected(item.position, item.number_text, "duplicate-in-file", message)
            else:
                yield item


def file_type(stream: BinaryIO, filename: str) -> str:
    """`xml`, `csv` or `xlsx`, by the content where it is clear and else by the name's ending. Raises `InputError` (`file-type-unknown`)."""
    start = stream.read(1_024)
    stream.seek(0)
    for mark in _MARKS:
        start = start.removeprefix(mark)
    ending = PurePath(filename).suffix.lower()
    if start.startswith(b"PK\x03\x04") and ending == ".xlsx":
        return "xlsx"
    if start.lstrip().startswith(b"<") or (ending == ".xml" and not start.startswith(b"PK")):
        return "xml"
    if ending in (".csv", ".txt") and not start.startswith(b"PK"):
        return "csv"
    raise InputError("file-type-unknown", "the file is neither customs XML nor CSV nor XLSX", hint="hand in .xml, .csv or .xlsx")


def _opened(source: str | Path | BinaryIO, stack: ExitStack) -> BinaryIO:
    if isinstance(source, str | Path):
        try:
            return stack.enter_context(Path(source).open("rb"))
        except OSError as error:
            raise InputError("file-unreadable", f"the file cannot be read: {error.strerror}") from error
    if source.seekable():
        return source
    copy = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack is its context manager
    copy.writelines(chunks(source))
    copy.seek(0)
    return copy
