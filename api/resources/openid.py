"""Signing in at the OpenID provider that the configuration names: the browser goes there, and comes back with a session.

The session's cookie is `SameSite=Strict`, so the provider's redirection may not carry it: a page of this node leads the browser on.
"""

from __future__ import annotations

import asyncio
from functools import partial
from html import escape
from typing import Any, Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api.context import ApiContext, Context
from api.openid import OpenId
from api.resources.sessions import end_former
from api.signing_in import address_of, signing_in
from api.tls import thumbprint_of
from ledger.errors import NotFound
from nodes.openid.signing_in import Begun

CALLBACK: Final = "/v1/session/oidc/callback"
_MINUTES: Final = 10
_PAGE: Final = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Tallystick</title>'
    '<meta http-equiv="refresh" content="0;url={landing}"></head><body><p><a href="{landing}">Go on</a></p></body></html>'
)
_HEADERS: Final = {"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'", "Referrer-Policy": "no-referrer"}


async def begin_oidc(request: Request, context: Context) -> Response:
    """Sends a browser to the provider; a cookie remembers what this sign-in is checked by."""
    context.rates.count_sign_in(request)
    openid = _openid(context)
    begun, url = await asyncio.get_running_loop().run_in_executor(openid.pool, openid.sign_in.begin)
    response = Response(status_code=302, headers={"Location": url, **_HEADERS})
    _remember(context, response, begun.to_text())
    return response


async def finish_oidc(request: Request, context: Context) -> Response:
    """Where the provider sends a browser back to: opens a session of the account that is linked to who signed in there."""
    context.rates.count_sign_in(request)
    openid = _openid(context)
    cookie = await asyncio.get_running_loop().run_in_executor(openid.pool, partial(_finish, context, openid, request))
    response = HTMLResponse(_PAGE.format(landing=escape(openid.section.landing)), headers=_HEADERS)
    context.sessions.set_cookie(response, cookie)
    _remember(context, response, "")
    return response


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["sign-in"]
    app.add_api_route("/v1/session/oidc", begin_oidc, methods=["GET"], tags=tags)
    app.add_api_route(CALLBACK, finish_oidc, methods=["GET"], tags=tags)


def _finish(context: ApiContext, openid: OpenId, request: Request) -> str:
    with signing_in(context, "oidc", address_of(request)) as attempt:
        begun = Begun.from_text(request.cookies.get(_cookie(context), ""))
        pairs = request.query_params.multi_items()
        answer = dict(pairs)
        subject = openid.sign_in.finish(begun if len(answer) == len(pairs) else None, answer)
        user = openid.links.linked_user(subject)
        attempt.account = user.id
    end_former(context, request)
    return context.sessions.open(user, "oidc", None, thumbprint_of(request))[1]


def _openid(context: ApiContext) -> OpenId:
    if context.openid is None:
        raise NotFound("oidc-off", "this node signs nobody in at an OpenID provider", hint="POST /v1/session")
    return context.openid


def _cookie(context: ApiContext) -> str:
    return f"{context.sessions.cookie}-oidc"


def _remember(context: ApiContext, response: Response, value: str) -> None:
    """`Lax`, since the provider sends the browser back from another site."""
    lasts, secure = _MINUTES * 60 if value else 0, context.sessions.secure
    response.set_cookie(_cookie(context), value, max_age=lasts, path="/", secure=secure, httponly=True, samesite="lax")
