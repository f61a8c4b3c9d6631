from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from ledger.errors import InputError, NotFound, NotPermitted, Refused
from nodes.attachments.store import Attachments
from nodes.days import date_of
from nodes.financings.apply import ApplicationLine
from nodes.financings.maturity_book import Change, Standing, maturities, standing
from nodes.financings.particulars import Loan
from nodes.financings.steps import Pledge
from tests.nodes.lending import DAY, DAY_MS, LATER, Lending, lending, usd

PLEDGE = Pledge("A-1", "R-1", "2026-10-26T08:00:00Z")


def loan(amount_minor: int, matures_on: str) -> Loan:
    return Loan("r", amount_minor, "2026-01-01", matures_on, "L")


def change(loans: int, matures_on: str) -> Change:
    return Change("t", loans, "2026-02-01", matures_on, "late ship", "maker", "checker", 0)


LOANS = [loan(100, "2026-03-01"), loan(200, "2026-02-01")]


@pytest.mark.parametrize(
    ("repaid", "today", "expected"),
    [
        (0, "2026-02-01", Standing("2026-02-01", 0, 0)),
        (0, "2026-02-02", Standing("2026-02-01", 200, 1)),
        (150, "2026-02-11", Standing("2026-02-01", 50, 10)),
        (200, "2026-02-11", Standing("2026-03-01", 0, 0)),
        (0, "2026-03-02", Standing("2026-02-01", 300, 29)),
        (300, "2026-12-31", Standing(None, 0, 0)),
    ],
)
def test_repayments_count_against_what_matures_first(repaid: int, today: str, expected: Standing) -> None:
    assert standing(LOANS, [], repaid, drawn=True, today=date.fromisoformat(today)) == expected


def test_nothing_is_overdue_once_nothing_is_drawn_any_more() -> None:
    assert standing(LOANS, [], 0, drawn=False, today=date(2027, 1, 1)) == Standing(None, 0, 0)


def test_a_change_holds_for_the_tranches_that_were_paid_out_before_it() -> None:
    assert maturities(LOANS, [change(1, "2026-05-01")]) == ["2026-05-01", "2026-02-01"]
    assert maturities(LOANS, [change(1, "2026-05-01"), change(2, "2026-06-01")]) == ["2026-06-01", "2026-06-01"]


def test_days_are_those_of_the_declarations_time_zone() -> None:
    midnight = 1_767_196_800_000  # 2026-01-01T00:00 in UTC+8
    assert (date_of(midnight - 1), date_of(midnight)) == (date(2025, 12, 31), date(2026, 1, 1))


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lending]:
    with lending(tmp_path_factory.mktemp("lending")) as net:
        yield net


def lent(net: Lending, documents: list[str] | None = None, matures_on: str = LATER) -> str:
    desk, papers = net.a, documents or []
    declaration = net.granted(usd("1000.00"))
    line = ApplicationLine(declaration, usd("500.00"))
    outcome = desk.financings.apply(desk.maker, [line], product="p", reference="r", attachments=papers)
    assert outcome.id is not None, outcome
    desk.financings.intake(desk.maker, outcome.id)
    desk.sign(desk.financings.approve(desk.maker, outcome.id, PLEDGE, attachments=papers).id)
    paid = desk.financings.disburse(desk.maker, outcome.id, disbursed_on=DAY, matures_on=matures_on, reference="L", attachments=papers)
    desk.sign(paid.id)
    return outcome.id


