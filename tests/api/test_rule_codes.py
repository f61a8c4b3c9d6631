"""Answers of the rules that the people of a node do not meet in the main job: each brought about through the public API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from contracts.commitments import offer_commitment
from ledger.keys import public_of
from nodes.author import SigningKey
from tests.api.business import DAY_MS
from tests.api.rules import SALT, UNKNOWN, Rules
from tests.api.served import served_network
from tests.api.supervised import people


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rules]:
    """A network of its own: its clock goes far ahead, and its members' keys change."""
    with served_network(tmp_path_factory.mktemp("ruled")) as network:
        yield Rules(network)


@contextmanager
def limited(rules: Rules, monkeypatch: pytest.MonkeyPatch, name: str, value: int) -> Iterator[None]:
    """Another limit for a while: limits are high, and what happens at them is the same at low ones. Every node of this process computes by
    the one there is, so none may be behind when it changes, nor when it changes back.
    """
    rules.await_all()
    with monkeypatch.context() as low:
        low.setattr(name, value)
        yield
        rules.await_all()


@pytest.mark.produces("record-type", "enquiry.request", "enquiry.take", "enquiry.answer", "consent.give")
@pytest.mark.produces("result-code", "unknown-request", "unknown-consent", "commitment-mismatch", "consent-expired", "already-taken")
@pytest.mark.produces("result-code", "consent-used-up", "unknown-take", "already-answered")
def test_an_enquiry_is_taken_once_under_a_live_consent_and_answered_once(rules: Rules) -> None:
    later = rules.consent(starts_ms=rules.network.clock.now_ms() + DAY_MS)
    once, other, request, second = rules.consent(uses=1), rules.consent("bank-b"), rules.request(), rules.request()

    def taken(request: str, consent: str, salt: str = SALT) -> str:
        return rules.code("authority", "enquiry.take", {"request": request, "consent": consent, "salt": salt})

    assert taken(UNKNOWN, once) == "unknown-request"
    assert taken(request, UNKNOWN) == "unknown-consent"
    assert taken(request, other) == "commitment-mismatch"
    assert taken(request, later) == "consent-expired"
    take = rules.take(request, once)
    assert taken(request, once) == "already-taken"
    assert taken(second, once) == "consent-used-up"
    answer = {"request": request, "take": take, "grants": []}
    assert rules.code("authority", "enquiry.answer", {**answer, "take": UNKNOWN}) == "unknown-take"
    rules.done("authority", "enquiry.answer", answer)
    assert rules.code("authority", "enquiry.answer", answer) == "already-answered"


@pytest.mark.produces("record-type", "financing.apply", "declaration.register")
@pytest.mark.produces("result-code", "unknown-declaration", "grant-unknown", "grant-expired", "exceeds-grant", "hold-expired", "malformed")
@pytest.mark.produces("result-code", "not-in-steps", "too-many-holds", "exhausted", "grant-used-up", "too-old", "overused")
def test_an_application_is_judged_by_its_grant_and_its_declaration(rules: Rules) -> None:
    declaration, now_ms = rules.declaration(), rules.network.clock.now_ms()
    opening, expired = rules.grant(declaration, maximum=500_000), rules.grant(declaration, end=now_ms)

    def applied(share: int, bank: str = "bank-a", hold_ms: int = DAY_MS, grant: dict[str, object] = opening) -> str:
        return rules.code(bank, "financing.apply", rules.application(grant, share, hold_ms))

    assert applied(1_000, grant={**opening, "declaration": UNKNOWN}) == "unknown-declaration"
    assert applied(1_000, grant={**opening, "salt": UNKNOWN}) == "grant-unknown"
    assert applied(1_000, grant=expired) == "grant-expired"
    assert applied(501_000) == "exceeds-grant"
    assert applied(1_000, hold_ms=-1) == "hold-expired"
    assert applied(1_000, hold_ms=400 * DAY_MS) == "malformed"
    assert applied(1_500) == "not-in-steps"
    rules.applied(opening, 400_000)
    assert applied(1_000) == "too-many-holds"
    theirs = rules.grant(declaration, "bank-b")
    rules.applied(theirs, 600_000, "bank-b")
    third = rules.declaration()
    rest = rules.grant(third, "bank-b", uses=1)
    held = rules.applied(rest, 1_000, "bank-b")
    rules.done("bank-b", "financing.cancel", {"financing": held, "reason": "withdrawn"})
    assert applied(1_000, "bank-b", grant=rest) == "grant-used-up"
    full = rules.declaration()
    rules.drawn(rules.grant(full), 1_000_000)
    more = rules.grant(full, "bank-b")
    assert applied(1_000, "bank-b", grant=more) == "exhausted"
    rules.done("authority", "declaration.amend", {"declaration": full, "capacity": 500_000})
    assert applied(1_000, "bank-b", grant=more) == "overused"
    assert applied(1_000, grant=rules.grant(rules.declaration("2026-01"))) == "too-old"


