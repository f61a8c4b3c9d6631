"""Who reads a page, and what every page of that reader shows: the one way by which pages are asked for and made."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.portal import trade_words, words
from api.portal.calls import ApiRefused, Calls, calls_of
from api.portal.field_words import field_text
from api.portal.region_words import region_name
from api.portal.texts import LANGUAGES, Texts, language_of, texts_of
from nodes.customs.codes import CURRENCY_DIGITS
from nodes.days import day_of

TEMPLATES: Final = Path(__file__).parent / "templates"
ROOT: Final = "/portal"
SIGN_IN: Final = f"{ROOT}/sign-in"
# What trade is settled in mostly first, for lists to choose from.
_COMMON: Final = ("USD", "CNY", "EUR", "HKD", "JPY", "GBP")
_CURRENCIES: Final = (*_COMMON, *sorted(set(CURRENCY_DIGITS) - set(_COMMON)))


@dataclass(frozen=True)
class Reader:
    """A person who is signed in, and the node's API as that person may use it."""

    calls: Calls
    texts: Texts
    session: Mapping[str, Any]
    network: Mapping[str, Any]

    @property
    def role(self) -> str:
        return str(self.session["role"])

    @property
    def seat(self) -> str:
        """The node's seat; an exporter in custody sits at its own."""
        return "enterprise" if self.role == "enterprise" else str(self.network["node"]["role"])

    def may(self, scope: str) -> bool:
        return scope in self.session["scopes"]


Show = Callable[[Request, Reader], Awaitable[Response]]


@dataclass(frozen=True)
class Page:
    """A page or what a form leads to. `heading` puts it into the menu of those who have the scope at that seat, in the table's order; of
    `roles` only, where it names any.
    """

    path: str
    show: Show
    methods: tuple[str, ...] = ("GET",)
    scope: str | None = None
    seats: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    heading: str | None = None

    def is_in_menu_of(self, reader: Reader) -> bool:
        seated = reader.seat in self.seats and (not self.roles or reader.role in self.roles)
        return self.heading is not None and seated and (self.scope is None or reader.may(self.scope))


def shown_to_reader(show: Show, menu: Callable[[], tuple[Page, ...]]) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of a page: it knows its reader, or sends to the sign-in page; what the API refuses it says in the reader's words."""

    async def endpoint(request: Request) -> Response:
        request.state.menu, request.state.sent_key = menu, None
        form = await request.form() if request.method == "POST" else None
        try:
            if form is not None:
                request.state.sent_key = form.get("key")
            return await shown(request, "" if form is None else str(form.get("csrf", "")))
        finally:
            await request.close()

    async def shown(request: Request, csrf: str) -> Response:
        async with calls_of(request.app.state.api, request, csrf) as calls:
            try:
                session = await calls.get("/v1/session")
            except ApiRefused as refused:
                if refused.status != 401:
                    return page(request, None, "error.html", {"problem": refused.problem}, status=refused.status)
                return RedirectResponse(f"{SIGN_IN}?next={quote(request.url.path)}", 303)
            reader = Reader(calls, texts_of(language_of(request)), session, await calls.get("/v1/network"))
            try:
                return await show(request, reader)
            except ApiRefused as refused:
                return page(request, reader, "error.html", {"problem": refused.problem}, status=refused.status)

    return endpoint


def page(request: Request, reader: Reader | None, template: str, shown: Mapping[str, Any], *, status: int = 200) -> Response:
    """A page of HTML."""
    language = language_of(request) if reader is None else reader.texts.language
    problem = shown.get("problem")
    # A form of which nobody knows whether it did its work keeps its key, so that it can be sent again.
    is_unsure = problem is not None and problem.get("status", 0) >= 500 and bool(request.state.sent_key)
    menu = () if reader is None else tuple(each for each in request.state.menu() if each.is_in_menu_of(reader))
    context = {
        **shown,
        "path": request.url.path,
        "root": ROOT,
        "language": language,
        "languages": LANGUAGES,
        "reader": reader,
        "menu": menu,
        "currencies": _CURRENCIES,
        # A form that is sent twice does its work once.
        "form_key": str(request.state.sent_key) if is_unsure else secrets.token_urlsafe(18),
        "csrf": None if reader is None or reader.session["session"] is None else reader.session["session"]["csrf_token"],
    }
    return HTMLResponse(environment(language).get_template(template).render(context), status)


def not_here(request: Request, reader: Reader) -> Response:
    """The page that there is none of for this reader."""
    return page(request, reader, "missing.html", {}, status=404)


def see(path: str) -> Response:
    """After a form that did its work: the page that shows it."""
    return RedirectResponse(f"{ROOT}{path}", 303)


def today(reader: Reader) -> str:
    """The day of business that the ledger is at."""
    return day_of(int(datetime.fromisoformat(reader.network["as_of"]["time"]).timestamp() * 1000))


@cache
def environment(language: str) -> Environment:
    """The templates in one language. Everything is escaped, and what a template names has to be there."""
    found = texts_of(language)
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_callables(found.gettext, found.ngettext, newstyle=True)  # type: ignore[attr-defined]  # the extension adds it
    made.filters.update(money=found.money, number=found.number, share=found.share, day=found.day, last_day=found.last_day, time=found.time)
    made.filters.update(instant=found.instant, hours=found.hours, stated_time=found.stated)
    for name, table in (*words.TABLES.items(), *trade_words.TABLES.items()):
        made.filters[name] = _worded(found, table)
    made.filters["region_name"] = partial(region_name, found)
    made.filters["field_text"] = lambda error: field_text(found, error)
    made.filters["problem_text"] = lambda problem: words.problem_text(found, problem)
    return made


def _worded(texts: Texts, table: Mapping[str, str]) -> Callable[[str], str]:
    """The reader's words for a code of the API; a code that has none is shown as it is."""

    def word(code: str | None) -> str:
        return "–" if code is None else texts.gettext(table[code]) if code in table else code

    return word
