"""What the authority takes in: customs files, exchange rates, credit facts; each with an account of every line."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any, Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from api.portal.calls import ApiRefused
from api.portal.forms import files, text
from api.portal.reading import Page, Reader, not_here, page, see
from api.portal.words import N_
from nodes.credit.files import write_template as write_credit
from nodes.customs.xlsx_reader import write_template as write_customs

_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_CSV: Final = "text/csv"


async def overview(request: Request, reader: Reader) -> Response:
    """What can be handed in."""
    if reader.seat != "authority":
        return not_here(request, reader)
    return _overview(request, reader, None)


async def hand_in(request: Request, reader: Reader) -> Response:
    """Takes customs files in; the account grows while they are read."""
    sent = await request.form()
    chosen = await files(sent, "files")
    if not chosen:
        return _overview(request, reader, {"code": "form-incomplete"})
    try:
        answer = await reader.calls.hand_in_all("/v1/declaration-imports", chosen, "application/octet-stream", key=text(sent, "key"))
    except ApiRefused as refused:
        return _overview(request, reader, refused.problem)
    return see(f"/intake/imports/{answer.body['id']}")


async def report(request: Request, reader: Reader) -> Response:
    """How an import stands, and what became of every declaration."""
    path = f"/v1/declaration-imports/{request.path_params['import_id']}"
    found = await reader.calls.get(path, after=request.query_params.get("after"), limit=100)
    return page(request, reader, "import.html", {"report": found})


async def enrol(request: Request, reader: Reader) -> Response:
    """Enrols an enterprise: in custody by its code and name, or with the keys of its own node, as its application has them."""
    sent = await request.form()
    application = text(sent, "application")
    body: Any = {"uscc": text(sent, "uscc"), "name": text(sent, "name"), "custody": True}
    try:
        if application:
            body = json.loads(application)
        answer = await reader.calls.send("/v1/enterprises", body, key=text(sent, "key"))
    except ValueError:
        return _overview(request, reader, {"code": "form-incomplete"}, sent)
    except ApiRefused as refused:
        return _overview(request, reader, refused.problem, sent)
    return see(f"/look-up/enterprises/{answer.body['id']}")


async def credit(request: Request, reader: Reader) -> Response:
    """Takes credit facts in, and shows what became of every row."""
    sent = await request.form()
    chosen = await files(sent, "facts")
    if not chosen:
        return _overview(request, reader, {"code": "form-incomplete"})
    ((name, content), *_) = chosen
    try:
        media_type = _XLSX if name.lower().endswith(".xlsx") else _CSV
        answer = await reader.calls.hand_over("/v1/credit-profiles", content, media_type, key=text(sent, "key"))
    except ApiRefused as refused:
        return _overview(request, reader, refused.problem)
    return page(request, reader, "credit_taken_in.html", {"report": answer.body})


async def rates(request: Request, reader: Reader) -> Response:
    """The exchange rates, the latest entered first."""
    return await _rates(request, reader, "", None)


async def enter_rates(request: Request, reader: Reader) -> Response:
    """Enters rates, all or none: lines of currency, day and rate."""
    sent = await request.form()
    typed = text(sent, "rates")
    rows = [line.replace("\t", ",").replace(";", ",") for line in typed.splitlines() if line.strip()]
    content = "\n".join(["currency,day,rate", *rows]).encode("utf-8")
    try:
        await reader.calls.hand_over("/v1/exchange-rates", content, _CSV, key=text(sent, "key"))
    except ApiRefused as refused:
        return await _rates(request, reader, typed, refused.problem)
    return see("/exchange-rates")


async def template(request: Request, reader: Reader) -> Response:
    """An empty workbook to fill in."""
    kind, file = request.path_params["kind"], io.BytesIO()
    if kind == "customs":
        write_customs(file, "zh" if reader.texts.language == "zh" else "en")
    elif kind == "credit":
        write_credit(file)
    else:
        return not_here(request, reader)
    headers = {"Content-Disposition": f'attachment; filename="{kind}.xlsx"'}
    return Response(file.getvalue(), headers=headers, media_type=_XLSX)


def _overview(request: Request, reader: Reader, problem: Mapping[str, Any] | None, sent: FormData | None = None) -> Response:
    shown = {
        "typed": {name: text(sent, name) if sent else "" for name in ("uscc", "name", "application")},
        "problem": problem,
        "may": reader.role == "maker",
        "registers": reader.network["registrar"] == reader.network["node"]["member"],
    }
    return page(request, reader, "intake.html", shown, status=422 if problem else 200)


async def _rates(request: Request, reader: Reader, typed: str, problem: Mapping[str, Any] | None) -> Response:
    found = await reader.calls.all("/v1/exchange-rates", currency=request.query_params.get("currency", ""))
    shown = {"rates": list(reversed(found)), "typed": typed, "problem": problem, "may": reader.role == "maker"}
    return page(request, reader, "rates.html", shown, status=422 if problem else 200)


PAGES: Final = (
    Page("/intake", overview, seats=frozenset({"authority"}), scope="enterprises:read", heading=N_("Data taken in")),
    Page("/intake/imports", hand_in, ("POST",)),
    Page("/intake/imports/{import_id}", report),
    Page("/intake/credit", credit, ("POST",)),
    Page("/intake/enterprises", enrol, ("POST",)),
    Page("/intake/templates/{kind}.xlsx", template),
    Page("/exchange-rates", rates),
    Page("/exchange-rates", enter_rates, ("POST",)),
)
