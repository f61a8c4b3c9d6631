"""One person or program at one member's API: signs in as OAuth 2.0 says, again when the token ends, and calls with JSON."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from ledger.clock import Clock
from ledger.errors import Unreachable

WAIT_S: Final = 20
_TIMEOUT_S: Final = 90.0
_MARGIN_MS: Final = 30_000
_LOOK_S: Final = 0.2
_UNDER_WAY: Final = ("pending", "running")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an API said. `code` is `ok`, or the problem's."""

    status: int
    body: dict[str, Any]

    @property
    def code(self) -> str:
        return str(self.body["code"]) if self.status >= 400 else "ok"


class Unexpected(Unreachable):
    """A call that the story needs went wrong, so that it cannot go on."""

    exit_status = 1


@dataclass
class Desk:
    """A sign-in at a node. `clock` is the network's, since tokens end by it."""

    node: str
    url: str
    user: str
    secret: str = field(repr=False)
    clock: Clock
    _http: httpx.Client | None = None
    _token: str = field(default="", repr=False)
    _ends_ms: int = 0

    def get(self, path: str, **params: str) -> Answer:
        return self._call("GET", path, params=params)

    def post(self, path: str, body: Any, **params: str) -> Answer:
        """Waits for the ledger's answer, and may be repeated by the transport without doing it twice."""
        headers = {"Idempotency-Key": os.urandom(16).hex(), "Prefer": f"wait={WAIT_S}"}
        return self._call("POST", path, json=body, headers=headers, params=params)

    def upload(self, path: str, files: list[tuple[str, bytes]]) -> Answer:
        """Files as a form."""
        headers = {"Idempotency-Key": os.urandom(16).hex(), "Prefer": f"wait={WAIT_S}"}
        parts = [("file", (name, content, "application/octet-stream")) for name, content in files]
        return self._call("POST", path, files=parts, headers=headers)

    def finished(self, path: str, begun: dict[str, Any]) -> dict[str, Any]:
        """What was begun, once it is no longer under way: a busy machine may take longer than one request waits."""
        body, end = begun, time.monotonic() + _TIMEOUT_S
        while body["state"] in _UNDER_WAY and time.monotonic() < end:
            time.sleep(_LOOK_S)
            body = self.must(self.get(f"{path}/{begun['id']}"))
        return body

    def must(self, answer: Answer) -> dict[str, Any]:
        """The body of an answer that is a success. Raises `Unexpected` for any other."""
        if answer.status >= 400:
            detail = answer.body.get("detail", answer.body.get("error_description", ""))
            raise Unexpected(answer.code, f"{self.user} at {self.node}: {detail}", hint=str(answer.body.get("hint", "")))
        return answer.body

    def close(self) -> None:
        if self._http is not None:
            self._http.close()

    def _call(self, method: str, path: str, **arguments: Any) -> Answer:
        http = self._signed_in()
        headers = {**arguments.pop("headers", {}), "Authorization": f"Bearer {self._token}"}
        response = http.request(method, path, headers=headers, **arguments)
        body = response.json() if response.content else {}
        return Answer(response.status_code, body if isinstance(body, dict) else {"items": body})

    def _signed_in(self) -> httpx.Client:
        if self._http is None:
            self._http = httpx.Client(base_url=self.url, timeout=_TIMEOUT_S)
        if self.clock.now_ms() + _MARGIN_MS >= self._ends_ms:
            form = {"grant_type": "client_credentials", "client_id": self.user, "client_secret": self.secret}
            response = self._http.post("/oauth2/token", data=form)
            body = self.must(Answer(response.status_code, response.json()))
            self._ends_ms = self.clock.now_ms() + int(body["expires_in"]) * 1000
            self._token = str(body["access_token"])
        return self._http
