from __future__ import annotations

from collections.abc import Iterator

import pytest

from ledger.errors import InputError, NotFound, NotPermitted, Refused
from nodes.caller import Caller
from nodes.financings.apply import ApplicationLine, ApplicationOutcome
from nodes.financings.steps import CollectionUse, Pledge, Source
from nodes.money import Money
from nodes.tasks import Task
from tests.nodes.lending import DAY, DAY_MS, LATER, Desk, Lending, lending, usd

OWED = ("repay", "write-off", "correct", "transfer")
PLEDGE = Pledge("agreement 7", "09081234567890123456", DAY)
REGISTERED = usd("36250.00")


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lending]:
    with lending(tmp_path_factory.mktemp("market") / "net") as network:
        yield network


def apply(desk: Desk, declaration: str, amount: Money | None = None, *, dry_run: bool = False) -> ApplicationOutcome:
    line = ApplicationLine(declaration, amount)
    return desk.financings.apply(desk.maker, [line], product="packing", reference="A-1", dry_run=dry_run)


def approved(desk: Desk, declaration: str, amount: Money | None = None) -> str:
    outcome = apply(desk, declaration, amount)
    assert outcome.id is not None, outcome
    desk.financings.intake(desk.maker, outcome.id)
    desk.sign(desk.financings.approve(desk.maker, outcome.id, PLEDGE).id)
    return outcome.id


def disburse(desk: Desk, financing: str, *amounts: Money | None, final: bool = True) -> Task:
    return desk.financings.disburse(
        desk.maker, financing, amounts or None, final=final, disbursed_on=DAY, matures_on=LATER, reference="L-1"
    )


def repay(desk: Desk, financing: str, amount: Money | None = None, *uses: CollectionUse) -> Task:
    source: Source = "collections" if uses else "own-funds"
    return desk.financings.repay(desk.maker, financing, [amount], source=source, paid_on=LATER, reference="R-1", collections=uses)


def lent(desk: Desk, declaration: str, amount: Money | None = None) -> str:
    financing = approved(desk, declaration, amount)
    desk.sign(disburse(desk, financing).id)
    return financing


def test_a_financing_goes_from_application_to_paid_off_and_says_at_each_step_what_comes_next(market: Lending) -> None:
    desk, declaration = market.a, market.granted(REGISTERED)
    outcome = apply(desk, declaration, usd("10000.00"))
    assert (outcome.code, outcome.record_id, outcome.lines[0].share) == ("ok", outcome.id, 276_000)
    assert outcome.id is not None
    seen = [(now := desk.financings.get(outcome.id)).state, now.actions]
    assert seen == ["APPLIED", ("intake", "cancel")]
    desk.financings.intake(desk.maker, outcome.id)
    assert desk.financings.get(outcome.id).actions == ("approve", "cancel")
    desk.sign(desk.financings.approve(desk.maker, outcome.id, PLEDGE).id)
    assert desk.financings.get(outcome.id).actions == ("disburse", "cancel")
    desk.sign(disburse(desk, outcome.id).id)
    now = desk.financings.get(outcome.id)
    assert (now.state, now.actions, now.total("outstanding")) == ("DISBURSED", OWED, usd("10000.00"))
    desk.sign(repay(desk, outcome.id, usd("4000.00")).id)
    assert desk.financings.get(outcome.id).state == "REPAYING"
    desk.sign(repay(desk, outcome.id).id)
    now = desk.financings.get(outcome.id)
    assert (now.state, now.actions, now.lines[0].drawn, now.total("outstanding")) == ("PAID_OFF", ("correct",), 0, usd("0.00"))
    assert [record.type.removeprefix("financing.") for record in now.records] == [
        "apply",
        "intake",
        "approve",
        "disburse",
        "repay",
        "repay",
    ]
    assert now.lines[0].available == REGISTERED


