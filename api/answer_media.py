"""What the interface's description says of every answer beside its success: the problem that any operation may be refused with, and which
media types a success may have besides JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from api.exports import MEDIA_TYPES
from api.problems import MEDIA_TYPE
from api.responses import JSON

_TABLES: Final = tuple(each.partition(";")[0] for each in MEDIA_TYPES.values())
# Routes whose successes are more than JSON. `*/*`: whatever was handed in.
MEDIA: Final[Mapping[str, tuple[str, ...]]] = {
    "GET /v1/attachments/{sha256}": ("*/*",),
    "GET /v1/audits/{audit_id}/report": (JSON, "application/pdf", "text/csv"),
    "GET /v1/declarations/{declaration_id}/statement": (JSON, *_TABLES),
    "GET /v1/events/stream": ("text/event-stream",),
    "GET /v1/financings": (JSON, *_TABLES),
    "GET /v1/financings/loads/template": _TABLES,
    "GET /v1/monitoring/banks": (JSON, *_TABLES),
    "GET /v1/monitoring/products": (JSON, *_TABLES),
    "GET /v1/monitoring/regions": (JSON, *_TABLES),
    "GET /v1/monitoring/exporters": (JSON, *_TABLES),
    "GET /v1/monitoring/reconciliation": (JSON, *_TABLES),
    "GET /v1/monitoring/series": (JSON, *_TABLES),
    "GET /v1/monitoring/stages": (JSON, *_TABLES),
    "GET /v1/monitoring/summary": (JSON, *_TABLES),
    "GET /v1/statements/financings": (JSON, *_TABLES),
    "POST /.well-known/tallystick/witness/add-checkpoint": ("text/plain", "text/x.tlog.size"),
}
_REDIRECTS: Final = {"GET /v1/session/oidc": "To the provider, which leads back to the callback"}
_TEXT: Final = {"type": "string"}
PROBLEM: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "RFC 9457. `code` is stable; docs/problem-codes.md explains each.",
    "properties": {
        "type": {"type": "string", "pattern": "^urn:tallystick:problem:"},
        "title": _TEXT,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {"type": "string", "pattern": "^[a-z][a-z0-9]*(-[a-z0-9]+)*$"},
        "detail": _TEXT,
        "hint": _TEXT,
        "request_id": _TEXT,
        "record_id": {**_TEXT, "description": "the record that a rule's refusal stands under"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"in": _TEXT, "field": _TEXT, "message": _TEXT},
                "required": ["in", "field", "message"],
            },
        },
    },
    "required": ["type", "title", "status", "code", "detail", "request_id"],
}
_SIGN_IN_ERROR: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "RFC 6749, 5.2, with our code beside its word.",
    "properties": {"error": _TEXT, "error_description": _TEXT, "code": _TEXT},
    "required": ["error", "code"],
}


def describe_answers(schema: dict[str, Any]) -> None:
    """Completes the responses of every operation of an OpenAPI description, in place."""
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = dict(PROBLEM)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            operation["responses"] = _responses(f"{method.upper()} {path}", operation["responses"])


def _responses(route: str, stated: Mapping[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {media_type: {"schema": {}} for media_type in MEDIA.get(route, (JSON,))}
    found = {status: {**each, "content": content} for status, each in stated.items() if status.startswith("2") and status != "204"}
    found |= {status: each for status, each in stated.items() if status == "204"}
    found["2XX"] = {"description": "As the operation says", "content": content}
    if route in _REDIRECTS:
        place = {"Location": {"schema": {"type": "string", "format": "uri"}}}
        found = {"303": {"description": _REDIRECTS[route], "headers": place}}
    elif route.startswith("GET "):
        found["304"] = {"description": "The caller holds the newest one: `If-None-Match` names its `ETag`"}
    if route == "POST /oauth2/token":
        refused = {JSON: {"schema": dict(_SIGN_IN_ERROR)}, MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        found["4XX"] = {"description": "Refused", "content": refused}
    if route.endswith("/add-checkpoint"):
        found["409"] = {"description": "Another size was cosigned last", "content": {"text/x.tlog.size": {"schema": _TEXT}}}
    if route == "GET /readyz":
        found["503"] = {"description": "Not fit to serve", "content": {JSON: {"schema": {}}}}
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    found["default"] = {"description": "A problem", "content": problem}
    return found