def test_a_later_maturity_takes_two_people_leaves_no_record_and_is_kept_with_its_history(net: Lending) -> None:
    desk, financing = net.a, lent(net)
    with desk.node.store.reading() as reader:
        before = reader.head.log_size
    task = desk.financings.maturities.extend(desk.maker, financing, "2027-03-01", "the buyer pays late", cause="c-1")
    assert desk.financings.maturities.extend(desk.maker, financing, "2027-03-01", "the buyer pays late", cause="c-1") == task
    assert desk.financings.get(financing).matures_on == LATER
    with pytest.raises(NotPermitted) as same:
        desk.financings.maturities.sign(task.id, desk.maker)
    assert same.value.code == "same-person"
    assert task.id in [each.id for each in desk.financings.tasks.list("open")]
    assert desk.financings.maturities.sign(task.id, desk.checker).state == "signed"
    with pytest.raises(Refused) as again:
        desk.financings.maturities.sign(task.id, desk.checker)
    assert again.value.code == "task-signed"
    after = desk.financings.get(financing)
    assert after.matures_on == "2027-03-01"
    assert [(each.matured_on, each.matures_on, each.reason) for each in after.changes] == [(LATER, "2027-03-01", "the buyer pays late")]
    with desk.node.store.reading() as reader:
        assert reader.head.log_size == before
    desk.node.reader.rebuild()
    assert desk.financings.get(financing).matures_on == "2027-03-01"


def test_a_change_that_was_overtaken_by_another_is_not_signed(net: Lending) -> None:
    desk, financing = net.a, lent(net)
    first, second = (desk.financings.maturities.extend(desk.maker, financing, day, "late") for day in ("2027-03-01", "2027-04-01"))
    desk.financings.maturities.sign(first.id, desk.checker)
    with pytest.raises(Refused) as overtaken:
        desk.financings.maturities.sign(second.id, desk.checker)
    assert overtaken.value.code == "task-overtaken"
    assert desk.financings.tasks.decline(second.id, desk.checker, "no").state == "declined"


def test_a_maturity_only_moves_later_and_only_where_something_is_owed(net: Lending) -> None:
    desk, financing = net.a, lent(net)
    for day in (LATER, "2026-02-30", "soon"):
        with pytest.raises(InputError) as wrong:
            desk.financings.maturities.extend(desk.maker, financing, day, "late")
        assert wrong.value.code == "bad-field"
    desk.sign(desk.financings.repay(desk.maker, financing, source="own-funds", paid_on=DAY, reference="P").id)
    with pytest.raises(Refused) as paid:
        desk.financings.maturities.extend(desk.maker, financing, "2027-03-01", "late")
    assert paid.value.code == "wrong-state"


def test_what_is_overdue_is_told_with_its_days_until_it_is_repaid(net: Lending) -> None:
    desk, financing = net.a, lent(net, matures_on="2026-10-27")
    assert financing not in [each.id for each in desk.financings.page(overdue=True)]
    net.clock.advance(10 * DAY_MS)
    found = next(each for each in desk.financings.page(overdue=True) if each.id == financing)
    assert (found.overdue, found.days_overdue) == (usd("500.00"), (date_of(net.clock.now_ms()) - date(2026, 10, 27)).days)
    desk.sign(desk.financings.repay(desk.maker, financing, source="own-funds", paid_on=DAY, reference="P").id)
    assert financing in [each.id for each in desk.financings.page(overdue=False)]


def test_documents_are_named_by_every_part_that_they_were_attached_to_and_stay_at_the_bank(net: Lending) -> None:
    desk = net.a
    digest = Attachments(desk.node).add(io.BytesIO(b"%PDF-1.7 contract"), "contract.pdf", by="maker").sha256
    found = desk.financings.get(lent(net, [digest]))
    assert [(each.sha256, each.name, each.bytes) for each in found.documents] == [(digest, "contract.pdf", 17)] * 3
    net.authority.reader.catch_up()
    with net.authority.private.reading() as connection:
        sealed = connection.exec_driver_sql("SELECT content FROM parts WHERE content LIKE '%contract.pdf%'").fetchall()
    assert len(sealed) == 3
    assert not Path(net.authority.home.path / "attachments").exists()
    with pytest.raises(NotFound) as unknown:
        lent(net, ["0" * 64])
    assert unknown.value.code == "unknown-attachment"
