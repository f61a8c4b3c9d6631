"""The estate of a bank that was succeeded, on real nodes: its heir reads the loans that go on in money, and nothing else of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from ledger import canonical
from ledger.errors import NotFound
from ledger.keys import public_of
from ledger.limits import ESTATE_KEYS_MAX, SEALED_TEXT_BYTES_MAX
from nodes import estates
from nodes.author import Part
from nodes.backups.rebuilding import rebuild_private
from nodes.estate_book import EstateKey, EstatePart
from nodes.estates import Estates
from nodes.financings.desk import Financings
from nodes.financings.steps import CollectionUse
from nodes.financings.views import Financing
from nodes.memberships import Memberships
from nodes.private import PrivateStore, parts
from nodes.reader import broken_parts
from nodes.sealing import open_part
from nodes.tasks import Tasks
from tests.nodes.lending import DAY, LATER, signed_in, usd
from tests.nodes.network import Network, caller, network
from tests.nodes.succession import GOES_ON, Left, left_behind

BODY = {"member": "bank-a", "heir": "bank-b"}


@pytest.fixture(scope="module")
def handed_on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Left, dict[str, Financing]]]:
    """What bank A left behind, handed on to bank B; and each financing as bank A saw it before. Tests only look at it."""
    with network(tmp_path_factory.mktemp("estates") / "net") as net:
        left = left_behind(net)
        seen = {what: left.at(left.a, what) for what in left.financings}
        left.succeed()
        yield left, seen


def book(private: PrivateStore) -> dict[str, list[Any]]:
    """Every row of what a lender's book is made of, table by table."""
    names = (
        "financings",
        "financing_lines",
        "financing_records",
        "financing_movements",
        "collections",
        "declarations",
        "consents",
        "parts",
    )
    with private.reading() as connection:
        tables = [sa.Table(name, sa.MetaData(), autoload_with=connection) for name in names]
        return {table.name: sorted(map(tuple, connection.execute(sa.select(table)))) for table in tables}


def handed(net: Network, heir: str = "bank-b") -> list[EstatePart]:
    """What the authority handed to an heir so far."""
    found = [stored for stored in net.records("member.estate") if stored.record.body["heir"] == heir]
    return [EstatePart.model_validate(net.authority.reader.parts_of(stored.id)["estate"].content) for stored in found]


@pytest.mark.parametrize("what", GOES_ON)
def test_the_heir_sees_what_goes_on_as_its_lender_saw_it(handed_on: tuple[Left, dict[str, Financing]], what: str) -> None:
    left, seen = handed_on
    then, now = seen[what], left.at(left.b, what)
    assert (now.bank, now.lender) == ("bank-a", "bank-b")
    for field in ("state", "enterprise", "uscc", "name", "currency", "product", "reference", "matures_on", "records", "loans", "documents"):
        assert getattr(now, field) == getattr(then, field), field
    for field in ("number", "applied", "registered", "approved", "undrawn", "disbursed", "repaid", "written_off", "outstanding", "loan"):
        assert [getattr(line, field) for line in now.lines] == [getattr(line, field) for line in then.lines], field
    assert set(now.actions) == set(then.actions)


def test_the_heir_is_handed_nothing_else(handed_on: tuple[Left, dict[str, Financing]]) -> None:
    left, _ = handed_on
    assert {each.id for each in left.b.financings.page()} == {left.financings[what] for what in GOES_ON}
    with pytest.raises(NotFound):
        left.at(left.b, "paid off")
    assert left.b.node.reader.parts_of(left.financings["paid off"]) == {}
    for answer in left.net.records("enquiry.answer"):
        assert left.b.node.reader.parts_of(answer.id) == {}
    with left.b.node.private.reading() as connection:
        assert "secret" not in set(connection.execute(sa.select(parts.c.part)).scalars())
        numbers = set(connection.execute(sa.text("SELECT number FROM declarations")).scalars())
        assert connection.execute(sa.select(broken_parts)).first() is None
    assert numbers == {left.declarations[what].number for what in GOES_ON}


def test_nobody_but_the_heir_and_the_authority_opens_an_estate(handed_on: tuple[Left, dict[str, Financing]]) -> None:
    left, _ = handed_on
    (stored,) = left.net.records("member.estate")
    assert stored.record.body == BODY
    nodes = (left.net.authority, left.net.bank_a, left.net.bank_b, left.net.exporter)
    opening = {node.config.node.id for node in nodes if open_part(stored.record.core, "estate", node.sealing_keys) is not None}
    assert opening == {"authority", "bank-b"}


