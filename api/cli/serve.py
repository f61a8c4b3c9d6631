"""`tallystick serve`: one home's node, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Annotated, Any

import typer

from api.cli.homes import HomeOption
from api.cli.output import AsJson, print_json, say
from api.cli.running import RunningNode, listen
from nodes.home import Home
from nodes.node import Node


def serve(
    home: HomeOption,
    host: Annotated[str | None, typer.Option("--host", help="where to listen; by default as configured")] = None,
    port: Annotated[int | None, typer.Option("--port", min=1, max=65_535, help="by default as configured")] = None,
    as_json: AsJson = False,
) -> None:
    """Run a node: engine, workers and API. Prints a line once it answers; ends after what is under way is answered."""
    asked_to_stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked_to_stop.set())
    config = Home(home).read_config()
    listener = listen(host or config.api.host, port or config.api.port)
    try:
        node = Node.open(home)
    except BaseException:
        listener.close()
        raise
    with RunningNode(node, listener) as running:
        _announce(running, as_json=as_json)
        asked_to_stop.wait()


def _announce(running: RunningNode, *, as_json: bool) -> None:
    who: dict[str, Any] = {"node": running.node.config.node.id, "role": running.node.config.node.role, "address": running.url}
    if as_json:
        print_json(who)
    else:
        say(f"serving {who['node']} ({who['role']}) at {who['address']}")
    sys.stdout.flush()
