"""A chapter's commands, run as they stand: in one place, one after the other, with those in terminals of their own beside them."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from nodes.home import Home

WAIT_S = 300.0


@dataclass(frozen=True)
class Block:
    """The commands of one fenced block, and the words after the chapter's name on its fence."""

    words: tuple[str, ...]
    commands: tuple[str, ...]


def blocks_of(document: Path, chapter: str) -> list[Block]:
    """The blocks that are fenced as ```console CHAPTER [WORDS]."""
    text = document.read_text(encoding="utf-8")
    found = re.findall(rf"^```console {chapter}((?: [\w-]+)*)\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    return [Block(tuple(words.split()), tuple(re.findall(r"^\$ (.+)$", block, flags=re.MULTILINE))) for words, block in found]


@dataclass
class Place:
    """Where they run. Variables that a command sets are there for the next ones."""

    path: Path
    terminals: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    @classmethod
    def make(cls, path: Path) -> Place:
        (path / "var" / "secrets").mkdir(parents=True)
        (path / ".venv").symlink_to(sys.prefix)
        (path / "variables").touch()
        return cls(path)

    def home(self, member: str) -> Home:
        return Home(self.path / "var" / "net" / member)

    def secret(self, name: str, secret: str) -> None:
        """A file with somebody's secret."""
        (self.path / "var" / "secrets" / name).write_text(secret + "\n", encoding="utf-8")

    def keep_sign_ins(self) -> None:
        for each in json.loads((self.path / "var" / "net" / "sign-ins.json").read_bytes()):
            self.secret(f"{each['node']}.{each['user']}", each["secret"])

    def keep_sign_ins_shown(self, shown: str) -> None:
        """Of a table that a command printed."""
        for line in shown.splitlines():
            fields = line.split("\t")
            if len(fields) == 5 and fields[0] != "node":
                self.secret(f"{fields[0]}.{fields[2]}", fields[4])

    def run(self, command: str) -> str:
        """What it printed. It has to succeed."""
        script = f"set -a; . ./variables; {command}\nexport -p > ./variables"
        finished = subprocess.run(["bash", "-euc", script], cwd=self.path, capture_output=True, text=True, check=False, timeout=WAIT_S)
        assert finished.returncode == 0, f"{command}\n{finished.stdout}\n{finished.stderr}"
        return finished.stdout

    def open_terminals(self, *commands: str) -> None:
        """Runs `tallystick serve` for one home each, until every node says that it is ready."""
        started = {}
        for command in commands:
            program, *arguments = shlex.split(command)
            member = Path(arguments[-1]).name
            process = subprocess.Popen(
                [str(self.path / program), *arguments],
                cwd=self.path,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                process_group=0,
            )
            started[member] = self.terminals[member] = process
        for member, process in started.items():
            assert process.stdout is not None
            assert process.stdout.readline().startswith("serving "), (member, process.communicate(timeout=WAIT_S))
        for member in started:
            self.await_ready(member)

    def await_ready(self, member: str) -> None:
        api, end = self.home(member).read_config().api, time.monotonic() + WAIT_S
        while (answer := httpx.get(f"http://{api.host}:{api.port}/readyz", timeout=WAIT_S)).status_code != 200:
            assert time.monotonic() < end, (member, answer.text)
            time.sleep(0.5)

    def interrupt(self, member: str) -> None:
        """Ctrl-C in a member's terminal."""
        process = self.terminals.pop(member)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=WAIT_S)
        assert (process.returncode, errors) == (0, "")

    def close(self) -> None:
        """Ends whatever still runs."""
        for process in self.terminals.values():
            with suppress(ProcessLookupError):
                process.terminate()
        for process in self.terminals.values():
            try:
                process.communicate(timeout=WAIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