def test_another_bank_is_told_in_money_what_is_left_and_gets_exactly_that(market: Lending) -> None:
    declaration = market.granted(REGISTERED, market.a, market.b)
    assert apply(market.a, declaration, usd("10000.00")).code == "ok"
    refused = apply(market.b, declaration, usd("30000.00"))
    assert (refused.code, refused.id, refused.lines[0].left) == ("exceeds-available", None, usd("26245.00"))
    assert refused.record_id is not None
    assert "USD 26,245.00" in refused.lines[0].message
    rest = apply(market.b, declaration)
    assert (rest.code, rest.lines[0].share, rest.lines[0].amount) == ("ok", 724_000, usd("26245.00"))
    market.clock.advance(1)
    assert apply(market.b, declaration, usd("1.00")).lines[0].code == "too-many-holds"


def test_a_dry_run_says_what_would_come_of_it_and_writes_nothing(market: Lending) -> None:
    desk, declaration = market.a, market.granted(REGISTERED)
    with desk.node.store.reading() as reader:
        height = reader.head.height
    first, second = (apply(desk, declaration, usd("20000.00"), dry_run=True) for _ in range(2))
    assert first == second and (first.code, first.record_id, first.id) == ("ok", None, None)
    too_much = apply(desk, declaration, usd("50000.00"), dry_run=True)
    assert (too_much.code, too_much.lines[0].left) == ("exceeds-available", REGISTERED)
    with desk.node.store.reading() as reader:
        assert reader.head.height == height
    assert desk.financings.page(declaration=declaration) == []


def test_a_bank_without_a_grant_is_told_so_and_nothing_is_sent(market: Lending) -> None:
    granted, other = market.granted(REGISTERED, market.a), market.granted(REGISTERED, market.b)
    lines = [ApplicationLine(granted, usd("5.00")), ApplicationLine(other, usd("5.00"))]
    outcome = market.a.financings.apply(market.a.maker, lines, product="", reference="")
    assert (outcome.code, outcome.record_id, [line.code for line in outcome.lines]) == ("no-grant", None, ["ok", "no-grant"])
    part = market.a.financings.apply(market.a.maker, lines, product="", reference="", mode="partial")
    assert (part.code, [line.code for line in part.lines]) == ("ok", ["ok", "no-grant"])
    assert part.id is not None and len(market.a.financings.get(part.id).lines) == 1


def test_a_revoked_consent_refuses_the_next_application_on_the_ledger(market: Lending) -> None:
    declaration = market.declare(REGISTERED)
    consent = market.grant(market.a, declaration, REGISTERED)
    market.record(market.authority, "consent.revoke", {"consent": consent})
    outcome = apply(market.a, declaration[0], usd("5.00"))
    assert outcome.code == "consent-revoked" and outcome.record_id is not None


def test_the_newest_live_grant_is_used(market: Lending) -> None:
    declaration = market.declare(REGISTERED)
    old = market.grant(market.a, declaration, REGISTERED)
    new = market.grant(market.a, declaration, REGISTERED)
    market.record(market.authority, "consent.revoke", {"consent": new})
    outcome = apply(market.a, declaration[0], usd("5.00"))
    assert outcome.id is not None and market.a.financings.get(outcome.id).lines[0].consent == old


def test_an_amount_in_another_currency_is_not_converted(market: Lending) -> None:
    declaration = market.granted(REGISTERED)
    with pytest.raises(InputError) as refused:
        apply(market.a, declaration, Money.parse("EUR", "5.00"))
    assert refused.value.code == "currency-differs"


def test_one_cause_has_one_application(market: Lending) -> None:
    desk, declaration = market.a, market.granted(REGISTERED)
    line = ApplicationLine(declaration, usd("10000.00"))
    first, second = (desk.financings.apply(desk.maker, [line], product="", reference="", cause="api:client:17") for _ in range(2))
    assert first == second and first.code == "ok"
    assert len(desk.financings.page(declaration=declaration)) == 1


