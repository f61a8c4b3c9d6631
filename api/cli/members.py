"""`tallystick members list`: who is in the network, as the home's replica says."""

from __future__ import annotations

import typer

from api.cli.homes import HomeOption, reading
from api.cli.output import AsJson, print_json, print_table
from nodes.directory import Directory

app = typer.Typer(help="members of the network")


@app.callback()
def _group() -> None:
    """Members of the network."""


@app.command("list")
def list_members(home: HomeOption, as_json: AsJson = False) -> None:
    """Every member with its role, region and status, and how many keys it has in force."""
    with reading(home) as opened:
        directory = Directory(opened.store)
        items = [
            {
                "member": member.slug,
                "role": member.role,
                "name": member.name,
                "region": member.region,
                "status": member.status,
                "keys": len(directory.keys(member.slug)),
            }
            for member in directory.members()
        ]
    if as_json:
        print_json({"items": items})
    else:
        print_table(list(items[0]), [list(item.values()) for item in items])
