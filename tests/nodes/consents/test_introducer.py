"""What a member signs beside a one-time key: the same checks whether an enterprise's node hands it in, or the member's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from ledger import canonical
from ledger.errors import InputError, NotPermitted, Refused, TallystickError, Unreachable
from ledger.solo import SoloEngine
from nodes.consents.giving import Consents
from nodes.consents.introducer import introduce
from nodes.consents.introductions import introductions
from nodes.node import Node
from nodes.private import outbox
from tests.nodes.network import CUSTODY, DAY_MS, OWN, Network, network
from tests.nodes.small_network import Beside

QUOTA = "nodes.consents.introducer.INTRODUCTIONS_PER_DAY_MAX"
BOTH_WAYS = pytest.mark.parametrize("uscc", [OWN, CUSTODY], ids=["an enterprise's node", "the member's own node"])


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with network(tmp_path_factory.mktemp("introducer") / "net") as net:
        yield net


def giver(net: Network, uscc: str) -> Node:
    return net.exporter if uscc == OWN else net.authority


def give(net: Network, uscc: str, reference: str | None = None) -> str:
    now_ms = net.clock.now_ms()
    service = Consents(giver(net, uscc))
    return service.give(net.enterprises[uscc], "bank-a", ["finance"], now_ms, now_ms + DAY_MS, 1, reference=reference).id


def handed_in(net: Network, uscc: str) -> tuple[dict[str, Any], bytes]:
    """A consent that is on the ledger, as it was handed in: the unsigned record and the one-time key's signature."""
    consent = give(net, uscc)
    with giver(net, uscc).private.reading() as connection:
        row = connection.execute(sa.select(introductions).where(introductions.c.record_id == consent)).one()
    return canonical.decode(row.core.encode("utf-8")), bytes.fromhex(row.signature)


@BOTH_WAYS
def test_what_is_handed_in_again_gets_the_same_receipt(net: Network, uscc: str) -> None:
    core, signature = handed_in(net, uscc)
    first, second = (introduce(net.authority, core, signature, "somebody") for _ in range(2))
    assert first == second
    assert first.code == "ok"


@BOTH_WAYS
def test_beyond_the_quota_nothing_is_sent_now_or_later(net: Network, uscc: str, monkeypatch: pytest.MonkeyPatch) -> None:
    core, signature = handed_in(net, uscc)
    with net.authority.private.reading() as connection:
        before = connection.execute(sa.select(sa.func.count()).select_from(outbox)).scalar_one()
    with monkeypatch.context() as patched:
        patched.setattr(QUOTA, 1)
        with pytest.raises(Refused, match="too-many-introductions"):
            give(net, uscc, reference=f"tomorrow {uscc}")
        assert Consents(giver(net, uscc)).introductions.resume() == 0
        # What went in before is known, and costs nothing more.
        assert introduce(net.authority, core, signature, net.enterprises[uscc]).code == "ok"
        with net.authority.private.reading() as connection:
            assert connection.execute(sa.select(sa.func.count()).select_from(outbox)).scalar_one() == before
    assert give(net, uscc, reference=f"tomorrow {uscc}")


def test_each_enterprise_has_a_quota_of_its_own_for_a_day(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    net.clock.advance(DAY_MS)
    monkeypatch.setattr(QUOTA, 1)
    give(net, CUSTODY)
    with pytest.raises(Refused, match="too-many-introductions"):
        give(net, CUSTODY)
    net.clock.advance(DAY_MS)
    give(net, CUSTODY)


@BOTH_WAYS
def test_only_consents_of_this_network_with_a_true_signature_and_this_introducer(net: Network, uscc: str) -> None:
    core, signature = handed_in(net, uscc)
    other = net.authority.author.core("enquiry.request", {"kind": "declarations"}, [net.authority.identity_key.id])[0]
    changed: list[tuple[Mapping[str, Any], bytes, type[TallystickError], str]] = [
        (other, signature, NotPermitted, "not-introduced"),
        ({**core, "signers": core["signers"][:1]}, signature, InputError, "introducer-missing"),
        ({**core, "signers": [core["signers"][0], net.bank_a.identity_key.id]}, signature, InputError, "introducer-missing"),
        ({**core, "network": "ab" * 32}, signature, Refused, "wrong-network"),
        ({**core, "not_after": core["not_after"] - 1}, signature, InputError, "bad-signature"),
        (core, bytes(64), InputError, "bad-signature"),
        ({}, signature, InputError, "malformed"),
    ]
    for record, signed, kind, code in changed:
        with pytest.raises(kind, match=code):
            introduce(net.authority, record, signed, "somebody")
    with pytest.raises(InputError, match="introducer-missing"):
        introduce(net.bank_a, core, signature, "somebody")


def test_the_wait_is_the_callers_and_the_record_is_kept(net: Network) -> None:
    engine, consent = net.authority.engine, give(net, OWN)
    assert isinstance(engine, SoloEngine)
    revocation = kept_revocation(net, consent)
    engine.pause()
    try:
        with pytest.raises(Unreachable, match="answer-late"):
            introduce(net.authority, *revocation, net.enterprises[OWN], wait_s=0.01)
    finally:
        engine.resume()
    assert introduce(net.authority, *revocation, net.enterprises[OWN]).code == "ok"


def kept_revocation(net: Network, consent: str) -> tuple[dict[str, Any], bytes]:
    """What an exporter's node keeps while nobody takes in what it hands in."""
    upstream = net.exporter.upstream
    assert isinstance(upstream, Beside)
    upstream.reachable = False
    try:
        with pytest.raises(Unreachable):
            Consents(net.exporter).revoke(consent)
    finally:
        upstream.reachable = True
    with net.exporter.private.reading() as connection:
        row = connection.execute(sa.select(introductions).where(introductions.c.state == "pending")).one()
    return canonical.decode(row.core.encode("utf-8")), bytes.fromhex(row.signature)
