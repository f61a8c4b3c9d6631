"""Act two: two banks race, false papers are found out, a shipment is withdrawn, and a hold that nobody used lapses."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Final

from api.cli.demo.stage import Stage, need, record_of, tally
from ledger.clock import rfc3339
from nodes.customs.declaration import CustomsDeclaration
from nodes.money import Money

RACERS: Final = ("bank-b", "bank-c")


def play_act_two(stage: Stage) -> None:
    """The race to the lapsed hold."""
    race(stage)
    show_false_papers(stage)
    withdraw(stage)
    let_a_hold_lapse(stage)


def race(stage: Stage) -> None:
    """Two banks ask for all of one shipment in the same moment: one order decides, and exactly one of them wins."""
    stage.step("two banks race")
    stage.world.pace.pass_hours(6)
    stage.world.settle()
    what = stage.cargo("exporter-c")[0]
    for bank in RACERS:
        stage.enquire(bank, "exporter-c", [stage.line(what)])
    with stage.world.starting_line(len(RACERS)) as line, ThreadPoolExecutor(len(RACERS)) as pool:
        racing = [pool.submit(stage.apply, bank, [(what, what.financeable)], f"RACE-{bank}") for bank in RACERS]
        line.start(racing)
        answers = [each.result() for each in racing]
    stage.scene(
        f"Bank B and Bank C ask for {what.number} at the same time: exactly one wins",
        "1 exhausted, 1 ok",
        tally(answer.code for answer in answers),
        map(record_of, answers),
        str(what.financeable),
    )
    stage.world.settle()
    records = [str(record_of(answer)) for answer in answers]
    orders = {tuple(sorted(records, key=lambda record: stage.world.place_of(member, record))) for member in stage.world.members()}
    name = "every member's replica holds both applications, and in the same order"
    stage.scene(name, "1 order", f"{len(orders)} order{'' if len(orders) == 1 else 's'}", records)
    for answer in answers:
        stage.notable["winner" if answer.code == "ok" else "loser"] = str(record_of(answer))


def show_false_papers(stage: Stage) -> None:
    """Bank A is shown papers of exporter A, genuine ones and others."""
    stage.step("false papers")
    genuine = stage.cargo("exporter-a")
    plums, other = genuine[0], stage.cargo("exporter-c")[1]
    answer = stage.enquire("bank-a", "exporter-a", [stage.line(what) for what in genuine])
    got = tally(line["result"] for line in answer["lines"])
    stage.scene(f"Bank A checks the {len(genuine)} papers of {stage.name_of('exporter-a')}", f"{len(genuine)} match", got, [answer["id"]])
    forged = plums.number[:-4] + "9999"
    import_number = plums.number[:8] + "1" + plums.number[9:]
    more = Money(plums.currency, plums.total.amount_minor * 2)
    cases = [
        ("a forged number", "unknown", stage.line(plums, number=forged)),
        ("another exporter's number", "unknown", stage.line(other, exporter_uscc=plums.exporter_uscc)),
        (f"the plums, said to be worth {more}", "amount-mismatch", stage.line(plums, amount=more.to_json())),
        ("an import declaration", "not-export", stage.line(plums, number=import_number)),
    ]
    answer = stage.enquire("bank-a", "exporter-a", [line for _, _, line in cases])
    for (name, expected, _), line in zip(cases, answer["lines"], strict=True):
        stage.scene(f"Bank A is shown {name}", expected, line["result"], [answer["id"]])


def withdraw(stage: Stage) -> None:
    """Customs voids a shipment that bank A already has a grant for."""
    stage.step("a declaration is voided")
    what = stage.cargo("exporter-a")[3]
    voided = need(stage.void(what))
    stage.world.settle()
    answer = stage.enquire("bank-a", "exporter-a", [stage.line(what)])
    stage.scene(
        "Bank A enquires about a declaration that customs voided", "void", answer["lines"][0]["status"]["declaration"], [answer["id"]]
    )
    refused = stage.apply("bank-a", [(what, None)], "A-VOID-0001")
    stage.scene(f"Bank A applies for it all the same ({what.number})", "void", refused.code, [record_of(voided), record_of(refused)])


def let_a_hold_lapse(stage: Stage) -> None:
    """Bank C holds all of the plums and does nothing; when the hold's time is over they are free again."""
    stage.step("a hold lapses")
    plums = stage.cargo("exporter-a")[0]
    stage.enquire("bank-c", "exporter-a", [stage.line(what) for what in stage.cargo("exporter-a")[:3]])
    until_ms = stage.world.pace.short_hold_until_ms()
    held = need(stage.apply("bank-c", [(plums, None)], "C-PLUM-0001", until=rfc3339(until_ms)))
    stage.scene(
        "Bank C holds the plums, 11.25 t from Yingkou to Indonesia, for a short time", "ok", held.code, [record_of(held)], str(plums.total)
    )
    stage.world.settle()
    early = stage.apply("bank-a", [(plums, _four_fifths(plums))], "A-PLUM-0000")
    stage.scene("Bank A asks for four fifths of the plums meanwhile", "exhausted", early.code, [record_of(early)], str(_four_fifths(plums)))
    stage.world.pace.pass_until_ms(until_ms)
    late = stage.intake("bank-c", "C-PLUM-0001")
    stage.scene("when it has lapsed Bank C takes its application in: too late", "hold-expired", late.code, [record_of(late)])
    free = stage.available("bank-a", plums)
    stage.scene("the plums are free again", str(plums.financeable), str(free))
    applied = need(stage.apply("bank-a", [(plums, _four_fifths(plums))], "A-PLUM-0001"))
    answers = [applied, *stage.lend("bank-a", "A-PLUM-0001", 1)]
    name = "Bank A finances four fifths of the plums"
    stage.scene(name, "4 ok", tally(a.code for a in answers), map(record_of, answers), str(_four_fifths(plums)))
    rest = stage.available("bank-c", plums)
    applied = need(stage.apply("bank-c", [(plums, None)], "C-PLUM-0002"))
    answers = [applied, *stage.lend("bank-c", "C-PLUM-0002", 1)]
    stage.scene("Bank C finances the last fifth", "4 ok", tally(a.code for a in answers), map(record_of, answers), str(rest))


def _four_fifths(what: CustomsDeclaration) -> Money:
    return Money(what.currency, what.financeable.amount_minor * 4 // 5)
