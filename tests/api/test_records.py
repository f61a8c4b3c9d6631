from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ledger import canonical, keys
from ledger.errors import Refused
from ledger.limits import INTRODUCTIONS_PER_DAY_MAX
from ledger.record import parse, sign_record
from ledger.verify import verify
from nodes.author import Part
from nodes.node import Node
from nodes.private import parts as parts_table
from tests.api.served import Network, problem, token
from tests.api.test_sign_in import _assertion, _claims
from tests.sealed_parts import demanded_parts

DAY_MS = 86_400_000


def test_a_member_hands_in_its_own_record_and_gets_a_receipt(network: Network) -> None:
    raw = _request(network.nodes["bank-a"])
    answer = _as_node(network, "bank-a").post("/v1/records", content=raw, headers={"Prefer": "wait=30"})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["record_id"] == parse(raw).id
    assert body["result"] == {"code": "ok"}
    assert body["as_of"]["height"] == body["height"]
    assert answer.headers["preference-applied"] == "wait=30"


@pytest.mark.produces("admission-code", "repeat")
def test_the_same_record_again_gets_the_same_receipt(network: Network) -> None:
    """Admission says `repeat`; who handed the record in again hears of it what it heard before."""
    raw = _request(network.nodes["bank-a"])
    client = _as_node(network, "bank-a")
    first, second = (client.post("/v1/records", content=raw, headers={"Prefer": "wait=30"}).json() for _ in range(2))
    assert first == second
    with pytest.raises(Refused, match="repeat"):
        network.nodes["authority"].engine.submit(raw).result(30)


def test_without_preference_the_record_is_taken_and_found_at_its_location(network: Network) -> None:
    raw = _request(network.nodes["bank-a"])
    client = _as_node(network, "bank-a")
    answer = client.post("/v1/records", content=raw)
    assert answer.status_code in (200, 202)
    if answer.status_code == 202:
        assert answer.headers["location"] == f"/v1/records/{parse(raw).id}"
    settled = client.post("/v1/records", content=raw, headers={"Prefer": "wait=30"}).json()
    assert client.get(f"/v1/records/{parse(raw).id}").json()["height"] == settled["height"]


@pytest.mark.produces("problem-code", "not-your-record")
def test_nobody_hands_in_another_members_record(network: Network) -> None:
    answer = _as_node(network, "bank-b").post("/v1/records", content=_request(network.nodes["bank-a"]))
    assert (answer.status_code, problem(answer)["code"]) == (403, "not-your-record")


@pytest.mark.produces("admission-code", "bad-signature", "not-json", "not-canonical", "malformed")
def test_a_record_that_admission_drops_is_a_problem_with_its_code(network: Network) -> None:
    node = network.nodes["bank-a"]
    raw = _request(node)
    client = _as_node(network, "bank-a")
    broken = raw[:-4] + (b'0"]}' if raw[-4:] != b'0"]}' else b'1"]}')
    for content, status, code in (
        (broken, 409, "bad-signature"),
        (b"{", 422, "not-json"),
        (raw + b" ", 422, "not-canonical"),
        (b'{"record":{},"signatures":[]}', 422, "malformed"),
    ):
        answer = client.post("/v1/records", content=content, headers={"Prefer": "wait=30"})
        assert (answer.status_code, problem(answer)["code"]) == (status, code)
    assert client.post("/v1/records", content=raw, headers={"Prefer": "wait=30"}).json()["result"]["code"] == "ok"


def test_a_program_hands_in_what_its_members_own_hardware_signed(network: Network) -> None:
    """The bank's node follows: what its core system hands in is forwarded to the operator and answered from the bank's own replica."""
    raw = _request(network.nodes["bank-b"])
    answer = network.sign_in("bank-b", "core").post("/v1/records", content=raw, headers={"Prefer": "wait=20"})
    assert answer.json()["result"]["code"] == "ok", answer.text
    with network.nodes["bank-b"].store.reading() as reader:
        assert reader.record(parse(raw).id) is not None


