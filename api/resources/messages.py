"""The mailbox that this node is for others: sealed letters between exporters and banks, which it carries and cannot read.

Nodes post and fetch; who they are their sign-in says. A letter's text is sealed to its recipient and signed inside.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Query
from pydantic import Field
from starlette.responses import Response

from api.context import Caller, TheNode
from api.models import ApiModel, Hash
from api.principal import Principal
from api.responses import json_response, page
from ledger.limits import INTEGER_MAX, LETTER_BYTES_MAX
from nodes.requests.letters import Envelope, address_of
from nodes.requests.mailbox import Mailbox

AfterPlace = Annotated[int, Query(ge=0, le=INTEGER_MAX, description="the place of the last letter that was taken")]


class MessageIn(ApiModel):
    """`id` is the sender's choice; `to` a bank's slug, or `enterprise:` and an enrolment's id; `key` the recipient's sealing key."""

    id: Hash
    to: Annotated[str, Field(pattern=r"^([a-z][a-z0-9-]{1,31}|enterprise:[0-9a-f]{64})$")]
    key: Hash
    box: Annotated[str, Field(min_length=1, max_length=LETTER_BYTES_MAX * 4 // 3 + 4, pattern=r"^[A-Za-z0-9+/]+={0,2}$")]


def post_message(node: TheNode, caller: Caller, body: MessageIn) -> Response:
    """Takes a letter. The same one may be posted again."""
    Mailbox(node).post(_address(caller), Envelope(**body.model_dump()))
    return json_response({"id": body.id}, status=201)


def list_messages(node: TheNode, caller: Caller, after: AfterPlace = 0) -> Response:
    """The caller's letters beyond a place, with what the authority vouches for of an exporter that sent one."""
    found = Mailbox(node).fetch(_address(caller), after)
    return page([each.model_dump(mode="json") for each in found], found[-1].place if found else None)


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["messages"]
    app.add_api_route("/v1/messages", post_message, methods=["POST"], status_code=201, tags=tags)
    app.add_api_route("/v1/messages", list_messages, methods=["GET"], tags=tags)


def _address(caller: Principal) -> str:
    return caller.id if caller.enterprise is None else address_of(caller.enterprise)
