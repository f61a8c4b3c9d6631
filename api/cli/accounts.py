"""`tallystick user` and `tallystick client`: who may sign in to a node. Works beside the running node."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.homes import HomeOption, private_of, reading
from api.cli.output import AsJson, print_json, print_table, say
from api.cli.proofs import write_new
from api.cli.sign_in_ways import AccountId, link_user, list_sign_ins, register_certificate, unlink_user
from api.cli.staff import CheckerOption, CheckerSecretFile, MakerOption, MakerSecretFile, Signer, read_secret, staff_of
from api.permissions import scopes_of
from ledger.clock import SystemClock, rfc3339
from ledger.errors import InputError, TallystickError
from nodes.directory import Directory
from nodes.home import Home
from nodes.keys.account import Client, User
from nodes.keys.accounts import KEY_PURPOSES, Accounts
from nodes.keys.hsm import hsm_of
from nodes.keys.keystore import KeyStore
from nodes.keys.staff import key_entry

users_app = typer.Typer(help="people who sign in to this node")
clients_app = typer.Typer(help="programs that sign in to this node")
for _app, _name, _command in (
    (users_app, "link", link_user),
    (users_app, "unlink", unlink_user),
    (users_app, "sign-ins", list_sign_ins),
    (clients_app, "certificate", register_certificate),
):
    _app.command(_name)(_command)

SecretFile = Annotated[
    Path | None, typer.Option("--secret-file", help="its first line is the secret; without it, it is asked for, or read from stdin")
]


@contextmanager
def _accounts(path: Path) -> Iterator[Accounts]:
    home = Home(path)
    with private_of(path) as private:
        keystore = KeyStore(home.keys_dir, os.urandom, hsm=hsm_of(home.read_config().pkcs11))
        yield Accounts(private, keystore, SystemClock(), os.urandom)


@users_app.command("add")
def add_user(
    user_id: AccountId,
    home: HomeOption,
    role: Annotated[str, typer.Option("--role", help="maker, checker, viewer or admin")],
    name: Annotated[str | None, typer.Option("--name", help="the person's name; it stays in this home")] = None,
    secret_file: SecretFile = None,
    maker: MakerOption = None,
    maker_secret_file: MakerSecretFile = None,
    checker: CheckerOption = None,
    checker_secret_file: CheckerSecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Add a person. A maker or checker gets a key, for which a maker and a checker of the member sign (`key.add`)."""
    secret = read_secret(secret_file, f"secret of {user_id}: ")
    if role not in KEY_PURPOSES or not _of_member(home):
        with _accounts(home) as accounts:
            _show_one(_user(accounts.add_user(user_id, name or user_id, role, secret)), as_json)
        return
    with staff_of(home) as staff:
        signers = staff.signers(Signer("maker", maker, maker_secret_file), Signer("checker", checker, checker_secret_file), {})
        user = staff.accounts.add_user(user_id, name or user_id, role, secret)
        with _hinting(f"{user_id} was added, with a key that does not count yet: tallystick user rotate {user_id} gives one that does"):
            receipt = staff.add(user, signers)
    _show_one(_user(user) | {"record_id": receipt.record_id}, as_json)


