"""The main job is played with every logger at its most talkative, and no line holds a number, a name, a secret or a token."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import structlog

from nodes.enquiries.worker import EnquiryWorker
from tests.api.business import WAIT, financed, imported, row
from tests.api.served import CUSTODY_USCC, EXPORTER_USCC, Network, served_network, token
from tests.api.supervised import applied, approved, declared, disbursed, granted, repaid
from tests.api.test_attachments import handed_in, scan

# What only the tests' own clients and the forms of their requests say.
OWN = ("httpx", "httpcore", "faker", "hypothesis", "asyncio")
NAMES = ("营口青果出口有限公司", "Custody Exporter", "鲜李子")


def played(network: Network) -> list[str]:
    """The main job, and what goes wrong in it: what must not be found."""
    worker = EnquiryWorker(network.nodes["authority"], "answers")
    worker.start()
    item = declared(network)
    granted(network, item)
    financing = approved(network, item, "20000.00")
    disbursed(network, financing)
    repaid(network, financing, "5000.00")
    granted(network, item, "bank-b")
    applied(network, item, "30000.00", "bank-b")
    (other,) = imported(network, row(CUSTODY_USCC))
    imported(network, {**row(), "declaration_number": "12"}, {**row(), "line_total": "many"})
    financed(network, other["declaration_id"], "1.00")
    client = network.sign_in("bank-a", "maker")
    handed_in(client, scan(), f"{item['number']}.pdf")
    client.get("/v1/declarations", params={"number": item["number"]})
    client.post("/v1/enquiries", json={"kind": "declarations", "lines": [{"number": item["number"]}]}, headers=WAIT)
    network.anyone("authority").get(f"/v1/nothing/{item['number']}")
    token(network.anyone("authority"), client_id="maker", client_secret="not this one, surely")
    worker.stop()
    bearer = client.headers["Authorization"].removeprefix("Bearer ")
    secrets = [secret for secret in network.secrets.values() if len(secret) > 12]
    return [item["number"], other["number"], EXPORTER_USCC, CUSTODY_USCC, *NAMES, *secrets, bearer, "not this one, surely"]


def test_no_line_of_any_log_holds_a_number_a_name_a_secret_or_a_token(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as entries, served_network(tmp_path) as network:
        network.nodes["bank-a"].store.halted()
        log = structlog.get_logger("here")
        log.debug("looked-for", canary="a line of this test")
        canaries = played(network)
    lines = [str(entry) for entry in entries]
    lines += [record.getMessage() for record in caplog.records if not record.name.startswith(OWN)]
    assert any("a line of this test" in line for line in lines), "lines at the level debug are kept"
    found = sorted({(canary, line[:200]) for line in lines for canary in canaries if canary in line})
    assert found == []
