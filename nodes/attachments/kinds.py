"""What kind of document some bytes are, judged by the bytes alone: a file's name and the type it is sent with are only the sender's words.

What is let in is what banks and exporters hand each other: PDF, OFD (GB/T 33190), scans, and workbooks without macros.
"""

from __future__ import annotations

import zipfile
from typing import BinaryIO, Final

from ledger.errors import InputError
from ledger.limits import ATTACHMENT_ZIP_ENTRIES_MAX

PDF: Final = "application/pdf"
OFD: Final = "application/ofd"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_BEGINNINGS: Final = (
    (b"%PDF-", PDF),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)
_ZIP: Final = b"PK\x03\x04"


def media_type_of(file: BinaryIO) -> str:
    """The media type of a document, which is left at its start. Raises `InputError` (`attachment-type`)."""
    file.seek(0)
    beginning = file.read(8)
    file.seek(0)
    for mark, media_type in _BEGINNINGS:
        if beginning.startswith(mark):
            return media_type
    if beginning.startswith(_ZIP):
        names = _entries(file)
        file.seek(0)
        if {"[Content_Types].xml", "xl/workbook.xml"} <= names and not any(name.endswith("vbaProject.bin") for name in names):
            return XLSX
        if "OFD.xml" in names:
            return OFD
    raise _not_allowed()


def _entries(file: BinaryIO) -> set[str]:
    """The names in an archive. Nothing is unpacked."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, RuntimeError, ValueError, EOFError, OSError) as error:
        raise _not_allowed() from error
    if len(names) > ATTACHMENT_ZIP_ENTRIES_MAX:
        raise _not_allowed()
    return set(names)


def _not_allowed() -> InputError:
    return InputError(
        "attachment-type", "the document is of no kind that is taken", hint="PDF, OFD, PNG, JPEG, TIFF, or an XLSX workbook without macros"
    )
