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
from api.permissions import all_scopes, scopes_of, standing_of
from api.problems import Unauthenticated
from api.responses import json_response
from api.signing_in import Attempt, address_of, check_way, opened_key, signing_in
from api.tls import thumbprint_of
from api.tokens import ALGORITHM, Issued
from ledger.errors import InputError, NotPermitted, TallystickError
from nodes.keys.account import Account
from nodes.keys.lockout import AccountLocked, source_of

_FORM: Final = "application/x-www-form-urlencoded"
_FIELDS: Final = frozenset({"grant_type", "client_id", "client_secret", "client_assertion_type", "client_assertion", "scope"})


class OAuthError(TallystickError):
    """An error of the token endpoint: `error` is RFC 6749's word for it, `code` ours."""

    def __init__(self, error: str, code: str, message: str, *, status: int = 400, retry_after_s: int | None = None) -> None:
        super().__init__(code, message)
        self.error, self.status, self.retry_after_s = error, status, retry_after_s


@dataclass(frozen=True, slots=True)
class _Credentials:
    client_id: str
    secret: str | None
    assertion: str | None

    @property
    def way(self) -> str:
        return "assertion" if self.assertion is not None else "client-secret" if self.secret is not None else "certificate"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the connection says of who asks: its address, and the certificate that it showed."""

    address: str
    certificate: str | None


async def issue_token(request: Request, context: Context) -> Response:
    """Gives an access token for client credentials. Form-encoded; `scope` asks for less than the client may have."""
    context.rates.count_sign_in(request)
    try:
        form = _form(request, await request.body())
        # Secrets are slow to check: those who sign in have threads of their own, so that a flood of them stops nobody else.
        attempt = partial(
            _sign_in, context, form, request.headers.get("authorization"), _Asked(address_of(request), thumbprint_of(request))
        )
        issued = await asyncio.get_running_loop().run_in_executor(context.sign_ins, attempt)
    except OAuthError as error:
        if error.status == 401:
            context.metrics.sign_in_failures.labels(error.code).inc()
        headers = {"WWW-Authenticate": 'Basic realm="tallystick"'} if error.status == 401 else {}
        if error.retry_after_s is not None:
            headers["Retry-After"] = str(error.retry_after_s)
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
    issuer, tls = context.tokens.issuer, context.node.config.api.tls
    by_certificate = [] if tls is None or tls.client_ca_file is None else ["self_signed_tls_client_auth"]
    return json_response(
        {
            "issuer": issuer,
            "token_endpoint": f"{issuer}/oauth2/token",
            "jwks_uri": f"{issuer}/.well-known/jwks.json",
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": [],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt", *by_certificate],
            "tls_client_certificate_bound_access_tokens": bool(by_certificate),
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


def _sign_in(context: ApiContext, form: Mapping[str, str], authorization: str | None, asked: _Asked) -> Issued:
    if form.get("grant_type") != "client_credentials":
        raise OAuthError("unsupported_grant_type", "invalid-request", "the grant type is client_credentials")
    credentials = _credentials(form, authorization, asked.certificate)
    try:
        with signing_in(context, credentials.way, asked.address) as attempt:
            if credentials.assertion is not None:
                return _sign_in_node(context, credentials.client_id, credentials.assertion, form.get("scope"), asked, attempt)
            attempt.account = credentials.client_id
            return _sign_in_account(context, credentials.client_id, credentials.secret, form.get("scope"), asked)
    except (NotPermitted, Unauthenticated) as error:
        wait_s = error.retry_after_s if isinstance(error, AccountLocked) else None
        raise OAuthError("invalid_client", error.code, error.message, status=401, retry_after_s=wait_s) from error
    except InputError as error:
        raise OAuthError("invalid_request", error.code, error.message) from error


def _credentials(form: Mapping[str, str], authorization: str | None, certificate: str | None) -> _Credentials:
    """Exactly one way of authentication (RFC 6749, 2.3); none but the certificate that was shown is one too (RFC 8705, 2.2)."""
    by_assertion = "client_assertion" in form or "client_assertion_type" in form
    ways = sum((authorization is not None, "client_secret" in form, by_assertion))
    if ways == 0 and certificate is not None and "client_id" in form:
        return _Credentials(form["client_id"], None, None)
    if ways != 1:
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


def _sign_in_account(context: ApiContext, account_id: str, secret: str | None, scope: str | None, asked: _Asked) -> Issued:
    accounts, key = context.node.accounts, None
    account: Account
    if secret is None:
        account = context.node.links.client_by_certificate(account_id, asked.certificate or "")
    else:
        account = accounts.verify(account_id, secret, source_of(asked.address))
        check_way(context, account)
        key = opened_key(accounts, account, secret)
    standing = standing_of(account)
    proof: dict[str, Any] = {"enterprise": standing.enterprise, "proved_by": account.credential, "certificate": asked.certificate}
    return context.tokens.issue(standing.kind, account.id, account.role, _narrowed(standing.scopes, scope), key=key, **proof)


def _sign_in_node(context: ApiContext, client_id: str, assertion: str, scope: str | None, asked: _Asked, attempt: Attempt) -> Issued:
    asserted = context.assertions.verify(client_id, assertion)
    attempt.account, attempt.verified = client_id, True
    scopes = _narrowed(scopes_of(asserted.kind), scope)
    proof: dict[str, Any] = {"enterprise": asserted.enterprise, "proved_by": asserted.key_id, "certificate": asked.certificate}
    return context.tokens.issue(asserted.kind, asserted.subject, asserted.kind, scopes, **proof)


def _narrowed(granted: frozenset[str], asked: str | None) -> frozenset[str]:
    if asked is None:
        return granted
    wanted = frozenset(asked.split())
    if not wanted or not wanted <= granted:
        raise OAuthError("invalid_scope", "insufficient-scope", "a scope was asked for that this client may not have")
    return wanted
