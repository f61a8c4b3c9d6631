"""Sealed parts at their edges: paddings beside the right one, texts that are nearly a part, other spellings."""

from __future__ import annotations

import base64
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.hashing import tagged
from ledger.verify import strict_json
from ledger.verify.sealed_parts import open_parts
from tests.ledger.verify.test_vectors import code_of

CONTENT_KEY: Final = bytes(range(32))


def opened(plain: bytes | None, *, name: str = "letter", revealed: Any = None, **changes: Any) -> Any:
    """What comes of a part whose padded text is this, or of the one as it is told."""
    core = {"v": 1, "type": "t"}
    context = tagged("sealed-part", strict_json.encode({"part": name, "record": core}))
    sealed = b"" if plain is None else AESGCM(CONTENT_KEY).encrypt(bytes(12), plain, context)
    text = base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()
    part = {"suite": 1, "key_commitment": tagged("content-key", CONTENT_KEY).hex(), "wraps": [], "text": text, **changes}
    found = open_parts({**core, "sealed": {name: part}}, {name: CONTENT_KEY.hex()} if revealed is None else revealed)
    return found.get(name)


def padded(content: bytes, size: int) -> bytes:
    return (content + b"\x80").ljust(size, b"\x00")


def content_of(size: int) -> bytes:
    """A canonical object of that many bytes."""
    return b'{"v":"' + b"x" * (size - 8) + b'"}'


PADDINGS: Final = {
    512: (8, 254, 255, 256, 510, 511),
    1024: (512, 513, 1022, 1023),
    2048: (1024,),
    262_144: (262_143,),
    524_288: (262_144, 524_287),
}


@pytest.mark.parametrize(("size", "right"), [(size, right) for right, sizes in PADDINGS.items() for size in sizes])
def test_a_part_is_padded_to_the_first_power_of_two_above_its_length(size: int, right: int) -> None:
    assert opened(padded(content_of(size), right)) == {"v": "x" * (size - 8)}
    for other in {256, 512, 1024, 2048, right // 2, 2 * right, right + 1, right - 1} - {right}:
        if other > size:
            assert code_of(opened, padded(content_of(size), other)) == "revealed-invalid", other


def test_an_empty_object_is_the_least_that_a_part_says() -> None:
    assert opened(padded(b"{}", 512)) == {}


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        bytes(512),
        padded(b"", 512),
        b"\x80" * 512,
        b"x" * 512,
        content_of(512),
        content_of(511) + b"\x00",
        content_of(511) + b"\x81",
        b'{"v":1}\x80'.ljust(511, b"\x00") + b"X",
        padded(b'{"v": 1}', 512),
        padded(b'{"v":1}\n', 512),
        padded(b'{"v":1.5}', 512),
        padded(b'{"v":1', 512),
        padded(b"\xff", 512),
        padded(b"[]", 512),
        padded(b'"x"', 512),
        padded(b"null", 512),
        padded(b"1", 512),
        padded(content_of(524_288), 1_048_576),
    ],
)
def test_a_part_whose_signer_put_something_else_into_it(plain: bytes) -> None:
    assert code_of(opened, plain) == "revealed-invalid"


GOOD: Final = padded(b'{"v":1}', 512)


@pytest.mark.parametrize(
    "changes",
    [
        {"suite": 0},
        {"suite": 2},
        {"suite": None},
        {"suite": "1"},
        {"more": 1},
        {"key_commitment": "00" * 32},
        {"key_commitment": None},
        {"text": None},
        {"text": 1},
        {"text": ""},
        {"text": "A"},
        {"text": "\u00e9"},
        {"text": "A" * 703},
        {"text": "A" * 704},
        {"text": "A" * 705},
        {"text": "A" * 708 + "=="},
        {"text": "+" * 704},
        {"text": "/" * 704},
        {"text": "A" * 703 + "B"},
    ],
)
def test_a_part_of_another_form(changes: dict[str, Any]) -> None:
    assert opened(GOOD) == {"v": 1}
    assert code_of(lambda: opened(GOOD, **changes)) == "revealed-invalid"


def test_the_text_of_a_part_has_one_spelling_only() -> None:
    core = {"v": 1, "type": "t"}
    context = tagged("sealed-part", strict_json.encode({"part": "letter", "record": core}))
    for size in (512, 1024, 2048):
        text = base64.urlsafe_b64encode(AESGCM(CONTENT_KEY).encrypt(bytes(12), padded(content_of(size - 1), size), context)).decode()
        bare = text.rstrip("=")
        assert opened(None, text=bare) == {"v": "x" * (size - 9)}
        others = [bare + "=" * count for count in (1, 2, 3)] + [bare[:5] + "\n" + bare[5:], bare[:5] + "=" + bare[5:], bare[:-1]]
        others += [bare.replace("-", "+"), bare.replace("_", "/"), bare + "A"]
        for other in others:
            assert other == bare or code_of(lambda other=other: opened(None, text=other)) == "revealed-invalid", other[-8:]


def test_which_parts_may_be_revealed() -> None:
    key = CONTENT_KEY.hex()
    for revealed, code in (
        ({}, None),
        (None, "malformed"),
        ([], "malformed"),
        ({"secret": key}, "secret-revealed"),
        ({"secret_of_mine": key}, "secret-revealed"),
        ({"letter": key[:-2]}, "revealed-invalid"),
        ({"letter": key.upper()}, "revealed-invalid"),
        ({"letter": "00" * 32}, "revealed-invalid"),
        ({"lette": key}, "revealed-invalid"),
        ({"odd": key}, "revealed-invalid"),
        ({"a": key, "secret": key}, "revealed-invalid"),
        ({"letter": key, "secret": key}, "secret-revealed"),
        ({"letter": None}, "revealed-invalid"),
    ):
        core = {"v": 1, "sealed": {"odd": 1, "letter": _part(), "secret": _part("secret")}}
        assert code_of(open_parts, core, revealed) == code, revealed
    assert open_parts({"v": 1, "sealed": {"letter": _part()}}, {"letter": key}) == {"letter": {"v": 1}}


def _part(name: str = "letter") -> dict[str, Any]:
    context = tagged("sealed-part", strict_json.encode({"part": name, "record": {"v": 1}}))
    text = base64.urlsafe_b64encode(AESGCM(CONTENT_KEY).encrypt(bytes(12), GOOD, context)).rstrip(b"=").decode()
    return {"suite": 1, "key_commitment": tagged("content-key", CONTENT_KEY).hex(), "wraps": [], "text": text}
