"""What the node asks of its own CometBFT: JSON-RPC over a Unix socket, which nobody else on the machine can open."""

from __future__ import annotations

import base64
import http.client
import json
import socket
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from ledger.errors import Unreachable

ENGINE_UNREACHABLE: Final = "engine-unreachable"
_TIMEOUT_S: Final = 10.0
_PER_PAGE: Final = 100


class Rpc:
    """Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, transactions: Sequence[bytes]) -> None:
        """Hands transactions to the engine, which looks at them in its own time. Raises `Unreachable` (`engine-unreachable`)."""
        self._post(
            [
                {"jsonrpc": "2.0", "id": place, "method": "broadcast_tx_async", "params": {"tx": base64.b64encode(raw).decode()}}
                for place, raw in enumerate(transactions)
            ]
        )

    def peers(self) -> int:
        """How many others' engines this one is connected to."""
        return len(self.connected())

    def connected(self) -> set[str]:
        """Their network identities."""
        return {str(each["node_info"]["id"]) for each in self._ask("net_info", {})["peers"]}

    def dial(self, peers: Sequence[str]) -> None:
        """Lets the engine try these now, each `id@host:port`, but those that it is connected with."""
        self._ask("dial_peers", {"peers": list(peers)})

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

    def _ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        answer = self._post({"jsonrpc": "2.0", "id": 0, "method": method, "params": params})
        if not isinstance(answer, dict) or not isinstance(answer.get("result"), dict):
            raise Unreachable(ENGINE_UNREACHABLE, f"the engine does not answer {method}", hint="see logs/comet.log in the home")
        result: dict[str, Any] = answer["result"]
        return result

    def _post(self, body: Any) -> Any:
        if not self._path.exists():
            raise Unreachable(ENGINE_UNREACHABLE, "the engine is not up yet", hint="see logs/comet.log in the home")
        try:
            with closing(_UnixConnection(self._path)) as connection:
                connection.request("POST", "/", json.dumps(body), {"Content-Type": "application/json"})
                return json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unreachable(ENGINE_UNREACHABLE, "the engine does not answer", hint="see logs/comet.log in the home") from error


class _UnixConnection(http.client.HTTPConnection):
    """`close` lets go of its socket also where the engine refused it, which httpx leaves open."""

    def __init__(self, path: Path) -> None:
        super().__init__("engine", timeout=_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