def test_a_hold_lapses_and_is_free_again(market: Lending) -> None:
    desk, declaration = market.a, market.granted(REGISTERED, market.a, market.b)
    outcome = apply(desk, declaration)
    assert outcome.id is not None
    assert apply(market.b, declaration, usd("1.00"), dry_run=True).code == "exhausted"
    market.clock.advance(15 * DAY_MS)
    now = desk.financings.get(outcome.id)
    assert (now.state, now.actions, now.lines[0].held) == ("EXPIRED", (), 0)
    with pytest.raises(Refused, match="hold-expired"):
        desk.financings.intake(desk.maker, outcome.id)
    assert apply(market.b, declaration).lines[0].amount == REGISTERED


def test_less_than_was_approved_keeps_the_rest_until_the_last_tranche(market: Lending) -> None:
    desk, declaration = market.a, market.granted(REGISTERED, market.a, market.b)
    financing = approved(desk, declaration, usd("30000.00"))
    desk.sign(disburse(desk, financing, usd("10000.00"), final=False).id)
    now = desk.financings.get(financing)
    assert (now.state, now.lines[0].undrawn, now.actions) == ("APPROVED", usd("20000.00"), ("disburse", "repay"))
    with pytest.raises(Refused) as refused:
        disburse(desk, financing, usd("20000.01"))
    assert refused.value.code == "exceeds-hold" and "USD 20,000.00" in refused.value.message
    desk.sign(disburse(desk, financing, usd("5000.00"), final=True).id)
    now = desk.financings.get(financing)
    assert (now.state, now.lines[0].held, now.total("disbursed")) == ("DISBURSED", 0, usd("15000.00"))
    assert apply(market.b, declaration, usd("21000.00"), dry_run=True).code == "ok"


def test_a_line_may_be_kept_in_part_and_what_is_let_go_is_free(market: Lending) -> None:
    desk, declaration = market.a, market.granted(REGISTERED, market.a, market.b)
    outcome = apply(desk, declaration)
    assert outcome.id is not None
    desk.financings.intake(desk.maker, outcome.id, [usd("10000.00")])
    assert desk.financings.get(outcome.id).lines[0].held == 276_000
    desk.sign(desk.financings.approve(desk.maker, outcome.id, PLEDGE, [usd("9000.00")]).id)
    line = desk.financings.get(outcome.id).lines[0]
    assert (line.approved, line.held) == (usd("9000.00"), 249_000)
    with pytest.raises(Refused, match="exceeds-hold"):
        disburse(desk, outcome.id, usd("9000.01"))
    assert apply(market.b, declaration, usd("27000.00"), dry_run=True).code == "ok"


def test_a_collection_pays_the_loan_off_and_is_used_up(market: Lending) -> None:
    desk, declaration = market.a, market.granted(REGISTERED)
    financing = lent(desk, declaration, usd("10000.00"))
    receipt = desk.sign(desk.financings.collections.record(desk.maker, declaration, usd("12000.00"), LATER, "C-1").id)
    (collection,) = desk.financings.collections.list(declaration)
    assert (collection.id, collection.unused_amount) == (receipt.record_id, usd("12000.00"))
    with pytest.raises(InputError, match="collections-differ"):
        repay(desk, financing, usd("10000.00"), CollectionUse(collection.id, usd("9000.00")))
    desk.sign(repay(desk, financing, usd("10000.00"), CollectionUse(collection.id, usd("10000.00"))).id)
    assert desk.financings.get(financing).state == "PAID_OFF"
    (collection,) = desk.financings.collections.list(declaration, unused_only=True)
    assert collection.unused == 332_000 - 276_000
    assert apply(desk, declaration, usd("24000.00"), dry_run=True).code == "ok"
    assert apply(desk, declaration, usd("25000.00"), dry_run=True).code == "exceeds-available"


