"""Commands that call a node's API, by the Python client (`api.client`): a remote node's with `--url`, or that of a home's own node, running
already or run by this process for that long. So there is one way to do a thing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import httpx
import typer

from api import client as api_client
from api.cli.homes import is_running
from api.cli.running import RunningNode, listen
from api.cli.staff import catch_up, read_secret
from api.client import Client, ClientError, ClientSecret, Retries
from api.client.credentials import ID_VARIABLE, SECRET_VARIABLE
from api.client.shells import TIMEOUT_S
from ledger.errors import InputError, NotFound, NotPermitted, Refused, TallystickError, Unreachable
from nodes.home import Home
from nodes.node import Node
from nodes.tls_files import calling_itself

HomeOrUrl = Annotated[Path | None, typer.Option("--home", help="the node's home directory")]
UrlOption = Annotated[str | None, typer.Option("--url", metavar="URL", help="in place of a home: the address of a node that is served")]
NodeUrl = Annotated[str, typer.Option("--url", metavar="URL", help="the address of the node")]
_CREDENTIALS_HELP: Final = f"with --url: JSON with client_id and client_secret; else {ID_VARIABLE} and {SECRET_VARIABLE} count"
CredentialsOption = Annotated[Path | None, typer.Option("--credentials", metavar="FILE", help=_CREDENTIALS_HELP)]
UserOption = Annotated[str | None, typer.Option("--user", help="with --home: who signs, a maker or checker of this node")]
SecretFileOption = Annotated[Path | None, typer.Option("--secret-file", help="its first line is the user's secret; else it is asked for")]
# A person waits for this: what does not come back in a moment is said to be gone.
_RETRIES: Final = Retries(attempts=4, total_s=20)
_WAIT_S: Final = 30.0


@contextmanager
def at_node(url: str, credentials: Path | None) -> Iterator[Client]:
    """A node's API, signed in by a file or the environment. Errors of the client become those of the command line."""
    if not url.startswith(("http://", "https://")):
        raise InputError("usage", "--url is the address of a node", hint="for instance https://node.bank.example")
    with _translated():
        given = ClientSecret.from_environment() if credentials is None else ClientSecret.from_file(credentials)
        with Client(url, given, retries=_RETRIES, wait_s=_WAIT_S) as client:
            yield client


@contextmanager
def at_home(path: Path, user: str, secret: str) -> Iterator[Client]:
    """The API of a home, signed in. Raises as `Home.read_config`, `Node.start` and the client."""
    home = Home(path)
    config = home.read_config()
    home.check_modes()
    with ExitStack() as stack:
        if is_running(home):
            url = config.local_url
        else:
            running = stack.enter_context(RunningNode(Node.open(path), listen("127.0.0.1", 0)))
            catch_up(running.node)
            url = running.url
        stack.enter_context(_translated())
        http = stack.enter_context(httpx.Client(timeout=TIMEOUT_S, verify=calling_itself(config, path) or True))
        yield stack.enter_context(Client(url, ClientSecret(user, secret), retries=_RETRIES, wait_s=_WAIT_S, http=http))


@dataclass(frozen=True, slots=True)
class Access:
    """How a command that signs comes to an API, as its options say."""

    home: Path | None
    url: str | None
    user: str | None
    secret_file: Path | None
    credentials: Path | None

    @contextmanager
    def client(self) -> Iterator[Client]:
        """Signed in. Raises as `at_node` and `at_home`."""
        home = home_unless(self.home, self.url)
        if home is None:
            with at_node(self.url or "", self.credentials) as client:
                yield client
            return
        if self.user is None:
            raise InputError("usage", "somebody signs: name them with --user")
        with at_home(home, self.user, read_secret(self.secret_file, f"secret of {self.user}: ")) as client:
            yield client


def home_unless(home: Path | None, url: str | None) -> Path | None:
    """The home, or None where the node at `url` is asked instead. Raises `InputError` (`usage`) unless exactly one of them is given."""
    if (home is None) == (url is None):
        raise InputError("usage", "name a home with --home, or a node that is served with --url, and not both")
    return home


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise _of(error) from error


def _of(error: ClientError) -> TallystickError:
    """The same error, as commands have them: with their exit status."""
    kind: type[TallystickError] = Unreachable
    if isinstance(error, api_client.InvalidRequest | api_client.BadCredentials):
        kind = InputError
    elif isinstance(error, api_client.NotFound):
        kind = NotFound
    elif isinstance(error, api_client.NotPermitted | api_client.SignInFailed):
        kind = NotPermitted
    elif isinstance(error, api_client.Problem) and not isinstance(error, api_client.NodeFault):
        kind = Refused
    return kind(error.code, error.message, hint=error.hint)
