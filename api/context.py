"""What one application holds: its node and everything made from it. Several applications may live in one process."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from api.assertions import Assertions
from api.heights import HeightWatch
from api.idempotency import Idempotency
from api.metrics import Metrics
from api.openid import OpenId
from api.pools import CountedPool
from api.preconditions import Preconditions
from api.principal import Principal
from api.rates import Rates
from api.sessions import Sessions
from api.tokens import Tokens
from ledger.background import Background
from ledger.limits import EVENT_STREAMS_MAX, IMPORTS_AT_ONCE_MAX, SIGN_INS_AT_ONCE_MAX
from nodes.auditing.runs import AuditRuns
from nodes.caller import Caller as ServiceCaller
from nodes.caller import Kind
from nodes.keys.sign_ins import SignInLog
from nodes.node import Node
from nodes.webhooks.endpoints import Webhooks


@dataclass(frozen=True, slots=True)
class ApiContext:
    """`close` before the server stops: it lets long polls and streams go and forgets open keys. `workers` are what runs beside the API
    while the node is served.
    """

    node: Node
    tokens: Tokens
    assertions: Assertions
    idempotency: Idempotency
    heights: HeightWatch
    events: HeightWatch
    streams: threading.BoundedSemaphore
    webhooks: Webhooks
    importing: threading.BoundedSemaphore
    sign_ins: CountedPool
    audits: AuditRuns
    sessions: Sessions
    sign_in_log: SignInLog
    openid: OpenId | None
    rates: Rates
    preconditions: Preconditions
    metrics: Metrics
    workers: list[Background]

    @classmethod
    def of(cls, node: Node) -> ApiContext:
        tokens = Tokens(node)
        audiences = frozenset({tokens.issuer, f"{tokens.issuer}/oauth2/token", tokens.audience})
        importing = threading.BoundedSemaphore(IMPORTS_AT_ONCE_MAX)
        kept, heights = Idempotency(node.private, node.clock), HeightWatch(node.engine)
        sign_ins = CountedPool(SIGN_INS_AT_ONCE_MAX, "sign-in")
        streams = threading.BoundedSemaphore(EVENT_STREAMS_MAX)
        followed = (heights, HeightWatch(node.events), streams, Webhooks(node))
        openid = OpenId.of(node, f"{tokens.issuer}/v1/session/oidc/callback")
        people = (Sessions(node, tokens), SignInLog(node.private, node.clock), openid)
        bounds = (Rates(node.config.api), Preconditions(), Metrics(node, sign_ins))
        return cls(node, tokens, Assertions(node, audiences), kept, *followed, importing, sign_ins, AuditRuns(node), *people, *bounds, [])

    @property
    def sign_in_counts(self) -> Mapping[str, int]:
        """How many sign-ins ended in which outcome since the node started: `ok`, or the code of a refusal."""
        return self.sign_in_log.counts

    def let_go(self) -> None:
        """Ends what waits for something to come, for the node is stopping: long polls, streams, audits. Requests are answered still."""
        self.heights.close()
        self.events.close()
        self.audits.close()

    def close(self) -> None:
        """Once the last request is answered: lets go, forgets the keys that people opened, and signs nobody in any more."""
        self.let_go()
        self.tokens.close()
        if self.openid is not None:
            self.openid.close()
        self.sign_ins.shutdown(wait=False, cancel_futures=True)


def context_of(connection: HTTPConnection) -> ApiContext:
    """The context of the application that a request came to."""
    context = connection.app.state.context
    assert isinstance(context, ApiContext)
    return context


def _node_of(connection: HTTPConnection) -> Node:
    return context_of(connection).node


def _principal_of(connection: HTTPConnection) -> Principal:
    principal = connection.state.principal
    assert isinstance(principal, Principal)
    return principal


def _service_caller_of(connection: HTTPConnection) -> ServiceCaller:
    """The caller as the node's services know callers, with the key that it signs with."""
    context, principal = context_of(connection), _principal_of(connection)
    key = context.tokens.signing_key(principal)
    if principal.kind == "client" and principal.role == "service":
        key = context.node.identity_key
    kind: Kind = "staff" if principal.kind == "staff" else "client" if principal.kind == "client" else "node"
    return ServiceCaller(principal.id, kind, principal.role, principal.enterprise, key)


Context = Annotated[ApiContext, Depends(context_of)]
TheNode = Annotated[Node, Depends(_node_of)]
Caller = Annotated[Principal, Depends(_principal_of)]
Acting = Annotated[ServiceCaller, Depends(_service_caller_of)]
