"""The feed of events over HTTP: to whom what is told, in which order, and that it follows from the ledger."""

from __future__ import annotations

import threading
import time
from typing import Any

import httpx
import pytest

from api.permissions import PERMISSIONS, scopes_of
from nodes.events.catalogue import PUBLIC, TYPES
from nodes.events.tables import START
from tests.api.business import consented, row
from tests.api.served import CUSTODY_USCC, EXPORTER_USCC, Network, problem
from tests.api.supervised import applied, approved, declared, disbursed, granted, repaid, usd

pytestmark = pytest.mark.usefixtures("answering")
PAPER = {"document_sha256": "cd" * 32, "issuer": "Customs Police", "reference": "7"}


def newest(network: Network, node: str) -> str:
    network.await_head(node)
    return str(network.nodes[node].events.newest())


def told(network: Network, node: str, after: str = "0-0", user: str = "maker", client: httpx.Client | None = None) -> list[dict[str, Any]]:
    """All events after a cursor that a caller is shown, page by page."""
    network.await_head(node)
    client = client or network.sign_in(node, user)
    found: list[dict[str, Any]] = []
    while True:
        answer = client.get("/v1/events", params={"after": after, "limit": "50"})
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        if answer.json()["next"] is None:
            return found
        after = answer.json()["next"]


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def program(network: Network, role: str, name: str, enterprise: str | None = None, scopes: list[str] | None = None) -> httpx.Client:
    """A program at the authority's node."""
    accounts = network.nodes["authority"].accounts
    _, network.secrets["authority", name] = accounts.add_client(name, name, role, scopes or scopes_of(role), enterprise=enterprise)  # type: ignore[index]  # a dict
    return network.sign_in("authority", name)


def test_every_type_names_a_route_that_shows_the_thing() -> None:
    assert {each.reads for each in TYPES.values()} <= PERMISSIONS.keys()


def test_a_bank_follows_its_own_financing_and_another_bank_learns_nothing_of_it(network: Network) -> None:
    start = {bank: newest(network, bank) for bank in ("bank-a", "bank-b")}
    item = declared(network)
    enquiry = granted(network, item)
    financing = approved(network, item, "12345.00")
    disbursed(network, financing)
    repaid(network, financing, "45.00")
    events = told(network, "bank-a", start["bank-a"])
    assert types(events) == [
        "consent.given",
        "enquiry.answered",
        "financing.applied",
        "financing.taken-in",
        "task.waiting",
        "financing.approved",
        "task.waiting",
        "financing.disbursed",
        "task.waiting",
        "financing.repaid",
    ]
    assert events[1]["subjects"] == {"enquiry_id": enquiry}
    assert {event["subjects"]["financing_id"] for event in events if event["type"].startswith("financing.")} == {financing}
    assert all(event["record_id"] and event["height"] for event in events if event["type"] != "task.waiting")
    # Ids, members, kinds and codes only.
    for sealed in (item["number"], EXPORTER_USCC, "12345", "营口", "USD", "L-1"):
        assert sealed not in str(events)
    assert told(network, "bank-b", start["bank-b"]) == []


def test_the_feed_is_row_for_row_the_same_when_it_is_made_anew_and_cursors_stay_good(network: Network) -> None:
    item = declared(network)
    granted(network, item)
    approved(network, item, "100.00")
    for node in ("bank-a", "authority", "exporter-a"):
        before = told(network, node)
        assert len({event["id"] for event in before}) == len(before)
        network.nodes[node].reader.rebuild()
        assert told(network, node) == before
        middle = len(before) // 2
        assert told(network, node, before[middle]["id"]) == before[middle + 1 :]


def test_a_refused_record_is_told_to_its_author_with_its_code(network: Network) -> None:
    start, item = newest(network, "bank-a"), declared(network)
    granted(network, item)
    first = applied(network, item, "36000.00")
    assert first.status_code == 201, first.text
    refused = problem(applied(network, item, "36000.00"))
    event = told(network, "bank-a", start)[-1]
    assert (event["type"], event["record_id"]) == ("record.refused", refused["record_id"])
    assert event["body"] == {"type": "financing.apply", "code": refused["code"]}