def test_a_collection_needs_someone_who_lent_on_the_declaration(market: Lending) -> None:
    declaration = market.granted(REGISTERED)
    with pytest.raises(Refused, match="not-permitted"):
        market.a.financings.collections.record(market.a.maker, declaration, usd("5.00"), LATER, "")
    with pytest.raises(NotFound, match="unknown-declaration"):
        market.b.financings.collections.record(market.b.maker, declaration, usd("5.00"), LATER, "")


def test_more_than_is_outstanding_is_refused_with_what_is(market: Lending) -> None:
    financing = lent(market.a, market.granted(REGISTERED), usd("10000.00"))
    with pytest.raises(Refused) as refused:
        repay(market.a, financing, usd("10000.01"))
    assert refused.value.code == "exceeds-drawn" and "USD 10,000.00" in refused.value.message
    with pytest.raises(InputError, match="amount-too-small"):
        repay(market.a, financing, usd("36.24"))


def test_one_total_pays_the_first_lines_first(market: Lending) -> None:
    desk, declarations = market.a, [market.granted(REGISTERED) for _ in range(2)]
    lines = [ApplicationLine(declaration, usd("10000.00")) for declaration in declarations]
    outcome = desk.financings.apply(desk.maker, lines, product="", reference="")
    assert outcome.id is not None
    desk.financings.intake(desk.maker, outcome.id)
    desk.sign(desk.financings.approve(desk.maker, outcome.id, PLEDGE).id)
    desk.sign(disburse(desk, outcome.id).id)
    task = desk.financings.repay(desk.maker, outcome.id, usd("15000.00"), source="own-funds", paid_on=LATER, reference="")
    desk.sign(task.id)
    assert [line.outstanding for line in desk.financings.get(outcome.id).lines] == [usd("0.00"), usd("5000.00")]
    assert desk.financings.get(outcome.id).lines[0].drawn == 0


def test_a_loan_and_its_shares_agree_on_the_ledger(market: Lending) -> None:
    desk, declaration = market.a, market.granted(REGISTERED)
    lent(desk, declaration, usd("10000.00"))
    (financing,) = desk.financings.page(declaration=declaration)
    record_id = next(record.record_id for record in financing.records if record.type == "financing.disburse")
    with desk.node.store.reading() as reader:
        stored = reader.record(record_id)
    market.authority.reader.catch_up()
    for node in (desk.node, market.authority):
        loan = node.reader.parts_of(record_id)["loan"].content
        assert (loan["lines"], loan["amount_minor"], loan["currency"]) == ([1_000_000], 1_000_000, "USD")
    assert stored is not None and stored.record.body["shares"] == [276_000]
    assert market.b.node.reader.parts_of(record_id) == {}


def test_a_cancellation_takes_one_person_before_the_approval_and_two_after(market: Lending) -> None:
    desk, declaration = market.a, market.granted(REGISTERED)
    first = apply(desk, declaration)
    assert first.id is not None
    assert not isinstance(desk.financings.cancel(desk.maker, first.id, "withdrawn", "the exporter changed its mind"), Task)
    assert desk.financings.get(first.id).state == "CANCELLED"
    second = approved(desk, declaration)
    task = desk.financings.cancel(desk.maker, second, "error")
    assert isinstance(task, Task) and desk.financings.get(second).state == "APPROVED"
    desk.sign(task.id)
    assert desk.financings.get(second).state == "CANCELLED"
    assert desk.financings.get(second).lines[0].available == REGISTERED


def test_a_step_that_is_not_next_is_refused_with_those_that_are(market: Lending) -> None:
    outcome = apply(market.a, market.granted(REGISTERED))
    assert outcome.id is not None
    with pytest.raises(Refused) as refused:
        market.a.financings.approve(market.a.maker, outcome.id, PLEDGE)
    assert refused.value.code == "wrong-state" and "intake" in refused.value.hint


