"""Act four: the days that go wrong. A shipment is declared again under a loan, a paper turns out to be forged, a court freezes, a bank is
suspended and its loan is repaid all the same; and the authority sees all of it.
"""

from __future__ import annotations

from typing import Any, Final

from api.cli.demo.act_one import PARTS, SHIPMENTS
from api.cli.demo.credit import credit_limit
from api.cli.demo.stage import DAY_HOURS, Stage, need, record_of, tally
from api.cli.demo.world import AUTHORITY
from nodes.customs.declaration import CustomsDeclaration
from nodes.money import Money, decimal_text

_EXPECTED_ALERTS: Final = frozenset(
    {
        "refused-duplicate",
        "over-limit-attempt",
        "double-attempt",
        "voided-under-financing",
        "replaced-under-financing",
        "dispute-opened",
        "frozen-attempt",
    }
)
_COURT: Final = {"document_sha256": "c0" * 32, "issuer": "Dalian Maritime Court", "reference": "(2026) Liao 72 Cai Bao 14", "text": ""}


def play_act_four(stage: Stage) -> None:
    """Credit to the authority's table."""
    stage.world.pace.pass_hours(DAY_HOURS)
    credit_limit(stage)
    declare_again(stage)
    refinance(stage)
    dispute_a_paper(stage)
    freeze_a_shipment(stage)
    suspend_a_bank(stage)
    watch(stage)


