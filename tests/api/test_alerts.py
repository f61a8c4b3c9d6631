"""Every alert, from what happens over HTTP at banks, exporter and registrar, to what the authority is shown and does about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nodes.enquiries.grants import grants_of
from nodes.enquiries.worker import EnquiryWorker
from nodes.financings.parts import LOAN, LoanPart
from nodes.financings.recipients import for_all
from nodes.monitoring.sweep import sweep
from tests.api.business import DAY_MS, WAIT, signed
from tests.api.served import Network, problem, served_network
from tests.api.supervised import (
    alerts,
    applied,
    approved,
    declared,
    disbursed,
    forged,
    granted,
    handed_in,
    one_alert,
    people,
    repaid,
    settle,
    usd,
)
from tests.sealed_parts import demanded_parts


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A network of its own: time passes in it."""
    with served_network(tmp_path_factory.mktemp("supervised")) as served:
        worker = EnquiryWorker(served.nodes["authority"], "answers")
        worker.start()
        yield served
        worker.stop()


@pytest.mark.produces("alert", "refused-duplicate", "over-limit-attempt", "double-attempt")
def test_what_two_banks_try_on_one_declaration_is_seen(network: Network) -> None:
    item = declared(network)
    granted(network, item)
    granted(network, item, "bank-b")
    first = approved(network, item, "29000.00")
    too_much = applied(network, item, "10000.00", "bank-b")
    assert problem(too_much)["code"] == "exceeds-available"
    approved(network, item, "7250.00", "bank-b")
    again = applied(network, item, "1000.00")
    assert problem(again)["code"] == "exhausted"

    over = one_alert(network, "over-limit-attempt", item["declaration_id"])
    assert (over["bank"], over["records"], over["severity"]) == ("bank-b", [too_much.json()["record_id"]], "medium")
    assert over["details"]["amount"] == usd("10005.00")
    assert over["details"]["left"]["amount"] == usd("7250.00")
    assert over["exporter"]["enterprise_id"] == network.exporter
    duplicate = one_alert(network, "refused-duplicate", item["declaration_id"])
    assert duplicate["records"] == [again.json()["record_id"]]
    double = one_alert(network, "double-attempt", item["declaration_id"])
    assert (double["details"]["banks"], double["records"][0]) == (["bank-a", "bank-b"], first)


@pytest.mark.produces("alert", "amended-under-financing", "voided-under-financing", "disbursement-flagged")
def test_a_declaration_that_changes_under_a_financing_is_seen(network: Network) -> None:
    item, unused = declared(network), declared(network)
    granted(network, item)
    financing = approved(network, item, "30000.00")
    registrar = network.sign_in("authority", "maker")
    changes: list[str] = []
    for each in (unused, item):
        path = f"/v1/declarations/{each['declaration_id']}"
        amended = registrar.post(f"{path}/amend", json={"amount": usd("18125.00"), "reason": "short shipment"})
        voided = registrar.post(f"{path}/void", json={"reason": "withdrawn"})
        changes = [amended.json()["record_id"], voided.json()["record_id"]]
    paid = disbursed(network, financing)
    for code, record_id in zip(("amended-under-financing", "voided-under-financing"), changes, strict=True):
        assert one_alert(network, code, item["declaration_id"])["records"] == [record_id, financing]
    flagged = one_alert(network, "disbursement-flagged", financing)
    assert (flagged["details"]["flags"], flagged["records"]) == (["VOID"], [financing, paid])
    assert alerts(network, "voided-under-financing", unused["declaration_id"]) == []


