"""`tallystick serve`: one home's node, or several homes' nodes side by side, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import signal
import socket
import sys
import threading
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from api.cli.output import AsJson, print_json, say
from api.cli.running import RunningNode, listen, stop_followers
from api.connections import raise_descriptor_limit
from ledger.errors import InputError
from ledger.solo import SoloEngine
from nodes.home import Home
from nodes.node import Node

_PORT_MAX: Final = 65_535
_LOOK_S: Final = 0.5
HomesOption = Annotated[list[Path], typer.Option("--home", help="a node's home directory; repeat it to serve several members side by side")]


def serve(
    home: HomesOption,
    host: Annotated[str | None, typer.Option("--host", help="where to listen; by default as configured")] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=_PORT_MAX, help="by default as configured; further homes take the next ports")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run one node or several, each with an API, a store, keys and workers of its own. Prints a line for each once it answers; ends after
    what is under way is answered. SIGUSR1 confirms the machine's time to an engine that stopped because it jumped ahead.
    """
    raise_descriptor_limit()
    asked_to_stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked_to_stop.set())
    with ExitStack() as stack:
        listeners = _listeners(home, host, port, stack)
        # The node that orders blocks begins first and ends last, so that the others can finish with it.
        places = sorted(range(len(home)), key=lambda place: Home(home[place]).read_config().engine.kind != "solo")
        running = {place: stack.enter_context(RunningNode(Node.open(home[place]), listeners[place])) for place in places}
        stack.callback(stop_followers, running.values())
        signal.signal(signal.SIGUSR1, lambda *_: _confirm_clocks(running.values()))
        _announce([running[place] for place in range(len(home))], as_json=as_json)
        # A signal may reach another thread of the process, and this one, which acts on it, sleep on: so it looks up now and then.
        while not asked_to_stop.wait(_LOOK_S):
            pass


def _confirm_clocks(running: Iterable[RunningNode]) -> None:
    """An operator says, by a signal, that the machine's time is right, after a node that orders stopped at a jump of it."""
    for each in running:
        if isinstance(each.node.engine, SoloEngine):
            each.node.engine.confirm_clock()


def _listeners(homes: Sequence[Path], host: str | None, port: int | None, stack: ExitStack) -> list[socket.socket]:
    """A socket for each home, closed with the stack. Raises `InputError` (`usage`), and as `listen` and `Home.read_config` do."""
    if port is not None and port + len(homes) - 1 > _PORT_MAX:
        raise InputError("usage", f"there are not {len(homes)} ports from {port} on")
    listeners = []
    for place, home in enumerate(homes):
        api = Home(home).read_config().api
        listener = listen(host or api.host, api.port if port is None else port + place)
        stack.callback(listener.close)
        listeners.append(listener)
    return listeners


def _announce(running: Sequence[RunningNode], *, as_json: bool) -> None:
    nodes = [{"node": each.node.config.node.id, "role": each.node.config.node.role, "address": each.url} for each in running]
    if as_json:
        document: dict[str, Any] = nodes[0] if len(nodes) == 1 else {"items": nodes}
        print_json(document)
    else:
        for who in nodes:
            say(f"serving {who['node']} ({who['role']}) at {who['address']}")
    sys.stdout.flush()
