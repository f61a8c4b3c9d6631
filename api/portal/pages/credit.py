"""An exporter's credit, at a bank: asked for under a consent, and the limit that the bank's own parameters make of the answer."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from api.portal.calls import ApiRefused
from api.portal.filled_in import INCOMPLETE, Incomplete, amount, status_of, text, typed
from api.portal.pages.enquiries import show_enquiry
from api.portal.reading import Page, Reader, page, see
from api.portal.trade_words import CREDIT_INPUTS
from api.portal.words import CONSENT_SCOPES, N_

_BANK: Final = frozenset({"bank"})
_SCOPES: Final = tuple(scope for scope in CONSENT_SCOPES if scope != "finance")
_WEIGHTS: Final = ("collections", "payments", "exports", "imports")
_CLASSES: Final = ("A", "B", "C")
_WHOLE: Final = 1_000_000
_PERCENT: Final = re.compile(r"([0-9]{1,5}(?:\.[0-9]{1,4})?)%?", re.ASCII)


async def form(request: Request, reader: Reader) -> Response:
    """Under which consent, and what of that which it allows."""
    return await _form(request, reader, request.query_params.get("consent", ""), _SCOPES, None)


async def ask(request: Request, reader: Reader) -> Response:
    """Sends the enquiry. What the consent does not allow is not asked."""
    sent = await request.form()
    consent_id, wanted = text(sent, "consent"), [str(each) for each in sent.getlist("scope")]
    try:
        consent = await reader.calls.get(f"/v1/consents/{consent_id}")
        body = {"kind": "credit", "consent_id": consent_id, "scopes": [each for each in wanted if each in consent["scopes"]]}
        answer = await reader.calls.send("/v1/enquiries", body, key=text(sent, "key"))
        return see(f"/enquiries/{answer.body['id']}")
    except ApiRefused as refused:
        return await _form(request, reader, consent_id, wanted, refused.problem)


async def _form(request: Request, reader: Reader, consent: str, wanted: Any, problem: Any) -> Response:
    consents = [each for each in await reader.calls.all("/v1/consents") if each["state"] == "active" and set(each["scopes"]) & set(_SCOPES)]
    shown = {"consents": consents, "scopes": {scope: CONSENT_SCOPES[scope] for scope in _SCOPES}}
    return page(
        request, reader, "credit_form.html", {**shown, "consent": consent, "wanted": wanted, "problem": problem}, status=status_of(problem)
    )


async def limits(request: Request, reader: Reader) -> Response:
    """The limits that were computed, the newest first."""
    found = await reader.calls.all("/v1/credit-assessments")
    return page(request, reader, "limits.html", {"limits": list(reversed(found)), "parameters": await _in_use(reader)})


async def compute(request: Request, reader: Reader) -> Response:
    """Computes a limit from the answer to an enquiry."""
    sent = await request.form()
    year = text(sent, "year")
    body: dict[str, Any] = {"enquiry_id": text(sent, "enquiry"), "year": int(year) if year.isascii() and year.isdecimal() else None}
    try:
        answer = await reader.calls.send("/v1/credit-assessments", body, key=text(sent, "key"))
    except ApiRefused as refused:
        return await show_enquiry(request, reader, body["enquiry_id"], refused.problem)
    return see(f"/limits/{answer.body['id']}")


async def limit(request: Request, reader: Reader) -> Response:
    """One limit with every input and every step."""
    found = await reader.calls.get(f"/v1/credit-assessments/{request.path_params['limit_id']}")
    return page(request, reader, "limit.html", {"limit": found})


async def parameters(request: Request, reader: Reader) -> Response:
    """The parameters in use, and for an administrator a form to set others."""
    return await _parameters(request, reader, None, None)


async def set_parameters(request: Request, reader: Reader) -> Response:
    """A new version. Limits that were computed keep theirs."""
    sent = await request.form()
    try:
        await reader.calls.send("/v1/credit-parameters", _stated(sent), key=text(sent, "key"))
        return see("/limits/parameters")
    except Incomplete:
        problem: Any = INCOMPLETE
    except ApiRefused as refused:
        problem = refused.problem
    return await _parameters(request, reader, sent, problem)


async def _parameters(request: Request, reader: Reader, sent: FormData | None, problem: Any) -> Response:
    used = await _in_use(reader)
    said = typed(sent) if sent is not None else _typed(used)
    zero = [str(each) for each in sent.getlist("zero")] if sent is not None else (used or {}).get("missing_as_zero", [])
    shown = {"parameters": used, "typed": said, "zero": zero, "inputs": CREDIT_INPUTS, "may": reader.role == "admin", "problem": problem}
    return page(request, reader, "parameters.html", shown, status=status_of(problem))


async def _in_use(reader: Reader) -> dict[str, Any] | None:
    """The last version, in use."""
    versions = await reader.calls.all("/v1/credit-parameters")
    return versions[-1] if versions else None


def _stated(sent: FormData) -> dict[str, Any]:
    """The API's body: percentages as millionths. Raises `Incomplete`."""
    currency, rates = text(sent, "currency").upper(), text(sent, "rates")
    pairs = [line.split() for line in rates.splitlines() if line.strip()]
    if any(len(pair) != 2 for pair in pairs):
        raise Incomplete
    return {
        "currency": currency,
        "weights": {name: _ppm(sent, f"weight_{name}") for name in _WEIGHTS},
        "services": "services" in sent,
        "capital": "capital" in sent,
        "class_factors": {name: _ppm(sent, f"class_{name}") for name in _CLASSES},
        "penalty_haircut_ppm": _ppm(sent, "haircut"),
        "cap": amount(currency, text(sent, "cap")),
        "floor": amount(currency, text(sent, "floor")),
        "missing_as_zero": [str(each) for each in sent.getlist("zero")],
        "rates": [{"currency": pair[0].upper(), "rate": pair[1]} for pair in pairs],
        "rate_source": text(sent, "rate_source") or None,
        "rates_of": text(sent, "rates_of") or None,
    }


