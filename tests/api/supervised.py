"""Steps of the main job over HTTP, for tests of what the authority sees of them; and records that no honest node would make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx

from nodes.author import Part, SigningKey
from nodes.enquiries.grants import grants_of
from nodes.financings.parts import APPLICATION, ApplicationPart, AppliedLine
from nodes.financings.recipients import for_all
from tests.api.business import DAY_MS, WAIT, answered, consented, imported, row, signed
from tests.api.served import EXPORTER_USCC, Network
from tests.nodes.lending import caller_of
from tests.sealed_parts import demanded_parts

PLEDGE: Final = {"agreement": "A-1", "registration_number": "R-1", "registered_at": "2026-10-26T08:00:00Z"}


def usd(value: str) -> dict[str, str]:
    return {"currency": "USD", "value": value}


def declared(network: Network, total: str = "36250.00", **fields: str) -> dict[str, Any]:
    """A declaration of exporter-a's, as its import reported it."""
    (item,) = imported(network, {**row(total=total), **fields})
    assert item["result"] == "ok", item
    return item


def granted(network: Network, item: Mapping[str, Any], bank: str = "bank-a") -> str:
    """A consent, and an enquiry that is granted the declaration: the enquiry's id."""
    enquiry = answered(network, consented(network, bank), [{"number": item["number"], "exporter_uscc": EXPORTER_USCC}], bank)
    assert enquiry["lines"][0]["result"] == "match", enquiry
    return str(enquiry["id"])


def applied(network: Network, item: Mapping[str, Any], value: str, bank: str = "bank-a", **fields: Any) -> httpx.Response:
    lines = [{"declaration_id": item["declaration_id"], "amount": usd(value)}]
    body = {"lines": lines, "product": "invoice", "reference": "L-1", "branch": "Dalian", **fields}
    return network.sign_in(bank, "maker").post("/v1/financings", json=body, headers=WAIT)


def approved(
    network: Network, item: Mapping[str, Any], value: str, bank: str = "bank-a", registered_at: str = "2026-10-26T08:00:00Z"
) -> str:
    """A financing that is approved: its id."""
    application = applied(network, item, value, bank)
    assert application.status_code == 201, application.text
    financing_id = str(application.json()["id"])
    maker = network.sign_in(bank, "maker")
    assert maker.post(f"/v1/financings/{financing_id}/intake", json={}).status_code == 200
    pledge = {**PLEDGE, "registered_at": registered_at}
    signed(network, maker.post(f"/v1/financings/{financing_id}/approve", json={"pledge": pledge}), bank)
    return financing_id


def disbursed(network: Network, financing_id: str, bank: str = "bank-a", matures_on: str = "2027-01-27") -> str:
    """Pays an approved financing out: the record's id."""
    days = {"disbursed_on": "2026-10-27", "matures_on": matures_on, "reference": "D-1"}
    return str(
        signed(network, network.sign_in(bank, "maker").post(f"/v1/financings/{financing_id}/disburse", json=days), bank)["record_id"]
    )


def repaid(network: Network, financing_id: str, value: str, bank: str = "bank-a") -> None:
    body = {"total": usd(value), "source": "own-funds", "paid_on": "2026-11-01", "reference": "P-1"}
    signed(network, network.sign_in(bank, "maker").post(f"/v1/financings/{financing_id}/repay", json=body), bank)


def forged(network: Network, item: Mapping[str, Any], share: int, amount_minor: int, *, readable: bool = True, bank: str = "bank-a") -> str:
    """An application whose sealed amount is what the bank likes, or is sealed to nobody, handed in as it is: the record's id."""
    node = network.nodes[bank]
    with node.private.reading() as connection:
        grant = grants_of(connection, item["declaration_id"])[0]
    line = AppliedLine(declaration=grant.declaration, number=grant.number, amount_minor=amount_minor)
    part = ApplicationPart(
        enterprise=grant.enterprise,
        uscc=grant.uscc,
        name=grant.name,
        currency=grant.currency,
        amount_minor=amount_minor,
        branch="",
        product="invoice",
        reference="F",
        lines=[line],
        attachments=[],
    )
    parts: dict[str, Part] = {APPLICATION: for_all(node, part, grant.consent)} if readable else demanded_parts("financing.apply")
    until = network.clock.now_ms() + 5 * DAY_MS
    body = {"lines": [{"grant": grant.opening(), "share": share}], "hold_until": until, "mode": "all"}
    return handed_in(network, bank, "financing.apply", body, parts, [node.identity_key])


def handed_in(
    network: Network, member: str, record_type: str, body: dict[str, Any], parts: Mapping[str, Part], signing_keys: Sequence[SigningKey]
) -> str:
    """A record that a member's own system made, handed in signed as it is, and accepted: its id."""
    authored = network.nodes[member].author.record(record_type, body, signing_keys, parts)
    headers = {**WAIT, "Content-Type": "application/json"}
    answer = network.sign_in(member, "core").post("/v1/records", content=authored.raw, headers=headers)
    assert answer.json()["result"]["code"] == "ok", answer.text
    return authored.record_id


def people(network: Network, bank: str) -> list[SigningKey]:
    """The keys of a bank's maker and checker."""
    keys = [caller_of(network.nodes[bank], user, network.secrets[bank, user]).key for user in ("maker", "checker")]
    return [key for key in keys if key is not None]


def settle(network: Network) -> None:
    """The authority has read all there is."""
    node = network.nodes["authority"]
    with node.store.reading() as reader:
        last = reader.records_of_block(reader.head.height)[-1]
    node.reader.wait_for(last.log_index, 20)


def alerts(network: Network, code: str, subject: str | None = None) -> list[dict[str, Any]]:
    """The authority's alerts of a kind."""
    settle(network)
    asked = {"code": code, "limit": "500"} | ({} if subject is None else {"subject": subject})
    answer = network.sign_in("authority", "checker").get("/v1/alerts", params=asked)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def one_alert(network: Network, code: str, subject: str) -> dict[str, Any]:
    """The only alert of a kind about a thing."""
    (found,) = alerts(network, code, subject)
    assert found["state"] == "open"
    assert found["records"]
    return found