def test_a_record_is_opened_for_the_nodes_own_people_and_for_no_guest(network: Network) -> None:
    authority = network.nodes["authority"]
    enrolment = network.in_custody
    path = f"/v1/records/{enrolment}"
    own = network.sign_in("authority", "maker").get(path).json()
    assert own["parts"]["enrolment"]["uscc"] == authority.enterprises.get(enrolment).uscc
    assert own["signers"][0]["member"] == "authority"
    guest = _as_node(network, "bank-a").get(path)
    assert guest.status_code == 200
    assert "parts" not in guest.json()
    assert authority.enterprises.get(enrolment).uscc not in guest.text


def test_secrets_are_shown_to_nobody(network: Network) -> None:
    node = network.nodes["bank-a"]
    own = node.directory.recipient("bank-a")
    parts = {"request": Part({"v": 1}, [own])}
    raw = node.author.record("enquiry.request", {"kind": "credit"}, [node.identity_key], parts).raw
    receipt = node.outbox.send(raw, "test")
    node.reader.wait_for(receipt.log_index, 10)
    with node.private.begin() as connection:
        row = {"record_id": receipt.record_id, "part": "secret-own", "content": '{"salt":"ab"}', "content_key": "00", "height": 1}
        connection.execute(parts_table.insert(), [row])
    body = network.sign_in("bank-a", "maker").get(f"/v1/records/{receipt.record_id}").json()
    assert body["parts"] == {"request": {"v": 1}}


def test_a_proof_file_verifies_offline_and_reveals_only_what_its_owner_discloses(network: Network) -> None:
    trust = (network.founded.homes["authority"] / "trust.json").read_bytes()
    path = f"/v1/records/{network.in_custody}/proof"
    own = network.sign_in("authority", "maker")
    plain = verify(own.get(path).content, trust)
    assert (plain.ok, plain.revealed) == (True, {})
    told = verify(own.get(path, params={"reveal": "true"}).content, trust)
    assert told.revealed["enrolment"]["uscc"] == network.nodes["authority"].enterprises.get(network.in_custody).uscc
    guest = _as_node(network, "bank-a")
    assert verify(guest.get(path).content, trust).ok
    assert problem(guest.get(path, params={"reveal": "true"}))["code"] == "not-permitted"


def test_an_unknown_record_is_not_found(network: Network) -> None:
    assert problem(network.sign_in("authority", "maker").get(f"/v1/records/{'0' * 64}"))["code"] == "unknown-record"
    assert problem(network.sign_in("authority", "maker").get("/v1/records/genesis"))["code"] == "invalid-request"


def test_a_consent_is_introduced_and_paid_for_by_the_authority(network: Network) -> None:
    body, once = _consent(network)
    answer = _as_exporter(network).post("/v1/introductions", json=body, headers={"Prefer": "wait=30"})
    assert answer.status_code == 201, answer.text
    assert answer.json()["result"]["code"] == "ok"
    stored = network.sign_in("authority", "maker").get(f"/v1/records/{answer.json()['record_id']}").json()
    assert [each["member"] for each in stored["signers"]] == [None, "authority"]
    revocation = _revocation(network, answer.json()["record_id"], once)
    revoked = _as_exporter(network).post("/v1/introductions", json=revocation, headers={"Prefer": "wait=30"})
    assert revoked.json()["result"]["code"] == "ok", revoked.text


def test_the_same_introduction_again_gets_the_same_receipt(network: Network) -> None:
    body, _ = _consent(network)
    client = _as_exporter(network)
    answers = [client.post("/v1/introductions", json=body, headers={"Prefer": "wait=30"}).json() for _ in range(2)]
    assert answers[0] == answers[1]


