"""Whether the process lives, and whether the node is fit to serve."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.responses import Response

from api.context import TheNode
from api.responses import as_of, json_response
from ledger.errors import TallystickError
from nodes.node import Node


def get_health() -> Response:
    """The process answers."""
    return json_response({"status": "ok"})


def get_readiness(node: TheNode) -> Response:
    """Whether ledger, private database and reader are in order; 503 names what is not."""
    faults = _faults(node)
    if faults:
        return json_response({"status": "not-ready", "faults": faults}, status=503, headers={"Retry-After": "1"})
    with node.store.reading() as reader:
        return json_response({"status": "ready", "as_of": as_of(reader.head)})


def add_routes(app: FastAPI) -> None:
    app.add_api_route("/healthz", get_health, methods=["GET"], tags=["health"])
    app.add_api_route("/readyz", get_readiness, methods=["GET"], tags=["health"])


def _faults(node: Node) -> list[str]:
    """Codes, and nothing else: this is open to everyone."""
    faults = []
    try:
        with node.store.reading(), node.private.reading():
            halted = node.store.halted()
    except TallystickError as error:
        return [error.code]
    if halted is not None:
        faults.append(str(halted["code"]))
    if node.reader.failure is not None:
        faults.append("reader-stopped")
    return faults
