"""Sign-in by OAuth 2.0 client credentials (RFC 6749, 4.4): `POST /oauth2/token`, and what clients discover.

People and programs of this node authenticate with their id and secret (`client_secret_basic`, `client_secret_post`); a maker's or
checker's secret opens that person's key for the life of the token. Nodes authenticate with a signed assertion (`private_key_jwt`).
Errors have the shape of RFC 6749, 5.2, with our `code` beside it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from api.assertions import ASSERTION_TYPE
from api.context import ApiContext, Context
from api.permissions import all_scopes, scopes_of
from api.principal import SIGNING_ROLES
from api.problems import Unauthenticated
from api.responses import json_response
from api.tokens import ALGORITHM, Issued
from ledger.errors import InputError, NotPermitted, TallystickError
from nodes.author import SigningKey
from nodes.keys.accounts import Account, Client

_FORM: Final = "application/x-www-form-urlencoded"
_FIELDS: Final = frozenset({"grant_type", "client_id", "client_secret", "client_assertion_type", "client_assertion", "scope"})


class OAuthError(TallystickError):
    """An error of the token endpoint: `error` is RFC 6749's word for it, `code` ours."""

    def __init__(self, error: str, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(code, message)
        self.error, self.status = error, status


@dataclass(frozen=True, slots=True)
class _Credentials:
    client_id: str
    secret: str | None
    assertion: str | None


async def issue_token(request: Request, context: Context) -> Response:
    """Gives an access token for client credentials. Form-encoded; `scope` asks for less than the client may have."""
    context.rates.count_sign_in(None if request.client is None else request.client.host)
    try:
        form = _form(request, await request.body())
        # Secrets are slow to check: those who sign in have threads of their own, so that a flood of them stops nobody else.
        signing_in = partial(_sign_in, context, form, request.headers.get("authorization"))
        issued = await asyncio.get_running_loop().run_in_executor(context.sign_ins, signing_in)
    except OAuthError as error:
        if error.status == 401:
            context.metrics.sign_in_failures.labels(error.code).inc()
        headers = {"WWW-Authenticate": 'Basic realm="tallystick"'} if error.status == 401 else {}
        body = {"error": error.error, "error_description": error.message, "code": error.code}
        return json_response(body, status=error.status, headers=headers)
    answer: dict[str, Any] = {
        "access_token": issued.token,
        "token_type": "Bearer",
        "expires_in": issued.lifetime_s,
        "scope": " ".join(sorted(issued.scopes)),
    }
    return json_response(answer, headers={"Pragma": "no-cache"})


def get_jwks(context: Context) -> Response:
    """The key that this node's access tokens verify under (RFC 7517)."""
    return json_response(context.tokens.jwks())


def get_metadata(context: Context) -> Response:
    """Authorization server metadata (RFC 8414)."""
    issuer = context.tokens.issuer
    return json_response(
        {
            "issuer": issuer,
            "token_endpoint": f"{issuer}/oauth2/token",
            "jwks_uri": f"{issuer}/.well-known/jwks.json",
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": [],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": [ALGORITHM],
            "scopes_supported": all_scopes(),
        }
    )


def add_routes(app: FastAPI) -> None:
    form = {"schema": {"type": "object", "required": ["grant_type"], "properties": {name: {"type": "string"} for name in sorted(_FIELDS)}}}
    extra = {"requestBody": {"required": True, "content": {_FORM: form}}}
    app.add_api_route("/oauth2/token", issue_token, methods=["POST"], tags=["sign-in"], openapi_extra=extra)
    app.add_api_route("/.well-known/jwks.json", get_jwks, methods=["GET"], tags=["sign-in"])
    app.add_api_route("/.well-known/oauth-authorization-server", get_metadata, methods=["GET"], tags=["sign-in"])


def _form(request: Request, body: bytes) -> dict[str, str]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise OAuthError("invalid_request", "media-type", f"the body is {_FORM}")
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, strict_parsing=True, max_num_fields=len(_FIELDS), errors="strict")
    except ValueError as error:
        raise OAuthError("invalid_request", "invalid-request", "the form cannot be read") from error
    form = dict(pairs)
    if len(form) != len(pairs) or not form.keys() <= _FIELDS:
        raise OAuthError("invalid_request", "invalid-request", "a parameter is not known, or comes twice")
    return form


