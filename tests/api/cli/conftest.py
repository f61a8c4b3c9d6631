"""The command line in this process, and one network that is founded once and served by a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from api.cli.main import run
from ledger.clock import SystemClock
from nodes.founding import Addresses, MemberPlan, create_network
from tests.api.served import CHEAP
from tests.ports import free_ports


@dataclass(frozen=True)
class Finished:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)


Tallystick = Callable[..., Finished]


@pytest.fixture
def tallystick(capsys: pytest.CaptureFixture[str]) -> Iterator[Tallystick]:
    def call(*arguments: object) -> Finished:
        capsys.readouterr()
        status = run([str(each) for each in arguments])
        return Finished(status, *capsys.readouterr())

    yield call
    structlog.reset_defaults()


@contextmanager
def served(*homes: Path) -> Iterator[subprocess.Popen[str]]:
    """Homes served by one `tallystick serve`, once it says so; ended as an operator ends it."""
    command = [sys.executable, "-m", "api.cli", "serve", *(each for home in homes for each in ("--home", str(home)))]
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            for _ in homes:
                line = process.stdout.readline()
                assert line.startswith("serving "), (line, process.communicate(timeout=120))
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.communicate(timeout=180)


@pytest.fixture(scope="session")
def founded_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network whose keys are quick to open, and beside its homes a file for each sign-in: `bank-a.maker.secret`."""
    directory = tmp_path_factory.mktemp("founded") / "net"
    plans = [MemberPlan("authority", "authority", "Forex Authority"), MemberPlan("bank-a", "bank", "Bank A")]
    addresses = Addresses(port_first=free_ports(len(plans)))
    made = create_network(directory, "pilot", plans, clock=SystemClock(), random=os.urandom, addresses=addresses, cost=CHEAP)
    for each in made.sign_ins:
        (directory / f"{each.node}.{each.user}.secret").write_text(each.secret, encoding="utf-8")
    return directory


@pytest.fixture
def founded(founded_once: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may spoil: homes may be moved."""
    return Path(shutil.copytree(founded_once, tmp_path / "net"))


@pytest.fixture(scope="session")
def story(played_demo: Path) -> dict[str, Any]:
    """What `tallystick demo --json` printed."""
    document: dict[str, Any] = json.loads((played_demo.parent / "demo.json").read_text(encoding="utf-8"))
    return document
