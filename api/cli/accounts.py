"""`tallystick user` and `tallystick client`: who may sign in to a node. Works beside the running node."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.homes import HomeOption
from api.cli.output import AsJson, print_json, print_table, say
from api.permissions import scopes_of
from ledger.clock import SystemClock, rfc3339
from ledger.errors import InputError
from ledger.limits import SECRET_BYTES_MAX
from nodes.home import Home
from nodes.keystore import KeyStore
from nodes.private import PrivateStore
from nodes.users import Accounts, Client, User

users_app = typer.Typer(help="people who sign in to this node")
clients_app = typer.Typer(help="programs that sign in to this node")

AccountId = Annotated[str, typer.Argument(metavar="ID", help="2 to 64 lower-case letters, digits and hyphens")]
SecretFile = Annotated[
    Path | None, typer.Option("--secret-file", help="its first line is the secret; without it, it is asked for, or read from stdin")
]


@contextmanager
def _accounts(path: Path) -> Iterator[Accounts]:
    home = Home(path)
    config = home.read_config()
    home.check_modes()
    with closing(PrivateStore(home.private_url(config))) as private:
        yield Accounts(private, KeyStore(home.keys_dir, os.urandom), SystemClock(), os.urandom)


@users_app.command("add")
def add_user(
    user_id: AccountId,
    home: HomeOption,
    role: Annotated[str, typer.Option("--role", help="maker, checker, viewer or admin")],
    name: Annotated[str | None, typer.Option("--name", help="the person's name; it stays in this home")] = None,
    secret_file: SecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Add a person. A maker or checker gets a key, which the ledger must be told of before it counts (`key.add`)."""
    with _accounts(home) as accounts:
        user = accounts.add_user(user_id, name or user_id, role, _secret(secret_file, "secret: "))
    _show_one(_user(user), as_json)


@users_app.command("list")
def list_users(home: HomeOption, as_json: AsJson = False) -> None:
    """Every person, disabled ones too."""
    with _accounts(home) as accounts:
        _show([_user(user) for user in accounts.list_users()], as_json)


@users_app.command("disable")
def disable_user(user_id: AccountId, home: HomeOption, as_json: AsJson = False) -> None:
    """Let a person sign in no more, for good."""
    with _accounts(home) as accounts:
        account = accounts.account(user_id)
        if not isinstance(account, User):
            raise InputError("bad-account", f"{user_id} is a client", hint="use tallystick client disable")
        _show_one(_account(accounts.disable(user_id)), as_json)


@users_app.command("rotate")
def rotate_user(user_id: AccountId, home: HomeOption, secret_file: SecretFile = None, as_json: AsJson = False) -> None:
    """Give a maker or checker a new key, which the ledger must be told of. The person's secret opens it like the old one."""
    with _accounts(home) as accounts:
        _show_one(_user(accounts.rotate_key(user_id, _secret(secret_file, "secret: "))), as_json)


@clients_app.command("add")
def add_client(
    client_id: AccountId,
    home: HomeOption,
    role: Annotated[str, typer.Option("--role", help="what the program may do")] = "service",
    name: Annotated[str | None, typer.Option("--name", help="what it is for")] = None,
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="what it may ask for; repeat it. All that its role may, if left out")
    ] = None,
    enterprise: Annotated[
        str | None, typer.Option("--enterprise", help="the enrolment that a client of the role enterprise acts for")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add a program. Its secret is shown this once."""
    with _accounts(home) as accounts:
        client, secret = accounts.add_client(client_id, name or client_id, role, scope or scopes_of(role), enterprise=enterprise)
    _show_one(_client(client) | {"secret": secret}, as_json)


@clients_app.command("list")
def list_clients(home: HomeOption, as_json: AsJson = False) -> None:
    """Every program, disabled ones too."""
    with _accounts(home) as accounts:
        _show([_client(client) for client in accounts.list_clients()], as_json)


@clients_app.command("disable")
def disable_client(client_id: AccountId, home: HomeOption, as_json: AsJson = False) -> None:
    """Let a program sign in no more, for good."""
    with _accounts(home) as accounts:
        account = accounts.account(client_id)
        if not isinstance(account, Client):
            raise InputError("bad-account", f"{client_id} is a person", hint="use tallystick user disable")
        _show_one(_account(accounts.disable(client_id)), as_json)


@clients_app.command("rotate")
def rotate_client(client_id: AccountId, home: HomeOption, as_json: AsJson = False) -> None:
    """Give a program a new secret, shown this once; the old one ends."""
    with _accounts(home) as accounts:
        _show_one({"id": client_id, "secret": accounts.rotate_client(client_id)}, as_json)


def _secret(path: Path | None, prompt: str) -> str:
    """The first line of a file, or of stdin, or what a person types unseen."""
    if path is None and sys.stdin.isatty():
        return getpass.getpass(prompt)
    try:
        data = sys.stdin.buffer.readline(SECRET_BYTES_MAX + 2) if path is None else path.read_bytes()[: SECRET_BYTES_MAX + 2]
        line = data.decode("utf-8").split("\n")[0].removesuffix("\r")
    except OSError as error:
        raise InputError("unreadable", f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError("bad-secret", "the secret is not UTF-8 text") from error
    if not line:
        raise InputError("bad-secret", "no secret was given", hint="name a file with --secret-file, or pass it on stdin")
    return line


def _user(user: User) -> dict[str, Any]:
    created = rfc3339(user.created_ms)
    return {"id": user.id, "name": user.name, "role": user.role, "key_id": user.key_id, "disabled": user.disabled, "created": created}


def _client(client: Client) -> dict[str, Any]:
    created = rfc3339(client.created_ms)
    scopes = " ".join(client.scopes)
    return {"id": client.id, "name": client.name, "role": client.role, "scopes": scopes, "disabled": client.disabled, "created": created}


def _account(account: User | Client) -> dict[str, Any]:
    return _user(account) if isinstance(account, User) else _client(account)


def _show(items: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json({"items": items})
    elif items:
        print_table(list(items[0]), [list(item.values()) for item in items])


def _show_one(item: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(item)
        return
    for name, value in item.items():
        say(f"{name}: {value}")
