"""What a request does in the node's private database alone is done once under its key, whenever the process dies."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from api.routing import PRIVATE
from nodes.monitoring.catalogue import DETECTORS
from nodes.monitoring.findings import Finding, raise_alert
from tests.api import test_credit, test_webhooks
from tests.api.lost_answers import POINTS, check_done_once
from tests.api.served import CUSTODY_USCC, Network
from tests.api.supervised import applied, approved, declared, disbursed, granted, usd
from tests.api.test_attachments import in_custody
from tests.api.test_financing_requests import carry, form, sent
from tests.api.test_notices import PAPER, noticed
from tests.api.test_paper import on_paper
from tests.nodes.credit.examples import ROWS

pytestmark = pytest.mark.usefixtures("answering")
_serials = itertools.count(1)

# Who asks, where, and with which body.
Step = tuple[str, httpx.Client, str, Any]


def _alert(network: Network) -> str:
    node, subject = network.nodes["authority"], f"{next(_serials):064x}"
    found = Finding((subject,), "declaration", subject, "bank-a", network.exporter, (), network.clock.now_ms())
    with node.private.begin() as connection:
        raise_alert(connection, next(iter(DETECTORS.values())), found)
    client = network.sign_in("authority", "checker")
    return str(client.get("/v1/alerts", params={"subject": subject}).json()["items"][0]["id"])


def take(network: Network) -> Step:
    return "authority", network.sign_in("authority", "checker"), f"/v1/alerts/{_alert(network)}/take", {}


def close(network: Network) -> Step:
    return "authority", network.sign_in("authority", "checker"), f"/v1/alerts/{_alert(network)}/close", {"reason": "all is well"}


def reopen(network: Network) -> Step:
    node, client, path, body = close(network)
    assert client.post(path, json=body).status_code == 200
    return node, client, path.replace("/close", "/reopen"), body


def confirm(network: Network) -> Step:
    consent = on_paper(network).json()["consent_id"]
    return "authority", in_custody(network), f"/v1/consents/{consent}/confirm", {}


def assess(network: Network) -> Step:
    network.sign_in("authority", "maker").post("/v1/credit-profiles", json=list(ROWS))
    test_credit.parameterised(network, missing_as_zero=["penalties"], penalty_haircut_ppm=next(_serials))
    enquiry = test_credit.asked(network, test_credit.consented(network, "basic", "trade-credit"))["id"]
    return "bank-a", network.sign_in("bank-a", "maker"), "/v1/credit-assessments", {"enquiry_id": enquiry}


def parameters(network: Network) -> Step:
    body = {**test_credit.PARAMETERS, "penalty_haircut_ppm": 1_000 + next(_serials)}
    return "bank-a", network.sign_in("bank-a", "core"), "/v1/credit-parameters", body


def request(network: Network) -> Step:
    return "authority", in_custody(network), "/v1/financing-requests", form()


def _received(network: Network) -> tuple[httpx.Client, str]:
    client = in_custody(network)
    path = sent(client)
    carry(network)
    return client, path


def send_back(network: Network) -> Step:
    body = {"reason": "too long", "fields": ["tenor_days"]}
    return "bank-a", network.sign_in("bank-a", "maker"), f"{_received(network)[1]}/send-back", body


def refuse(network: Network) -> Step:
    return "bank-a", network.sign_in("bank-a", "maker"), f"{_received(network)[1]}/refuse", {"reason": "no limit left"}


def withdraw(network: Network) -> Step:
    client, path = _received(network)
    return "authority", client, f"{path}/withdraw", {}


def resend(network: Network) -> Step:
    client, path = _received(network)
    network.sign_in("bank-a", "maker").post(f"{path}/send-back", json={"reason": "too long", "fields": []})
    carry(network)
    return "authority", client, f"{path}/resend", form(tenor_days=60)


def take_up(network: Network) -> Step:
    item = declared(network)
    granted(network, item)
    financing = applied(network, item, "100.00").json()["id"]
    path = sent(network.sign_in("exporter-a", "maker"))
    carry(network)
    return "bank-a", network.sign_in("bank-a", "maker"), f"{path}/take-up", {"financing_id": financing}


def read(network: Network) -> Step:
    item = declared(network)
    granted(network, item)
    financing = applied(network, item, "100.00").json()["id"]
    order = {**PAPER, "kind": "financing", "target": financing}
    assert network.sign_in("authority", "checker").post("/v1/orders", json=order).status_code == 201
    return "bank-a", network.sign_in("bank-a", "maker"), f"/v1/notices/{noticed(network, financing)[0]['id']}/read", {}


def _owed(network: Network) -> str:
    item = declared(network)
    granted(network, item)
    financing = approved(network, item, "100.00")
    disbursed(network, financing)
    return financing


def _extended(network: Network) -> str:
    body = {"matures_on": "2027-06-30", "reason": "the buyer pays late"}
    prepared = network.sign_in("bank-a", "maker").post(f"/v1/financings/{_owed(network)}/extend", json=body)
    assert prepared.status_code == 202, prepared.text
    return str(prepared.headers["location"])


def decline(network: Network) -> Step:
    return "bank-a", network.sign_in("bank-a", "checker"), f"{_extended(network)}/decline", {"reason": "not agreed"}


def sign_maturity(network: Network) -> Step:
    return "bank-a", network.sign_in("bank-a", "checker"), f"{_extended(network)}/sign", None


def rates(network: Network) -> Step:
    body = {"rates": [{"currency": "KRW", "day": "2026-10-01", "rate": "0.00071"}]}
    return "authority", network.sign_in("authority", "maker"), "/v1/exchange-rates", body


def report(network: Network) -> Step:
    item = declared(network)
    granted(network, item)
    lines = [{"declaration_id": item["declaration_id"], "drawn": usd("100.00")}]
    return "bank-a", network.sign_in("bank-a", "maker"), "/v1/conflict-reports", {"lines": lines}


def report_file(network: Network) -> Step:
    item = declared(network)
    granted(network, item)
    bank = network.sign_in("bank-a", "maker")
    header = bank.get("/v1/financings/loads/template", params={"format": "csv"}).content.decode("utf-8-sig").splitlines()[1]
    file = f"{header}\nF-1,{item['number']},USD,100.00,earlier,Dalian,2026-08-01,2027-02-01\n"
    return "bank-a", bank, "/v1/conflict-reports/files", file.encode()


def facts(network: Network) -> Step:
    rows = [{"kind": "month", "uscc": CUSTODY_USCC, "month": "2024-05", "collections_goods": f"{next(_serials)}.00"}]
    return "authority", network.sign_in("authority", "maker"), "/v1/credit-profiles", rows


TOGETHER: dict[str, Callable[[Network], Step]] = {
    "POST /v1/alerts/{alert_id}/close": close,
    "POST /v1/alerts/{alert_id}/reopen": reopen,
    "POST /v1/alerts/{alert_id}/take": take,
    "POST /v1/consents/{consent_id}/confirm": confirm,
    "POST /v1/credit-assessments": assess,
    "POST /v1/credit-parameters": parameters,
    "POST /v1/exchange-rates": rates,
    "POST /v1/financing-requests": request,
    "POST /v1/financing-requests/{request_id}/refuse": refuse,
    "POST /v1/financing-requests/{request_id}/resend": resend,
    "POST /v1/financing-requests/{request_id}/send-back": send_back,
    "POST /v1/financing-requests/{request_id}/take-up": take_up,
    "POST /v1/financing-requests/{request_id}/withdraw": withdraw,
    "POST /v1/notices/{notice_id}/read": read,
    "POST /v1/tasks/{task_id}/decline": decline,
    "POST /v1/tasks/{task_id}/sign": sign_maturity,
}
# These do the same once more: what they make has an id of the request's own, or is known by what it says.
REPEATED: dict[str, Callable[[Network], Step]] = {
    "POST /v1/conflict-reports": report,
    "POST /v1/conflict-reports/files": report_file,
    "POST /v1/credit-profiles": facts,
}


def _ask(step: Step) -> Callable[..., httpx.Response]:
    _, client, path, body = step
    if isinstance(body, bytes):
        return lambda headers: client.post(path, content=body, headers={**headers, "Content-Type": "text/csv"})
    return lambda headers: client.post(path, json=body, headers=headers)


def test_every_such_route_is_tried() -> None:
    elsewhere = {"POST /v1/exchange-rates", "POST /v1/tasks/{task_id}/sign"}
    assert TOGETHER.keys() | test_webhooks.PRIVATE == PRIVATE | elsewhere


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("route", TOGETHER)
def test_effect_and_answer_are_kept_together(network: Network, monkeypatch: pytest.MonkeyPatch, route: str, point: str) -> None:
    step = TOGETHER[route](network)
    _quiet(network)
    check_done_once(network.nodes[step[0]], monkeypatch, point, f"{route}-{next(_serials)}".replace(" ", "-"), _ask(step))


@pytest.mark.parametrize("route", REPEATED)
def test_what_is_made_again_is_the_same(network: Network, monkeypatch: pytest.MonkeyPatch, route: str) -> None:
    step = REPEATED[route](network)
    _quiet(network)
    key = f"{route}-{next(_serials)}".replace(" ", "-")
    check_done_once(network.nodes[step[0]], monkeypatch, POINTS[0], key, _ask(step), together=False)


def _quiet(network: Network) -> None:
    """Every node has read all there is, so that nothing but the request writes."""
    for name in network.nodes:
        network.await_head(name)
