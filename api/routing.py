"""The one kind of route that the application has. Before a handler runs: the caller is known and may do this, the query holds nothing
unknown; around a POST: its idempotency key; around what the authority's people read: its log of look-ups. So no handler can forget any of
it, and a route without a declaration cannot be added.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Coroutine
from functools import partial, wraps
from inspect import signature
from typing import Any, Final

from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import look_ups
from api.authentication import authenticate
from api.context import ApiContext, context_of
from api.idempotency import body_hash, done_once
from api.permissions import Permission, permission_of
from api.preferences import wait_seconds
from api.principal import Principal
from api.problems import problem_of, request_id_of
from ledger.errors import NotPermitted, TallystickError

_Handler = Callable[[Request], Coroutine[Any, Any, Response]]
# Uploads are spooled by their handler, which then sees to their idempotency itself; a record's id makes its submission idempotent, and a
# cosignature is the same however often it comes. Of what holds a person's secret nothing is kept, not even a hash.
OWN_IDEMPOTENCY: Final = frozenset(
    {
        "POST /v1/attachments",
        "POST /v1/declaration-imports",
        "POST /v1/records",
        "POST /v1/checkpoint/cosignatures",
        "POST /v1/session/password",
        "POST /v1/session/unlock",
    }
)


_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


# What these do stands in the private database alone, so it is written in one transaction with the answer that is kept.
PRIVATE: Final = frozenset(
    {
        "POST /v1/alerts/{alert_id}/close",
        "POST /v1/alerts/{alert_id}/reopen",
        "POST /v1/alerts/{alert_id}/take",
        "POST /v1/consents/{consent_id}/confirm",
        "POST /v1/credit-assessments",
        "POST /v1/credit-parameters",
        "POST /v1/financing-requests",
        "POST /v1/financing-requests/{request_id}/refuse",
        "POST /v1/financing-requests/{request_id}/resend",
        "POST /v1/financing-requests/{request_id}/send-back",
        "POST /v1/financing-requests/{request_id}/take-up",
        "POST /v1/financing-requests/{request_id}/withdraw",
        "POST /v1/notices/{notice_id}/read",
        "POST /v1/tasks/{task_id}/decline",
        "POST /v1/webhooks",
        "POST /v1/webhooks/{webhook_id}/replay",
        "POST /v1/webhooks/{webhook_id}/rotate-secret",
        "POST /v1/webhooks/{webhook_id}/test",
    }
)


class StrictRequest(Request):
    """JSON as RFC 8259 wishes it were always read: duplicate names, NaN, infinities, lone surrogates and NULs are refused."""

    async def json(self) -> Any:
        body = (await self.body()).decode("utf-8", "strict")
        try:
            value = json.loads(body, object_pairs_hook=_distinct, parse_constant=_no_constant)
        except RecursionError as error:
            raise json.JSONDecodeError("nested too deeply", "", 0) from error
        if _SURROGATE.search(body) is not None:
            _refuse_lone_surrogates(value)
        if _NUL.search(body) is not None:
            # Not every database can store one.
            raise json.JSONDecodeError("a text holds a NUL", "", 0)
        return value


class GuardedRoute(APIRoute):
    """Raises `LookupError` when it is made for a path that `api.permissions` does not know."""

    def __init__(self, path: str, endpoint: Callable[..., Any], *, methods: set[str] | list[str] | None = None, **options: Any) -> None:
        is_private = any(f"{method} {path}" in PRIVATE for method in methods or ())
        super().__init__(path, _kept_with_effect(endpoint) if is_private else endpoint, methods=methods, **options)

    def get_route_handler(self) -> _Handler:
        handle = super().get_route_handler()
        method = next(iter(self.methods or ()))
        route = f"{method} {self.path}"
        permission = permission_of(route)
        known = _query_names(self.dependant)

        async def guarded(request: Request) -> Response:
            strict = StrictRequest(request.scope, request.receive)
            if permission is None:
                return await handle(strict)
            context = context_of(request)
            principal = await run_in_threadpool(admit, context, permission, strict)
            request.state.principal = principal
            context.rates.count(strict, principal)
            _refuse_unknown(strict, known)
            # Whatever reads it later, nothing is done for who cannot say how long to wait.
            wait_seconds(strict)

            async def answer() -> Response:
                if method == "GET" or route in OWN_IDEMPOTENCY:
                    return await handle(strict)
                checked = context.preconditions.answer
                if method != "POST":
                    return await checked(strict, route, lambda: handle(strict))
                content_hash = await body_hash(strict)
                # A request that is sent again gets its answer, whatever its own effect did to the tag that it names.
                once = partial(checked, strict, route, lambda: _answered(handle, strict))
                return await context.idempotency.answer(strict, principal.name, content_hash, once)

            if look_ups.is_noted(context, principal, route, permission):
                return await _noted(context, strict, principal, route, answer)
            return await answer()

        return guarded


def _kept_with_effect(handle: Callable[..., Response]) -> Callable[..., Response]:
    """The same handler, to FastAPI too."""

    @wraps(handle)
    def handled(*given: Any, **named: Any) -> Response:
        return done_once(partial(handle, *given, **named))

    handled.__signature__ = signature(handle, eval_str=True)  # type: ignore[attr-defined]  # FastAPI would look for its names here
    return handled


async def _noted(
    context: ApiContext, request: Request, principal: Principal, route: str, answer: Callable[[], Coroutine[Any, Any, Response]]
) -> Response:
    """The answer, once it is written down that it is given."""
    purpose = look_ups.purpose_of(request)
    response = await answer()
    await run_in_threadpool(look_ups.note, context, request, principal, route, response, purpose)
    return response


def admit(context: ApiContext, permission: Permission, request: Request) -> Principal:
    """Who calls, if it may. Raises as `authenticate`, and `NotPermitted` (`wrong-seat`, `not-permitted`, `insufficient-scope`)."""
    principal = authenticate(context, request)
    if not permission.seats & seats_of(context):
        raise NotPermitted(
            "wrong-seat", "this node does not offer this resource", hint=f"it is offered by: {', '.join(sorted(permission.seats))}"
        )
    if principal.role not in permission.roles:
        raise NotPermitted("not-permitted", "this is not for the role of the caller", hint=f"roles: {', '.join(sorted(permission.roles))}")
    if permission.scope not in principal.scopes:
        raise NotPermitted("insufficient-scope", f"the access token lacks the scope {permission.scope}", hint="ask for it at sign-in")
    return principal


def seats_of(context: ApiContext) -> frozenset[str]:
    """The seats that this node's owner has: its role, and registrar where the ledger names it."""
    node = context.node.config.node
    is_registrar = node.member is not None and node.member == context.node.directory.registrar()
    return frozenset({node.role, "registrar"}) if is_registrar else frozenset({node.role})


