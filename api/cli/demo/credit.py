"""Credit: exporter A lets bank A see its cross-border credit information, and the bank computes a limit by its own rules."""

from __future__ import annotations

from typing import Any, Final

from api.cli.demo.stage import DAY_HOURS, Stage, need, record_of
from api.cli.demo.world import AUTHORITY, CORE_SYSTEM
from nodes.money import Money

_CONSENT_DAYS: Final = 30
_SCOPES: Final = ["basic", "trade-credit", "regulatory-credit"]
_PARAMETERS: Final[dict[str, Any]] = {
    "currency": "USD",
    "weights": {"collections": 200_000, "payments": 50_000, "exports": 150_000, "imports": 25_000},
    "services": True,
    "capital": False,
    "class_factors": {"A": 1_000_000, "B": 500_000, "C": 0},
    "penalty_haircut_ppm": 100_000,
    "cap": {"currency": "USD", "value": "5000000.00"},
    "floor": {"currency": "USD", "value": "10000.00"},
}


def credit_limit(stage: Stage) -> None:
    """From the authority's facts to the bank's limit, under one consent."""
    stage.step("credit facts and a limit")
    authority, bank = stage.world.desk(AUTHORITY, "maker"), stage.world.desk("bank-a", "maker")
    report = authority.must(authority.post("/v1/credit-profiles", list(stage.world.cargo.facts)))
    stage.scene("the authority takes credit facts in", f"{len(stage.world.cargo.facts)} recorded", f"{report['accepted']} recorded")
    exporter = stage.world.desk("exporter-a", "maker")
    ends = stage.time(_CONSENT_DAYS * DAY_HOURS)
    terms = {"bank": "bank-a", "scopes": _SCOPES, "not_before": stage.time(), "not_after": ends, "uses": 2}
    given = need(exporter.post("/v1/consents", terms))
    stage.world.settle()
    begun = bank.must(bank.post("/v1/enquiries", {"kind": "credit", "consent_id": given.body["id"]}))
    enquiry = bank.finished("/v1/enquiries", begun)
    name = f"Bank A enquires about the credit of {stage.name_of('exporter-a')}, under its consent"
    stage.scene(name, "reported", str((enquiry["credit"] or {}).get("result")), [record_of(given), enquiry["id"]])
    programs = stage.world.desk("bank-a", CORE_SYSTEM)
    programs.must(programs.post("/v1/credit-parameters", _PARAMETERS))
    year = max(row["year"] for row in enquiry["credit"]["trade_credit"]["years"])
    assessed = bank.must(bank.post("/v1/credit-assessments", {"enquiry_id": enquiry["id"], "year": year}))
    limit = Money.from_json(assessed["limit"])
    parts = len(assessed["contributions"])
    stage.scene(f"Bank A's limit by its own parameters, with {parts} contributions named", "4 named", f"{parts} named", money=str(limit))
