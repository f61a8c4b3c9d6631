"""Canonical JSON (RFC 8785) for a strict subset: integers within 2**53, ASCII keys, no floats.

There is exactly one accepted encoding of a value: what `decode` takes, `encode` gives back byte for byte, which also
refuses duplicate keys, white space, escapes that are not needed, and lone surrogates.
"""

from __future__ import annotations

from typing import Any

import orjson

from ledger.errors import InputError
from ledger.limits import INTEGER_MAX, JSON_DEPTH_MAX

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


def encode(value: Any) -> bytes:
    """The canonical bytes of a value. Raises `InputError` (`not-canonical`) for what the subset does not hold."""
    _check(value, 0)
    try:
        # orjson leaves its working buffer, some kilobytes, behind the bytes that it returns; whoever keeps them would keep it all.
        return bytes(memoryview(orjson.dumps(value, option=_OPTIONS)))
    except orjson.JSONEncodeError as error:
        raise InputError("not-canonical", "a string is not valid Unicode") from error


def decode(data: bytes) -> Any:
    """The value of canonical bytes. Raises `InputError` (`not-json`, `not-canonical`)."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InputError("not-json", "the bytes are not JSON in UTF-8") from error
    if encode(value) != data:
        raise InputError("not-canonical", "the JSON is not in RFC 8785 canonical form")
    return value


def _check(value: Any, depth: int) -> None:
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return
    if kind is int:
        if not -INTEGER_MAX <= value <= INTEGER_MAX:
            raise InputError("not-canonical", "an integer lies beyond 2**53")
        return
    if depth >= JSON_DEPTH_MAX:
        raise InputError("not-canonical", f"the JSON is nested deeper than {JSON_DEPTH_MAX}")
    if kind is dict:
        for key, item in value.items():
            if type(key) is not str or not key.isascii():
                raise InputError("not-canonical", "a key is not an ASCII string")
            _check(item, depth + 1)
    elif kind is list or kind is tuple:
        for item in value:
            _check(item, depth + 1)
    else:
        raise InputError("not-canonical", f"a {kind.__name__} is not part of the format")