def _ppm(sent: FormData, name: str) -> int:
    """A percentage as millionths. Raises `Incomplete`."""
    found = _PERCENT.fullmatch(text(sent, name))
    if found is None:
        raise Incomplete
    return int(Decimal(found[1]) * _WHOLE / 100)


def _typed(used: dict[str, Any] | None) -> dict[str, str]:
    """The parameters in use as the form has them; those of the first version as nobody's."""
    if used is None:
        names = ["currency", "cap", "floor", "haircut", "rates", "rate_source", "rates_of", "services", "capital"]
        return dict.fromkeys([*names, *(f"weight_{name}" for name in _WEIGHTS), *(f"class_{name}" for name in _CLASSES)], "")
    return {
        "currency": used["currency"],
        "cap": used["cap"]["value"],
        "floor": used["floor"]["value"],
        "haircut": _percent(used["penalty_haircut_ppm"]),
        "services": "on" if used["services"] else "",
        "capital": "on" if used["capital"] else "",
        "rates": "\n".join(f"{each['currency']} {each['rate']}" for each in used["rates"]),
        "rate_source": used["rate_source"] or "",
        "rates_of": used["rates_of"] or "",
        **{f"weight_{name}": _percent(used["weights"][name]) for name in _WEIGHTS},
        **{f"class_{name}": _percent(used["class_factors"][name]) for name in _CLASSES},
    }


def _percent(ppm: int) -> str:
    return f"{Decimal(ppm) * 100 / _WHOLE:f}"


PAGES: Final = (
    Page("/credit/new", form),
    Page("/credit/new", ask, ("POST",)),
    Page("/limits", limits),
    Page("/limits", compute, ("POST",)),
    Page(
        "/limits/parameters",
        parameters,
        seats=_BANK,
        scope="credit:read",
        roles=frozenset({"admin"}),
        heading=N_("Credit parameters"),
    ),
    Page("/limits/parameters", set_parameters, ("POST",)),
    Page("/limits/{limit_id}", limit),
)
