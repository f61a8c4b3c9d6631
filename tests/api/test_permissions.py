"""Every route as every role and as no one: who may call it gets past the door, everyone else is stopped there."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from api.app import create_app
from api.permissions import OPEN, PERMISSIONS, SEATS, scopes_of, undeclared
from api.portal.reading import ROOT
from api.principal import CLIENT_ROLES, GUEST_ROLES, ROLES, STAFF_ROLES
from api.tokens import Tokens
from nodes.founding import MemberPlan
from tests.api.served import PLANS, Network, problem, served_network

_PAST_THE_DOOR = {"unauthenticated", "token-ended", "token-invalid", "wrong-seat", "not-permitted", "insufficient-scope"}


@pytest.fixture(scope="module")
def app(network: Network) -> FastAPI:
    return create_app(network.nodes["authority"])


def _routes(app: FastAPI) -> list[str]:
    return [f"{method} {route.path}" for route in app.routes if isinstance(route, APIRoute) for method in route.methods or ()]


def test_every_route_declares_who_may_call_it(app: FastAPI) -> None:
    # The portal has pages only, each of which asks this interface as its reader.
    assert {getattr(route, "path", None) for route in app.routes if not isinstance(route, APIRoute)} == {ROOT}
    assert undeclared(_routes(app)) == []


def test_a_route_without_a_declaration_cannot_be_added(app: FastAPI) -> None:
    with pytest.raises(LookupError):
        app.add_api_route("/v1/forgotten", lambda: None, methods=["GET"])


def test_the_table_speaks_of_roles_and_seats_that_exist() -> None:
    for permission in PERMISSIONS.values():
        assert permission.roles
        assert permission.roles <= ROLES
        assert permission.seats <= SEATS


def test_open_routes_are_those_of_the_interface() -> None:
    assert {route.split()[1] for route in OPEN} == {
        "/healthz",
        "/readyz",
        "/openapi.json",
        "/oauth2/token",
        "/v1/session",
        "/v1/session/ways",
        "/v1/session/oidc",
        "/v1/session/oidc/callback",
        "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
        "/.well-known/tallystick/checkpoint",
        "/.well-known/tallystick/header",
        "/.well-known/tallystick/witness/add-checkpoint",
    }


@pytest.mark.parametrize("node", ["authority", "bank-a", "exporter-a", "auditor"])
def test_nobody_gets_in_without_a_token_and_open_routes_are_open(network: Network, node: str) -> None:
    client = network.anyone(node)
    for route in sorted(PERMISSIONS):
        response = _call(client, route)
        assert (response.status_code, problem(response)["code"]) == (401, "unauthenticated"), route
        assert response.headers["www-authenticate"].startswith("Bearer")
    for route in sorted(OPEN - {"POST /oauth2/token"}):
        assert _call(client, route).status_code not in (401, 403), route


def test_every_route_at_a_registrar_that_is_no_authority_is_for_its_own_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Customs as a member of its own: the same table at the one seat that the other network does not have."""
    plans = [PLANS[0], MemberPlan("customs", "registrar", "Customs"), *(plan for plan in PLANS if plan.id == "exporter-a")]
    with served_network(tmp_path, plans=plans) as network:
        network.await_head("customs")
        try_every_role(network, monkeypatch, "customs", {"registrar"})


@pytest.mark.parametrize("node", ["authority", "bank-a", "exporter-a", "auditor"])
def test_every_route_lets_in_the_declared_roles_and_no_others(network: Network, monkeypatch: pytest.MonkeyPatch, node: str) -> None:
    role_of_node = network.nodes[node].config.node.role
    try_every_role(network, monkeypatch, node, {role_of_node, "registrar"} if node == "authority" else {role_of_node})


def try_every_role(network: Network, monkeypatch: pytest.MonkeyPatch, node: str, seats: set[str]) -> Counter[str]:
    """Tokens of every role are made by the node's own signer; only whether their owner still exists is taken for granted here. Gives how
    many calls were let in, and stopped.
    """
    counted: Counter[str] = Counter()
    monkeypatch.setattr(Tokens, "_still_stands", lambda *_: True)
    tokens = Tokens(network.nodes[node])
    client = network.anyone(node)
    for role in sorted(ROLES):
        if role in ("maker", "checker"):
            client.headers["Authorization"] = (
                network.sign_in(node, role).headers["Authorization"] if (node, role) in network.secrets else ""
            )
            if not client.headers["Authorization"]:
                continue
        else:
            client.headers["Authorization"] = f"Bearer {_token(tokens, role)}"
        for route, permission in sorted(PERMISSIONS.items()):
            response = _call(client, route)
            assert response.status_code < 500, (route, role, response.text)
            code = response.json().get("code") if response.status_code in (401, 403) else None
            stopped = code if code in _PAST_THE_DOOR else None
            expected = "wrong-seat" if not permission.seats & seats else None if role in permission.roles else "not-permitted"
            assert stopped == expected, (route, role, response.text)
            counted[
                "calls of a route as a role at a seat: let in" if stopped is None else "calls of a route as a role at a seat: stopped"
            ] += 1
    return counted


def test_a_token_opens_only_what_its_scope_says(network: Network) -> None:
    client = network.sign_in("authority", "core", scope="ledger:write")
    assert problem(client.get("/v1/network"))["code"] == "insufficient-scope"


def test_a_program_gets_no_scope_that_was_not_given_to_it(network: Network) -> None:
    client = network.sign_in("authority", "dashboard")
    assert client.get("/v1/network").status_code == 200
    assert problem(client.post("/v1/records", content=b"{}"))["code"] == "not-permitted"


def _call(client: httpx.Client, route: str) -> httpx.Response:
    method, path = route.split()
    with client.stream(method, re.sub(r"\{[^}]+\}", "0" * 64, path)) as response:
        # A stream of events has no end of its own.
        if response.headers.get("content-type", "").partition(";")[0] != "text/event-stream":
            response.read()
    return response


def _token(tokens: Tokens, role: str) -> str:
    kind = "staff" if role in STAFF_ROLES else "client" if role in CLIENT_ROLES else role
    assert role in STAFF_ROLES | CLIENT_ROLES | GUEST_ROLES
    return tokens.issue(kind, "bank-b", role, scopes_of(role), enterprise="0" * 64, proved_by="0" * 64).token
