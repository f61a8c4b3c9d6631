"""What the door and the authority answer, code by code, through the public API."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key

from ledger.keys import public_of
from ledger.limits import RECORD_BYTES_MAX
from ledger.record import sign_record
from tests.api.business import DAY_MS, WAIT, answered, asked, consented, imported, row
from tests.api.rules import UNKNOWN, Rules
from tests.api.served import Network, problem
from tests.sealed_parts import demanded_parts


@pytest.mark.usefixtures("answering")
@pytest.mark.produces("answer-code", "match", "unknown", "not-export", "currency-mismatch", "amount-mismatch", "date-mismatch")
def test_a_line_is_answered_by_how_it_agrees_with_what_is_registered(network: Network) -> None:
    first, euros, cents, late = (asked(each) for each in imported(network, row(), row(), row(), row()))
    number = first["number"]
    lines = [
        {**first, "export_date": "2026-10-11"},
        {**first, "number": "090820260599999999"},
        {**first, "number": f"{number[:8]}1{number[9:]}"},
        {**euros, "amount": {"currency": "EUR", "value": "36250.00"}},
        {**cents, "amount": {"currency": "USD", "value": "36250.01"}},
        {**late, "export_date": "2026-10-12"},
    ]
    found = answered(network, consented(network), lines)["lines"]
    results = ["match", "unknown", "not-export", "currency-mismatch", "amount-mismatch", "date-mismatch"]
    assert [each["result"] for each in found] == results


@pytest.mark.produces("admission-code", "oversize", "unknown-type", "wrong-network", "expired", "not-after-too-far", "unknown-seen")
def test_a_record_that_was_made_for_another_time_or_place_is_not_taken(network: Network) -> None:
    node = network.nodes["authority"]
    key = node.identity_key

    def core(record_type: str = "enquiry.request", valid_ms: int = DAY_MS) -> dict[str, Any]:
        body = {"kind": "declarations"}
        return node.author.core(record_type, body, [key.id], demanded_parts("enquiry.request"), valid_ms=valid_ms)[0]

    good = core()
    for wrong, code in (
        (core("enquiry.guess"), "unknown-type"),
        ({**good, "network": UNKNOWN}, "wrong-network"),
        (core(valid_ms=-DAY_MS), "expired"),
        (core(valid_ms=400 * DAY_MS), "not-after-too-far"),
        ({**good, "seen": {**good["seen"], "hash": UNKNOWN}}, "unknown-seen"),
    ):
        assert refused(network, wrong, key.private) == code
    client = network.sign_in("authority", "core")
    assert problem(client.post("/v1/records", content=b" " * (RECORD_BYTES_MAX + 1), headers=WAIT))["code"] == "oversize"


@pytest.mark.produces("problem-code", "introducer-missing", "key-not-alive", "unknown-key")
@pytest.mark.produces("admission-code", "unknown-key", "key-not-alive", "key-purpose", "one-time-key-misused", "introducer-missing")
def test_a_record_is_signed_by_keys_in_force_and_for_that_purpose(network: Network) -> None:
    node, rules = network.nodes["authority"], Rules(network)
    service, private = node.identity_key, generate_private_key(SECP256R1())
    public = public_of(private)

    def core(second: str, record_type: str = "enquiry.request", first: str = service.id, **body: Any) -> dict[str, Any]:
        return node.author.core(record_type, body or {"kind": "declarations"}, [first, second], demanded_parts(record_type))[0]

    both = (service.private, private)
    assert refused(network, core(public.id), *both) == "unknown-key"
    key = {"alg": public.alg, "public": public.public.hex(), "purpose": "make", "person": "passing-through"}
    rules.done("authority", "key.add", {"member": "authority", "key": key})
    rules.done("authority", "key.revoke", {"key": public.id, "reason": "left"})
    assert refused(network, core(public.id), *both) == "key-not-alive"
    assert refused(network, core(node.directory.keys("authority", "seal")[0].id), *both) == "key-purpose"
    once = generate_private_key(SECP256R1())
    given = {"commitment": UNKNOWN, "not_before": 0, "not_after": DAY_MS, "uses": 1, "key": public_of(once).to_json()}
    stranger = core(service.id, "consent.give", public_of(private).id, **given)
    assert refused(network, stranger, private, service.private) == "one-time-key-misused"
    maker = node.directory.keys("authority", "make")[0].id
    assert refused(network, core(maker, "consent.give", public_of(once).id, **given), once, private) == "introducer-missing"


def refused(network: Network, core: dict[str, Any], *keys: EllipticCurvePrivateKey) -> str:
    """The code with which a record, signed by the keys, is turned away at the authority."""
    headers = {**WAIT, "Content-Type": "application/json"}
    answer = network.sign_in("authority", "core").post("/v1/records", content=sign_record(core, keys), headers=headers)
    return str(problem(answer)["code"])
