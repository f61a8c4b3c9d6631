from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger.engine import Receipt
from ledger.errors import InputError, NotFound, NotPermitted, Unreachable
from nodes.customs.declaration import CustomsDeclaration
from nodes.declarations import imports
from nodes.declarations.imports import ImportItem
from nodes.declarations.parts import PART
from nodes.declarations.register import Declarations
from nodes.money import Money
from nodes.outcomes import RuleRefused
from nodes.private import outbox
from nodes.reader import broken_parts
from nodes.sealing import open_part
from tests.nodes.network import CUSTODY, OTHER, OWN, Network, csv_file, declaration, network


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with network(tmp_path_factory.mktemp("declarations") / "net") as net:
        yield net


@pytest.fixture
def service(net: Network) -> Declarations:
    return Declarations(net.authority)


def pool(net: Network, size: int, uscc: str = CUSTODY) -> list[CustomsDeclaration]:
    """Declarations that nobody has registered."""
    return [declaration(next(net._serials), uscc) for _ in range(size)]


def run(service: Declarations, *files: io.BytesIO) -> tuple[list[ImportItem], int]:
    """Imports files named 1.csv and so on: the items, and how many were registered."""
    report = service.import_files([(f"{place}.csv", file) for place, file in enumerate(files, 1)])
    items = list(service.imports.every_item(report.id))
    assert report.state == "done"
    assert report.total == len(items) == report.registered + report.refused
    return items, report.registered


def results(items: list[ImportItem]) -> list[tuple[str, int, str]]:
    return [(item.file, item.position, item.result) for item in items]


def registrations(net: Network, service: Declarations, one: CustomsDeclaration) -> int:
    """How many records registered a number."""
    with net.authority.store.reading() as reader:
        found = reader.records(0, 100_000)
    declaration_id = service.id_of(one.number)
    return sum(
        stored.record.type == "declaration.register"
        and stored.record.body["declaration"] == declaration_id
        and stored.result["code"] == "ok"
        for stored in found
    )


def test_every_declaration_of_a_file_gets_one_result_in_the_files_order(net: Network, service: Declarations) -> None:
    found = pool(net, 5)
    items, registered = run(service, csv_file(*found))
    assert results(items) == [("1.csv", place, "ok") for place in range(1, 6)]
    assert registered == 5
    assert [item.number for item in items] == [one.number for one in found]
    assert [item.declaration_id for item in items] == [service.id_of(one.number) for one in found]


def test_a_number_registers_once_in_a_file_across_files_and_across_imports(net: Network, service: Declarations) -> None:
    first, second = pool(net, 2)
    again = csv_file(first).getvalue().splitlines()[1]
    one_file = io.BytesIO(csv_file(first, second).getvalue() + b"\n" + again + b"\n")
    items, _ = run(service, one_file, csv_file(second))
    assert {item.result for item in items if item.number == first.number} <= {"duplicate-in-file"}
    assert [(item.file, item.result) for item in items if item.number == second.number] == [("1.csv", "ok"), ("2.csv", "duplicate-in-file")]
    items, registered = run(service, csv_file(second))
    assert results(items) == [("1.csv", 1, "already-registered")]
    assert registered == 0
    assert registrations(net, service, second) == 1


def test_a_file_that_cannot_be_read_does_not_keep_the_next_one_out(net: Network, service: Declarations) -> None:
    (one,) = pool(net, 1)
    items, _ = run(service, io.BytesIO(b"no,such,columns\n1,2,3\n"), csv_file(one))
    assert results(items) == [("1.csv", 0, "table-columns"), ("2.csv", 1, "ok")]


