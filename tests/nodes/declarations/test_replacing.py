"""A declaration takes the place of others: what the registrar's node puts on the ledger, and what becomes of what used them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import entries
from contracts.shares import carried
from ledger.errors import InputError
from nodes.customs.declaration import CustomsDeclaration
from nodes.declarations.register import Declarations
from nodes.declarations.replacing import RATIO_UNIT, ratio
from tests.nodes.network import CUSTODY, OWN, Network, declaration, network


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with network(tmp_path_factory.mktemp("replaced") / "net") as net:
        yield net


@pytest.fixture
def service(net: Network) -> Declarations:
    return Declarations(net.authority)


def successor(net: Network, *old: CustomsDeclaration, total_minor: int, uscc: str = CUSTODY, currency: str = "USD") -> CustomsDeclaration:
    fresh = declaration(next(net._serials), uscc, total_minor, currency)
    return fresh.model_copy(update={"replaces": tuple(each.number for each in old)})


def registered(net: Network, service: Declarations, one: CustomsDeclaration) -> str:
    """What became of one declaration's record."""
    refusal = service.refusal(one)
    if refusal is not None:
        return refusal.code
    (authored,) = service.authored([one])
    code = net.authority.outbox.send(authored.raw, "declaration.register").code
    net.settle()
    return code


def entry_of(net: Network, service: Declarations, one: CustomsDeclaration) -> entries.Declaration:
    with net.authority.store.reading() as reader:
        entry = entries.declaration(reader.state, service.id_of(one.number))
    assert entry is not None
    return entry


def test_a_registration_replaces_two_and_says_what_each_was_worth(net: Network, service: Declarations) -> None:
    first, second = net.fresh(total_minor=3_000_000), net.fresh(total_minor=1_000_000)
    new = successor(net, first, second, total_minor=4_000_000)
    assert registered(net, service, new) == "ok"
    for old, worth in ((first, 750_000_000), (second, 250_000_000)):
        assert entry_of(net, service, old)["replaced_by"] == {"declaration": service.id_of(new.number), "ratio": worth}
        assert service.find_by_number(old.number).status == "replaced"
    again = successor(net, first, total_minor=4_000_000)
    assert registered(net, service, again) == "replaced"


def test_a_void_names_its_successor_then_or_later(net: Network, service: Declarations) -> None:
    old, late, new = net.fresh(OWN), net.fresh(OWN), net.fresh(OWN, total_minor=7_250_000)
    assert service.void(service.id_of(old.number), "error", "wrong quantity", service.id_of(new.number)).code == "ok"
    assert entry_of(net, service, old)["replaced_by"] == {"declaration": service.id_of(new.number), "ratio": RATIO_UNIT // 2}
    service.void(service.id_of(late.number), "error")
    assert service.void(service.id_of(late.number), "error", "", service.id_of(new.number)).code == "ok"
    assert service.find_by_number(late.number).status == "replaced"


def test_another_currency_or_exporter_takes_no_place(net: Network, service: Declarations) -> None:
    old, of_another, in_euros = net.fresh(), net.fresh(OWN), net.fresh(currency="EUR")
    assert registered(net, service, successor(net, old, total_minor=5, currency="EUR")) == "currency-differs"
    assert registered(net, service, successor(net, old, total_minor=5, uscc=OWN)) == "other-exporter"
    for new, code in ((of_another, "other-exporter"), (in_euros, "currency-differs")):
        with pytest.raises(InputError, match=code):
            service.void(service.id_of(old.number), "error", "", service.id_of(new.number))


def test_one_that_nobody_registered_is_not_replaced(net: Network, service: Declarations) -> None:
    unknown = declaration(999_999_999)
    assert registered(net, service, successor(net, unknown, total_minor=5)) == "unknown-declaration"


@given(st.integers(1, 10**15), st.integers(1, 10**15), st.integers(1, 10_000_000))
def test_a_carried_share_covers_what_it_covered(old_minor: int, new_minor: int, share: int) -> None:
    assert carried(share, ratio(old_minor, new_minor)) * new_minor >= share * old_minor
