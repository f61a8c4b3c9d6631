from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa

from ledger import canonical
from ledger.errors import InputError, NotFound, NotPermitted, Refused, Unreachable
from ledger.store import StoredRecord
from nodes.consents.book import consents
from nodes.consents.giving import Consents
from nodes.consents.introductions import introductions
from nodes.consents.terms import CONSENT_PART, OWN_PART, SECRET_PART, ConsentPart, SecretPart, check_terms
from nodes.outcomes import RuleRefused
from nodes.private import parts
from nodes.sealed_models import read_part
from nodes.sealing import open_part
from tests.nodes.network import CUSTODY, DAY_MS, NAMES, OWN, Network, network
from tests.nodes.small_network import Beside


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with network(tmp_path_factory.mktemp("consents") / "net") as net:
        yield net


def record_of(net: Network, consent_id: str) -> StoredRecord:
    with net.authority.store.reading() as reader:
        stored = reader.record(consent_id)
    assert stored is not None
    return stored


def given(net: Network) -> int:
    return len(net.records("consent.give"))


@pytest.mark.parametrize(("uscc", "basis"), [(OWN, "key"), (CUSTODY, "custody")])
def test_enterprise_bank_and_authority_read_the_same_consent(net: Network, uscc: str, basis: str) -> None:
    consent = net.consent(uscc, scopes=("basic", "finance"), uses=3)
    owner = net.exporter if uscc == OWN else net.authority
    for node in (owner, net.authority, net.bank_a):
        assert Consents(node).get(consent.id) == consent
    assert (consent.basis, consent.state, consent.scopes, consent.name) == (basis, "active", ("finance", "basic"), NAMES[uscc])
    with pytest.raises(NotFound):
        Consents(net.bank_b).get(consent.id)


def test_no_public_field_of_a_consent_tells_who_gave_it_or_to_whom(net: Network) -> None:
    own, custody = (record_of(net, net.consent(uscc).id) for uscc in (OWN, CUSTODY))
    bank_key = net.bank_a.directory.recipient("bank-a").key_id
    for record in (own, custody):
        public = {name: value for name, value in record.record.core.items() if name != "sealed"}
        wraps = [wrap for part in record.record.core["sealed"].values() for wrap in part["wraps"]]
        assert bank_key not in {wrap.get("to") for wrap in wraps}
        for trace in ("bank-a", OWN, CUSTODY, *net.enterprises.values(), net.exporter.identity_key.id):
            assert trace not in canonical.encode(public).decode()
            assert trace not in [wrap.get("to") for wrap in wraps]
    assert [len(part["wraps"]) for part in own.record.core["sealed"].values()] == [4, 4, 4]
    assert own.record.body.keys() == custody.record.body.keys()
    assert own.record.signers[1] == custody.record.signers[1] == net.authority.identity_key.id
    assert own.record.signers[0] != custody.record.signers[0]


def test_what_opens_the_commitment_is_never_the_banks_nor_the_one_time_key_anybody_elses(net: Network) -> None:
    core = record_of(net, net.consent(OWN).id).record.core
    readers = {"authority": net.authority, "bank": net.bank_a, "exporter": net.exporter}
    opens = {
        part: {name for name, node in readers.items() if open_part(core, part, node.sealing_keys) is not None}
        for part in (CONSENT_PART, SECRET_PART, OWN_PART)
    }
    assert opens == {CONSENT_PART: {"authority", "bank", "exporter"}, SECRET_PART: {"authority", "exporter"}, OWN_PART: {"exporter"}}


def test_changed_terms_do_not_hold(net: Network) -> None:
    stored = record_of(net, net.consent(OWN).id)
    opened = {part: open_part(stored.record.core, part, net.exporter.sealing_keys) for part in (CONSENT_PART, SECRET_PART)}
    contents = {part: found.content for part, found in opened.items() if found is not None}
    part, secret = read_part(ConsentPart, contents[CONSENT_PART]), read_part(SecretPart, contents[SECRET_PART])
    check_terms(stored.record, part, secret)
    for changes in ({"bank": "bank-b"}, {"enterprise": "ab" * 32}, {"scopes": ["basic"]}, {"network": "cd" * 32}, {"key": "ef" * 32}):
        forged = part.model_copy(update={"terms": part.terms.model_copy(update=changes)})
        with pytest.raises(InputError, match="consent-invalid"):
            check_terms(stored.record, forged, None)
    with pytest.raises(InputError, match="commitment"):
        check_terms(stored.record, part, SecretPart(salt="00" * 32))
    body = {**stored.record.body, "uses": 999}
    with pytest.raises(InputError, match="public fields"):
        check_terms(replace(stored.record, core={**stored.record.core, "body": body}), part, secret)


