"""Who calls: by a bearer's token, or by a session's cookie where there is none. The one way in for every route that is not open."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from api.context import ApiContext
from api.principal import Principal
from api.problems import Unauthenticated


def authenticate(context: ApiContext, connection: HTTPConnection, *, uses: bool = True) -> Principal:
    """Who calls; a request that `uses` a session lets it rest anew. Raises `Unauthenticated`, `NotPermitted` (`csrf`, `cross-site`)."""
    authorization = connection.headers.get("authorization")
    if authorization is None and context.sessions.cookie in connection.cookies:
        return context.sessions.verify(connection, uses=uses).principal
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("unauthenticated", "this resource needs an access token", hint="sign in at POST /oauth2/token")
    return context.tokens.verify(token.strip())
