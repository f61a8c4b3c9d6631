"""Sealed parts open for their recipients, in their record, to one text, and for nobody else."""

from __future__ import annotations

import base64
import copy
import os
import random as prng
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import InputError, NotFound, VerificationFailed
from ledger.keys import key_id
from ledger.limits import SEALED_TEXT_BYTES_MAX
from nodes import sealing
from nodes.sealing import Recipient, open_part, open_with_key, seal


class Holder:
    """Someone with a sealing key."""

    def __init__(self) -> None:
        self.private = X25519PrivateKey.generate()
        self.public = self.private.public_key().public_bytes_raw()
        self.id = key_id("x25519", self.public)
        self.keys = {self.id: self.private}

    def recipient(self, *, named: bool = False) -> Recipient:
        return Recipient(self.public, self.id, named)


CONTENT = {"amount_minor": 3_625_000, "currency": "USD", "buyer": "印度尼西亚"}


def core(**changes: Any) -> dict[str, Any]:
    record: dict[str, Any] = {
        "v": 1,
        "network": "11" * 32,
        "type": "declaration.register",
        "signers": ["22" * 32],
        "nonce": "33" * 16,
        "not_after": 1_800_000_000_000,
        "seen": {"height": 4, "hash": "44" * 32},
        "body": {"declaration": "55" * 32},
    }
    return record | changes


def sealed_record(
    *recipients: Recipient, part: str = "declaration", content: dict[str, Any] | None = None, **changes: Any
) -> dict[str, Any]:
    record = core(**changes)
    sealed, _ = seal(record, part, CONTENT if content is None else content, recipients, os.urandom)
    return record | {"sealed": {part: sealed}}


