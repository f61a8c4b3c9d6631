"""`tallystick keys`: a member's keys on the ledger, and those that its engine signs with: added by two of its people, ended by its node.

People get their keys with `tallystick user`. An engine keeps its own: here only the public half is told to the ledger.
"""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal

import typer

from api.cli.homes import HomeOption, reading
from api.cli.hsm import SERVICE, register_hsm_key
from api.cli.output import AsJson, print_json, print_table, say
from api.cli.sealing_key import seal_key
from api.cli.staff import CheckerOption, CheckerSecretFile, MakerOption, MakerSecretFile, Signer, staff_of
from contracts import validator_entries
from contracts.validators import VALIDATE
from ledger import keys
from ledger.errors import InputError, NotFound, Refused
from nodes.directory import Directory
from nodes.home import Home
from nodes.seats import engine_keys_of, make_engine_keys

app = typer.Typer(help="keys on the ledger")
_SHOWN = ("id", "purpose", "alg", "public", "power")
_ENGINES = ("use", "id", "public")
_PUBLIC_BYTES = 32


@app.callback()
def _group() -> None:
    """Keys on the ledger."""


@app.command("list")
def list_keys(
    home: HomeOption,
    member: Annotated[str | None, typer.Option("--member", help="whose; this node's member, if left out")] = None,
    as_json: AsJson = False,
) -> None:
    """A member's keys that are in force, the newest first, and the power of the one that votes on blocks."""
    with reading(home) as opened:
        directory = Directory(opened.store)
        slug = member or opened.config.node.member or ""
        directory.member(slug)
        with opened.store.reading() as reader:
            powers = {each["key"]: each["power"] for each in validator_entries.in_force(reader.state) or []}
        items = [
            {"id": key.id, "purpose": key.purpose, "alg": key.alg, "public": key.public.hex(), "power": powers.get(key.id)}
            for key in directory.keys(slug)
        ]
    if as_json:
        print_json({"items": items})
    else:
        print_table(_SHOWN, [["" if item[name] is None else item[name] for name in _SHOWN] for item in items])


@app.command("add")
def add_key(
    public: Annotated[str, typer.Argument(metavar="PUBLIC", help="the engine's public key (Ed25519), 64 hexadecimal digits")],
    home: HomeOption,
    member: Annotated[str | None, typer.Option("--member", help="at the authority: of another member, that cannot sign for it")] = None,
    maker: MakerOption = None,
    maker_secret_file: MakerSecretFile = None,
    checker: CheckerOption = None,
    checker_secret_file: CheckerSecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Register a key of purpose `validate`, which the member's engine votes on blocks with or is known by among its peers. It votes only
    once the governors made it a validator. A maker and a checker sign.
    """
    key = _engine_key(public)
    with staff_of(home) as staff:
        signers = staff.signers(Signer("maker", maker, maker_secret_file), Signer("checker", checker, checker_secret_file), {})
        entry: dict[str, Any] = {**key.to_json(), "purpose": VALIDATE, "person": None}
        receipt = staff.keys.add_for(member or staff.node.member, entry, *signers)
    _show({"id": key.id, "record_id": receipt.record_id}, as_json)


app.command("hsm")(register_hsm_key)
app.command("seal")(seal_key)


@app.command("engine")
def engine_keys(
    home: HomeOption,
    new: Annotated[bool, typer.Option("--new", help="make new ones, where the home has none any more")] = False,
    as_json: AsJson = False,
) -> None:
    """The keys of this home's CometBFT, which stay in its directory `comet`: what it votes with, and what its peers know it by."""
    opened = Home(home)
    config = opened.read_config()
    opened.check_modes()
    if config.engine.kind != "comet":
        raise Refused("no-engine-keys", f"the engine `{config.engine.kind}` has no keys of its own")
    found = make_engine_keys(opened, os.urandom) if new else engine_keys_of(opened)
    items = [
        {"use": use, "id": keys.key_id(keys.ED25519, public), "public": public.hex()}
        for use, public in (("votes", found.validator), ("peers", found.node))
    ]
    if as_json:
        print_json({"items": items})
    else:
        print_table(_ENGINES, [[item[name] for name in _ENGINES] for item in items])


@app.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="the key's id, as `list` shows it")],
    home: HomeOption,
    reason: Annotated[Literal["rotated", "compromised"], typer.Option("--reason", help="rotated or compromised")] = "rotated",
    as_json: AsJson = False,
) -> None:
    """End a key of purpose `validate`, or an older one of purpose `service`, of this node's member. One that votes ends only after the
    governors took it out of the validators; the newest of purpose `service` is what the node signs with.
    """
    with staff_of(home) as staff:
        node = staff.node
        keys_there = [key for purpose in (VALIDATE, SERVICE) for key in node.directory.keys(node.member, purpose)]
        if key_id not in {key.id for key in keys_there} - {node.identity_key.id}:
            raise NotFound("unknown-key", "this member has no such key in force that may end here", hint="see tallystick keys list")
        receipt = staff.keys.end_key(key_id, reason, node.identity_key)
    _show({"id": key_id, "record_id": receipt.record_id}, as_json)


def _engine_key(public: str) -> keys.PublicKey:
    try:
        data = bytes.fromhex(public)
    except ValueError:
        data = b""
    if len(data) != _PUBLIC_BYTES or len(public) != 2 * _PUBLIC_BYTES:
        raise InputError(
            "bad-key", "a public key of an engine has 64 hexadecimal digits", hint="CometBFT writes it in base64: change it to hex"
        )
    return keys.check_public(keys.ED25519, data)


def _show(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        say(f"key {answer['id']}: record {answer['record_id']}")
