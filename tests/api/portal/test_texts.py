"""The portal speaks both languages whole: nothing is left in English, nothing is translated that is not said."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.models import Day, ShortText
from api.portal import deeds, trade_words
from api.portal.catalogue import said
from api.portal.field_words import field_text
from api.portal.region_words import region_name
from api.portal.steps import STEPS
from api.portal.texts import CATALOGUES, catalogue, texts_of
from api.portal.words import TABLES, problem_text
from api.problems import _fields
from api.resources.loads import LoadLineIn
from contracts.codes import CODES
from contracts.financings.invariants import _STATES
from contracts.invariants_network import _STATUSES
from contracts.policy import Policy
from contracts.ruleset import RULESET
from nodes.consents.paper import CONFIRMED, DISPUTED, UNCONFIRMED
from nodes.credit.facts import Directory
from nodes.credit.parameters import Input
from nodes.financings.maturity import TASK as MATURITY
from nodes.financings.movement_book import CORRECTED, DISBURSED, HANDED_OVER, LOADED, RECOVERED, REPAID, TAKEN_OVER, WRITTEN_OFF
from nodes.financings.steps import Reason
from nodes.monitoring.catalogue import DETECTORS
from nodes.monitoring.settings import MonitoringSettings
from nodes.requests.formats import Form, State
from nodes.statements.declarations import COLLECTED

GOOD = {"matures_on": "2026-11-30", "reference": "N-1", "tenor_days": 90}
NAMED = re.compile(r"%\(\w+\)s")


@pytest.mark.parametrize("name", CATALOGUES)
def test_every_text_has_a_translation_and_every_translation_a_text(name: str) -> None:
    translated = {message.id: message for message in catalogue(name, "zh") if message.id}
    assert len(translated) > 150
    assert set(translated) == said(name)
    for text, message in translated.items():
        found = message.string if isinstance(message.string, str) else (message.string or ("",))[0]
        english = text if isinstance(text, str) else text[1]
        assert not message.fuzzy
        assert re.search("[\u4e00-\u9fff]", found), english
        assert sorted(NAMED.findall(found)) == sorted(NAMED.findall(english)), english


def test_every_state_of_a_financing_has_a_word() -> None:
    assert set(TABLES["financing_state"]) == _STATES


def test_what_the_ledger_and_the_governors_name_has_words() -> None:
    assert set(TABLES["step"]) == set(RULESET.types)
    assert set(TABLES["policy_word"]) == set(Policy.model_fields)
    assert set(TABLES["threshold"]) == set(MonitoringSettings.model_fields)
    assert set(TABLES["alert_word"]) == set(DETECTORS)
    assert set(TABLES["result_word"]) == set(CODES)
    assert set(TABLES["member_state"]) == _STATUSES


def test_what_loans_requests_and_credit_say_has_words() -> None:
    moved = {DISBURSED, REPAID, RECOVERED, WRITTEN_OFF, CORRECTED, LOADED, HANDED_OVER, TAKEN_OVER, COLLECTED}
    assert set(trade_words.MOVEMENTS) == moved
    assert set(trade_words.REQUEST_STATES) == set(get_args(State))
    assert set(trade_words.REQUEST_FIELDS) == set(Form.model_fields) - {"bank"}
    assert set(trade_words.CREDIT_INPUTS) == set(get_args(Input)) | {"collections", "payments"}
    assert set(trade_words.DIRECTORY_STATES) == set(get_args(Directory))
    assert set(trade_words.SCOPE_MEANINGS) == set(TABLES["scope_word"])
    assert set(trade_words.BASIS_STATES) == {UNCONFIRMED, CONFIRMED, DISPUTED}
    assert set(deeds.DONE) >= {f"financing.{step}" for step in STEPS if step != "extend"} | {MATURITY, "declaration.collected"}
    assert set(deeds.DONE) <= {*RULESET.types, MATURITY}
    assert set(deeds.VERBS) == {*STEPS, "collect"}
    assert set(trade_words.CANCEL_REASONS) == {*get_args(Reason), "stale"}


@pytest.mark.parametrize(
    ("language", "money", "day", "last", "time", "share"),
    [
        ("en", "USD\u00a036,250.00", "30 Sept 2027", "30 Sept 2027", "2027-10-01 00:00:00", "41.5%"),
        ("zh", "USD\u00a036,250.00", "2027年9月30日", "2027年9月30日", "2027-10-01 00:00:00", "41.5%"),
    ],
)
def test_money_and_days_are_said_in_the_readers_way(language: str, money: str, day: str, last: str, time: str, share: str) -> None:
    texts = texts_of(language)
    assert texts.money({"currency": "USD", "value": "36250.00"}) == money
    assert texts.money({"currency": "JPY", "value": "1000"}) == "JPY\u00a01,000"
    assert texts.money(None) == "–"
    assert texts.day("2027-09-30") == texts.day("2027-09-30T15:59:59.999Z") == day
    assert texts.last_day("2027-09-30T16:00:00.000Z") == last
    assert texts.time("2027-09-30T16:00:00.000Z") == time
    assert texts.share(415_000) == share
    assert texts.stated("2026-10-20T09:00:00+08:00") == "2026-10-20 09:00:00"
    assert texts.stated("2027-09-30") == day
    assert texts.stated("in the register since May") == "in the register since May"


@pytest.mark.parametrize(
    ("code", "english", "chinese"),
    [("210000", "Liaoning", "辽宁"), ("210200", "Liaoning (210200)", "辽宁 (210200)"), ("990000", "990000", "990000")],
)
def test_a_region_is_said_by_its_province(code: str, english: str, chinese: str) -> None:
    assert (region_name(texts_of("en"), code), region_name(texts_of("zh"), code)) == (english, chinese)


def test_a_problem_without_words_of_its_own_is_said_as_the_api_says_it_or_as_its_code_means() -> None:
    left = {"code": "exceeds-available", "detail": "the declaration has 40.00 left"}
    assert problem_text(texts_of("en"), left) == left["detail"]
    assert problem_text(texts_of("zh"), left) == "超出该报关单的可融资余额"
    assert problem_text(texts_of("zh"), {"code": "csrf", "detail": "x"}).startswith("本页")
    assert problem_text(texts_of("zh"), {"code": "something-else", "detail": "what happened"}) == "what happened"


class Looked(BaseModel):
    """A body as the API takes them, with a field of every kind."""

    model_config = ConfigDict(strict=True, extra="forbid")
    lines: list[LoadLineIn] = Field(min_length=1)
    matures_on: Day
    reference: ShortText
    tenor_days: int = Field(ge=1, le=720)


def found_wrong(body: Any) -> list[dict[str, str]]:
    with pytest.raises(ValidationError) as caught:
        Looked.model_validate(body)
    return _fields(caught.value.errors())


def test_a_field_that_does_not_fit_is_named_by_its_label_and_its_line_counted_from_one() -> None:
    line = {"declaration_id": "0" * 64, "drawn": {"currency": "USD", "value": "1.00"}}
    wrong = [line, {**line, "drawn": {"currency": "USD", "value": "36,25"}}, {**line, "drawn": None}]
    fields = found_wrong({"lines": wrong, "matures_on": "2026-02-30", "reference": "", "tenor_days": 0, "more": 1})
    assert [field_text(texts_of("en"), each) for each in fields] == [
        "Line 2, field Outstanding: is not an amount: write digits, with exactly the decimal places of the currency, for instance 36250.00",
        "Line 3, field Outstanding: is missing",
        "Matures on: is not a day of the calendar",
        "Reference: is missing",
        "For how many days: is too small",
        "more: is not asked for here",
    ]
    chinese = [field_text(texts_of("zh"), each) for each in fields]
    assert chinese[0].startswith("第 2 行，")
    assert all(re.search("[\u4e00-\u9fff]", each) and not re.search("[a-z]{3}", each.removeprefix("more")) for each in chinese), chinese
    long = found_wrong({"lines": [line], "matures_on": "soon", "reference": "x" * 201, "tenor_days": 721})
    assert [field_text(texts_of("en"), each) for each in long] == [
        "Matures on: is not a day of the calendar",
        "Reference: is longer than 200 characters",
        "For how many days: is more than 720",
    ]
    assert problem_text(texts_of("zh"), {"code": "invalid-request", "detail": "x", "errors": fields}).startswith("表单")


def test_every_sentence_about_an_amount_has_words() -> None:
    for value in ("", "1e3", "36250", "36250.000", "9" * 17 + ".00"):
        (field,) = found_wrong({"lines": [{"declaration_id": "0" * 64, "drawn": {"currency": "USD", "value": value}}], **GOOD})
        assert field["message"] not in field_text(texts_of("en"), field), field
    (field,) = found_wrong({"lines": [{"declaration_id": "0" * 64, "drawn": {"currency": "XQX", "value": "1.00"}}], **GOOD})
    assert "USD" in field_text(texts_of("zh"), field)
