"""`tallystick init`: founds a network on this machine, with a home for each member, or says why not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from api.cli.output import AsJson, print_json, print_table, say
from ledger.clock import SystemClock
from ledger.errors import Refused
from nodes.founding import PORT_FIRST, Addresses, create_network, parse_member


def init(
    home: Annotated[Path, typer.Option("--home", help="the directory under which each member gets its home")],
    network: Annotated[str, typer.Option("--network", help="the network's name")],
    member: Annotated[list[str], typer.Option("--member", help="ID:ROLE:NAME, once for each member; one has the role authority")],
    engine: Annotated[str, typer.Option("--engine", help="who orders blocks: solo (the authority's node)")] = "solo",
    ledger_url: Annotated[str | None, typer.Option("--ledger-url", help="database of the ledger; {id} stands for the member")] = None,
    private_url: Annotated[str | None, typer.Option("--private-url", help="private database; {id} stands for the member")] = None,
    host: Annotated[str, typer.Option("--host", help="where the nodes will be found")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=1, max=65_000, help="the first member's port; the others take the next ones")
    ] = PORT_FIRST,
    as_json: AsJson = False,
) -> None:
    """Make genesis, keys, staff and configuration. The sign-ins are shown this once and stored nowhere."""
    if engine != "solo":
        hint = "the authority's node orders blocks (solo); every other member's follows it"
        raise Refused("engine-unknown", f"a network cannot be founded with the engine `{engine}`", hint=hint)
    plans = [parse_member(text) for text in member]
    addresses = Addresses(host=host, port_first=port, ledger_url=ledger_url, private_url=private_url)
    founded = create_network(home, network, plans, clock=SystemClock(), random=os.urandom, addresses=addresses)
    if as_json:
        homes = {name: str(path) for name, path in founded.homes.items()}
        print_json({"network": founded.network, "homes": homes, "sign_ins": [each.to_json() for each in founded.sign_ins]})
        return
    rows = [(each.node, each.address, each.user, each.role, each.secret) for each in founded.sign_ins]
    print_table(["node", "address", "user", "role", "secret"], rows, title=f"network {founded.network}")
    say("The secrets are stored nowhere: keep them. Next: tallystick serve --home " + str(next(iter(founded.homes.values()))))
