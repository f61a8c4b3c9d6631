from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import canonical
from ledger.errors import InputError
from nodes.customs.columns import HEAD_ELEMENTS, LINE_ELEMENTS
from nodes.customs.declaration import CustomsDeclaration
from nodes.customs.normalise import item_of, normalise, root_number
from nodes.customs.results import Parsed, RawDeclaration, Rejected
from nodes.money import Money

Texts = dict[str, str]


def refusal_of(head: Texts, lines: list[Texts]) -> str:
    with pytest.raises(InputError) as refusal:
        normalise(head, lines)
    return refusal.value.code


def test_the_plum_shipment_is_understood(head: Texts, line: Texts) -> None:
    plums = normalise(head, [line])
    assert plums.number == "090820190519123456"
    assert plums.total == plums.financeable == Money.parse("USD", "36250.00")
    assert (plums.export_date, plums.destination_country, plums.lines[0].quantity) == ("2019-06-11", "IDN", "11250")


@pytest.mark.parametrize("written", ["20190611", "2019-06-11"])
def test_both_forms_of_a_date_are_one_date(head: Texts, line: Texts, written: str) -> None:
    assert normalise(head | {"IEDate": written}, [line]).export_date == "2019-06-11"


@pytest.mark.parametrize(
    "written", ["20190631", "20191306", "2019-6-11", "11.06.2019", "1999-12-31", "20210611", "20170611", "00000000", "２０１９０６１１"]
)
def test_a_day_that_cannot_be_is_refused(head: Texts, line: Texts, written: str) -> None:
    assert refusal_of(head | {"IEDate": written}, [line]) == "date-invalid"


def test_old_numeric_codes_become_iso_codes(head: Texts, line: Texts) -> None:
    old = normalise(head | {"TradeCountry": "112"}, [line | {"TradeCurr": "502", "OriginCountry": "142"}])
    assert (old.destination_country, old.currency, old.lines[0].origin) == ("IDN", "USD", "CHN")


@pytest.mark.parametrize("number", ["090820190519123456001", "090820190519123456012"])
def test_a_21_digit_number_is_keyed_on_its_root(head: Texts, line: Texts, number: str) -> None:
    assert normalise(head | {"EntryId": number}, [line]).number == "090820190519123456"


@pytest.mark.parametrize(
    "number",
    [
        "09082019051912345",
        "0908201905191234560",
        "090820190519123456101",
        "09082019051912345A",
        "０９０８20190519123456",
        "090820192519123456",
        "090810190519123456",
    ],
)
def test_a_number_of_another_form_is_refused(head: Texts, line: Texts, number: str) -> None:
    assert root_number(number) is None
    assert refusal_of(head | {"EntryId": number}, [line]) == "number-format"


@pytest.mark.parametrize("change", [{"IEFlag": "I"}, {"EntryId": "090820191519123456"}, {"IEFlag": "X"}])
def test_what_is_not_an_export_is_refused(head: Texts, line: Texts, change: Texts) -> None:
    assert refusal_of(head | change, [line]) == "not-export"


def test_a_declaration_without_a_number_was_not_cleared(head: Texts, line: Texts) -> None:
    assert refusal_of(head | {"EntryId": " "}, [line]) == "not-cleared"


@pytest.mark.parametrize("code", ["91210804MA0X6T3N50", "91210804MA0X6T3N5", "9121-0804-MA0X6T3N5P", "91210804MA0X6T3NIP"])
def test_a_wrong_credit_code_is_refused(head: Texts, line: Texts, code: str) -> None:
    assert refusal_of(head | {"TradeCoScc": code}, [line]) == "uscc-invalid"


def test_a_credit_code_in_small_letters_is_the_same_code(head: Texts, line: Texts) -> None:
    assert normalise(head | {"TradeCoScc": "91210804ma0x6t3n5p"}, [line]).exporter_uscc == "91210804MA0X6T3N5P"