def test_what_came_before_the_break_of_a_broken_file_stands(net: Network, service: Declarations) -> None:
    plums = (Path(__file__).parents[3] / "examples/declarations/exporter-a-plums.xml").read_bytes()
    start, end = plums.index(b"<DecMessage"), plums.index(b"</DecMessage>") + len(b"</DecMessage>")
    broken = b"<Messages>" + plums[start:end] + b"<DecMessage><DecHead><EntryId>0908"
    report = service.import_files([("broken.xml", io.BytesIO(broken))])
    items = service.imports.items(report.id)
    assert [item.result for item in items] == ["ok", "xml-malformed"]


def test_the_reader_of_a_declaration_is_the_registrar_the_authority_and_its_exporter_alone(net: Network, service: Declarations) -> None:
    own, custody = net.fresh(OWN), net.fresh(CUSTODY)
    (own_id, custody_id) = (service.id_of(one.number) for one in (own, custody))
    assert Declarations(net.exporter).get(own_id).number == own.number
    assert Declarations(net.exporter).document(own_id) == own
    for node, declaration_id in ((net.exporter, custody_id), (net.bank_a, own_id), (net.bank_b, custody_id)):
        with pytest.raises(NotFound):
            Declarations(node).get(declaration_id)
        with node.store.reading() as reader:
            (stored,) = [one for one in reader.records(0, 100_000) if one.record.body.get("declaration") == declaration_id]
        assert open_part(stored.record.core, PART, node.sealing_keys) is None
    assert service.get(custody_id).enterprise == net.enterprises[CUSTODY]


def test_no_public_field_tells_a_number_an_amount_or_an_exporter(net: Network, service: Declarations) -> None:
    one = net.fresh(CUSTODY, total_minor=98_765_432)
    (stored,) = [record for record in net.records("declaration.register") if record.record.body["declaration"] == service.id_of(one.number)]
    assert stored.record.body == {"declaration": service.id_of(one.number), "ceiling_ppm": 1_000_000, "until": "2027-09", "replaces": []}
    for trace in (one.number, one.exporter_uscc, "98765432", "987654.32", "USD"):
        assert trace.encode() not in stored.leaf.replace(str(stored.record.core["sealed"]).encode(), b"")
    assert one.number not in str(stored.record.core["body"])


def test_a_cut_off_import_is_mended_by_running_the_same_file_again(
    net: Network, service: Declarations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "WINDOW", 3)
    found, seen = pool(net, 8), []

    class CutError(Exception):
        pass

    def cut(item: ImportItem) -> None:
        seen.append(item)
        if len(seen) == 5:
            raise CutError

    with pytest.raises(CutError):
        service.import_files([("1.csv", csv_file(*found))], cut)
    items, registered = run(service, csv_file(*found))
    assert [item.result for item in items] == ["already-registered"] * 6 + ["ok"] * 2
    assert registered == 2
    assert [registrations(net, service, one) for one in found] == [1] * 8


