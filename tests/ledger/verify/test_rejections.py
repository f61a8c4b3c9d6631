"""What a verifier must turn away, each in turn: nothing here is a mere slip of the pen, most of it is signed by the operator itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import canonical
from ledger.checkpoint import Checkpoint, add_cosignature, parse_note, sign_note
from ledger.proof import record_proof
from ledger.record import sign_record
from ledger.verify import verify
from ledger.verify.sealed_parts import open_parts
from ledger.verify.strict_json import Invalid
from tests.ledger.small_ledger import ANNE, BOB, OPERATOR, Solo, key_id, solo_ledger
from tests.ledger.verify.packing import other_texts
from tests.ledger.verify.small_files import OPERATOR_PRIVATE, Files, Forger, code, entry, high_s, leaf_of
from tests.ledger.verify.trusting import trust


def changed(document: bytes, change: Callable[[Any], Any]) -> Any:
    value = canonical.decode(document)
    change(value)
    return value


# Proofs of wrong length or size


@pytest.mark.parametrize("name", ["two", "state"])
def test_an_inclusion_proof_of_another_length(files: Files, name: str) -> None:
    document = canonical.decode(files.documents[name])
    for other in other_texts(document["inclusion"]):
        assert code({**document, "inclusion": other}, files) == "inclusion-invalid", other


def test_the_header_in_the_place_of_the_record(files: Files) -> None:
    """One leaf cannot be shown twice: the record's place lies before its header."""
    document = canonical.decode(files.documents["two"])
    leaf = {"record": document["leaf"]["record"], "result": document["leaf"]["result"], "signatures": document["leaf"]["signatures"]}
    for at in (document["header"]["log_size"], document["header"]["log_size"] + 1, 2**53 - 1):
        assert code({**document, "leaf": leaf, "log_index": at}, files) == "header-invalid"


def test_a_log_of_another_size_under_the_same_root(files: Files) -> None:
    """Even where the operator itself signs it. Only where the leaf's way up has the same turns is the path the same: there the leaf does
    stand in the tree of that root, and nothing false is proven (RFC 9162 hashes no sizes).
    """
    document = canonical.decode(files.documents["two"])
    note = parse_note(document["checkpoint"]).checkpoint
    for size in (0, 1, document["header"]["log_size"], note.size // 2, 4 * note.size, 2**53 - 1):
        signed = sign_note(Checkpoint(note.origin, size, note.root), OPERATOR.key.name, OPERATOR_PRIVATE)
        assert code({**document, "checkpoint": signed}, files) == "inclusion-invalid", size


def test_a_leaf_at_another_place(files: Files) -> None:
    document = canonical.decode(files.documents["two"])
    for at in range(document["header"]["log_size"]):
        if at != document["log_index"]:
            assert code({**document, "log_index": at}, files) == "inclusion-invalid"
    assert code({**document, "log_index": document["header"]["log_size"]}, files) == "header-invalid"


@pytest.mark.parametrize("name", ["state", "absent"])
def test_a_state_proof_of_another_length(files: Files, name: str) -> None:
    document = canonical.decode(files.documents[name])
    for other in other_texts(document["siblings"]):
        assert code({**document, "siblings": other}, files) == "state-proof-invalid"
    for depth in range(300):
        if depth != document["depth"]:
            assert code({**document, "depth": depth}, files) == "state-proof-invalid"


def test_presence_is_not_absence(files: Files) -> None:
    present, absent = (canonical.decode(files.documents[name]) for name in ("state", "absent"))
    assert code({**present, "value": None}, files) == "state-proof-invalid"
    path, value_hash = (sha256(each).hexdigest() for each in (present["key"].encode(), canonical.encode(present["value"])))
    own = {"path": path, "value_hash": value_hash}
    assert code({**present, "value": None, "other": own}, files) == "state-proof-invalid"
    assert code({**present, "other": own}, files) == "state-proof-invalid"
    for other in (own, {"path": "11" * 32, "value_hash": "11" * 32}, {}):
        assert code({**absent, "other": other}, files) == "state-proof-invalid"
    assert code({**absent, "value": present["value"]}, files) == "state-proof-invalid"
    assert code({**present, "key": absent["key"]}, files) == "state-proof-invalid"
    assert code({**absent, "key": present["key"]}, files) == "state-proof-invalid"


# Another ledger


def test_a_file_of_another_ledger(files: Files) -> None:
    assert verify(files.documents["two"], trust("ab" * 32)).code == "wrong-network"
    assert code(changed(files.documents["two"], lambda v: v.update(network="ab" * 32)), files) == "wrong-network"


def test_another_ledgers_file_that_says_it_is_of_this_one(files: Files, tmp_path: Any) -> None:
    genesis = {**files.solo.genesis, "name": "another"}
    with solo_ledger(tmp_path / "another.db", genesis=genesis) as other:
        (answer,) = other.send(other.author.put("a"))
        with other.store.reading() as reader:
            document = canonical.decode(record_proof(reader, answer.record_id))  # type: ignore[union-attr]  # it was taken
    document["network"] = files.network
    assert code(document, files) == "wrong-network"
    note = parse_note(document["checkpoint"]).checkpoint
    ours = Checkpoint(f"tallystick/{files.network}", note.size, note.root)
    document["checkpoint"] = sign_note(ours, OPERATOR.key.name, OPERATOR_PRIVATE)
    assert code(document, files) == "header-invalid"


def test_a_record_of_another_ledger_under_a_header_of_this_one(files: Files) -> None:
    leaf = leaf_of(files, [ANNE])
    leaf["record"] = {**leaf["record"], "network": "ab" * 32}
    assert code(Forger(files).document(leaf, {key_id(ANNE): entry(ANNE)}), files) == "wrong-network"


# Keys that the trust file does not name, and keys that are dead


def test_an_operator_whom_the_trust_file_does_not_name(files: Files) -> None:
    document = canonical.decode(files.documents["two"])
    note = parse_note(document["checkpoint"]).checkpoint
    stranger = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32)
    assert code({**document, "checkpoint": sign_note(note, OPERATOR.key.name, stranger)}, files) == "operator-not-trusted"
    assert code({**document, "checkpoint": sign_note(note, "somebody", OPERATOR_PRIVATE)}, files) == "operator-not-trusted"
    assert verify(files.documents["two"], trust(files.network, operators=[])).code == "operator-not-trusted"


