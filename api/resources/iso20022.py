"""ISO 20022 messages of invoice financing: a tsin.001 or tsin.003 in, a tsin.002 out. See docs/iso20022.md."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import FastAPI, Path
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.context import Acting, Context, TheNode
from api.problems import problem, request_id_of
from api.responses import tagged
from nodes.iso20022.messages import Messages
from nodes.iso20022.reading import MessageInvalid

XML: Final = "application/xml"
_TAKEN: Final = frozenset({XML, "text/xml"})
MessageId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


async def take_message(request: Request, context: Context, acting: Acting) -> Response:
    """Takes an InvoiceFinancingRequest (tsin.001.001.01), which becomes one application, or an InvoiceFinancingCancellationRequest
    (tsin.003.001.01), and answers with its status (tsin.002.001.01), also where the rules refuse it. The same message again is answered
    with its status as it is then. A message that does not fit is a problem, whose `errors` say where.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in _TAKEN:
        raise HTTPException(415)
    content = await request.body()
    messages = Messages(context.node)
    try:
        message_id = await run_in_threadpool(messages.take, acting, content)
    except MessageInvalid as error:
        places = {"errors": [{"in": "body", "field": error.place, "message": error.fault}]}
        return problem(422, error.code, error.message, hint=error.hint, request_id=request_id_of(request), extra=places)
    told = await run_in_threadpool(messages.status, message_id)
    return tagged(request, _xml(told.content, 201, {"Location": f"/v1/iso20022/messages/{message_id}"}), told.stable)


def get_status(request: Request, node: TheNode, message_id: MessageId) -> Response:
    """How the request of a message stands now, as a tsin.002. Its own id and time move with every block and are left out of the `ETag`."""
    told = Messages(node).status(message_id)
    return tagged(request, _xml(told.content, 200, {}), told.stable)


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["iso20022"]
    extra = {"requestBody": {"required": True, "content": {XML: {"schema": {"type": "string"}}}}}
    app.add_api_route("/v1/iso20022/messages", take_message, methods=["POST"], status_code=201, tags=tags, openapi_extra=extra)
    app.add_api_route("/v1/iso20022/messages/{message_id}", get_status, methods=["GET"], tags=tags)


def _xml(content: bytes, status: int, headers: dict[str, str]) -> Response:
    return Response(content, status, {"Cache-Control": "no-store", **headers}, media_type=XML)
