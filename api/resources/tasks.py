"""Second signatures: records that one person prepared and signed, for another person to sign or decline."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import structlog
from fastapi import FastAPI, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from api.context import Acting, TheNode
from api.idempotency import done_once
from api.models import After, ApiModel, Limit, ShortText
from api.resources.records import receipt_json
from api.responses import json_response, page, single
from ledger.clock import rfc3339
from ledger.errors import TallystickError
from nodes.countersigning import Awaiting, Countersignatures
from nodes.financings.desk import Financings
from nodes.financings.maturity import TASK as MATURITY
from nodes.node import Node
from nodes.task_book import AWAITING
from nodes.tasks import Task, Tasks
from nodes.witnessing.heads import APPROVE, MatchingHeads

log = structlog.get_logger(__name__)

TaskId = Annotated[str, Path(pattern=r"^([0-9a-f]{32}){1,2}$")]
State = Annotated[
    Literal["open", "awaiting-authority", "signed", "declined", "expired"] | None, Query(description="tasks of this state only")
]


class DeclineIn(ApiModel):
    """Why the record is not signed."""

    reason: ShortText


def list_tasks(node: TheNode, state: State = None, after: After = None, limit: Limit = 100) -> Response:
    """Tasks, the newest first. The cursor is a task's id."""
    found = Tasks(node).list(state, after=after, limit=limit)
    return page([task_json(task) for task in found], found[-1].id if len(found) == limit else None)


def get_task(request: Request, node: TheNode, task_id: TaskId) -> Response:
    """A task, and what became of its record."""
    if Tasks(node).get(task_id).state == AWAITING:
        _hand_in(node)
    task = Tasks(node).get(task_id)
    heads = MatchingHeads(node).of_record(task.record_id) if task.type == APPROVE else None
    return single(request, task_json(task) | ({} if heads is None else {"heads": heads.to_json()}))


def sign_task(node: TheNode, acting: Acting, task_id: TaskId) -> Response:
    """Signs second, with the key of the person who signed in, and sends the record. A refusal by the rules is a problem with its code.
    A decision that leaves no record takes effect here, and answers with the task; so does, with 202, a record that the authority signs too.
    An approval for which this node waits until other members' heads match says so in `heads`: with 202 it is not final yet.
    """
    record_type = Tasks(node).get(task_id).type
    if record_type == MATURITY:
        return done_once(lambda: json_response(task_json(Financings(node).maturities.sign(task_id, acting))))
    if Countersignatures(node).has(task_id):
        return json_response(receipt_json(Countersignatures(node).sign(task_id, acting)))
    receipt = Tasks(node).complete(task_id, acting)
    if receipt is None:
        _hand_in(node)
        return json_response(task_json(Tasks(node).get(task_id)), status=202)
    heads = MatchingHeads(node).wait_for(receipt.height) if record_type == APPROVE else None
    if heads is None:
        return json_response(receipt_json(receipt))
    return json_response({**receipt_json(receipt), "heads": heads.to_json()}, status=200 if heads.final else 202)


def _hand_in(node: Node) -> None:
    """Hands in now what waits for the authority, and asks about the rest; what cannot be stays for the worker."""
    try:
        Awaiting(node).run_once()
    except TallystickError as error:
        log.info("countersigning-waits", code=error.code)


def decline_task(node: TheNode, acting: Acting, task_id: TaskId, body: DeclineIn) -> Response:
    """Ends a task unsigned. Who prepared it may do so too, and takes it back in this way."""
    return json_response(task_json(Tasks(node).decline(task_id, acting, body.reason)))


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["tasks"]
    app.add_api_route("/v1/tasks", list_tasks, methods=["GET"], tags=tags)
    app.add_api_route("/v1/tasks/{task_id}", get_task, methods=["GET"], tags=tags)
    app.add_api_route("/v1/tasks/{task_id}/sign", sign_task, methods=["POST"], tags=tags)
    app.add_api_route("/v1/tasks/{task_id}/decline", decline_task, methods=["POST"], tags=tags)


def opened_task(task: Task) -> Response:
    """202: the record waits for a second signature."""
    location = f"/v1/tasks/{task.id}"
    return json_response({"task": task.id, "location": location, **task_json(task)}, status=202, headers={"Location": location})


def task_json(task: Task) -> dict[str, Any]:
    """A task as people and programs see it."""
    return {
        "id": task.id,
        "type": task.type,
        "summary": dict(task.summary),
        "author": task.author,
        "state": task.state,
        "record_id": None if task.type == MATURITY else task.record_id,
        "result": task.result,
        "decided_by": task.decided_by,
        "reason": task.reason,
        "created": rfc3339(task.created_ms),
        "decided": None if task.decided_ms is None else rfc3339(task.decided_ms),
        "expires": rfc3339(task.expires_ms),
    }
