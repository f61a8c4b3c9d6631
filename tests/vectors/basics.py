"""Vectors of what everything else is made of: canonical bytes, ids, signatures, sealed parts."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from contracts.commitments import consent_commitment, grant_commitment, offer_commitment
from ledger import canonical
from ledger.hashing import tagged
from ledger.header import Header
from tests.ledger.small_ledger import ANNE, BOB, GENESIS, key_id, public_json
from tests.vectors.fixed import LETTER, Fixed, base64url, high_s, sealed_core, signature

Family = dict[str, Any]

GOOD_JSON: dict[str, Any] = {
    "nothing": None,
    "truth": [True, False],
    "the largest integers": [2**53 - 1, -(2**53 - 1), 0],
    "empty things": {"": "", "list": [], "object": {}},
    "names are sorted": {"b": 1, "a": 2, "B": 3, "a1": 4, "_": 5},
    "escapes": '"\\/\b\f\n\r\t\x00\x1f\x7f',
    "beyond ASCII": "\u00e9\u6e29\u5ba4\u674e\u5b50 \u2028 \U0001f4dc",
    "nested": {"a": [{"b": [[], {"c": None}]}]},
}
BAD_JSON: dict[str, tuple[bytes, str]] = {
    "white space": (b'{"a": 1}', "not-canonical"),
    "names in another order": (b'{"b":1,"a":2}', "not-canonical"),
    "a name twice": (b'{"a":1,"a":1}', "not-canonical"),
    "an escape that is not needed": (b'"\\u0041"', "not-canonical"),
    "an escaped solidus": (b'"\\/"', "not-canonical"),
    "a control character as it is": (b'"\x01"', "not-json"),
    "an upper-case escape": (b'"\\u001F"', "not-canonical"),
    "a lone surrogate": (b'"\\ud800"', "not-canonical"),
    "a fraction": (b"1.0", "not-canonical"),
    "an exponent": (b"1e2", "not-canonical"),
    "minus zero": (b"-0", "not-canonical"),
    "an integer beyond 2**53": (b"9007199254740992", "not-canonical"),
    "a name beyond ASCII": ('{"\u00e9":1}'.encode(), "not-canonical"),
    "no number": (b"NaN", "not-json"),
    "a leading zero": (b"01", "not-json"),
    "a trailing comma": (b"[1,]", "not-json"),
    "bytes that are not UTF-8": (b'"\xff"', "not-json"),
    "a byte order mark": (b"\xef\xbb\xbf1", "not-json"),
    "two values": (b"1 2", "not-json"),
    "two line ends": (b"1\n\n", "not-canonical"),
    "nothing at all": (b"", "not-json"),
}


def canonical_json() -> Family:
    """`bytes` is the one form of `value`; the bytes of the bad ones are refused."""
    good = [{"name": name, "value": value, "bytes": canonical.encode(value).hex()} for name, value in GOOD_JSON.items()]
    bad = [{"name": name, "bytes": data.hex(), "code": code} for name, (data, code) in BAD_JSON.items()]
    return {"good": good, "bad": bad}


def ids(fixed: Fixed) -> Family:
    """`id` is SHA-256 of `tallystick:<tag>:v1`, a zero byte, and the data: canonical JSON of `value`, or the bytes of `data`."""
    with fixed.one.store.reading() as reader:
        header = reader.header(1)
        record = reader.record(fixed.ids["two"])
    assert header is not None and record is not None
    values: list[tuple[str, str, Any]] = [
        ("the network", "genesis", GENESIS),
        ("a key", "key", public_json(ANNE)),
        ("a record", "record", dict(record.record.core)),
        ("a header", "header", header.to_json()),
    ]
    good = [{"name": name, "tag": tag, "value": value, "id": tagged(tag, canonical.encode(value)).hex()} for name, tag, value in values]
    key = fixed.keys["letter"]
    good.append({"name": "a content key", "tag": "content-key", "data": key.hex(), "id": tagged("content-key", key).hex()})
    assert [good[0]["id"], good[2]["id"], good[3]["id"]] == [fixed.network, fixed.ids["two"], Header.from_json(header.to_json()).hash]
    return {"good": good}


def commitments() -> Family:
    """`id` is the tagged hash of the opening `value`; a bad one does not open to it."""
    salt, ids_used = "5a" * 32, {name: sha256(name.encode()).hexdigest() for name in ("consent", "declaration", "financing")}
    grant: dict[str, Any] = {"bank": "bank-a", **ids_used, "end": 1_700_086_400_000, "maximum": 800_000, "salt": salt, "uses": 3}
    del grant["financing"]
    openings: dict[str, tuple[dict[str, Any], str]] = {
        "consent": ({"bank": "bank-a", "salt": salt}, consent_commitment("bank-a", salt)),
        "grant": (grant, grant_commitment(**grant)),
        "offer": (
            {"bank": "bank-b", "financing": ids_used["financing"], "salt": salt},
            offer_commitment(bank="bank-b", financing=ids_used["financing"], salt=salt),
        ),
    }
    good, bad = [], []
    for tag, (value, made) in openings.items():
        assert tagged(tag, canonical.encode(value)).hex() == made
        good.append({"name": f"a {tag}", "tag": tag, "value": value, "id": made})
        for name, said in value.items():
            other = said + 1 if isinstance(said, int) else ("6b" + said[2:] if len(said) == 64 else "bank-c")
            bad.append(
                {"name": f"a {tag}, another {name}", "tag": tag, "value": {**value, name: other}, "id": made, "code": "other-opening"}
            )
        others = next(each for each in openings if each != tag)
        bad.append({"name": f"a {tag}, as a {others}", "tag": others, "value": value, "id": made, "code": "other-opening"})
    return {"good": good, "bad": bad}


def signatures() -> Family:
    """ECDSA P-256 over a digest of 32 bytes: r and s, of 32 bytes each, s at most half of the order; `public` is a compressed point."""
    public, other = bytes.fromhex(public_json(ANNE)["public"]), bytes.fromhex(public_json(BOB)["public"])
    digest = sha256(b"a digest").digest()
    made = signature(ANNE, digest)
    shape = {"public": public.hex(), "key_id": key_id(ANNE), "digest": digest.hex(), "signature": made.hex()}
    bad: dict[str, dict[str, str]] = {
        "the high s": {"signature": high_s(made).hex()},
        "another digest": {"digest": sha256(b"another").hexdigest()},
        "another key": {"public": other.hex()},
        "r and s the other way round": {"signature": (made[32:] + made[:32]).hex()},
        "zeros": {"signature": bytes(64).hex()},
        "an r of zero": {"signature": (bytes(32) + made[32:]).hex()},
        "an s of zero": {"signature": (made[:32] + bytes(32)).hex()},
        "a byte less": {"signature": made[:-1].hex()},
        "a byte more": {"signature": made.hex() + "00"},
        "no point": {"public": "02" + "ff" * 32},
        "an uncompressed prefix": {"public": "04" + public[1:].hex()},
    }
    flipped = [{"name": f"bit {place} of the signature", "signature": _flip(made, place).hex()} for place in range(0, 512, 37)]
    spoilt = [{"name": name, **shape, **change} for name, change in bad.items()] + [{**shape, **each} for each in flipped]
    return {"good": [{"name": "a signature", **shape}], "bad": [{**each, "code": "bad-signature"} for each in spoilt]}


def sealed(fixed: Fixed) -> Family:
    """A sealed part of a record, opened with its content key."""
    core, keys = sealed_core(fixed.one)
    good = {"record": core, "part": "letter", "content_key": keys["letter"].hex()}
    bad: dict[str, tuple[dict[str, Any], str]] = {
        "another content key": ({"content_key": keys["secret"].hex()}, "revealed-invalid"),
        "a content key cut short": ({"content_key": keys["letter"].hex()[:-2]}, "revealed-invalid"),
        "a part that is not there": ({"part": "note"}, "revealed-invalid"),
        "a secret": ({"part": "secret", "content_key": keys["secret"].hex()}, "secret-revealed"),
        "another record": ({"record": {**core, "nonce": "00" * 16}}, "revealed-invalid"),
    }
    letter = core["sealed"]["letter"]
    changes: dict[str, dict[str, Any]] = {
        "another suite": {"suite": 2},
        "another commitment": {"key_commitment": "00" * 32},
        "another text": {"text": _first_changed(letter["text"])},
        "a text cut short": {"text": letter["text"][:-4]},
        "a text with padding": {"text": letter["text"] + "="},
        "no text": {"text": None},
        "one field more": {"more": 1},
    }
    for name, change in changes.items():
        bad[name] = ({"record": {**core, "sealed": {**core["sealed"], "letter": {**letter, **change}}}}, "revealed-invalid")
    swapped = {"letter": core["sealed"]["secret"], "secret": letter}
    bad["under another name"] = ({"record": {**core, "sealed": swapped}, "content_key": keys["secret"].hex()}, "revealed-invalid")
    return {
        "good": [{"name": "a letter", **good, "content": LETTER}],
        "bad": [{"name": name, **good, **change, "code": code} for name, (change, code) in bad.items()],
    }


def families(fixed: Fixed) -> dict[str, Callable[[], Family]]:
    """Every family of this file, by its file's name."""
    return {
        "canonical": canonical_json,
        "ids": lambda: ids(fixed),
        "commitments": commitments,
        "signatures": signatures,
        "sealed": lambda: sealed(fixed),
    }


def _flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def _first_changed(text: str) -> str:
    return base64url(b"\x00")[:1] + text[1:] if text[0] != "A" else "B" + text[1:]
