"""Other members' nodes, asked without signing in: what the operator shows them; and C2SP witnesses, asked to cosign.

Nothing that arrives is trusted; answers have a bound in length and in time, and a peer that does not answer is passed over.
"""

from __future__ import annotations

import ssl
from types import TracebackType
from typing import Any, Final, Self

import httpx
import orjson

from ledger.errors import NotFound, Unreachable, VerificationFailed
from ledger.evidence import HeaderInLog
from ledger.limits import GOSSIP_ANSWER_BYTES_MAX
from nodes.bounded_http import AnswerTooLong, BoundedHttp

CHECKPOINT: Final = "/.well-known/tallystick/checkpoint"
HEADER: Final = "/.well-known/tallystick/header"
WITNESS: Final = "/.well-known/tallystick/witness"
_TIMEOUT_S: Final = 5.0
_ANSWER_S: Final = 20.0


class Peer:
    """One address. `tls` is as for `BoundedHttp`; `transport` stands in for the network in tests; `answer_s` is how long a whole answer may
    take.
    """

    def __init__(
        self,
        url: str,
        transport: httpx.BaseTransport | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        answer_s: float = _ANSWER_S,
    ) -> None:
        self.url = url.rstrip("/")
        bytes_max = GOSSIP_ANSWER_BYTES_MAX
        self._http = BoundedHttp(self.url, timeout_s=_TIMEOUT_S, answer_s=answer_s, bytes_max=bytes_max, tls=tls, transport=transport)

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
        try:
            return self._http.ask(method, path, **options)
        except AnswerTooLong as error:
            raise VerificationFailed("peer-malformed", "an answer is longer than any that is agreed") from error
        except httpx.HTTPError as error:
            raise Unreachable("peer-unreachable", "the peer does not answer") from error

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
