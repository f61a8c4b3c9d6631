"""Whether the process lives, and whether the node is fit to serve."""

from __future__ import annotations

import shutil

import sqlalchemy as sa
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from api.context import Context
from api.responses import as_of, json_response
from ledger.errors import TallystickError
from ledger.header import Header
from ledger.limits import DISK_FREE_BYTES_MIN
from nodes.engine_views import faults as engine_faults
from nodes.node import Node
from nodes.rules_ahead import RULES_MISSING, UPGRADE_NEEDED, outlook


def get_health() -> Response:
    """The process answers."""
    return json_response({"status": "ok"})


def get_readiness(context: Context) -> Response:
    """Whether ledger, private database (it is written to), reader, rules, engine, disk and workers are in order; 503 names what is not,
    `syncing` and `no-quorum` of a consortium among it. `warnings` names what soon will not be.
    """
    head, faults, warnings = _look(context.node)
    if not all(worker.alive for worker in context.workers):
        faults.append("worker-stopped")
    if head is None or faults:
        return json_response({"status": "not-ready", "faults": faults}, status=503, headers={"Retry-After": "1"})
    return json_response({"status": "ready", "warnings": warnings, "as_of": as_of(head)})


def add_routes(app: FastAPI) -> None:
    app.add_api_route("/healthz", get_health, methods=["GET"], tags=["health"])
    app.add_api_route("/readyz", get_readiness, methods=["GET"], tags=["health"])


def _look(node: Node) -> tuple[Header | None, list[str], list[str]]:
    """The head of the replica, and what is wrong and what will be, in codes and nothing else: this is open to everyone."""
    faults = []
    try:
        with node.store.reading() as reader:
            head, halted = reader.head, node.store.halted()
            rules = outlook(reader, node.rulebook, max(node.clock.now_ms(), head.time_ms + 1))
        with node.private.begin() as connection:
            connection.execute(sa.select(1))
    except TallystickError as error:
        return None, [error.code], []
    except SQLAlchemyError:
        return None, ["database-unreachable"], []
    if halted is not None:
        faults.append(str(halted["code"]))
    faults += engine_faults(node.engine)
    if node.reader.failure is not None:
        faults.append("reader-stopped")
    if shutil.disk_usage(node.home.path).free < DISK_FREE_BYTES_MIN:
        faults.append("disk-full")
    if rules.missing and RULES_MISSING not in faults:
        faults.append(RULES_MISSING)
    return head, faults, [UPGRADE_NEEDED] if rules.upgrade_needed else []
