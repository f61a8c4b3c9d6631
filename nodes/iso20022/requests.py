"""What a tsin.001 asks for and a tsin.003 takes back, in this network's terms. The mapping and its losses are in docs/iso20022.md."""

from __future__ import annotations

from decimal import Decimal
from typing import Final
from xml.etree.ElementTree import Element

from pydantic import BaseModel, ConfigDict

from ledger.errors import InputError
from nodes.iso20022.reading import MessageInvalid, find, find_all, text_of
from nodes.money import Money, decimal_text, minor_units

# How `RfrdDoc` says that it refers to the customs declaration of the goods.
DECLARATION: Final = "CUSTOMS-DECLARATION"
# How a financial institution is named by its id in the network, where it is.
MEMBER: Final = "TALLYSTICK"
_PRODUCT: Final = "invoice financing"
_PRODUCT_CHARS_MAX: Final = 200


class _Kept(BaseModel):
    """What is kept of a message, to answer it again."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Requestor(_Kept):
    """Who asks: its name, and how it is known beside that."""

    name: str
    id: str | None = None
    id_type: str | None = None
    bei: str | None = None

    @property
    def identity(self) -> str:
        """What tells one requestor's messages from another's."""
        return "\x1f".join((self.name, self.id or "", self.id_type or "", self.bei or ""))


class Invoice(_Kept):
    """One invoice, and what is asked for on the declaration of its goods. Amounts as the interface writes them."""

    document: str
    issued: str
    due: str
    total: str
    supplier: str | None
    supplier_uscc: str | None
    declaration: str
    wanted: str


class FinancingRequest(_Kept):
    """A tsin.001. `created` is its own text, given back as it came."""

    message_id: str
    created: str
    requestor: Requestor
    agent: str | None
    currency: str
    product: str
    invoices: list[Invoice]


class CancellationRequest(_Kept):
    """A tsin.003: which request is taken back, and why."""

    message_id: str
    created: str
    requestor: Requestor
    agent: str | None
    original_id: str
    reason: str


def financing_request(message: Element) -> FinancingRequest:
    """Raises `MessageInvalid` (`iso-invalid`, `iso-unsupported`)."""
    group = _found(message, "ReqGrpInf")
    currency = _text(group, "Ccy")
    places = find_all(message, "InvcReqInf")
    invoices = [_invoice(each, currency, f"/Document/InvcFincgReq/InvcReqInf[{place}]") for place, each in enumerate(places, 1)]
    stated = text_of(group, "NbOfInvcReqs")
    if stated is not None and int(stated) != len(invoices):
        raise MessageInvalid(
            "iso-invalid", "/Document/InvcFincgReq/ReqGrpInf/NbOfInvcReqs", "it is not the number of invoices in the message"
        )
    _check_sum(group, currency, invoices)
    declarations = [each.declaration for each in invoices]
    for place, each in enumerate(declarations, 1):
        if declarations.index(each) < place - 1:
            raise MessageInvalid(
                "iso-unsupported", f"/Document/InvcFincgReq/InvcReqInf[{place}]/RfrdDoc", "another invoice names the same declaration"
            )
    product = text_of(group, "FincgAgrmt") or _PRODUCT
    return FinancingRequest(
        message_id=_text(group, "GrpId"),
        created=_text(group, "CreDtTm"),
        requestor=_requestor(group),
        agent=_agent(group),
        currency=currency,
        product=" ".join(product.split())[:_PRODUCT_CHARS_MAX],
        invoices=invoices,
    )


def cancellation_request(message: Element) -> CancellationRequest:
    about = _found(message, "CxlReqInf")
    return CancellationRequest(
        message_id=_text(message, "CxlReqId/Id"),
        created=_text(message, "CxlReqId/CreDtTm"),
        requestor=_requestor(about),
        agent=_agent(about),
        original_id=_text(about, "OrgnlGrpId"),
        reason=" ".join((text_of(about, "CxlRsn") or "").split()),
    )


def _invoice(element: Element, currency: str, place: str) -> Invoice:
    if find(element, "InstlmtInf") is not None:
        raise MessageInvalid("iso-unsupported", f"{place}/InstlmtInf", "instalments are not financed one by one; ask for an amount")
    total = _money(_found(element, "InvcTtlsInf/TtlInvcAmt"), currency, f"{place}/InvcTtlsInf/TtlInvcAmt")
    organisation = find(element, "Spplr/PtyId/Id/OrgId")
    uscc = None if organisation is None else text_of(organisation, "TaxIdNb") or text_of(organisation, "PrtryId/Id")
    return Invoice(
        document=_text(element, "InvcGnlInf/DocNb"),
        issued=_text(element, "InvcGnlInf/IsseDt"),
        due=_text(element, "InvcTtlsInf/PmtDueDt"),
        total=decimal_text(total.amount_minor, currency),
        supplier=text_of(element, "Spplr/PtyId/Nm"),
        supplier_uscc=uscc,
        declaration=_declaration(element, place),
        wanted=decimal_text(_wanted(element, total, place).amount_minor, currency),
    )


def _wanted(element: Element, total: Money, place: str) -> Money:
    """The amount asked for: stated, a part of the invoice in per cent (rounded down), or all of it."""
    amount, rate = find(element, "ReqdAmt/Amt"), text_of(element, "ReqdAmt/Rate")
    if amount is not None:
        return _money(amount, total.currency, f"{place}/ReqdAmt/Amt")
    if rate is None:
        return total
    part = Decimal(rate)
    if not 0 < part <= 100:
        raise MessageInvalid("iso-invalid", f"{place}/ReqdAmt/Rate", "a rate is a percentage above 0 and up to 100")
    return Money(total.currency, int(total.amount_minor * part / 100))


def _declaration(element: Element, place: str) -> str:
    numbers = [text_of(each, "DocNb") for each in find_all(element, "RfrdDoc") if text_of(each, "Tp/Prtry") == DECLARATION]
    if len(numbers) != 1 or not numbers[0]:
        fault = f"one RfrdDoc with Tp/Prtry {DECLARATION} and the number in DocNb says which declaration the invoice is for"
        raise MessageInvalid("iso-invalid", f"{place}/RfrdDoc", fault)
    return numbers[0]


def _check_sum(group: Element, currency: str, invoices: list[Invoice]) -> None:
    stated = find(group, "TtlBlkInvcAmt")
    place = "/Document/InvcFincgReq/ReqGrpInf/TtlBlkInvcAmt"
    if stated is None:
        return
    total_minor = sum(minor_units(each.total, currency, exact_digits=True) for each in invoices)
    if _money(stated, currency, place).amount_minor != total_minor:
        raise MessageInvalid("iso-invalid", place, "it is not the sum of the invoices in the message")


def _money(element: Element, currency: str, place: str) -> Money:
    if element.get("Ccy") != currency:
        raise MessageInvalid("iso-invalid", f"{place}/@Ccy", "all amounts are in the currency of ReqGrpInf/Ccy")
    try:
        return Money(currency, minor_units((element.text or "").strip(), currency, exact_digits=False))
    except InputError as error:
        raise MessageInvalid("iso-invalid", place, error.message) from error


def _requestor(element: Element) -> Requestor:
    party = _found(element, "FincgRqstr/PtyId")
    return Requestor(
        name=_text(party, "Nm"), id=text_of(party, "PrtryId/Id"), id_type=text_of(party, "PrtryId/IdTp"), bei=text_of(party, "BEI")
    )


def _agent(element: Element) -> str | None:
    """The member that the message is for, where it says so by the network's own id."""
    return text_of(element, "FrstAgt/PrtryId/Id") if text_of(element, "FrstAgt/PrtryId/IdTp") == MEMBER else None


def _found(element: Element, path: str) -> Element:
    found = find(element, path)
    assert found is not None, "the schema demands it"
    return found


def _text(element: Element, path: str) -> str:
    text = text_of(element, path)
    if not text:
        raise MessageInvalid("iso-invalid", path, "there is nothing but blanks")
    return text
