"""`tallystick testnet`: a consortium on this machine, an authority and banks that all validate, and served too where that is asked for."""

from __future__ import annotations

import os
from pathlib import Path
from string import ascii_lowercase
from typing import Annotated, Final

import typer

from api.cli.output import AsJson, print_json, say
from api.cli.policies import PolicyOption, policy_of
from api.cli.ports import HOST, first_free
from api.cli.processes import serve_members
from api.cli.sign_ins import show_sign_ins, write_sign_ins
from ledger.clock import SystemClock
from ledger.comet.process import find_binary
from ledger.errors import Refused
from nodes.founding import ENGINE_PORT_FIRST, PORT_FIRST, Addresses, Consortium, Founded, MemberPlan, create_network
from nodes.private_files import make_private_directory

_VALIDATORS_MAX: Final = 16
_NETWORK: Final = "tallystick-testnet"


def make_testnet(
    home: Annotated[Path, typer.Option("--home", help="a new directory; each member's home is made in it")],
    validators: Annotated[
        int, typer.Option("--validators", min=1, max=_VALIDATORS_MAX, help="an authority and so many banks less one; all of them validate")
    ] = 4,
    network: Annotated[str, typer.Option("--network", help="the network's name")] = _NETWORK,
    policy: PolicyOption = None,
    port: Annotated[
        int | None,
        typer.Option("--port", min=1, max=65_000, help=f"the first member's; by default free ones from {PORT_FIRST} on"),
    ] = None,
    engine_port: Annotated[
        int | None,
        typer.Option("--engine-port", min=1, max=65_000, help=f"the first engine's; by default free ones from {ENGINE_PORT_FIRST} on"),
    ] = None,
    start: Annotated[bool, typer.Option("--start", help="then serve every member, one process each, until Ctrl-C")] = False,
    as_json: AsJson = False,
) -> None:
    """Found a consortium on this machine. The sign-ins are shown, and in sign-ins.json beside the homes (mode 0600)."""
    if start:
        # Before anything is made: without the engine nothing would start.
        find_binary()
    begun_with = policy_of(policy)
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise Refused("home-not-empty", f"{home} exists and is not an empty directory", hint="name a new directory, or move it aside")
    addresses = Addresses(HOST, port or first_free(PORT_FIRST, validators), engine_port or first_free(ENGINE_PORT_FIRST, validators))
    make_private_directory(home)
    founded = create_network(
        home,
        network,
        _plans(validators),
        clock=SystemClock(),
        random=os.urandom,
        addresses=addresses,
        policy=begun_with,
        consortium=Consortium(),
    )
    write_sign_ins(home, founded.sign_ins)
    _show(founded, started=start, as_json=as_json)
    if start:
        serve_members(home, founded.sign_ins, as_json=as_json)


def _plans(validators: int) -> list[MemberPlan]:
    banks = [MemberPlan(f"bank-{letter}", "bank", f"Bank {letter.upper()}") for letter in ascii_lowercase[: validators - 1]]
    return [MemberPlan("authority", "authority", "Forex Authority"), *banks]


def _show(founded: Founded, *, started: bool, as_json: bool) -> None:
    """`serve_members` shows the sign-ins once every member answers."""
    if as_json:
        homes = {name: str(path) for name, path in founded.homes.items()}
        print_json({"network": founded.network, "homes": homes, "sign_ins": [each.to_json() for each in founded.sign_ins]})
    elif not started:
        show_sign_ins(founded.sign_ins, f"network {founded.network}")
        homes_named = " ".join(f"--home {path}" for path in founded.homes.values())
        say(f"Next, all in one process, or each member in one of its own: tallystick serve {homes_named}")
