"""The answer of an enquiry as a workbook to keep, in the reader's words: a row for each line, and below them of when it is."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from io import BytesIO
from typing import Any, Final

from api.portal.texts import Texts
from api.portal.words import DECLARATION_STATES, LINE_RESULTS, N_, USES
from nodes.spreadsheets import Cell, Sheet, write_workbook

_HEADINGS: Final = (
    (N_("Declaration"), 24),
    (N_("Authenticity"), 30),
    (N_("State"), 16),
    (N_("Use"), 16),
    (N_("Currency"), 10),
    (N_("Financeable"), 16),
    (N_("Left"), 16),
    (N_("Left now"), 16),
    (N_("Until"), 14),
)


def answer_workbook(texts: Texts, enquiry: Mapping[str, Any]) -> bytes:
    """`enquiry` as the API answers it, each of its lines with `now`, what is left by now where that is known and another amount."""
    as_of, exporter = enquiry["as_of"], enquiry["exporter"]
    about = [texts.gettext(N_("As of %(time)s (UTC+8)")) % {"time": texts.time(as_of["time"])}]
    if exporter is not None:
        about.append(f"{exporter['name']} {exporter['uscc']}")
    headers = [about, [texts.gettext(name) for name, _ in _HEADINGS]]
    rows = [_row(texts, line) for line in enquiry["lines"]]
    file = BytesIO()
    write_workbook(
        file, [Sheet(texts.gettext(N_("Enquiry")), headers, rows, text_columns=frozenset({0}), widths=[width for _, width in _HEADINGS])]
    )
    return file.getvalue()


def _row(texts: Texts, line: Mapping[str, Any]) -> list[Cell]:
    status = line["status"]
    said: list[Cell] = [line["number"], texts.gettext(LINE_RESULTS[line["result"]])]
    if status is None:
        return said
    words = [texts.gettext(DECLARATION_STATES[status["declaration"]]), texts.gettext(USES[status["use"]]), status["available"]["currency"]]
    amounts = [Decimal(status["financeable"]["value"]), Decimal(status["available"]["value"])]
    now = None if line["now"] is None else Decimal(line["now"]["value"])
    return [*said, *words, *amounts, now, texts.last_day(status["until"])]
