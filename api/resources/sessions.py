"""Sessions of people in a browser: signing in and out, who one is, changing the password, opening one's key; and the log of sign-ins."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated, Any

from fastapi import FastAPI, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.context import ApiContext, Caller, Context
from api.look_ups import pseudonym
from api.models import ApiModel, Limit
from api.principal import SIGNING_ROLES, Principal
from api.problems import Conflict, Unauthenticated
from api.responses import json_response, page
from api.sessions import Held, refuse_other_sites
from api.signing_in import address_of, check_way, opened_key, signing_in
from api.tls import thumbprint_of
from api.tokens import SESSION
from ledger.clock import rfc3339
from ledger.errors import NotFound, NotPermitted, TallystickError
from ledger.limits import INTEGER_MAX, SECRET_BYTES_MAX, SESSION_IDLE_SECONDS
from nodes.keys.lockout import source_of
from nodes.keys.sign_ins import SignIn

Secret = Annotated[str, Field(min_length=1, max_length=SECRET_BYTES_MAX)]
Before = Annotated[int | None, Query(ge=0, le=INTEGER_MAX, description="the cursor that the page before gave as `next`")]


class SignInIn(ApiModel):
    """A person's id and password."""

    user: Annotated[str, Field(min_length=1, max_length=128)]
    password: Secret


class PasswordIn(ApiModel):
    """The password that opens the person's keys now, and the one that is to open them."""

    old: Secret
    new: Secret


class UnlockIn(ApiModel):
    """What the person's key is sealed under."""

    passphrase: Secret


async def sign_in(request: Request, context: Context, body: SignInIn) -> Response:
    """Opens a session of one of the staff, with the person's key if it has one, or of an exporter in custody. The answer sets the cookie;
    `csrf_token` goes with what changes anything.
    """
    context.rates.count_sign_in(request)
    refuse_other_sites(request.headers)
    attempt = partial(_sign_in, context, request, body)
    held, cookie = await asyncio.get_running_loop().run_in_executor(context.sign_ins, attempt)
    return opened(context, held, cookie)


def list_ways(context: Context) -> Response:
    """How people may sign in here: by `password` (POST /v1/session), and at an OpenID provider (`oidc`, GET /v1/session/oidc)."""
    return json_response({"ways": ["password"] if context.openid is None else ["password", "oidc"]})


def get_session(context: Context, caller: Caller) -> Response:
    """Who calls, and in which session."""
    return json_response(_json(context, caller, context.sessions.of(caller)))


def sign_out(context: Context, caller: Caller) -> Response:
    """Ends the session; the key that it held open is forgotten."""
    context.sessions.end(_session(context, caller).principal)
    response = Response(status_code=204)
    context.sessions.set_cookie(response, "")
    return response


async def change_password(request: Request, context: Context, caller: Caller, body: PasswordIn) -> Response:
    """A new password. All other sessions and tokens of the person end, and this session goes on under another cookie."""
    held = _session(context, caller)
    change = partial(_change_password, context, request, held, body)
    changed, cookie = await asyncio.get_running_loop().run_in_executor(context.sign_ins, change)
    return opened(context, changed, cookie)


async def unlock(request: Request, context: Context, caller: Caller, body: UnlockIn) -> Response:
    """Opens the person's key for the rest of the session, where signing in did not."""
    held = _session(context, caller)
    await asyncio.get_running_loop().run_in_executor(context.sign_ins, partial(_unlock, context, request, held, body))
    return json_response(_json(context, caller, held))


def list_sign_ins(context: Context, after: Before = None, limit: Limit = 100) -> Response:
    """Attempts to sign in, the newest first."""
    found = context.sign_in_log.page(after, limit)
    return page([_sign_in_json(each) for each in found], found[-1].number if len(found) == limit else None)


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["sign-in"]
    app.add_api_route("/v1/session", sign_in, methods=["POST"], tags=tags)
    app.add_api_route("/v1/session/ways", list_ways, methods=["GET"], tags=tags)
    app.add_api_route("/v1/session", get_session, methods=["GET"], tags=tags)
    app.add_api_route("/v1/session", sign_out, methods=["DELETE"], tags=tags)
    app.add_api_route("/v1/session/password", change_password, methods=["POST"], tags=tags)
    app.add_api_route("/v1/session/unlock", unlock, methods=["POST"], tags=tags)
    app.add_api_route("/v1/sign-ins", list_sign_ins, methods=["GET"], tags=tags)


