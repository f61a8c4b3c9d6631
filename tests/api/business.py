"""The steps of the main job over HTTP, for tests that need some of it done: imported, consented, answered, financed, signed."""

from __future__ import annotations

import itertools
from typing import Any

import httpx

from ledger.clock import rfc3339
from tests.api.served import EXPORTER_USCC, Network

DAY_MS = 86_400_000
WAIT = {"Prefer": "wait=20"}
serials = itertools.count(519_100_001)


def row(uscc: str = EXPORTER_USCC, total: str = "36250.00", number: str | None = None) -> dict[str, str]:
    return {
        "declaration_number": number or f"090820260{next(serials)}",
        "import_export_flag": "E",
        "exporter_uscc": uscc,
        "exporter_name": "营口青果出口有限公司" if uscc == EXPORTER_USCC else "Custody Exporter",
        "office": "0908",
        "trade_mode": "0110",
        "destination_country": "IDN",
        "export_date": "20261011",
        "hs_code": "0809400000",
        "goods_name": "鲜李子",
        "quantity": "11250",
        "line_total": total,
        "currency": "USD",
    }


def imported(network: Network, *rows: dict[str, str]) -> list[dict[str, Any]]:
    answer = network.sign_in("authority", "maker").post("/v1/declaration-imports", json=list(rows), headers=WAIT)
    assert answer.status_code == 201, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def consented(network: Network, bank: str = "bank-a", uses: int = 3) -> str:
    body = {"bank": bank, "scopes": ["finance"], "not_before": rfc3339(network.clock.now_ms()), "uses": uses}
    body["not_after"] = rfc3339(network.clock.now_ms() + 30 * DAY_MS)
    answer = network.sign_in("exporter-a", "maker").post("/v1/consents", json=body, headers=WAIT)
    assert answer.status_code == 201, answer.text
    consent = str(answer.json()["id"])
    await_record(network, bank, consent)
    return consent


def answered(network: Network, consent: str, lines: list[dict[str, Any]], bank: str = "bank-a") -> dict[str, Any]:
    body = {"kind": "declarations", "consent_id": consent, "lines": lines}
    answer = network.sign_in(bank, "maker").post("/v1/enquiries", json=body, headers=WAIT)
    assert answer.status_code == 200, answer.text
    value: dict[str, Any] = answer.json()
    return value


def asked(what: dict[str, Any]) -> dict[str, Any]:
    return {"number": what["number"], "exporter_uscc": EXPORTER_USCC, "amount": {"currency": "USD", "value": "36250.00"}}


def financed(network: Network, declaration_id: str, value: str, bank: str = "bank-a") -> httpx.Response:
    body = {
        "lines": [{"declaration_id": declaration_id, "amount": {"currency": "USD", "value": value}}],
        "product": "export invoice financing",
        "reference": "L-1",
    }
    return network.sign_in(bank, "maker").post("/v1/financings", json=body, headers=WAIT)


def signed(network: Network, prepared: httpx.Response, bank: str = "bank-a") -> dict[str, Any]:
    assert prepared.status_code == 202, prepared.text
    location = prepared.headers["location"]
    answer = network.sign_in(bank, "checker").post(f"{location}/sign")
    assert answer.status_code == 200, answer.text
    value: dict[str, Any] = answer.json()
    return value


def await_record(network: Network, node: str, record_id: str) -> None:
    with network.nodes["authority"].store.reading() as reader:
        stored = reader.record(record_id)
    assert stored is not None
    network.nodes[node].reader.wait_for(stored.log_index, 15)
