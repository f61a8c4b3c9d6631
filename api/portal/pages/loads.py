"""Loans that were paid before a bank joined, by file: what loading them would do, then, with the same file, a task for each loan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from api.portal.calls import ApiRefused
from api.portal.filled_in import INCOMPLETE, status_of
from api.portal.forms import files, text
from api.portal.reading import Page, Reader, not_here, page

_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# What a button of the form does, and where the file goes for it.
_WAYS: Final = {"report": "/v1/conflict-reports/files", "load": "/v1/financings/loads/files"}


async def form(request: Request, reader: Reader) -> Response:
    """What it is about, the template, and the form."""
    return _shown(request, reader, None, None, None)


async def hand_in(request: Request, reader: Reader) -> Response:
    """Reads the file: says what loading would do, or prepares a task for each loan that such a report is about."""
    sent = await request.form()
    chosen, way = await files(sent, "file"), text(sent, "do")
    if not chosen or way not in _WAYS:
        return _shown(request, reader, None, None, INCOMPLETE)
    ((name, content), *_) = chosen
    try:
        media_type = _XLSX if name.lower().endswith(".xlsx") else "text/csv"
        answer = await reader.calls.hand_over(_WAYS[way], content, media_type, key=f"{text(sent, 'key')}-{way}")
    except ApiRefused as refused:
        return _shown(request, reader, None, None, refused.problem)
    return _shown(request, reader, way, answer.body, None)


def _shown(
    request: Request, reader: Reader, way: str | None, report: Mapping[str, Any] | None, problem: Mapping[str, Any] | None
) -> Response:
    if reader.seat != "bank" or not reader.may("financings:read"):
        return not_here(request, reader)
    may = reader.may("financings:write") and reader.role in ("maker", "checker")
    shown = {"way": way, "report": report, "problem": problem, "may": may}
    return page(request, reader, "loads.html", shown, status=status_of(problem))


PAGES: Final = (
    Page("/loads", form),
    Page("/loads", hand_in, ("POST",)),
)
