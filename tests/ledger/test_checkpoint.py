"""Checkpoints are C2SP signed notes that others can read, and a tampered one is refused."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import checkpoint
from ledger.checkpoint import Checkpoint
from ledger.errors import InputError, VerificationFailed

ORIGIN = "ledger.example/main"
WITNESS = "witness.example/w1"
OPERATOR_KEY = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
WITNESS_KEY = Ed25519PrivateKey.from_private_bytes(b"\2" * 32)
OPERATOR = OPERATOR_KEY.public_key().public_bytes_raw()
WITNESS_PUBLIC = WITNESS_KEY.public_key().public_bytes_raw()
CHECKPOINT = Checkpoint(ORIGIN, 20852163, bytes(range(32)))
NOTE = checkpoint.sign_note(CHECKPOINT, ORIGIN, OPERATOR_KEY)
COSIGNED = checkpoint.add_cosignature(NOTE, WITNESS, WITNESS_KEY, 1679315147)

# A checkpoint that the tests of the transparency-dev witness use, with its verifier key.
FOREIGN_KEY = base64.b64decode("AULaJMvTtDLHPUcUrjdDad9vDlh/PTfC2VV60JUtCfWT")[1:]
FOREIGN = (
    "monkeys\n5\n41smjBUiAU70EtKlT6lIOIYtRTYxYXsDB+XHfcvu/BE=\n\n"
    "— monkeys 202fftzGl3LVoqjXfwCFZZXs8I+5G22+Ek2K0AOyBuSJ/8/CZawNF+6fNlTKOCd622pbzJNkkJFWuw9DbicZCkEx9AY=\n"
)

# The example of the tlog-cosignature specification; its keys are not published.
SPECIFIED = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)


def code_of(call: Any, *arguments: Any) -> str:
    with pytest.raises((InputError, VerificationFailed)) as refused:
        call(*arguments)
    return refused.value.code


def test_a_checkpoint_of_another_implementation_verifies() -> None:
    verified = checkpoint.verify_note(FOREIGN, "monkeys", FOREIGN_KEY)
    assert (verified.origin, verified.size) == ("monkeys", 5)


def test_key_hashes_are_those_of_go_sumdb_note() -> None:
    key = base64.b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    assert key[0] == checkpoint.ED25519
    assert checkpoint.key_hash("PeterNeumann", checkpoint.ED25519, key[1:]).hex() == "c74f20a3"


def test_the_example_of_the_specification_is_read_as_it_is_meant() -> None:
    note = checkpoint.parse_note(SPECIFIED)
    assert note.checkpoint.size == 20852163
    operator, witness = note.signatures
    assert (operator.name, len(operator.signature)) == ("example.com/behind-the-sofa", 64)
    assert (witness.name, len(witness.signature)) == ("witness.example.com/w1", 72)
    assert int.from_bytes(witness.signature[:8], "big") == 1679315147


def test_a_signed_checkpoint_reads_as_it_was_and_verifies() -> None:
    assert NOTE.startswith(f"{ORIGIN}\n20852163\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n\n— {ORIGIN} ")
    assert checkpoint.verify_note(NOTE, ORIGIN, OPERATOR) == CHECKPOINT
    assert checkpoint.verify_note(COSIGNED, ORIGIN, OPERATOR) == CHECKPOINT


def test_an_empty_log_has_a_checkpoint() -> None:
    empty = Checkpoint(ORIGIN, 0, bytes(32))
    assert checkpoint.verify_note(checkpoint.sign_note(empty, ORIGIN, OPERATOR_KEY), ORIGIN, OPERATOR) == empty


def test_a_cosignature_names_its_witness_and_time() -> None:
    assert checkpoint.verified_cosigners(COSIGNED, {WITNESS: WITNESS_PUBLIC}) == {WITNESS: 1679315147}
    assert checkpoint.verified_cosigners(NOTE, {WITNESS: WITNESS_PUBLIC}) == {}
    signed = WITNESS_KEY.sign(f"cosignature/v1\ntime 1679315147\n{checkpoint.note_body(CHECKPOINT)}".encode())
    assert checkpoint.parse_note(COSIGNED).signatures[1].signature[8:] == signed


def test_a_later_cosignature_of_a_key_replaces_the_earlier() -> None:
    later = checkpoint.add_cosignature(COSIGNED, WITNESS, WITNESS_KEY, 1679315999)
    assert len(checkpoint.parse_note(later).signatures) == 2
    assert checkpoint.verified_cosigners(later, {WITNESS: WITNESS_PUBLIC}) == {WITNESS: 1679315999}


def test_cosigners_come_sorted_and_unknown_ones_are_left_out() -> None:
    second = Ed25519PrivateKey.from_private_bytes(b"\3" * 32)
    note = checkpoint.add_cosignature(COSIGNED, "a.example", second, 5)
    trusted = {WITNESS: WITNESS_PUBLIC, "a.example": second.public_key().public_bytes_raw(), "absent.example": OPERATOR}
    assert list(checkpoint.verified_cosigners(note, trusted).items()) == [("a.example", 5), (WITNESS, 1679315147)]


def test_an_operators_plain_signature_is_no_cosignature_and_the_reverse() -> None:
    assert checkpoint.verified_cosigners(NOTE, {ORIGIN: OPERATOR}) == {}
    only_cosigned = COSIGNED.replace(NOTE.split("\n\n")[1], "")
    assert code_of(checkpoint.verify_note, only_cosigned, WITNESS, WITNESS_PUBLIC) == "bad-checkpoint"


def test_a_witness_cannot_be_counted_twice_under_another_name() -> None:
    assert code_of(checkpoint.verified_cosigners, COSIGNED, {WITNESS: WITNESS_PUBLIC, "other.example": WITNESS_PUBLIC}) == "bad-key"


def test_one_witness_whose_signature_does_not_hold_does_not_spoil_the_other() -> None:
    second = Ed25519PrivateKey.from_private_bytes(b"\3" * 32)
    other_note = checkpoint.sign_note(Checkpoint(ORIGIN, 1, bytes(32)), ORIGIN, OPERATOR_KEY)
    line = checkpoint.add_cosignature(other_note, "a.example", second, 5).splitlines(keepends=True)[-1]
    trusted = {WITNESS: WITNESS_PUBLIC, "a.example": second.public_key().public_bytes_raw()}
    assert checkpoint.verified_cosigners(COSIGNED + line, trusted) == {WITNESS: 1679315147}


def test_a_cosignature_with_another_time_or_a_time_out_of_range_does_not_count() -> None:
    blob = checkpoint.parse_note(COSIGNED).signatures[1]
    for stamp in (1679315148, 2**63, 2**64 - 1):
        raw = blob.key_hash + stamp.to_bytes(8, "big") + blob.signature[8:]
        forged = f"{NOTE}— {WITNESS} {base64.b64encode(raw).decode()}\n"
        assert checkpoint.verified_cosigners(forged, {WITNESS: WITNESS_PUBLIC}) == {}
    short = f"{NOTE}— {WITNESS} {base64.b64encode(blob.key_hash + blob.signature[:-1]).decode()}\n"
    assert checkpoint.verified_cosigners(short, {WITNESS: WITNESS_PUBLIC}) == {}


def test_a_time_beyond_the_specification_does_not_count_even_when_signed() -> None:
    signed = WITNESS_KEY.sign(f"cosignature/v1\ntime {2**63}\n{checkpoint.note_body(CHECKPOINT)}".encode())
    raw = checkpoint.key_hash(WITNESS, checkpoint.COSIGNATURE_V1, WITNESS_PUBLIC) + (2**63).to_bytes(8, "big") + signed
    forged = f"{NOTE}— {WITNESS} {base64.b64encode(raw).decode()}\n"
    assert checkpoint.verified_cosigners(forged, {WITNESS: WITNESS_PUBLIC}) == {}


def test_every_changed_character_of_a_note_is_noticed() -> None:
    for place, character in enumerate(NOTE):
        for other in {"A", "b", "1", "\n", " ", "+", "é"} - {character}:
            assert code_of(checkpoint.verify_note, NOTE[:place] + other + NOTE[place + 1 :], ORIGIN, OPERATOR) in {
                "bad-note",
                "bad-checkpoint",
            }


def test_another_key_or_name_does_not_verify() -> None:
    assert code_of(checkpoint.verify_note, NOTE, ORIGIN, WITNESS_PUBLIC) == "bad-checkpoint"
    assert code_of(checkpoint.verify_note, NOTE, "other.example", OPERATOR) == "bad-checkpoint"
    assert code_of(checkpoint.verify_note, NOTE, ORIGIN, b"short") == "bad-key"


def test_a_forged_signature_under_the_right_key_hash_is_refused() -> None:
    forged = checkpoint.sign_note(Checkpoint(ORIGIN, 7, bytes(32)), ORIGIN, OPERATOR_KEY).split("\n\n")[0]
    assert code_of(checkpoint.verify_note, f"{forged}\n\n{NOTE.split(chr(10) * 2)[1]}", ORIGIN, OPERATOR) == "bad-checkpoint"


LINE = NOTE.split("\n\n")[1]
ROOT = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n" * 9,
        f"{ORIGIN}\n1\n{ROOT}\n",
        f"{ORIGIN}\n1\n{ROOT}\n\n",
        f"{ORIGIN}\n1\n{ROOT}\n{LINE}",
        f"{ORIGIN}\n1\n{ROOT}\nextension\n\n{LINE}",
        f"{ORIGIN}\n1\n{ROOT}\n\n{LINE[:-1]}",
        f"{ORIGIN}\n1\n{ROOT}\n\n{LINE}\n",
        f"{ORIGIN}\n1\n{ROOT}\n\n{LINE}{LINE}",
        f"{ORIGIN}\r\n1\r\n{ROOT}\r\n\r\n{LINE}",
        f"\n1\n{ROOT}\n\n{LINE}",
        f"with space\n1\n{ROOT}\n\n{LINE}",
        f"with+plus\n1\n{ROOT}\n\n{LINE}",
        f"with\ttab\n1\n{ROOT}\n\n{LINE}",
        f"é\n1\n{ROOT}\n\n{LINE}",
        f"{'a' * 256}\n1\n{ROOT}\n\n{LINE}",
        f"{ORIGIN}\n01\n{ROOT}\n\n{LINE}",
        f"{ORIGIN}\n00\n{ROOT}\n\n{LINE}",
        f"{ORIGIN}\n-1\n{ROOT}\n\n{LINE}",
        f"{ORIGIN}\n+1\n{ROOT}\n\n{LINE}",
        f"{ORIGIN}\n1_0\n{ROOT}\n\n{LINE}",
        f"{ORIGIN}\n\u0661\n{ROOT}\n\n{LINE}",
        f"{ORIGIN}\n{2**53}\n{ROOT}\n\n{LINE}",
        f"{ORIGIN}\n{'9' * 5000}\n{ROOT}\n\n{LINE}",
        f"{ORIGIN}\n1\n{ROOT[:-1]}\n\n{LINE}",
        f"{ORIGIN}\n1\n{ROOT[:-2]}9=\n\n{LINE}",
        f"{ORIGIN}\n1\n{ROOT} \n\n{LINE}",
        f"{ORIGIN}\n1\nAAEC\n\n{LINE}",
        f"{ORIGIN}\n1\n{ROOT}\n\n- {ORIGIN} AAAAAAA=\n",
        f"{ORIGIN}\n1\n{ROOT}\n\n— {ORIGIN}\n",
        f"{ORIGIN}\n1\n{ROOT}\n\n— {ORIGIN}  AAAAAAA=\n",
        f"{ORIGIN}\n1\n{ROOT}\n\n— {ORIGIN} AAAAAAA= \n",
        f"{ORIGIN}\n1\n{ROOT}\n\n— {ORIGIN} AAAAAA==\n",
        f"{ORIGIN}\n1\n{ROOT}\n\n— {ORIGIN} \n",
        f"{ORIGIN}\n1\n{ROOT}\n\n— {ORIGIN} {'A' * 20000}\n",
        f"{ORIGIN}\n1\n{ROOT}\n\n— \ud800 AAAAAAA=\n",
        f"{ORIGIN}\n1\n{ROOT}\n\n" + "".join(f"— n{number} AAAAAAA=\n" for number in range(65)),
        f"{ORIGIN}\n1\n{ROOT}\n\n" + "x" * 70000,
    ],
)
def test_a_malformed_note_is_refused(text: str) -> None:
    assert code_of(checkpoint.parse_note, text) == "bad-note"


def test_a_note_of_sixteen_signatures_is_read_as_the_specification_demands() -> None:
    text = f"{ORIGIN}\n1\n{ROOT}\n\n" + "".join(f"— n{number} AAAAAAA=\n" for number in range(16))
    assert len(checkpoint.parse_note(text).signatures) == 16


@pytest.mark.parametrize(
    "wrong",
    [
        Checkpoint("", 1, bytes(32)),
        Checkpoint("two\nlines", 1, bytes(32)),
        Checkpoint(ORIGIN, -1, bytes(32)),
        Checkpoint(ORIGIN, 2**53, bytes(32)),
        Checkpoint(ORIGIN, True, bytes(32)),
        Checkpoint(ORIGIN, 1, bytes(31)),
    ],
)
def test_what_could_not_be_read_is_not_signed(wrong: Checkpoint) -> None:
    assert code_of(checkpoint.sign_note, wrong, ORIGIN, OPERATOR_KEY) == "bad-note"


def test_a_bad_key_name_or_time_is_not_signed() -> None:
    assert code_of(checkpoint.sign_note, CHECKPOINT, "a b", OPERATOR_KEY) == "bad-note"
    assert code_of(checkpoint.add_cosignature, NOTE, "a+b", WITNESS_KEY, 1) == "bad-note"
    for time_s in (-1, 2**63, True):
        assert code_of(checkpoint.add_cosignature, NOTE, WITNESS, WITNESS_KEY, time_s) == "bad-note"
