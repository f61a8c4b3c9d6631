"""What was understood and is not possible now: each code of a problem brought about through the public API, on a network of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import canonical
from ledger.checkpoint import add_cosignature
from ledger.clock import rfc3339
from ledger.keys import sign
from ledger.record import record_id
from nodes.author import Part
from nodes.enquiries.worker import EnquiryWorker
from nodes.financings.parts import REASON
from nodes.upstream import HttpUpstream
from nodes.witnessing.tables import witnesses
from nodes.witnessing.witness import HAND_IN
from tests.api.business import DAY_MS, WAIT, imported, row, signed
from tests.api.problems.calling import NOWHERE
from tests.api.served import CUSTODY_USCC, EXPORTER_USCC, Network, problem, served_network
from tests.api.supervised import applied, declared, disbursed, granted, people, usd
from tests.api.test_attachments import in_custody
from tests.api.test_credit import PARAMETERS
from tests.api.test_financing_requests import form
from tests.api.test_paper import on_paper
from tests.sealed_parts import demanded_parts


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with served_network(tmp_path_factory.mktemp("refusing")) as served:
        worker = EnquiryWorker(served.nodes["authority"], "answers")
        worker.start()
        yield served
        worker.stop()


def code(answer: httpx.Response) -> str:
    return str(problem(answer)["code"])


def guest(network: Network, node: str) -> httpx.Client:
    """The authority's API, signed in as another node is."""
    upstream = network.nodes[node].upstream
    assert isinstance(upstream, HttpUpstream)
    client = network.anyone("authority")
    client.headers["Authorization"] = f"Bearer {upstream._bearer(fresh=True)}"
    return client


@pytest.mark.produces("problem-code", "not-on-paper", "already-disputed", "not-in-custody", "not-your-enterprise", "enterprise-missing")
def test_an_exporter_says_of_papers_only_what_it_may(network: Network) -> None:
    custody, maker = in_custody(network), network.sign_in("authority", "maker")
    enquiry = on_paper(network).json()
    paper = enquiry["consent_id"]
    assert custody.post("/v1/disputes", json={"record": paper, "statement": "nobody signed this"}).status_code == 201
    assert code(custody.post(f"/v1/consents/{paper}/confirm")) == "already-disputed"
    now, later = rfc3339(network.clock.now_ms()), rfc3339(network.clock.now_ms() + DAY_MS)
    terms = {"bank": "bank-a", "scopes": ["finance"], "not_before": now, "not_after": later, "uses": 1}
    given = custody.post("/v1/consents", json=terms, headers=WAIT)
    assert given.status_code == 201, given.text
    assert code(custody.post(f"/v1/consents/{given.json()['id']}/confirm")) == "not-on-paper"
    assert code(maker.get("/v1/accesses", params={"enterprise_id": network.exporter})) == "not-in-custody"
    assert code(maker.get("/v1/accesses")) == "enterprise-missing"
    assert code(custody.post("/v1/consents", json={**terms, "enterprise_id": network.exporter})) == "not-your-enterprise"