@pytest.mark.produces("record-type", "financing.intake", "financing.approve", "financing.disburse", "financing.repay", "financing.cancel")
@pytest.mark.produces("record-type", "declaration.collected")
@pytest.mark.produces("result-code", "unknown-financing", "not-permitted", "exceeds-hold", "second-signature-missing", "wrong-state")
@pytest.mark.produces("result-code", "exceeds-drawn", "unknown-collection", "exceeds-collected")
def test_a_financing_takes_its_steps_in_order_and_money_comes_from_somewhere(rules: Rules) -> None:
    declaration = rules.declaration()
    financing = rules.applied(rules.grant(declaration), 100_000)
    kept = {"financing": financing, "shares": None}
    assert rules.code("bank-a", "financing.intake", {**kept, "financing": UNKNOWN}) == "unknown-financing"
    assert rules.code("bank-b", "financing.intake", kept) == "not-permitted"
    assert rules.code("bank-a", "financing.intake", {**kept, "shares": [101_000]}) == "exceeds-hold"
    rules.done("bank-a", "financing.intake", kept)
    maker, _ = people(rules.network, "bank-a")
    assert rules.code("bank-a", "financing.approve", kept, maker) == "second-signature-missing"
    drawn = {"financing": financing, "shares": [100_000], "final": True}
    assert rules.code("bank-a", "financing.disburse", drawn) == "wrong-state"
    rules.done("bank-a", "financing.approve", kept)
    rules.done("bank-a", "financing.disburse", drawn)
    own = {"financing": financing, "shares": [101_000], "source": "own-funds", "collections": []}
    assert rules.code("bank-a", "financing.repay", own) == "exceeds-drawn"
    collection = rules.done("bank-a", "declaration.collected", {"declaration": declaration, "share": 10_000, "corrects": None})
    used = {**own, "shares": [20_000], "source": "collections", "collections": [{"collection": collection, "share": 20_000}]}
    assert rules.code("bank-a", "financing.repay", used) == "exceeds-collected"
    unknown = {**used, "collections": [{"collection": UNKNOWN, "share": 20_000}]}
    assert rules.code("bank-a", "financing.repay", unknown) == "unknown-collection"
    rules.done("bank-a", "financing.repay", {**own, "shares": [100_000]})


@pytest.mark.produces("record-type", "financing.write-off", "financing.correct", "financing.transfer", "financing.take-over")
@pytest.mark.produces("record-type", "financing.load")
@pytest.mark.produces("result-code", "ok", "no-offer", "offer-expired")
def test_a_financing_is_handed_over_while_its_offer_stands(rules: Rules) -> None:
    declaration = rules.declaration()
    financing = rules.drawn(rules.grant(declaration), 100_000)
    opening = rules.grant(declaration, "bank-b")
    over = {"financing": financing, "salt": SALT, "grants": [opening]}
    assert rules.code("bank-b", "financing.take-over", over) == "no-offer"
    offer = offer_commitment(bank="bank-b", financing=financing, salt=SALT)

    def offered() -> None:
        until = rules.network.clock.now_ms() + 60_000
        rules.done("bank-a", "financing.transfer", {"financing": financing, "offer": offer, "until": until})

    offered()
    assert rules.code("bank-b", "financing.take-over", {**over, "salt": UNKNOWN}) == "commitment-mismatch"
    rules.network.clock.advance(120_000)
    assert rules.code("bank-b", "financing.take-over", over) == "offer-expired"
    offered()
    taken = rules.done("bank-b", "financing.take-over", over)
    signers = [*people(rules.network, "bank-b"), rules.network.nodes["authority"].identity_key]
    rules.done("bank-b", "financing.correct", {"financing": taken, "shares": [1_000]}, *signers)
    rules.done("bank-b", "financing.write-off", {"financing": taken, "shares": [101_000]})
    earlier = rules.grant(rules.declaration())
    rules.done("bank-a", "financing.load", {"lines": [{"grant": earlier, "share": 50_000}]})


