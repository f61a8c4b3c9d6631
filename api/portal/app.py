"""The portal as an application of its own, which the API's serves under `/portal`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.portal import sign_in
from api.portal.pages import PAGES
from api.portal.reading import ROOT, page, shown_to_reader
from api.portal.texts import COOKIE, LANGUAGES
from api.problems import HTTP_CODES, request_id_of

STATIC: Final = Path(__file__).parent / "static"
# Everything comes from this node; nothing is run or styled from within a page (CSP Level 3).
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_YEAR_S: Final = 31_536_000


def create_portal(api: ASGIApp) -> Starlette:
    """The portal over an API that answers at `/v1` of the application."""
    routes = [
        Route("/", _home),
        Route("/sign-in", sign_in.show, methods=["GET"]),
        Route("/sign-in", sign_in.enter, methods=["POST"]),
        Route("/language/{language}", _speak, methods=["POST"]),
        *(Route(each.path, shown_to_reader(each.show, lambda: PAGES), methods=list(each.methods)) for each in PAGES),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(_Guarded)],
        exception_handlers={404: _missing, HTTPException: _refused, Exception: _fault},
    )
    app.state.api = api
    return app


async def _home(_request: Request) -> Response:
    return RedirectResponse(f"{ROOT}/work", 303)


async def _speak(request: Request) -> Response:
    """Chooses the language, and goes back to the page that was read."""
    language = request.path_params["language"]
    form = await request.form()
    back = str(form.get("back", ""))
    answer = RedirectResponse(back if back.startswith(f"{ROOT}/") else f"{ROOT}/work", 303)
    if language in LANGUAGES:
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, language, max_age=_YEAR_S, path="/", secure=secure, httponly=True, samesite="strict")
    return answer


async def _missing(request: Request, _error: Exception) -> Response:
    return page(request, None, "missing.html", {}, status=404)


async def _refused(request: Request, error: Exception) -> Response:
    """What could not be read at all, for instance a form that is too large, or asks what no page answers."""
    assert isinstance(error, HTTPException), "the handler is of these"
    code, detail = HTTP_CODES.get(error.status_code, HTTP_CODES[400])
    problem = {"code": code, "detail": detail, "request_id": request_id_of(request)}
    return page(request, None, "error.html", {"problem": problem}, status=error.status_code)


async def _fault(request: Request, _error: Exception) -> Response:
    """What nobody expected, which the API's outermost layer writes to the log under the request's id."""
    response = page(request, None, "error.html", {"problem": {"code": "internal", "request_id": request_id_of(request)}}, status=500)
    response.headers.update(HEADERS)
    return response


class _Guarded:
    """Says to the browser what its page may do. Not one of Starlette's own kind of middleware, which would hide why a form was not read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = MutableHeaders(scope=message)
                # The verifier brings a policy of its own, which is no looser: it allows its one script by its hash.
                for name, value in HEADERS.items():
                    said.setdefault(name, value)
                if not scope["path"].startswith(f"{ROOT}/static"):
                    said["Cache-Control"] = "no-store"
            await send(message)

        await self._app(scope, receive, guarded)
