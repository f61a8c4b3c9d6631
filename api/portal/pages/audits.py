"""Audits that the node makes of its own replica: begun, followed, and their reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from api.portal.calls import ApiRefused
from api.portal.forms import text
from api.portal.reading import Page, Reader, page, see
from api.portal.words import N_


async def listed(request: Request, reader: Reader) -> Response:
    """The audits that the node keeps, and how another is begun."""
    return await _listed(request, reader, "25", None)


async def begin(request: Request, reader: Reader) -> Response:
    """Begins an audit."""
    sent = await request.form()
    sample = text(sent, "sample")
    body = {"sample": int(sample) if sample.isascii() and sample.isdecimal() else sample}
    try:
        answer = await reader.calls.send("/v1/audits", body, key=text(sent, "key"), wait=False)
    except ApiRefused as refused:
        return await _listed(request, reader, sample, refused.problem)
    return see(f"/audits/{answer.body['id']}")


async def shown(request: Request, reader: Reader) -> Response:
    """How far an audit is, then what it found."""
    found = await reader.calls.get(f"/v1/audits/{request.path_params['audit_id']}")
    return page(request, reader, "audit.html", {"audit": found})


async def _listed(request: Request, reader: Reader, sample: str, problem: Mapping[str, Any] | None) -> Response:
    shown = {"audits": (await reader.calls.get("/v1/audits"))["items"], "sample": sample, "problem": problem}
    return page(request, reader, "audits.html", shown, status=409 if problem else 200)


PAGES: Final = (
    Page("/audits", listed, seats=frozenset({"auditor"}), scope="audits:read", heading=N_("Audits")),
    Page("/audits", begin, ("POST",)),
    Page("/audits/{audit_id}", shown),
)