@pytest.mark.parametrize("total", ["-36250.00", "0", "0.00", "36250.005", "3.6e4", "36,250.00", "1" + "0" * 17, "1" * 30, "36000.00"])
def test_an_amount_that_cannot_be_is_refused(head: Texts, line: Texts, total: str) -> None:
    assert refusal_of(head, [line | {"DeclTotal": total}]) == "amount-invalid"


def test_a_rounded_unit_price_is_no_mismatch_and_a_wrong_one_is(head: Texts, line: Texts) -> None:
    assert normalise(head, [line | {"DeclPrice": "3.22"}]).total_minor == 3_625_000
    assert normalise(head, [line | {"DeclPrice": ""}]).lines[0].price == ""
    assert refusal_of(head, [line | {"DeclPrice": "3.1"}]) == "amount-invalid"


def test_the_total_is_the_sum_of_the_lines(head: Texts, line: Texts) -> None:
    assert normalise(head, [line, line | {"GQty": "1", "DeclPrice": "0.55", "DeclTotal": "0.55"}]).total_minor == 3_625_055


def test_lines_in_two_currencies_are_refused_and_two_spellings_of_one_are_not(head: Texts, line: Texts) -> None:
    assert refusal_of(head, [line, line | {"TradeCurr": "EUR"}]) == "mixed-currency"
    assert normalise(head, [line, line | {"TradeCurr": "502"}]).currency == "USD"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"TradeName": ""}, "field-missing"),
        ({"IEDate": ""}, "field-missing"),
        ({"TradeName": "果" * 1_025}, "field-too-long"),
        ({"TradeName": "a\x00b"}, "field-invalid"),
        ({"CustomMaster": "908"}, "field-invalid"),
        ({"TradeCountry": "999"}, "country-unknown"),
        ({"TradeMode": "2600"}, "receivable-unknown"),
    ],
)
def test_a_fault_in_the_head_has_its_code(head: Texts, line: Texts, change: Texts, code: str) -> None:
    assert refusal_of(head | change, [line]) == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"TradeCurr": "999"}, "currency-unknown"),
        ({"TradeCurr": "BTC"}, "currency-unknown"),
        ({"GQty": "0"}, "amount-invalid"),
        ({"GQty": "-1"}, "amount-invalid"),
        ({"CodeTS": "080940"}, "field-invalid"),
        ({"GNo": "2"}, "field-invalid"),
        ({"GName": ""}, "field-missing"),
        ({"OriginCountry": "XX"}, "country-unknown"),
    ],
)
def test_a_fault_in_a_line_has_its_code(head: Texts, line: Texts, change: Texts, code: str) -> None:
    assert refusal_of(head, [line | change]) == code


def test_a_declaration_has_from_one_to_a_thousand_lines(head: Texts, line: Texts) -> None:
    assert refusal_of(head, []) == "no-lines"
    assert refusal_of(head, [line] * 1_001) == "too-many-lines"
    assert len(normalise(head, [line] * 1_000).lines) == 1_000


def test_under_supplied_materials_only_the_fee_is_financeable(head: Texts, line: Texts) -> None:
    supplied = head | {"TradeMode": "0214"}
    fee = normalise(supplied, [line | {"WorkUsd": "6000"}, line | {"WorkUsd": "500.50"}, line])
    assert (fee.total_minor, fee.financeable_minor) == (3 * 3_625_000, 650_050)
    assert refusal_of(supplied, [line]) == "receivable-unknown"
    assert refusal_of(supplied, [line | {"WorkUsd": "36250.01"}]) == "amount-invalid"


def test_a_fee_in_dollars_says_nothing_on_a_declaration_in_euros(head: Texts, line: Texts) -> None:
    assert refusal_of(head | {"TradeMode": "0214"}, [line | {"WorkUsd": "6000", "TradeCurr": "EUR"}]) == "receivable-unknown"


