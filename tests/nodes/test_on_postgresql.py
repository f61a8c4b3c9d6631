"""What nodes do together with every database on PostgreSQL: tests of the services, run once more there, and what only a server can do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from contracts.ruleset import RULEBOOK
from ledger.audit import audit
from ledger.errors import InputError, Refused, Unreachable
from ledger.store import LedgerStore
from ledger.vouching import voucher_of
from nodes.consents.giving import Consent
from nodes.founding import Addresses
from nodes.node import Node
from nodes.private import PrivateStore, meta
from tests.nodes import test_accesses as of_accesses
from tests.nodes.enquiries import test_worker as of_enquiries
from tests.nodes.financings import test_desk as of_financings
from tests.nodes.lending import lending
from tests.nodes.network import BANK_B, CUSTODY, OWN, Network, asked, network
from tests.nodes.requests import test_requests as of_requests
from tests.nodes.requests.town import town_of
from tests.nodes.small_network import AUTHORITY, BANK_A, CHEAP, EXPORTER_A, found
from tests.postgresql import network_databases


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory, postgresql_socket: str) -> Iterator[Network]:
    databases = network_databases(postgresql_socket, AUTHORITY, BANK_A, BANK_B, EXPORTER_A)
    with databases as addresses, network(tmp_path_factory.mktemp("postgresql") / "net", addresses) as net:
        yield net


def test_enquiries_consents_and_accesses_work(net: Network) -> None:
    of_accesses.test_an_enterprise_sees_every_use_of_its_data_in_order(net, CUSTODY)
    of_enquiries.test_every_enquiry_is_answered_once_by_two_workers_side_by_side(net)


def test_requests_and_documents_travel_between_exporters_and_banks(net: Network) -> None:
    town = town_of(net)
    for uscc in (OWN, CUSTODY):
        of_requests.test_it_is_sent_back_corrected_and_taken_up(town, uscc)
    of_requests.test_documents_travel_with_it_to_its_bank_alone(town)


def test_a_financing_goes_from_application_to_paid_off(postgresql_socket: str, tmp_path: Path) -> None:
    with network_databases(postgresql_socket, AUTHORITY, BANK_A, BANK_B) as addresses, lending(tmp_path / "net", addresses) as market:
        of_financings.test_a_financing_goes_from_application_to_paid_off_and_says_at_each_step_what_comes_next(market)
        for node in (market.authority, market.a.node):
            report = audit(node.store, node.genesis, RULEBOOK, voucher_of(node.genesis))
            assert report.findings == () and report.records > 10


def test_a_node_goes_on_after_its_servers_connections_were_cut(net: Network) -> None:
    for engine in [engine for node in (net.authority, net.bank_a) for engine in (node.store.engine, node.private.engine)]:
        name = sa.make_url(str(engine.url)).database
        cut = sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name AND pid <> pg_backend_pid()")
        fresh = sa.create_engine(engine.url)
        with fresh.connect() as connection:
            assert connection.execute(cut, {"name": name}).all()
        fresh.dispose()
    consent = given_at_last(net)
    enquiry = net.ask(consent, asked(net.fresh()))
    of_enquiries.finish(net)
    assert of_enquiries.answered(net, enquiry).lines[0].result == "match"


def given_at_last(net: Network) -> Consent:
    """A consent. A connection that was cut while it was in use is found out by its next use: the answer then is to ask again."""
    for _ in range(10):
        try:
            return net.consent()
        except Unreachable:
            continue
    raise AssertionError("the database did not come back")


def test_a_character_that_the_database_cannot_hold_is_refused_in_writing_and_in_asking(net: Network) -> None:
    private = net.bank_a.private
    for block in (private.begin, private.reading):
        with pytest.raises(InputError) as refused, block() as connection:
            connection.execute(sa.select(meta.c.value).where(meta.c.key == "a\x00b")).all()
        assert refused.value.code == "bad-text"


def test_two_homes_never_share_a_database(postgresql_socket: str, tmp_path: Path) -> None:
    with network_databases(postgresql_socket, AUTHORITY, BANK_A) as addresses:
        assert addresses.ledger_url is not None
        same = Addresses(ledger_url=addresses.ledger_url.replace("{id}", "authority"), private_url=addresses.private_url)
        with pytest.raises(InputError, match="database-shared"):
            found(tmp_path / "net", AUTHORITY, BANK_A, addresses=same)
        found(tmp_path / "net", AUTHORITY, addresses=addresses)
        with pytest.raises(Refused, match="database-not-empty"):
            found(tmp_path / "other", AUTHORITY, addresses=addresses)
        assert not (tmp_path / "other").exists(), "nothing was made"


def test_one_engine_writes_to_a_database_whatever_the_homes_are(postgresql_socket: str, tmp_path: Path) -> None:
    with network_databases(postgresql_socket, AUTHORITY) as addresses:
        home = found(tmp_path / "net", AUTHORITY, addresses=addresses).homes["authority"]
        shutil.copytree(home, tmp_path / "copy")
        with Node.open(home, cost=CHEAP):
            second = Node.open(tmp_path / "copy", cost=CHEAP)
            with pytest.raises(Unreachable, match="database-in-use"):
                second.start()
            second.close()
        with Node.open(tmp_path / "copy", cost=CHEAP):
            pass


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_an_address_is_taken_in_each_of_its_usual_forms(postgresql_url: str, scheme: str) -> None:
    LedgerStore(postgresql_url.replace("postgresql", scheme, 1)).close()


@pytest.mark.parametrize("url", ["mysql://u:secret@h/d", "nonsense", "postgresql://u:secret@h:port/d"])
def test_an_address_that_is_none_is_told_without_its_password(url: str) -> None:
    with pytest.raises(InputError, match="bad-database-url") as caught:
        LedgerStore(url)
    assert "secret" not in f"{caught.value} {caught.value.hint}"


def test_a_server_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="database-unreachable"):
        PrivateStore(f"postgresql://nobody@/none?host={tmp_path}")