def declare_again(stage: Stage) -> None:
    """Customs voids a shipment under a loan and registers it anew, for more: the loan stands on the new one from then on."""
    stage.step("a shipment is declared again")
    old = stage.cargo("exporter-d")[0]
    stage.enquire("bank-c", "exporter-d", [stage.line(old)])
    half = Money(old.currency, old.financeable.amount_minor // 2)
    applied = need(stage.apply("bank-c", [(old, half)], "C-AGAIN-0001"))
    lent = [applied, *stage.lend("bank-c", "C-AGAIN-0001", 1)]
    stage.scene(f"Bank C lends half of {old.number}", "4 ok", tally(each.code for each in lent), map(record_of, lent), str(half))
    voided = need(stage.void(old))
    new_number = f"{old.number[:9]}{int(old.number[9:]) + 700_000:09d}"
    desk, path = stage.world.desk(AUTHORITY, "maker"), "/v1/declaration-imports"
    doubled = 2 * old.total_minor
    report = desk.finished(path, desk.must(desk.post(path, [_row(old, new_number, doubled)])))
    (item,) = report["items"]
    stage.ids[new_number] = item["declaration_id"]
    name = f"customs voids it, and registers the shipment again for twice as much ({new_number})"
    stage.scene(name, "ok", item["result"], [record_of(voided)], str(Money(old.currency, doubled)))
    new = old.model_copy(update={"number": new_number})
    bank = stage.world.desk("bank-c", "maker")
    stage.world.settle()
    told = bank.must(bank.get("/v1/notices"))["items"]
    kinds = tally(each["kind"] for each in told if each["financing_id"] == stage.financings["C-AGAIN-0001"])
    stage.scene("Bank C is told what became of its loan's declaration", "1 replaced, 1 voided", kinds, (each["record_id"] for each in told))
    answer = stage.enquire("bank-c", "exporter-d", [{**stage.line(new), "amount": None, "export_date": None}])
    left = answer["lines"][0]["status"]["available"]
    carried = Money(old.currency, doubled - half.amount_minor)
    stage.scene("the loan stands on the new declaration: of that, three quarters are left", str(carried), str(Money.from_json(left)))
    stage.world.pace.pass_hours(2)
    loan = desk_financing(stage, "bank-c", "C-AGAIN-0001")
    repaid = stage.repay("bank-c", "C-AGAIN-0001", [half])
    name = "Bank C's loan is repaid from the exporter's own funds, and all of the new declaration is free"
    stage.scene(name, "ok", repaid.code, [record_of(repaid)], str(half))
    stage.world.settle()
    free = bank.must(bank.get(f"/v1/declarations/{stage.ids[new_number]}"))["status"]["available"]
    stage.scene("nothing was lost and nothing lent twice on the way", str(Money(old.currency, doubled)), str(Money.from_json(free)))
    stage.notable["moved"] = str(loan["id"])


def refinance(stage: Stage) -> None:
    """Bank B hands its loan over to Bank A, under a grant of Bank A's own: nothing is repaid, and nothing is free in between."""
    stage.step("a loan changes its lender")
    what = [each for each in stage.cargo("exporter-b")[:SHIPMENTS] if each.currency == "USD"][PARTS[0][0]]
    stage.enquire("bank-a", "exporter-b", [stage.line(what)])
    old = desk_financing(stage, "bank-b", "B-REST-0001")
    owed = Money.from_json(old["totals"]["outstanding"])
    terms = {"to": "bank-a", "until": stage.time(DAY_HOURS), "terms": "at par", "note": ""}
    offered = need(stage.by_two("bank-b", f"/v1/financings/{old['id']}/transfer", terms))
    stage.world.settle()
    taken = stage.by_two("bank-a", f"/v1/financings/{old['id']}/take-over", {"reference": "A-REST-0001", "product": "refinancing"})
    stage.world.settle()
    states = desk_financing(stage, "bank-b", "B-REST-0001")["state"]
    name = f"Bank B offers its loan on {what.number} to Bank A, which takes it over"
    stage.scene(name, "ok, TRANSFERRED", f"{taken.code}, {states}", [record_of(offered), record_of(taken)], str(owed))
    use = stage.declaration("bank-a", what)["status"]["use"]
    stage.scene("the shipment was used in full before, and is after", "fully-financed", use)


def dispute_a_paper(stage: Stage) -> None:
    """Bank A hands in a paper that exporter C never signed."""
    stage.step("a paper is disputed")
    what = stage.cargo("exporter-c")[2]
    desk = stage.world.desk("bank-a", "maker")
    scan = b"%PDF-1.7\n% a consent that nobody gave\n%%EOF\n"
    attachment = desk.must(desk.upload("/v1/attachments", [("consent.pdf", scan)]))
    basis = {"kind": "paper", "document_sha256": attachment["sha256"], "signatory": "Wang Qiang"}
    body = {"kind": "declarations", "basis": basis, "lines": [stage.line(what)]}
    enquiry = desk.finished("/v1/enquiries", desk.must(desk.post("/v1/enquiries", body)))
    line = enquiry["lines"][0]
    stage.ids[what.number] = line["declaration_id"]
    name = f"Bank A enquires on paper about a shipment of {stage.name_of('exporter-c')}"
    stage.scene(name, "match, unconfirmed", f"{line['result']}, {enquiry['basis_state']}", [enquiry["id"]])
    held = need(stage.apply("bank-a", [(what, None)], "A-PAPER-0001"))
    stage.world.settle()
    exporter = stage.world.desk(AUTHORITY, "exporter-c")
    statement = {"record": enquiry["consent_id"], "statement": "Nobody of this name works here."}
    disputed = exporter.post("/v1/disputes", statement)
    stage.world.settle()
    state = desk_financing(stage, "bank-a", "A-PAPER-0001")["state"]
    name = "the exporter is told, and disputes it: the consent ends, and Bank A's hold is gone"
    stage.scene(name, "ok, CANCELLED", f"{disputed.code}, {state}", [record_of(held), record_of(disputed)], str(what.financeable))


def freeze_a_shipment(stage: Stage) -> None:
    """A court's order stands against one declaration until it is lifted."""
    stage.step("a court freezes")
    what = stage.cargo("exporter-c")[3]
    stage.enquire("bank-b", "exporter-c", [stage.line(what)])
    authority = stage.world.desk(AUTHORITY, "checker")
    body = {**_COURT, "kind": "declaration", "target": stage.ids[what.number]}
    order = need(authority.post("/v1/orders", body))
    stage.world.settle()
    refused = stage.apply("bank-b", [(what, None)], "B-ICE-0001")
    stage.scene(f"a court has {what.number} frozen; Bank B applies", "frozen", refused.code, [record_of(order), record_of(refused)])
    lifted = need(authority.post(f"/v1/orders/{order.body['id']}/lift", _COURT))
    stage.world.settle()
    again = stage.apply("bank-b", [(what, None)], "B-ICE-0002")
    stage.scene("the order is lifted, and Bank B applies again", "ok", again.code, [record_of(lifted), record_of(again)])


def suspend_a_bank(stage: Stage) -> None:
    """A suspended bank starts nothing; what it lent is repaid."""
    stage.step("a bank is suspended")
    plums = stage.cargo("exporter-a")[0]
    authority = stage.world.desk(AUTHORITY, "checker")
    suspended = need(authority.post("/v1/members/bank-c/suspend", {"reason": "investigation"}))
    stage.world.settle()
    refused = stage.apply("bank-c", [(plums, None)], "C-LATE-0001")
    name = "Bank C is suspended, and applies"
    stage.scene(name, "suspended", refused.code, [record_of(suspended), record_of(refused)])
    owed = desk_financing(stage, "bank-c", "C-PLUM-0002")["totals"]["outstanding"]
    repaid = stage.repay("bank-c", "C-PLUM-0002", [Money.from_json(owed)])
    stage.scene("its loan on the plums is repaid all the same", "ok", repaid.code, [record_of(repaid)], str(Money.from_json(owed)))
    back = need(authority.post("/v1/members/bank-c/reinstate", {}))
    stage.scene("the authority reinstates it", "ok", back.code, [record_of(back)])
    stage.world.settle()


def watch(stage: Stage) -> None:
    """What the authority sees of all this: figures, stage times, alerts, and whether money and shares agree."""
    stage.step("the authority looks")
    desk = stage.world.desk(AUTHORITY, "maker")
    table = desk.must(desk.get("/v1/monitoring/summary"))["items"]
    lent = sum(row["disbursed_count"] for row in table)
    stage.scene(f"the authority's table: {lent} disbursements in {len(table)} currencies", "ok", "ok" if table else "empty")
    stages = {row["stage"]: row for row in desk.must(desk.get("/v1/monitoring/stages"))["items"]}
    within = stages["apply-to-disburse"]["within_a_day_ppm"]
    stage.scene("from application to disbursement within a day: the platform's promise", "1000000 ppm", f"{within} ppm")
    found = _all_alerts(stage)
    raised = {alert["code"] for alert in found}
    missing = ", ".join(sorted(_EXPECTED_ALERTS - raised)) or "all raised"
    stage.scene(f"{len(found)} alerts of {len(raised)} kinds, each with the records that prove it", "all raised", missing)
    alert = next(each for each in found if each["code"] == "double-attempt")
    checker = stage.world.desk(AUTHORITY, "checker")
    need(checker.post(f"/v1/alerts/{alert['id']}/take", {}))
    closed = need(checker.post(f"/v1/alerts/{alert['id']}/close", {"reason": "two honest banks, one of them refused"}))
    stage.scene("the authority takes one up, and closes it with a reason", "closed", str(closed.body["state"]), alert["records"][:2])
    differences = desk.must(desk.get("/v1/monitoring/reconciliation", differences="true"))["items"]
    stage.scene("sealed money and public shares agree on every declaration", "0 differences", f"{len(differences)} differences")


def desk_financing(stage: Stage, bank: str, reference: str) -> dict[str, Any]:
    """A financing as its bank sees it."""
    desk = stage.world.desk(bank, "maker")
    return desk.must(desk.get(f"/v1/financings/{stage.financings[reference]}"))


def _all_alerts(stage: Stage) -> list[dict[str, Any]]:
    desk = stage.world.desk(AUTHORITY, "maker")
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        page = desk.must(desk.get("/v1/alerts", limit="100", **after))
        found += page["items"]
        if page["next"] is None:
            return found
        after = {"after": page["next"]}


def _row(old: CustomsDeclaration, number: str, total_minor: int) -> dict[str, str]:
    """The same shipment under a new number and for another amount, as a row of the import's table."""
    line = old.lines[0]
    return {
        "declaration_number": number,
        "import_export_flag": "E",
        "exporter_uscc": old.exporter_uscc,
        "exporter_name": old.exporter_name,
        "buyer": old.buyer,
        "contract": old.contract,
        "bill_of_lading": old.bill_of_lading,
        "office": old.office,
        "trade_mode": old.trade_mode,
        "destination_country": old.destination_country,
        "export_date": old.export_date,
        "replaces": old.number,
        "hs_code": line.hs_code,
        "goods_name": line.name,
        "quantity": line.quantity,
        "line_total": decimal_text(total_minor, old.currency),
        "currency": old.currency,
    }