def test_an_operator_key_before_and_after_its_time(files: Files) -> None:
    size = parse_note(canonical.decode(files.documents["two"])["checkpoint"]).checkpoint.size
    key = {"name": OPERATOR.key.name, "public": OPERATOR.key.public.hex()}
    for first, last, expected in (
        (size, size, None),
        (0, None, None),
        (0, size - 1, "operator-not-trusted"),
        (size + 1, None, "operator-not-trusted"),
    ):
        believed = trust(files.network, operators=[{**key, "first_size": first, "last_size": last}])
        assert verify(files.documents["two"], believed).code == expected


def test_a_signers_key_that_was_dead_at_the_records_place(files: Files) -> None:
    forge, anne, leaf = Forger(files).document, key_id(ANNE), leaf_of(files, [ANNE])
    for added_at, revoked_at, expected in (
        (1, None, None),
        (1, 3, None),
        (2, None, "key-not-alive"),
        (3, None, "key-not-alive"),
        (0, 2, "key-not-alive"),
        (0, 1, "key-not-alive"),
        (0, 0, "key-not-alive"),
    ):
        document = forge(leaf, {anne: entry(ANNE, added_at=added_at, revoked_at=revoked_at)})
        assert code(document, files) == expected, (added_at, revoked_at)


def test_a_key_that_may_not_sign_records(files: Files) -> None:
    forge, anne, leaf = Forger(files).document, key_id(ANNE), leaf_of(files, [ANNE])
    for purpose in ("seal", "validate", "witness", "", "once"):
        assert code(forge(leaf, {anne: entry(ANNE, purpose=purpose)}), files) == "key-invalid", purpose
    assert code(forge(leaf, {anne: entry(BOB)}), files) == "key-invalid"
    assert code(forge(leaf, {anne: entry(ANNE, alg="p384")}), files) == "key-invalid"


# Signatures and signers


def test_a_high_s_signature(files: Files) -> None:
    forge, anne = Forger(files).document, key_id(ANNE)
    assert code(forge(leaf_of(files, [ANNE]), {anne: entry(ANNE)}), files) is None
    assert code(forge(leaf_of(files, [ANNE], high_s), {anne: entry(ANNE)}), files) == "bad-signature"


