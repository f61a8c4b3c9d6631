"""The portal speaks both languages whole: nothing is left in English, nothing is translated that is not said."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from api.portal import trade_words
from api.portal.catalogue import said
from api.portal.region_words import region_name
from api.portal.texts import CATALOGUES, catalogue, texts_of
from api.portal.words import TABLES, problem_text
from contracts.codes import CODES
from contracts.financings.invariants import _STATES
from contracts.invariants_network import _STATUSES
from contracts.policy import Policy
from contracts.ruleset import RULESET
from nodes.consents.paper import CONFIRMED, DISPUTED, UNCONFIRMED
from nodes.credit.facts import Directory
from nodes.credit.parameters import Input
from nodes.financings.movement_book import CORRECTED, DISBURSED, HANDED_OVER, LOADED, RECOVERED, REPAID, TAKEN_OVER, WRITTEN_OFF
from nodes.financings.steps import Reason
from nodes.monitoring.catalogue import DETECTORS
from nodes.monitoring.settings import MonitoringSettings
from nodes.requests.formats import Form, State
from nodes.statements.declarations import COLLECTED

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
