"""The interface's description, OpenAPI 3.1: what FastAPI knows of routes and requests, completed by what it cannot know.

Answers have the schemas of the Python client's models (`api.client`), where it has one, so that there is one account of them; every error
is a problem; and every operation has an example of its request and of each good answer, from `api.examples`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from api.answer_media import MEDIA, describe_answers
from api.client import models, trade_models
from api.examples import examples

_REF: Final = "#/components/schemas/"
_JSON: Final = "application/json"
_EVENTS: Final = "text/event-stream"
_STEPS: Final = ("approve", "disburse", "repay", "extend", "write-off", "correct", "transfer", "take-over")
# A list in place of a model is a page of such items.
ANSWERS: Final[Mapping[str, type[models.Answer] | list[type[models.Answer]]]] = {
    "GET /v1/network": models.Network,
    "GET /v1/members": [models.Member],
    "GET /v1/governance/proposals": [models.Proposal],
    "POST /v1/governance/proposals": models.Proposal,
    "GET /v1/governance/proposals/{proposal_id}": models.Proposal,
    "POST /v1/governance/proposals/{proposal_id}/approve": models.Proposal,
    "GET /v1/records/{record_id}": models.Record,
    "GET /v1/blocks/{height}": models.Block,
    "GET /v1/tasks": [trade_models.Task],
    "GET /v1/tasks/{task_id}": trade_models.Task,
    "POST /v1/tasks/{task_id}/decline": trade_models.Task,
    "POST /v1/declaration-imports": trade_models.Import,
    "GET /v1/declaration-imports/{import_id}": trade_models.Import,
    "GET /v1/declarations": [trade_models.Declaration],
    "GET /v1/declarations/{declaration_id}": trade_models.Declaration,
    "POST /v1/declarations/{declaration_id}/amend": models.Receipt,
    "POST /v1/declarations/{declaration_id}/void": models.Receipt,
    "POST /v1/declarations/{declaration_id}/collections": trade_models.Task,
    "GET /v1/declarations/{declaration_id}/collections": [trade_models.Collection],
    "POST /v1/consents": trade_models.Consent,
    "GET /v1/consents": [trade_models.Consent],
    "GET /v1/consents/{consent_id}": trade_models.Consent,
    "POST /v1/consents/{consent_id}/revoke": models.Receipt,
    "POST /v1/enquiries": trade_models.Enquiry,
    "GET /v1/enquiries": [trade_models.Enquiry],
    "GET /v1/enquiries/{enquiry_id}": trade_models.Enquiry,
    "POST /v1/financings": trade_models.Application,
    "GET /v1/financings": [trade_models.Financing],
    "GET /v1/financings/{financing_id}": trade_models.Financing,
    "POST /v1/financings/{financing_id}/intake": models.Receipt,
    **{f"POST /v1/financings/{{financing_id}}/{step}": trade_models.Task for step in _STEPS},
    "GET /v1/events": [models.Event],
    "POST /v1/webhooks": models.Webhook,
    "GET /v1/webhooks": [models.Webhook],
    "GET /v1/webhooks/{webhook_id}": models.Webhook,
    "POST /v1/webhooks/{webhook_id}/rotate-secret": models.Webhook,
    "POST /v1/webhooks/{webhook_id}/replay": models.Webhook,
    "POST /v1/webhooks/{webhook_id}/test": models.Delivery,
    "GET /v1/webhooks/{webhook_id}/deliveries": [models.Delivery],
}
_PROBLEM_EXAMPLE: Final = {
    "type": "urn:tallystick:problem:unknown-financing",
    "title": "unknown financing",
    "status": 404,
    "code": "unknown-financing",
    "detail": "this node knows no such financing",
    "request_id": "5f0e6b1c9f3b8a7d2c4e6f81",
}


class Description:
    """The document of one application, made once: strangers may ask for it, and making it takes a good part of a second. Safe to share
    between threads.
    """

    def __init__(self, app: FastAPI, token_url: str, cookie: str) -> None:
        self._app, self._token_url, self._cookie = app, token_url, cookie
        self._lock = threading.Lock()
        self._json: bytes | None = None

    def json(self) -> bytes:
        """The document as it is sent."""
        with self._lock:
            if self._json is None:
                self._json = orjson.dumps(described(self._app, self._token_url, self._cookie))
            return self._json


def described(app: FastAPI, token_url: str, cookie: str) -> dict[str, Any]:
    """The whole document, for the node whose tokens come from `token_url`, and whose sessions are held by a cookie of that name."""
    schema = get_openapi(title=app.title, version=app.version, routes=app.routes, summary="The API of one member's node")
    components = schema.setdefault("components", {})
    flow = {"clientCredentials": {"tokenUrl": token_url, "scopes": {}}}
    session = {"type": "apiKey", "in": "cookie", "name": cookie}
    components["securitySchemes"] = {"oauth2": {"type": "oauth2", "flows": flow}, "session": session}
    schema["security"] = [{"oauth2": []}, {"session": []}]
    describe_answers(schema)
    components["schemas"].update(answer_schemas())
    components["schemas"]["Problem"]["example"] = _PROBLEM_EXAMPLE
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            _complete(operation, method.upper(), path)
    return schema


def _complete(operation: dict[str, Any], method: str, path: str) -> None:
    found = examples().get((method, path), [])
    responses = operation["responses"]
    if found:
        shown = {str(each["status"]) for each in found}
        # What is known exactly need not be said of all successes.
        for status in [name for name in responses if name.startswith("2") and name not in shown]:
            del responses[status]
    for example in found:
        response = responses.setdefault(str(example["status"]), {"description": "Successful Response"})
        if example["response_type"]:
            content = response.setdefault("content", {})
            if example["response_type"] != _JSON and f"{method} {path}" not in MEDIA:
                content.pop(_JSON, None)
            body = content.setdefault(example["response_type"], {})
            body["schema"] = answer_schema(f"{method} {path}", example["status"], example["response_type"])
            body.setdefault("example", _streamed(example["response"]) if example["response_type"] == _EVENTS else example["response"])
        else:
            response.pop("content", None)
        if example["request_type"] and "requestBody" in operation:
            operation["requestBody"]["content"].get(example["request_type"], {}).setdefault("example", example["request"])
        for parameter in operation.get("parameters", []):
            if parameter["name"] in example["parameters"]:
                parameter.setdefault("example", _typed(example["parameters"][parameter["name"]], parameter["schema"]))


def answer_schema(route: str, status: int, media_type: str) -> dict[str, Any]:
    """What a good answer of a status and type is made of; of a stream, what each of its events is."""
    if media_type == _EVENTS:
        told = {"type": "string", "contentMediaType": _JSON, "contentSchema": {"$ref": _REF + models.Event.__name__}}
        fields = {"id": {"type": "string"}, "event": {"type": "string"}, "data": told}
        return {"type": "object", "required": sorted(fields), "properties": fields}
    if media_type != _JSON:
        return {"type": "string"}
    model = ANSWERS.get(route)
    if isinstance(model, list):
        items = {"type": "array", "items": {"$ref": _REF + model[0].__name__}}
        cursor = {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "the cursor for `after`; null on the last page"}
        return {"type": "object", "required": ["items", "next"], "properties": {"items": items, "next": cursor}}
    if model is not None and (model is not trade_models.Task or status == 202 or "tasks" in route):
        return {"$ref": _REF + model.__name__}
    return {"type": "object"}


def _streamed(text: str) -> dict[str, str]:
    """The last event of a stream, by the names of its fields."""
    return dict(line.split(": ", 1) for line in text.strip().rsplit("\n\n", 1)[-1].splitlines())


def _typed(value: str, schema: Mapping[str, Any]) -> Any:
    """A parameter's value as its schema has it."""
    kinds = {each.get("type") for each in schema.get("anyOf", [schema])}
    if "boolean" in kinds and value in ("true", "false"):
        return value == "true"
    if "array" in kinds:
        return [value]
    return int(value) if "integer" in kinds else value


@cache
def answer_schemas() -> dict[str, Any]:
    """The schemas of the client's models, by name."""
    used = {model[0] if isinstance(model, list) else model for model in ANSWERS.values()}
    ordered = sorted(used, key=lambda model: model.__name__)
    _, found = models_json_schema([(model, "validation") for model in ordered], ref_template=_REF + "{model}")
    definitions: dict[str, Any] = found["$defs"]
    text = {"type": "string"}
    money = {"currency": {**text, "pattern": "^[A-Z]{3}$"}, "value": {**text, "description": "with exactly the currency's digits"}}
    definitions["Money"] = {"type": "object", "required": ["currency", "value"], "properties": money}
    return definitions
