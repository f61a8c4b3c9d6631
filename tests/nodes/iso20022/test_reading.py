"""Messages out of untrusted XML: the examples, good and bad, each with its code and place."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.errors import InputError
from ledger.limits import ISO_MESSAGE_BYTES_MAX
from nodes.iso20022.reading import CANCELLATION, NAMESPACE, REQUEST, MessageInvalid, read, schema
from nodes.iso20022.requests import cancellation_request, financing_request

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "iso20022"
GOOD = (EXAMPLES / "request.xml").read_bytes()
PLACES = {
    "iso-invalid-amount": "/Document/InvcFincgReq/InvcReqInf/InvcTtlsInf/TtlInvcAmt",
    "iso-invalid-count": "/Document/InvcFincgReq/ReqGrpInf/NbOfInvcReqs",
    "iso-invalid-currency": "/Document/InvcFincgReq/InvcReqInf[1]/InvcTtlsInf/TtlInvcAmt/@Ccy",
    "iso-invalid-no-declaration": "/Document/InvcFincgReq/InvcReqInf[1]/RfrdDoc",
    "iso-invalid-order": "/Document/InvcFincgReq/ReqGrpInf",
    "iso-invalid-rate": "/Document/InvcFincgReq/InvcReqInf[1]/ReqdAmt/Rate",
    "iso-invalid-sum": "/Document/InvcFincgReq/ReqGrpInf/TtlBlkInvcAmt",
    "iso-unsupported-instalments": "/Document/InvcFincgReq/InvcReqInf[1]/InstlmtInf",
}
# What no reading of the message alone can tell.
OF_THE_NODE = {"iso-other-bank"}


def asked(content: bytes) -> object:
    kind, element = read(content)
    return financing_request(element) if kind == REQUEST else cancellation_request(element)


def test_a_request_is_read_whole() -> None:
    kind, element = read(GOOD)
    request = financing_request(element)
    assert (kind, request.message_id, request.currency, request.agent) == (REQUEST, "QG-2026-10-26-001", "USD", "bank-a")
    assert request.product == "export invoice financing, agreement 2026-17"
    assert (request.requestor.name, request.requestor.id, request.requestor.id_type) == ("Qingguo Export Co., Ltd.", "ERP-7", "CUSTOMER")
    (invoice,) = request.invoices
    assert (invoice.document, invoice.total, invoice.wanted) == ("INV-2026-0117", "36250.00", "29000.00")
    assert (invoice.declaration, invoice.supplier_uscc) == ("090820260519123456", "91210800MA0000001L")


def test_a_cancellation_names_the_request_that_it_takes_back() -> None:
    kind, element = read((EXAMPLES / "cancellation.xml").read_bytes())
    request = cancellation_request(element)
    assert (kind, request.message_id, request.original_id) == (CANCELLATION, "QG-2026-10-27-001", "QG-2026-10-26-001")
    assert request.reason == "the buyer paid in advance"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [(b"<Amt Ccy='USD'>100</Amt>", "100.00"), (b"<Amt Ccy='USD'>100.5000</Amt>", "100.50"), (b"<Rate>33.333333333</Rate>", "12083.33")],
)
def test_amounts_are_exact_and_parts_are_rounded_down(given: bytes, wanted: str) -> None:
    _, element = read(GOOD.replace(b"<Rate>80</Rate>", given))
    assert financing_request(element).invoices[0].wanted == wanted
    _, whole = read(GOOD.replace(b"      <ReqdAmt><Rate>80</Rate></ReqdAmt>\n", b""))
    assert financing_request(whole).invoices[0].wanted == "36250.00"


@pytest.mark.parametrize("path", sorted((EXAMPLES / "bad").glob("*.xml")), ids=lambda path: path.stem)
def test_a_bad_example_is_refused_with_its_code_and_place(path: Path) -> None:
    if path.stem in OF_THE_NODE:
        assert asked(path.read_bytes()) is not None
        return
    with pytest.raises(InputError) as refused:
        asked(path.read_bytes())
    assert path.stem.startswith(refused.value.code)
    assert (refused.value.place if isinstance(refused.value, MessageInvalid) else None) == PLACES.get(path.stem)
    # What stood there may be somebody's number or name.
    assert not any(secret in str(refused.value) for secret in ("090820260519123456", "91210800MA0000001L", "Qingguo", "36.250"))


def test_two_invoices_on_one_declaration_are_not_one_application() -> None:
    invoice = GOOD[GOOD.index(b"    <InvcReqInf>") : GOOD.index(b"  </InvcFincgReq>")]
    twice = (
        GOOD.replace(invoice, invoice * 2)
        .replace(b"<NbOfInvcReqs>1<", b"<NbOfInvcReqs>2<")
        .replace(b">36250.00</TtlBlk", b">72500.00</TtlBlk")
    )
    with pytest.raises(MessageInvalid, match=r"InvcReqInf\[2\]") as refused:
        asked(twice)
    assert refused.value.code == "iso-unsupported"


def test_an_amount_with_more_digits_than_its_currency_is_refused_at_its_place() -> None:
    with pytest.raises(MessageInvalid) as refused:
        asked(GOOD.replace(b"<Rate>80</Rate>", b"<Amt Ccy='USD'>100.001</Amt>"))
    assert (refused.value.code, refused.value.place) == ("iso-invalid", "/Document/InvcFincgReq/InvcReqInf[1]/ReqdAmt/Amt")


def test_blanks_are_no_name() -> None:
    with pytest.raises(MessageInvalid):
        asked(GOOD.replace(b"<GrpId>QG-2026-10-26-001<", b"<GrpId>   <"))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "xml-malformed"),
        (b"\x00", "xml-malformed"),
        (b"<?xml version='1.0' encoding='no-such'?><a/>", "xml-malformed"),
        (b"<a>" * 200 + b"</a>" * 200, "xml-too-deep"),
        (b"<a/>", "iso-unsupported"),
        (f'<Wrong xmlns="{NAMESPACE}{REQUEST}"/>'.encode(), "iso-unsupported"),
        (f'<Document xmlns="{NAMESPACE}{REQUEST}"/>'.encode(), "iso-invalid"),
        (b"<a>" + b"x" * ISO_MESSAGE_BYTES_MAX + b"</a>", "oversize"),
    ],
)
def test_what_is_no_message_is_refused_before_anything_is_done(content: bytes, code: str) -> None:
    with pytest.raises(InputError) as refused:
        read(content)
    assert refused.value.code == code


def test_a_place_says_which_elements_are_expected_there() -> None:
    with pytest.raises(MessageInvalid, match="expected here: Ccy"):
        read(GOOD.replace(b"      <Ccy>USD</Ccy>\n", b""))


def test_the_schemas_are_those_of_the_standards_namespaces() -> None:
    for kind in (REQUEST, CANCELLATION, "tsin.002.001.01"):
        assert schema(kind).target_namespace == NAMESPACE + kind