def opened(context: ApiContext, held: Held, cookie: str) -> Response:
    """The answer to who has just signed in."""
    response = json_response(_json(context, held.principal, held), status=201, headers={"Location": "/v1/session"})
    context.sessions.set_cookie(response, cookie)
    return response


def _sign_in(context: ApiContext, request: Request, body: SignInIn) -> tuple[Held, str]:
    address, accounts = address_of(request), context.node.accounts
    try:
        with signing_in(context, "password", address, body.user):
            account = accounts.verify_person(body.user, body.password, source_of(address))
            check_way(context, account)
            key = opened_key(accounts, account, body.password)
    except NotPermitted as error:
        raise _failed(error) from error
    end_former(context, request)
    return context.sessions.open(account, "password", key, thumbprint_of(request))


def end_former(context: ApiContext, request: Request) -> None:
    """Ends the session that the browser had until now, if it still stands."""
    try:
        former = context.tokens.verify(request.cookies.get(context.sessions.cookie, ""), SESSION, thumbprint_of(request))
    except Unauthenticated:
        return
    context.sessions.end(former)


def _change_password(context: ApiContext, request: Request, held: Held, body: PasswordIn) -> tuple[Held, str]:
    caller, address = held.principal, address_of(request)
    key = context.tokens.signing_key(caller)
    with signing_in(context, "password-change", address, caller.id):
        account = context.node.accounts.change_secret(caller.id, body.old, body.new, source_of(address))
    context.sessions.end(caller)
    return context.sessions.open(account, held.way, key, thumbprint_of(request))


def _unlock(context: ApiContext, request: Request, held: Held, body: UnlockIn) -> None:
    caller, address, accounts = held.principal, address_of(request), context.node.accounts
    with signing_in(context, "unlock", address, caller.id):
        key = opened_key(accounts, accounts.verify(caller.id, body.passphrase, source_of(address)), body.passphrase)
        if key is None:
            raise NotPermitted("no-staff-key", "this account has no key to sign with", hint="a maker or a checker signs")
    context.tokens.open_key(caller, key)


def _failed(error: NotPermitted) -> TallystickError:
    """Who has not shown who it is gets 401; who has to wait, 403."""
    return Unauthenticated(error.code, error.message, hint=error.hint) if error.code == "sign-in-failed" else error


def _session(context: ApiContext, caller: Principal) -> Held:
    held = context.sessions.of(caller)
    if held is None:
        raise Conflict("no-session", "this is for a session, and the caller came with a token", hint="sign in at POST /v1/session")
    return held


def _json(context: ApiContext, caller: Principal, held: Held | None) -> dict[str, Any]:
    signs = caller.role in SIGNING_ROLES
    return {
        "id": caller.id,
        "kind": caller.kind,
        "role": caller.role,
        "enterprise": None if caller.enterprise is None else _enterprise(context, caller.enterprise),
        "person": pseudonym(context.node, caller),
        "key": ("open" if context.tokens.signing_key(caller) is not None else "locked") if signs else None,
        "scopes": sorted(caller.scopes),
        "expires": rfc3339(caller.expires_ms),
        "session": None if held is None else {"way": held.way, "csrf_token": held.csrf, "idle_s": SESSION_IDLE_SECONDS},
    }


def _enterprise(context: ApiContext, enterprise_id: str) -> dict[str, Any]:
    """The exporter that the caller acts for; only its custodian's node knows who that is."""
    try:
        known = context.node.enterprises.get(enterprise_id)
    except NotFound:
        return {"id": enterprise_id, "uscc": None, "name": None}
    return {"id": known.id, "uscc": known.uscc, "name": known.name}


def _sign_in_json(each: SignIn) -> dict[str, Any]:
    return {
        "number": each.number,
        "time": rfc3339(each.time_ms),
        "account": each.account,
        "way": each.way,
        "outcome": each.outcome,
        "address": each.address,
    }