def test_a_missing_signer(files: Files) -> None:
    """The operator leaves out a second signature that the record asks for, in every way there is."""
    forge, keys = Forger(files).document, {key_id(ANNE): entry(ANNE), key_id(BOB): entry(BOB)}
    leaf = leaf_of(files, [ANNE, BOB])
    assert code(forge(leaf, keys), files) is None
    assert code(forge({**leaf, "signatures": leaf["signatures"][:1]}, keys), files) == "bad-signature"
    alone = forge({**leaf, "record": {**leaf["record"], "signers": [key_id(ANNE)]}, "signatures": leaf["signatures"][:1]}, keys)
    assert code(alone, files) == "bad-signature"
    assert code(changed(canonical.encode(forge(leaf, keys)), lambda v: v["keys"].pop()), files) == "key-invalid"
    assert code(forge({**leaf, "signatures": []}, keys), files) == "bad-signature"


def test_a_surplus_signer(files: Files) -> None:
    forge, keys = Forger(files).document, {key_id(ANNE): entry(ANNE), key_id(BOB): entry(BOB)}
    one, two = leaf_of(files, [ANNE]), leaf_of(files, [ANNE, BOB])
    assert code(forge({**one, "signatures": [*one["signatures"], *two["signatures"][1:]]}, keys), files) == "bad-signature"
    named = {**one["record"], "signers": two["record"]["signers"]}
    assert code(forge({**one, "record": named, "signatures": two["signatures"]}, keys), files) == "bad-signature"
    twice = {**one["record"], "signers": one["record"]["signers"] * 2}
    assert code(forge({**one, "record": twice, "signatures": one["signatures"] * 2}, keys), files) == "malformed"
    document = forge(one, keys)
    assert code({**document, "keys": document["keys"] * 2}, files) == "key-invalid"
    assert code(forge({**two, "signatures": two["signatures"][::-1]}, keys), files) == "bad-signature"


# JSON


def test_a_name_given_twice_in_an_object(files: Files) -> None:
    for name in ("two", "state"):
        document = files.documents[name]
        assert verify(document[:-1] + b',"v":1}', trust(files.network)).code == "not-canonical"
        for field in (b'"height":', b'"kind":', b'"network":'):
            at = document.index(field)
            end = at + document[at:].index(b",")
            again = document[: end + 1] + document[at : end + 1] + document[end + 1 :]
            assert verify(again, trust(files.network)).code == "not-canonical", field


def test_json_in_any_form_but_the_one(files: Files) -> None:
    document = files.documents["two"]
    value = json.loads(document)
    backwards = json.dumps(dict(reversed(value.items())), separators=(",", ":")).encode()
    escaped = document.replace(b"tallystick/", b"tallystick\\/")
    for other in (
        json.dumps(value).encode(),
        backwards,
        b" " + document,
        document + b" ",
        document + b"\r\n",
        document.replace(b'"v":1', b'"v":1.0', 1),
        document.replace(b'"v":1', b'"v":1e0', 1),
        document.replace(b'"v":1', b'"v":01', 1),
        document.replace(b"}", b",}", 1),
        escaped,
        document.replace(b'"kind"', b'"k\\u0069nd"'),
        document.decode().replace("\u2014", "\\u2014").encode(),
    ):
        assert verify(other, trust(files.network)).code in ("not-canonical", "not-json"), other[:80]
    assert verify(b"\xef\xbb\xbf" + document, trust(files.network)).code == "not-json"
    assert verify(document, b" " + trust(files.network)).code == "bad-trust"
    assert verify(document, trust(files.network)[:-1] + b',"v":1}').code == "bad-trust"


# Sealed parts


def test_a_part_of_another_record(files: Files) -> None:
    """The signer itself copies a sealed part into a record of its own: its key opens it for its own record only."""
    solo: Solo = files.solo
    with solo.store.reading() as reader:
        stored = reader.record(files.sealed_id)
    assert stored is not None
    core = solo.author.core("note.put", {"key": "copied", "count": 1}, [ANNE], sealed=dict(stored.record.core["sealed"]))
    (answer,) = solo.send(sign_record(core, [ANNE]))
    with solo.store.reading() as reader:
        copied = answer.record_id  # type: ignore[union-attr]  # it was taken
        assert code(record_proof(reader, copied), files) is None
        assert code(record_proof(reader, copied, {"letter": files.letter_key}), files) == "revealed-invalid"
        assert code(record_proof(reader, files.sealed_id, {"letter": files.letter_key}), files) is None


