"""`tallystick join`: makes a newcomer's home for a network that is there, and the application that the authority is sent."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import ValidationError

from api.cli.files import bytes_of
from api.cli.output import AsJson, print_json, say
from api.cli.ports import HOST, first_free
from api.cli.sign_ins import show_sign_ins
from ledger.clock import SystemClock
from ledger.errors import InputError
from ledger.limits import NETWORK_FILE_BYTES_MAX
from nodes.home import Home
from nodes.home_config import ApiSection, EngineSection, StateSyncSection, StorageSection
from nodes.joining import Joined, Whereabouts, join_network
from nodes.network_file import read_network_file
from nodes.plans import ENGINE_PORT_FIRST, PORT_FIRST, PORT_MAX, parse_member

_BLOCK: Final = re.compile(r"([1-9][0-9]{0,15}):([0-9a-fA-F]{64})")


def join(
    network: Annotated[Path, typer.Option("--network", metavar="FILE", help="what tallystick network publish wrote at a member")],
    home: Annotated[Path, typer.Option("--home", help="a new directory, where the newcomer's node will run")],
    member: Annotated[str, typer.Option("--member", metavar="ID:ROLE:NAME[:REGION]", help="a bank, registrar, auditor or enterprise")],
    expect: Annotated[
        str | None, typer.Option("--expect", metavar="HASH", help="the network's id, as you were told it in another way than by the file")
    ] = None,
    uscc: Annotated[str | None, typer.Option("--uscc", help="an enterprise's unified social credit code")] = None,
    host: Annotated[str, typer.Option("--host", help="where the node's API listens")] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option("--port", min=1, max=PORT_MAX, help=f"its port; by default the first that is free from {PORT_FIRST} on"),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            "--listen",
            metavar="HOST:PORT",
            help=f"where the node's engine listens for the others'; by default on this machine only, from {ENGINE_PORT_FIRST} on",
        ),
    ] = None,
    external: Annotated[
        str | None, typer.Option("--external", metavar="HOST:PORT", help="the same as the others see it, where that differs")
    ] = None,
    rpc_servers: Annotated[
        list[str] | None,
        typer.Option("--rpc-server", metavar="ADDRESS", help="join by a snapshot: where the engines of two members answer; give it twice"),
    ] = None,
    trust_block: Annotated[
        str | None,
        typer.Option("--trust-block", metavar="HEIGHT:HASH", help="join by a snapshot: what tallystick network block prints at a member"),
    ] = None,
    ledger_url: Annotated[str | None, typer.Option("--ledger-url", help="database of the ledger, if not SQLite in the home")] = None,
    private_url: Annotated[str | None, typer.Option("--private-url", help="private database, if not SQLite in the home")] = None,
    as_json: AsJson = False,
) -> None:
    """Make keys, staff, configuration and an application. The network's id is computed from the file. The sign-ins are shown this once."""
    file = read_network_file(bytes_of(network, NETWORK_FILE_BYTES_MAX), expect)
    whereabouts = Whereabouts(
        ApiSection(host=host, port=port or first_free(PORT_FIRST, 1)),
        *_engine_address(engine or f"{HOST}:{first_free(ENGINE_PORT_FIRST, 1)}", external),
        _state_sync(rpc_servers or [], trust_block),
        StorageSection(ledger_url=ledger_url, private_url=private_url),
    )
    joined = join_network(Home(home), file, parse_member(member), whereabouts, clock=SystemClock(), random=os.urandom, uscc=uscc)
    if as_json:
        print_json(_document(joined))
    else:
        _show(joined, enterprise=uscc is not None)


def _engine_address(listen: str, external: str | None) -> tuple[str, str | None]:
    """Raises `InputError` (`usage`)."""
    try:
        EngineSection(kind="comet", listen=listen, external=external)
    except ValidationError as error:
        raise InputError("usage", "--listen and --external are HOST:PORT", hint="for instance 10.0.0.5:26656") from error
    return listen, external


def _state_sync(rpc_servers: list[str], trust_block: str | None) -> StateSyncSection | None:
    """Raises `InputError` (`usage`)."""
    if not rpc_servers and trust_block is None:
        return None
    named = _BLOCK.fullmatch(trust_block or "")
    try:
        if named is not None:
            return StateSyncSection(rpc_servers=rpc_servers, trust_height=int(named[1]), trust_hash=named[2])
        hint = "tallystick network block prints the block at a member's node"
    except ValidationError as error:
        hint = error.errors(include_url=False)[0]["msg"]
    raise InputError("usage", "joining by a snapshot takes --rpc-server twice and --trust-block HEIGHT:HASH", hint=hint)


def _document(joined: Joined) -> dict[str, object]:
    return {
        "network": joined.network,
        "home": str(joined.home.path),
        "application": str(joined.home.application_file),
        "voting_key": joined.voting_key,
        "peer": joined.peer,
        "sign_ins": [each.to_json() for each in joined.sign_ins],
    }


def _show(joined: Joined, *, enterprise: bool) -> None:
    show_sign_ins(joined.sign_ins, f"network {joined.network}")
    application, home = joined.home.application_file, joined.home.path
    say("The secrets are stored nowhere: keep them. Next:")
    if enterprise:
        say(f"1. send {application} to the authority, which enrols you: POST /v1/enterprises")
    else:
        say(f"1. send {application} to the authority, which admits you: tallystick members admit FILE")
    say(f"2. then: tallystick serve --home {home}")
    if joined.voting_key is not None:
        member = joined.application["member"]
        say(f"3. to validate, once the node has caught up: the governors approve {member}:{joined.voting_key}:POWER among the validators")
        say(f"The others' engines find yours as {joined.peer}")
