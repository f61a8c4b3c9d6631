"""Disputes through the public API: a bank's own, an exporter's in custody, and an exporter's that runs its own node."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.business import answered, asked, await_record, consented, imported, row
from tests.api.served import Network, problem
from tests.api.test_attachments import in_custody

pytestmark = pytest.mark.usefixtures("answering")


def opened(client: httpx.Client, record: str, statement: str = "this is not so") -> dict[str, Any]:
    answer = client.post("/v1/disputes", json={"record": record, "statement": statement})
    assert answer.status_code == 201, answer.text
    value: dict[str, Any] = answer.json()
    return value


def declared(network: Network) -> tuple[str, str]:
    """A declaration's record, and its id."""
    item = imported(network, row())[0]
    found = network.sign_in("authority", "maker").get("/v1/declarations", params={"number": item["number"]}).json()["items"][0]
    return found["record_id"], found["id"]


@pytest.mark.produces("record-type", "dispute.open", "dispute.resolve")
@pytest.mark.produces("result-code", "already-resolved", "unknown-dispute")
def test_the_authority_resolves_a_banks_dispute_once(network: Network) -> None:
    item = imported(network, row())[0]
    enquiry = answered(network, consented(network), [asked(item)])
    bank = network.sign_in("bank-a", "maker")
    dispute = opened(bank, enquiry["id"], "the answer shows another amount")
    assert (dispute["state"], dispute["opened_by"], dispute["enterprise_id"]) == ("OPEN", "bank-a", network.exporter)
    await_record(network, "authority", dispute["id"])
    authority = network.sign_in("authority", "checker")
    assert authority.get(f"/v1/disputes/{dispute['id']}").json()["statement"] == "the answer shows another amount"
    body = {"outcome": "upheld", "statement": "the registrar amended it since"}
    resolved = authority.post(f"/v1/disputes/{dispute['id']}/resolve", json=body).json()
    assert (resolved["state"], resolved["answer"]) == ("UPHELD", body["statement"])
    assert problem(authority.post(f"/v1/disputes/{dispute['id']}/resolve", json=body))["code"] == "already-resolved"
    for node in ("bank-a", "exporter-a"):
        await_record(network, node, resolved["resolution_record"])
        seen = network.sign_in(node, "maker").get(f"/v1/disputes/{dispute['id']}").json()
        assert (seen["state"], seen["answer"]) == ("UPHELD", body["statement"])
    other = network.sign_in("bank-b", "maker")
    assert problem(other.get(f"/v1/disputes/{dispute['id']}"))["code"] == "unknown-dispute"
    assert dispute["id"] not in [each["id"] for each in other.get("/v1/disputes").json()["items"]]
    assert problem(authority.post(f"/v1/disputes/{'0' * 64}/resolve", json=body))["code"] == "unknown-dispute"


@pytest.mark.produces("problem-code", "not-yours")
def test_who_opened_a_dispute_takes_it_back_and_nobody_else_does(network: Network) -> None:
    record, _ = declared(network)
    network.await_head("bank-a")
    bank, authority = network.sign_in("bank-a", "maker"), network.sign_in("authority", "maker")
    dispute = opened(bank, record)["id"]
    await_record(network, "authority", dispute)
    assert problem(authority.post(f"/v1/disputes/{dispute}/withdraw", json={"statement": "x"}))["code"] == "not-yours"
    assert bank.post(f"/v1/disputes/{dispute}/withdraw", json={"statement": "a mistake of ours"}).json()["state"] == "WITHDRAWN"
    assert problem(bank.post(f"/v1/disputes/{dispute}/withdraw", json={"statement": "x"}))["code"] == "already-resolved"
    assert problem(bank.post("/v1/disputes", json={"record": "0" * 64, "statement": "x"}))["code"] == "unknown-record"
    assert bank.post(f"/v1/disputes/{dispute}/resolve", json={"outcome": "upheld", "statement": "x"}).status_code == 403


def test_an_exporter_with_a_node_of_its_own_disputes_through_the_authority(network: Network) -> None:
    consent = consented(network)
    await_record(network, "authority", consent)
    exporter = network.sign_in("exporter-a", "maker")
    dispute = opened(exporter, consent, "signed by somebody who had left")
    assert (dispute["opened_by"], dispute["enterprise_id"], dispute["consent_revoked"]) == ("authority", network.exporter, None)
    assert opened(exporter, consent, "signed by somebody who had left")["id"] == dispute["id"]
    assert dispute["id"] in [each["id"] for each in exporter.get("/v1/disputes").json()["items"]]
    registered, _ = declared(network)
    assert opened(exporter, registered, "not our cargo")["state"] == "OPEN"
    assert problem(exporter.post("/v1/disputes", json={"record": "0" * 64, "statement": "x"}))["code"] == "unknown-record"
    withdrawn = exporter.post(f"/v1/disputes/{dispute['id']}/withdraw", json={"statement": "he had not"})
    assert (withdrawn.status_code, withdrawn.json()["state"]) == (200, "WITHDRAWN"), withdrawn.text


def test_an_exporter_in_custody_sees_and_withdraws_only_its_own(network: Network) -> None:
    client = in_custody(network)
    mine = {each["id"] for each in client.get("/v1/disputes").json()["items"]}
    record, _ = declared(network)
    theirs = opened(network.sign_in("exporter-a", "maker"), record, "not ours")["id"]
    assert theirs not in mine
    assert problem(client.get(f"/v1/disputes/{theirs}"))["code"] == "unknown-dispute"
    assert problem(client.post(f"/v1/disputes/{theirs}/withdraw", json={"statement": "x"}))["code"] == "unknown-dispute"
    assert problem(client.post("/v1/disputes", json={"record": record, "statement": "x"}))["code"] == "unknown-record"


def test_disputes_are_listed_in_pages_of_what_the_caller_may_see(network: Network) -> None:
    record, _ = declared(network)
    network.await_head("bank-a")
    network.await_head("bank-b")
    bank = network.sign_in("bank-a", "maker")
    mine = [opened(bank, record, "first")["id"], opened(network.sign_in("bank-b", "maker"), record, "not ours")["id"]]
    network.await_head("bank-a")
    mine.append(opened(bank, record, "second")["id"])

    def walked(client: httpx.Client) -> list[str]:
        seen: list[str] = []
        following: str | None = "0"
        while following is not None:
            answer = client.get("/v1/disputes", params={"after": following, "limit": "1"}).json()
            assert len(answer["items"]) <= 1
            seen += [each["id"] for each in answer["items"]]
            following = answer["next"]
        return seen

    assert walked(bank)[-2:] == [mine[0], mine[2]]
    network.await_head("authority")
    assert walked(network.sign_in("authority", "maker"))[-3:] == mine
    assert problem(bank.get("/v1/disputes", params={"limit": "0"}))["code"] == "invalid-request"
