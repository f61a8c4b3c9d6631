"""Each field of each file that the verifier reads, with everything in it that it must not hold: and the exact code that comes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any, Final

import pytest

from ledger import canonical
from ledger.keys import sign
from ledger.record import record_id
from ledger.verify import verify
from ledger.verify.notes import read_trust
from tests.ledger.small_ledger import ANNE, ANNE_CHECK, ANNE_SERVICE, BOB, Private, key_id, private_key, public_json
from tests.ledger.verify.shapes import ENTRY, FIRST_LOOKED_AT, KINDS, RECORD, SHAPES, SURPLUS, TRUST, Rows
from tests.ledger.verify.small_files import Files, Forger, entry, leaf_of
from tests.ledger.verify.small_files import code as judged_code
from tests.ledger.verify.test_vectors import code_of, family

PROOFS: Final = family("proofs")


def steps(place: str) -> list[Any]:
    return [int(step) if step.isdigit() else step for step in place.split(".")] if place else []


def put(value: Any, place: str, other: Any) -> Any:
    """The value with another at a place."""
    path = steps(place)
    if not path:
        return other
    made = found = deepcopy(value)
    for step in path[:-1]:
        found = found[step]
    found[path[-1]] = other
    return made


def at(value: Any, place: str) -> Any:
    for step in steps(place):
        value = value[step]
    return value


def wrong(value: Any, rows: Rows) -> Iterator[tuple[str, Any, Any, str]]:
    """The place, what is put there, the file with it, and the code for it."""
    for place, right, code in rows:
        for shape in SHAPES.keys() - right.split():
            for other in SHAPES[shape]:
                if other != at(value, place) or type(other) is not type(at(value, place)):
                    yield place, other, put(value, place, other), code


def other_fields(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {**value, "more": 1}
    for name in value:
        yield {key: item for key, item in value.items() if key != name}


def trusted() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(PROOFS["trusts"]["witnesses listed"])
    return found


def judged(value: Any) -> str | None:
    return verify(canonical.encode(value), PROOFS["trusts"]["plain"].encode()).code


def signed(core: dict[str, Any], signers: Sequence[Private]) -> dict[str, Any]:
    digest = bytes.fromhex(record_id(canonical.encode(core)))
    return {"record": core, "result": {"code": "ok"}, "signatures": [sign(key, digest).hex() for key in signers]}


def test_every_field_of_a_trust_file() -> None:
    assert code_of(read_trust, canonical.encode(trusted())) is None
    for place, other, value, code in wrong(trusted(), TRUST):
        assert code_of(read_trust, canonical.encode(value)) == code, (place, other)
    for place in ("", "operators.0", "witnesses.0"):
        for other in other_fields(at(trusted(), place)):
            assert code_of(read_trust, canonical.encode(put(trusted(), place, other))) == "bad-trust", (place, other)


@pytest.mark.parametrize("data", [b"", b"{", b"[1.5]", b'{"v":1,"v":1}', b" {}", b"\xff", b'"' + b"x" * 262_143 + b'"', "{}"])
def test_a_trust_file_that_is_no_document_at_all(data: bytes) -> None:
    assert verify(PROOFS["documents"]["state"].encode(), data).code == "bad-trust"


def test_what_a_trust_file_says_is_what_is_believed() -> None:
    value = trusted()
    value["operators"] += [{"name": "p", "public": "ab" * 32, "first_size": 3, "last_size": 7}]
    trust = read_trust(canonical.encode(value))
    assert trust.network == value["network"]
    operators = [(each.name, each.public.hex(), each.first_size, each.last_size) for each in trust.operators]
    assert operators == [(each["name"], each["public"], each["first_size"], each["last_size"]) for each in value["operators"]]
    assert [(name, public.hex()) for name, public in trust.witnesses] == [(each["name"], each["public"]) for each in value["witnesses"]]
    assert trust.witnesses_required == 0


@pytest.mark.parametrize(("count", "code"), [(0, None), (64, None), (65, "bad-trust")])
def test_how_many_a_trust_file_may_list(count: int, code: str | None) -> None:
    listed = [{"name": "n", "public": f"{number:064x}"} for number in range(count)]
    operators = [{**each, "first_size": 0, "last_size": None} for each in listed]
    assert code_of(read_trust, canonical.encode({**trusted(), "witnesses": listed})) == code
    assert code_of(read_trust, canonical.encode({**trusted(), "witnesses": listed, "witnesses_required": count})) == code
    assert code_of(read_trust, canonical.encode({**trusted(), "witnesses": listed, "witnesses_required": count + 1})) == "bad-trust"
    assert code_of(read_trust, canonical.encode({**trusted(), "operators": operators})) == code


@pytest.mark.parametrize("name", ["", "a b", "a+b", "\n", "a\n", "\x7f", "é", "n" * 256])
def test_a_name_that_no_note_could_carry(name: str) -> None:
    for place in ("operators.0.name", "witnesses.0.name"):
        assert code_of(read_trust, canonical.encode(put(trusted(), place, name))) == "bad-trust"
        assert code_of(read_trust, canonical.encode(put(trusted(), place, "!-*,~" + "n" * 250))) is None


@pytest.mark.parametrize("name", list(KINDS))
def test_every_field_of_a_proof_file(name: str) -> None:
    document = json.loads(PROOFS["documents"][name])
    for place, other, value, code in wrong(document, KINDS[name]):
        assert judged(value) == code, (place, other)


@pytest.mark.parametrize("name", list(SURPLUS))
def test_a_field_too_many_or_too_few(name: str) -> None:
    document = json.loads(PROOFS["documents"][name])
    for place, code in SURPLUS[name].items():
        for other in other_fields(at(document, place)):
            gone = next((each for each in FIRST_LOOKED_AT if each not in other), "") if place in ("", "files.0") else ""
            assert judged(put(document, place, other)) == FIRST_LOOKED_AT.get(gone, code), (place, gone)


def test_how_many_files_a_bundle_may_hold() -> None:
    state, bundle = (json.loads(PROOFS["documents"][name]) for name in ("state", "bundle"))
    for count, code in ((0, "malformed"), (1, None), (16, None), (17, "malformed")):
        assert judged({**bundle, "files": [state] * count}) == code
    assert judged({**bundle, "files": [state, bundle]}) == "unknown-kind"


def test_every_field_of_a_record_that_its_operator_forged(files: Files) -> None:
    forge, keys = Forger(files).document, {key_id(ANNE): entry(ANNE), key_id(BOB): entry(BOB)}
    leaf = leaf_of(files, [ANNE, BOB])
    assert judged_code(forge(leaf, keys), files) is None
    for place, other, value, code in wrong(leaf, RECORD):
        assert judged_code(forge(value, keys), files) == code, (place, other)
    for other in other_fields(leaf["record"]):
        assert judged_code(forge({**leaf, "record": other}, keys), files) == "malformed", other.keys()


def test_every_field_of_an_entry_that_its_operator_forged(files: Files) -> None:
    leaf = leaf_of(files, [ANNE])
    for place, other, value, code in wrong(entry(ANNE), ENTRY):
        assert judged_code(Forger(files).document(leaf, {key_id(ANNE): value}), files) == code, (place, other)
    for value in other_fields(entry(ANNE)):
        assert judged_code(Forger(files).document(leaf, {key_id(ANNE): value}), files) == "key-invalid", value.keys()


@pytest.mark.parametrize(
    ("name", "other", "code"),
    [
        ("type", "t" * 65, None),
        ("type", "t" * 66, "malformed"),
        ("type", "", "malformed"),
        ("type", "t\n", "malformed"),
        ("type", "\x1f", "malformed"),
        ("type", " ~", None),
        ("v", 2, "malformed"),
        ("v", True, "malformed"),
        ("nonce", None, None),
    ],
)
def test_a_record_that_is_signed_as_it_stands(files: Files, name: str, other: Any, code: str | None) -> None:
    core = {**leaf_of(files, [ANNE])["record"], name: other}
    assert judged_code(Forger(files).document(signed(core, [ANNE]), {key_id(ANNE): entry(ANNE)}), files) == code


def test_one_to_three_signers_each_with_a_key_of_its_own(files: Files) -> None:
    signers = [ANNE, ANNE_CHECK, ANNE_SERVICE, BOB]
    keys = {key_id(key): entry(key, purpose=purpose) for key, purpose in zip(signers, ("make", "check", "service", "make"), strict=True)}
    for count, code in ((0, "malformed"), (1, None), (2, None), (3, None), (4, "malformed")):
        leaf = leaf_of(files, signers[:count])
        assert judged_code(Forger(files).document(leaf, keys), files) == code, count
    document = Forger(files).document(leaf_of(files, signers[:3]), keys)
    assert judged_code({**document, "keys": [*document["keys"], document["keys"][0]]}, files) == "key-invalid"
    assert judged_code({**document, "keys": document["keys"][1:]}, files) == "key-invalid"


def test_a_one_time_key_signs_first_of_two_and_beside_a_service_key(files: Files) -> None:
    once, keys = (
        private_key("a one-time key"),
        {key_id(key): entry(key, purpose=purpose) for key, purpose in ((ANNE_SERVICE, "service"), (ANNE, "make"))},
    )
    keys[key_id(once)] = entry(once, purpose="once", member=None, object="ab" * 32, added_at=1)
    for signers, code in (
        ([once, ANNE_SERVICE], None),
        ([once], "key-invalid"),
        ([once, ANNE], "key-invalid"),
        ([once, ANNE_SERVICE, ANNE], "key-invalid"),
        ([ANNE_SERVICE, once], "key-invalid"),
        ([ANNE, ANNE_SERVICE, once], "key-invalid"),
    ):
        assert judged_code(Forger(files).document(leaf_of(files, signers), keys), files) == code, len(signers)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"key": 1}, None),
        ({"one": {}, "other": {"alg": "p256"}, "third": {"alg": "p256", "public": 1}}, None),
        ({"key": {"alg": "x25519"}}, "key-invalid"),
        ({"key": {"more": 1}}, "key-invalid"),
        ({"key": None}, "key-invalid"),
    ],
)
def test_a_one_time_key_that_the_record_itself_gives(files: Files, body: dict[str, Any], code: str | None) -> None:
    """In whichever field; the record registers it (an entry of its own place) or was refused (no entry)."""
    once, service = private_key("a one-time key"), {key_id(ANNE_SERVICE): entry(ANNE_SERVICE, purpose="service")}
    given = {name: {**public_json(once), **value} if name == "key" and isinstance(value, dict) else value for name, value in body.items()}
    if code is None:
        given["zz"] = public_json(once)
    core = files.solo.author.core("note.once", given, [once, ANNE_SERVICE])
    leaf, own = signed(core, [once, ANNE_SERVICE]), record_id(canonical.encode(core))
    assert judged_code(Forger(files).document(leaf, service), files) == code
    for object_id, added_at, expected in (
        (own, 2, None),
        (own, 1, "key-not-alive"),
        (own, 3, "key-not-alive"),
        ("ab" * 32, 1, None),
        ("ab" * 32, 2, "key-not-alive"),
    ):
        made = {**service, key_id(once): entry(once, purpose="once", member=None, object=object_id, added_at=added_at)}
        if code is None:
            assert judged_code(Forger(files).document(leaf, made), files) == expected, (object_id, added_at)
        elif object_id == own:
            # Not given by the body, it is a key like any other: it must have been there before.
            assert judged_code(Forger(files).document(leaf, made), files) == (None if added_at < 2 else "key-not-alive")
