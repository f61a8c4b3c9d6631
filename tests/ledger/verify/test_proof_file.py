"""A proof file is believed exactly where it is what the ledger wrote; hostile files get a code and never an exception."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ledger.verify
from ledger import canonical
from ledger.checkpoint import add_cosignature
from ledger.errors import InputError, NotFound, Refused
from ledger.proof import record_proof, state_proof
from ledger.verify import Verdict, verify
from tests.ledger.small_ledger import (
    ANNE,
    BOB,
    OPERATOR,
    key_id,
)
from tests.ledger.verify.packing import HASH_CHARS, other_texts
from tests.ledger.verify.small_files import LETTER, Files, Forger, code, entry, high_s, leaf_of
from tests.ledger.verify.trusting import WITNESS, trust

NAMES = ["two", "once", "refused once", "sealed", "by bob", "end", "taken", "drop", "revealed", "state", "old state", "absent", "not yet"]


@pytest.mark.parametrize("name", NAMES)
def test_what_the_ledger_wrote_holds(files: Files, name: str) -> None:
    verdict = verify(files.documents[name], trust(files.network))
    assert (verdict.ok, verdict.code) == (True, None)
    assert verdict.proves
    assert verdict.does_not_prove
    assert verdict.as_of is not None
    assert verdict.as_of["time"].startswith("2023-11-14T22:14:20")


def test_a_line_end_after_the_document_is_passed_over(files: Files) -> None:
    assert verify(files.documents["two"] + b"\n", trust(files.network) + b"\n").ok
    assert verify(files.documents["two"] + b"\n\n", trust(files.network)).code == "not-canonical"


def test_the_verdict_says_what_is_proven(files: Files) -> None:
    said = verify(files.documents["taken"], trust(files.network)).proves
    assert any("'taken'" in sentence for sentence in said)
    said = verify(files.documents["by bob"], trust(files.network)).proves
    assert any("member 'bob'" in sentence for sentence in said)
    assert verify(files.documents["absent"], trust(files.network)).proves == ["there is no state entry 'note/nothing' after block 4"]


@pytest.mark.parametrize("name", NAMES)
def test_any_top_level_change_fails(files: Files, name: str) -> None:
    value = canonical.decode(files.documents[name])
    for field in value:
        assert code({key: item for key, item in value.items() if key != field}, files) is not None, field
        others: tuple[Any, ...] = (None, "x", 1, -1, [], {}, True, "0" * 64)
        for other in others:
            if other != value[field] and not (field == "revealed" and other == {}):
                assert code({**value, field: other}, files) is not None, (field, other)
    assert code({**value, "more": 1}, files) == "malformed"


@pytest.mark.parametrize("name", ["two", "once", "revealed", "state", "absent"])
def test_a_flipped_bit_fails(files: Files, name: str) -> None:
    document = files.documents[name]
    for offset in range(0, len(document), 11):
        flipped = document[:offset] + bytes([document[offset] ^ (1 << offset % 7)]) + document[offset + 1 :]
        assert not verify(flipped, trust(files.network)).ok, (offset, document[offset - 20 : offset + 20])


def each_list(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, list):
        yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from each_list(item, (*path, key))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


@pytest.mark.parametrize("name", ["two", "once", "state", "absent"])
def test_no_list_may_be_shortened_lengthened_or_reordered(files: Files, name: str) -> None:
    value = canonical.decode(files.documents[name])
    for path in each_list(value):
        for change in (lambda found: found[:-1], lambda found: [*found, *found[-1:]], lambda found: ["0" * 64, *found], lambda f: f[::-1]):
            other = deepcopy(value)
            found = at(other, path)
            changed = change(found)
            if changed != found:
                found[:] = changed
                assert code(other, files) is not None, path


@pytest.mark.parametrize("name", ["two", "once", "refused once", "state", "absent"])
def test_no_text_of_hashes_may_be_another(files: Files, name: str) -> None:
    value = canonical.decode(files.documents[name])
    for field in ("inclusion", "siblings"):
        assert len(value[field]) >= 2 * HASH_CHARS
        for other in other_texts(value[field]):
            assert code({**value, field: other}, files) in ("inclusion-invalid", "key-invalid", "state-proof-invalid"), (field, other)


def changed(document: bytes, change: Callable[[Any], None]) -> Any:
    value = canonical.decode(document)
    change(value)
    return value


def test_a_surplus_and_a_missing_signer_fail(files: Files) -> None:
    assert code(changed(files.documents["two"], lambda v: v["keys"].pop()), files) == "key-invalid"
    assert code(changed(files.documents["two"], lambda v: v["keys"].reverse()), files) == "key-invalid"
    assert code(changed(files.documents["two"], lambda v: v["keys"].pop(0)), files) == "key-invalid"
    assert code(changed(files.documents["two"], lambda v: v["keys"].append(v["keys"][0])), files) == "key-invalid"


def test_an_entry_that_is_not_in_the_state_fails(files: Files) -> None:
    assert code(changed(files.documents["two"], lambda v: v["keys"][0]["entry"].update(member="bob")), files) == "key-invalid"
    assert code(changed(files.documents["two"], lambda v: v["keys"][0].update(entry=None)), files) == "key-invalid"
    assert code(changed(files.documents["refused once"], lambda v: v["keys"][1].update(entry=None)), files) == "key-invalid"


def test_a_header_of_another_block_fails(files: Files) -> None:
    one, other = canonical.decode(files.documents["two"]), canonical.decode(files.documents["drop"])
    assert code({**one, "header": other["header"]}, files) == "inclusion-invalid"
    assert code({**other, "header": one["header"]}, files) == "header-invalid"


def test_another_network_and_another_operator_fail(files: Files) -> None:
    assert verify(files.documents["two"], trust("ab" * 32)).code == "wrong-network"
    stranger = {"name": "op", "public": "00" * 32, "first_size": 0, "last_size": None}
    assert verify(files.documents["two"], trust(files.network, operators=[stranger])).code == "operator-not-trusted"
    assert verify(files.documents["two"], trust(files.network, operators=[])).code == "operator-not-trusted"


def test_an_operator_key_counts_within_its_sizes_only(files: Files) -> None:
    size = int(canonical.decode(files.documents["two"])["checkpoint"].split("\n")[1])
    key = {"name": OPERATOR.key.name, "public": OPERATOR.key.public.hex()}

    def between(first: int, last: int | None) -> str | None:
        return verify(files.documents["two"], trust(files.network, operators=[{**key, "first_size": first, "last_size": last}])).code

    assert between(size, size) is None
    assert between(0, size - 1) == "operator-not-trusted"
    assert between(size + 1, None) == "operator-not-trusted"


def test_witnesses_that_are_required_must_have_cosigned(files: Files) -> None:
    listed = [{"name": "w", "public": WITNESS.public_key().public_bytes_raw().hex()}]
    believed = trust(files.network, witnesses=listed, witnesses_required=1)
    assert verify(files.documents["two"], believed).code == "witnesses-missing"
    value = canonical.decode(files.documents["two"])
    value["checkpoint"] = add_cosignature(value["checkpoint"], "w", WITNESS, 1_700_000_000)
    assert verify(canonical.encode(value), believed).ok
    value["checkpoint"] = value["checkpoint"][:-8] + "AAAAAA==\n"
    assert not verify(canonical.encode(value), believed).ok


BAD_TRUST: list[Any] = [
    {"witnesses_required": 1},
    {"witnesses": [{"name": "a", "public": "00" * 32}, {"name": "b", "public": "00" * 32}]},
    {"operators": [{}]},
    {"operators": "x"},
    {"v": 2},
    {"v": True},
    {"network": "x"},
    {"more": 1},
    {"operators": [{"name": "a b", "public": "00" * 32, "first_size": 0, "last_size": None}]},
    {"operators": [{"name": "a", "public": "00", "first_size": 0, "last_size": None}]},
    {"operators": [{"name": "a", "public": "00" * 32, "first_size": -1, "last_size": None}]},
]


@pytest.mark.parametrize("change", BAD_TRUST, ids=str)
def test_a_bad_trust_file_trusts_nobody(files: Files, change: dict[str, Any]) -> None:
    assert verify(files.documents["two"], trust(files.network, **change)).code == "bad-trust"


def test_an_engine_that_this_verifier_does_not_know_is_refused(files: Files) -> None:
    assert verify(files.documents["two"], trust(files.network, engine="raft")).code == "unknown-engine"
    assert verify(files.documents["two"], trust(files.network, engine="comet")).code == "bad-trust"


def test_a_revealed_part_is_read_and_a_secret_never(files: Files) -> None:
    assert verify(files.documents["revealed"], trust(files.network)).revealed == {"letter": LETTER}
    assert verify(files.documents["sealed"], trust(files.network)).revealed == {}
    value = canonical.decode(files.documents["sealed"])
    assert code({**value, "revealed": {"secret": files.secret_key.hex()}}, files) == "secret-revealed"
    assert code({**value, "revealed": {"letter": files.secret_key.hex()}}, files) == "revealed-invalid"
    assert code({**value, "revealed": {"other": files.letter_key.hex()}}, files) == "revealed-invalid"
    assert code({**value, "revealed": {"letter": "zz"}}, files) == "revealed-invalid"
    with files.solo.store.reading() as reader:
        with pytest.raises(Refused, match="part-is-secret"):
            record_proof(reader, files.sealed_id, {"secret": files.secret_key})
        with pytest.raises(InputError, match="unknown-part"):
            record_proof(reader, files.sealed_id, {"other": files.letter_key})


def test_there_is_no_proof_of_what_is_not_there(files: Files) -> None:
    with files.solo.store.reading() as reader:
        with pytest.raises(NotFound, match="unknown-record"):
            record_proof(reader, "00" * 32)
        with pytest.raises(NotFound, match="unknown-height"):
            state_proof(reader, "note/a", 99)


def test_an_operator_cannot_vouch_for_a_record_that_its_keys_did_not_sign(files: Files) -> None:
    """Everything here is truly signed by the operator; only what the signers did not do is wrong."""
    forge, anne = Forger(files).document, key_id(ANNE)
    good = leaf_of(files, [ANNE])
    assert code(forge(good, {anne: entry(ANNE)}), files) is None
    assert code(forge(good, {anne: entry(ANNE, added_at=2)}), files) == "key-not-alive"
    assert code(forge(good, {anne: entry(ANNE, added_at=3)}), files) == "key-not-alive"
    assert code(forge(good, {anne: entry(ANNE, revoked_at=2)}), files) == "key-not-alive"
    assert code(forge(good, {anne: entry(ANNE, revoked_at=1)}), files) == "key-not-alive"
    assert code(forge(good, {anne: entry(ANNE, revoked_at=3)}), files) is None
    assert code(forge(good, {anne: entry(BOB)}), files) == "key-invalid"
    assert code(forge(good, {}), files) == "key-invalid"
    assert code(forge(good, {anne: entry(ANNE, purpose="seal")}), files) == "key-invalid"
    assert code(forge(good, {anne: entry(ANNE, purpose="once")}), files) == "key-invalid"
    assert code(forge(leaf_of(files, [ANNE], high_s), {anne: entry(ANNE)}), files) == "bad-signature"
    assert code(forge(leaf_of(files, [ANNE], lambda _: bytes(64)), {anne: entry(ANNE)}), files) == "bad-signature"
    assert code(forge({**good, "signatures": []}, {anne: entry(ANNE)}), files) == "bad-signature"
    assert code(forge({**good, "signatures": good["signatures"] * 2}, {anne: entry(ANNE)}), files) == "bad-signature"
    swapped = leaf_of(files, [ANNE, BOB])
    swapped["signatures"].reverse()
    assert code(forge(swapped, {anne: entry(ANNE), key_id(BOB): entry(BOB)}), files) == "bad-signature"
    assert code(forge({**good, "result": {}}, {anne: entry(ANNE)}), files) == "malformed"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abkv", max_size=3), inner, max_size=4),
)


@given(field=st.sampled_from(["leaf", "header", "inclusion", "keys", "checkpoint", "revealed", "proof", "value"]), value=JSON)
def test_no_value_anywhere_raises(files: Files, field: str, value: Any) -> None:
    for name in ("two", "state"):
        document = canonical.decode(files.documents[name])
        document[field] = value
        assert isinstance(verify(canonical.encode(document), trust(files.network)), Verdict)
    for inner in ("record", "result", "signatures"):
        document = canonical.decode(files.documents["two"])
        document["leaf"][inner] = value
        assert not verify(canonical.encode(document), trust(files.network)).ok or document["leaf"][inner] == value


@given(st.binary(max_size=200))
def test_no_bytes_raise(files: Files, data: bytes) -> None:
    assert not verify(data, trust(files.network)).ok
    assert verify(files.documents["two"], data).code == "bad-trust"


@pytest.mark.parametrize("data", [b"[" * 100_000, b"1" * 5000, b'"\\ud800"', b"\xff", b"{}" * 3_000_000, b"NaN", b"1.5", b'{"a":1,"a":1}'])
def test_hostile_documents_get_a_verdict(files: Files, data: bytes) -> None:
    assert not verify(data, trust(files.network)).ok


def test_the_verifier_imports_the_standard_library_and_cryptography_only() -> None:
    for path in Path(ledger.verify.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                allowed = name.split(".")[0] in {*sys.stdlib_module_names, "cryptography"} or name.startswith("ledger.verify")
                assert allowed, (path.name, name)


def test_the_verifier_is_short_enough_to_be_read_in_one_sitting() -> None:
    """`notes.py` is of the engine `solo` alone, `comet.py` and `comet_blocks.py` are of the engine `comet`: a reader needs one of them.

    Counted are lines with something in them, documentation included.
    """
    sources = Path(ledger.verify.__file__).parent.glob("*.py")
    lengths = {path.name: sum(bool(line.strip()) for line in path.read_text().splitlines()) for path in sources}
    engines = {"solo": ["notes.py"], "comet": ["comet.py", "comet_blocks.py"]}
    own = {name: sum(lengths.pop(each) for each in files) for name, files in engines.items()}
    assert sum(lengths.values()) < 600
    assert own["solo"] < 160
    assert own["comet"] < 340


def test_how_long_a_key_may_be(files: Files) -> None:
    document = canonical.decode(files.documents["absent"])
    for length, expected in ((256, "state-proof-invalid"), (257, "malformed")):
        assert verify(canonical.encode({**document, "key": "k" * length}), trust(files.network)).code == expected
