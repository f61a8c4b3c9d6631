"""What an OpenID provider says of itself and answers (OpenID Connect Discovery 1.0; RFC 6749, 4.1.3; RFC 7517), within bounds.

Its metadata are believed for an hour. Its keys are too, but are fetched anew for an id token by one that is not among them, once a minute
at most.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx
import orjson
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from ledger.clock import Clock
from ledger.errors import TallystickError, Unreachable
from ledger.limits import OPENID_ANSWER_BYTES_MAX
from nodes.bounded_http import AnswerTooLong, BoundedHttp
from nodes.home_config import OidcSection
from nodes.private_files import read_private_file

_WELL_KNOWN: Final = "/.well-known/openid-configuration"
_BELIEVED_MS: Final = 3_600_000
_KEYS_AGAIN_MS: Final = 60_000
_TIMEOUT_S: Final = 5.0
_ANSWER_S: Final = 10.0
_KEY_TYPES: Final = frozenset({"RSA", "EC", "OKP"})


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is needed of it. `names_itself`: its answers to a browser say who they are from (RFC 9207)."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    basic: bool
    names_itself: bool


class Provider:
    """One provider. Files that the configuration names are relative to the home. Safe to share between threads."""

    def __init__(self, section: OidcSection, home: Path, clock: Clock) -> None:
        self._section, self._home, self._clock = section, home, clock
        tls = None if section.ca_file is None else ssl.create_default_context(cafile=str(home / section.ca_file))
        self._http = BoundedHttp(section.issuer, timeout_s=_TIMEOUT_S, answer_s=_ANSWER_S, bytes_max=OPENID_ANSWER_BYTES_MAX, tls=tls)
        self._lock = threading.Lock()
        self._metadata: tuple[Metadata, int] | None = None
        self._keys: tuple[KeySet, int] | None = None

    def close(self) -> None:
        """Ends what is being asked."""
        self._http.close()

    def metadata(self) -> Metadata:
        """Raises `Unreachable` (`oidc-provider`)."""
        with self._lock:
            held = self._metadata
        now_ms = self._clock.now_ms()
        if held is not None and now_ms < held[1] + _BELIEVED_MS:
            return held[0]
        found = self._checked(self._json("GET", self._section.issuer.rstrip("/") + _WELL_KNOWN))
        with self._lock:
            self._metadata = (found, now_ms)
        return found

    def keys(self, *, anew: bool = False) -> KeySet:
        """The keys that its id tokens verify under; `anew` where one was not among them. Raises as `metadata`."""
        with self._lock:
            held = self._keys
        now_ms = self._clock.now_ms()
        if held is not None and now_ms < held[1] + (_KEYS_AGAIN_MS if anew else _BELIEVED_MS):
            return held[0]
        found = self._json("GET", self.metadata().jwks_uri).get("keys")
        if not isinstance(found, list):
            raise _malformed("its keys")
        try:
            usable = [key for key in found if isinstance(key, dict) and key.get("kty") in _KEY_TYPES and key.get("use", "sig") == "sig"]
            keys = KeySet.import_key_set({"keys": usable})
        except (JoseError, ValueError, TypeError) as error:
            raise _malformed("its keys") from error
        with self._lock:
            self._keys = (keys, now_ms)
        return keys

    def exchange(self, code: str, verifier: str, redirect_uri: str) -> dict[str, Any] | None:
        """What it gives for a code and the verifier that belongs to it (RFC 7636); None where it refuses. Raises as `metadata`."""
        metadata = self.metadata()
        secret = self._secret()
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier, "redirect_uri": redirect_uri}
        if metadata.basic:
            credentials = {"auth": (quote(self._section.client_id, safe=""), quote(secret, safe=""))}
            status, answer = self._ask("POST", metadata.token_endpoint, data=form, **credentials)
        else:
            form |= {"client_id": self._section.client_id, "client_secret": secret}
            status, answer = self._ask("POST", metadata.token_endpoint, data=form)
        return answer if status == httpx.codes.OK else None

    def _secret(self) -> str:
        try:
            return read_private_file(self._home / self._section.secret_file).decode("utf-8").strip()
        except (TallystickError, UnicodeDecodeError) as error:
            hint = "look at secret_file of [oidc] in tallystick.toml"
            raise Unreachable(
                "oidc-provider", "the OpenID provider cannot be asked: the client's secret cannot be read", hint=hint
            ) from error

    def _checked(self, value: Mapping[str, Any]) -> Metadata:
        if value.get("issuer") != self._section.issuer:
            raise _malformed("its issuer is another than the configured one")
        endpoints = [value.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
        if not all(isinstance(each, str) and self._is_safe(each) for each in endpoints):
            raise _malformed("an endpoint is missing, or not called by https")
        methods = value.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        basic = not isinstance(methods, list) or "client_secret_basic" in methods
        names_itself = value.get("authorization_response_iss_parameter_supported") is True
        authorization, token, jwks = (str(each) for each in endpoints)
        return Metadata(authorization, token, jwks, basic, names_itself)

    def _is_safe(self, url: str) -> bool:
        """By https, or where the issuer itself is on this machine without it, there."""
        asked, issuer = urlsplit(url), urlsplit(self._section.issuer)
        return asked.scheme == "https" or (issuer.scheme == "http" and (asked.scheme, asked.netloc) == (issuer.scheme, issuer.netloc))

    def _json(self, method: str, url: str) -> dict[str, Any]:
        status, value = self._ask(method, url)
        if status != httpx.codes.OK:
            raise _malformed(f"it answers {status}")
        return value

    def _ask(self, method: str, url: str, **options: Any) -> tuple[int, dict[str, Any]]:
        try:
            status, body = self._http.ask(method, url, headers={"Accept": "application/json"}, **options)
            value = orjson.loads(body)
        except (httpx.HTTPError, httpx.InvalidURL, AnswerTooLong) as error:
            raise Unreachable("oidc-provider", "the OpenID provider does not answer", hint="try again in a moment") from error
        except orjson.JSONDecodeError as error:
            raise _malformed("its answer is not JSON") from error
        if not isinstance(value, dict):
            raise _malformed("its answer is not a JSON object")
        return status, value


def _malformed(what: str) -> Unreachable:
    return Unreachable("oidc-provider", f"the OpenID provider's answer cannot be used: {what}", hint="look at [oidc] in tallystick.toml")
