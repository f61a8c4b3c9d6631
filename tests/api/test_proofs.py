"""Proof files over HTTP, each checked with the network's trust file alone, and what they say in the words of the trade."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.permissions import scopes_of
from contracts.readings import read
from ledger.verify import Verdict, verify
from tests.api.business import answered, asked, consented, financed, imported, row, serials
from tests.api.served import EXPORTER_USCC, Network, problem, token

pytestmark = pytest.mark.usefixtures("answering")


def verdict_on(network: Network, answer: httpx.Response) -> Verdict:
    assert answer.status_code == 200, answer.text
    trust = (network.founded.homes["authority"] / "trust.json").read_bytes()
    verdict = verify(answer.content, trust)
    assert verdict.ok, verdict.code
    return verdict


def viewing(network: Network) -> httpx.Client:
    """A program of bank A that may look and disclose nothing."""
    node = network.nodes["bank-a"]
    name = f"looker-{next(serials)}"
    _, secret = node.accounts.add_client(name, name, "viewer", scopes_of("viewer"))
    client = network.anyone("bank-a")
    answer = token(client, client_id=name, client_secret=secret)
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return client


def figures(verdict: Verdict) -> dict[str, Any]:
    (found,) = read(verdict).declarations
    return found


@pytest.fixture(scope="module")
def declaration(network: Network) -> dict[str, Any]:
    """A declaration that bank A was answered about."""
    what = row(EXPORTER_USCC)
    (item,) = imported(network, what)
    enquiry = answered(network, consented(network), [{**asked({"number": what["declaration_number"]})}])
    assert enquiry["lines"][0]["result"] == "match"
    found: dict[str, Any] = network.sign_in("bank-a", "maker").get(f"/v1/declarations/{item['declaration_id']}").json()
    return found


def test_a_bank_proves_what_a_declaration_has_available_in_money(network: Network, declaration: dict[str, Any]) -> None:
    path = f"/v1/declarations/{declaration['id']}/proof"
    bank = network.sign_in("bank-a", "maker")
    before = figures(verdict_on(network, bank.get(path, params={"reveal": "true"})))
    assert (before["financed"], before["available"]) == (False, {"currency": "USD", "value": "36250.00"})
    assert before["registered_by"] == "authority"
    taken = financed(network, declaration["id"], "7250.00")
    assert taken.status_code in (200, 201), taken.text
    verdict = verdict_on(network, bank.get(path, params={"reveal": "true"}))
    after = figures(verdict)
    assert (after["financed"], after["available"]) == (True, {"currency": "USD", "value": "29000.00"})
    assert any("the registrar of this network" in sentence for sentence in read(verdict).proves)
    earlier = figures(verdict_on(network, bank.get(path, params={"reveal": "true", "height": before["height"]})))
    assert earlier == before


def test_without_being_told_to_it_reveals_nothing(network: Network, declaration: dict[str, Any]) -> None:
    verdict = verdict_on(network, viewing(network).get(f"/v1/declarations/{declaration['id']}/proof"))
    assert verdict.revealed == {}
    assert figures(verdict)["registered"] is None
    assert [part.entries or part.records for part in verdict.parts]


def test_only_those_who_may_disclose_reveal(network: Network, declaration: dict[str, Any]) -> None:
    path = f"/v1/declarations/{declaration['id']}/proof"
    viewer = viewing(network)
    assert problem(viewer.get(path, params={"reveal": "true"}))["code"] == "not-permitted"
    record = f"/v1/records/{declaration['record_id']}/proof"
    assert problem(viewer.get(record, params={"part": "declaration"}))["code"] == "not-permitted"
    assert problem(network.sign_in("bank-b", "maker").get(path))["code"] == "unknown-declaration"


def test_the_exporter_reveals_its_own(network: Network, declaration: dict[str, Any]) -> None:
    path = f"/v1/declarations/{declaration['id']}/proof"
    verdict = verdict_on(network, network.sign_in("exporter-a", "maker").get(path, params={"reveal": "true"}))
    assert figures(verdict)["registered"] == {"currency": "USD", "value": "36250.00"}


@pytest.mark.produces("problem-code", "part-is-secret", "unknown-part")
def test_named_parts_alone_are_revealed(network: Network, declaration: dict[str, Any]) -> None:
    bank, path = network.sign_in("bank-a", "maker"), f"/v1/records/{declaration['record_id']}/proof"
    assert set(verdict_on(network, bank.get(path, params={"part": "declaration"})).revealed) == {"declaration"}
    assert set(verdict_on(network, bank.get(path, params={"reveal": "true"})).revealed) == {"declaration"}
    assert problem(bank.get(path, params={"part": "letter"}))["code"] == "unknown-part"
    assert problem(bank.get(path, params={"part": "secret-bank"}))["code"] == "part-is-secret"


def test_before_its_registration_a_declaration_is_proven_absent(network: Network, declaration: dict[str, Any]) -> None:
    path = f"/v1/declarations/{declaration['id']}/proof"
    bank = network.sign_in("bank-a", "maker")
    verdict = verdict_on(network, bank.get(path, params={"height": 1}))
    assert figures(verdict)["status"] is None
    assert any(f"there was no declaration {declaration['id']}" in sentence for sentence in read(verdict).proves)
    assert problem(bank.get(path, params={"height": 1, "reveal": "true"}))["code"] == "unknown-declaration"


def test_an_unknown_height_says_which_are_kept(network: Network) -> None:
    answer = network.sign_in("bank-a", "maker").get("/v1/state/proof", params={"key": "policy", "height": 1_000_000})
    said = problem(answer)
    assert said["code"] == "unknown-height"
    assert "every height is kept, from 0 to" in str(said)


def test_the_log_is_proven_to_go_on_from_an_earlier_block(network: Network) -> None:
    client = network.sign_in("bank-a", "maker")
    verdict = verdict_on(network, client.get("/v1/log/consistency/proof", params={"since": 1}))
    assert "none of those was changed or removed" in verdict.proves[0]
    assert verdict_on(network, client.get("/v1/log/consistency/proof", params={"since": 1, "height": 2})).ok
    assert problem(client.get("/v1/log/consistency/proof", params={"since": 2, "height": 1}))["code"] == "outside-log"
    assert problem(client.get("/v1/log/consistency/proof", params={"since": 1_000_000}))["code"] == "unknown-height"
