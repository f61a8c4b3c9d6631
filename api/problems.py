"""Every error as an RFC 9457 problem: `application/problem+json` with a stable `code`, a sentence, and what to do next.

    {"type": "urn:tallystick:problem:unknown-record", "title": "unknown record", "status": 404, "code": "unknown-record",
     "detail": "the ledger holds no such record", "hint": "", "request_id": "..."}

One about a record that the rules refused names it (`record_id`, `as_of`) and what its result says beside the code.
A problem never holds a traceback, nor the value that was handed in. `errors` names the fields of a request that does not fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.rates import TooManyRequests
from api.responses import json_response
from ledger.clock import rfc3339
from ledger.errors import TallystickError
from nodes.keys.lockout import AccountLocked
from nodes.outcomes import RuleRefused

MEDIA_TYPE: Final = "application/problem+json"
_ERRORS_MAX: Final = 50
# Refusals that time alone undoes: the same request may be sent again, so its answer is not kept (see `api.idempotency`).
LATER: Final = frozenset(
    {"too-many-introductions", "too-many-letters", "too-many-attachments", "imports-busy", "quota-exceeded", "too-many-streams"}
)
# A consortium that lost its quorum comes back when people have seen to it.
_RETRY_AFTER_S: Final = {"no-quorum": 30}
# Of these no token was shown that could be invalid.
_NO_TOKEN: Final = frozenset({"unauthenticated", "sign-in-failed"})
HTTP_CODES: Final = {
    400: ("invalid-request", "the request's body could not be read"),
    404: ("not-found", "there is no such resource"),
    405: ("method-not-allowed", "the resource does not know this method"),
    412: ("precondition-failed", "the resource is not as `If-Match` says"),
    413: ("body-too-large", "the request's body is larger than this resource takes"),
    415: ("media-type", "the resource does not take this media type"),
}


class Unauthenticated(TallystickError):
    """The caller has not shown who it is: 401, with a challenge (RFC 6750)."""

    http_status = 401


class BadRequest(TallystickError):
    """The request breaks HTTP's own conventions: 400."""

    http_status = 400


class Conflict(TallystickError):
    """Something else is going on with the same thing: 409."""

    http_status = 409


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    hint: str = "",
    request_id: str = "",
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Response:
    """A problem as a response. `extra` are further members, for instance `errors`, `lines`, `record_id`."""
    body: dict[str, Any] = {
        **(extra or {}),
        "type": f"urn:tallystick:problem:{code}",
        "title": code.replace("-", " "),
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": request_id,
    }
    if hint:
        body["hint"] = hint
    return json_response(body, status=status, headers=headers, media_type=MEDIA_TYPE)


def problem_of(error: Exception, request_id: str) -> Response | None:
    """The problem that an expected error is, or None for one that nobody expected."""
    if isinstance(error, TallystickError):
        return _of_tallystick(error, request_id)
    if isinstance(error, RequestValidationError):
        errors = _fields(error.errors())
        first = errors[0]
        detail = f"{first['field']}: {first['message']}"
        return problem(422, "invalid-request", detail, request_id=request_id, extra={"errors": errors})
    if isinstance(error, HTTPException):
        code, detail = HTTP_CODES.get(error.status_code, ("invalid-request", "the request was not understood"))
        return problem(error.status_code, code, detail, request_id=request_id, headers=error.headers)
    return None


def internal_problem(request_id: str) -> Response:
    """For what should not have happened: the log knows more, under the request's id."""
    hint = "tell the operator the request id; with an Idempotency-Key the request may be sent again"
    return problem(500, "internal", "the node met a fault", hint=hint, request_id=request_id)


def request_id_of(request: Request) -> str:
    return str(getattr(request.state, "request_id", ""))


def install(app: FastAPI) -> None:
    """Makes the application answer every expected error with a problem."""

    async def handle(request: Request, error: Exception) -> Response:
        response = problem_of(error, request_id_of(request))
        if response is None:
            raise error
        return response

    for kind in (TallystickError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, handle)


def _of_tallystick(error: TallystickError, request_id: str) -> Response:
    headers: dict[str, str] = {}
    if error.http_status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="tallystick"' + ("" if error.code in _NO_TOKEN else ', error="invalid_token"')
    if error.http_status == 503 or error.code in LATER:
        headers["Retry-After"] = str(_RETRY_AFTER_S.get(error.code, 1))
    if isinstance(error, TooManyRequests | AccountLocked):
        headers["Retry-After"] = str(error.retry_after_s)
    extra: dict[str, Any] = {}
    if isinstance(error, RuleRefused):
        receipt = error.receipt
        as_of = {"height": receipt.height, "time": rfc3339(receipt.time_ms)}
        extra = {**error.details, "record_id": receipt.record_id, "as_of": as_of}
    return problem(error.http_status, error.code, error.message, hint=error.hint, request_id=request_id, headers=headers, extra=extra)


def _fields(errors: Sequence[Any]) -> list[dict[str, str]]:
    """Which fields do not fit and why; never what they held."""
    found = []
    for error in errors[:_ERRORS_MAX]:
        where, *path = error["loc"] or ("body",)
        found.append(
            {
                "in": str(where),
                "field": ".".join(str(step) for step in path) or str(where),
                "message": str(error["msg"]).removeprefix("Value error, "),
            }
        )
    return found
