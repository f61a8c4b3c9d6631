"""Act three: loans are repaid, the buyers' money comes in, an exporter withdraws its consent; and, at the end of all, the replay."""

from __future__ import annotations

from api.cli.demo.act_one import SHIPMENTS
from api.cli.demo.stage import DAY_HOURS, Stage, need, record_of, tally
from api.cli.homes import reading
from contracts.ruleset import RULEBOOK
from ledger.audit import audit
from ledger.vouching import voucher_of
from nodes.customs.declaration import CustomsDeclaration
from nodes.money import Money


def play_act_three(stage: Stage) -> None:
    """Repayments to a revocation."""
    stage.world.pace.pass_hours(DAY_HOURS)
    repay_from_a_collection(stage)
    repay_from_own_funds(stage)
    collect_for_both(stage)
    revoke(stage)


def repay_from_a_collection(stage: Stage) -> None:
    """The buyer paid: what was collected cannot be financed again, so nothing becomes free."""
    stage.step("a collection repays")
    lines = _dollars(stage)
    place = 3
    what = lines[place]
    collected = need(stage.collect("bank-a", what, what.financeable))
    stage.world.settle()
    amounts = [what.financeable if at == place else Money(what.currency, 0) for at in range(len(lines))]
    repaid = stage.repay("bank-a", "A-USD-0001", amounts, [(str(record_of(collected)), what.financeable)])
    name = f"the buyer pays {what.number}; Bank A's loan on it is repaid from that"
    stage.scene(name, "2 ok", tally([collected.code, repaid.code]), [record_of(collected), record_of(repaid)], str(what.financeable))
    none = str(Money(what.currency, 0))
    stage.scene("what was collected cannot be financed again", none, str(stage.available("bank-a", what)))


def repay_from_own_funds(stage: Stage) -> None:
    """The exporter pays from its own pocket: the shipment, not collected yet, is free again."""
    stage.step("own funds repay")
    lines = _dollars(stage)
    place = 4
    what = lines[place]
    amounts = [what.financeable if at == place else Money(what.currency, 0) for at in range(len(lines))]
    repaid = stage.repay("bank-a", "A-USD-0001", amounts)
    name = f"the exporter repays {what.number} from its own funds"
    stage.scene(name, "ok", repaid.code, [record_of(repaid)], str(what.financeable))
    stage.scene("so it can be financed again", str(what.financeable), str(stage.available("bank-b", what)))


def collect_for_both(stage: Stage) -> None:
    """Two banks lent on the plums. The buyer pays one of them: the balance is closed for both."""
    stage.step("the plums are paid")
    plums = stage.cargo("exporter-a")[0]
    stage.world.pace.pass_hours(DAY_HOURS)
    collected = stage.collect("bank-c", plums, plums.financeable)
    name = "the Indonesian buyer pays for the plums at Bank C, the other lender"
    stage.scene(name, "ok", collected.code, [record_of(collected)], str(plums.financeable))
    stage.world.settle()
    lent = Money(plums.currency, plums.financeable.amount_minor * 4 // 5)
    repaid = stage.repay("bank-a", "A-PLUM-0001", [lent])
    stage.scene("Bank A's loan on the plums is repaid from the exporter's own funds", "ok", repaid.code, [record_of(repaid)], str(lent))
    stage.world.settle()
    tries = [stage.apply(bank, [(plums, lent)], f"{bank[-1].upper()}-PLUM-0009") for bank in ("bank-a", "bank-c")]
    name = "Bank A and Bank C ask for the plums again: the balance is closed for both"
    stage.scene(name, "2 exhausted", tally(each.code for each in tries), map(record_of, tries), str(lent))


def revoke(stage: Stage) -> None:
    """Exporter A, on its own node, takes back what it gave bank A."""
    stage.step("a consent is revoked")
    apples = stage.cargo("exporter-a")[1]
    revoked = stage.revoke("exporter-a", "bank-a")
    stage.scene(f"{stage.name_of('exporter-a')} revokes its consent to Bank A", "ok", revoked.code, [record_of(revoked)])
    stage.world.settle()
    answer = stage.enquire("bank-a", "exporter-a", [stage.line(apples)])
    stage.scene("Bank A's next enquiry", "consent-revoked", str(answer.get("code")), [answer["id"]])
    held = stage.apply("bank-a", [(apples, None)], "A-LATE-0001")
    stage.scene(
        "Bank A's next application, under a grant from before", "consent-revoked", held.code, [record_of(held)], str(apples.financeable)
    )
    stage.notable["revoke"] = str(record_of(revoked))


def audit_the_replica(stage: Stage) -> None:
    """The auditor believes nobody: its own copy is replayed from genesis and compared to the last byte."""
    stage.step("the auditor replays")
    height = stage.world.settle()
    with reading(stage.world.home_of("auditor")) as opened:
        report = audit(opened.store, opened.genesis, RULEBOOK, voucher_of(opened.genesis))
    got = f"ok at height {report.height}" if report.ok else f"bad at height {report.first_bad_height}"
    stage.scene(f"the auditor replays its own replica: {report.records} records", f"ok at height {height}", got)


def _dollars(stage: Stage) -> list[CustomsDeclaration]:
    """The lines of bank A's loan in dollars."""
    return [what for what in stage.cargo("exporter-b")[:SHIPMENTS] if what.currency == "USD"]
