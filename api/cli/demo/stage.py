"""What the people of the story do, each thing by calls to a member's API; and the list of scenes with what had to come of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from api.cli.demo.client import Answer, Desk, Unexpected
from api.cli.demo.pace import HOUR_MS
from api.cli.demo.world import AUTHORITY, World
from ledger.clock import rfc3339
from nodes.customs.declaration import CustomsDeclaration
from nodes.money import Money

DAY_HOURS: Final = 24
_CONSENT_DAYS: Final = 180
_HOLD_DAYS: Final = 10


@dataclass(frozen=True, slots=True)
class Scene:
    """`expected` and `got` are codes, counted; `money` is what it was about, for people."""

    name: str
    expected: str
    got: str
    record_ids: tuple[str, ...]
    money: str = ""

    @property
    def ok(self) -> bool:
        return self.expected == self.got

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "expected": self.expected, "got": self.got, "record_ids": list(self.record_ids)}


class Stage:
    """`on_scene` sees each scene as it ends, `on_step` what is going on meanwhile."""

    def __init__(self, world: World, on_scene: Callable[[Scene], None], on_step: Callable[[str], None]) -> None:
        self.world = world
        self.scenes: list[Scene] = []
        self.consents: dict[tuple[str, str], str] = {}
        self.ids: dict[str, str] = {}
        self.financings: dict[str, str] = {}
        self.notable: dict[str, str] = {}
        self._on_scene, self.step = on_scene, on_step

    def scene(self, name: str, expected: str, got: str, record_ids: Iterable[str | None] = (), money: str = "") -> None:
        """Ends a scene."""
        done = Scene(name, expected, got, tuple(each for each in record_ids if each), money)
        self.scenes.append(done)
        self._on_scene(done)

    def cargo(self, exporter: str) -> list[CustomsDeclaration]:
        return self.world.cargo.declarations[exporter]

    def name_of(self, exporter: str) -> str:
        return next(each.name for each in self.world.cargo.exporters if each.id == exporter)

    def time(self, hours: int = 0) -> str:
        """The time by the story's clock, or some hours later."""
        return rfc3339(self.world.clock.now_ms() + hours * HOUR_MS)

    def today(self, days: int = 0) -> str:
        return self.time(days * DAY_HOURS)[:10]

    def consent(self, exporter: str, bank: str) -> Answer:
        """An exporter lets a bank enquire: on its own node, or at the authority that has it in custody."""
        desk = self._exporter(exporter)
        ends = self.time(_CONSENT_DAYS * DAY_HOURS)
        body = {"bank": bank, "scopes": ["finance"], "not_before": self.time(), "not_after": ends, "uses": 20}
        answer = desk.post("/v1/consents", body)
        if answer.code == "ok":
            self.consents[exporter, bank] = str(answer.body["id"])
        return answer

    def revoke(self, exporter: str, bank: str) -> Answer:
        return self._exporter(exporter).post(f"/v1/consents/{self.consents[exporter, bank]}/revoke", {})

    def enquire(self, bank: str, exporter: str, lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """A bank asks about declarations under the exporter's consent, and waits for the authority's answer."""
        desk = self.world.desk(bank, "maker")
        body = {"kind": "declarations", "consent_id": self.consents[exporter, bank], "lines": list(lines)}
        answer = desk.finished("/v1/enquiries", desk.must(desk.post("/v1/enquiries", body)))
        for line in answer["lines"]:
            if line["declaration_id"]:
                self.ids[line["number"]] = line["declaration_id"]
        return answer

    def line(self, what: CustomsDeclaration, **changes: Any) -> dict[str, Any]:
        """What a bank reads on the paper that the exporter shows."""
        amount = what.total.to_json()
        return {"number": what.number, "exporter_uscc": what.exporter_uscc, "amount": amount, "export_date": what.export_date, **changes}

    def apply(
        self,
        bank: str,
        wanted: Sequence[tuple[CustomsDeclaration, Money | None]],
        reference: str,
        *,
        until: str | None = None,
        mode: str = "all",
    ) -> Answer:
        """A bank asks for holds, of ten days where it says no other end. None: all that is left."""
        lines = [{"declaration_id": self.ids[what.number], "amount": money and money.to_json()} for what, money in wanted]
        end: dict[str, Any] = {"hold_days": _HOLD_DAYS} if until is None else {"hold_until": until}
        body = {"lines": lines, "product": "export-receivables", "reference": reference, **end, "mode": mode}
        answer = self.world.desk(bank, "maker").post("/v1/financings", body)
        if answer.code == "ok":
            self.financings[reference] = str(answer.body["id"])
        return answer

    def intake(self, bank: str, reference: str) -> Answer:
        return self.world.desk(bank, "maker").post(f"/v1/financings/{self.financings[reference]}/intake", {"keep": None})

    def approve(self, bank: str, reference: str) -> Answer:
        pledge = {
            "agreement": f"PLEDGE-{reference}",
            "registration_number": f"0{len(self.scenes):02d}{reference[-4:]}",
            "registered_at": self.time(),
        }
        return self.by_two(bank, f"/v1/financings/{self.financings[reference]}/approve", {"pledge": pledge, "keep": None})

    def disburse(self, bank: str, reference: str, lines: int) -> Answer:
        """Pays out all that was approved."""
        body = {
            "amounts": [None] * lines,
            "final": True,
            "disbursed_on": self.today(),
            "matures_on": self.today(90),
            "reference": f"LOAN-{reference}",
        }
        return self.by_two(bank, f"/v1/financings/{self.financings[reference]}/disburse", body)

    def lend(self, bank: str, reference: str, lines: int) -> list[Answer]:
        """From application to money: taken in, approved by two people, paid out by two people, a day later."""
        answers = [self.intake(bank, reference), self.approve(bank, reference)]
        self.world.pace.pass_hours(2)
        return [*answers, self.disburse(bank, reference, lines)]

    def repay(self, bank: str, reference: str, amounts: Sequence[Money], collections: Sequence[tuple[str, Money]] = ()) -> Answer:
        body = {
            "amounts": [money.to_json() for money in amounts],
            "source": "collections" if collections else "own-funds",
            "collections": [{"collection_id": each, "amount": money.to_json()} for each, money in collections],
            "paid_on": self.today(),
            "reference": f"REPAY-{reference}",
        }
        return self.by_two(bank, f"/v1/financings/{self.financings[reference]}/repay", body)

    def collect(self, bank: str, what: CustomsDeclaration, money: Money) -> Answer:
        """The buyer's money came in at this bank."""
        body = {"amount": money.to_json(), "collected_on": self.today(), "reference": f"TT-{what.contract}"}
        return self.by_two(bank, f"/v1/declarations/{self.ids[what.number]}/collections", body)

    def by_two(self, bank: str, path: str, body: dict[str, Any]) -> Answer:
        """The maker prepares and signs, the checker signs too."""
        task = self.world.desk(bank, "maker").post(path, body)
        if task.code != "ok":
            return task
        return self.world.desk(bank, "checker").post(f"/v1/tasks/{task.body['task']}/sign", {})

    def declaration(self, bank: str, what: CustomsDeclaration) -> dict[str, Any]:
        """How a declaration stands in a bank's own replica."""
        self.world.settle()
        desk = self.world.desk(bank, "maker")
        return desk.must(desk.get(f"/v1/declarations/{self.ids[what.number]}"))

    def available(self, bank: str, what: CustomsDeclaration) -> Money:
        return Money.from_json(self.declaration(bank, what)["status"]["available"])

    def void(self, what: CustomsDeclaration) -> Answer:
        return self.world.desk(AUTHORITY, "maker").post(f"/v1/declarations/{self.ids[what.number]}/void", {"reason": "withdrawn"})

    def _exporter(self, exporter: str) -> Desk:
        in_custody = next(each.custody for each in self.world.cargo.exporters if each.id == exporter)
        return self.world.desk(AUTHORITY, exporter) if in_custody else self.world.desk(exporter, "maker")


def tally(codes: Iterable[str]) -> str:
    """Codes counted: `27 exhausted, 2 exceeds-available`, the commonest first; a single one stands alone."""
    counted = sorted(Counter(codes).items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{number} {code}" for code, number in counted) or "nothing"


def total(amounts: Iterable[Money]) -> str:
    """Sums by currency: `USD 1,234.00 + JPY 500`."""
    sums: dict[str, int] = {}
    for money in amounts:
        sums[money.currency] = sums.get(money.currency, 0) + money.amount_minor
    return " + ".join(str(Money(currency, minor)) for currency, minor in sums.items())


def record_of(answer: Answer) -> str | None:
    """The record that an answer is about."""
    found = answer.body.get("record_id")
    return None if found is None else str(found)


def need(answer: Answer) -> Answer:
    """An answer without which the story cannot go on. Raises `Unexpected`."""
    if answer.code != "ok":
        raise Unexpected(answer.code, str(answer.body.get("detail", "")), hint=str(answer.body.get("hint", "")))
    return answer