def test_notices_are_events_and_an_order_is_not_named(network: Network) -> None:
    item = declared(network)
    granted(network, item)
    financing, start = approved(network, item, "10000.00"), newest(network, "bank-a")
    registrar, maker = network.sign_in("authority", "checker"), network.sign_in("authority", "maker")
    path = f"/v1/declarations/{item['declaration_id']}"
    assert maker.post(f"{path}/amend", json={"amount": usd("18125.00"), "reason": "short"}).status_code == 200
    order = registrar.post("/v1/orders", json={**PAPER, "kind": "declaration", "target": item["declaration_id"]}).json()["id"]
    assert registrar.post(f"/v1/orders/{order}/lift", json=PAPER).status_code == 200
    assert maker.post(f"{path}/void", json={"reason": "withdrawn"}).status_code == 200
    amended, frozen, unfrozen, voided = told(network, "bank-a", start)
    assert types([amended, frozen, unfrozen, voided]) == ["notice.amended", "notice.frozen", "notice.unfrozen", "notice.voided"]
    assert (frozen["record_id"], unfrozen["record_id"]) == (None, None)
    assert order not in str([frozen, unfrozen]) and voided["record_id"]
    assert frozen["subjects"]["financing_id"] == financing and frozen["subjects"]["declaration_id"] == item["declaration_id"]


def test_an_exporter_learns_of_its_declaration_and_of_each_use_of_its_data(network: Network) -> None:
    start, item = newest(network, "exporter-a"), declared(network)
    granted(network, item)
    approved(network, item, "100.00")
    events = told(network, "exporter-a", start)
    assert types(events)[0] == "declaration.registered"
    used = [(event["type"], event["body"]["kind"], event["body"]["bank"]) for event in events[1:]]
    assert used == [("data.used", kind, "bank-a") for kind in ("consent", "enquiry", "answer", "application", "intake", "approval")]


def test_an_exporter_in_custody_is_shown_its_own_and_what_everybody_is(network: Network) -> None:
    exporter = program(network, "enterprise", "custody-events", network.in_custody)
    start = newest(network, "authority")
    other, own = declared(network), declared(network, **row(CUSTODY_USCC))
    assert network.sign_in("authority", "checker").post("/v1/members/auditor/suspend", json={"reason": "request"}).status_code == 200
    assert network.sign_in("authority", "checker").post("/v1/members/auditor/reinstate", json={}).status_code == 200
    granted(network, other)
    events = told(network, "authority", start, client=exporter)
    assert types(events) == ["declaration.registered", "member.suspended", "member.reinstated"]
    assert events[0]["subjects"] == {"declaration_id": own["declaration_id"]}
    staff = told(network, "authority", start)
    assert own["declaration_id"] not in str(staff), "its custodian's staff read it where such readings are for"
    assert {"enquiry.asked", "enquiry.answered", "member.suspended"} <= set(types(staff))


def test_membership_and_governance_concern_everybody(network: Network) -> None:
    start = {node: newest(network, node) for node in network.nodes}
    checker = network.sign_in("authority", "checker")
    assert checker.post("/v1/members/auditor/suspend", json={"reason": "breach"}).status_code == 200
    assert checker.post("/v1/members/auditor/reinstate", json={}).status_code == 200
    for node in network.nodes:
        events = told(network, node, start[node]) if (node, "maker") in network.secrets else told(network, node, start[node], "core")
        first, second = (event for event in events if event["type"] in PUBLIC)
        assert (first["type"], first["subjects"], first["body"]) == ("member.suspended", {"member": "auditor"}, {"reason": "breach"})
        assert second["type"] == "member.reinstated"


def test_the_authority_hears_of_alerts_enquiries_and_disputes_and_the_parties_of_theirs(network: Network) -> None:
    start = {node: newest(network, node) for node in ("authority", "bank-a", "bank-b")}
    item = declared(network)
    granted(network, item)
    financing = applied(network, item, "100.00").json()["id"]
    body = {"record": financing, "statement": "not as agreed"}
    dispute = network.sign_in("bank-a", "maker").post("/v1/disputes", json=body, headers={"Prefer": "wait=20"}).json()["id"]
    network.await_head("authority")
    resolved = network.sign_in("authority", "checker").post(
        f"/v1/disputes/{dispute}/resolve", json={"outcome": "rejected", "statement": "it is as agreed"}, headers={"Prefer": "wait=20"}
    )
    assert resolved.status_code == 200, resolved.text
    for node in ("authority", "bank-a"):
        events = [event for event in told(network, node, start[node]) if event["type"].startswith("dispute.")]
        assert types(events) == ["dispute.opened", "dispute.resolved"]
        assert {event["subjects"]["dispute_id"] for event in events} == {dispute}
        assert "agreed" not in str(events)
    assert told(network, "bank-b", start["bank-b"]) == []
    alerts = [event for event in told(network, "authority", start["authority"]) if event["type"] == "alert.raised"]
    staff = network.sign_in("authority", "maker")
    assert {event["body"]["code"] for event in alerts} == {
        staff.get(f"/v1/alerts/{event['subjects']['alert_id']}").json()["code"] for event in alerts
    }
    assert "dispute-opened" in {event["body"]["code"] for event in alerts}


