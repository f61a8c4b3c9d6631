"""A node on its own that has events, for tests of who hears of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ledger.clock import SettableClock
from nodes.home import Home
from nodes.node import Node
from tests.nodes.small_network import CHEAP, found


@contextmanager
def node_at_work(directory: Path, clock: SettableClock, **sections: Any) -> Iterator[Node]:
    """An authority's node whose configuration has these sections."""
    home = Home(found(directory, clock=clock).homes["authority"])
    home.write_config(home.read_config().model_copy(update=sections))
    with Node.open(home.path, clock, cost=CHEAP) as node:
        node.reader.catch_up()
        yield node


def noted(node: Node, *numbers: int, kind: str = "task.waiting", name: str = "task_id") -> list[str]:
    """Something happens at the node alone, once for each number: the ids of the events."""
    before = node.events.newest()
    for number in numbers:
        with node.private.begin() as connection:
            node.events.note(connection, kind, {name: f"{number:064x}"}, {}, f"{kind}:{number}")
    return [str(event.cursor) for event in node.events.page(before, [kind], 500)]