@pytest.mark.produces("problem-code", "exceeds-hold", "exceeds-drawn", "exceeds-collected", "collections-differ", "currency-differs")
@pytest.mark.produces("problem-code", "task-overtaken", "task-signed", "task-declined", "task-expired", "same-person", "other-exporter")
@pytest.mark.produces("problem-code", "wrong-state", "bad-field")
def test_a_financing_takes_what_it_can_take(network: Network) -> None:
    item = declared(network)
    granted(network, item)
    maker, checker = network.sign_in("bank-a", "maker"), network.sign_in("bank-a", "checker")
    held = applied(network, item, "20000.00").json()["id"]
    path = f"/v1/financings/{held}"
    assert code(maker.post(f"{path}/intake", json={"keep": [usd("30000.00")]})) == "exceeds-hold"
    assert code(maker.post(f"{path}/extend", json={"matures_on": "2027-06-30", "reason": "x"})) == "wrong-state"
    assert code(maker.post(f"{path}/intake", json={"keep": [{"currency": "EUR", "value": "1.00"}]})) == "currency-differs"
    assert maker.post(f"{path}/intake", json={}).status_code == 200
    pledge = {"agreement": "A", "registration_number": "R", "registered_at": "2026-10-26T08:00:00Z"}
    prepared = maker.post(f"{path}/approve", json={"pledge": pledge}).headers["location"]
    assert code(maker.post(f"{prepared}/sign")) == "same-person"
    assert checker.post(f"{prepared}/sign").status_code == 200
    assert checker.post(f"{prepared}/sign").status_code == 200, "the same answer again"
    assert code(maker.post(f"{prepared}/sign")) == "task-signed"
    disbursed(network, held)
    repay = {"source": "own-funds", "paid_on": "2026-11-01", "reference": "P"}
    assert code(maker.post(f"{path}/repay", json={**repay, "total": usd("30000.00")})) == "exceeds-drawn"
    assert code(maker.post(f"{path}/repay", json={**repay, "amounts": [usd("1.00"), usd("1.00")]})) == "bad-field"
    from_collections = {**repay, "source": "collections", "total": usd("1000.00")}
    elsewhere = [{"collection_id": NOWHERE, "amount": usd("1000.00")}]
    assert code(maker.post(f"{path}/repay", json={**from_collections, "collections": elsewhere})) == "collections-differ"
    came = f"/v1/declarations/{item['declaration_id']}/collections"
    collected = signed(network, maker.post(came, json={"amount": usd("500.00"), "collected_on": "2026-11-02", "reference": "C"}))
    use = [{"collection_id": collected["record_id"], "amount": usd("1000.00")}]
    assert code(maker.post(f"{path}/repay", json={**from_collections, "collections": use})) == "exceeds-collected"
    extended = maker.post(f"{path}/extend", json={"matures_on": "2027-06-30", "reason": "late"}).headers["location"]
    other = maker.post(f"{path}/extend", json={"matures_on": "2027-07-30", "reason": "later"}).headers["location"]
    third = maker.post(f"{path}/extend", json={"matures_on": "2027-08-30", "reason": "latest"}).headers["location"]
    assert checker.post(f"{extended}/sign").status_code == 200
    assert code(checker.post(f"{other}/sign")) == "task-overtaken"
    assert checker.post(f"{third}/decline", json={"reason": "no"}).status_code == 200
    assert code(checker.post(f"{third}/sign")) == "task-declined"
    late = maker.post(f"{path}/extend", json={"matures_on": "2027-09-30", "reason": "x"}).headers["location"]
    network.clock.advance(40 * DAY_MS)
    assert code(network.sign_in("bank-a", "checker").post(f"{late}/sign")) == "task-expired"
    theirs = imported(network, row(CUSTODY_USCC))[0]["declaration_id"]
    void = {"reason": "error", "successor": theirs}
    answer = network.sign_in("authority", "maker").post(f"/v1/declarations/{item['declaration_id']}/void", json=void)
    assert code(answer) == "other-exporter"


@pytest.mark.produces(
    "problem-code", "no-parameters", "not-about-credit", "no-credit-facts", "not-answered", "rate-missing", "unknown-parameters"
)
def test_a_limit_needs_facts_parameters_and_rates(network: Network) -> None:
    maker, core = network.sign_in("bank-a", "maker"), network.sign_in("bank-a", "core")

    def enquired(scope: str, kind: str = "credit", **more: Any) -> str:
        now_ms = network.clock.now_ms()
        terms = {"bank": "bank-a", "scopes": [scope], "not_before": rfc3339(now_ms), "not_after": rfc3339(now_ms + DAY_MS), "uses": 2}
        given = network.sign_in("exporter-a", "maker").post("/v1/consents", json=terms, headers=WAIT).json()["id"]
        network.await_head("bank-a")
        answer = maker.post("/v1/enquiries", json={"kind": kind, "consent_id": given, **more}, headers=WAIT)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def limited(enquiry: str, **more: Any) -> str:
        return code(maker.post("/v1/credit-assessments", json={"enquiry_id": enquiry, **more}))

    unknown = enquired("basic")
    assert limited(unknown) in ("no-parameters", "no-credit-facts")
    network.sign_in("authority", "maker").post(
        "/v1/credit-profiles",
        json=[
            {"kind": "basic", "uscc": EXPORTER_USCC, "name": "E", "directory_status": "listed", "directory_since": "2014-03-18"},
            {"kind": "class", "uscc": EXPORTER_USCC, "class": "A", "class_since": "2014-03-18"},
            {"kind": "year", "uscc": EXPORTER_USCC, "year": "2025", "collections_goods": "1.00", "payments_goods": "1.00"},
        ],
    )
    known = enquired("trade-credit")
    assert limited(known) == "no-parameters"
    assert core.post("/v1/credit-parameters", json={**PARAMETERS, **_IN_CNY}).status_code == 201
    assert limited(unknown) == "no-credit-facts"
    assert limited(known, parameters_version=99) == "unknown-parameters"
    assert limited(known) == "rate-missing"
    item = declared(network)
    assert limited(granted(network, item)) == "not-about-credit"
    assert limited(enquired("finance")) == "not-answered"


_IN_CNY = {"currency": "CNY", "cap": {"currency": "CNY", "value": "5000000.00"}, "floor": {"currency": "CNY", "value": "10000.00"}}


