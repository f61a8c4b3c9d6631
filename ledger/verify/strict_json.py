"""JSON in RFC 8785 canonical form only, of integers within 2**53, and the few shapes that proof files are made of.

Everything here raises `Invalid`, and only that, for what is not as it must be.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final, NoReturn

INTEGER_MAX: Final = 2**53 - 1
DEPTH_MAX: Final = 40
_PRINTABLE: Final = re.compile(r"[ -~]+\Z")
_HEX: Final = re.compile(r"(?:[0-9a-f]{2})*\Z")


class Invalid(Exception):  # what it says of the file
    """The file does not hold, and a stable code that says where."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def decode(data: bytes, bytes_max: int) -> Any:
    """The value of canonical bytes; one line end after them is passed over, as editors and shells add it."""
    if type(data) is not bytes or len(data) > bytes_max:
        raise Invalid("oversize")
    data = data.removesuffix(b"\n")
    try:
        value = json.loads(data.decode(), parse_float=_refuse, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Invalid("not-json") from error
    if encode(value) != data:
        raise Invalid("not-canonical")
    return value


def encode(value: Any) -> bytes:
    """The canonical bytes. Keys are ASCII, so that sorting them by character is the order of RFC 8785; a duplicate key shows because
    writing the value again gives other bytes.
    """
    _check(value, 0)
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    except UnicodeEncodeError as error:
        raise Invalid("not-canonical") from error


def fields(value: Any, names: Iterable[str], code: str = "malformed") -> dict[str, Any]:
    """The value, an object with exactly these fields."""
    if type(value) is not dict or value.keys() != set(names):
        raise Invalid(code)
    return value


def items(value: Any, most: int, code: str = "malformed") -> list[Any]:
    if type(value) is not list or len(value) > most:
        raise Invalid(code)
    return value


def integer(value: Any, code: str = "malformed") -> int:
    """A number that is not negative."""
    if type(value) is not int or value < 0:
        raise Invalid(code)
    return value


def text(value: Any, chars_max: int, code: str = "malformed") -> str:
    if type(value) is not str or len(value) > chars_max:
        raise Invalid(code)
    return value


def ascii_text(value: Any, chars_max: int) -> str:
    """Printable ASCII, at least one character."""
    if _PRINTABLE.match(text(value, chars_max)) is None:
        raise Invalid("malformed")
    return str(value)


def unhex(value: Any, length: int, code: str = "malformed") -> bytes:
    """Bytes of a given length from lower-case hex."""
    if type(value) is not str or len(value) != 2 * length or _HEX.match(value) is None:
        raise Invalid(code)
    return bytes.fromhex(value)


def _refuse(_: str) -> NoReturn:
    raise Invalid("not-canonical")


def _check(value: Any, depth: int) -> None:
    if depth > DEPTH_MAX:
        raise Invalid("not-canonical")
    if type(value) is int and not -INTEGER_MAX <= value <= INTEGER_MAX:
        raise Invalid("not-canonical")
    if type(value) is dict:
        for key, item in value.items():
            if not key.isascii():
                raise Invalid("not-canonical")
            _check(item, depth + 1)
    elif type(value) is list:
        for item in value:
            _check(item, depth + 1)
