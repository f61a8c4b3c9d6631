"""Signed notes at their edges: every form of a line, cosignatures that are nearly one, sizes and times beside the last that holds."""

from __future__ import annotations

import base64
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.checkpoint import ED25519, key_hash
from ledger.verify import signatures
from ledger.verify.notes import OperatorTrust, Trust, check_note, read_trust
from tests.ledger.verify.test_vectors import code_of

NETWORK: Final = "ab" * 32
OPERATOR: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
WITNESS: Final = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)
ROOT: Final = base64.b64encode(bytes(range(32))).decode()
BODY: Final = f"tallystick/{NETWORK}\n5\n{ROOT}\n"
DASH: Final = "\u2014"


def public(private: Ed25519PrivateKey) -> bytes:
    return private.public_key().public_bytes_raw()


def line(name: str, blob: bytes) -> str:
    return f"{DASH} {name} {base64.b64encode(blob).decode()}\n"


def believed(*, first: int = 0, last: int | None = None, required: int = 0, witnesses: int = 1, name: str = "op") -> Trust:
    listed = tuple((f"w{number}", public(WITNESS)) for number in range(1, 1 + witnesses))
    return Trust(NETWORK, (OperatorTrust(name, public(OPERATOR), first, last),), listed, required)


def signed(body: str = BODY, name: str = "op") -> str:
    return f"{body}\n{line(name, key_hash(name, ED25519, public(OPERATOR)) + OPERATOR.sign(body.encode()))}"


def cosignature(time: int, *, name: str = "w1", kind: int = 4, said: str | None = None, cut: int = 76, more: bytes = b"") -> str:
    message = (said or f"cosignature/v1\ntime {time}\n") + BODY
    blob = key_hash(name, kind, public(WITNESS)) + time.to_bytes(8, "big") + WITNESS.sign(message.encode())
    return line(name, blob[:cut] + more)


def test_what_a_note_vouches_for() -> None:
    log = check_note(signed(), believed())
    assert (log.size, log.root, log.operator, log.cosigners) == (5, bytes(range(32)), "op", ())
    assert log.said()[0] == []
    cosigned = check_note(signed() + cosignature(1), believed(required=1))
    assert cosigned.cosigners == ("w1",)
    assert cosigned.said() == (["the checkpoint of 5 leaves was cosigned by w1"], [])


@pytest.mark.parametrize("time", [0, 1, 1_700_000_000, 2**63 - 1])
def test_a_cosignature_of_any_time_counts(time: int) -> None:
    assert check_note(signed() + cosignature(time), believed(required=1)).cosigners == ("w1",)


@pytest.mark.parametrize(
    "spoilt",
    [
        cosignature(2**63),
        cosignature(2**64 - 1),
        cosignature(1, kind=1),
        cosignature(1, kind=5),
        cosignature(1, name="w2"),
        cosignature(1, said="cosignature/v1\ntime 2\n"),
        cosignature(1, said="cosignature/v2\ntime 1\n"),
        cosignature(1, cut=75),
        cosignature(1, cut=12),
        cosignature(1, cut=4),
        cosignature(1, cut=3),
        cosignature(1, more=b"\x00"),
        "",
    ],
)
def test_a_cosignature_that_is_none_counts_for_nothing_and_hides_no_other(spoilt: str) -> None:
    assert check_note(signed() + spoilt, believed()).cosigners == ()
    assert code_of(check_note, signed() + spoilt, believed(required=1)) == "witnesses-missing"
    assert check_note(signed() + spoilt + cosignature(3), believed(required=1)).cosigners == ("w1",)
    assert check_note(signed() + cosignature(3) + spoilt, believed(required=1)).cosigners == ("w1",)


def test_two_lines_of_one_witness_count_once() -> None:
    twice = signed() + cosignature(1) + cosignature(2)
    assert check_note(twice, believed(required=1)).cosigners == ("w1",)
    assert code_of(check_note, twice, believed(witnesses=2, required=2)) == "witnesses-missing"
    assert check_note(twice, believed(witnesses=2, required=2), witnessed=False).cosigners == ("w1",)


def test_the_operators_line_may_stand_anywhere_and_more_than_once() -> None:
    own = signed().removeprefix(f"{BODY}\n")
    spoilt = line("op", key_hash("op", ED25519, public(OPERATOR)) + bytes(64))
    for lines in (cosignature(1) + own, own + own, spoilt + own, own + spoilt):
        assert check_note(f"{BODY}\n{lines}", believed()).operator == "op"
    for lines in (
        spoilt,
        line("op", bytes(4) + OPERATOR.sign(BODY.encode())),
        line("op", key_hash("op", 4, public(OPERATOR)) + OPERATOR.sign(BODY.encode())),
        line("po", key_hash("op", ED25519, public(OPERATOR)) + OPERATOR.sign(BODY.encode())),
        line("op", key_hash("op", ED25519, public(OPERATOR)) + OPERATOR.sign(BODY.encode()) + b"\x00"),
        line("op", key_hash("op", ED25519, public(OPERATOR)) + OPERATOR.sign(f"{BODY}\n".encode())),
        line("op", b""),
        cosignature(1),
    ):
        assert code_of(check_note, f"{BODY}\n{lines}", believed()) == "operator-not-trusted"


def test_the_first_operator_who_signed_is_named() -> None:
    trust = believed()
    two = (OperatorTrust("other", public(WITNESS), 0, None), *trust.operators, OperatorTrust("op", public(OPERATOR), 0, 5))
    assert check_note(signed(), Trust(NETWORK, two, (), 0)).operator == "op"
    assert code_of(check_note, signed(), Trust(NETWORK, two[:1], (), 0)) == "operator-not-trusted"