async def _answered(handle: _Handler, request: Request) -> Response:
    """The answer, a refusal included, so that it can be kept."""
    try:
        return await handle(request)
    except TallystickError as error:
        response = problem_of(error, request_id_of(request))
        if response is None:
            raise
        return response


def _refuse_unknown(request: Request, known: frozenset[str]) -> None:
    names = list(request.query_params.keys())
    faults = [(name, "unknown parameter") for name in names if name not in known]
    faults += [(name, "given more than once") for name in names if len(request.query_params.getlist(name)) > 1]
    faults += [(name, "holds a NUL") for name, text in request.query_params.multi_items() if "\0" in text]
    if faults:
        raise RequestValidationError([{"type": "query", "loc": ("query", name), "msg": why} for name, why in faults])


def _query_names(dependant: Dependant) -> frozenset[str]:
    own = frozenset(field.alias for field in dependant.query_params)
    return own.union(*(_query_names(each) for each in dependant.dependencies))


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise json.JSONDecodeError("an object has the same name twice", "", 0)
    return value


def _refuse_lone_surrogates(value: Any) -> None:
    """Half a character can be escaped in JSON, and stored or sent on by nothing."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (RecursionError, UnicodeEncodeError) as error:
        raise json.JSONDecodeError("half of a character stands alone", "", 0) from error


def _no_constant(name: str) -> Any:
    raise json.JSONDecodeError(f"{name} is not JSON", "", 0)