@pytest.mark.produces("record-type", "key.add", "key.revoke", "enterprise.enrol")
@pytest.mark.produces("result-code", "same-person", "unknown-key", "already-revoked", "already-registered")
def test_two_keys_of_one_person_are_one_person_and_a_key_ends_once(rules: Rules) -> None:
    maker, _ = people(rules.network, "bank-a")
    known = rules.network.nodes["bank-a"].directory.key(maker.id)
    assert known is not None
    private = generate_private_key(SECP256R1())
    public = public_of(private)
    key = {"alg": public.alg, "public": public.public.hex(), "purpose": "check", "person": known.person}
    body = {"member": "bank-a", "key": key}
    rules.done("authority", "key.add", body)
    assert rules.code("bank-a", "key.add", body, maker, SigningKey(public.id, private)) == "same-person"
    assert rules.code("authority", "key.add", body) == "already-registered"
    assert rules.code("bank-a", "key.revoke", {"key": UNKNOWN, "reason": "left"}) == "unknown-key"
    rules.done("bank-a", "key.revoke", {"key": public.id, "reason": "left"})
    assert rules.code("bank-a", "key.revoke", {"key": public.id, "reason": "left"}) == "already-revoked"
    rules.done("authority", "enterprise.enrol", {})


@pytest.mark.produces("record-type", "declaration.amend", "declaration.void", "consent.revoke")
@pytest.mark.produces("result-code", "void", "replaced", "too-many-collections", "too-many-orders", "consent-revoked", "frozen")
@pytest.mark.produces("result-code", "exceeds-available")
def test_a_declaration_changes_only_while_it_counts(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    old, void, crowded = rules.declaration(), rules.declaration(), rules.declaration()
    rules.declaration(replaces=(old,))
    assert rules.code("authority", "declaration.amend", {"declaration": old, "capacity": 1_000}) == "replaced"
    rules.done("authority", "declaration.void", {"declaration": void, "reason": "error", "successor": None})
    assert rules.code("authority", "declaration.amend", {"declaration": void, "capacity": 1_000}) == "void"
    opening = rules.grant(crowded)
    rules.drawn(opening, 1_000)
    theirs = rules.grant(crowded, "bank-b")
    assert rules.code("bank-b", "financing.apply", rules.application(theirs, 1_000_000)) == "exceeds-available"
    came = {"declaration": void, "share": 1_000_000, "corrects": None}
    with limited(rules, monkeypatch, "contracts.declarations.COLLECTIONS_PER_DECLARATION_MAX", 1):
        rules.done("authority", "declaration.collected", came)
        assert rules.code("authority", "declaration.collected", came) == "too-many-collections"
    order = {"target": {"kind": "declaration", "id": crowded}, "digest": UNKNOWN}
    with limited(rules, monkeypatch, "contracts.orders.ORDERS_PER_TARGET_MAX", 1):
        rules.done("authority", "order.freeze", order)
        assert rules.code("authority", "order.freeze", order) == "too-many-orders"
    assert rules.code("bank-b", "financing.apply", rules.application(theirs, 1_000)) == "frozen"
    rules.done("authority", "consent.revoke", {"consent": opening["consent"]})
    assert rules.code("bank-a", "financing.apply", rules.application(opening, 1_000)) == "consent-revoked"


@pytest.mark.produces("result-code", "too-many-scheduled")
def test_only_so_many_changes_wait_to_take_effect(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    proposal = rules.done("authority", "governance.propose", {"change": {"kind": "registrar", "member": "authority"}})
    with limited(rules, monkeypatch, "contracts.governance.SCHEDULED_MAX", 0):
        codes = [rules.code(bank, "governance.approve", {"proposal": proposal}) for bank in ("bank-a", "bank-b")]
    assert codes[-1] == "too-many-scheduled"


@pytest.mark.produces("result-code", "proposal-lapsed", "too-late")
def test_a_proposal_lapses_and_a_bank_loads_no_more_after_its_time(rules: Rules) -> None:
    """Last, because the clock goes on by months."""
    change = {"kind": "registrar", "member": "authority"}
    proposal = rules.done("authority", "governance.propose", {"change": change})
    rules.network.clock.advance(31 * DAY_MS)
    assert rules.code("bank-a", "governance.approve", {"proposal": proposal}) == "proposal-lapsed"
    rules.network.clock.advance(60 * DAY_MS)
    earlier = rules.grant(rules.declaration())
    assert rules.code("bank-a", "financing.load", {"lines": [{"grant": earlier, "share": 50_000}]}) == "too-late"
