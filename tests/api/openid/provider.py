"""An outside OpenID provider, Canaille, in an environment and a process of its own: what it depends on is none of the project's."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from tests.ports import free_ports

HERE = Path(__file__).parent
LOCKED = HERE / "requirements.lock"
MISSING = "the environment of the OpenID provider could not be installed"
CLIENT_ID = "tallystick-test"
CLIENT_SECRET = "a secret: of the client's / own + 100%"


@dataclass(frozen=True, slots=True)
class RunningProvider:
    """Where it answers, and how its people sign in."""

    issuer: str
    passwords: Mapping[str, str]

    def sign_in(self, browser: httpx.Client, url: str, user: str, answer: str = "accept") -> str:
        """What a person does there in a browser, from the address that the node sends it to; where it is sent back to."""
        page = browser.get(url)
        for _ in range(10):
            if page.is_redirect:
                onwards = str(page.url.join(page.headers["location"]))
                if not onwards.startswith(self.issuer):
                    return onwards
                page = browser.get(onwards)
                continue
            assert page.status_code == 200, page.text
            field = next(name for name in ("password", "login", "answer") if re.search(rf'<(input|button)[^>]*name="{name}"', page.text))
            values = {"password": self.passwords[user], "login": user, "answer": answer}
            token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
            assert token is not None
            page = browser.post(str(page.url), data={field: values[field], "csrf_token": token[1]})
        raise AssertionError("the provider asks and asks")


@contextmanager
def running_provider(directory: Path, redirect_uris: Sequence[str], users: Sequence[str]) -> Iterator[RunningProvider]:
    """In a directory where its database may lie. Skips where its environment cannot be had; `CI=true` takes no excuse."""
    python = _environment()
    if python is None:
        assert os.environ.get("CI") != "true", MISSING
        pytest.skip(MISSING)
    port = free_ports(1)
    passwords = {user: f"the password of {user} there" for user in users}
    told = {"port": port, "database": str(directory / "canaille.db"), "users": passwords}
    told |= {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "redirect_uris": list(redirect_uris)}
    server = subprocess.Popen(
        [python, HERE / "canaille_server.py", json.dumps(told)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert server.stdout is not None
    try:
        assert server.stdout.readline() == "ready\n"
        yield RunningProvider(f"http://127.0.0.1:{port}", passwords)
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def _environment() -> Path | None:
    """The interpreter of an environment with what is locked, made once for each lock and Python."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    name = sha256(LOCKED.read_bytes() + version.encode()).hexdigest()[:12]
    directory = HERE.parents[2] / "var" / "tools" / f"canaille-{name}"
    directory.parent.mkdir(parents=True, exist_ok=True)
    python, ready = directory / "bin" / "python", directory / "ready"
    with (directory.parent / "canaille.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", str(LOCKED)]
            for command in ([sys.executable, "-m", "venv", "--clear", str(directory)], [str(python), *install]):
                if subprocess.run(command, check=False, capture_output=True).returncode != 0:
                    return None
            ready.touch()
    return python
