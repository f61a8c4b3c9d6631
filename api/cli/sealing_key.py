"""`tallystick keys seal`: another key for what is sealed to this member, where the one it has may be in other hands."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from api.cli.homes import HomeOption, is_running
from api.cli.output import AsJson, print_json, say
from api.cli.staff import CheckerOption, CheckerSecretFile, MakerOption, MakerSecretFile, Signer, staff_of
from ledger.errors import Refused
from nodes.home import Home
from nodes.keys.sealing_key import renew_sealing_key


def seal_key(
    home: HomeOption,
    reason: Annotated[Literal["rotated", "compromised"], typer.Option("--reason", help="why the old one ends")] = "rotated",
    maker: MakerOption = None,
    maker_secret_file: MakerSecretFile = None,
    checker: CheckerOption = None,
    checker_secret_file: CheckerSecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Make and register a new key that sealed parts are opened with, while the node is stopped. A maker and a checker sign (`key.add`); the
    old one ends (`key.revoke`), and stays in the home for what was sealed to it before: back the home's keys up again.
    """
    if is_running(Home(home)):
        raise Refused(
            "home-in-use", "the node opens sealed parts with the keys that it began with", hint="stop it, and start it afterwards"
        )
    with staff_of(home) as staff:
        signers = staff.signers(Signer("maker", maker, maker_secret_file), Signer("checker", checker, checker_secret_file), {})
        renewed = renew_sealing_key(staff.node, staff.keys, *signers, reason)
    if as_json:
        print_json({"id": renewed.id, "record_id": renewed.record_id, "revoked": renewed.revoked})
    else:
        say(f"key {renewed.id}: record {renewed.record_id}")
