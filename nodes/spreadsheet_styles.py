"""What the styles of a workbook may be before they are read: openpyxl finds out of each cell's format whether it is a date's, by patterns
that take time in proportion to the square of a format's length.

ECMA-376 and the programs that write workbooks know no longer formats and no more styles than these limits.
"""

from __future__ import annotations

import zipfile
from typing import Final

import defusedxml.ElementTree

from ledger.errors import InputError
from ledger.limits import XLSX_FORMAT_BRACKETS_MAX, XLSX_FORMAT_CHARS_MAX, XLSX_STYLES_MAX

_PART: Final = "xl/styles.xml"


def check_styles(archive: zipfile.ZipFile) -> None:
    """Lets pass a workbook whose styles can be read in bounded time, or that has none. Raises `InputError` (`xlsx-malformed`), and what
    zipfile and defusedxml do.
    """
    if _PART not in archive.namelist():
        return
    styles = 0
    with archive.open(_PART) as part:
        for _, element in defusedxml.ElementTree.iterparse(part):
            styles += element.tag.rpartition("}")[2] == "xf"
            code = element.get("formatCode", "")
            is_short = len(code) <= XLSX_FORMAT_CHARS_MAX and code.count("[") <= XLSX_FORMAT_BRACKETS_MAX
            if styles > XLSX_STYLES_MAX or not is_short:
                raise InputError(
                    "xlsx-malformed",
                    "the workbook has more styles, or longer formats of numbers, than a spreadsheet program writes",
                    hint="save it again as .xlsx in a spreadsheet program, or hand in CSV",
                )
            element.clear()