@pytest.mark.produces("problem-code", "not-introduced")
@pytest.mark.produces("admission-code", "introducer-missing")
def test_only_consents_with_a_true_signature_and_this_introducer_are_introduced(network: Network) -> None:
    client = _as_exporter(network)
    body, _ = _consent(network)
    stranger = ec.generate_private_key(ec.SECP256R1())
    forged = {**body, "signature": keys.sign(stranger, bytes(32)).hex()}
    bank = network.nodes["bank-a"].identity_key.id
    elsewhere = {**body, "record": {**body["record"], "signers": [body["record"]["signers"][0], bank]}}
    alone = {**body, "record": {**body["record"], "signers": body["record"]["signers"][:1]}}
    request = canonical.decode(_request(network.nodes["bank-a"]))
    other_type = {"record": request["record"], "signature": body["signature"]}
    for wrong, code in (
        (forged, "bad-signature"),
        (elsewhere, "introducer-missing"),
        (alone, "introducer-missing"),
        (other_type, "not-introduced"),
        ({**body, "record": {}}, "malformed"),
        ({**body, "record": {**body["record"], "signers": 3}}, "malformed"),
        ({**body, "record": {**body["record"], "body": {**body["record"]["body"], "key": None}}}, "bad-key"),
        ({**body, "more": 1}, "invalid-request"),
        ({"record": body["record"]}, "invalid-request"),
    ):
        assert problem(client.post("/v1/introductions", json=wrong))["code"] == code


def test_an_enterprise_has_so_many_introductions_a_day(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nodes.consents.introducer.INTRODUCTIONS_PER_DAY_MAX", 0)
    body, _ = _consent(network)
    answer = _as_exporter(network).post("/v1/introductions", json=body)
    assert problem(answer)["code"] == "too-many-introductions"
    assert INTRODUCTIONS_PER_DAY_MAX > 0


def test_many_members_hand_in_at_once_and_each_gets_its_own_receipt(network: Network) -> None:
    raws = [_request(network.nodes["bank-a"]) for _ in range(12)]
    client = _as_node(network, "bank-a")
    answers: dict[str, Any] = {}

    def send(raw: bytes) -> None:
        answers[parse(raw).id] = client.post("/v1/records", content=raw, headers={"Prefer": "wait=20"}).json()

    threads = [threading.Thread(target=send, args=(raw,)) for raw in raws]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {body["record_id"] for body in answers.values()} == set(answers)
    assert len({(body["height"], body["position"]) for body in answers.values()}) == len(raws)


def _request(node: Node) -> bytes:
    parts = {"request": Part({"v": 1}, [node.directory.recipient(node.member)])}
    return node.author.record("enquiry.request", {"kind": "declarations"}, [node.identity_key], parts).raw


def _as_node(network: Network, node: str) -> httpx.Client:
    return _signed_in(network, network.nodes[node], node)


def _as_exporter(network: Network) -> httpx.Client:
    node = network.nodes["exporter-a"]
    return _signed_in(network, node, node.client_id)


def _signed_in(network: Network, node: Node, client_id: str) -> httpx.Client:
    client = network.anyone("authority")
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    made = _assertion(node, _claims(network, client_id))
    answer = token(client, client_id=client_id, client_assertion_type=kind, client_assertion=made)
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return client


def _consent(network: Network) -> tuple[dict[str, Any], ec.EllipticCurvePrivateKey]:
    once = ec.generate_private_key(ec.SECP256R1())
    public = keys.public_of(once)
    now_ms = network.clock.now_ms()
    body = {"commitment": "ab" * 32, "not_before": now_ms, "not_after": now_ms + DAY_MS, "uses": 1, "key": public.to_json()}
    return _introduction(network, "consent.give", body, once), once


def _revocation(network: Network, consent: str, once: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    return _introduction(network, "consent.revoke", {"consent": consent}, once)


def _introduction(network: Network, kind: str, body: dict[str, Any], once: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    node = network.nodes["authority"]
    core, _ = node.author.core(kind, body, [keys.public_of(once).id, node.identity_key.id], demanded_parts(kind))
    record_id = parse(sign_record(core, [once, once])).digest
    return {"record": core, "signature": keys.sign(once, record_id).hex()}
