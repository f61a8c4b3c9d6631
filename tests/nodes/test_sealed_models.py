"""What another member sealed is input: what does not fit is one error, whatever it holds, and nothing that reckons with it stops."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.errors import InputError
from nodes.financings.parts import CollectionPart
from nodes.sealed_models import read_part

WHOLE: dict[str, Any] = {"v": 1, "currency": "USD", "amount_minor": 1, "collected_on": "2026-02-28", "reference": "C"}


def test_a_part_that_fits_is_read() -> None:
    assert read_part(CollectionPart, WHOLE).collected_on == "2026-02-28"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("v", 2),
        ("currency", "ZZZ"),
        ("currency", "usd"),
        ("amount_minor", -1),
        ("collected_on", "2026-02-30"),
        ("collected_on", "0000-01-01"),
        ("collected_on", "2026-2-3"),
        ("reference", 7),
        ("colour", "red"),
    ],
)
def test_a_part_that_does_not_fit_names_its_field_and_not_its_value(field: str, value: object) -> None:
    with pytest.raises(InputError) as malformed:
        read_part(CollectionPart, {**WHOLE, field: value})
    assert malformed.value.code == "part-malformed"
    assert field in malformed.value.message and str(value) not in malformed.value.message.replace(field, "")


def test_a_part_says_its_version() -> None:
    with pytest.raises(InputError):
        read_part(CollectionPart, {name: item for name, item in WHOLE.items() if name != "v"})
