"""Schemathesis tries every operation that the description names, as every kind of caller: no fault, no answer that the description does
not know, nothing accepted that it forbids, and nothing of another member's clients. A few examples each; `make test-deep` tries many, and
every role at every seat. A stream of events, which has no end of its own, ends here after what there was to tell when it began; of audits,
which take a process each, one runs at a time and the others are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events as engine_events
from schemathesis.engine import from_schema
from starlette.requests import Request

from api.context import ApiContext
from api.permissions import scopes_of
from api.principal import Principal
from api.problems import Unauthenticated
from api.resources import events
from nodes.enquiries.worker import EnquiryWorker
from nodes.events.tables import Cursor, Event
from nodes.upstream import HttpUpstream
from tests.api.business import imported, row
from tests.api.served import CUSTODY_USCC, Network, served_network, token
from tests.api.supervised import approved, declared, disbursed, granted
from tests.conftest import DEEP

CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
)
NOBODY: Final = "nobody"
SAMPLED: Final = (("authority", "maker"), ("bank-a", "maker"), ("bank-a", NOBODY))
EVERYONE: Final = (
    *tuple(
        (node, user)
        for node in ("authority", "bank-a", "exporter-a", "auditor")
        for user in ("maker", "checker", "viewer", "admin", "core", "dashboard", "reader", NOBODY)
    ),
    ("authority", "node"),
    ("authority", "enterprise-node"),
    ("authority", "enterprise"),
)
_STILL_SHOWN: Final = events._still_shown
SECRET: Final = "an explorer's words that nobody guesses"


@dataclass
class Explored:
    """The network, and what bank A and its people must never be shown: numbers and names of the clients of bank B alone."""

    network: Network
    canaries: tuple[str, ...]


@pytest.fixture(scope="module")
def explored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explored]:
    with served_network(tmp_path_factory.mktemp("explored")) as network:
        worker = EnquiryWorker(network.nodes["authority"], "answers")
        worker.start()
        ours, theirs = declared(network), declared(network)
        granted(network, ours)
        granted(network, theirs, "bank-b")
        disbursed(network, approved(network, ours, "20000.00"))
        disbursed(network, approved(network, theirs, "20000.00", "bank-b"), "bank-b")
        (other,) = imported(network, row(CUSTODY_USCC))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("api.resources.events._still_shown", _shown_once)
            patch.setattr("api.resources.events.EVENT_HEARTBEAT_S", 0.1)
            yield Explored(network, (theirs["number"], other["number"], CUSTODY_USCC, "Custody Exporter"))
        worker.stop()


def _shown_once(request: Request, context: ApiContext, caller: Principal, cursor: Cursor) -> list[Event]:
    """What a stream shows next; the second time it ends, as when its token does."""
    if hasattr(request.state, "explored"):
        raise Unauthenticated("token-ended", "the stream was explored")
    request.state.explored = True
    return _STILL_SHOWN(request, context, caller, cursor)


def bearer(network: Network, node: str, user: str) -> dict[str, str]:
    """The header that a caller signs in with; empty for nobody."""
    if user == NOBODY:
        return {}
    if user in ("node", "enterprise-node"):
        upstream = network.nodes["bank-a" if user == "node" else "exporter-a"].upstream
        assert isinstance(upstream, HttpUpstream)
        return {"Authorization": f"Bearer {upstream._bearer(fresh=True)}"}
    accounts, name = network.nodes[node].accounts, f"explorer-{user}"
    known = (node, user) in network.secrets
    secret = network.secrets[node, user] if known else SECRET
    if user == "enterprise":
        _, secret = accounts.add_client(name, name, "enterprise", scopes_of("enterprise"), enterprise=network.in_custody)
    elif not known and user == "reader":
        _, secret = accounts.add_client(name, name, "auditor", scopes_of("auditor"))
    elif not known:
        accounts.add_user(name, name, user, secret)
    answer = token(network.anyone(node), client_id=user if known else name, client_secret=secret)
    assert answer.status_code == 200, (node, user, answer.text)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def explore(
    network: Network, node: str, user: str, examples: int, only: str = "", described: dict[str, Any] | None = None
) -> tuple[list[str], list[str]]:
    """What was found wrong, and every text that was answered. `only` is a pattern of paths, `described` another description."""
    description = described or network.anyone(node).get("/openapi.json").json()
    settings = {
        "base-url": network.url(node),
        "headers": bearer(network, node, user),
        "continue-on-failure": True,
        "generation": {"max-examples": examples, "deterministic": True, "no-shrink": True, "allow-x00": False, "database": "none"},
        "phases": {
            "examples": {"enabled": False},
            "coverage": {"enabled": DEEP},
            "fuzzing": {"enabled": True},
            "stateful": {"enabled": True, "max-steps": 3},
        },
        "checks": {"enabled": False, **{name: {"enabled": True} for name in CHECKS}},
    }
    schema = schemathesis.openapi.from_dict(description, config=SchemathesisConfig.from_dict(settings)).include(path_regex=only)
    wrong, told = [], []
    for event in from_schema(schema).execute():
        if isinstance(event, engine_events.ScenarioFinished):
            wrong += [
                f"{event.recorder.label}: {check.name}: {check.failure_info.failure}"
                for checks in event.recorder.checks.values()
                for check in checks
                if check.failure_info is not None
            ]
            told += [
                each.response.content.decode("utf-8", "replace")
                for each in event.recorder.interactions.values()
                if each.response is not None
            ]
        elif isinstance(event, engine_events.NonFatalError | engine_events.FatalError):
            wrong.append(f"the exploration broke off: {event}")
    return wrong, told


@pytest.mark.parametrize(("node", "user"), EVERYONE if DEEP else SAMPLED)
def test_every_operation_answers_as_described_whatever_it_is_asked(explored: Explored, node: str, user: str) -> None:
    wrong, told = explore(explored.network, node, user, 30 if DEEP else 1)
    assert len(told) > 100
    assert not wrong, "\n".join(sorted(set(wrong))[:60])
    if node.startswith("bank-a"):
        assert [canary for canary in explored.canaries if any(canary in text for text in told)] == []


def test_each_event_of_a_stream_is_as_described(explored: Explored) -> None:
    wrong, told = explore(explored.network, "bank-a", "maker", 3, "^/v1/events/stream$")
    assert any("data: {" in text for text in told)
    assert wrong == []


def test_an_answer_that_is_not_described_is_noticed(explored: Explored) -> None:
    described = explored.network.anyone("bank-a").get("/openapi.json").json()
    described["paths"]["/v1/policy"]["get"]["responses"]["200"]["content"] = {"text/plain": {}}
    wrong, told = explore(explored.network, "bank-a", "maker", 1, "^/v1/policy$", described)
    assert told
    assert any("content_type_conformance" in each for each in wrong)