def test_an_approval_after_an_amendment_says_in_money_what_is_left(market: Lending) -> None:
    desk, declaration = market.a, market.granted(REGISTERED)
    outcome = apply(desk, declaration)
    assert outcome.id is not None
    desk.financings.intake(desk.maker, outcome.id)
    market.record(market.authority, "declaration.amend", {"declaration": declaration, "capacity": 500_000})
    assert desk.financings.get(outcome.id).actions == ("cancel",)
    with pytest.raises(Refused) as refused:
        desk.financings.approve(desk.maker, outcome.id, PLEDGE)
    assert refused.value.code == "exceeds-available" and "USD 18,125.00" in refused.value.message
    desk.sign(desk.financings.approve(desk.maker, outcome.id, PLEDGE, [usd("18125.00")]).id)
    assert desk.financings.get(outcome.id).state == "APPROVED"


def test_who_has_no_key_or_the_wrong_one_prepares_nothing(market: Lending) -> None:
    declaration = market.granted(REGISTERED)
    viewer = Caller("viewer", "staff", "viewer")
    for caller in (viewer, market.a.checker, market.b.maker):
        with pytest.raises(NotPermitted):
            market.a.financings.apply(caller, [ApplicationLine(declaration)], product="", reference="")
    outcome = apply(market.a, declaration)
    assert outcome.id is not None
    with pytest.raises(NotPermitted):
        market.a.financings.intake(viewer, outcome.id)


def test_the_book_is_the_same_when_it_is_made_again(market: Lending) -> None:
    desk = market.b
    financing = lent(desk, market.granted(REGISTERED, desk), usd("10000.00"))
    desk.sign(repay(desk, financing, usd("4000.00")).id)
    before = desk.financings.get(financing)
    desk.node.reader.rebuild()
    after = desk.financings.get(financing)
    assert after.records == before.records
    assert [(line.applied, line.approved, line.disbursed, line.repaid) for line in after.lines] == [
        (usd("10000.00"), usd("10000.00"), usd("10000.00"), usd("4000.00"))
    ]


def test_one_cause_takes_in_once_and_answers_the_same_again(market: Lending) -> None:
    desk = market.a
    outcome = apply(desk, market.granted(REGISTERED))
    assert outcome.id is not None
    first, second = (desk.financings.intake(desk.maker, outcome.id, cause="api:client:18") for _ in range(2))
    assert first == second
    with pytest.raises(Refused, match="wrong-state"):
        desk.financings.intake(desk.maker, outcome.id)


def test_financings_are_listed_the_newest_first_by_declaration_and_state(market: Lending) -> None:
    desk, declaration = market.a, market.granted(REGISTERED)
    ids = []
    for _ in range(3):
        outcome = apply(desk, declaration, usd("1000.00"))
        assert outcome.id is not None
        ids.append(outcome.id)
        desk.financings.intake(desk.maker, outcome.id)
        desk.sign(desk.financings.approve(desk.maker, outcome.id, PLEDGE).id)
    page = desk.financings.page(declaration=declaration, limit=2)
    rest = desk.financings.page(declaration=declaration, before=page[-1].log_index)
    assert [each.id for each in [*page, *rest]] == ids[::-1]
    assert desk.financings.page(declaration=declaration, state="APPLIED") == []
    assert len(desk.financings.page(declaration=declaration, state="APPROVED", limit=2)) == 2


def test_another_banks_financing_is_unknown_here(market: Lending) -> None:
    outcome = apply(market.a, market.granted(REGISTERED))
    assert outcome.id is not None
    market.b.node.reader.catch_up()
    with pytest.raises(NotFound, match="unknown-financing"):
        market.b.financings.intake(market.b.maker, outcome.id)


def test_a_loan_ends_on_a_day_after_it_began(market: Lending) -> None:
    financing = approved(market.a, market.granted(REGISTERED))
    for first, last in (("2026-10-26", "2026-10-25"), ("2026-02-30", LATER), ("26.10.2026", LATER)):
        with pytest.raises(InputError, match="bad-field"):
            market.a.financings.disburse(market.a.maker, financing, disbursed_on=first, matures_on=last, reference="")
