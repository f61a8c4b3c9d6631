"""What a proven entry means: the same figures as the rules reckon with, said in words, and nothing that was not shown."""

from __future__ import annotations

from typing import Any

import pytest

from contracts import balances
from contracts.readings import NOT_TWO_DIGITS, read
from contracts.shares import WHOLE
from ledger.verify import Verdict
from nodes.customs.codes import CURRENCY_DIGITS
from tests.contracts.harness import DAY, REGISTRAR, START, World, name
from tests.contracts.walks import fresh_pair, walk

RECORD = name("registration")
PART = {"number": "090820190519123456", "currency": "USD", "financeable_minor": 3_625_000}


def entry_of(world: World, key: str, time_ms: int | None = None) -> dict[str, Any]:
    return {"key": key, "value": world.state.get(key), "height": 40, "time_ms": world.time if time_ms is None else time_ms}


def verdict_on(*entries: dict[str, Any], **more: Any) -> Verdict:
    return Verdict(ok=True, code=None, entries=list(entries), **more)


def registration(declaration: str, **changes: Any) -> dict[str, Any]:
    shown = {
        "record_id": RECORD,
        "type": "declaration.register",
        "height": 3,
        "time_ms": START,
        "log_index": 9,
        "result": {"code": "ok"},
        "signers": [{"key_id": name("key"), "member": REGISTRAR, "purpose": "service"}],
        "body": {"declaration": declaration},
    }
    return {**shown, **changes}


def revealing(world: World, declaration: str, part: dict[str, Any] = PART, **changes: Any) -> Verdict:
    registrar = {"key": "registrar", "value": {"member": REGISTRAR}, "height": 3, "time_ms": START}
    entries = (entry_of(world, f"declaration/{declaration}"), registrar)
    alone = verdict_on(entries[0])
    revealed = {f"{RECORD}/declaration": part}
    return verdict_on(*entries, records=[registration(declaration, **changes)], revealed=revealed, parts=[alone])


@pytest.fixture
def world() -> World:
    return World()


def test_what_is_available_is_what_the_rules_say() -> None:
    compared = 0
    for seed in range(6):
        state = walk(fresh_pair(), seed, 120).world.state
        for key, _ in state.scan("declaration/"):
            for time_ms in (START, START + DAY, START + 40 * DAY, START + 2_000 * DAY):
                entry: Any = state.get(key)
                (figures,) = read(verdict_on({"key": key, "value": entry, "height": 1, "time_ms": time_ms})).declarations
                assert figures["available_ppm"] == balances.available(entry, time_ms)
                used = balances.used(entry, time_ms) > 0
                assert figures["financed"] == (used if entry["replaced_by"] is None else None)
                compared += 1
    assert compared > 40


def test_a_declaration_that_nothing_uses_is_not_financed(world: World) -> None:
    declaration = world.declaration()
    said = read(verdict_on(entry_of(world, f"declaration/{declaration}")))
    assert any("was not financed as of block 40" in sentence for sentence in said.proves)
    assert any("had 1000000 parts per million" in sentence for sentence in said.proves)
    assert any("was never financed before" in sentence for sentence in said.does_not_prove)
    assert any("in money" in sentence for sentence in said.does_not_prove)


def test_a_hold_counts_until_its_end(world: World) -> None:
    declaration = world.declaration()
    world.applied((world.grant(declaration), 590_000), hold_ms=DAY)
    key = f"declaration/{declaration}"
    before, after = (read(verdict_on(entry_of(world, key, world.time + ms))) for ms in (DAY - 1, DAY))
    assert before.declarations[0]["available_ppm"] == 410_000
    assert any("590000 held" in sentence for sentence in before.does_not_prove)
    assert not any("was not financed" in sentence for sentence in before.proves)
    assert (after.declarations[0]["available_ppm"], after.declarations[0]["financed"]) == (WHOLE, False)


@pytest.mark.parametrize("how", ["committed", "drawn", "lost"])
def test_whatever_uses_a_declaration_keeps_it_from_being_proven_unfinanced(world: World, how: str) -> None:
    declaration = world.declaration()
    financing = world.approved((world.grant(declaration), 300_000))
    if how != "committed":
        assert world.disburse(financing, [300_000]).code == "ok"
    if how == "lost":
        assert world.write_off(financing, [300_000]).code == "ok"
    said = read(verdict_on(entry_of(world, f"declaration/{declaration}", world.time + 365 * DAY)))
    assert said.declarations[0]["financed"] is True
    assert any(f"300000 {how}" in sentence for sentence in said.does_not_prove)


def test_void_frozen_replaced_and_old_declarations_have_nothing_available(world: World) -> None:
    void, frozen, old, until = (world.declaration(label) for label in ("void", "frozen", "old", "until"))
    assert world.void(void).code == "ok"
    world.freeze("declaration", frozen)
    world.applied((world.grant(old), 200_000))
    assert world.replace("new", (old, 10**9)).code == "ok"
    for declaration, why in ((void, "void"), (frozen, "frozen"), (old, "replaced")):
        said = read(verdict_on(entry_of(world, f"declaration/{declaration}")))
        assert said.declarations[0]["available_ppm"] == 0
        assert any(f"being {why}" in sentence for sentence in said.proves), why
    late = read(verdict_on(entry_of(world, f"declaration/{until}", START + 2_000 * DAY)))
    assert any("past the last month" in sentence for sentence in late.proves)
    replaced = read(verdict_on(entry_of(world, f"declaration/{old}")))
    assert replaced.declarations[0]["financed"] is None
    assert any("went to the declaration that replaces it" in sentence for sentence in replaced.does_not_prove)
    assert not any("not financed" in sentence for sentence in replaced.proves)


