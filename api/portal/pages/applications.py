"""An application for financing, from the lines of an enquiry that were chosen: first what it would do, then, if it is sent, what it did.

A line can be left out again, and the sums of what is asked for and of what is left stand below the lines; `static/portal.js` keeps them up
while one types.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any, Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from api.portal.calls import ApiRefused
from api.portal.filled_in import amount, digests, documents, status_of, text
from api.portal.pages.enquiries import read_enquiry
from api.portal.reading import Page, Reader, page, see
from nodes.customs.codes import CURRENCY_DIGITS

# More than any amount has.
_DIGITS_MAX: Final = 16


async def form(request: Request, reader: Reader) -> Response:
    """The lines that were chosen, with all that is left on each to begin with."""
    if "enquiry" not in request.query_params:
        return see("/enquiries")
    enquiry = await read_enquiry(reader, request.query_params["enquiry"])
    chosen = request.query_params.getlist("line")
    wanted = request.query_params.get("request", "")
    asking: dict[str, Any] = await reader.calls.get(f"/v1/financing-requests/{wanted}") if wanted else {"product": "", "lines": []}
    lines = [_chosen(each, asking["lines"]) for each in enquiry["lines"] if each["declaration_id"] in chosen and each["left"]]
    words = {"product": asking["product"], "reference": "", "branch": "", "mode": "all", "request": wanted, "enquiry": enquiry["id"]}
    return _form(request, reader, lines, words, None, None, [])


async def send(request: Request, reader: Reader) -> Response:
    """Tries it on this node's replica, which writes nothing; or sends it to the ledger. `without` leaves a line out, and asks nothing."""
    sent = await request.form()
    lines = _lines(sent)
    words = {name: text(sent, name) for name in ("product", "reference", "branch", "mode", "request", "enquiry")}
    if "without" in sent:
        return _form(request, reader, lines, words, None, None, await documents(sent, reader.calls))
    body: dict[str, Any] = {
        "lines": [{"declaration_id": each["id"], "amount": amount(each["currency"], each["amount"])} for each in lines],
        "product": words["product"],
        "reference": words["reference"],
        "branch": words["branch"] or None,
        "mode": words["mode"] or "all",
    }
    is_trial, kept = sent.get("do") != "send", list[dict[str, str]]()
    try:
        kept = await documents(sent, reader.calls)
        body["attachments"] = digests(kept)
        answer = await reader.calls.send(
            "/v1/financings", body, key=None if is_trial else text(sent, "key"), query={"dry_run": "true"} if is_trial else None
        )
    except ApiRefused as refused:
        return _form(request, reader, lines, words, None, refused.problem, kept)
    if is_trial:
        return _form(request, reader, lines, words, answer.body, None, kept)
    if words["request"] and not await _taken_up(reader, words["request"], answer.body["id"], text(sent, "key")):
        return see(f"/requests/{words['request']}")
    return see(f"/financings/{answer.body['id']}?done=financing.apply")


async def _taken_up(reader: Reader, request_id: str, financing_id: str, key: str) -> bool:
    """Tells the exporter that the request became this application; False where the request is no longer open, which its page shows."""
    try:
        await reader.calls.send(f"/v1/financing-requests/{request_id}/take-up", {"financing_id": financing_id}, key=f"{key}-request")
    except ApiRefused:
        return False
    return True


def _form(
    request: Request,
    reader: Reader,
    lines: list[dict[str, Any]],
    words: dict[str, str],
    trial: Any,
    problem: Any,
    kept: list[dict[str, str]],
) -> Response:
    shown = {"lines": lines, "totals": _totals(lines), "words": words, "trial": trial, "problem": problem, "kept": kept}
    return page(request, reader, "application.html", shown, status=status_of(problem))


def _chosen(line: dict[str, Any], wanted: list[dict[str, Any]]) -> dict[str, Any]:
    """A line with all that is left, or with what the exporter wants where that is less."""
    left = line["left"]
    asked = next((each["amount"]["value"] for each in wanted if each["number"] == line["number"]), left["value"])
    return {
        "id": line["declaration_id"],
        "number": line["number"],
        "left": left["value"],
        "currency": left["currency"],
        "amount": min(asked, left["value"], key=Decimal),
    }


def _lines(sent: FormData) -> list[dict[str, Any]]:
    """The lines as the form names them, five lists of one length, but for the one that is left out, and for any that no form of this page
    has.
    """
    names = ("id", "number", "left", "currency", "amount")
    columns = [[str(each).strip() for each in sent.getlist(name)] for name in names]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=False)]
    return [row for row in rows if row["id"] != sent.get("without") and row["currency"] in CURRENCY_DIGITS and _read(row["left"]) > 0]


def _totals(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each currency what is left, what is asked for, and what of it stays. What cannot be read counts nothing; the API refuses it."""
    found = []
    for currency in dict.fromkeys(each["currency"] for each in lines):
        own = [each for each in lines if each["currency"] == currency]
        digits = CURRENCY_DIGITS[currency]
        left, asked = (sum((_read(each[name]) for each in own), Decimal()) for name in ("left", "amount"))
        sums = {"left": left, "asked": asked, "stays": max(Decimal(), left - asked)}
        found.append({"digits": digits, "currency": currency, **{name: _money(currency, value, digits) for name, value in sums.items()}})
    return found


def _read(value: str) -> Decimal:
    try:
        found = Decimal(value.replace(",", "") or "0")
    except InvalidOperation:
        return Decimal()
    return found if found.is_finite() and found.adjusted() < _DIGITS_MAX else Decimal()


def _money(currency: str, value: Decimal, digits: int) -> dict[str, str]:
    return {"currency": currency, "value": f"{value:.{digits}f}"}


PAGES: Final = (
    Page("/applications/new", form),
    Page("/applications/new", send, ("POST",)),
)
