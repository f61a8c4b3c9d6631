"""Asking another node over HTTP: every answer has a bound in length and in time.

httpx bounds each wait for bytes, and not their sum: who drips an answer would else keep whoever asked for ever, and from being stopped.
"""

from __future__ import annotations

import ssl
import threading
from typing import Any

import httpx


class AnswerTooLong(Exception):
    """An answer is longer than any that is agreed."""


class BoundedHttp:
    """One address. `timeout_s` bounds a wait for bytes, `answer_s` a whole answer, `bytes_max` its length. Safe to share between threads:
    each request has a client of its own while it lasts, as closing its connections is what ends an answer that never ends. `tls` says whom
    to believe and what to show, by default the usual authorities and nothing; `transport` stands in for the network in tests.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout_s: float,
        answer_s: float,
        bytes_max: int,
        tls: ssl.SSLContext | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.base_url, self._tls = base_url, tls
        self._timeout_s, self._answer_s, self._bytes_max, self._transport = timeout_s, answer_s, bytes_max, transport
        self._lock = threading.Lock()
        self._idle: list[httpx.Client] = []
        self._busy: set[httpx.Client] = set()

    def ask(self, method: str, path: str, *, wait_s: float = 0, **options: Any) -> tuple[int, bytes]:
        """Status and content of an answer, for which the other side may wait `wait_s`. Raises `httpx.HTTPError`, `AnswerTooLong`."""
        http, body = self._taken(), bytearray()
        late = threading.Timer(wait_s + self._answer_s, http.close)
        late.daemon = True
        late.start()
        try:
            with http.stream(method, path, timeout=wait_s + self._timeout_s, **options) as response:
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > self._bytes_max:
                        raise AnswerTooLong
                return response.status_code, bytes(body)
        except RuntimeError as error:
            if not http.is_closed:
                raise
            raise httpx.ReadError("closed before there was an answer") from error
        finally:
            late.cancel()
            self._give_back(http)

    def close(self) -> None:
        """Ends what is being asked, too. What is asked afterwards opens connections anew."""
        with self._lock:
            clients, self._idle = [*self._idle, *self._busy], []
        for each in clients:
            each.close()

    def _taken(self) -> httpx.Client:
        with self._lock:
            found = self._idle.pop() if self._idle else self._client()
            self._busy.add(found)
            return found

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self.base_url, transport=self._transport, verify=True if self._tls is None else self._tls)

    def _give_back(self, http: httpx.Client) -> None:
        with self._lock:
            self._busy.remove(http)
            if not http.is_closed:
                self._idle.append(http)
