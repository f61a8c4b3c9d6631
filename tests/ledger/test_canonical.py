"""Canonical JSON agrees with another implementation of RFC 8785, and takes no second spelling of anything."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ledger import canonical
from ledger.errors import InputError
from ledger.limits import INTEGER_MAX, JSON_DEPTH_MAX
from ledger.verify import strict_json

ASCII = st.text(st.characters(max_codepoint=127), max_size=12)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = st.none() | st.booleans() | st.integers(-INTEGER_MAX, INTEGER_MAX) | TEXT
DOCUMENTS = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(ASCII, inner, max_size=5), max_leaves=25)


@given(DOCUMENTS)
def test_writing_agrees_with_another_implementation(value: Any) -> None:
    assert canonical.encode(value) == rfc8785.dumps(value)


@given(DOCUMENTS)
def test_what_is_written_is_read_again(value: Any) -> None:
    assert canonical.decode(canonical.encode(value)) == value


@given(DOCUMENTS)
def test_the_verifiers_own_canonical_json_is_the_same(value: Any) -> None:
    data = canonical.encode(value)
    assert strict_json.encode(value) == data
    assert strict_json.decode(data, 1_000_000) == value


@given(DOCUMENTS)
def test_any_other_spelling_is_refused(value: Any) -> None:
    data = canonical.encode(value)
    for other in (json.dumps(value).encode(), json.dumps(value, indent=1).encode(), b" " + data, data + b" "):
        if other != data:
            with pytest.raises(InputError):
                canonical.decode(other)
            with pytest.raises(strict_json.Invalid):
                strict_json.decode(other, 1_000_000)


@given(st.binary(max_size=64))
def test_no_bytes_are_read_in_two_ways(data: bytes) -> None:
    try:
        value = canonical.decode(data)
    except InputError:
        return
    assert canonical.encode(value) == data


def nested(levels: int) -> Any:
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [1.0, 0.5, float("nan"), INTEGER_MAX + 1, -INTEGER_MAX - 1, {"\u00e4": 1}, {1: 1}, b"x", {1}, "\ud800", nested(JSON_DEPTH_MAX + 1)],
    ids=lambda value: ascii(value)[:20],
)
def test_what_is_not_part_of_the_format_is_not_written(value: Any) -> None:
    with pytest.raises(InputError, match="not-canonical"):
        canonical.encode(value)


SECOND_SPELLINGS = [
    *[b"1.0", b"1e3", b"-0", b"9007199254740993", b'{"a":1,"a":1}', b'{"b":1,"a":1}'],
    *[b'"\\u0041"', b'"\\/"', b'"\\u000A"', b"[1, 2]", b"1\n"],
]
NO_JSON = [b"", b"NaN", b"Infinity", b"01", b"+1", b"[1,]", b"'a'", b"\xff", b'"\\ud800"', b"{" * 10_000, b"\xef\xbb\xbf1"]


@pytest.mark.parametrize("data", SECOND_SPELLINGS, ids=ascii)
def test_second_spellings_are_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="not-canonical"):
        canonical.decode(data)


@pytest.mark.parametrize("data", NO_JSON, ids=lambda data: ascii(data)[:20])
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="not-json"):
        canonical.decode(data)


def test_nesting_up_to_the_limit_is_read() -> None:
    assert canonical.decode(canonical.encode(nested(JSON_DEPTH_MAX))) == nested(JSON_DEPTH_MAX)
