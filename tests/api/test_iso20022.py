"""ISO 20022 messages over HTTP: a request becomes one application, is answered with its status, and is taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import httpx
import pytest
from defusedxml.ElementTree import fromstring

from ledger.errors import Unreachable
from nodes.iso20022.reading import STATUS, find, schema, text_of
from tests.api.business import answered, asked, consented, financed, imported, row, serials, signed
from tests.api.served import CUSTODY_USCC, EXPORTER_USCC, Network, problem
from tests.api.supervised import PLEDGE

pytestmark = pytest.mark.usefixtures("answering")
EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "iso20022"
PATH = "/v1/iso20022/messages"
XML = {"Content-Type": "application/xml"}


def declared(network: Network) -> dict[str, Any]:
    """A declaration that bank-a was answered about."""
    (item,) = imported(network, row())
    answered(network, consented(network), [asked(item)])
    return item


def message(name: str, number: str, group: str, **changes: str) -> str:
    """An example, about a declaration of this network, under an id of its own."""
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    text = text.replace("090820260519123456", number).replace("91210800MA0000001L", EXPORTER_USCC).replace("QG-2026-10-26-001", group)
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text.replace("QG-2026-10-27-001", f"C-{group}")


def sent(network: Network, text: str, user: str = "maker", **headers: str) -> httpx.Response:
    return network.sign_in("bank-a", user).post(PATH, content=text.encode(), headers={**XML, **headers})


def status(answer: httpx.Response) -> Element:
    """The status message of an answer, which is valid."""
    assert answer.headers["content-type"].partition(";")[0] == "application/xml", answer.text
    document: Element = fromstring(answer.content, forbid_dtd=True)
    schema(STATUS).validate(document)
    return document[0]


def result(answer: httpx.Response) -> tuple[str | None, str | None, str | None]:
    """What became of the only invoice: status, reason, amount."""
    found = find(status(answer), "FincgInfAndSts/InvcFincgDtls/InvcFincgRslt")
    assert found is not None
    return text_of(found, "FincgReqSts"), text_of(found, "StsRsn/Prtry"), text_of(found, "FincdAmt/Amt")


def group() -> str:
    return f"G-{next(serials)}"


def loan_of(network: Network, declaration: str) -> str:
    (loan,) = network.sign_in("bank-a", "maker").get("/v1/financings", params={"declaration_id": declaration}).json()["items"]
    return str(loan["id"])


def test_a_request_becomes_an_application_and_its_status_follows_the_financing(network: Network) -> None:
    item, name = declared(network), group()
    taken = sent(network, message("request.xml", item["number"], name))
    assert taken.status_code == 201, taken.text
    assert result(taken) == ("PDNG", "applied", None)
    original = find(status(taken), "OrgnlReqInfAndSts")
    assert original is not None
    assert (text_of(original, "Id"), text_of(original, "CreDtTm")) == (name, "2026-10-26T09:00:00+08:00")
    assert (text_of(original, "VldtnStsInf/Sts"), text_of(original, "FrstAgt/PrtryId/Id")) == ("RCCF", "bank-a")
    at = taken.headers["location"]
    maker = network.sign_in("bank-a", "maker")
    loan = maker.get(f"/v1/financings/{loan_of(network, item['declaration_id'])}").json()
    assert loan["totals"]["applied"] == {"currency": "USD", "value": "29000.00"}
    assert (loan["reference"], loan["product"]) == (name, "export invoice financing, agreement 2026-17")
    path = f"/v1/financings/{loan['id']}"
    assert maker.post(f"{path}/intake", json={}).status_code == 200
    signed(network, maker.post(f"{path}/approve", json={"pledge": PLEDGE}))
    seen = maker.get(at)
    assert result(seen) == ("PDNG", "approved", None)
    assert seen.headers["etag"] != taken.headers["etag"]
    imported(network, row())
    network.await_head("bank-a")
    later = maker.get(at)
    assert (later.headers["etag"], later.content != seen.content) == (seen.headers["etag"], True), "only its own id and time have moved"
    assert maker.get(at, headers={"If-None-Match": seen.headers["etag"]}).status_code == 304
    days = {"disbursed_on": "2026-10-27", "matures_on": "2027-01-27", "reference": "D-1"}
    signed(network, maker.post(f"{path}/disburse", json=days))
    paid = maker.get(at, headers={"If-None-Match": seen.headers["etag"]})
    assert result(paid) == ("FNCD", "disbursed", "29000.00")
    summary = find(status(maker.get(at)), "FincgInfAndSts/FincgAllwdSummry")
    assert summary is not None
    assert [text_of(summary, each) for each in ("FincdItmNb", "TtlAccptdItmsAmt", "TtlFincdAmt")] == ["1", "36250.00", "29000.00"]
    late = status(sent(network, message("cancellation.xml", item["number"], name)))
    assert text_of(late, "OrgnlReqInfAndSts/CxlStsInf/Sts") == "REJT"
    assert text_of(late, "OrgnlReqInfAndSts/CxlStsInf/StsRsn/Prtry") == "wrong-state"


@pytest.mark.produces("problem-code", "iso-duplicate")
def test_one_message_makes_one_application_however_often_it_comes(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    item, name = declared(network), group()
    text = message("request.xml", item["number"], name)

    def lost(*_: object, **__: object) -> None:
        raise Unreachable("answer-late", "the answer did not come")

    with monkeypatch.context() as patched:
        # The record goes out, and what came of it is not heard.
        patched.setattr("nodes.iso20022.messages._words", lost)
        assert problem(sent(network, text))["code"] == "answer-late"
    answers = [sent(network, text), sent(network, text, "core"), sent(network, text, **{"Idempotency-Key": name})]
    assert {each.headers["location"] for each in answers} == {answers[0].headers["location"]}
    assert [result(each) for each in answers] == [("PDNG", "applied", None)] * 3
    assert loan_of(network, item["declaration_id"])
    other = sent(network, text.replace("<Rate>80<", "<Rate>70<"))
    assert (other.status_code, problem(other)["code"]) == (409, "iso-duplicate")


def test_a_refusal_by_the_rules_is_a_status_in_words(network: Network) -> None:
    item = declared(network)
    answered(network, consented(network, "bank-b"), [asked(item)], "bank-b")
    assert financed(network, item["declaration_id"], "30000.00", "bank-b").status_code == 201
    network.await_head("bank-a")
    refused = sent(network, message("request.xml", item["number"], group()))
    assert refused.status_code == 201
    outcome = find(status(refused), "FincgInfAndSts/InvcFincgDtls/InvcFincgRslt")
    assert outcome is not None
    told = [text_of(outcome, each) for each in ("FincgReqSts", "StsRsn/Prtry", "AddtlStsRsnInf")]
    assert told == ["NTFD", "exceeds-available", "USD 6,235.00 is left"]  # shares are rounded up to a step


def test_a_request_is_taken_back(network: Network) -> None:
    item, name = declared(network), group()
    at = sent(network, message("request.xml", item["number"], name)).headers["location"]
    text = message("cancellation.xml", item["number"], name)
    for _ in range(2):
        answer = sent(network, text)
        assert text_of(status(answer), "OrgnlReqInfAndSts/CxlStsInf/Sts") == "PACK"
        assert text_of(status(answer), "OrgnlReqInfAndSts/Id") == f"C-{name}"
    assert result(network.sign_in("bank-a", "maker").get(at)) == ("NTFD", "cancelled", None)


def test_an_approved_one_is_taken_back_by_two_people(network: Network) -> None:
    item, name = declared(network), group()
    at = sent(network, message("request.xml", item["number"], name)).headers["location"]
    maker, path = network.sign_in("bank-a", "maker"), f"/v1/financings/{loan_of(network, item['declaration_id'])}"
    maker.post(f"{path}/intake", json={})
    signed(network, maker.post(f"{path}/approve", json={"pledge": PLEDGE}))
    answer = sent(network, message("cancellation.xml", item["number"], name))
    assert text_of(status(answer), "OrgnlReqInfAndSts/CxlStsInf/Sts") == "PACK"
    assert result(maker.get(at))[:2] == ("PDNG", "approved")
    # The newest is the first.
    task = next(each for each in maker.get("/v1/tasks", params={"state": "open"}).json()["items"] if each["type"] == "financing.cancel")
    assert network.sign_in("bank-a", "checker").post(f"/v1/tasks/{task['id']}/sign").status_code == 200
    assert result(maker.get(at))[:2] == ("NTFD", "cancelled")


@pytest.mark.produces("problem-code", "unknown-iso-message")
def test_what_was_never_held_cannot_be_taken_back(network: Network) -> None:
    item, name = declared(network), group()
    sent(network, message("request.xml", item["number"], name))
    second = group()
    assert result(sent(network, message("request.xml", item["number"], second)))[0] == "NTFD"
    told = status(sent(network, message("cancellation.xml", item["number"], second)))
    assert text_of(told, "OrgnlReqInfAndSts/CxlStsInf/StsRsn/Prtry") == "not-financed"
    unknown = sent(network, message("cancellation.xml", item["number"], group()))
    assert (unknown.status_code, problem(unknown)["code"]) == (404, "unknown-iso-message")


@pytest.mark.produces("problem-code", "iso-invalid", "iso-supplier-differs", "iso-other-bank")
def test_a_bad_message_says_where_and_may_be_corrected_under_its_id(network: Network) -> None:
    item, name = declared(network), group()
    wrong = sent(network, message("request.xml", item["number"], name, **{"<Rate>80<": "<Rate>120<"}))
    body = problem(wrong)
    assert (wrong.status_code, body["code"]) == (422, "iso-invalid")
    assert body["errors"] == [
        {
            "in": "body",
            "field": "/Document/InvcFincgReq/InvcReqInf[1]/ReqdAmt/Rate",
            "message": "a rate is a percentage above 0 and up to 100",
        }
    ]
    unknown = sent(network, message("request.xml", "090820260999999999", name))
    assert (unknown.status_code, problem(unknown)["code"]) == (404, "unknown-declaration")
    stranger = sent(network, message("request.xml", item["number"], name, **{EXPORTER_USCC: CUSTODY_USCC}))
    assert problem(stranger)["code"] == "iso-supplier-differs"
    elsewhere = sent(network, message("request.xml", item["number"], name, **{"<Id>bank-a<": "<Id>bank-b<"}))
    assert problem(elsewhere)["code"] == "iso-other-bank"
    euros = message("request.xml", item["number"], name).replace("USD", "EUR")
    assert problem(sent(network, euros))["code"] == "currency-differs"
    assert result(sent(network, message("request.xml", item["number"], name)))[0] == "PDNG"


def test_only_xml_is_taken_and_only_from_those_who_apply(network: Network) -> None:
    client = network.sign_in("bank-a", "maker")
    assert client.post(PATH, content=b"{}", headers={"Content-Type": "application/json"}).status_code == 415
    assert problem(sent(network, "<a/>", "checker"))["code"] == "not-permitted"
    assert problem(client.get(f"{PATH}/{'0' * 64}"))["code"] == "unknown-iso-message"


@pytest.mark.produces("problem-code", "xml-malformed", "xml-forbidden", "xml-too-deep", "iso-unsupported")
def test_what_is_no_message_is_refused_whatever_is_in_it(network: Network) -> None:
    refused = {
        "<a": "xml-malformed",
        '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>': "xml-forbidden",
        "<a>" * 100 + "</a>" * 100: "xml-too-deep",
        "<a/>": "iso-unsupported",
    }
    for text, code in refused.items():
        answer = sent(network, text)
        assert (answer.status_code, problem(answer)["code"]) == (422, code)
