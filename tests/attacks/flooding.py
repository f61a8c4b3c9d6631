"""Floods on loopback against a node in a process of its own, as `tallystick serve` runs it: each counts what it sent and what came of it.

Its rates are set low, so that little is beyond them; its limits of sizes and of time are those of every node.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from ledger.clock import SystemClock
from ledger.limits import EVENT_STREAMS_MAX, HTTP_BODY_BYTES_MAX, TOKEN_FORM_BYTES_MAX
from nodes.founding import Addresses, MemberPlan, create_network
from nodes.home import Home
from nodes.keys.accounts import Accounts
from nodes.node import Node
from tests.api.served import CHEAP, token
from tests.api.wires import ends_within, wire, wires
from tests.ports import free_ports

REQUESTS_PER_S, SIGN_INS_PER_S = 20, 2
_LIMITED = (("/v1/records", HTTP_BODY_BYTES_MAX), ("/oauth2/token", TOKEN_FORM_BYTES_MAX), ("/v1/session", TOKEN_FORM_BYTES_MAX))
_HEAD = b"GET /healthz HTTP/1.1\r\nHost: node\r\n"


@dataclass(frozen=True)
class Target:
    """A node that is served, and the bearer of a program that may read there."""

    url: str
    process: subprocess.Popen[str]
    bearers: dict[str, dict[str, str]]

    def client(self, name: str | None = None) -> httpx.Client:
        """As one of its programs, or as nobody."""
        return httpx.Client(base_url=self.url, timeout=60, headers={} if name is None else self.bearers[name])


@contextmanager
def target(directory: Path) -> Iterator[Target]:
    """Founds a network of one authority and serves it until the end."""
    clock, addresses = SystemClock(), Addresses(port_first=free_ports(1))
    plans = [MemberPlan("authority", "authority", "Forex Authority")]
    founded = create_network(directory, "flooded", plans, clock=clock, random=os.urandom, cost=CHEAP, addresses=addresses)
    home = Home(founded.homes["authority"])
    config = home.read_config()
    section = config.api.model_copy(update={"requests_per_s": REQUESTS_PER_S, "sign_ins_per_s": SIGN_INS_PER_S})
    home.write_config(config.model_copy(update={"api": section}))
    secrets = {}
    with Node.open(home.path, clock, cost=CHEAP) as node:
        accounts: Accounts = node.accounts
        for name in ("flood", "honest", "streaming"):
            _, secrets[name] = accounts.add_client(name, name, "service", ["ledger:read", "ledger:write", "events:read"])
    with ExitStack() as stack:
        command = [sys.executable, "-m", "api.cli", "serve", "--home", str(home.path)]
        process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        stack.callback(process.terminate)
        assert process.stdout is not None and process.stdout.readline().startswith("serving ")
        url = f"http://{section.host}:{section.port}"
        with httpx.Client(base_url=url, timeout=60) as client:
            signed_in = {name: token(client, client_id=name, client_secret=secret).json() for name, secret in secrets.items()}
        yield Target(url, process, {name: {"Authorization": f"Bearer {said['access_token']}"} for name, said in signed_in.items()})


def requests_of_one_caller(at: Target, count: int) -> Counter[str]:
    """One program asks as fast as it can; another one is answered meanwhile."""
    with at.client("flood") as client, at.client("honest") as honest:
        answers = _at_once(lambda: client.get("/v1/policy"), count)
        assert honest.get("/v1/policy").status_code == 200
    return _told("requests of one caller", answers, 429)


def sign_ins(at: Target, count: int) -> Counter[str]:
    """A stranger guesses, by both ways in; who is signed in is answered meanwhile."""
    with at.client() as client, at.client("honest") as honest:
        answers = _at_once(lambda: token(client, client_id="flood", client_secret="guessed"), count // 2)
        answers += _at_once(lambda: client.post("/v1/session", json={"user": "maker", "password": "guessed"}), count // 2)
        assert honest.get("/v1/policy").status_code == 200
    return _told("attempts to sign in from one address", answers, 429)


def bodies(at: Target, count: int) -> Counter[str]:
    """More than any resource takes, declared and undeclared, from who signed in and from strangers."""
    counted: Counter[str] = Counter()
    with at.client("honest") as client:
        for _ in range(count):
            for path, most in (
                ("/v1/records", HTTP_BODY_BYTES_MAX),
                ("/oauth2/token", TOKEN_FORM_BYTES_MAX),
                ("/v1/session", TOKEN_FORM_BYTES_MAX),
            ):
                for content in (b"x" * (most + 1), (b"x" * 65_536 for _ in range(most // 65_536 + 1))):
                    counted["bodies beyond the limit: sent"] += 1
                    kind = "application/x-www-form-urlencoded" if path == "/oauth2/token" else "application/json"
                    answer = client.post(path, content=content, headers={"Content-Type": kind})
                    # At a door where guesses were many the caller is turned away before its body is read.
                    counted["bodies beyond the limit: refused"] += answer.status_code in (413, 429)
    return counted


def streams(at: Target) -> Counter[str]:
    """More streams of events than a node holds open, all of one caller."""
    name = "streams of events"
    counted: Counter[str] = Counter()
    with ExitStack() as stack:
        client = stack.enter_context(httpx.Client(base_url=at.url, timeout=60, headers=at.bearers["streaming"], limits=httpx.Limits()))
        for _ in range(EVENT_STREAMS_MAX + 20):
            answer = stack.enter_context(client.stream("GET", "/v1/events/stream"))
            counted[f"{name}: asked for"] += 1
            counted[f"{name}: open at once"] += answer.status_code == 200
            counted[f"{name}: refused"] += answer.status_code != 200
    return counted


def dawdlers(at: Target, count: int, seconds: float) -> Counter[str]:
    """Connections that say nothing, and heads that have no end, in drops; an honest caller is answered meanwhile."""
    name = "connections that dawdle"
    counted: Counter[str] = Counter()
    with at.client() as honest, wires(at.url, count // 2, b"") as silent, wires(at.url, count - count // 2, _HEAD) as dripping:
        begun = time.monotonic()
        assert honest.get("/healthz").status_code == 200
        counted[f"{name}: longest wait of an honest caller meanwhile, in ms"] = int((time.monotonic() - begun) * 1000)
        counted[f"{name}: made"] = count
        counted[f"{name}: ended by the node"] = ends_within([*silent, *dripping], seconds, b"X: 1\r\n", every_s=1)
    return counted


def nonsense(at: Target, count: int) -> Counter[str]:
    """What is no HTTP, and heads that are too long."""
    name = "requests that are none"
    counted: Counter[str] = Counter()
    for number in range(count):
        sent = (b"\x16\x03\x01\x02\x00\r\n\r\n", b"GET /" + b"a" * 70_000)[number % 2]
        with wire(at.url, sent) as connection:
            connection.settimeout(30)
            counted[f"{name}: sent"] += 1
            counted[f"{name}: answered 400 and closed"] += connection.recv(12) == b"HTTP/1.1 400"
    return counted


def _at_once(ask: Callable[[], httpx.Response], count: int) -> list[httpx.Response]:
    with ThreadPoolExecutor(8) as pool:
        return [each.result() for each in [pool.submit(ask) for _ in range(count)]]


def _told(name: str, answers: list[httpx.Response], status: int) -> Counter[str]:
    refused = [each for each in answers if each.status_code == status]
    assert all(int(each.headers["retry-after"]) >= 1 for each in refused)
    assert all(each.status_code < 500 for each in answers)
    return Counter({f"{name}: sent": len(answers), f"{name}: answered {status} with Retry-After": len(refused)})
