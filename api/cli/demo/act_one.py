"""Act one: declarations are registered, exporters consent, one bank finances nearly thirty shipments, and a second one meets it."""

from __future__ import annotations

from typing import Final

from api.cli.demo.client import Answer
from api.cli.demo.stage import Stage, need, record_of, tally, total
from api.cli.demo.world import AUTHORITY
from nodes.customs.declaration import CustomsDeclaration
from nodes.money import Money

SHIPMENTS: Final = 29
PARTS: Final = ((1, 60), (2, 25))
"""Of the shipments in dollars, the ones at these places are financed by so many hundredths only: (place, hundredths)."""
_CONSENTS: Final = (
    ("exporter-a", "bank-a"),
    ("exporter-a", "bank-c"),
    ("exporter-b", "bank-a"),
    ("exporter-b", "bank-b"),
    ("exporter-c", "bank-b"),
    ("exporter-c", "bank-c"),
    ("exporter-d", "bank-c"),
)


def play_act_one(stage: Stage) -> None:
    """Import to the financing of what was left over."""
    import_files(stage)
    give_consents(stage)
    chosen = enquire_thirty(stage)
    lend_thirty(stage, chosen)
    meet_the_second_bank(stage, chosen)
    finance_the_rest(stage, chosen)


def import_files(stage: Stage) -> None:
    """Customs hands in its files, and one of them a second time."""
    stage.step("customs' files are registered")
    desk, path = stage.world.desk(AUTHORITY, "maker"), "/v1/declaration-imports"
    files = list(stage.world.cargo.files.items())
    report = desk.finished(path, desk.must(desk.upload(path, files)))
    declared = [what for found in stage.world.cargo.declarations.values() for what in found]
    items = report["items"]
    stage.ids.update({item["number"]: item["declaration_id"] for item in items if item["declaration_id"]})
    stage.scene(
        f"customs files of {len(stage.world.cargo.exporters)} exporters are registered",
        f"{len(declared)} ok",
        tally(item["result"] for item in items),
        money=total(what.financeable for what in declared),
    )
    again = desk.finished(path, desk.must(desk.upload(path, files[:1])))
    plums = stage.cargo("exporter-a")[0]
    name = f"the plums' file comes a second time (declaration {plums.number})"
    stage.scene(name, "1 already-registered", tally(item["result"] for item in again["items"]), money=str(plums.financeable))


def give_consents(stage: Stage) -> None:
    """Each exporter lets its banks enquire; exporter A on its own node, the others at the authority."""
    stage.step("exporters consent")
    stage.world.settle()
    answers = [stage.consent(exporter, bank) for exporter, bank in _CONSENTS]
    stage.scene("exporters give banks their consent", f"{len(_CONSENTS)} ok", tally(a.code for a in answers), map(record_of, answers))


def enquire_thirty(stage: Stage) -> list[CustomsDeclaration]:
    """Bank A checks the papers of one exporter in one go."""
    stage.step("bank A enquires")
    stage.world.pace.pass_hours(1)
    stage.world.settle()
    chosen = stage.cargo("exporter-b")[:SHIPMENTS]
    answer = stage.enquire("bank-a", "exporter-b", [stage.line(what) for what in chosen])
    name = f"Bank A enquires about {len(chosen)} shipments of {stage.name_of('exporter-b')} in one go"
    got = tally(line["result"] for line in answer["lines"])
    stage.scene(name, f"{len(chosen)} match", got, [answer["id"]], total(what.total for what in chosen))
    stage.notable["enquiry"] = answer["id"]
    return chosen


