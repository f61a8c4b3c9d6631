"""One attempt to hand a message over: one request, no redirects, no proxies, within a time; what is answered is not read.

The request goes to an address that was judged (`nodes.webhooks.addresses`), under the host's own name: TLS verifies that name, whatever
address it is.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import httpx

from ledger.errors import NotPermitted, Unreachable
from ledger.limits import WEBHOOK_ATTEMPT_S_MAX
from nodes.webhooks.addresses import Resolve, Target, addresses_of, resolve_host
from nodes.webhooks.signing import signature

DELIVERED: Final = "delivered"
GONE: Final = "gone"
_AGENT: Final = "Tallystick-Webhooks/1"


@dataclass(frozen=True, slots=True)
class Message:
    """What is handed over: `id` is the same whenever it is sent again."""

    id: str
    type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """`code` is delivered, refused (any other status), redirected, gone (410), timed-out, unreachable, unresolved,
    address-forbidden, or webhook-secret-damaged.
    """

    code: str
    status: int | None = None

    @property
    def taken(self) -> bool:
        return self.code == DELIVERED


class Sender:
    """Makes attempts. `resolve` and `tls` stand in for the machine's names and authorities in tests."""

    def __init__(
        self,
        *,
        allow_private: bool,
        resolve: Resolve = resolve_host,
        tls: ssl.SSLContext | None = None,
        seconds_max: float = WEBHOOK_ATTEMPT_S_MAX,
    ) -> None:
        self._allow_private, self._resolve, self._seconds_max = allow_private, resolve, seconds_max
        self._tls = tls or ssl.create_default_context()

    async def send(self, target: Target, message: Message, secrets: Sequence[bytes], timestamp_s: int) -> Outcome:
        """Whatever the other side does is an outcome."""
        headers = {
            "Host": target.authority,
            "Content-Type": "application/json",
            "User-Agent": _AGENT,
            "webhook-id": message.id,
            "webhook-timestamp": str(timestamp_s),
            "webhook-signature": signature(secrets, message.id, timestamp_s, message.content),
        }
        try:
            async with asyncio.timeout(self._seconds_max):
                addresses = await addresses_of(target, self._resolve, allow_private=self._allow_private)
                return _outcome(await self._post(target, addresses[0], headers, message.content))
        except (NotPermitted, Unreachable) as error:
            return Outcome(error.code)
        except (TimeoutError, httpx.TimeoutException):
            return Outcome("timed-out")
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError):
            return Outcome("unreachable")

    async def judge(self, target: Target) -> None:
        """Raises `NotPermitted` (`address-forbidden`) for a host that may not be called. One that has no address now may have one later."""
        try:
            async with asyncio.timeout(self._seconds_max):
                await addresses_of(target, self._resolve, allow_private=self._allow_private)
        except (TimeoutError, Unreachable):
            return

    async def _post(self, target: Target, address: str, headers: dict[str, str], content: bytes) -> int:
        async with httpx.AsyncClient(verify=self._tls, trust_env=False, timeout=self._seconds_max, follow_redirects=False) as client:
            request = client.build_request(
                "POST", target.at(address), headers=headers, content=content, extensions={"sni_hostname": target.host}
            )
            answer = await client.send(request, stream=True)
            await answer.aclose()
            return answer.status_code


def _outcome(status: int) -> Outcome:
    if 200 <= status < 300:
        return Outcome(DELIVERED, status)
    if 300 <= status < 400:
        return Outcome("redirected", status)
    return Outcome(GONE if status == httpx.codes.GONE else "refused", status)
