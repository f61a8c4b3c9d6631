"""`tallystick events`: what concerns a node's owner, from its API: what is known, or as it comes."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from api.cli.calling import CredentialsOption, NodeUrl, at_node
from api.client import Event


def events(
    url: NodeUrl,
    after: Annotated[str | None, typer.Option("--after", metavar="ID", help="go on after this event")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="go on with what comes, until Ctrl-C; by default from now on")] = False,
    credentials: CredentialsOption = None,
) -> None:
    """One JSON object a line for each event; its `id` is what to go on after."""
    with at_node(url, credentials) as client:
        for event in client.events.stream(after) if follow else client.events.list(after):
            _write(event)


def _write(event: Event) -> None:
    sys.stdout.write(json.dumps(event.model_dump(mode="json"), ensure_ascii=False) + "\n")
    sys.stdout.flush()
