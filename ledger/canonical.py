"""Canonical JSON (RFC 8785) for a strict subset: integers within 2**53, ASCII keys, no floats.

There is exactly one accepted encoding of a value: what `decode` takes, `encode` gives back byte for byte, which also
refuses duplicate keys, white space, escapes that are not needed, and lone surrogates.
"""

from __future__ import annotations

from typing import Any

import orjson

from ledger.errors import InputError
from ledger.limits import JSON_DEPTH_MAX

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


def encode(value: Any) -> bytes:
    """The canonical bytes of a value. Raises `InputError` (`not-canonical`) for what the subset does not hold."""
    # orjson leaves its working buffer, some kilobytes, behind the bytes that it returns; whoever keeps them would keep it all.
    return bytes(memoryview(_written(value)))


def decode(data: bytes) -> Any:
    """The value of canonical bytes. Raises `InputError` (`not-json`, `not-canonical`)."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InputError("not-json", "the bytes are not JSON in UTF-8") from error
    if _written(value) != data:
        raise InputError("not-canonical", "the JSON is not in RFC 8785 canonical form")
    return value


def _written(value: Any) -> bytes:
    _check(value, 0)
    try:
        data = orjson.dumps(value, option=_OPTIONS)
    except orjson.JSONEncodeError as error:
        raise InputError("not-canonical", "an integer lies beyond 2**53, a key is no string, or a string no valid Unicode") from error
    if not data.isascii():
        _check_keys(value)
    return data


def _check(value: Any, depth: int) -> None:
    """Refuses what orjson would write and the subset does not hold: other types, and deep nesting. Most values are plain: they are judged
    in the loop, and not by a call for each.
    """
    kind = type(value)
    if kind is dict:
        items = value.values()
    elif kind is list or kind is tuple:
        items = value
    else:
        items, depth = (value,), -1
    if depth >= JSON_DEPTH_MAX:
        raise InputError("not-canonical", f"the JSON is nested deeper than {JSON_DEPTH_MAX}")
    for item in items:
        kind = type(item)
        if kind is str or kind is int:
            continue
        if kind is dict or kind is list or kind is tuple:
            _check(item, depth + 1)
        elif item is not None and kind is not bool:
            raise InputError("not-canonical", f"a {kind.__name__} is not part of the format")


def _check_keys(value: Any) -> None:
    if isinstance(value, dict):
        if not all(key.isascii() for key in value):
            raise InputError("not-canonical", "a key is not an ASCII string")
        value = value.values()
    if not isinstance(value, str | int | None):
        for item in value:
            _check_keys(item)
