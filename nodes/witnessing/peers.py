"""Other members' nodes, asked without signing in: what the operator shows them; and C2SP witnesses, asked to cosign.

Nothing that arrives is trusted; answers have a bound in length and in time, and a peer that does not answer is passed over. A peer that
dripped its answer would else keep this node from asking the others, for ever, and from being stopped.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, Final, Self

import httpx
import orjson

from ledger.errors import NotFound, Unreachable, VerificationFailed
from ledger.evidence import HeaderInLog
from ledger.limits import GOSSIP_ANSWER_BYTES_MAX

CHECKPOINT: Final = "/.well-known/tallystick/checkpoint"
HEADER: Final = "/.well-known/tallystick/header"
WITNESS: Final = "/.well-known/tallystick/witness"
_TIMEOUT_S: Final = 5.0
_ANSWER_S: Final = 20.0


class Peer:
    """One address, for one thread. `transport` stands in for the network in tests; `answer_s` is how long a whole answer may take."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None, *, answer_s: float = _ANSWER_S) -> None:
        self.url = url.rstrip("/")
        self._transport, self._answer_s = transport, answer_s
        self._http = self._opened()

    def checkpoint(self) -> dict[str, Any]:
        """The newest checkpoint that it shows: `{checkpoint, size, witness, ...}`. Raises `Unreachable` (`peer-unreachable`),
        `VerificationFailed` (`peer-malformed`).
        """
        return self._json(CHECKPOINT, {})

    def header(self, height: int) -> HeaderInLog:
        """A header below its newest note. Raises as `checkpoint`, `NotFound` (`unknown-height`), and as `HeaderInLog.from_json`."""
        return HeaderInLog.from_json(self._json(HEADER, {"height": str(height)}))

    def add_checkpoint(self, body: bytes) -> tuple[int, str]:
        """Status and text of a witness's answer. Raises `Unreachable`."""
        status, answer = self._ask("POST", "/add-checkpoint", content=body)
        return status, answer.decode("utf-8", "replace")

    def _json(self, path: str, params: dict[str, str]) -> dict[str, Any]:
        status, body = self._ask("GET", path, params=params)
        if status == httpx.codes.NOT_FOUND:
            raise NotFound("unknown-height", "the peer does not have it")
        if status != httpx.codes.OK:
            raise Unreachable("peer-unreachable", f"the peer answers {status}")
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise VerificationFailed("peer-malformed", "the peer's answer is not JSON") from error
        if not isinstance(value, dict):
            raise VerificationFailed("peer-malformed", "the peer's answer is not a JSON object")
        return value

    def _ask(self, method: str, path: str, **options: Any) -> tuple[int, bytes]:
        if self._http.is_closed:
            self._http = self._opened()
        body = bytearray()
        # httpx bounds each wait for bytes, and not their sum: closing the connections is what ends an answer that never ends.
        late = threading.Timer(self._answer_s, self._http.close)
        late.daemon = True
        late.start()
        try:
            with self._http.stream(method, path, **options) as response:
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > GOSSIP_ANSWER_BYTES_MAX:
                        raise VerificationFailed("peer-malformed", "an answer is longer than any that is agreed")
                return response.status_code, bytes(body)
        except httpx.HTTPError as error:
            raise Unreachable("peer-unreachable", "the peer does not answer") from error
        finally:
            late.cancel()

    def _opened(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=_TIMEOUT_S, transport=self._transport)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