def test_who_may_not_read_a_thing_is_not_told_of_it(network: Network) -> None:
    start, item = newest(network, "bank-a"), declared(network)
    granted(network, item)
    approved(network, item, "100.00")
    assert "financing.approved" in types(told(network, "bank-a", start, "core"))
    assert "task.waiting" not in types(told(network, "bank-a", start, "core")), "programs read no tasks"
    narrow = network.sign_in("bank-a", "maker", scope="events:read tasks:read")
    assert types(told(network, "bank-a", start, client=narrow)) == ["task.waiting"]
    assert problem(network.sign_in("bank-a", "dashboard").get("/v1/events"))["code"] == "insufficient-scope"


def test_a_caller_waits_for_the_first_event_and_no_longer(network: Network) -> None:
    client, start = network.sign_in("bank-a", "maker"), newest(network, "bank-a")
    answers: list[httpx.Response] = []
    waiting = threading.Thread(
        target=lambda: answers.append(client.get("/v1/events", params={"after": start}, headers={"Prefer": "wait=25"}))
    )
    waiting.start()
    consent = consented(network)
    waiting.join()
    (event,) = answers[0].json()["items"]
    assert (event["type"], event["subjects"], answers[0].json()["next"]) == ("consent.given", {"consent_id": consent}, None)


def test_a_task_that_is_opened_wakes_who_waits(network: Network) -> None:
    item = declared(network)
    granted(network, item)
    financing = applied(network, item, "100.00").json()["id"]
    maker = network.sign_in("bank-a", "maker")
    assert maker.post(f"/v1/financings/{financing}/intake", json={}).status_code == 200
    start, answers = newest(network, "bank-a"), list[httpx.Response]()
    client = network.sign_in("bank-a", "checker")
    waiting = threading.Thread(
        target=lambda: answers.append(client.get("/v1/events", params={"after": start}, headers={"Prefer": "wait=25"}))
    )
    waiting.start()
    while not network.nodes["bank-a"].events._listeners:
        time.sleep(0.01)
    pledge = {"agreement": "A-1", "registration_number": "R-1", "registered_at": "2026-10-26T08:00:00Z"}
    task = maker.post(f"/v1/financings/{financing}/approve", json={"pledge": pledge}).json()["id"]
    waiting.join()
    (event,) = answers[0].json()["items"]
    assert (event["type"], event["subjects"], event["body"]) == ("task.waiting", {"task_id": task}, {"type": "financing.approve"})
    declined = network.sign_in("bank-a", "checker").post(f"/v1/tasks/{task}/decline", json={"reason": "no"})
    assert declined.status_code == 200
    assert types(told(network, "bank-a", event["id"])) == ["task.declined"]


def test_what_is_no_cursor_is_a_problem(network: Network) -> None:
    client = network.sign_in("bank-a", "maker")
    for after in ("x", "1", "1-", "-1-1", "9" * 20 + "-1"):
        assert problem(client.get("/v1/events", params={"after": after}))["code"] == "invalid-request"
    assert problem(client.get("/v1/events", params={"after": "9999999999999999-1"}))["code"] == "bad-cursor"
    assert client.get("/v1/events", params={"after": "9007199254740991-9007199254740991"}).json() == {"items": [], "next": None}


def test_what_the_authoritys_people_read_of_the_feed_is_in_its_log_and_idle_asking_is_not(network: Network) -> None:
    item = declared(network)
    granted(network, item)
    financing = applied(network, item, "100.00").json()["id"]
    network.sign_in("bank-a", "maker").post("/v1/disputes", json={"record": financing, "statement": "x"}, headers={"Prefer": "wait=20"})
    auditor = program(network, "auditor", "events-auditor")

    def looked() -> list[dict[str, Any]]:
        found = auditor.get("/v1/look-ups", params={"limit": "500"}).json()["items"]
        return [each for each in found if each["resource"] == "GET /v1/events"]

    before = len(looked())
    end = told(network, "authority")[-1]["id"]
    pages = len(looked()) - before
    assert pages >= 1
    assert told(network, "authority", end) == []
    assert len(looked()) - before == pages


def test_events_that_nobody_asked_for_yet_begin_with_the_ledger(network: Network) -> None:
    first = network.sign_in("bank-b", "maker").get("/v1/events", params={"limit": "1"}).json()
    whole = network.nodes["bank-b"].events.page(START, list(TYPES), 1)
    assert [event["id"] for event in first["items"]] == [str(event.cursor) for event in whole]