def test_a_revealed_registration_turns_shares_into_money(world: World) -> None:
    declaration = world.declaration()
    world.applied((world.grant(declaration), 590_000))
    said = read(revealing(world, declaration))
    figures = said.declarations[0]
    assert figures["registered"] == {"currency": "USD", "value": "36250.00"}
    assert figures["available"] == {"currency": "USD", "value": "14862.50"}
    assert figures["registered_by"] == REGISTRAR
    assert any("USD 36250.00" in each and "the registrar of this network" in each for each in said.proves)
    assert any("USD 14862.50" in each for each in said.proves)
    assert any("is true" in each for each in said.does_not_prove)


@pytest.mark.parametrize(("currency", "value"), [("JPY", "410001"), ("KWD", "410.001"), ("EUR", "4100.01")])
def test_money_is_rounded_down_and_has_its_currencys_digits(world: World, currency: str, value: str) -> None:
    declaration = world.declaration()
    world.applied((world.grant(declaration), 590_000))
    said = read(revealing(world, declaration, {**PART, "currency": currency, "financeable_minor": 1_000_004}))
    assert said.declarations[0]["available"] == {"currency": currency, "value": value}


def test_digits_are_those_of_the_registry() -> None:
    assert {code: digits for code, digits in CURRENCY_DIGITS.items() if digits != 2} == NOT_TWO_DIGITS


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "declaration.amend"},
        {"result": {"code": "not-permitted"}},
        {"body": {"declaration": name("another")}},
        {"signers": [{"key_id": name("key"), "member": None, "purpose": "once"}]},
        {"record_id": name("not the revealed one")},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_no_other_record_says_what_a_declaration_is_worth(world: World, changes: dict[str, Any]) -> None:
    declaration = world.declaration()
    said = read(revealing(world, declaration, **changes))
    assert said.declarations[0]["registered"] is None
    assert any("in money" in sentence for sentence in said.does_not_prove)


@pytest.mark.parametrize(
    "part",
    [{}, {**PART, "financeable_minor": "1"}, {**PART, "financeable_minor": -1}, {**PART, "currency": "usd"}, {**PART, "number": None}],
    ids=str,
)
def test_a_part_of_another_form_says_nothing(world: World, part: dict[str, Any]) -> None:
    declaration = world.declaration()
    assert read(revealing(world, declaration, part)).declarations[0]["registered"] is None


def test_whether_the_signer_was_the_registrar_is_said(world: World) -> None:
    declaration = world.declaration()
    stranger = [{"key_id": name("key"), "member": "bank-a", "purpose": "service"}]
    said = read(revealing(world, declaration, signers=stranger))
    assert said.declarations[0]["registered_by"] == "bank-a"
    assert not any("the registrar of this network" in sentence for sentence in said.proves)
    assert any("that member 'bank-a' was the registrar" in sentence for sentence in said.does_not_prove)


@pytest.mark.parametrize("kind", ["declaration", "consent", "financing"])
def test_absence_is_said_in_words(kind: str) -> None:
    said = read(verdict_on({"key": f"{kind}/{name('x')}", "value": None, "height": 7, "time_ms": START}))
    assert said.proves == [f"there was no {kind} {name('x')} as of block 7 of 2026-05-28T20:26:40.000Z"]
    assert bool(said.does_not_prove) == (kind == "declaration")


def test_consents_and_financings_are_named_in_their_state(world: World) -> None:
    declaration = world.declaration()
    financing = world.applied((world.grant(declaration), 100_000))
    consent = world.consent()
    key = f"financing/{financing}"
    assert any("'APPLIED'" in each for each in read(verdict_on(entry_of(world, key))).proves)
    assert any("'EXPIRED'" in each for each in read(verdict_on(entry_of(world, key, world.time + DAY))).proves)
    assert any("not revoked" in each for each in read(verdict_on(entry_of(world, f"consent/{consent}"))).proves)
    assert world.revoke(consent).code == "ok"
    assert any("was revoked" in each for each in read(verdict_on(entry_of(world, f"consent/{consent}"))).proves)


ODD: list[Any] = [1, "x", [], {}, {"holds": 1}, True]


@pytest.mark.parametrize("value", ODD, ids=str)
def test_entries_of_another_form_are_left_to_the_neutral_words(world: World, value: Any) -> None:
    for kind in ("declaration", "consent", "financing"):
        assert read(verdict_on({"key": f"{kind}/{name('x')}", "value": value, "height": 7, "time_ms": START})).proves == []
    entry = entry_of(world, f"declaration/{world.declaration()}")
    for field in entry["value"]:
        if field not in ("lenders", "drawers", "collections"):
            changed = {**entry, "value": {**entry["value"], field: value}}
            read(verdict_on(changed))
            missing = {**entry, "value": {each: said for each, said in entry["value"].items() if each != field}}
            assert read(verdict_on(missing)).proves == [], field


def test_entries_that_are_not_of_the_trade_have_no_reading() -> None:
    for key in ("policy", "declaration/x", f"grant/{name('x')}", f"xdeclaration/{name('x')}"):
        assert read(verdict_on({"key": key, "value": None, "height": 7, "time_ms": START})).proves == []
