"""Commands that a person of the node gives with their own sign-in: through the API of the running node, or of one that this process runs
for that long, so that there is one way to do a thing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
import typer

from api.cli.homes import is_running
from api.cli.running import RunningNode, listen
from api.cli.staff import catch_up, read_secret
from ledger.errors import InputError, Refused, Unreachable
from nodes.home import Home
from nodes.node import Node
from nodes.tls_files import calling_itself

UserOption = Annotated[str, typer.Option("--user", help="who signs: a maker or checker of this node")]
SecretFileOption = Annotated[Path | None, typer.Option("--secret-file", help="its first line is the user's secret; else it is asked for")]
_TIMEOUT_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Api:
    """The node's API, signed in."""

    http: httpx.Client

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer. Raises `InputError`, `Refused` and `Unreachable` with the code of a problem."""
        headers = {"Idempotency-Key": os.urandom(16).hex(), "Prefer": "wait=30"}
        try:
            return body_of(self.http.post(path, json=dict(body), headers=headers))
        except httpx.HTTPError as error:
            raise _unreachable(self.http) from error


@contextmanager
def signed_in(path: Path, user: str, secret_file: Path | None) -> Iterator[Api]:
    """The API of a home, as a person of it. Raises as `Home.read_config`, `Node.start` and `Api.post`."""
    home = Home(path)
    config = home.read_config()
    home.check_modes()
    secret = read_secret(secret_file, f"secret of {user}: ")
    with ExitStack() as stack:
        if is_running(home):
            url = config.local_url
        else:
            running = stack.enter_context(RunningNode(Node.open(path), listen("127.0.0.1", 0)))
            catch_up(running.node)
            url = running.url
        http = stack.enter_context(httpx.Client(base_url=url, timeout=_TIMEOUT_S, verify=calling_itself(config, path) or True))
        form = {"grant_type": "client_credentials", "client_id": user, "client_secret": secret}
        try:
            http.headers["Authorization"] = f"Bearer {body_of(http.post('/oauth2/token', data=form))['access_token']}"
        except httpx.HTTPError as error:
            raise _unreachable(http) from error
        yield Api(http)


def body_of(response: httpx.Response) -> dict[str, Any]:
    """The JSON of an answer. Raises the error that a problem stands for."""
    body: dict[str, Any] = response.json()
    if response.status_code < 400:
        return body
    code, message = str(body.get("code", "internal")), str(body.get("detail") or body.get("error_description") or "the node refused")
    if response.status_code == 422:
        raise InputError(code, message, hint=str(body.get("hint", "")))
    if response.status_code >= 500:
        raise Unreachable(code, message, hint=str(body.get("hint", "")))
    raise Refused(code, message, hint=str(body.get("hint", "")))


def _unreachable(http: httpx.Client) -> Unreachable:
    return Unreachable("node-unreachable", f"the node does not answer at {http.base_url}", hint="is it being served?")