def _sign_in(context: ApiContext, form: Mapping[str, str], authorization: str | None) -> Issued:
    if form.get("grant_type") != "client_credentials":
        raise OAuthError("unsupported_grant_type", "invalid-request", "the grant type is client_credentials")
    credentials = _credentials(form, authorization)
    try:
        if credentials.assertion is not None:
            return _sign_in_node(context, credentials.client_id, credentials.assertion, form.get("scope"))
        return _sign_in_account(context, credentials.client_id, credentials.secret or "", form.get("scope"))
    except (NotPermitted, Unauthenticated) as error:
        raise OAuthError("invalid_client", error.code, error.message, status=401) from error
    except InputError as error:
        raise OAuthError("invalid_request", error.code, error.message) from error


def _credentials(form: Mapping[str, str], authorization: str | None) -> _Credentials:
    """Exactly one way of authentication (RFC 6749, 2.3)."""
    by_assertion = "client_assertion" in form or "client_assertion_type" in form
    if sum((authorization is not None, "client_secret" in form, by_assertion)) != 1:
        raise OAuthError("invalid_client", "unauthenticated", "authenticate in exactly one way", status=401)
    if authorization is not None:
        return _basic(authorization, form.get("client_id"))
    client_id = form.get("client_id")
    if client_id is None:
        raise OAuthError("invalid_request", "invalid-request", "client_id is missing")
    if not by_assertion:
        return _Credentials(client_id, form["client_secret"], None)
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise OAuthError("invalid_request", "invalid-request", f"client_assertion_type is {ASSERTION_TYPE}")
    return _Credentials(client_id, None, form.get("client_assertion", ""))


def _basic(authorization: str, client_id: str | None) -> _Credentials:
    scheme, _, encoded = authorization.partition(" ")
    try:
        name, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError) as error:
        raise OAuthError("invalid_client", "unauthenticated", "the Authorization header is not Basic", status=401) from error
    # A space sent raw is a space, a plus a plus: most tools do not encode here, as RFC 6749 would have it; those that do are read too.
    name, secret = unquote(name), unquote(secret)
    if scheme.lower() != "basic" or not colon:
        raise OAuthError("invalid_client", "unauthenticated", "the Authorization header is not Basic", status=401)
    if client_id not in (None, name):
        raise OAuthError("invalid_request", "invalid-request", "two client ids were given")
    return _Credentials(name, secret, None)


def _sign_in_account(context: ApiContext, account_id: str, secret: str, asked: str | None) -> Issued:
    accounts = context.node.accounts
    account = accounts.verify(account_id, secret)
    key: SigningKey | None = None
    if account.role in SIGNING_ROLES:
        private = accounts.open_key(account, secret)
        key = SigningKey(_key_id(account), private)
    granted = scopes_of(account.role)
    if isinstance(account, Client):
        granted &= frozenset(account.scopes)
    kind = "client" if isinstance(account, Client) else "staff"
    enterprise = account.enterprise if isinstance(account, Client) else None
    return context.tokens.issue(kind, account.id, account.role, _narrowed(granted, asked), key=key, enterprise=enterprise)


def _key_id(account: Account) -> str:
    assert not isinstance(account, Client), "only staff have signing roles"
    assert account.key_id is not None, "its key was opened"
    return account.key_id


def _sign_in_node(context: ApiContext, client_id: str, assertion: str, asked: str | None) -> Issued:
    asserted = context.assertions.verify(client_id, assertion)
    scopes = _narrowed(scopes_of(asserted.kind), asked)
    return context.tokens.issue(
        asserted.kind, asserted.subject, asserted.kind, scopes, enterprise=asserted.enterprise, proved_by=asserted.key_id
    )


def _narrowed(granted: frozenset[str], asked: str | None) -> frozenset[str]:
    if asked is None:
        return granted
    wanted = frozenset(asked.split())
    if not wanted or not wanted <= granted:
        raise OAuthError("invalid_scope", "insufficient-scope", "a scope was asked for that this client may not have")
    return wanted
