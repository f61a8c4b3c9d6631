"""Nobody writes a line of a log that is not the node's own, nor moves the cursor of who reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import structlog

from api.cli.logs import log_to_file
from ledger.errors import Refused
from nodes.node import Node
from nodes.witnessing.gossip import Gossip
from tests.api.business import WAIT, row
from tests.api.served import Network, problem, token
from tests.api.wires import answer, wire

# As a name, a number, a header or a path might hold it.
LINE = 'x\r\n{"event": "forged", "level": "error"}\n\x1b[2J\x1b]0;forged\x07\u2028\u202e'
FORGED = "forged"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "node.log"
    with log_to_file(path):
        yield path
    structlog.reset_defaults()


def lines(log: Path) -> list[dict[str, object]]:
    """What stands in the log, each line one JSON object of plain characters."""
    text = log.read_text(encoding="utf-8")
    assert all(ord(character) >= 32 or character == "\n" for character in text)
    return [json.loads(line) for line in text.splitlines()]


def test_what_strangers_send_writes_no_line_and_no_control_character(network: Network, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bank, client = network.anyone("bank-a"), network.sign_in("bank-a", "maker")
    token(bank, client_id=LINE, client_secret=LINE)
    bank.post("/v1/session", json={"user": LINE, "password": LINE})
    bank.get("/v1/" + "%0d%0a%7b%22event%22%3a%22forged%22%7d%1b%5b2J")
    client.get("/v1/declarations", params={"number": LINE})
    client.post("/v1/financings", json={"lines": [], "product": LINE, "reference": LINE}, headers=WAIT)
    client.post("/v1/webhooks", json={"url": LINE, "description": LINE})
    network.sign_in("authority", "maker").post(
        "/v1/declaration-imports", json=[row(number=LINE), {**row(), "goods_name": LINE}], headers=WAIT
    )
    for header in (b"X-Request-Id", b"User-Agent", b"X-Forwarded-For", b"Host"):
        for value in (b"x\x1b[2Jforged", b"x\r\n\tforged", b"x\x00forged"):
            with wire(
                network.url("bank-a"), b"GET /v1/policy HTTP/1.1\r\nConnection: close\r\n" + header + b": " + value + b"\r\n\r\n"
            ) as sent:
                assert answer(sent).status_code in (400, 401)

    # A fault is logged with the request's id, which the caller may choose.
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError(LINE)

    monkeypatch.setattr(type(network.nodes["bank-a"].directory), "registrar", fails)
    failed = client.get("/v1/policy", headers=[(b"X-Request-Id", b"a.plain:word")])
    assert problem(failed)["code"] == "internal"
    written = lines(log)
    assert [(each["event"], each["request_id"], each["error"]) for each in written] == [("request-failed", "a.plain:word", "RuntimeError")]
    assert FORGED not in log.read_text(encoding="utf-8")


def test_what_a_peer_says_stands_in_one_line(network: Network, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other members' nodes are strangers too: the code that they answer with, or their address, is theirs to choose."""
    node: Node = network.nodes["bank-a"]

    def refuses(*_: object, **__: object) -> httpx.Response:
        raise Refused(LINE, LINE)

    asking = Gossip(node)
    monkeypatch.setattr("nodes.witnessing.peers.Peer.checkpoint", refuses)
    asking.run_once()
    asking.close()
    structlog.get_logger("here").warning("peer-refused", code=LINE, peer=LINE)
    assert {each["event"] for each in lines(log)} >= {"peer-refused"}
    assert FORGED not in {each["event"] for each in lines(log)}