@pytest.mark.parametrize("uscc", [OWN, CUSTODY])
def test_a_consent_is_taken_back_by_who_gave_it_and_once(net: Network, uscc: str) -> None:
    consent = net.consent(uscc)
    service = Consents(net.exporter if uscc == OWN else net.authority)
    service.revoke(consent.id)
    net.settle()
    assert Consents(net.bank_a).get(consent.id).state == "revoked"
    with pytest.raises(RuleRefused, match="consent-revoked"):
        service.revoke(consent.id)


@pytest.mark.parametrize("uscc", [OWN, CUSTODY])
def test_who_was_not_answered_takes_it_back_under_the_same_reference(net: Network, uscc: str) -> None:
    consent = net.consent(uscc)
    service = Consents(net.exporter if uscc == OWN else net.authority)
    first = service.revoke(consent.id, f"taken-back-{uscc}")
    assert service.revoke(consent.id, f"taken-back-{uscc}") == first


def test_nobody_revokes_or_gives_for_an_enterprise_that_signs_for_itself(net: Network) -> None:
    consent, now_ms = net.consent(OWN), net.clock.now_ms()
    with pytest.raises(NotPermitted):
        Consents(net.authority).revoke(consent.id)
    with pytest.raises((NotPermitted, NotFound)):
        Consents(net.bank_a).revoke(consent.id)
    with pytest.raises(NotPermitted):
        Consents(net.authority).give(net.enterprises[OWN], "bank-a", ["finance"], now_ms, now_ms + DAY_MS, 1)
    with pytest.raises(NotFound):
        Consents(net.exporter).give(net.enterprises[CUSTODY], "bank-a", ["finance"], now_ms, now_ms + DAY_MS, 1)


def test_an_exporter_that_lost_its_private_database_can_still_revoke(net: Network) -> None:
    consent = net.consent(OWN)
    with net.exporter.private.begin() as connection:
        for table in (parts, consents, introductions):
            connection.execute(sa.delete(table))
    net.exporter.reader.rebuild()
    Consents(net.exporter).revoke(consent.id)
    net.settle()
    assert Consents(net.authority).get(consent.id).state == "revoked"


def test_a_consent_that_makes_no_sense_is_not_made(net: Network) -> None:
    service, now_ms, before = Consents(net.exporter), net.clock.now_ms(), given(net)
    own = net.enterprises[OWN]
    for bank, scopes, ends_ms, uses in (
        ("authority", ["finance"], now_ms + 1, 1),
        ("bank-a", [], now_ms + 1, 1),
        ("bank-a", ["everything"], now_ms + 1, 1),
        ("bank-a", ["finance"], now_ms, 1),
        ("bank-a", ["finance"], now_ms + 1, 0),
    ):
        with pytest.raises(InputError, match="bad-consent"):
            service.give(own, bank, scopes, now_ms, ends_ms, uses)
    with pytest.raises(NotFound, match="unknown-member"):
        service.give(own, "bank-z", ["finance"], now_ms, now_ms + 1, 1)
    assert given(net) == before


def test_one_reference_gives_one_consent_even_over_a_line_that_breaks(net: Network) -> None:
    service, now_ms, before = Consents(net.exporter), net.clock.now_ms(), given(net)
    upstream = net.exporter.upstream
    assert isinstance(upstream, Beside)
    terms = (net.enterprises[OWN], "bank-a", ["finance"], now_ms, now_ms + DAY_MS, 1)
    upstream.reachable = False
    try:
        with pytest.raises(Unreachable):
            service.give(*terms, reference="form 7")
        assert service.introductions.resume() == 1
    finally:
        upstream.reachable = True
    first = service.give(*terms, reference="form 7")
    assert service.give(*terms, reference="form 7") == first
    assert service.introductions.resume() == 0
    assert given(net) == before + 1


def test_a_consent_that_expired_on_its_way_leaves_its_reference_free(net: Network) -> None:
    service, upstream = Consents(net.exporter), net.exporter.upstream
    assert isinstance(upstream, Beside)

    def give() -> str:
        now_ms = net.clock.now_ms()
        return service.give(net.enterprises[OWN], "bank-a", ["finance"], now_ms, now_ms + 90 * DAY_MS, 1, reference="form 8").id

    upstream.reachable = False
    with pytest.raises(Unreachable):
        give()
    upstream.reachable = True
    net.clock.advance(DAY_MS)
    with pytest.raises(Refused, match="expired"):
        give()
    assert give() == give()
