"""A consent on paper over HTTP: the bank hands in the scan, the exporter sees it and says whether it is so. And a loan's days."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ledger.errors import NotFound
from nodes.upstream import HttpUpstream
from tests.api.business import WAIT, financed, imported, row, signed
from tests.api.served import CUSTODY_USCC, Network, problem
from tests.api.test_attachments import handed_in, in_custody, scan

pytestmark = pytest.mark.usefixtures("answering")


def on_paper(network: Network, **changes: Any) -> httpx.Response:
    declaration = imported(network, row(CUSTODY_USCC))[0]
    bank = network.sign_in("bank-a", "maker")
    digest = handed_in(bank, scan()).json()["sha256"]
    line = {"number": declaration["number"], "exporter_uscc": CUSTODY_USCC}
    basis = {"kind": "paper", "document_sha256": digest, "signatory": "李华"}
    return bank.post("/v1/enquiries", json={"kind": "declarations", "basis": basis, "lines": [line], **changes}, headers=WAIT)


def test_the_exporter_sees_who_signed_which_paper_and_confirms_it(network: Network) -> None:
    enquiry = on_paper(network).json()
    assert (enquiry["state"], enquiry["basis_state"], enquiry["lines"][0]["result"]) == ("answered", "unconfirmed", "match")
    client, consent = in_custody(network), enquiry["consent_id"]
    seen = [each for each in client.get("/v1/accesses", params={"limit": 500}).json()["items"] if each["consent_id"] == consent]
    assert {(each["basis"], each["signatory"], each["document_sha256"]) for each in seen} == {
        ("paper", "李华", enquiry["basis"]["document_sha256"])
    }
    confirmed = client.post(f"/v1/consents/{consent}/confirm")
    assert (confirmed.status_code, confirmed.json()["basis_state"]) == (200, "confirmed"), confirmed.text
    assert problem(network.sign_in("authority", "maker").post(f"/v1/consents/{consent}/confirm"))["code"] == "not-permitted"
    bank = network.sign_in("bank-a", "maker")
    told = bank.get(f"/v1/enquiries/{enquiry['id']}").json()
    assert (told["basis_state"], told["confirmed"]) == ("confirmed", confirmed.json()["confirmed"])
    assert told["confirmed"] is not None
    assert bank.get(f"/v1/consents/{consent}").json()["confirmed"] == told["confirmed"]


def test_a_dispute_ends_the_consent_and_the_bank_sees_so(network: Network) -> None:
    enquiry = on_paper(network).json()
    declaration, client = enquiry["lines"][0]["declaration_id"], in_custody(network)
    held = financed(network, declaration, "1000.00").json()["id"]
    opened = client.post("/v1/disputes", json={"record": enquiry["consent_id"], "statement": "nobody here signed this"})
    assert (opened.status_code, opened.json()["consent_revoked"]) == (201, enquiry["consent_id"]), opened.text
    with network.nodes["authority"].store.reading() as reader:
        stored = reader.record(opened.json()["id"])
    assert stored is not None
    network.nodes["bank-a"].reader.wait_for(stored.log_index, 15)
    bank = network.sign_in("bank-a", "maker")
    assert bank.get(f"/v1/enquiries/{enquiry['id']}").json()["basis_state"] == "disputed"
    assert bank.get(f"/v1/financings/{held}").json()["state"] == "CANCELLED"
    assert problem(client.post("/v1/disputes", json={"record": "0" * 64, "statement": "x"}))["code"] == "unknown-record"


def test_only_the_bank_that_handed_a_paper_in_hears_what_was_said_of_it(network: Network) -> None:
    consent = on_paper(network).json()["consent_id"]
    own, other = (network.nodes[bank].upstream for bank in ("bank-a", "bank-b"))
    assert isinstance(own, HttpUpstream)
    assert isinstance(other, HttpUpstream)
    path = f"/v1/consents/{consent}/basis"
    assert own.fetch(path, {})["basis_state"] == "unconfirmed"
    with pytest.raises(NotFound, match="unknown-consent"):
        other.fetch(path, {})


def test_an_enquiry_is_under_a_consent_or_on_paper(network: Network) -> None:
    assert problem(on_paper(network, consent_id="0" * 64))["code"] == "bad-enquiry"
    assert problem(on_paper(network, basis=None))["code"] == "bad-enquiry"
    missing = {"kind": "paper", "document_sha256": "0" * 64, "signatory": "x"}
    assert problem(on_paper(network, basis=missing))["code"] == "unknown-attachment"


def test_the_authority_sets_how_much_may_be_enquired_on_paper(network: Network) -> None:
    maker = network.sign_in("authority", "maker")
    before = maker.get("/v1/paper-settings").json()
    try:
        assert maker.put("/v1/paper-settings", json={**before, "per_day": 0}).json()["per_day"] == 0
        declined = on_paper(network).json()
        assert (declined["state"], declined["code"], declined["consent_id"]) == ("declined", "paper-cap", None)
        assert maker.put("/v1/paper-settings", json={**before, "days": 0}).status_code == 422
    finally:
        maker.put("/v1/paper-settings", json=before)


def test_a_loan_is_extended_by_two_people_and_told_when_it_is_overdue(network: Network) -> None:
    declaration = on_paper(network).json()["lines"][0]["declaration_id"]
    maker, checker = network.sign_in("bank-a", "maker"), network.sign_in("bank-a", "checker")
    digest = handed_in(maker, scan(), "pledge.pdf").json()["sha256"]
    path = financed(network, declaration, "1000.00").headers["location"]
    maker.post(f"{path}/intake", json={})
    pledge = {"agreement": "A-1", "registration_number": "R-1", "registered_at": "2026-10-26T08:00:00Z"}
    signed(network, maker.post(f"{path}/approve", json={"pledge": pledge, "attachments": [digest]}))
    days = {"disbursed_on": "2026-10-01", "matures_on": "2026-10-10", "reference": "D-1"}
    signed(network, maker.post(f"{path}/disburse", json=days))
    financing = maker.get(path).json()
    assert financing["attachments"][0]["sha256"] == digest
    assert (financing["overdue"]["amount"]["value"], financing["overdue"]["days"] > 0) == ("1000.00", True)
    assert financing["id"] in [each["id"] for each in maker.get("/v1/financings", params={"overdue": "true"}).json()["items"]]

    prepared = maker.post(f"{path}/extend", json={"matures_on": "2027-06-30", "reason": "the buyer pays late"})
    assert (prepared.status_code, prepared.json()["record_id"]) == (202, None), prepared.text
    task = prepared.headers["location"]
    assert problem(maker.post(f"{task}/sign"))["code"] in ("same-person", "not-permitted")
    assert checker.post(f"{task}/sign").json()["state"] == "signed"
    extended = maker.get(path).json()
    assert (extended["matures_on"], extended["overdue"]["days"]) == ("2027-06-30", 0)
    assert [each["from"] for each in extended["maturity_changes"]] == ["2026-10-10"]
    assert financing["id"] not in [each["id"] for each in maker.get("/v1/financings", params={"overdue": "true"}).json()["items"]]