def test_a_part_whose_suite_only_counts_as_one(files: Files) -> None:
    """Python takes true for 1, other languages do not: both verifiers must say the same."""
    with files.solo.store.reading() as reader:
        stored = reader.record(files.sealed_id)
    assert stored is not None
    core, revealed = deepcopy(dict(stored.record.core)), {"letter": files.letter_key.hex()}
    assert "letter" in open_parts(core, revealed)
    core["sealed"]["letter"]["suite"] = True
    with pytest.raises(Invalid, match="revealed-invalid"):
        open_parts(core, revealed)


def test_a_part_under_another_name(files: Files) -> None:
    document = canonical.decode(files.documents["revealed"])
    assert code({**document, "revealed": {"secret": files.letter_key.hex()}}, files) == "secret-revealed"
    assert code({**document, "revealed": {"lette": files.letter_key.hex()}}, files) == "revealed-invalid"
    assert code({**document, "revealed": {"letter": "00" * 32}}, files) == "revealed-invalid"


# Witnesses


def witness(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([40 + number]) * 32)


def listed(*numbers: int, required: int) -> dict[str, Any]:
    public = [{"name": f"w{number}", "public": witness(number).public_key().public_bytes_raw().hex()} for number in numbers]
    return {"witnesses": public, "witnesses_required": required}


def test_a_checkpoint_with_too_few_witnesses(files: Files) -> None:
    document = canonical.decode(files.documents["two"])

    def cosigned(*by: tuple[str, Ed25519PrivateKey]) -> bytes:
        other = deepcopy(document)
        for name, key in by:
            other["checkpoint"] = add_cosignature(other["checkpoint"], name, key, 1_700_000_000)
        return canonical.encode(other)

    two_of_three = trust(files.network, **listed(1, 2, 3, required=2))
    one, two, four = (("w1", witness(1)), ("w2", witness(2)), ("w4", witness(4)))
    assert verify(cosigned(), two_of_three).code == "witnesses-missing"
    assert verify(cosigned(one), two_of_three).code == "witnesses-missing"
    assert verify(cosigned(one, four), two_of_three).code == "witnesses-missing"
    assert verify(cosigned(one, ("w2", witness(1))), two_of_three).code == "witnesses-missing"
    assert verify(cosigned(one, ("w2", OPERATOR_PRIVATE)), two_of_three).code == "witnesses-missing"
    verdict = verify(cosigned(one, two, four), two_of_three)
    assert verdict.ok
    assert any(sentence.endswith("was cosigned by w1, w2") for sentence in verdict.proves)


def test_a_witness_counts_once_however_often_it_signs(files: Files) -> None:
    document = canonical.decode(files.documents["two"])
    line = add_cosignature(document["checkpoint"], "w1", witness(1), 1_700_000_000).split("\n")[-2]
    later = add_cosignature(document["checkpoint"], "w1", witness(1), 1_700_000_001).split("\n")[-2]
    document["checkpoint"] += f"{line}\n{later}\n"
    assert verify(canonical.encode(document), trust(files.network, **listed(1, 2, required=2))).code == "witnesses-missing"
    assert verify(canonical.encode(document), trust(files.network, **listed(1, 2, required=1))).ok


def test_a_cosignature_of_another_checkpoint(files: Files) -> None:
    document, other = (canonical.decode(files.documents[name]) for name in ("two", "state"))
    note = parse_note(document["checkpoint"]).checkpoint
    earlier = sign_note(Checkpoint(note.origin, note.size - 1, note.root), OPERATOR.key.name, OPERATOR_PRIVATE)
    line = add_cosignature(earlier, "w1", witness(1), 1_700_000_000).split("\n")[-2]
    believed = trust(files.network, **listed(1, required=1))
    for each in (document, other):
        assert verify(canonical.encode({**each, "checkpoint": f"{each['checkpoint']}{line}\n"}), believed).code == "witnesses-missing"


def test_a_trust_file_that_would_count_one_witness_twice(files: Files) -> None:
    twice = listed(1, required=2)
    twice["witnesses"].append({**twice["witnesses"][0], "name": "w2"})
    assert verify(files.documents["two"], trust(files.network, **twice)).code == "bad-trust"
