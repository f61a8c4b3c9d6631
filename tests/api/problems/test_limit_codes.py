"""What a node bounds: each code of a problem that says so, brought about at low limits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from api.app import context, create_app
from tests.api.business import row
from tests.api.problems.test_state_codes import code
from tests.api.served import Network, problem, served_network, token
from tests.api.test_attachments import handed_in, scan


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with served_network(tmp_path_factory.mktemp("bounded")) as served:
        yield served


@pytest.mark.produces("problem-code", "too-many-attachments", "too-many-webhooks", "audit-running", "sealed-part-too-large")
def test_what_a_node_keeps_is_bounded(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    maker, admin = network.sign_in("bank-a", "maker"), network.sign_in("bank-a", "admin")
    monkeypatch.setattr("nodes.attachments.store.ATTACHMENTS_PER_DAY_MAX", 0)
    assert code(handed_in(maker, scan())) == "too-many-attachments"
    monkeypatch.setattr("nodes.webhooks.endpoints.WEBHOOKS_MAX", 0)
    assert code(admin.post("/v1/webhooks", json={"url": "https://bank.example/hook", "description": "core"})) == "too-many-webhooks"
    authority = network.sign_in("authority", "core")
    begun = authority.post("/v1/audits", json={"sample": 0})
    assert begun.status_code == 202, begun.text
    assert code(authority.post("/v1/audits", json={"sample": 0})) == "audit-running"
    monkeypatch.setattr("nodes.sealing.SEALED_TEXT_BYTES_MAX", 0)
    body = {"record": network.exporter, "statement": "x"}
    assert code(network.sign_in("authority", "maker").post("/v1/disputes", json=body)) == "sealed-part-too-large"


@pytest.mark.produces("problem-code", "imports-busy")
def test_so_many_imports_run_at_once(network: Network) -> None:
    app = create_app(network.nodes["authority"])
    held = context(app)
    while held.importing.acquire(blocking=False):
        pass
    bearer = network.sign_in("authority", "core").headers["Authorization"]

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://busy") as client:
            return await client.post("/v1/declaration-imports", json=[row()], headers={"Authorization": bearer})

    answer = asyncio.run(ask())
    held.close()
    assert (code(answer), answer.headers["retry-after"]) == ("imports-busy", "1")


@pytest.mark.produces("problem-code", "sign-in-failed", "account-locked", "unauthenticated", "invalid-request", "media-type")
@pytest.mark.produces("problem-code", "insufficient-scope", "assertion-invalid")
def test_signing_in_is_refused_by_codes_too(network: Network) -> None:
    client = network.anyone("bank-b")

    def refused(**form: str) -> str:
        answer = token(client, **{"client_id": "dashboard", **form})
        assert answer.status_code in (400, 401), answer.text
        return str(answer.json()["code"])

    assert refused(client_secret="") == "sign-in-failed"
    assert refused() == "unauthenticated"
    assert refused(client_secret=network.secrets["bank-b", "dashboard"], scope="ledger:write") == "insufficient-scope"
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assert refused(client_assertion_type=kind, client_assertion="x") == "assertion-invalid"
    assert client.post("/oauth2/token", json={}).json()["code"] == "media-type"
    assert client.post("/oauth2/token", data={"grant_type": "password"}).json()["code"] == "invalid-request"
    # Only people have secrets that could be guessed.
    failed = {who: [refused(client_id=who, client_secret="nothing like it") for _ in range(6)] for who in ("checker", "dashboard")}
    assert failed == {"checker": ["sign-in-failed"] * 5 + ["account-locked"], "dashboard": ["sign-in-failed"] * 6}
    assert problem(client.get("/v1/network"))["code"] == "unauthenticated"