@pytest.mark.produces("problem-code", "unknown-recipient", "recipient-not-allowed", "letter-exists", "too-many-letters", "letter-too-large")
def test_letters_go_their_way_and_no_other(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    bank, exporter = guest(network, "bank-a"), guest(network, "exporter-a")
    letter = {"id": NOWHERE, "to": f"enterprise:{network.exporter}", "key": NOWHERE, "box": "AAAA"}
    assert code(bank.post("/v1/messages", json={**letter, "to": f"enterprise:{NOWHERE}"})) == "unknown-recipient"
    assert code(bank.post("/v1/messages", json={**letter, "to": "bank-b"})) == "recipient-not-allowed"
    assert code(exporter.post("/v1/messages", json=letter)) == "recipient-not-allowed"
    assert bank.post("/v1/messages", json=letter).status_code == 201
    assert code(bank.post("/v1/messages", json={**letter, "box": "BBBB"})) == "letter-exists"
    monkeypatch.setattr("nodes.requests.mailbox.LETTERS_PER_DAY_MAX", 0)
    assert code(bank.post("/v1/messages", json={**letter, "id": "1" * 64})) == "too-many-letters"
    monkeypatch.setattr("nodes.requests.letters.LETTER_BYTES_MAX", 0)
    assert code(network.sign_in("exporter-a", "maker").post("/v1/financing-requests", json=form())) == "letter-too-large"


@pytest.mark.produces("problem-code", "bad-note", "bad-checkpoint", "other-log", "not-cosigned", "too-many-witnesses", "witness-key-other")
def test_a_cosignature_is_of_this_log_and_by_the_members_key(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    bank, key, other = guest(network, "bank-b"), Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    note = bank.get("/v1/checkpoint").json()["checkpoint"]
    with network.nodes["authority"].private.begin() as connection:
        # As if its own node had not shown its key yet.
        connection.execute(sa.delete(witnesses).where(witnesses.c.name == "bank-b"))

    def handed(text: str, by: Ed25519PrivateKey = key) -> httpx.Response:
        return bank.post(HAND_IN, json={"note": text, "public": by.public_key().public_bytes_raw().hex()})

    def cosigned(text: str, by: Ed25519PrivateKey = key) -> str:
        return add_cosignature(text, "bank-b", by, network.clock.now_ms() // 1000)

    assert code(handed("no note")) == "bad-note"
    assert code(handed(note)) == "not-cosigned"
    origin, size, *rest = note.split("\n")
    assert code(handed(cosigned("\n".join([origin, str(int(size) + 1), *rest])))) == "bad-checkpoint"
    with monkeypatch.context() as context_:
        context_.setattr("nodes.witnessing.witnesses.WITNESSES_MAX", 0)
        assert code(handed(cosigned(note))) == "too-many-witnesses"
    assert handed(cosigned(note)).status_code == 200
    assert code(handed(cosigned(note, other), other)) == "witness-key-other"
    with monkeypatch.context() as context_:
        # The operator's own key, on the log of another network.
        context_.setattr("nodes.witnessing.checkpoints.origin_of", lambda _: "tallystick/elsewhere")
        assert code(handed(cosigned(note))) == "other-log"


@pytest.mark.produces("problem-code", "not-countersigned", "countersigner-missing", "wrong-network", "bad-signature", "unknown-task")
@pytest.mark.produces("problem-code", "sealed-part-broken")
def test_the_authority_signs_beside_a_bank_only_what_is_meant_for_it(network: Network) -> None:
    bank, node = guest(network, "bank-a"), network.nodes["bank-a"]
    maker, checker = people(network, "bank-a")
    authority = network.nodes["authority"].identity_key.id

    def handed(kind: str, body: dict[str, Any], signers: list[str], **changes: Any) -> httpx.Response:
        core = {**node.author.core(kind, body, signers, demanded_parts(kind))[0], **changes}
        digest = _digest(core)
        signatures = [sign(key.private, digest).hex() for key in (maker, checker)]
        return bank.post("/v1/countersignatures", json={"record": core, "signatures": signatures})

    two, correct = [maker.id, checker.id], {"financing": NOWHERE, "shares": [1_000]}
    assert code(handed("financing.repay", {**correct, "source": "own-funds", "collections": []}, [*two, authority])) == "not-countersigned"
    assert code(handed("financing.correct", correct, [*two, maker.id])) in ("countersigner-missing", "malformed")
    assert code(handed("financing.correct", correct, [*two, node.identity_key.id])) == "countersigner-missing"
    assert code(handed("financing.correct", correct, [*two, authority], network=NOWHERE)) == "wrong-network"
    assert code(handed("financing.correct", correct, [checker.id, maker.id, authority])) == "bad-signature"
    assert code(handed("financing.correct", correct, [*two, authority], v=9)) == "malformed"
    to_them = Part({"v": 1}, [node.directory.recipient("authority")])
    core = node.author.core("financing.correct", correct, [*two, authority], {REASON: to_them})[0]
    core["sealed"] = {REASON: {**core["sealed"][REASON], "key_commitment": NOWHERE}}
    signatures = [sign(key.private, _digest(core)).hex() for key in (maker, checker)]
    assert code(bank.post("/v1/countersignatures", json={"record": core, "signatures": signatures})) == "sealed-part-broken"
    assert code(bank.get(f"/v1/countersignatures/{NOWHERE}")) == "unknown-task"


def _digest(core: dict[str, Any]) -> bytes:
    return bytes.fromhex(record_id(canonical.encode(core)))
