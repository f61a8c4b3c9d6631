"""What is wrong with a node, its engine, its database or another node reaches the caller by its own code, and is never kept as the answer
to an idempotency key. Damage is made where it would be: in files, tables and what others answer.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from functools import partial
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from api.app import context, create_app
from ledger import tables
from ledger.engine import Receipt
from ledger.errors import NotFound, Refused, TallystickError, Unreachable, VerificationFailed
from nodes.bounded_http import BoundedHttp
from nodes.enquiries.worker import EnquiryWorker
from nodes.node import Node
from nodes.upstream import HttpUpstream
from nodes.webhooks.tables import webhooks
from tests.api.problems.test_state_codes import code
from tests.api.rules import Rules
from tests.api.served import CHEAP, Network, served_network, token
from tests.api.supervised import applied, declared, granted, people, usd
from tests.api.test_attachments import handed_in, scan

ENGINE_FAULTS = {
    "app-hash-differs": VerificationFailed,
    "clock-jumped": Unreachable,
    "engine-behind": VerificationFailed,
    "engine-busy": Unreachable,
    "engine-failed": Unreachable,
    "engine-stopped": Unreachable,
    "engine-unreachable": Unreachable,
    "expired": Refused,
    "fork-seen": VerificationFailed,
    "no-quorum": Unreachable,
    "operator-invalid": VerificationFailed,
    "receipt-untrue": VerificationFailed,
    "replica-behind": Unreachable,
    "replica-damaged": VerificationFailed,
    "rules-missing": Refused,
    "storage-failed": Unreachable,
}


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with served_network(tmp_path_factory.mktemp("damaged")) as served:
        worker = EnquiryWorker(served.nodes["authority"], "answers")
        worker.start()
        yield served
        worker.stop()


@pytest.mark.produces("problem-code", "app-hash-differs", "clock-jumped", "engine-behind", "engine-busy", "engine-failed")
@pytest.mark.produces("problem-code", "engine-stopped", "engine-unreachable", "expired", "fork-seen", "no-quorum", "operator-invalid")
@pytest.mark.produces("problem-code", "receipt-untrue", "replica-behind", "replica-damaged", "rules-missing", "storage-failed")
def test_what_the_engine_says_is_the_answer_and_is_not_kept(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """What engines raise is tested where they are; here, that every such error reaches who handed a record in."""
    node, client = network.nodes["bank-a"], network.sign_in("bank-a", "core")
    told = {}
    for expected, kind in ENGINE_FAULTS.items():
        raw = node.author.record("enquiry.request", {"kind": "declarations"}, [node.identity_key], {}).raw
        headers = {"Prefer": "wait=5", "Content-Type": "application/json", "Idempotency-Key": f"once-{expected}"}
        with monkeypatch.context() as broken:
            broken.setattr(node.engine, "submit", partial(_failed, kind(expected, "the test says so")))
            answer = client.post("/v1/records", content=raw, headers=headers)
        assert answer.status_code == kind.http_status
        assert ("retry-after" in answer.headers) == (answer.status_code == 503)
        told[expected] = code(answer)
        if answer.status_code >= 500:
            again = client.post("/v1/records", content=raw, headers=headers)
            assert "idempotency-replayed" not in again.headers
    assert told == {each: each for each in ENGINE_FAULTS}


def _failed(error: TallystickError, _raw: bytes) -> Future[Receipt]:
    future: Future[Receipt] = Future()
    future.set_exception(error)
    return future


@pytest.mark.produces("problem-code", "answer-late", "reader-behind", "reader-stopped", "no-sealing-key", "no-introducer", "no-node-key")
def test_a_node_that_lacks_what_it_needs_says_so(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, exporter = network.nodes["authority"], network.nodes["exporter-a"]
    maker = network.sign_in("authority", "maker")
    item = declared(network)
    network.await_head("authority")
    amend = f"/v1/declarations/{item['declaration_id']}/amend"

    def amended() -> str:
        return code(maker.post(amend, json={"amount": usd("30000.00"), "reason": "x"}))

    with monkeypatch.context() as slow:
        slow.setattr(authority.engine, "submit", lambda _: Future())
        slow.setattr(authority.outbox, "_wait_s", 0)
        assert amended() == "answer-late"
    with monkeypatch.context() as behind:
        behind.setattr("nodes.declarations.register._READ_S", 0)
        behind.setattr(authority.reader, "_read_batch", lambda: 0)
        assert amended() == "reader-behind"
    with monkeypatch.context() as stopped:
        stopped.setattr(authority.reader, "_read_batch", lambda: 0)
        stopped.setattr(authority.reader, "_failure", RuntimeError())
        assert amended() == "reader-stopped"
    terms = {"bank": "bank-a", "scopes": ["finance"], "not_before": "2026-10-26T00:00:00Z", "not_after": "2027-10-26T00:00:00Z", "uses": 1}
    owner = network.sign_in("exporter-a", "maker")
    with monkeypatch.context() as keyless:
        keys = exporter.directory.keys
        keyless.setattr(exporter.directory, "keys", lambda member, purpose: [] if purpose == "service" else keys(member, purpose))
        assert code(owner.post("/v1/consents", json=terms)) == "no-introducer"
    with monkeypatch.context() as keyless:
        keyless.setattr(exporter.directory, "recipient", _no_recipient)
        assert code(owner.post("/v1/consents", json=terms)) == "no-sealing-key"
    authority.forget_keys()
    with monkeypatch.context() as keyless:
        keyless.setattr(authority.keystore, "list", list)
        assert amended() == "no-node-key"
    authority.forget_keys()


def _no_recipient(member: str) -> None:
    raise NotFound("no-sealing-key", f"the member {member} has no sealing key that is in force")


@pytest.mark.produces("problem-code", "no-second-person")
def test_what_two_must_sign_is_not_prepared_where_there_is_no_second(network: Network) -> None:
    item = declared(network)
    granted(network, item, "bank-b")
    financing = applied(network, item, "1000.00", "bank-b").json()["id"]
    network.sign_in("bank-b", "maker").post(f"/v1/financings/{financing}/intake", json={})
    _, checker = people(network, "bank-b")
    Rules(network).done("bank-b", "key.revoke", {"key": checker.id, "reason": "left"})
    pledge = {"agreement": "A-1", "registration_number": "R-1", "registered_at": "2026-10-26T08:00:00Z"}
    answer = network.sign_in("bank-b", "maker").post(f"/v1/financings/{financing}/approve", json={"pledge": pledge})
    assert code(answer) == "no-second-person"


@pytest.mark.produces("problem-code", "upstream-unreachable", "upstream-malformed", "upstream-sign-in")
def test_what_is_wrong_upstream_is_told_as_that(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream = network.nodes["exporter-a"].upstream
    assert isinstance(upstream, HttpUpstream)
    owner = network.sign_in("exporter-a", "maker")

    def told(answer: Callable[[httpx.Request], httpx.Response]) -> str:
        with monkeypatch.context() as broken:
            transport = httpx.MockTransport(answer)
            other = BoundedHttp("http://upstream", timeout_s=5, answer_s=5, bytes_max=1_000, transport=transport)
            broken.setattr(upstream, "_http", other)
            broken.setattr(upstream, "_token", None)
            return code(owner.post("/v1/disputes", json={"record": network.exporter, "statement": "x"}))

    def refused(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    assert told(refused) == "upstream-unreachable"
    assert told(lambda _: httpx.Response(200, text="<html>")) == "upstream-malformed"
    assert told(lambda _: httpx.Response(401, json={"error": "invalid_client"})) == "upstream-sign-in"


@pytest.mark.produces("problem-code", "database-busy", "internal")
def test_a_database_that_does_not_answer_and_a_fault_of_the_program_are_told_apart(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, store = network.sign_in("bank-b", "core"), network.nodes["bank-b"].store

    def broken(error: Exception) -> Callable[[], None]:
        def reading() -> None:
            raise error

        return reading

    with monkeypatch.context() as busy:
        busy.setattr(store, "reading", broken(Unreachable("database-busy", "the database does not answer")))
        assert code(client.get("/v1/policy")) == "database-busy"
    with monkeypatch.context() as faulty:
        faulty.setattr(store, "reading", broken(RuntimeError("never shown")))
        answer = client.get("/v1/policy")
    assert (code(answer), "never shown" in answer.text) == ("internal", False)


@pytest.mark.produces("problem-code", "database-damaged")
def test_a_damaged_database_is_told_from_one_that_does_not_answer(network: Network, tmp_path: Path) -> None:
    home = tmp_path / "damaged"
    shutil.copytree(network.founded.homes["bank-b"], home)
    with closing(sqlite3.connect(home / "ledger.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'headers'").fetchone()
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    node = Node.open(home, network.clock, cost=CHEAP)
    node.store.engine.dispose()
    with (home / "ledger.db").open("r+b") as file:
        file.seek((page - 1) * page_bytes)
        file.write(b"\xff" * page_bytes)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(create_app(node)), base_url="http://damaged") as asking:
            return await asking.get("/.well-known/tallystick/checkpoint")

    assert code(asyncio.run(ask())) == "database-damaged"
    node.close()


@pytest.mark.produces("problem-code", "ledger-empty", "no-checkpoint")
def test_a_replica_without_its_first_block_says_so(network: Network, tmp_path: Path) -> None:
    client = network.sign_in("bank-a", "core")
    assert code(client.get("/v1/log/consistency/proof", params={"since": 0})) == "no-checkpoint"
    home = tmp_path / "new"
    copy_without_ledger(network.founded.homes["bank-b"], home)
    node = Node.open(home, network.clock, cost=CHEAP)
    app = create_app(node)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://new") as asking:
            return await asking.get("/.well-known/tallystick/checkpoint")

    assert code(asyncio.run(ask())) == "ledger-empty"
    context(app).close()
    node.close()


def copy_without_ledger(home: Path, to: Path) -> None:
    shutil.copytree(home, to, ignore=lambda _, names: [name for name in names if name.startswith(("ledger.db", "private.db", "lock"))])


@pytest.mark.produces("problem-code", "attachment-damaged", "webhook-secret-damaged", "key-file-damaged")
def test_damaged_files_and_secrets_are_named(network: Network) -> None:
    node, maker, admin = network.nodes["bank-b"], network.sign_in("bank-b", "maker"), network.sign_in("bank-b", "admin")
    kept = handed_in(maker, scan())
    (file,) = (node.home.path / "attachments").rglob(f"{kept.json()['sha256']}*")
    file.write_bytes(b"x" * 100)
    assert code(maker.get(kept.headers["location"])) == "attachment-damaged"
    hook = admin.post("/v1/webhooks", json={"url": "https://bank.example/hook", "description": "core"}).json()["id"]
    with node.private.begin() as connection:
        connection.execute(sa.update(webhooks).values(secret="00" * 60))
    assert code(admin.get(f"/v1/webhooks/{hook}/secret")) == "webhook-secret-damaged"
    (key,) = [info.id for info in node.keystore.list() if info.owner == "checker"]
    path = node.home.keys_dir / f"{key}.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"check"', '"chick"', 1), encoding="utf-8")
    answer = token(network.anyone("bank-b"), client_id="checker", client_secret=network.secrets["bank-b", "checker"])
    assert (answer.status_code, answer.json()["code"]) == (500, "key-file-damaged")


@pytest.mark.produces("problem-code", "page-damaged", "log-node-missing", "state-damaged")
def test_a_damaged_replica_answers_with_what_is_damaged_and_not_with_a_guess(network: Network) -> None:
    """Last: bank B's replica is good for nothing afterwards."""
    store, client = network.nodes["bank-b"].store, network.sign_in("bank-b", "core")
    asked = partial(client.get, "/v1/state/proof", params={"key": "policy"})
    assert asked().status_code == 200
    for table, values, expected in (
        (tables.state_rows, {"value": b"{"}, "state-damaged"),
        (tables.tree_pages, {"page": b"\x00" * 40}, "page-damaged"),
    ):
        with store.engine.begin() as connection:
            kept = connection.execute(sa.select(table)).fetchall()
            connection.execute(sa.update(table).values(values))
        answer = client.get("/v1/policy") if expected == "state-damaged" else asked()
        assert (answer.status_code, code(answer)) == (500, expected)
        with store.engine.begin() as connection:
            connection.execute(sa.delete(table))
            connection.execute(sa.insert(table), [row._asdict() for row in kept])
    with store.engine.begin() as connection:
        connection.execute(sa.delete(tables.log_nodes))
    size = network.anyone("bank-b").get("/.well-known/tallystick/checkpoint").json()["size"]
    assert code(client.get("/v1/log/consistency", params={"first": 3, "second": size})) == "log-node-missing"