def test_an_estate_is_handed_on_once(handed_on: tuple[Left, dict[str, Financing]]) -> None:
    left, _ = handed_on
    assert Estates(left.net.authority).run_once() == 0
    assert len(left.net.records("member.estate")) == 1


def test_the_heir_goes_on_in_money_from_its_predecessors_collections_and_loses_nothing_with_its_database(tmp_path: Path) -> None:
    with network(tmp_path / "net") as net:
        left = left_behind(net)
        left.succeed()
        b, lent = left.b, left.financings["lent"]
        assert left.at(b, "lent").total("outstanding") == usd("13000.00")
        b.sign(b.financings.repay(b.maker, lent, usd("3000.00"), source="own-funds", paid_on=LATER, reference="P").id)
        assert left.at(b, "lent").total("outstanding") == usd("10000.00")
        (held,) = b.financings.collections.list(left.at(b, "lent").lines[0].declaration_id)
        assert (held.id, held.amount, held.unused_amount) == (left.collection, usd("7250.00"), usd("7250.00"))
        uses = [CollectionUse(held.id, usd("7250.00"))]
        task = b.financings.repay(b.maker, lent, [held.amount], source="collections", paid_on=LATER, reference="P", collections=uses)
        b.sign(task.id)
        b.sign(b.financings.disburse(b.maker, left.financings["approved"], disbursed_on=DAY, matures_on=LATER, reference="D").id)
        on = left.at(b, "approved").lines[0].declaration_id
        b.sign(b.financings.collections.record(b.maker, on, usd("100.00"), LATER, "C").id)
        net.settle()
        # The exporter and the authority read what the heir writes, as they read its predecessor.
        assert Financings(net.exporter).get(lent).total("outstanding") == left.at(b, "lent").total("outstanding") == usd("2750.00")
        assert Financings(net.authority).get(left.financings["approved"]).total("outstanding") == usd("20000.00")
        known = book(b.node.private)
        assert all(known.values())
        b.node.reader.rebuild()
        assert book(b.node.private) == known
        home = b.node.home
    for path in home.path.glob("private.db*"):
        path.unlink()
    rebuild_private(home.path)
    again = PrivateStore(home.private_url(home.read_config()))
    try:
        assert book(again) == known
    finally:
        again.close()


def test_an_estate_that_a_crash_cut_short_is_handed_on_later_in_as_many_records_as_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with network(tmp_path / "net") as net:
        left = left_behind(net)
        with monkeypatch.context() as crash:
            crash.setattr(Estates, "run_once", lambda _: 0)
            left.succeed()
        assert net.records("member.estate") == []
        monkeypatch.setattr(estates, "ESTATE_KEYS_MAX", 5)
        worker = Estates(net.authority)
        sent = worker.run_once()
        assert sent == len(handed(net)) > 2
        net.settle()
        assert left.at(left.b, "lent").total("outstanding") == usd("13000.00")
        keys = [(key.record, key.part) for estate in handed(net) for key in estate.keys]
        assert len(set(keys)) == len(keys) > 10
        assert worker.run_once() == Estates(net.authority).run_once() == 0


def test_what_a_bank_wrote_last_is_handed_on_although_it_was_not_read_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with network(tmp_path / "net") as net:
        left = left_behind(net)
        a, authority = left.a, net.authority
        authority.reader.stop()
        monkeypatch.setattr(authority.reader, "wait_for", lambda *_: authority.reader.catch_up())
        a.sign(a.financings.repay(a.maker, left.financings["lent"], usd("3000.00"), source="own-funds", paid_on=LATER, reference="P").id)
        succeeded = authority.author.record("member.succeed", BODY, [authority.identity_key])
        assert authority.outbox.send(succeeded.raw, "member.succeed").code == "ok"
        assert Estates(authority).run_once() == 1
        net.settle()
        assert [key.part for key in handed(net)[0].keys].count("repayment") == 2
        assert left.at(left.b, "lent").total("outstanding") == usd("10000.00")


