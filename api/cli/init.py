"""`tallystick init`: founds a network on this machine, with a home for each member, or says why not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from api.cli.output import AsJson, print_json, say
from api.cli.policies import PolicyOption, policy_of
from api.cli.sign_ins import show_sign_ins
from ledger.clock import SystemClock
from ledger.errors import InputError, Refused
from nodes.founding import ENGINE_PORT_FIRST, PORT_FIRST, Addresses, Consortium, create_network, parse_member


def init(
    home: Annotated[Path, typer.Option("--home", help="the directory under which each member gets its home")],
    network: Annotated[str, typer.Option("--network", help="the network's name")],
    member: Annotated[list[str], typer.Option("--member", help="ID:ROLE:NAME, once for each member; one has the role authority")],
    engine: Annotated[
        str, typer.Option("--engine", help="who orders blocks: solo (the authority's node), comet (validators that vote)")
    ] = "solo",
    validator: Annotated[
        list[str] | None,
        typer.Option("--validator", metavar="ID", help="comet: a member that votes; by default authority, registrar and banks. Repeat it"),
    ] = None,
    engine_port: Annotated[
        int | None,
        typer.Option("--engine-port", min=1, max=65_000, help=f"comet: the first engine's port, by default {ENGINE_PORT_FIRST}"),
    ] = None,
    policy: PolicyOption = None,
    ledger_url: Annotated[str | None, typer.Option("--ledger-url", help="database of the ledger; {id} stands for the member")] = None,
    private_url: Annotated[str | None, typer.Option("--private-url", help="private database; {id} stands for the member")] = None,
    host: Annotated[str, typer.Option("--host", help="where the nodes will be found")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=1, max=65_000, help="the first member's port; the others take the next ones")
    ] = PORT_FIRST,
    as_json: AsJson = False,
) -> None:
    """Make genesis, keys, staff and configuration. The sign-ins are shown this once and stored nowhere."""
    consortium = _consortium(engine, validator, engine_port)
    plans = [parse_member(text) for text in member]
    addresses = Addresses(host, port, engine_port or ENGINE_PORT_FIRST, ledger_url, private_url)
    founded = create_network(
        home,
        network,
        plans,
        clock=SystemClock(),
        random=os.urandom,
        addresses=addresses,
        policy=policy_of(policy),
        consortium=consortium,
    )
    if as_json:
        homes = {name: str(path) for name, path in founded.homes.items()}
        print_json({"network": founded.network, "homes": homes, "sign_ins": [each.to_json() for each in founded.sign_ins]})
        return
    show_sign_ins(founded.sign_ins, f"network {founded.network}")
    say("The secrets are stored nowhere: keep them. Next: tallystick serve --home " + str(next(iter(founded.homes.values()))))


def _consortium(engine: str, validators: list[str] | None, engine_port: int | None) -> Consortium | None:
    """Raises `Refused` (`engine-unknown`), `InputError` (`usage`)."""
    if engine == "comet":
        return Consortium(validators)
    if engine != "solo":
        hint = "solo: the authority's node orders blocks, every other member's follows it; comet: validators vote on blocks"
        raise Refused("engine-unknown", f"a network cannot be founded with the engine `{engine}`", hint=hint)
    if validators is not None or engine_port is not None:
        raise InputError("usage", "--validator and --engine-port are for a consortium", hint="add --engine comet")
    return None
