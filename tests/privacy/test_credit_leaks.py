"""Credit facts leave the authority's home only into answers, and a bank's limits leave its own home not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from nodes.credit.assessments import Assessments
from nodes.credit.imports import import_objects
from nodes.credit.parameters import ParameterBook, parameters_of
from nodes.credit.profiles import Profiles
from nodes.enquiries.asking import Enquiries
from nodes.enquiries.worker import EnquiryWorker
from tests.nodes.credit.examples import BASIC, CLASS_A
from tests.nodes.network import CUSTODY, NAMES, OWN, Network, asked, caller, network
from tests.privacy.leak_search import search_file, search_tree, secrets_wanted
from tests.privacy.rights import Knowledge, Supervision

TOLD_MINOR, CUSTODY_MINOR, MONTH_MINOR, OLD_MINOR, FINE_MINOR = 123_456_791, 987_654_331, 456_789_137, 314_159_271, 271_828_183
PARAMETERS = {
    "currency": "USD",
    "weights": {"collections": 987_653, "payments": 0, "exports": 0, "imports": 0},
    "services": False,
    "capital": False,
    "class_factors": {"A": 1_000_000, "B": 0, "C": 0},
    "penalty_haircut_ppm": 0,
    "cap_minor": 135_791_113_17,
    "floor_minor": 0,
    "missing_as_zero": [],
    "rates": [],
    "rate_source": None,
    "rates_of": None,
}
LIMIT_MINOR = TOLD_MINOR * 987_653 // 1_000_000


@dataclass(frozen=True)
class Played:
    """A network in which bank A was told basic and trade facts of one exporter, and bank B was told of a declaration of it only."""

    net: Network
    supervision: Supervision
    every: Knowledge

    def secret_to(self, bank: str) -> Knowledge:
        return self.every.without(self.supervision.right_of(bank))

    def home(self, name: str) -> Path:
        return self.net.founded.homes[name]


def decimal(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"


def rows(uscc: str, collected_minor: int) -> list[dict[str, str]]:
    year = {"kind": "year", "uscc": uscc, "year": "2025"}
    penalty = {"kind": "penalty", "uscc": uscc, "penalty_reference": f"辽汇检罚第{uscc[-4:]}号", "decided_on": "2024-04-02"}
    return [
        {**BASIC, "uscc": uscc, "name": NAMES[uscc]},
        {**CLASS_A, "uscc": uscc, "class_reason": f"reason of {uscc}"},
        {**year, "collections_goods": decimal(OLD_MINOR)},
        {**year, "collections_goods": decimal(collected_minor)},
        {"kind": "month", "uscc": uscc, "month": "2026-05", "collections_goods": decimal(MONTH_MINOR + collected_minor)},
        {**penalty, "description": f"逾期未报告贸易信贷之{uscc[-4:]}", "penalty_amount": decimal(FINE_MINOR), "currency": "CNY"},
    ]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    with network(tmp_path_factory.mktemp("credit") / "net") as net:
        profiles = Profiles(net.authority.private, net.clock)
        recorded = import_objects(profiles, [*rows(OWN, TOLD_MINOR), *rows(CUSTODY, CUSTODY_MINOR)], "clerk", "test")
        assert {row.result for row in recorded} == {"recorded", "superseded"}
        one = net.fresh(OWN)
        net.ask(net.consent(OWN, "bank-b"), asked(one), bank=net.bank_b)
        consent = net.consent(OWN, scopes=("basic", "trade-credit"))
        enquiry = Enquiries(net.bank_a).ask(caller(net.bank_a), consent.id, [], "credit")
        net.settle()
        while EnquiryWorker(net.authority).run_once():
            pass
        net.settle()
        ParameterBook(net.bank_a.private, net.clock).set(parameters_of(PARAMETERS), "risk")
        made = Assessments(net.bank_a).make(enquiry, "risk")
        assert made.content["limit"]["value"] == decimal(LIMIT_MINOR)
        supervision = Supervision(net.founded.homes["authority"])
        yield Played(net, supervision, supervision.everything())


def test_a_bank_holds_what_it_was_told_and_nothing_else(played: Played) -> None:
    told = {hit.secret for hit in search_tree(played.home("bank-a"), played.supervision.right_of("bank-a").wanted())}
    assert {str(TOLD_MINOR), str(MONTH_MINOR + TOLD_MINOR), NAMES[OWN]} <= told
    secret = played.secret_to("bank-a")
    assert {CUSTODY_MINOR, OLD_MINOR, FINE_MINOR} <= {minor for minor, _ in secret.amounts}
    assert any("贸易信贷" in text for text in secret.texts) and any("罚" in text for text in secret.texts)
    assert not search_tree(played.home("bank-a"), secret.wanted())


def test_a_bank_without_a_consent_to_credit_holds_no_fact(played: Played) -> None:
    secret = played.secret_to("bank-b")
    assert {TOLD_MINOR, MONTH_MINOR + TOLD_MINOR, CUSTODY_MINOR} <= {minor for minor, _ in secret.amounts}
    assert not search_tree(played.home("bank-b"), secret.wanted())


def test_an_exporter_holds_what_was_told_of_it_and_no_fact_of_another(played: Played) -> None:
    told = {hit.secret for hit in search_tree(played.home("exporter-a"), secrets_wanted([], [(TOLD_MINOR, 2)]))}
    assert told == {str(TOLD_MINOR)}
    others = secrets_wanted([f"reason of {CUSTODY}"], [(CUSTODY_MINOR, 2), (FINE_MINOR, 2)])
    assert not search_tree(played.home("exporter-a"), others)


@pytest.mark.parametrize("name", ["authority", "bank-a", "bank-b", "exporter-a"])
def test_no_replica_of_the_ledger_holds_a_fact(played: Played, name: str) -> None:
    for path in sorted(played.home(name).glob("ledger.db*")):
        assert not search_file(path, played.every.wanted())


def test_the_search_finds_every_fact_at_the_authority(played: Played) -> None:
    found = {hit.secret for hit in search_tree(played.home("authority"), played.every.wanted())}
    assert {str(TOLD_MINOR), str(CUSTODY_MINOR), str(OLD_MINOR), f"reason of {CUSTODY}"} <= found


def test_a_limit_and_its_parameters_stay_in_the_banks_home(played: Played) -> None:
    wanted = secrets_wanted([], [(LIMIT_MINOR, 2), (PARAMETERS["cap_minor"], 2)])  # type: ignore[list-item]  # an int
    assert {hit.secret for hit in search_tree(played.home("bank-a"), wanted)} == {decimal(LIMIT_MINOR), str(PARAMETERS["cap_minor"])}
    for name in ("authority", "bank-b", "exporter-a"):
        assert not search_tree(played.home(name), wanted)
    assert not search_file(played.home("bank-a") / "ledger.db", wanted)
