"""A consortium of four as its operators run it: `tallystick serve` in processes of their own, one of which serves two of the members."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from contracts.policy import Policy
from ledger.clock import SystemClock
from nodes.founding import Addresses, Consortium, MemberPlan, create_network
from nodes.home import Home
from tests import waiting
from tests.api.served import CHEAP
from tests.ports import free_ports

PLANS = [
    MemberPlan("authority", "authority", "Forex Authority"),
    *(MemberPlan(f"bank-{letter}", "bank", f"Bank {letter.upper()}") for letter in "abc"),
]
WAIT_S = 240.0
# The first process serves two members, so that both ways are seen.
PROCESSES = (("authority", "bank-a"), ("bank-b",), ("bank-c",))


@dataclass
class Served:
    """`homes` by member; what runs is in `processes`, by the members that it serves."""

    directory: Path
    homes: dict[str, Path]
    secrets: dict[tuple[str, str], str]
    processes: dict[tuple[str, ...], subprocess.Popen[str]] = field(default_factory=dict)

    def start(self, *members: str) -> subprocess.Popen[str]:
        """Serves members in one process, once each of them answers."""
        arguments = [each for member in members for each in ("--home", str(self.homes[member]))]
        environment = {**os.environ, "PYTHONWARNINGS": "error"}
        process = self.processes[members] = subprocess.Popen(
            [sys.executable, "-m", "api.cli", "serve", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            process_group=0,
        )
        assert process.stdout is not None
        for _ in members:
            line = process.stdout.readline()
            assert line.startswith("serving "), (line, process.communicate(timeout=120))
        return process

    def stop(self, *members: str) -> str:
        """As an operator stops it: what it wrote to stderr."""
        process = self.processes.pop(members)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=WAIT_S)
        assert process.returncode == 0, errors
        return errors

    def url(self, member: str) -> str:
        api = Home(self.homes[member]).read_config().api
        return f"http://{api.host}:{api.port}"

    def faults(self, member: str) -> list[str]:
        """What `/readyz` says is wrong."""
        answer = httpx.get(f"{self.url(member)}/readyz", timeout=120)
        assert answer.status_code == (503 if "faults" in answer.json() else 200)
        return list(answer.json().get("faults", []))

    @contextmanager
    def signed_in(self, member: str, user: str) -> Iterator[httpx.Client]:
        with httpx.Client(base_url=self.url(member), timeout=WAIT_S) as http:
            form = {"grant_type": "client_credentials", "client_id": user, "client_secret": self.secrets[member, user]}
            answer = http.post("/oauth2/token", data=form)
            assert answer.status_code == 200, answer.text
            http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            yield http


@contextmanager
def served_consortium(directory: Path, started: Sequence[Sequence[str]] = PROCESSES, policy: Policy | None = None) -> Iterator[Served]:
    """Founds it, serves what is to be started, and ends whatever runs."""
    addresses = Addresses(port_first=free_ports(len(PLANS)), engine_port_first=free_ports(len(PLANS)))
    founded = create_network(
        directory,
        "pilot",
        PLANS,
        clock=SystemClock(),
        random=os.urandom,
        cost=CHEAP,
        addresses=addresses,
        policy=policy,
        consortium=Consortium(empty_blocks_interval_s=1),
    )
    made = Served(directory, dict(founded.homes), {(each.node, each.user): each.secret for each in founded.sign_ins})
    for each in founded.sign_ins:
        (directory / f"{each.node}.{each.user}.secret").write_text(each.secret, encoding="utf-8")
    with ExitStack() as stack:
        stack.callback(_end, made)
        for members in started:
            made.start(*members)
        yield made


def children_of(parent: int) -> list[int]:
    """The processes that a process began: of `serve` its CometBFTs."""
    return [pid for pid in _processes() if _parent(pid) == parent]


def is_running(pid: int) -> bool:
    """Whether a process is there, and is not only waiting for its parent to look at how it ended."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


wait_until = partial(waiting.wait_until, seconds=WAIT_S)


def problem(answer: httpx.Response) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    found: dict[str, Any] = json.loads(answer.content)
    return found


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _parent(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def _end(made: Served) -> None:
    for process in made.processes.values():
        process.send_signal(signal.SIGTERM)
    for process in made.processes.values():
        try:
            process.communicate(timeout=WAIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