def test_the_sealed_form_comes_back_as_it_went(head: Texts, line: Texts) -> None:
    declaration = normalise(head, [line, line])
    sealed = canonical.decode(canonical.encode(declaration.to_sealed()))
    assert sealed["v"] == 1
    assert CustomsDeclaration.from_sealed(sealed) == declaration


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"v": True},
        {"total_minor": 1},
        {"total_minor": "3625000"},
        {"financeable_minor": 3_625_001},
        {"number": "090820191519123456"},
        {"exporter_uscc": "91210804MA0X6T3N50"},
        {"export_date": "20190611"},
        {"lines": []},
        {"surprise": ""},
        {"replaces": ["090820260519123457", "090820260519123457"]},
        {"replaces": ["090820191519123456"]},
    ],
)
def test_a_sealed_form_that_breaks_a_rule_is_refused(head: Texts, line: Texts, change: dict[str, object]) -> None:
    sealed = normalise(head, [line]).to_sealed()
    with pytest.raises(InputError) as refusal:
        CustomsDeclaration.from_sealed(sealed | change)
    assert refusal.value.code == "declaration-malformed"


def test_the_sealed_form_of_the_plums_is_this_one_for_ever(head: Texts, line: Texts) -> None:
    assert json.loads(canonical.encode(normalise(head, [line]).to_sealed())) == {
        "v": 1,
        "number": "090820190519123456",
        "exporter_uscc": "91210804MA0X6T3N5P",
        "exporter_name": "营口望海果品有限公司",
        "exporter_customs_code": "",
        "buyer": "",
        "contract": "",
        "bill_of_lading": "",
        "office": "0908",
        "port": "",
        "trade_mode": "0110",
        "trans_mode": "",
        "transport_mode": "",
        "transport_name": "",
        "destination_country": "IDN",
        "export_date": "2019-06-11",
        "declared_date": "",
        "currency": "USD",
        "total_minor": 3_625_000,
        "financeable_minor": 3_625_000,
        "lines": [
            {
                "item_no": 1,
                "hs_code": "0809400000",
                "name": "温室李子",
                "model": "",
                "quantity": "11250",
                "unit": "035",
                "price": "3.2222",
                "total_minor": 3_625_000,
                "origin": "",
                "destination": "",
            }
        ],
        "replaces": [],
    }


ODD = st.one_of(st.text(max_size=30), st.from_regex(r"[0-9.\-+E,]{0,25}"), st.dates(date(1990, 1, 1), date(2110, 1, 1)).map(str))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.dictionaries(st.sampled_from(sorted(HEAD_ELEMENTS)), ODD, max_size=3),
    st.lists(st.dictionaries(st.sampled_from(sorted(LINE_ELEMENTS)), ODD, max_size=2), max_size=3),
)
def test_any_text_anywhere_gives_a_declaration_that_seals_or_a_refusal(head: Texts, line: Texts, heads: Texts, lines: list[Texts]) -> None:
    item = item_of(1, RawDeclaration(head | heads, [line | change for change in lines]))
    if isinstance(item, Parsed):
        assert CustomsDeclaration.from_sealed(canonical.decode(canonical.encode(item.declaration.to_sealed()))) == item.declaration
    else:
        assert isinstance(item, Rejected)
        assert item.code
        assert item.message


def test_a_refusal_names_fields_and_no_values(head: Texts, line: Texts) -> None:
    item = item_of(1, RawDeclaration(head, [line | {"DeclTotal": "36251337.133"}]))
    assert isinstance(item, Rejected)
    assert "line_total in line 1" in item.message
    assert "1337" not in item.message


def test_the_numbers_that_it_replaces_are_read_once_each(head: Texts, line: Texts) -> None:
    found = normalise(
        head | {"Replaces": "090820260519123457;0908202605191234580010 ； 090820260519123459;".replace("0010", "001")}, [line]
    )
    assert found.replaces == ("090820260519123457", "090820260519123458", "090820260519123459")
    for text in (
        "090820191519123456",
        head["EntryId"],
        "090820260519123457;090820260519123457",
        "?",
        ";".join(["090820260519123457"] * 17),
    ):
        with pytest.raises(InputError, match="field-invalid"):
            normalise(head | {"Replaces": text}, [line])
