"""Proof files: made for what somebody asks to be proven, and checked in the browser without this node."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api.portal.calls import ApiRefused
from api.portal.reading import Page, Reader, page
from api.portal.words import N_

VERIFIER: Final = Path(__file__).parents[2] / "verifier.html"
_POLICY: Final = re.compile(r'http-equiv="Content-Security-Policy" content="([^"]+)"')
_KINDS: Final = ("declaration", "financing", "consent")
_TYPED: Final = ("what", "record", "kind", "id", "height", "since")


async def form(request: Request, reader: Reader) -> Response:
    """What can be proven, the trust file, and the verifier."""
    return _form(request, reader, {name: request.query_params.get(name, "") for name in _TYPED}, None)


async def make(request: Request, reader: Reader) -> Response:
    """The proof file that was asked for, or the form again with what stands in its way."""
    typed = {name: request.query_params.get(name, "").strip() for name in _TYPED}
    try:
        if typed["what"] == "record":
            return await reader.calls.file(f"/v1/records/{typed['record'] or '-'}/proof")
        if typed["what"] == "growth":
            return await reader.calls.file("/v1/log/consistency/proof", since=typed["since"])
        return await reader.calls.file("/v1/state/proof", key=f"{typed['kind']}/{typed['id']}", height=typed["height"])
    except ApiRefused as refused:
        return _form(request, reader, typed, refused.problem)


async def verifier(_request: Request, _reader: Reader) -> Response:
    """The verifier, the one file as it is handed out everywhere, under the policy that it names itself."""
    content, policy = _verifier()
    return HTMLResponse(content, headers={"Content-Security-Policy": f"{policy}; frame-ancestors 'none'"})


def _form(request: Request, reader: Reader, typed: Mapping[str, str], problem: Mapping[str, Any] | None) -> Response:
    return page(request, reader, "proofs.html", {"typed": typed, "kinds": _KINDS, "problem": problem}, status=409 if problem else 200)


@cache
def _verifier() -> tuple[str, str]:
    content = VERIFIER.read_text(encoding="utf-8")
    found = _POLICY.search(content)
    assert found is not None, "the verifier says what it may run"
    return content, found[1]


PAGES: Final = (
    Page("/proofs", form, seats=frozenset({"auditor"}), scope="ledger:read", heading=N_("Proofs")),
    Page("/proofs/file", make),
    Page("/verifier", verifier),
)
