"""CometBFT itself for tests: four validators and one node that votes only when it is told to, on this machine's loopback, with the
key-value application that CometBFT brings along. It changes its validators where a transaction says so.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

VERSION: Final = "0.38.25"
MISSING = f"CometBFT {VERSION} is not installed: name it in TALLYSTICK_COMETBFT, or put it on the path"
"""Why tests of it are skipped; `CI=true` takes no excuse."""

VALIDATORS: Final = 4
NODES: Final = 5
_WAIT_S: Final = 120
_POLL_S: Final = 0.1


def require() -> str:
    """The program. Without it the test is skipped, and fails where `CI=true`."""
    found = program()
    if found is None:
        assert os.environ.get("CI") != "true", MISSING
        pytest.skip(MISSING)
    return found


def program() -> str | None:
    """The program, if it is there and of that version."""
    named = os.environ.get("TALLYSTICK_COMETBFT") or shutil.which("cometbft")
    if named is None or shutil.which(named) is None:
        return None
    told = subprocess.run([named, "version"], capture_output=True, text=True, check=False).stdout.strip()
    return named if told.removeprefix("v").split("+")[0] == VERSION else None


@dataclass(frozen=True)
class Network:
    """A running network, asked through its first node."""

    chain_id: str
    time_ms: int
    publics: list[bytes]
    powers: dict[str, int]
    client: httpx.Client

    def commit(self, height: int) -> Any:
        return self._ask("commit", height=str(height))

    def validators(self, height: int) -> list[Any]:
        return list(self._ask("validators", height=str(height), page="1", per_page="100")["validators"])

    def height(self) -> int:
        return int(self._ask("status")["sync_info"]["latest_block_height"])

    def wait(self, height: int) -> None:
        """Until the network has committed a block of that height."""
        until = time.monotonic() + _WAIT_S
        while self.height() < height:
            assert time.monotonic() < until, f"no block {height}"
            time.sleep(_POLL_S)

    def set_power(self, node: int, power: int) -> int:
        """Gives a node's key another power; the height from which on that counts."""
        text = f"val=ed25519!{base64.b64encode(self.publics[node]).decode()}!{power}"
        answer = self._ask("broadcast_tx_commit", tx=base64.b64encode(text.encode()).decode())
        assert [answer[name]["code"] for name in ("check_tx", "tx_result")] == [0, 0], answer
        height = int(answer["height"]) + 2
        self.wait(height)
        return height

    def _ask(self, method: str, **params: str) -> Any:
        until = time.monotonic() + _WAIT_S
        while True:
            try:
                answer = self.client.post("/", json={"jsonrpc": "2.0", "id": 0, "method": method, "params": params}).json()
                return answer["result"]
            except httpx.TransportError:
                assert time.monotonic() < until, "the engine does not answer"
                time.sleep(_POLL_S)


@contextmanager
def running(binary: str, directory: Path, chain_id: str, time_ms: int) -> Iterator[Network]:
    """The network while it runs, in that directory, begun at that time (milliseconds since 1970)."""
    arguments = ["--v", str(VALIDATORS), "--n", str(NODES - VALIDATORS), "--o", str(directory), "--populate-persistent-peers=false"]
    subprocess.run([binary, "testnet", *arguments], capture_output=True, check=True)
    homes = [directory / f"node{place}" for place in range(NODES)]
    publics = [base64.b64decode(_json(home, "priv_validator_key")["pub_key"]["value"]) for home in homes]
    genesis = _genesis(_json(homes[0], "genesis"), chain_id, time_ms)
    powers = {base64.b64decode(each["pub_key"]["value"]).hex(): int(each["power"]) for each in genesis["validators"]}
    ids = [
        subprocess.run([binary, "show-node-id", "--home", str(home)], capture_output=True, text=True, check=True).stdout.strip()
        for home in homes
    ]
    ports = _free_ports(2 * NODES)
    peers = [f"{name}@127.0.0.1:{port}" for name, port in zip(ids, ports, strict=False)]
    with ExitStack() as stack:
        for place, home in enumerate(homes):
            (home / "config" / "genesis.json").write_text(json.dumps(genesis))
            others = ",".join(peer for at, peer in enumerate(peers) if at != place)
            _configure(home, {"laddr": (ports[NODES + place], ports[place])}, others)
            output = stack.enter_context((directory / f"node{place}.log").open("wb"))
            process = subprocess.Popen(
                [binary, "start", "--home", str(home), "--proxy_app", "kvstore"], stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
            stack.callback(_end, process)
        client = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{ports[NODES]}", timeout=30))
        network = Network(chain_id, time_ms, publics, powers, client)
        network.wait(3)
        yield network


def _genesis(written: Mapping[str, Any], chain_id: str, time_ms: int) -> dict[str, Any]:
    seconds, milliseconds = divmod(time_ms, 1000)
    moment = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{milliseconds:03d}Z"
    return {**written, "chain_id": chain_id, "genesis_time": moment}


def _configure(home: Path, ports: Mapping[str, tuple[int, int]], peers: str) -> None:
    file = home / "config" / "config.toml"
    rpc, p2p = ports["laddr"]
    text = file.read_text()
    for pattern, value in {
        r'^laddr = "tcp://127.0.0.1:26657"': f'laddr = "tcp://127.0.0.1:{rpc}"',
        r'^laddr = "tcp://0.0.0.0:26656"': f'laddr = "tcp://127.0.0.1:{p2p}"',
        r'^persistent_peers = ""': f'persistent_peers = "{peers}"',
        r"^pex = true": "pex = false",
        r'^timeout_commit = "1s"': 'timeout_commit = "100ms"',
    }.items():
        text, count = re.subn(pattern, value, text, flags=re.MULTILINE)
        assert count == 1, pattern
    file.write_text(text)


def _json(home: Path, name: str) -> Any:
    return json.loads((home / "config" / f"{name}.json").read_bytes())


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
