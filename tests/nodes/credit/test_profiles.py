from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.clock import SettableClock
from ledger.errors import InputError, NotFound
from nodes.credit import profiles as module
from nodes.credit.facts import PenaltyFact, YearFact, content_of, fact_of
from nodes.credit.imports import import_objects
from nodes.credit.profiles import Profiles
from tests.nodes.credit.examples import BASIC, MONTH, ROWS, USCC, YEAR, profiles, record

Store = tuple[Profiles, SettableClock]


@pytest.fixture(params=["sqlite", "postgresql"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    place = request.getfixturevalue("postgresql_url") if request.param == "postgresql" else tmp_path
    with profiles(place) as opened:
        yield opened


def test_what_is_recorded_is_read_again(kept: Store) -> None:
    store, clock = kept
    assert record(store, *ROWS) == ["recorded"] * 6
    revision, facts = store.facts(USCC)
    assert revision == 6
    year = next(fact for fact in facts if isinstance(fact, YearFact))
    assert (year.currency, year.collections.services_minor, year.payments.capital_minor, year.exports_minor) == (
        "USD",
        2_050_050,
        500_000,
        111_040_040,
    )
    penalty = next(fact for fact in facts if isinstance(fact, PenaltyFact))
    assert (penalty.currency, penalty.amount_minor, penalty.repaired_on) == ("CNY", 3_000_055, None)
    assert store.get(USCC).updated_ms == clock.now_ms()


def test_zero_is_known_and_an_empty_cell_is_not(kept: Store) -> None:
    store, _ = kept
    record(store, {"kind": "year", "uscc": USCC, "year": "2024", "collections_capital": "0", "exports": ""})
    (year,) = store.facts(USCC)[1]
    assert isinstance(year, YearFact)
    assert (year.collections.capital_minor, year.collections.goods_minor, year.exports_minor) == (0, None, None)


def test_the_same_fact_again_changes_nothing(kept: Store) -> None:
    store, _ = kept
    record(store, *ROWS)
    assert record(store, *ROWS) == ["unchanged"] * 6
    assert store.facts(USCC)[0] == 6


def test_a_newer_fact_supersedes_and_the_older_stays_with_when_and_by_whom(kept: Store) -> None:
    store, clock = kept
    record(store, YEAR)
    clock.advance(5_000)
    corrected = {**YEAR, "exports": "1110400.41"}
    assert [row.result for row in import_objects(store, [corrected], "another clerk", "correction.xlsx")] == ["superseded"]
    old, new = store.history(USCC)
    assert (old.superseded_revision, new.superseded_revision) == (2, None)
    assert (old.recorded_by, new.recorded_by, new.source) == ("clerk", "another clerk", "correction.xlsx")
    assert new.recorded_ms - old.recorded_ms == 5_000
    assert [fact.exports_minor for fact in store.facts(USCC)[1] if isinstance(fact, YearFact)] == [111_040_041]


def test_what_was_known_at_any_revision_can_be_read_again(kept: Store) -> None:
    store, _ = kept
    shown = []
    for row in (*ROWS, {**YEAR, "imports": "1"}, {**MONTH, "withdrawn": "yes"}, {**YEAR, "imports": "2"}):
        record(store, row)
        shown.append(store.facts(USCC))
    assert [revision for revision, _ in shown] == list(range(1, 10))
    assert [store.facts(USCC, revision) for revision, _ in shown] == shown


def test_a_fact_that_was_wrong_is_withdrawn_and_may_come_again(kept: Store) -> None:
    store, _ = kept
    record(store, BASIC, MONTH)
    named = {"kind": "month", "uscc": USCC, "month": "2026-05", "withdrawn": "是"}
    assert record(store, named) == ["withdrawn"]
    assert len(store.facts(USCC)[1]) == 1
    assert record(store, named) == ["fact-unknown"]
    assert record(store, MONTH) == ["recorded"]
    assert [kept.fact is None for kept in store.history(USCC)] == [False, False, True, False]


def test_enterprises_are_listed_by_their_credit_code(kept: Store) -> None:
    store, _ = kept
    record(store, BASIC, {**BASIC, "uscc": "91110000600037341L", "name": "Third Exporter"})
    assert [profile.uscc for profile in store.list()] == ["91110000600037341L", USCC]
    assert [profile.uscc for profile in store.list("91110000600037341L")] == [USCC]
    assert store.facts("91350100M000100Y43") == (0, [])
    with pytest.raises(NotFound, match="unknown-profile"):
        store.get("91350100M000100Y43")


def test_an_enterprise_has_no_more_revisions_than_the_limit(kept: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store, _ = kept
    monkeypatch.setattr(module, "CREDIT_REVISIONS_MAX", 2)
    assert record(store, BASIC, YEAR, MONTH) == ["recorded", "recorded", "too-many-facts"]
    assert store.facts(USCC)[0] == 2


def test_a_fact_in_another_form_is_refused_without_showing_its_value() -> None:
    fact = fact_of({"kind": "class", "enterprise_class": "A", "since": "2026-01-01"})
    assert fact_of(content_of(fact)) == fact
    with pytest.raises(InputError) as refused:
        fact_of({"kind": "class", "enterprise_class": "secret", "since": "2026-01-01"})
    assert (refused.value.code, "secret" in refused.value.message) == ("fact-malformed", False)
