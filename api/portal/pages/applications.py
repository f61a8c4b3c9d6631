"""An application for financing, from the lines of an enquiry that were chosen: first what it would do, then, if it is sent, what it did."""

from __future__ import annotations

from typing import Any, Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from api.portal.calls import ApiRefused
from api.portal.reading import Page, Reader, page, see


async def form(request: Request, reader: Reader) -> Response:
    """The lines that were chosen, with all that is left on each to begin with."""
    enquiry = await reader.calls.get(f"/v1/enquiries/{request.query_params['enquiry']}")
    chosen = request.query_params.getlist("line")
    lines = [_chosen(each) for each in enquiry["lines"] or [] if each["declaration_id"] in chosen and each["status"]]
    return _form(request, reader, lines, {"product": "", "reference": "", "branch": "", "mode": "all"}, None, None)


async def send(request: Request, reader: Reader) -> Response:
    """Tries it on this node's replica, which writes nothing; or sends it to the ledger."""
    sent = await request.form()
    lines = _lines(sent)
    words = {name: str(sent.get(name, "")).strip() for name in ("product", "reference", "branch", "mode")}
    body = {
        "lines": [{"declaration_id": each["id"], "amount": {"currency": each["currency"], "value": each["amount"]}} for each in lines],
        "product": words["product"],
        "reference": words["reference"],
        "branch": words["branch"] or None,
        "mode": words["mode"] or "all",
    }
    is_trial = sent.get("do") != "send"
    try:
        answer = await reader.calls.send(
            "/v1/financings", body, key=None if is_trial else str(sent["key"]), query={"dry_run": "true"} if is_trial else None
        )
    except ApiRefused as refused:
        return _form(request, reader, lines, words, None, refused.problem)
    if is_trial:
        return _form(request, reader, lines, words, answer.body, None)
    return see(f"/financings/{answer.body['id']}")


def _form(request: Request, reader: Reader, lines: list[dict[str, Any]], words: dict[str, str], trial: Any, problem: Any) -> Response:
    status = 200 if problem is None else problem["status"]
    return page(request, reader, "application.html", {"lines": lines, "words": words, "trial": trial, "problem": problem}, status=status)


def _chosen(line: dict[str, Any]) -> dict[str, Any]:
    left = line["status"]["available"]
    return {
        "id": line["declaration_id"],
        "number": line["number"],
        "left": left["value"],
        "currency": left["currency"],
        "amount": left["value"],
    }


def _lines(sent: FormData) -> list[dict[str, Any]]:
    """The lines as the form names them: five lists of one length."""
    names = ("id", "number", "left", "currency", "amount")
    columns = [[str(each).strip() for each in sent.getlist(name)] for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=False)]


PAGES: Final = (
    Page("/applications/new", form),
    Page("/applications/new", send, ("POST",)),
)