def test_the_heir_of_an_heir_is_handed_what_both_wrote_as_soon_as_it_has_a_key_to_seal_to(tmp_path: Path) -> None:
    with network(tmp_path / "net") as net:
        left = left_behind(net)
        left.succeed()
        b, authority, members = left.b, net.authority, Memberships(net.authority)
        b.sign(b.financings.repay(b.maker, left.financings["lent"], usd("3000.00"), source="own-funds", paid_on=LATER, reference="P").id)
        net.settle()
        service, seal = generate_private_key(SECP256R1()), X25519PrivateKey.generate()
        keys = [{"alg": "p256", "public": public_of(service).public.hex(), "purpose": "service", "person": None}]
        members.admit(caller(authority), {"member": "bank-c", "role": "bank", "region": "210000", "name": "Bank C", "keys": keys})
        members.succeed(caller(authority), "bank-b", "bank-c")
        assert handed(net, "bank-c") == []
        added = {"alg": "x25519", "public": seal.public_key().public_bytes_raw().hex(), "purpose": "seal", "person": None}
        task = members.add_key(signed_in(net.founded, authority, "maker"), "bank-c", added)
        Tasks(authority).sign(task.id, signed_in(net.founded, authority, "checker"))
        assert Estates(authority).run_once() == 1
        (estate,) = handed(net, "bank-c")
        assert (estate.member, set(estate.financings)) == ("bank-a", {left.financings[what] for what in GOES_ON})
        assert [key.part for key in estate.keys].count("repayment") == 2
        (recipient,) = (each.id for each in authority.directory.keys("bank-c", "seal"))
        (record,) = (stored.record for stored in net.records("member.estate") if stored.record.body["heir"] == "bank-c")
        assert open_part(record.core, "estate", {recipient: seal}) is not None


def test_a_key_that_opens_nothing_is_noted_and_takes_nothing_from_the_rest(tmp_path: Path) -> None:
    with network(tmp_path / "net") as net:
        left = left_behind(net)
        left.succeed()
        paid_off, authority = left.financings["paid off"], net.authority
        good = authority.reader.parts_of(paid_off)["application"].content_key.hex()
        keys = [EstateKey(record=paid_off, part="loan", content_key=good), EstateKey(record="0" * 64, part="loan", content_key=good)]
        keys += [EstateKey(record=left.financings["lent"], part="application", content_key="0" * 64)]
        keys += [EstateKey(record=paid_off, part="application", content_key=good)]
        part = EstatePart(member="bank-a", heir="bank-b", financings=[paid_off], keys=keys)
        sealed = {"estate": Part(part.content(), [authority.directory.recipient(slug) for slug in ("bank-b", "authority")])}
        authored = authority.author.record("member.estate", BODY, [authority.identity_key], sealed)
        assert authority.outbox.send(authored.raw, "member.estate").code == "ok"
        net.settle()
        with left.b.node.private.reading() as connection:
            found = connection.execute(sa.select(broken_parts.c.record_id, broken_parts.c.place, broken_parts.c.code)).all()
        assert [tuple(row) for row in found] == [(authored.record_id, "estate", "estate-wrong")]
        assert left.at(left.b, "lent").total("outstanding") == usd("13000.00")
        assert left.at(left.b, "paid off").total("applied") == usd("20000.00")


def test_an_estate_opens_nothing_that_comes_after_it(tmp_path: Path) -> None:
    """The heir's own reader opens that, and would find it kept already."""
    with network(tmp_path / "net") as net:
        left = left_behind(net)
        left.succeed()
        authority, b = net.authority, left.b.node
        recipients = [authority.directory.recipient(slug) for slug in ("bank-b", "authority")]
        void = {"declaration": "0" * 64, "reason": "error", "successor": None}
        later = authority.author.record("declaration.void", void, [authority.identity_key], {"declaration": Part({"v": 1}, recipients)})
        keys = [EstateKey(record=later.record_id, part="declaration", content_key=later.content_keys["declaration"].hex())]
        part = EstatePart(member="bank-a", heir="bank-b", financings=[], keys=keys)
        estate = authority.author.record("member.estate", BODY, [authority.identity_key], {"estate": Part(part.content(), recipients)})
        b.reader.stop()
        for record in (estate, later):
            authority.outbox.send(record.raw, "test")
        net.settle()
        with b.private.reading() as connection:
            found = connection.execute(sa.select(broken_parts.c.record_id, broken_parts.c.code)).all()
        assert [tuple(row) for row in found] == [(estate.record_id, "estate-wrong")]
        assert b.reader.parts_of(later.record_id)["declaration"].content == {"v": 1}


def test_a_full_estate_fits_its_record() -> None:
    hexes = "0123456789abcdef" * 4
    keys = [EstateKey(record=hexes, part="declaration", content_key=hexes)] * ESTATE_KEYS_MAX
    part = EstatePart(member="m" * 32, heir="h" * 32, financings=[hexes] * ESTATE_KEYS_MAX, keys=keys)
    assert len(canonical.encode(part.content())) < SEALED_TEXT_BYTES_MAX
