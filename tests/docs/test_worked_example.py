"""The worked example of docs/worked-example.md, played by real nodes: its table is what they say, figure by figure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from contracts import entries, queries
from ledger.errors import Refused
from nodes.financings.amounts import amount_of_share
from nodes.financings.apply import ApplicationLine
from nodes.financings.steps import CollectionUse, Pledge, Source
from nodes.money import Money
from tests.nodes.lending import DAY, LATER, Desk, Lending, lending, usd

PAGE = Path(__file__).parents[2] / "docs" / "worked-example.md"
REGISTERED = usd("100000.00")
HEADER = (
    "| step | result | held | drawn | collected | ceiling | left | left in money |",
    "|---|---|---:|---:|---:|---:|---:|---:|",
)


class Example:
    """One declaration, two banks, and the row that each step leaves."""

    def __init__(self, market: Lending) -> None:
        self.market, self.a, self.b = market, market.a, market.b
        self.declaration = market.granted(REGISTERED, market.a, market.b, ceiling_ppm=800_000)
        self.rows: list[str] = []
        self.row("registered with USD 100,000.00 and a financing ratio of 80%", "ok")

    def row(self, step: str, result: str) -> None:
        with self.market.authority.store.reading() as reader:
            entry = entries.declaration(reader.state, self.declaration)
            assert entry is not None
            now = queries.standing(entry, reader.head.time_ms)
        left = Money("USD", amount_of_share(now.available, REGISTERED.amount_minor))
        shares = [now.held + now.committed, now.drawn, now.collected, now.ceiling, now.available]
        cells = [step, result, *(f"{share:,}" for share in shares), f"{left.amount_minor / 100:,.2f}"]
        self.rows.append(f"| {' | '.join(cells)} |")

    def apply(self, desk: Desk, amount: Money, step: str) -> str:
        outcome = desk.financings.apply(desk.maker, [ApplicationLine(self.declaration, amount)], product="", reference="")
        left = outcome.lines[0].left
        self.row(step, outcome.code if left is None else f"`{outcome.code}`, left {left}")
        return outcome.id or ""

    def signed(self, desk: Desk, step: str, prepare: Callable[[], str]) -> None:
        """A step of two people, or the refusal that its maker hears."""
        try:
            result = desk.sign(prepare()).result
        except Refused as refused:
            self.row(step, f"`{refused.code}`")
        else:
            flags = ", ".join(result.get("flags", ()))
            self.row(step, f"{result['code']}, {result['state']}" + (f", {flags}" if flags else ""))

    def approve(self, desk: Desk, financing: str, step: str, keep: Money | None = None) -> None:
        kept = None if keep is None else [keep]
        self.signed(desk, step, lambda: desk.financings.approve(desk.maker, financing, Pledge("P", "1", DAY), kept).id)

    def disburse(self, desk: Desk, financing: str, amount: Money, step: str, *, final: bool = True) -> None:
        def prepare() -> str:
            task = desk.financings.disburse(desk.maker, financing, [amount], final=final, disbursed_on=DAY, matures_on=LATER, reference="")
            return task.id

        self.signed(desk, step, prepare)

    def amend(self, capacity: int, step: str) -> None:
        body = {"declaration": self.declaration, "capacity": capacity}
        receipt = self.market.record(self.market.authority, "declaration.amend", body)
        self.row(step, f"ok, {receipt.result['status']}")

    def collect(self, desk: Desk, amount: Money, step: str) -> str:
        receipt = desk.sign(desk.financings.collections.record(desk.maker, self.declaration, amount, LATER, "C").id)
        self.row(step, f"ok, {receipt.result['status']}")
        return receipt.record_id

    def repay(self, desk: Desk, financing: str, amount: Money, step: str, *uses: CollectionUse) -> None:
        source: Source = "collections" if uses else "own-funds"

        def prepare() -> str:
            task = desk.financings.repay(desk.maker, financing, [amount], source=source, paid_on=LATER, reference="", collections=uses)
            return task.id

        self.signed(desk, step, prepare)


def played(market: Lending) -> list[str]:
    """The rows of the table, played."""
    play = Example(market)
    a, b = play.a, play.b
    first = play.apply(a, usd("50000.00"), "bank A applies for USD 50,000.00")
    play.apply(b, usd("40000.00"), "bank B applies for USD 40,000.00")
    second = play.apply(b, usd("29999.10"), "bank B applies for USD 29,999.10")
    a.financings.intake(a.maker, first)
    b.financings.intake(b.maker, second)
    play.amend(850_000, "both take their application in; then customs amends the amount to USD 85,000.00")
    play.approve(b, second, "bank B would approve all of it")
    play.approve(a, first, "bank A, whose hold is the older one, approves")
    play.approve(b, second, "bank B approves USD 18,000.00", usd("18000.00"))
    play.disburse(a, first, usd("30000.00"), "bank A pays out a first tranche of USD 30,000.00", final=False)
    play.disburse(a, first, usd("15000.00"), "bank A pays out USD 15,000.00 more, its last")
    play.disburse(b, second, usd("18000.00"), "bank B pays out USD 18,000.00")
    collection = play.collect(a, usd("20000.00"), "USD 20,000.00 come in from the buyer at bank A")
    play.repay(b, second, usd("10000.00"), "bank B is repaid USD 10,000.00 from the exporter's own funds")
    play.repay(a, first, usd("20000.00"), "bank A is repaid USD 20,000.00 from the collection", CollectionUse(collection, usd("20000.00")))
    play.apply(b, usd("20000.00"), "bank B applies for USD 20,000.00")
    play.repay(a, first, usd("25000.00"), "bank A is repaid the rest from own funds")
    play.repay(b, second, usd("8000.00"), "bank B is repaid the rest from own funds")
    return play.rows


def test_the_table_of_the_worked_example_is_what_the_nodes_say(tmp_path: Path) -> None:
    with lending(tmp_path / "net") as market:
        rows = played(market)
    written = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    assert written == [*HEADER, *rows], "\n" + "\n".join([*HEADER, *rows])