@pytest.mark.produces("alert", "replaced-under-financing")
def test_a_declaration_that_is_replaced_under_a_financing_is_seen(network: Network) -> None:
    item, authority = declared(network), network.nodes["authority"]
    granted(network, item)
    financing = approved(network, item, "29000.00")
    disbursed(network, financing)
    successor = authority.registry_key.declaration_id(f"{item['number'][:-9]}{900_000_000 + int(item['number'][-6:])}")
    replaces = [{"declaration": item["declaration_id"], "ratio": 10**9}]
    body = {"declaration": successor, "ceiling_ppm": 1_000_000, "until": "2027-09", "replaces": replaces}
    parts = demanded_parts("declaration.register")
    record_id = handed_in(network, "authority", "declaration.register", body, parts, [authority.identity_key])
    found = one_alert(network, "replaced-under-financing", item["declaration_id"])
    assert (found["records"], found["details"]["replaced_by"]) == ([record_id, financing], successor)


@pytest.mark.produces("alert", "replacement-ratio-off")
def test_a_replacement_that_carries_less_than_was_used_is_seen(network: Network) -> None:
    old, new, right = declared(network), declared(network), declared(network)
    authority = network.nodes["authority"]
    for each, worth in ((old, 10**9 // 2), (right, 10**9)):
        body = {"declaration": each["declaration_id"], "reason": "error"}
        successor = {"declaration": new["declaration_id"], "ratio": worth}
        handed_in(
            network,
            "authority",
            "declaration.void",
            body | {"successor": successor},
            demanded_parts("declaration.void"),
            [authority.identity_key],
        )
    found = one_alert(network, "replacement-ratio-off", new["declaration_id"])
    assert found["details"] == {"replaced": old["declaration_id"], "ratio": 10**9 // 2, "right_ratio": 10**9}


@pytest.mark.produces("alert", "frozen-attempt", "correction")
def test_what_is_tried_with_a_frozen_declaration_and_what_is_corrected_is_seen(network: Network) -> None:
    item, authority = declared(network), network.nodes["authority"]
    for bank in ("bank-a", "bank-b"):
        granted(network, item, bank)
    financing = approved(network, item, "10000.00")
    disbursed(network, financing)
    corrected = {"financing": financing, "shares": [1_000]}
    # More than was approved: the authority signs too.
    signers = [*people(network, "bank-a"), authority.identity_key]
    record_id = handed_in(network, "bank-a", "financing.correct", corrected, demanded_parts("financing.correct"), signers)
    assert one_alert(network, "correction", financing)["records"] == [financing, record_id]
    order = {"target": {"kind": "declaration", "id": item["declaration_id"]}, "digest": "d" * 64}
    handed_in(network, "authority", "order.freeze", order, demanded_parts("order.freeze"), [authority.identity_key])
    refused = applied(network, item, "100.00", "bank-b")
    assert problem(refused)["code"] == "frozen"
    assert one_alert(network, "frozen-attempt", item["declaration_id"])["bank"] == "bank-b"


@pytest.mark.produces("alert", "load-overuses")
def test_a_loan_of_the_back_book_that_overuses_its_declaration_is_seen(network: Network) -> None:
    item = declared(network)
    for bank in ("bank-a", "bank-b"):
        granted(network, item, bank)
    disbursed(network, approved(network, item, "36250.00"))
    node = network.nodes["bank-b"]
    with node.private.reading() as connection:
        grant = grants_of(connection, item["declaration_id"])[0]
    loan = LoanPart(
        currency="USD",
        amount_minor=362_500,
        lines=[362_500],
        disbursed_on="2026-10-01",
        matures_on="2027-01-01",
        reference="old",
        attachments=[],
    )
    body = {"lines": [{"grant": grant.opening(), "share": 100_000}]}
    parts = {LOAN: for_all(node, loan, grant.consent)}
    loaded = handed_in(network, "bank-b", "financing.load", body, parts, people(network, "bank-b"))
    assert one_alert(network, "load-overuses", loaded)["details"]["flags"] == ["OVERUSED"]
    owed = [each for each in _banks(network) if each["bank"] == "bank-b" and each["branch"] == ""]
    assert owed[0]["outstanding"] == usd("3625.00")


def _banks(network: Network) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = network.sign_in("authority", "checker").get("/v1/monitoring/banks").json()["items"]
    return items


@pytest.mark.produces("alert", "redeclared", "same-shipment")
def test_a_shipment_that_is_declared_twice_is_seen(network: Network) -> None:
    first = declared(network, bill_of_lading="BL-77", contract="C-9")
    second = declared(network, bill_of_lading="BL-77")
    other = declared(network, contract="C-9")
    same = one_alert(network, "same-shipment", second["declaration_id"])
    assert same["details"] == {"other": first["declaration_id"], "bill_of_lading": "BL-77"}
    assert alerts(network, "same-shipment", other["declaration_id"]) == []
    network.sign_in("authority", "maker").post(f"/v1/declarations/{first['declaration_id']}/void", json={"reason": "error"})
    later = declared(network, contract="C-9")
    for live in (second, other, later):
        found = one_alert(network, "redeclared", live["declaration_id"])
        assert found["details"]["void"] == first["declaration_id"]


@pytest.mark.produces("alert", "amount-off-share", "part-unreadable")
def test_a_bank_that_seals_another_amount_than_its_share_or_nothing_is_seen(network: Network) -> None:
    item, other = declared(network), declared(network)
    for each in (item, other):
        granted(network, each)
    small = forged(network, item, share=10_000, amount_minor=3_000_000)
    closed = forged(network, other, share=10_000, amount_minor=36_250, readable=False)
    off = one_alert(network, "amount-off-share", small)
    assert (off["bank"], off["details"]["share"], off["details"]["amount_minor"]) == ("bank-a", 10_000, 3_000_000)
    unreadable = one_alert(network, "part-unreadable", closed)
    assert unreadable["details"] == {"part": "application", "code": "not-for-the-authority"}
    assert alerts(network, "part-unreadable", small) == []
    tiny = declared(network, total="100.00")
    granted(network, tiny)
    absurd = one_alert(network, "amount-off-share", forged(network, tiny, share=10_000, amount_minor=10**15))
    assert absurd["details"]["share_of_amount"] == str(10**17)


@pytest.mark.produces("alert", "pledge-later")
def test_the_later_of_two_pledges_on_one_declaration_is_seen(network: Network) -> None:
    item = declared(network)
    granted(network, item)
    granted(network, item, "bank-b")
    later = approved(network, item, "10000.00", registered_at="2026-10-26T09:00:00+08:00")
    approved(network, item, "10000.00", "bank-b", registered_at="2026-10-26T00:59:59Z")
    found = one_alert(network, "pledge-later", later)
    assert (found["bank"], len(found["records"])) == ("bank-a", 2)


@pytest.mark.produces("alert", "rate-off")
def test_a_rate_beyond_the_tolerance_is_seen_whichever_rate_came_first(network: Network) -> None:
    item = declared(network)
    granted(network, item)
    financing = approved(network, item, "30000.00")
    disbursed(network, financing)
    rates = network.sign_in("authority", "maker")
    path = f"/v1/declarations/{item['declaration_id']}/collections"

    def collected(day: str, rate: str) -> str:
        exchange = {"amount": {"currency": "CNY", "value": "7000.00"}, "rate": rate}
        body = {"amount": usd("1000.00"), "collected_on": day, "reference": "C", "exchange": exchange}
        return str(signed(network, network.sign_in("bank-a", "maker").post(path, json=body))["record_id"])

    early = collected("2026-11-02", "6.5")
    granted(network, item)
    financing = approved(network, item, "1000.00")
    days = {"disbursed_on": "2026-11-02", "matures_on": "2027-01-27", "reference": "D"}
    paid = {**days, "exchange": {"amount": {"currency": "CNY", "value": "6500.00"}, "rate": "6.5"}}
    bank = network.sign_in("bank-a", "maker")
    loan = signed(network, bank.post(f"/v1/financings/{financing}/disburse", json=paid))["record_id"]
    assert alerts(network, "rate-off", item["declaration_id"]) == []
    entered = rates.post("/v1/exchange-rates", json={"rates": [{"currency": "CNY", "day": "2026-11-01", "rate": "0.142857142857"}]})
    assert (entered.status_code, entered.json()) == (201, {"entered": 1})
    fair, late = collected("2026-11-03", "7.1"), collected("2026-11-04", "7.2")
    found = {each["records"][0]: each["details"] for each in alerts(network, "rate-off", item["declaration_id"])}
    assert set(found) == {early, late}
    assert one_alert(network, "rate-off", financing)["records"] == [loan]
    assert fair not in found
    assert (found[late]["own"], found[late]["stated"], found[late]["own_days"]) == ("7.000000000", "7.2", ["2026-11-01"])
    table = "currency,day,rate\nEUR,2026-11-02,1.08\n"
    assert rates.post("/v1/exchange-rates", content=table, headers={"Content-Type": "text/csv"}).json() == {"entered": 1}
    wrong = rates.post("/v1/exchange-rates", content="currency,day,rate\nEUR,2026-11-02,-1\n", headers={"Content-Type": "text/csv"})
    assert problem(wrong)["code"] == "rate-invalid"


@pytest.mark.produces("alert", "dispute-opened")
def test_a_dispute_waits_for_the_authority_as_an_alert(network: Network) -> None:
    item = declared(network)
    enquiry = granted(network, item)
    bank, exporter = network.sign_in("bank-a", "maker"), network.sign_in("exporter-a", "maker")
    registered = network.sign_in("authority", "maker").get(f"/v1/declarations/{item['declaration_id']}").json()["record_id"]
    mine = bank.post("/v1/disputes", json={"record": enquiry, "statement": "the amount is another one"}).json()["id"]
    network.await_head("exporter-a")
    theirs = exporter.post("/v1/disputes", json={"record": registered, "statement": "this is not our cargo"}).json()["id"]
    about_answer, about_cargo = (one_alert(network, "dispute-opened", record) for record in (enquiry, registered))
    assert (about_answer["bank"], about_answer["records"]) == ("bank-a", [enquiry, mine])
    assert about_answer["details"] == {"dispute": mine, "by_exporter": False}
    assert (about_cargo["bank"], about_cargo["records"]) == (None, [registered, theirs])
    assert about_cargo["details"] == {"dispute": theirs, "by_exporter": True}
    assert [each["exporter"]["enterprise_id"] for each in (about_answer, about_cargo)] == [network.exporter] * 2
    # Whether it is upheld is the authority's to say; the alert is its people's to close.
    resolved = {"outcome": "rejected", "statement": "the answer is as registered"}
    checker = network.sign_in("authority", "checker")
    assert checker.post(f"/v1/disputes/{mine}/resolve", json=resolved).json()["state"] == "REJECTED"
    path = f"/v1/alerts/{about_answer['id']}"
    assert checker.post(f"{path}/take", json={}).json()["state"] == "taken"
    assert checker.post(f"{path}/close", json={"reason": "resolved"}).json()["owner"] is not None


@pytest.mark.produces("alert", "approval-stale", "loan-overdue", "financed-over-collected", "holds-lapse", "enquiries-unused")
def test_what_time_brings_is_seen_once(network: Network) -> None:
    authority = network.nodes["authority"]
    settings = {"lapses": 2, "collection_days": 5, "enquiry_days": 10, "unused_enquiries": 1}
    changed = network.sign_in("authority", "checker").put("/v1/monitoring/settings", json=settings)
    assert changed.json()["lapses"] == 2, changed.text
    waiting, loan, in_time, held = (declared(network) for _ in range(4))
    enquiries = [granted(network, each) for each in (waiting, loan, in_time, held)]
    unused = granted(network, declared(network))
    stale = approved(network, waiting, "1000.00")
    overdue, paid = approved(network, loan, "2000.00"), approved(network, in_time, "3000.00")
    record = disbursed(network, overdue, matures_on="2026-10-28")
    disbursed(network, paid, matures_on="2026-10-28")
    repaid(network, paid, "3000.00")
    holds = [applied(network, held, "500.00", hold_days=1).json()["id"]]
    sweep(authority)
    assert [alerts(network, code, about) for code, about in (("approval-stale", stale), ("loan-overdue", overdue))] == [[], []]

    network.clock.advance(2 * DAY_MS)
    holds.append(applied(network, held, "500.00", hold_days=1).json()["id"])
    network.clock.advance(30 * DAY_MS)
    sweep(authority)
    before = {each["id"] for code in _TIMED for each in alerts(network, code)}
    assert sweep(authority) == 0
    assert one_alert(network, "approval-stale", stale)["bank"] == "bank-a"
    assert one_alert(network, "loan-overdue", overdue)["records"] == [overdue, record]
    assert alerts(network, "loan-overdue", paid) == []
    uncollected = one_alert(network, "financed-over-collected", loan["declaration_id"])
    assert uncollected["details"] == {"lent_minor": 200_000, "collected_minor": 0}
    assert one_alert(network, "holds-lapse", held["declaration_id"])["records"] == holds
    assert one_alert(network, "enquiries-unused", unused)["bank"] == "bank-a"
    assert [alerts(network, "enquiries-unused", each) for each in enquiries] == [[]] * 4

    network.sign_in("authority", "checker").put("/v1/monitoring/settings", json={"lapses": 9, "unused_enquiries": 9})
    authority.reader.rebuild()
    sweep(authority)
    assert {each["id"] for code in _TIMED for each in alerts(network, code)} == before


_TIMED = ("approval-stale", "loan-overdue", "financed-over-collected", "holds-lapse", "enquiries-unused")


@pytest.mark.produces("problem-code", "alert-owner", "alert-state")
def test_an_alert_is_taken_and_closed_with_a_reason_and_a_rebuild_forgets_neither(network: Network) -> None:
    item = declared(network)
    granted(network, item)
    applied(network, item, "36250.00")
    refused = applied(network, item, "36250.00")
    assert refused.status_code == 409
    alert = one_alert(network, "refused-duplicate", item["declaration_id"])
    checker = network.sign_in("authority", "checker")
    path = f"/v1/alerts/{alert['id']}"
    taken = checker.post(f"{path}/take", json={}).json()
    assert (taken["state"], len(taken["owner"])) == ("taken", 16)
    assert problem(checker.post(f"{path}/take", json={}))["code"] == "alert-owner"
    assert checker.post(f"{path}/close", json={}).status_code == 422
    closed = checker.post(f"{path}/close", json={"reason": "the bank sent it twice"}).json()
    assert problem(checker.post(f"{path}/close", json={"reason": "again"}))["code"] == "alert-state"
    maker = network.sign_in("authority", "maker")
    maker.post(f"{path}/reopen", json={"reason": "it happened again"})
    assert maker.get("/v1/alerts", params={"state": "open", "subject": item["declaration_id"]}).json()["items"][0]["id"] == alert["id"]
    checker.post(f"{path}/close", json={"reason": "explained"})
    about = {"subject": item["declaration_id"], "code": "refused-duplicate"}
    graded = {each: maker.get("/v1/alerts", params={**about, "severity": each}).json()["items"] for each in ("high", "low")}
    assert ([each["id"] for each in graded["high"]], graded["low"]) == ([alert["id"]], [])

    all_before = _all(network)
    network.nodes["authority"].reader.rebuild()
    sweep(network.nodes["authority"])
    assert _all(network) == all_before
    shown = checker.get(path).json()
    assert [each["change"] for each in shown["history"]] == ["take", "close", "reopen", "close"]
    assert (shown["state"], shown["reason"], closed["reason"]) == ("closed", "explained", "the bank sent it twice")
    assert problem(checker.get(f"/v1/alerts/{'0' * 64}"))["code"] == "unknown-alert"


def _all(network: Network) -> list[dict[str, object]]:
    """Every alert, page by page."""
    settle(network)
    client, found, after = network.sign_in("authority", "checker"), [], None
    while True:
        page = client.get("/v1/alerts", params={"limit": 3} | ({} if after is None else {"after": after}), headers=WAIT).json()
        found += page["items"]
        after = page["next"]
        if after is None:
            return found