@pytest.mark.parametrize(
    ("first", "last", "code"),
    [
        (5, 5, None),
        (0, 5, None),
        (5, None, None),
        (6, None, "operator-not-trusted"),
        (0, 4, "operator-not-trusted"),
        (0, 0, "operator-not-trusted"),
    ],
)
def test_between_which_sizes_an_operator_counts(first: int, last: int | None, code: str | None) -> None:
    assert code_of(check_note, signed(), believed(first=first, last=last)) == code


@pytest.mark.parametrize(
    ("note", "code"),
    [
        (signed(BODY.replace("\n5\n", "\n0\n")), None),
        (signed(BODY.replace("\n5\n", "\n9999999999999999\n")), None),
        (signed(BODY.replace("\n5\n", "\n99999999999999999\n")), "bad-checkpoint"),
        (signed(BODY.replace("\n5\n", "\n05\n")), "bad-checkpoint"),
        (signed(BODY.replace("\n5\n", "\n-5\n")), "bad-checkpoint"),
        (signed(BODY.replace("\n5\n", "\n5 \n")), "bad-checkpoint"),
        (signed(BODY.replace("\n5\n", "\n\u0665\n")), "bad-checkpoint"),
        (signed(BODY.replace("tallystick/", "tallystick ")), "wrong-network"),
        (signed(BODY.replace("ab", "ba")), "wrong-network"),
        (signed(BODY.replace(ROOT, base64.b64encode(bytes(31)).decode())), "bad-checkpoint"),
        (signed(BODY.replace(ROOT, base64.b64encode(bytes(33)).decode())), "bad-checkpoint"),
        (signed(BODY.replace(ROOT, ROOT[:-1])), "bad-checkpoint"),
        (signed(BODY.replace(ROOT, ROOT[:-2] + "9=")), "bad-checkpoint"),
        (signed(BODY.replace(ROOT, "\u00e9" + ROOT[1:])), "bad-checkpoint"),
        (signed(BODY.replace(ROOT, ROOT[:20] + " " + ROOT[20:])), "bad-checkpoint"),
        (signed(f"{BODY}more\n"), "bad-checkpoint"),
        (signed(BODY).replace("\n\n", "\n"), "bad-checkpoint"),
        (signed(BODY).replace("\n\n", "\n\n\n"), "bad-checkpoint"),
        (signed()[:-1], "bad-checkpoint"),
        (signed() + "\n", "bad-checkpoint"),
        (f"{BODY}\n", "bad-checkpoint"),
        (BODY, "bad-checkpoint"),
        ("", "bad-checkpoint"),
        ("\n\n\n\n\n", "bad-checkpoint"),
        (signed().replace(DASH, "-"), "bad-checkpoint"),
        (signed() + f"{DASH} w1\n", "bad-checkpoint"),
        (signed() + f"{DASH} w1 AAAA AAAA\n", "bad-checkpoint"),
        (signed() + f"{DASH}  AAAA\n", "bad-checkpoint"),
        (signed() + f"{DASH} w+1 AAAA\n", "bad-checkpoint"),
        (signed() + f"{DASH} {'n' * 255} AAAA\n", None),
        (signed() + f"{DASH} {'n' * 256} AAAA\n", "bad-checkpoint"),
        (signed() + f"{DASH} w1 AAA\n", "bad-checkpoint"),
        (signed() + f"{DASH} w1 AAB=\n", "bad-checkpoint"),
        (signed() + f"{DASH} w1 \n", None),
        (signed() + cosignature(1) * 63, None),
        (signed() + cosignature(1) * 64, "bad-checkpoint"),
        (signed().encode(), "bad-checkpoint"),
    ],
)
def test_the_form_of_a_note(note: Any, code: str | None) -> None:
    assert code_of(check_note, note, believed()) == code


@pytest.mark.parametrize(("chars", "code"), [(65_535, None), (65_536, None), (65_537, "bad-checkpoint")])
def test_how_long_a_note_may_be(chars: int, code: str | None) -> None:
    note = signed()
    room = chars - len(note) - len(f"{DASH} n \n")
    name = "n" * (1 + room % 4)
    note += f"{DASH} {name} {'A' * (room // 4 * 4)}\n"
    assert len(note) == chars
    assert code_of(check_note, note, believed()) == code


def test_what_is_no_key_holds_for_nothing() -> None:
    message, made = b"said", OPERATOR.sign(b"said")
    assert signatures.ed25519_holds(public(OPERATOR), made, message)
    for key, signature, said in (
        (public(OPERATOR), made, b"says"),
        (public(OPERATOR), made[:-1], message),
        (public(OPERATOR), b"", message),
        (public(WITNESS), made, message),
        (b"", made, message),
        (b"\xff" * 32, made, message),
        (public(OPERATOR) + b"\x00", made, message),
    ):
        assert signatures.ed25519_holds(key, signature, said) is False


def test_an_empty_line_stands_before_the_signatures_and_a_line_end_after_them() -> None:
    good = signed() + cosignature(1)
    assert check_note(good, believed()).size == 5
    for other in (good.replace("\n\n", "\nmore\n"), good.removesuffix("\n"), good.removesuffix("\n") + " "):
        assert code_of(check_note, other, believed()) == "bad-checkpoint"


@pytest.mark.parametrize("data", [b"", b"{", b"{ }", b"\xff"], ids=range(4))
def test_trust_that_cannot_be_read_is_no_trust(data: bytes) -> None:
    assert code_of(read_trust, data) == "bad-trust"