@users_app.command("prepare")
def prepare_user(
    user_id: AccountId,
    home: HomeOption,
    role: Annotated[str, typer.Option("--role", help="maker or checker")],
    out: Annotated[Path, typer.Option("-o", "--out", help="a file for the authority, with the public key")],
    name: Annotated[str | None, typer.Option("--name", help="the person's name; it stays in this home")] = None,
    secret_file: SecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Add a maker or checker where nobody of the member can sign for the key: the authority registers it (`members add-key`)."""
    secret = read_secret(secret_file, f"secret of {user_id}: ")
    opened = Home(home)
    member = opened.read_config().node.member
    if role not in KEY_PURPOSES or member is None:
        raise InputError("usage", "this is for a maker or checker of a member", hint="tallystick user add adds others")
    with _accounts(home) as accounts:
        user = accounts.add_user(user_id, name or user_id, role, secret)
    assert user.key_id is not None, "makers and checkers have keys"
    document = {"member": member, "key": key_entry(KeyStore(opened.keys_dir, os.urandom).info(user.key_id), user.person)}
    write_new(out, (json.dumps(document, indent=2) + "\n").encode("utf-8"))
    _show_one(_user(user), as_json)


@users_app.command("restore")
def restore_user(
    user_id: AccountId,
    home: HomeOption,
    name: Annotated[str | None, typer.Option("--name", help="the person's name; it stays in this home")] = None,
    secret_file: SecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Make the account of a maker or checker again after `recover --from-ledger`: the old secret proves itself by opening the key."""
    secret = read_secret(secret_file, f"secret of {user_id}: ")
    with reading(home) as opened:
        directory = Directory(opened.store)

        def person_of(key_id: str) -> str | None:
            known = directory.key(key_id)
            return known.person if known is not None and known.alive else None

        keystore = KeyStore(opened.home.keys_dir, os.urandom, hsm=hsm_of(opened.config.pkcs11))
        accounts = Accounts(opened.private, keystore, SystemClock(), os.urandom)
        user = accounts.restore_user(user_id, name or user_id, secret, person_of)
    _show_one(_user(user), as_json)


@users_app.command("list")
def list_users(home: HomeOption, as_json: AsJson = False) -> None:
    """Every person, disabled ones too."""
    with _accounts(home) as accounts:
        _show([_user(user) for user in accounts.list_users()], as_json)


@users_app.command("disable")
def disable_user(user_id: AccountId, home: HomeOption, as_json: AsJson = False) -> None:
    """Let a person sign in no more, for good, and end the person's key on the ledger (`key.revoke`, signed by the node)."""
    with _accounts(home) as accounts:
        account = accounts.account(user_id)
        if not isinstance(account, User):
            raise InputError("bad-account", f"{user_id} is a client", hint="use tallystick client disable")
        disabled = _account(accounts.disable(user_id))
    if account.key_id is None or not _of_member(home):
        _show_one(disabled, as_json)
        return
    with _hinting(f"{user_id} signs in no more, but the key still counts: disable {user_id} again to end it"), staff_of(home) as staff:
        revoked = staff.keys.end(account.person, "left", staff.node.identity_key)
    _show_one(disabled | {"revoked": revoked}, as_json)


@users_app.command("rotate")
def rotate_user(
    user_id: AccountId,
    home: HomeOption,
    secret_file: SecretFile = None,
    maker: MakerOption = None,
    maker_secret_file: MakerSecretFile = None,
    checker: CheckerOption = None,
    checker_secret_file: CheckerSecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Give a maker or checker a new key, signed for as in `add`, and end the old one. The person's secret opens it like the old one."""
    secret = read_secret(secret_file, f"secret of {user_id}: ")
    if not _of_member(home):
        with _accounts(home) as accounts:
            _show_one(_user(accounts.rotate_key(user_id, secret)), as_json)
        return
    with staff_of(home) as staff:
        # A wrong secret, or a person without a key, is found before anybody is asked to sign.
        staff.accounts.open_key(staff.accounts.verify(user_id, secret), secret)
        known = {user_id: secret}
        signers = staff.signers(Signer("maker", maker, maker_secret_file), Signer("checker", checker, checker_secret_file), known)
        user = staff.accounts.rotate_key(user_id, secret, lambda rotated: staff.add(rotated, signers))
        with _hinting(f"the new key counts, and the old one still does: disable {user_id}, or rotate again, to end it"):
            revoked = staff.keys.end(user.person, "rotated", staff.node.identity_key, but=user.key_id)
    _show_one(_user(user) | {"revoked": revoked}, as_json)


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


def _of_member(home: Path) -> bool:
    """Whether the ledger knows the keys of this home's people. It knows nothing of an enterprise's."""
    return Home(home).read_config().node.member is not None


@contextmanager
def _hinting(hint: str) -> Iterator[None]:
    """An error inside says how things stand now, since some of the work is done."""
    try:
        yield
    except TallystickError as error:
        error.hint = hint
        raise


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