def box_of(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def bytes_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.fixture
def alice() -> Holder:
    return Holder()


@pytest.fixture
def bob() -> Holder:
    return Holder()


@pytest.mark.parametrize("named", [False, True])
def test_each_recipient_opens_the_part_and_a_stranger_gets_nothing(alice: Holder, bob: Holder, named: bool) -> None:
    record = sealed_record(alice.recipient(named=named), bob.recipient())
    for holder in (alice, bob):
        opened = open_part(record, "declaration", holder.keys)
        assert opened is not None and opened.content == CONTENT
        assert open_with_key(record, "declaration", opened.content_key) == CONTENT
    assert open_part(record, "declaration", Holder().keys) is None
    assert open_part(record, "declaration", {}) is None


def test_an_old_sealing_key_among_new_ones_still_opens(alice: Holder, bob: Holder) -> None:
    record = sealed_record(alice.recipient())
    opened = open_part(record, "declaration", {**Holder().keys, **bob.keys, **alice.keys})
    assert opened is not None and opened.content == CONTENT


@pytest.mark.parametrize(
    "change",
    [
        {"body": {"declaration": "56" * 32}},
        {"nonce": "34" * 16},
        {"network": "12" * 32},
        {"type": "declaration.amend"},
        {"signers": ["23" * 32]},
        {"not_after": 1_800_000_000_001},
        {"seen": {"height": 5, "hash": "44" * 32}},
        {"v": 2},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_part_does_not_open_in_a_changed_record(alice: Holder, change: dict[str, Any]) -> None:
    record = sealed_record(alice.recipient())
    opened = open_part(record, "declaration", alice.keys)
    assert opened is not None
    assert open_part(record | change, "declaration", alice.keys) is None
    with pytest.raises(VerificationFailed) as caught:
        open_with_key(record | change, "declaration", opened.content_key)
    assert caught.value.code == "sealed-part-broken"


def test_a_part_moved_to_another_record_under_a_named_wrap_is_broken(alice: Holder) -> None:
    first = sealed_record(alice.recipient(named=True))
    second = sealed_record(alice.recipient(named=True), nonce="99" * 16)
    second["sealed"] = first["sealed"]
    with pytest.raises(VerificationFailed, match="sealed-part-broken"):
        open_part(second, "declaration", alice.keys)


def test_a_part_under_another_name_does_not_open(alice: Holder) -> None:
    record = sealed_record(alice.recipient())
    record["sealed"]["collection"] = record["sealed"]["declaration"]
    assert open_part(record, "collection", alice.keys) is None


def test_one_box_cannot_open_to_two_texts(alice: Holder, bob: Holder) -> None:
    """The author wraps one key to Alice and another to Bob, over a ciphertext whose tag is valid under both."""
    record = core()
    context = sealing.sealed_context(record, "declaration")
    first, second = os.urandom(32), os.urandom(32)
    text = ambiguous_ciphertext(first, second, b'{"share":1}'.ljust(512, b" "), context)
    assert AESGCM(first).decrypt(bytes(12), text, context) != AESGCM(second).decrypt(bytes(12), text, context)
    part, _ = seal(record, "declaration", CONTENT, [alice.recipient()], os.urandom)
    wraps = [{"box": box_of(sealing._suite().encrypt(key, h.private.public_key(), context))} for key, h in ((first, alice), (second, bob))]
    part |= {"key_commitment": sealing.key_commitment(first), "text": box_of(text), "wraps": wraps + part["wraps"][:2]}
    with pytest.raises(VerificationFailed, match="commits to"):
        open_part(record | {"sealed": {"declaration": part}}, "declaration", bob.keys)
    with pytest.raises(VerificationFailed, match="commits to"):
        open_with_key(record | {"sealed": {"declaration": part}}, "declaration", second)


@pytest.mark.parametrize("plaintext", [b"[]", b'{"b":1,"a":2}', b"not json", b'{"a":1.5}', b"\xff"])
def test_a_text_that_is_no_canonical_object_is_broken(alice: Holder, plaintext: bytes) -> None:
    record = forged(alice, (plaintext + b"\x80").ljust(512, b"\0"))
    with pytest.raises(VerificationFailed, match="sealed-part-broken"):
        open_part(record, "declaration", alice.keys)


@pytest.mark.parametrize(
    "padded", [b"{}".ljust(512), b"\0" * 512, b"{}\x80", (b"{}\x80").ljust(1024, b"\0"), b"{}\x80".ljust(511, b"\0"), b""]
)
def test_a_text_padded_in_another_way_is_broken(alice: Holder, padded: bytes) -> None:
    with pytest.raises(VerificationFailed, match="sealed-part-broken"):
        open_part(forged(alice, padded), "declaration", alice.keys)


def test_every_changed_byte_of_the_text_is_noticed(alice: Holder) -> None:
    record = sealed_record(alice.recipient())
    text = bytes_of(record["sealed"]["declaration"]["text"])
    for offset in range(0, len(text), 7):
        broken = copy.deepcopy(record)
        broken["sealed"]["declaration"]["text"] = box_of(text[:offset] + bytes([text[offset] ^ 1]) + text[offset + 1 :])
        with pytest.raises(VerificationFailed, match="sealed-part-broken"):
            open_part(broken, "declaration", alice.keys)


@pytest.mark.parametrize("box", ["", "A", "AB", "!!!!", "AAAA=", "AAAA", None, 7])
def test_a_strangers_malformed_wrap_does_not_keep_us_from_our_own(alice: Holder, box: Any) -> None:
    record = sealed_record(alice.recipient(named=True))
    dummy = next(wrap for wrap in record["sealed"]["declaration"]["wraps"] if "to" not in wrap)
    dummy["box"] = box
    opened = open_part(record, "declaration", alice.keys)
    assert opened is not None and opened.content == CONTENT


@pytest.mark.parametrize(("recipients", "wraps"), [(1, 4), (4, 4), (5, 8), (8, 8)])
def test_the_wraps_tell_neither_the_number_of_recipients_nor_which_are_dummies(recipients: int, wraps: int) -> None:
    holders = [Holder() for _ in range(recipients)]
    part = sealed_record(*(h.recipient() for h in holders))["sealed"]["declaration"]
    assert len(part["wraps"]) == wraps
    assert {frozenset(wrap) for wrap in part["wraps"]} == {frozenset({"box"})}
    assert {len(bytes_of(wrap["box"])) for wrap in part["wraps"]} == {32 + 32 + 16}
    assert len({wrap["box"] for wrap in part["wraps"]}) == wraps


def test_only_a_named_recipient_is_named(alice: Holder, bob: Holder) -> None:
    part = sealed_record(alice.recipient(named=True), bob.recipient())["sealed"]["declaration"]
    assert [wrap["to"] for wrap in part["wraps"] if "to" in wrap] == [alice.id]


def test_the_real_wrap_is_found_in_every_position(alice: Holder) -> None:
    positions = set()
    for seed in range(40):
        record = core()
        part, _ = seal(record, "declaration", CONTENT, [alice.recipient(named=True)], prng.Random(seed).randbytes)
        positions.add(next(i for i, wrap in enumerate(part["wraps"]) if "to" in wrap))
    assert positions == {0, 1, 2, 3}


def test_the_same_randomness_gives_the_same_text_and_order(alice: Holder) -> None:
    parts = [seal(core(), "declaration", CONTENT, [alice.recipient(named=True)], prng.Random(7).randbytes)[0] for _ in range(2)]
    assert parts[0]["text"] == parts[1]["text"] and parts[0]["key_commitment"] == parts[1]["key_commitment"]
    assert [sorted(wrap) for wrap in parts[0]["wraps"]] == [sorted(wrap) for wrap in parts[1]["wraps"]]


def test_a_shuffle_keeps_everything_and_reaches_every_order() -> None:
    draw = prng.Random(1).randbytes
    orders = {tuple(sealing.shuffled([1, 2, 3], draw)) for _ in range(200)}
    assert len(orders) == 6 and all(sorted(order) == [1, 2, 3] for order in orders)


def test_the_same_key_twice_is_one_recipient(alice: Holder) -> None:
    part = sealed_record(alice.recipient(), alice.recipient(named=True), alice.recipient())["sealed"]["declaration"]
    assert [wrap["to"] for wrap in part["wraps"] if "to" in wrap] == [alice.id]
    hidden = [w for w in part["wraps"] if "to" not in w]
    assert len(hidden) == 3 and all(
        sealing.open_wrap(bytes_of(w["box"]), sealing.sealed_context(core(), "declaration"), alice.private) is None for w in hidden
    )


def test_nine_recipients_are_too_many() -> None:
    with pytest.raises(InputError) as caught:
        sealed_record(*(Holder().recipient() for _ in range(9)))
    assert caught.value.code == "too-many-recipients"


@pytest.mark.parametrize("public", [bytes(32), bytes(31), b""])
def test_an_unusable_sealing_key_is_refused(public: bytes) -> None:
    with pytest.raises(InputError, match="bad-key"):
        sealed_record(Recipient(public, key_id("x25519", public), False))


def test_nothing_is_sealed_to_nobody_or_under_another_keys_id(alice: Holder, bob: Holder) -> None:
    with pytest.raises(InputError, match="no-recipients"):
        sealed_record()
    with pytest.raises(InputError, match="bad-key"):
        sealed_record(Recipient(alice.public, bob.id, True))


def test_a_part_that_is_not_there_is_not_found(alice: Holder) -> None:
    with pytest.raises(NotFound, match="unknown-part"):
        open_part(sealed_record(alice.recipient()), "secret", alice.keys)


def test_a_record_with_a_field_too_many_binds_nothing(alice: Holder) -> None:
    with pytest.raises(InputError, match="malformed"):
        sealed_record(alice.recipient(), extra=1)


@pytest.mark.parametrize(("content_bytes", "text_bytes"), [(2, 512), (511, 512), (512, 1024), (1023, 1024), (1024, 2048)])
def test_texts_grow_in_powers_of_two(alice: Holder, content_bytes: int, text_bytes: int) -> None:
    content = {} if content_bytes == 2 else {"a": "x" * (content_bytes - len('{"a":""}'))}
    record = sealed_record(alice.recipient(), content=content)
    assert len(bytes_of(record["sealed"]["declaration"]["text"])) == text_bytes + 16
    opened = open_part(record, "declaration", alice.keys)
    assert opened is not None and opened.content == content


def test_the_largest_text_fits_and_one_byte_more_does_not(alice: Holder) -> None:
    largest = {"a": "x" * (SEALED_TEXT_BYTES_MAX - 1 - len('{"a":""}'))}
    assert open_part(sealed_record(alice.recipient(), content=largest), "declaration", alice.keys) is not None
    with pytest.raises(InputError, match="sealed-part-too-large"):
        sealed_record(alice.recipient(), content={"a": largest["a"] + "x"})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(st.characters(codec="utf-8"), max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(max_codepoint=127), max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(content=st.dictionaries(st.text(st.characters(max_codepoint=127), max_size=8), JSON, max_size=5), real=st.integers(1, 8))
def test_whatever_is_sealed_opens_unchanged(content: dict[str, Any], real: int) -> None:
    holders = [Holder() for _ in range(real)]
    record = sealed_record(*(h.recipient(named=i % 2 == 0) for i, h in enumerate(holders)), content=content)
    opened = open_part(record, "declaration", holders[-1].keys)
    assert opened is not None and opened.content == content


def forged(holder: Holder, padded: bytes) -> dict[str, Any]:
    """A record whose author encrypted these padded bytes correctly, whatever they are."""
    record = core()
    context = sealing.sealed_context(record, "declaration")
    key = os.urandom(32)
    part, _ = seal(record, "declaration", CONTENT, [holder.recipient()], os.urandom)
    box = box_of(sealing._suite().encrypt(key, holder.private.public_key(), context))
    text = box_of(AESGCM(key).encrypt(bytes(12), padded, context))
    part |= {"key_commitment": sealing.key_commitment(key), "text": text, "wraps": [{"box": box}, *part["wraps"][:3]]}
    return record | {"sealed": {"declaration": part}}


def ambiguous_ciphertext(first: bytes, second: bytes, plaintext: bytes, context: bytes) -> bytes:
    """A GCM ciphertext that both keys accept: its last block solves the equation tag(first) = tag(second), linear in that block."""

    def aes(key: bytes, block: bytes) -> bytes:
        return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)

    def ghash(key: bytes, data: bytes) -> int:
        subkey, total = int.from_bytes(aes(key, bytes(16)), "big"), 0
        for i in range(0, len(data), 16):
            total = multiply(total ^ int.from_bytes(data[i : i + 16], "big"), subkey)
        return total

    def whole(last: bytes) -> bytes:
        return context + body + last + (len(context) * 8).to_bytes(8, "big") + ((len(body) + 16) * 8).to_bytes(8, "big")

    def tag(key: bytes, last: bytes) -> int:
        return ghash(key, whole(last)) ^ int.from_bytes(aes(key, bytes(12) + b"\0\0\0\1"), "big")

    body = AESGCM(first).encrypt(bytes(12), plaintext, None)[: len(plaintext) - 16]
    difference = tag(first, bytes(16)) ^ tag(second, bytes(16))
    subkeys = [int.from_bytes(aes(key, bytes(16)), "big") for key in (first, second)]
    factor = multiply(subkeys[0], subkeys[0]) ^ multiply(subkeys[1], subkeys[1])
    last = multiply(difference, power(factor, 2**128 - 2)).to_bytes(16, "big")
    return body + last + tag(first, last).to_bytes(16, "big")


def multiply(a: int, b: int) -> int:
    """In GF(2^128) with GCM's bit order (NIST SP 800-38D, algorithm 1)."""
    result = 0
    for bit in range(127, -1, -1):
        if a >> bit & 1:
            result ^= b
        b = b >> 1 ^ (0xE1 << 120 if b & 1 else 0)
    return result


def power(base: int, exponent: int) -> int:
    result = 1 << 127
    while exponent:
        if exponent & 1:
            result = multiply(result, base)
        base, exponent = multiply(base, base), exponent >> 1
    return result
