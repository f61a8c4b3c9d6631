"""The report of an audit as a PDF, for people: the same words and figures as the signed document, whose hash it names.

Chinese text is set in `STSong-Light`, one of the fonts of Adobe's Asian collections: the file names the font and carries none, so nothing
has to be fetched or embedded, and readers show it in a Chinese font of their own. The text is in the file either way. The same report
gives the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

_LATIN: Final = "Helvetica"
_CHINESE: Final = "STSong-Light"
_TEXT: Final = ParagraphStyle("text", fontName=_LATIN, fontSize=9, leading=13, wordWrap="CJK")
_TITLE: Final = ParagraphStyle("title", parent=_TEXT, fontSize=18, leading=24)
_HEADING: Final = ParagraphStyle("heading", parent=_TEXT, fontSize=12, leading=18, spaceBefore=8)
_GRID: Final = TableStyle([("GRID", (0, 0), (-1, -1), 0.25, colors.grey), ("VALIGN", (0, 0), (-1, -1), "TOP")])
_WIDTH: Final = 170 * mm


def to_pdf(report: Mapping[str, Any], signature: Mapping[str, str] | None, document: bytes) -> bytes:
    """The PDF of R and S of `nodes.auditing.report`; `document` is the signed JSON that it is the readable form of."""
    if _CHINESE not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(UnicodeCIDFont(_CHINESE))
    audit = report["audit"]
    story: list[Flowable] = [Paragraph(_set("Audit report"), _TITLE), Spacer(1, 4 * mm)]
    story += [_table(_facts(report, signature, document), (50 * mm, _WIDTH - 50 * mm)), Paragraph(_set("Findings"), _HEADING)]
    if audit["findings"]:
        rows = [("height", "code", "reason", "record")]
        rows += [(str(each["height"]), each["code"], each["reason"], each["record_id"] or "") for each in audit["findings"]]
        story.append(_table(rows, (16 * mm, 34 * mm, 70 * mm, 50 * mm)))
    else:
        story.append(Paragraph(_set("None: everything that was compared holds."), _TEXT))
    for heading, name in (("Compared", "compared"), ("Not compared", "left_out")):
        story.append(Paragraph(_set(heading), _HEADING))
        story += [Paragraph(_set(f"- {line}"), _TEXT) for line in report[name]]
    file = io.BytesIO()
    # Not compressed: it is small, and its words can be searched for.
    SimpleDocTemplate(
        file, pagesize=A4, title="Audit report", leftMargin=20 * mm, rightMargin=20 * mm, invariant=1, pageCompression=0
    ).build(story)
    return file.getvalue()


def _facts(report: Mapping[str, Any], signature: Mapping[str, str] | None, document: bytes) -> list[tuple[str, str]]:
    audit, at, sample = report["audit"], report["as_of"], report["sample"]
    verdict = "everything holds" if audit["ok"] else f"does not hold; first bad height {audit['first_bad_height']}"
    return [
        ("Verdict", verdict),
        ("Network", f"{report['network']['name']} ({report['network']['id']})"),
        ("As of", f"height {at['height']}, {at['time']}, log of {at['log_size']} leaves"),
        ("Header", at["header_hash"]),
        ("Made at", report["made_at"]),
        ("Records", f"{audit['records']:,} in {audit['height'] + 1:,} blocks"),
        ("Opened parts", f"{report['counts']['parts']:,} compared"),
        ("Amounts", f"{report['counts']['declarations']:,} declarations compared"),
        ("Sample", f"{sample['drawn']:,} of {sample['of']:,} records, seed {sample['seed']}, SHA-256 of the list {sample['sha256']}"),
        ("Signed by", "nobody" if signature is None else f"{signature['member']}, key {signature['key_id']}"),
        ("Signed document", f"SHA-256 {sha256(document).hexdigest()}"),
    ]


def _table(rows: Sequence[Sequence[str]], widths: Sequence[float]) -> Table:
    return Table([[Paragraph(_set(cell), _TEXT) for cell in row] for row in rows], colWidths=list(widths), style=_GRID, hAlign="LEFT")


def _set(text: str) -> str:
    """Text as the paragraphs' markup, what is not Latin in the Chinese font."""
    if text.isascii():
        return escape(text)
    return "".join(escape(each) if ord(each) < 256 else f'<font name="{_CHINESE}">{escape(each)}</font>' for each in text)