def lend_thirty(stage: Stage, chosen: list[CustomsDeclaration]) -> None:
    """A loan in each currency: applied for, taken in, approved by two people, paid out by two people."""
    steps: dict[str, list[Answer]] = {"apply": [], "intake": [], "approve": [], "disburse": []}
    lent: list[Money] = []
    for currency, lines in _by_currency(chosen).items():
        stage.step(f"bank A lends in {currency}")
        reference = f"A-{currency}-0001"
        wanted = [(what, _part_of(what, place) if currency == "USD" else None) for place, what in enumerate(lines)]
        applied = need(stage.apply("bank-a", wanted, reference))
        stage.world.pace.pass_hours(1)
        done = stage.lend("bank-a", reference, len(lines))
        for name, answer in zip(steps, [applied, *done], strict=True):
            steps[name].append(answer)
        lent += [part or what.financeable for what, part in wanted]
    number = len(steps["apply"])
    names = {
        "apply": "Bank A applies for a loan in each currency",
        "intake": "Bank A takes the applications in",
        "approve": "Bank A approves: maker and checker sign",
        "disburse": "Bank A pays out: maker and checker sign",
    }
    for name, answers in steps.items():
        stage.scene(names[name], f"{number} ok", tally(a.code for a in answers), map(record_of, answers), total(lent))
    stage.notable["apply"] = str(record_of(steps["apply"][0]))
    stage.notable["disburse"] = str(record_of(steps["disburse"][0]))


def meet_the_second_bank(stage: Stage, chosen: list[CustomsDeclaration]) -> None:
    """Bank B has the exporter's consent too, sees how the shipments stand, and applies all the same."""
    stage.step("bank B tries the same")
    stage.world.pace.pass_hours(20)
    stage.world.settle()
    answer = stage.enquire("bank-b", "exporter-b", [stage.line(what) for what in chosen])
    uses = tally(line["status"]["use"] for line in answer["lines"])
    parts = len(PARTS)
    expected = f"{len(chosen) - parts} fully-financed, {parts} part-financed"
    stage.scene("Bank B enquires under its own consent and sees what is taken", expected, uses, [answer["id"]])
    lines = _by_currency(chosen)["USD"]
    refused = stage.apply("bank-b", [(what, what.financeable) for what in lines], "B-USD-0001", mode="partial")
    left = [Money.from_json(line["left"]) for line in refused.body["lines"] if line["code"] == "exceeds-available" and line["left"]]
    stage.scene(
        f"Bank B applies for the {len(lines)} in dollars: refused line by line, told what is left",
        f"{len(lines) - parts} exhausted, {parts} exceeds-available",
        tally(line["code"] for line in refused.body["lines"]),
        [record_of(refused)],
        f"left {', '.join(map(str, left))}",
    )
    stage.notable["refused"] = str(record_of(refused))


def finance_the_rest(stage: Stage, chosen: list[CustomsDeclaration]) -> None:
    """What is left of a partly used shipment is bank B's to finance."""
    stage.step("bank B finances a rest")
    what = _by_currency(chosen)["USD"][PARTS[0][0]]
    rest = stage.available("bank-b", what)
    applied = need(stage.apply("bank-b", [(what, None)], "B-REST-0001"))
    answers = [applied, *stage.lend("bank-b", "B-REST-0001", 1)]
    name = f"Bank B finances all that is left of {what.number}"
    stage.scene(name, "4 ok", tally(a.code for a in answers), map(record_of, answers), str(rest))
    after = stage.declaration("bank-b", what)["status"]["use"]
    stage.scene(f"{what.number} is used in full, by two banks", "fully-financed", after, money=str(what.financeable))


def _by_currency(chosen: list[CustomsDeclaration]) -> dict[str, list[CustomsDeclaration]]:
    found: dict[str, list[CustomsDeclaration]] = {}
    for what in chosen:
        found.setdefault(what.currency, []).append(what)
    return found


def _part_of(what: CustomsDeclaration, place: int) -> Money | None:
    """What is asked on the shipment at a place: part of it, or (None) all."""
    hundredths = dict(PARTS).get(place)
    if hundredths is None:
        return None
    return Money(what.currency, what.financeable.amount_minor * hundredths // 100)
