"""The tsin.002 that answers a message: what became of each invoice, or of a cancellation, as of a height of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from nodes.iso20022.reading import NAMESPACE, STATUS
from nodes.iso20022.requests import MEMBER, CancellationRequest, FinancingRequest, Invoice, Requestor
from nodes.money import decimal_text, minor_units

FINANCED: Final = "FNCD"
PENDING: Final = "PDNG"
NOT_FINANCED: Final = "NTFD"
ACKNOWLEDGED: Final = "PACK"
REJECTED: Final = "REJT"
_CODE_CHARS_MAX: Final = 35
_WORDS_CHARS_MAX: Final = 105


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one invoice; `code` says why it is not financed, or how far it is. `financed` as the interface writes amounts."""

    status: str
    code: str = ""
    words: str = ""
    financed: str | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """Which status this is: its own id, at most 35 characters, when it is given, and by which member."""

    id: str
    time: str
    agent: str


def request_status(statement: Statement, request: FinancingRequest, results: Sequence[Result]) -> bytes:
    """Of a tsin.001, invoice by invoice."""
    document, body = _begun(statement, request.message_id, request.created, request.requestor)
    information = SubElement(body, "FincgInfAndSts")
    pairs = list(zip(request.invoices, results, strict=True))
    _summary(information, request.currency, pairs)
    for invoice, result in pairs:
        details = SubElement(information, "InvcFincgDtls")
        original = SubElement(details, "OrgnlInvcInf")
        _text(original, "DocNb", invoice.document)
        _amount(original, "TtlInvcAmt", request.currency, invoice.total)
        _text(original, "IsseDt", invoice.issued)
        _text(original, "PmtDueDt", invoice.due)
        if invoice.supplier:
            _text(SubElement(details, "Spplr"), "Nm", invoice.supplier)
        outcome = SubElement(details, "InvcFincgRslt")
        _text(outcome, "FincgReqSts", result.status)
        _reason(outcome, result.code, result.words)
        if result.financed is not None:
            _amount(SubElement(outcome, "FincdAmt"), "Amt", request.currency, result.financed)
    return _written(document)


def cancellation_status(statement: Statement, request: CancellationRequest, status: str, code: str = "", words: str = "") -> bytes:
    """Of a tsin.003."""
    document, body = _begun(statement, request.message_id, request.created, request.requestor)
    told = SubElement(body[1], "CxlStsInf")
    _text(told, "Sts", status)
    _reason(told, code, words)
    return _written(document)


def _begun(statement: Statement, message_id: str, created: str, requestor: Requestor) -> tuple[Element, Element]:
    document = Element("Document", {"xmlns": NAMESPACE + STATUS})
    body = SubElement(document, "InvcFincgReqSts")
    own = SubElement(body, "StsId")
    _text(own, "Id", statement.id)
    _text(own, "CreDtTm", statement.time)
    original = SubElement(body, "OrgnlReqInfAndSts")
    _text(original, "Id", message_id)
    _text(original, "CreDtTm", created)
    party = SubElement(SubElement(original, "FincgRqstr"), "PtyId")
    _text(party, "Nm", requestor.name)
    if requestor.id is not None and requestor.id_type is not None:
        _identified(party, requestor.id, requestor.id_type)
    if requestor.bei is not None:
        _text(party, "BEI", requestor.bei)
    _identified(SubElement(original, "FrstAgt"), statement.agent, MEMBER)
    _text(SubElement(original, "VldtnStsInf"), "Sts", "RCCF")
    return document, body


def _summary(information: Element, currency: str, pairs: Sequence[tuple[Invoice, Result]]) -> None:
    financed = [(invoice, result) for invoice, result in pairs if result.status == FINANCED]
    accepted_minor = sum(minor_units(invoice.total, currency, exact_digits=True) for invoice, _ in financed)
    financed_minor = sum(minor_units(result.financed or "0", currency, exact_digits=False) for _, result in financed)
    summary = SubElement(information, "FincgAllwdSummry")
    _text(summary, "FincdItmNb", str(len(financed)))
    _amount(summary, "TtlAccptdItmsAmt", currency, decimal_text(accepted_minor, currency))
    _amount(summary, "TtlFincdAmt", currency, decimal_text(financed_minor, currency))


def _reason(element: Element, code: str, words: str) -> None:
    if code:
        _text(SubElement(element, "StsRsn"), "Prtry", code[:_CODE_CHARS_MAX])
    if words:
        _text(element, "AddtlStsRsnInf", words[:_WORDS_CHARS_MAX])


def _identified(element: Element, name: str, kind: str) -> None:
    identification = SubElement(element, "PrtryId")
    _text(identification, "Id", name)
    _text(identification, "IdTp", kind)


def _text(element: Element, name: str, text: str) -> None:
    SubElement(element, name).text = text


def _amount(element: Element, name: str, currency: str, value: str) -> None:
    SubElement(element, name, {"Ccy": currency}).text = value


def _written(document: Element) -> bytes:
    written: bytes = tostring(document, encoding="UTF-8", xml_declaration=True)
    return written + b"\n"
