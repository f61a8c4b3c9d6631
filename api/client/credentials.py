"""How a program signs in: OAuth 2.0 client credentials (RFC 6749, 4.4) by a secret, or by a key (`private_key_jwt`, RFC 7523).

A node gives programs a secret (`tallystick client add`); members' own systems sign in with the member's key of purpose `service`, and
are then guests of the node: they read the ledger and hand in records that they signed.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, Self

from joserfc import jwt
from joserfc.jwk import ECKey

from api.client.errors import BadCredentials

ID_VARIABLE: Final = "TALLYSTICK_CLIENT_ID"
SECRET_VARIABLE: Final = "TALLYSTICK_CLIENT_SECRET"
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_S: Final = 120
_FILE_BYTES_MAX: Final = 16_384


class Credentials(Protocol):
    """What the client signs in with."""

    def form(self, token_url: str) -> Mapping[str, str]:
        """The fields for the token endpoint, made anew for each sign-in."""
        ...


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A program's or a person's id and secret. `scope` asks for less than it may have."""

    client_id: str
    client_secret: str = field(repr=False)
    scope: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """From `TALLYSTICK_CLIENT_ID` and `TALLYSTICK_CLIENT_SECRET`. Raises `BadCredentials`."""
        client_id, secret = environment.get(ID_VARIABLE), environment.get(SECRET_VARIABLE)
        if not client_id or not secret:
            raise BadCredentials("bad-credentials", "no credentials were given", hint=f"set {ID_VARIABLE} and {SECRET_VARIABLE}")
        return cls(client_id, secret)

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """From a JSON file, `{"client_id": "...", "client_secret": "..."}`. Raises `BadCredentials`, which never quotes the file."""
        try:
            with path.open("rb") as file:
                value: Any = json.loads(file.read(_FILE_BYTES_MAX))
        except (OSError, ValueError) as error:
            raise BadCredentials("bad-credentials", f"{path} cannot be read as JSON") from error
        if not isinstance(value, dict) or not all(isinstance(value.get(name), str) for name in ("client_id", "client_secret")):
            raise BadCredentials("bad-credentials", f"{path} does not hold `client_id` and `client_secret`")
        return cls(value["client_id"], value["client_secret"])

    def form(self, token_url: str) -> Mapping[str, str]:
        fields = {"grant_type": "client_credentials", "client_id": self.client_id, "client_secret": self.client_secret}
        return fields if self.scope is None else {**fields, "scope": self.scope}


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A member's id and its P-256 key of purpose `service`, as PEM. `audience` is how the node calls its token endpoint, where that is not
    the address at which the client finds it; `clock` gives seconds since the epoch.
    """

    client_id: str
    pem: bytes = field(repr=False)
    audience: str | None = None
    clock: Callable[[], float] = time.time

    def form(self, token_url: str) -> Mapping[str, str]:
        now_s = int(self.clock())
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.audience or token_url,
            "iat": now_s,
            "exp": now_s + _ASSERTION_S,
            "jti": secrets.token_hex(16),
        }
        assertion = jwt.encode({"alg": "ES256"}, claims, ECKey.import_key(self.pem))
        named = {"grant_type": "client_credentials", "client_id": self.client_id}
        return {**named, "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
