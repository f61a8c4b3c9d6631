"""A network of real nodes, each served by a real uvicorn on this machine: followers replicate over HTTP, as in production."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from api.app import context, create_app
from api.cli.running import listen
from api.permissions import scopes_of
from api.tls import server_options
from ledger.clock import SettableClock
from nodes.enterprises import enrol, enrolment
from nodes.founding import Addresses, Founded, MemberPlan, create_network
from nodes.keys.keystore import Argon2Cost
from nodes.node import Node
from tests.nodes.small_network import refounded
from tests.ports import free_ports

LOCAL = Addresses()
START_MS = 1_793_000_000_000
CHEAP = Argon2Cost(passes=1, memory_kib=8, lanes=1)
PLANS = [
    MemberPlan("authority", "authority", "Forex Authority"),
    MemberPlan("bank-a", "bank", "Bank A"),
    MemberPlan("bank-b", "bank", "Bank B"),
    MemberPlan("exporter-a", "enterprise", "营口青果出口有限公司"),
    MemberPlan("auditor", "auditor", "Regulator"),
]
# Nothing here speaks TLS; making the default context anew for each client would take longer than most tests.
_TLS = ssl.create_default_context()
EXPORTER_USCC = "91210800MA0000001L"
CUSTODY_USCC = "91350100M000100Y43"


@dataclass
class Network:
    """`nodes` are running; `exporter` is the enrolment id of exporter-a, `in_custody` that of an exporter without a node."""

    founded: Founded
    clock: SettableClock
    nodes: dict[str, Node]
    exporter: str
    in_custody: str
    secrets: Mapping[tuple[str, str], str]
    _stack: ExitStack = field(repr=False)

    def url(self, node: str) -> str:
        api = self.nodes[node].config.api
        return f"http://{api.host}:{api.port}"

    def anyone(self, node: str) -> httpx.Client:
        """A client that has not signed in."""
        return self._stack.enter_context(httpx.Client(base_url=self.url(node), timeout=120, verify=_TLS))

    def sign_in(self, node: str, user: str, **form: str) -> httpx.Client:
        """A client that signed in as a member of staff, or as a program added with `add_client`."""
        client = self.anyone(node)
        answer = token(client, client_id=user, client_secret=self.secrets[node, user], **form)
        assert answer.status_code == 200, answer.text
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return client

    def await_head(self, node: str) -> None:
        """The node has read all that stands on the authority's ledger now."""
        with self.nodes["authority"].store.reading() as reader:
            head = reader.head
        self.nodes[node].reader.wait_for(head.log_size - 1, 30)


def token(client: httpx.Client, **form: str) -> httpx.Response:
    return client.post("/oauth2/token", data={"grant_type": "client_credentials", **form})


@contextmanager
def served_network(
    directory: Path,
    databases: Addresses = LOCAL,
    plans: Sequence[MemberPlan] = PLANS,
    amend: Callable[[dict[str, Any]], None] | None = None,
) -> Iterator[Network]:
    """Founds, starts and serves a network, and ends it. An authority and `exporter-a` are in it; the authority comes first. `amend` may
    change the genesis document before anybody starts.
    """
    clock = SettableClock(START_MS)
    addresses = replace(databases, port_first=free_ports(len(plans)))
    founded = create_network(directory, "test", plans, clock=clock, random=os.urandom, cost=CHEAP, addresses=addresses)
    if amend is not None:
        founded = refounded(founded, amend)
    secrets = {(each.node, each.user): each.secret for each in founded.sign_ins}
    with ExitStack() as stack:
        nodes: dict[str, Node] = {}
        ids: dict[str, str] = {}
        for plan in plans:
            node = nodes[plan.id] = Node.open(founded.homes[plan.id], clock, cost=CHEAP)
            stack.enter_context(node)
            stack.enter_context(serving(node))
            if plan.id == "authority":
                ids = _enrol(node, founded)
        stack.callback(_stop_followers, nodes.values())
        for plan in plans:
            add_programs(nodes[plan.id], secrets)
        yield Network(founded, clock, nodes, ids["exporter"], ids["in_custody"], secrets, stack)


def _stop_followers(nodes: Iterable[Node]) -> None:
    """Side by side: each may have to wait a second for the answer to its last question."""
    followers = [node.engine for node in nodes if node.config.engine.kind != "solo"]
    with ThreadPoolExecutor(max(1, len(followers))) as pool:
        for stopped in [pool.submit(engine.stop) for engine in followers]:
            stopped.result()


@contextmanager
def serving(node: Node) -> Iterator[None]:
    """Serves a node at the address that its configuration names."""
    app = create_app(node)
    api, manner = node.config.api, server_options(node.config, node.home.path)
    config = uvicorn.Config(app, api.host, api.port, log_config=None, access_log=False, ws="none", lifespan="off", **manner)
    server = uvicorn.Server(config)
    # It listens before the server runs, so that nobody is turned away.
    listener = listen(node.config.api.host, node.config.api.port)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        context(app).close()
        server.should_exit = True
        thread.join()
        listener.close()


def add_programs(node: Node, secrets: dict[tuple[str, str], str]) -> None:
    """A program with every scope, one that may only read the ledger, and an administrator, at each node."""
    name = node.config.node.id
    secrets[name, "admin"] = "an administrator's words that nobody guesses"
    node.accounts.add_user("admin", "Admin", "admin", secrets[name, "admin"])
    for client_id, role, granted in (("core", "service", scopes_of("service")), ("dashboard", "viewer", ["ledger:read"])):
        _, secret = node.accounts.add_client(client_id, client_id, role, granted)
        secrets[name, client_id] = secret


def _enrol(authority: Node, founded: Founded) -> dict[str, str]:
    keys = founded.enterprises["exporter-a"]
    enrolments = {
        "exporter": enrolment(EXPORTER_USCC, "营口青果出口有限公司", keys.sign, keys.seal),
        "in_custody": enrolment(CUSTODY_USCC, "Custody Exporter"),
    }
    ids = {}
    for name, what in enrolments.items():
        receipt = enrol(what, authority.author, authority.outbox, authority.directory, authority.identity_key)
        assert receipt.code == "ok"
        authority.reader.wait_for(receipt.log_index, 10)
        ids[name] = receipt.record_id
    return ids


def problem(response: httpx.Response) -> dict[str, Any]:
    """The problem of an answer, once it is well formed."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    body: dict[str, Any] = response.json()
    assert body["status"] == response.status_code
    assert body["type"] == f"urn:tallystick:problem:{body['code']}"
    assert body["detail"]
    assert body["request_id"] == response.headers["x-request-id"]
    return body
