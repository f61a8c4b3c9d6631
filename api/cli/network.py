"""`tallystick network`: the file by which somebody joins this network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.homes import HomeOption, reading
from api.cli.output import AsJson, print_json, say
from api.cli.proofs import write_new
from ledger.clock import rfc3339
from ledger.comet.commits import engine_block, is_checkpoint
from ledger.errors import NotFound
from nodes.home import Home
from nodes.network_file import published

app = typer.Typer(help="the network, for those who join it")


@app.callback()
def _group() -> None:
    """The network, for those who join it."""


@app.command("block")
def block(home: HomeOption, as_json: AsJson = False) -> None:
    """Name the newest block of the consortium's engine that this replica holds with its signatures, as `HEIGHT:HASH`.
    A newcomer that joins by a snapshot trusts one such block, and should hear the same from two members.
    """
    with reading(home) as opened, opened.store.reading() as reader:
        text = reader.checkpoint()
    if text is None or not is_checkpoint(text):
        raise NotFound("no-engine-block", "no block of a consortium is signed here", hint="ask a member whose node has caught up")
    found = engine_block(text)
    named = f"{found.height}:{found.hash.hex()}"
    if as_json:
        print_json({"block": named, "height": found.height, "hash": found.hash.hex(), "time": rfc3339(found.time[0] * 1_000)})
    else:
        say(named)


@app.command("publish")
def publish(
    home: HomeOption,
    out: Annotated[Path, typer.Option("-o", "--out", help="the file to write")],
    authority: Annotated[
        str | None, typer.Option("--authority", metavar="URL", help="where the authority's node answers, if not as this home knows it")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write what a newcomer needs: genesis, trust, the engines' addresses as this home knows them, its own among them, and the authority's.
    Nothing in it is secret. Tell the newcomer the network's id in another way, so that it can expect it.
    """
    opened = Home(home)
    config = opened.read_config()
    opened.check_modes()
    file = published(opened, config, authority)
    write_new(out, file.encoded())
    if as_json:
        print_json({"file": str(out), "network": file.network, "authority": file.authority, "peers": list(file.peers)})
        return
    say(f"{out}: network {file.network}, {len(file.peers)} engines, the authority at {file.authority}")
    say("Next, where the newcomer's node will run:")
    command = f"tallystick join --network {out.name} --expect {file.network}"
    say(f"  {command} --home NEW --member ID:ROLE:NAME")
