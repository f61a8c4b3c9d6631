"""What the node asks of its own CometBFT: JSON-RPC over a Unix socket, which nobody else on the machine can open."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import httpx

from ledger.errors import Unreachable

ENGINE_UNREACHABLE: Final = "engine-unreachable"
_TIMEOUT_S: Final = 10.0
_PER_PAGE: Final = 100


class Rpc:
    """Safe to share between threads."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._client = httpx.Client(transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://engine", timeout=_TIMEOUT_S)

    def close(self) -> None:
        self._client.close()

    def send(self, transactions: Sequence[bytes]) -> None:
        """Hands transactions to the engine, which looks at them in its own time. Raises `Unreachable` (`engine-unreachable`)."""
        self._post(
            [
                {"jsonrpc": "2.0", "id": place, "method": "broadcast_tx_async", "params": {"tx": base64.b64encode(raw).decode()}}
                for place, raw in enumerate(transactions)
            ]
        )

    def commit(self, height: int) -> dict[str, Any]:
        """The header of a height and the signatures below it."""
        return self._ask("commit", {"height": str(height)})

    def validators(self, height: int) -> list[dict[str, Any]]:
        """Who voted at a height, all pages of it."""
        found: list[dict[str, Any]] = []
        while True:
            page = self._ask("validators", {"height": str(height), "page": str(len(found) // _PER_PAGE + 1), "per_page": str(_PER_PAGE)})
            found += page["validators"]
            if not page["validators"] or len(found) >= int(page["total"]):
                return found

    def status(self) -> dict[str, Any]:
        """The engine's own word on where it is."""
        return self._ask("status", {})

    def peers(self) -> int:
        """How many others' engines this one is connected to."""
        return int(self._ask("net_info", {})["n_peers"])

    def _ask(self, method: str, params: dict[str, str]) -> dict[str, Any]:
        answer = self._post({"jsonrpc": "2.0", "id": 0, "method": method, "params": params})
        if not isinstance(answer, dict) or not isinstance(answer.get("result"), dict):
            raise Unreachable(ENGINE_UNREACHABLE, f"the engine does not answer {method}", hint="see logs/comet.log in the home")
        result: dict[str, Any] = answer["result"]
        return result

    def _post(self, body: Any) -> Any:
        if not self._socket.exists():
            raise Unreachable(ENGINE_UNREACHABLE, "the engine is not up yet", hint="see logs/comet.log in the home")
        try:
            return self._client.post("/", json=body).json()
        except (httpx.HTTPError, ValueError) as error:
            raise Unreachable(ENGINE_UNREACHABLE, "the engine does not answer", hint="see logs/comet.log in the home") from error
