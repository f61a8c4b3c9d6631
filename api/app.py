"""The node's HTTP application: `create_app(node)`. It holds no global state, so one process may serve several members."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from api import oauth, problems
from api.context import ApiContext
from api.description import Description
from api.metrics import MeasuredRequests
from api.portal.app import create_portal
from api.portal.reading import ROOT
from api.requests import RequestBounds
from api.resources import (
    accesses,
    alerts,
    applications,
    attachments,
    audits,
    checkpoints,
    consents,
    countersignatures,
    credit_assessments,
    credit_profiles,
    declarations,
    disputes,
    enquiries,
    enterprises,
    events,
    exchange_rates,
    financing_requests,
    financings,
    governance,
    health,
    imports,
    introductions,
    iso20022,
    ledger,
    load_files,
    loads,
    look_ups,
    members,
    messages,
    monitoring,
    notices,
    openid,
    orders,
    paper_settings,
    records,
    sessions,
    statements,
    tasks,
    transfers,
    webhooks,
)
from api.responses import JSON
from api.routing import GuardedRoute
from nodes.node import Node
from nodes.sandbox import is_sandbox

VERSION = "1"
_ROUTES: tuple[Callable[[FastAPI], None], ...] = (
    health.add_routes,
    oauth.add_routes,
    sessions.add_routes,
    openid.add_routes,
    ledger.add_routes,
    checkpoints.add_routes,
    records.add_routes,
    introductions.add_routes,
    tasks.add_routes,
    members.add_routes,
    governance.add_routes,
    orders.add_routes,
    enterprises.add_routes,
    accesses.add_routes,
    imports.add_routes,
    declarations.add_routes,
    consents.add_routes,
    enquiries.add_routes,
    credit_profiles.add_routes,
    credit_assessments.add_routes,
    attachments.add_routes,
    audits.add_routes,
    disputes.add_routes,
    financing_requests.add_routes,
    messages.add_routes,
    paper_settings.add_routes,
    applications.add_routes,
    monitoring.add_routes,
    alerts.add_routes,
    exchange_rates.add_routes,
    look_ups.add_routes,
    load_files.add_routes,
    loads.add_routes,
    countersignatures.add_routes,
    transfers.add_routes,
    financings.add_routes,
    iso20022.add_routes,
    notices.add_routes,
    statements.add_routes,
    events.add_routes,
    webhooks.add_routes,
)


def create_app(node: Node) -> FastAPI:
    """The application of a node that is open, and running when the first request comes. Before its server stops
    `app.state.context.let_go()` ends long polls, and `close()` what is left once it has. Raises `LookupError` where a route declares no
    permission.
    """
    app = FastAPI(title="Tallystick", version=VERSION, openapi_url=None, docs_url=None, redoc_url=None, routes=list(_routes()))
    app.router.route_class = GuardedRoute
    app.router.redirect_slashes = False
    app.state.context = held = ApiContext.of(node)
    app.state.description = Description(app, f"{held.tokens.issuer}/oauth2/token", held.sessions.cookie)
    problems.install(app)
    app.add_route(ROOT, _to_portal, include_in_schema=False)
    app.mount(ROOT, create_portal(app))
    app.add_middleware(RequestBounds, random=node.random, pages=ROOT, sandbox=is_sandbox(node.genesis))
    app.add_middleware(MeasuredRequests, metrics=context(app).metrics)
    return app


async def _to_portal(_request: Request) -> Response:
    return RedirectResponse(f"{ROOT}/", 308)


@cache
def _routes() -> tuple[BaseRoute, ...]:
    """Every route. They hold nothing of a node, and making them takes long: all applications of a process have the same."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.router.route_class = GuardedRoute
    app.add_api_route("/openapi.json", _get_openapi, methods=["GET"], include_in_schema=False)
    for add_routes in _ROUTES:
        add_routes(app)
    return tuple(app.router.routes)


def context(app: FastAPI) -> ApiContext:
    """What the application holds, for whoever serves it."""
    held = app.state.context
    assert isinstance(held, ApiContext)
    return held


def _get_openapi(request: Request) -> Response:
    """The interface's description, OpenAPI 3.1."""
    description: Description = request.app.state.description
    return Response(description.json(), headers={"Cache-Control": "no-store"}, media_type=JSON)
