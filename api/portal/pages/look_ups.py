"""Looking things up at the authority, down to one declaration or enterprise; each look-up is noted with its reason, and shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from api.portal.calls import PURPOSE, ApiRefused
from api.portal.forms import text
from api.portal.reading import Page, Reader, page, see
from api.portal.words import N_
from ledger.limits import PURPOSE_CHARS_MAX

_AUTHORITY: Final = frozenset({"authority"})
_NUMBER: Final = re.compile(r"[0-9]{18}\Z", re.ASCII)
_ID: Final = re.compile(r"[0-9a-f]{64}\Z", re.ASCII)
_PER_PAGE: Final = 50
# What a registration says, and the page says better elsewhere.
_SAID_ABOVE: Final = (
    "v",
    "number",
    "enterprise",
    "currency",
    "total_minor",
    "financeable_minor",
    "exporter_name",
    "exporter_uscc",
    "export_date",
)
# Where something of this id may be, and the page that shows it there.
_PLACES: Final = (
    ("/v1/declarations", "/look-up/declarations"),
    ("/v1/financings", "/financings"),
    ("/v1/enterprises", "/look-up/enterprises"),
    ("/v1/alerts", "/alerts"),
    ("/v1/records", "/ledger/records"),
)


async def search(request: Request, reader: Reader) -> Response:
    """What is looked for, and the reason."""
    return await _search(request, reader, what="", found=None)


async def find(request: Request, reader: Reader) -> Response:
    """Notes the reason for this and what follows, and leads to what was found."""
    form = await request.form()
    what, purpose = text(form, "what"), "".join(each for each in text(form, "purpose") if each.isprintable())[:PURPOSE_CHARS_MAX]
    reader.calls.say(purpose)
    path, found = await _place_of(reader, what)
    response = see(path) if path is not None else await _search(request, reader, what=what, found=found)
    response.set_cookie(PURPOSE, quote(purpose, safe=""), path="/", secure=request.url.scheme == "https", httponly=True, samesite="strict")
    return response


async def declaration(request: Request, reader: Reader) -> Response:
    """One declaration: what was declared, what uses it, and everything that happened to it."""
    found = await reader.calls.get(f"/v1/declarations/{request.path_params['declaration_id']}")
    loans = await reader.calls.all("/v1/financings", declaration_id=found["id"])
    lines = [(loan, line) for loan in loans for line in loan["lines"] if line["declaration_id"] == found["id"]]
    registration = await reader.calls.get(f"/v1/records/{found['record_id']}")
    declared: Mapping[str, Any] = registration.get("parts", {}).get("declaration", {})
    happened = [{**registration, "code": registration["result"]["code"], "bank": None, "financing": None}]
    happened += [{**each, "bank": loan["bank"], "financing": loan["id"]} for loan in loans for each in loan["records"]]
    shown = {
        "declaration": found,
        "lines": lines,
        "pieces": _pieces(lines),
        "declared": {name: value for name, value in declared.items() if name not in _SAID_ABOVE},
        "history": sorted(happened, key=lambda each: str(each["time"])),
        "alerts": await reader.calls.all("/v1/alerts", subject=found["id"]),
        "orders": [each for each in await reader.calls.all("/v1/orders") if each["target"] == found["id"]],
        "purpose": reader.calls.purpose,
    }
    return page(request, reader, "looked_up_declaration.html", shown)


async def enterprise(request: Request, reader: Reader) -> Response:
    """One enterprise: its data and credit facts, its declarations, financings and consents."""
    found = await reader.calls.get(f"/v1/enterprises/{request.path_params['enterprise_id']}")
    credit = await _credit(reader, found["uscc"])
    shown = {
        "enterprise": found,
        "credit": credit,
        "facts": [] if credit is None else _by_kind(credit["facts"]),
        "declarations": await reader.calls.all("/v1/declarations", exporter_uscc=found["uscc"]),
        "financings": await reader.calls.all("/v1/financings", enterprise_id=found["id"]),
        "consents": await reader.calls.all("/v1/consents", enterprise_id=found["id"]),
        "purpose": reader.calls.purpose,
    }
    return page(request, reader, "looked_up_enterprise.html", shown)


async def log(request: Request, reader: Reader) -> Response:
    """Who looked at what, when and why, the newest first."""
    head = (await reader.calls.get("/v1/look-ups", limit=1))["head"]
    asked = request.query_params.get("below", "")
    top = min(head["place"], int(asked) - 1) if asked.isascii() and asked.isdecimal() and len(asked) < 16 else head["place"]
    first = max(0, top - _PER_PAGE)
    items = (await reader.calls.get("/v1/look-ups", after=first, limit=top - first))["items"] if top > first else []
    shown = {"items": list(reversed(items)), "head": head, "below": first + 1 if first > 0 else None}
    return page(request, reader, "look_up_log.html", shown)


async def _search(request: Request, reader: Reader, *, what: str, found: Any) -> Response:
    newest = await reader.calls.get("/v1/enterprises", after=request.query_params.get("after"), limit=_PER_PAGE)
    shown = {
        "what": what,
        "found": found,
        "purpose": reader.calls.purpose,
        "enterprises": newest["items"],
        "next": newest["next"],
        "chars_max": PURPOSE_CHARS_MAX,
    }
    return page(request, reader, "look_up.html", shown)


async def _place_of(reader: Reader, what: str) -> tuple[str | None, list[Mapping[str, Any]]]:
    """The page of the one thing that was meant; or none, and the enterprises that may be."""
    if _ID.match(what):
        for path, shown_at in _PLACES:
            if await _is_at(reader, f"{path}/{what}"):
                return f"{shown_at}/{what}", []
        return None, []
    if _NUMBER.match(what) and (declarations := (await reader.calls.get("/v1/declarations", number=what))["items"]):
        return f"/look-up/declarations/{declarations[0]['id']}", []
    if len(what) < 2:
        return None, []
    found = (await reader.calls.get("/v1/enterprises", query=what))["items"]
    return (f"/look-up/enterprises/{found[0]['id']}", found) if len(found) == 1 else (None, found)


async def _is_at(reader: Reader, path: str) -> bool:
    try:
        await reader.calls.get(path)
    except ApiRefused as refused:
        if refused.status != 404:
            raise
        return False
    return True


async def _credit(reader: Reader, uscc: str) -> Mapping[str, Any] | None:
    """The credit facts in force; None where nothing is known of the enterprise."""
    try:
        return await reader.calls.get(f"/v1/credit-profiles/{uscc}")
    except ApiRefused as refused:
        if refused.status != 404:
            raise
        return None


def _by_kind(facts: Iterable[Mapping[str, Any]]) -> list[tuple[str, list[str], list[dict[str, Any]]]]:
    """Each kind of fact as a table: the columns of which something is known, and the rows."""
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for fact in facts:
        by_kind.setdefault(fact["kind"], []).append(dict(_flat({name: value for name, value in fact.items() if name != "kind"})))
    return [
        (kind, list(dict.fromkeys(name for row in rows for name, value in row.items() if value is not None)), rows)
        for kind, rows in by_kind.items()
    ]


def _flat(value: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """What is within another thing, under both their names; money is one thing."""
    for name, each in value.items():
        if isinstance(each, dict) and each.keys() != {"currency", "value"}:
            yield from _flat(each, f"{before}{name}.")
        else:
            yield f"{before}{name}", each


def _pieces(lines: list[tuple[dict[str, Any], dict[str, Any]]]) -> list[dict[str, Any]]:
    """The shares that lines take, one behind another, for the drawing: paid out, held, lost."""
    pieces, start = [], 0
    for _, line in lines:
        for name, kind in (("drawn", "drawn"), ("held", "hatched"), ("lost", "lost")):
            if line[name]:
                pieces.append({"kind": kind, "start": start, "width": line[name]})
                start += line[name]
    return pieces


PAGES: Final = (
    Page("/look-up", search, seats=_AUTHORITY, scope="enterprises:read", heading=N_("Look up")),
    Page("/look-up", find, ("POST",)),
    Page("/look-up/log", log),
    Page("/look-up/declarations/{declaration_id}", declaration),
    Page("/look-up/enterprises/{enterprise_id}", enterprise),
)
