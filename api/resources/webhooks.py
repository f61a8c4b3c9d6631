"""Webhooks, for the node's administrators: where events are handed to, and what became of each attempt."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Path, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.context import Caller, Context
from api.idempotency import reference_of
from api.models import ApiModel, Limit, ShortText
from api.responses import json_response, page, single
from ledger.clock import rfc3339
from ledger.limits import INTEGER_MAX, WEBHOOK_URL_CHARS_MAX
from nodes.events.catalogue import TYPES
from nodes.events.tables import CURSOR, Cursor
from nodes.webhooks.endpoints import Delivery, Webhook

WebhookId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
Before = Annotated[int | None, Query(ge=0, le=INTEGER_MAX, description="the cursor that the page before gave as `next`")]


class WebhookIn(ApiModel):
    """`types` are those of docs/events.md, all by default."""

    url: Annotated[str, Field(min_length=1, max_length=WEBHOOK_URL_CHARS_MAX)]
    types: Annotated[list[str], Field(max_length=len(TYPES))] = Field(default_factory=list)
    description: ShortText | None = None


class ReplayIn(ApiModel):
    """`after` is the id of an event; null goes on where the webhook stopped."""

    after: Annotated[str, Field(pattern=CURSOR)] | None = None


def register_webhook(context: Context, caller: Caller, body: WebhookIn) -> Response:
    """From now on it gets the events of this node's owner. Its secret is at `/secret`."""
    made = context.webhooks.register(caller.id, body.url, body.types, body.description or "")
    return json_response(_json(made), status=201, headers={"Location": f"/v1/webhooks/{made.id}"})


def list_webhooks(context: Context) -> Response:
    """All of them, in the order in which they were registered."""
    return page([_json(each) for each in context.webhooks.list()], None)


def get_webhook(request: Request, context: Context, webhook_id: WebhookId) -> Response:
    """Where it stands: the last event that was taken, how often the next one failed, and when it is tried again."""
    return single(request, _json(context.webhooks.get(webhook_id)))


def delete_webhook(context: Context, webhook_id: WebhookId) -> Response:
    """Ends it."""
    context.webhooks.delete(webhook_id)
    return Response(status_code=204)


def get_secret(context: Context, webhook_id: WebhookId) -> Response:
    """What its receiver verifies signatures with, in the form of the Standard Webhooks specification."""
    return json_response({"secret": context.webhooks.secret(webhook_id)})


def rotate_secret(context: Context, webhook_id: WebhookId) -> Response:
    """A new secret; for a day more, messages are signed with the old one too."""
    return json_response(_json(context.webhooks.rotate(webhook_id)))


def test_webhook(request: Request, context: Context, caller: Caller, webhook_id: WebhookId) -> Response:
    """Sends a `ping` now and says what became of it."""
    return json_response(_delivery_json(context.webhooks.test(webhook_id, cause=reference_of(request, caller.name))))


def replay_webhook(context: Context, webhook_id: WebhookId, body: ReplayIn) -> Response:
    """Goes on after an event, or where it stopped; one that was given up is active again."""
    return json_response(_json(context.webhooks.replay(webhook_id, None if body.after is None else Cursor.parse(body.after))))


def list_deliveries(context: Context, webhook_id: WebhookId, after: Before = None, limit: Limit = 100) -> Response:
    """Attempts, the newest first; older ones than the last thousand are forgotten."""
    found = context.webhooks.deliveries(webhook_id, after, limit)
    return page([_delivery_json(each) for each in found], found[-1].number if len(found) == limit else None)


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["webhooks"]
    one = "/v1/webhooks/{webhook_id}"
    app.add_api_route("/v1/webhooks", register_webhook, methods=["POST"], tags=tags)
    app.add_api_route("/v1/webhooks", list_webhooks, methods=["GET"], tags=tags)
    app.add_api_route(one, get_webhook, methods=["GET"], tags=tags)
    app.add_api_route(one, delete_webhook, methods=["DELETE"], tags=tags)
    app.add_api_route(f"{one}/secret", get_secret, methods=["GET"], tags=tags)
    app.add_api_route(f"{one}/rotate-secret", rotate_secret, methods=["POST"], tags=tags)
    app.add_api_route(f"{one}/test", test_webhook, methods=["POST"], tags=tags)
    app.add_api_route(f"{one}/replay", replay_webhook, methods=["POST"], tags=tags)
    app.add_api_route(f"{one}/deliveries", list_deliveries, methods=["GET"], tags=tags)


def _json(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "description": webhook.description,
        "types": list(webhook.types),
        "state": webhook.state,
        "after": str(webhook.cursor),
        "failures": webhook.failures,
        "failing_since": None if webhook.failing_since_ms is None else rfc3339(webhook.failing_since_ms),
        "next_try": rfc3339(webhook.next_try_ms) if webhook.failures and webhook.disabled_ms is None else None,
        "created_by": webhook.created_by,
        "created": rfc3339(webhook.created_ms),
        "disabled": None if webhook.disabled_ms is None else rfc3339(webhook.disabled_ms),
    }


def _delivery_json(delivery: Delivery) -> dict[str, Any]:
    return {
        "number": delivery.number,
        "message_id": delivery.message,
        "type": delivery.type,
        "outcome": delivery.outcome,
        "status": delivery.status,
        "at": rfc3339(delivery.at_ms),
    }