def test_a_crash_between_the_outbox_and_the_ledger_registers_nothing_twice(
    net: Network, service: Declarations, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = pool(net, 3)

    class KilledError(Exception):
        pass

    def killed(raw: bytes) -> Future[Receipt]:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(net.authority.engine, "submit", killed)
        with pytest.raises(KilledError):
            service.import_files([("1.csv", csv_file(*found))])
    with net.authority.private.reading() as connection:
        pending = connection.execute(sa.select(sa.func.count()).where(outbox.c.state == "pending")).scalar_one()
    assert pending == 3
    items, registered = run(service, csv_file(*found))
    assert registered == 3
    assert net.authority.outbox.resume() == 0
    assert [registrations(net, service, one) for one in found] == [1] * 3
    assert [item.result for item in items] == ["ok"] * 3


def test_an_import_stops_where_the_ledger_does_not_answer_and_says_so(
    net: Network, service: Declarations, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = pool(net, 2)

    def unreachable(raw: bytes) -> Future[Receipt]:
        future: Future[Receipt] = Future()
        future.set_exception(Unreachable("engine-stopped", "the test stopped the engine"))
        return future

    with monkeypatch.context() as patch:
        patch.setattr(net.authority.engine, "submit", unreachable)
        with pytest.raises(Unreachable):
            service.import_files([("1.csv", csv_file(*found))])
    with net.authority.private.reading() as connection:
        row = connection.execute(sa.select(imports.imports).order_by(imports.imports.c.state)).first()
    assert row is not None
    assert (row.state, row.code, row.registered) == ("broken", "engine-stopped", 0)
    assert run(service, csv_file(*found))[1] == 2


def test_the_order_on_the_ledger_is_not_the_order_of_the_file(net: Network, service: Declarations) -> None:
    found = pool(net, 30)
    run(service, csv_file(*found))
    ids = [service.id_of(one.number) for one in found]
    ledger = [
        stored.record.body["declaration"] for stored in net.records("declaration.register") if stored.record.body["declaration"] in ids
    ]
    assert sorted(ledger) == sorted(ids)
    assert ledger != ids


def test_an_amendment_changes_the_capacity_in_whole_steps_and_the_amount_for_who_may_read_it(net: Network, service: Declarations) -> None:
    one = net.fresh(OWN, total_minor=3_000_000)
    declaration_id = service.id_of(one.number)
    service.amend(declaration_id, Money("USD", 2_000_000), "two thirds were shipped")
    net.settle()
    found = Declarations(net.exporter).get(declaration_id)
    assert (found.status, found.registered, found.current) == ("amended", Money("USD", 3_000_000), Money("USD", 2_000_000))
    assert found.available_ppm == 666_000
    assert found.available == Money("USD", 1_998_000)


def test_an_amendment_stays_with_its_declaration(net: Network, service: Declarations) -> None:
    one, other = net.fresh(), net.fresh()
    declaration_id = service.id_of(one.number)
    with pytest.raises(InputError, match="other-declaration"):
        service.amend(declaration_id, other, "mixed up")
    with pytest.raises(InputError, match="currency-differs"):
        service.amend(declaration_id, Money("EUR", 1), "mixed up")
    with pytest.raises(InputError, match="amount-invalid"):
        service.amend(declaration_id, Money("USD", 10**12), "absurd")
    larger = declaration(int(one.number[9:]), total_minor=7_250_000)
    assert service.amend(declaration_id, larger, "counted again").code == "ok"
    assert service.get(declaration_id).current == Money("USD", 7_250_000)


def test_a_voided_declaration_is_worth_nothing_and_is_voided_once(net: Network, service: Declarations) -> None:
    declaration_id = service.id_of(net.fresh().number)
    service.void(declaration_id, "withdrawn", "never left the port")
    found = service.get(declaration_id)
    assert (found.status, found.available.amount_minor) == ("void", 0)
    with pytest.raises(RuleRefused, match="void"):
        service.void(declaration_id, "error")


def test_only_the_registrar_registers(net: Network) -> None:
    with pytest.raises(NotPermitted):
        Declarations(net.bank_a).import_files([("1.csv", csv_file(declaration(1)))])
    with pytest.raises(NotPermitted):
        Declarations(net.exporter).void("ab" * 32, "error")


def test_a_declaration_is_found_by_its_number_and_listed_by_exporter(net: Network, service: Declarations) -> None:
    one = net.fresh(OTHER)
    assert service.find_by_number(one.number).id == service.id_of(one.number)
    assert one.number in [found.number for found in service.list(OTHER)]
    assert {found.exporter_uscc for found in service.list(OTHER)} == {OTHER}
    with pytest.raises(NotFound):
        service.find_by_number("090820260999999999")


def test_nothing_that_these_nodes_read_was_broken_and_a_rebuild_gives_the_same_rows(net: Network, service: Declarations) -> None:
    net.fresh(OWN)
    for node in (net.authority, net.bank_a, net.exporter):
        before = Declarations(node).list(limit=10_000)
        node.reader.rebuild()
        assert Declarations(node).list(limit=10_000) == before
        with node.private.reading() as connection:
            assert connection.execute(sa.select(broken_parts)).fetchall() == []
