"""Our own verifier, and the parts of the ledger that write, are held to the vectors that others are given."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest

import tests.vectors
from ledger import canonical, keys, log_tree, state_tree
from ledger.errors import InputError
from ledger.hashing import tagged
from ledger.verify import comet_blocks, signatures, strict_json, verify
from ledger.verify.comet import check_block
from ledger.verify.merkle import check_consistency, check_inclusion, check_state, unpacked
from ledger.verify.notes import check_note, read_trust
from ledger.verify.sealed_parts import open_parts
from ledger.verify.strict_json import Invalid
from nodes.sealing import open_with_key
from tests.vectors.splices import spliced

DIRECTORY: Final = Path(tests.vectors.__file__).parent
CODES: Final = {
    *("bad-checkpoint", "bad-signature", "bad-trust", "consistency-invalid", "header-invalid", "inclusion-invalid", "key-invalid"),
    *("key-not-alive", "malformed", "no-fork", "not-canonical", "not-json", "operator-not-trusted", "oversize", "revealed-invalid"),
    *("secret-revealed", "state-proof-invalid", "unknown-engine", "unknown-kind", "unknown-version", "witnesses-missing", "wrong-network"),
}
COMET_CODES: Final = {
    *("before-trust", "commit-invalid", "not-enough-power", "steps-invalid", "trust-too-old", "validator-unknown", "validators-invalid"),
    "validators-not-trusted",
}
_BYTES_MAX: Final = 4_194_304


def family(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DIRECTORY / f"{name}.json").read_bytes())
    return found


def code_of(check: Callable[..., object], *arguments: Any) -> str | None:
    """The code by which a check refuses its arguments."""
    try:
        check(*arguments)
    except Invalid as invalid:
        return invalid.code
    return None


def test_canonical_json() -> None:
    found = family("canonical")
    for each in found["good"]:
        data = bytes.fromhex(each["bytes"])
        assert strict_json.encode(each["value"]) == canonical.encode(each["value"]) == data, each["name"]
        assert strict_json.decode(data, _BYTES_MAX) == canonical.decode(data) == each["value"], each["name"]
    for each in found["bad"]:
        data = bytes.fromhex(each["bytes"])
        assert code_of(strict_json.decode, data, _BYTES_MAX) is not None, each["name"]
        with pytest.raises(InputError):
            canonical.decode(data)


def test_ids() -> None:
    for each in family("ids")["good"]:
        data = bytes.fromhex(each["data"]) if "data" in each else strict_json.encode(each["value"])
        assert signatures.tagged(each["tag"], data).hex() == tagged(each["tag"], data).hex() == each["id"], each["name"]


def test_commitments() -> None:
    found = family("commitments")
    for place, each in enumerate(found["good"] + found["bad"]):
        opens = signatures.tagged(each["tag"], strict_json.encode(each["value"])).hex() == each["id"]
        assert opens is (place < len(found["good"])), each["name"]


def test_signatures() -> None:
    found = family("signatures")
    for place, each in enumerate(found["good"] + found["bad"]):
        values = [bytes.fromhex(each[name]) for name in ("public", "signature", "digest")]
        expected = place < len(found["good"])
        assert signatures.p256_holds(*values) is expected, each["name"]
        assert keys.verify(*values) is expected, each["name"]
    assert signatures.key_id("p256", found["good"][0]["public"]) == found["good"][0]["key_id"]


def test_sealed_parts() -> None:
    found = family("sealed")
    for each in found["good"]:
        opened = open_parts(each["record"], {each["part"]: each["content_key"]})
        assert opened == {each["part"]: each["content"]}
        assert open_with_key(each["record"], each["part"], bytes.fromhex(each["content_key"])) == each["content"]
    for each in found["bad"]:
        assert code_of(open_parts, each["record"], {each["part"]: each["content_key"]}) == each["code"], each["name"]


def test_inclusion() -> None:
    found = family("inclusion")
    for each in [*found["good"], *found["bad"]]:
        leaves = {one["index"]: bytes.fromhex(one["leaf"]) for one in each["leaves"]}
        assert code_of(check_inclusion, leaves, each["size"], each["proof"], bytes.fromhex(each["root"])) == each.get("code"), each["name"]
    for each in found["good"]:
        root, proof = bytes.fromhex(each["root"]), unpacked(each["proof"], 64, "")[::-1]
        for one in each["leaves"]:
            hashed = log_tree.leaf_hash(bytes.fromhex(one["leaf"]))
            assert hashed.hex() == one["leaf_hash"]
            if len(each["leaves"]) == 1:
                assert log_tree.verify_inclusion(hashed, one["index"], each["size"], proof, root), each["name"]
    assert {len(each["leaves"]) for each in found["good"]} == {1, 2}


def test_consistency() -> None:
    found = family("consistency")
    for each in [*found["good"], *found["bad"]]:
        roots = bytes.fromhex(each["first_root"]), bytes.fromhex(each["second_root"])
        values = (each["first"], roots[0], each["second"], roots[1], each["proof"])
        assert code_of(check_consistency, *values) == each.get("code"), each["name"]
    for each in found["good"]:
        proof = unpacked(each["proof"], 64, "")[::-1]
        roots = bytes.fromhex(each["first_root"]), bytes.fromhex(each["second_root"])
        assert log_tree.verify_consistency(each["first"], each["second"], proof, *roots), each["name"]


def test_state() -> None:
    found = family("state")
    for each in [*found["good"], *found["bad"]]:
        shown = [(one["key"], one["value"], one) for one in each["entries"]]
        assert code_of(check_state, bytes.fromhex(each["root"]), shown, each["siblings"], "state-proof-invalid") == each.get("code"), each[
            "name"
        ]
    for each in found["good"]:
        root, siblings = bytes.fromhex(each["root"]), tuple(unpacked(each["siblings"], 256, ""))
        if len(each["entries"]) > 1:
            continue
        (one,) = each["entries"]
        path, value = state_tree.path_of(one["key"]), one["value"] and canonical.encode(one["value"])
        other = one["other"] and state_tree.Leaf(*(bytes.fromhex(one["other"][name]) for name in ("path", "value_hash")))
        if value is None:
            assert state_tree.verify_absence(root, one["key"], state_tree.StateProof(siblings, other)), each["name"]
        else:
            proof = state_tree.StateProof(siblings, state_tree.Leaf(path, sha256(value).digest()))
            assert state_tree.verify_presence(root, one["key"], value, proof), each["name"]
    assert {len(each["entries"]) for each in found["good"]} == {1, 2, 3}


def test_notes() -> None:
    found = family("notes")
    trusts = {name: read_trust(text.encode()) for name, text in found["trusts"].items()}
    for each in found["good"]:
        log = check_note(each["note"], trusts[each["trust"]])
        assert (log.size, log.root.hex(), log.operator) == (each["size"], each["root"], each["operator"]), each["name"]
        assert list(log.cosigners) == each["cosigners"], each["name"]
    for each in found["bad"]:
        assert code_of(check_note, each["note"], trusts[each["trust"]]) == each["code"], each["name"]


@pytest.mark.parametrize("name", ["proofs", "comet"])
def test_proof_files(name: str) -> None:
    found = family(name)
    trusts = {name: text.encode() for name, text in found["trusts"].items()}
    documents = {name: text.encode() for name, text in found["documents"].items()}
    for each in found["good"]:
        verdict = asdict(verify(documents[each["document"]], trusts[each["trust"]]))
        assert json.loads(json.dumps(verdict)) == each["verdict"], each["name"]
    for each in found["bad"]:
        document = documents[each["document"]]
        verdict_on_bad = verify(spliced(document, each) if "at" in each else document, trusts[each["trust"]])
        assert (verdict_on_bad.ok, verdict_on_bad.code) == (False, each["code"]), each["name"]


def test_blocks_of_a_consortium() -> None:
    found = family("comet_blocks")
    for each in found["good"]:
        signed = check_block(each["block"], found["chain_id"])
        assert signed.header.hash.hex() == each["hash"], each["name"]
        parts = comet_blocks.read_parts(each["block"]["parts"], "bad")
        for vote, expected in zip(each["block"]["signatures"], each["signed"], strict=True):
            time = comet_blocks.read_time(vote["time"], "bad")
            assert comet_blocks.vote_bytes(signed.header, each["block"]["round"], parts, time).hex() == expected, each["name"]
    for each in found["bad"]:
        assert code_of(check_block, each["block"], found["chain_id"]) == each["code"], each["name"]


def test_every_kind_of_proof_file_and_every_code_has_a_vector() -> None:
    for name in ("proofs", "comet"):
        kinds = {json.loads(text)["kind"] for text in family(name)["documents"].values()}
        assert kinds == {"record", "state", "consistency", "fork", "bundle"}
    codes = {each["code"] for name in ("proofs", "notes", "trusts", "sealed") for each in family(name)["bad"]}
    # A vector of `oversize` would be too large to keep.
    assert codes == CODES - {"oversize"}
    of_comet = {each["code"] for name in ("comet", "comet_blocks") for each in family(name)["bad"]}
    assert of_comet > COMET_CODES
    assert of_comet < CODES | COMET_CODES


def test_trust_files() -> None:
    found = family("trusts")
    assert verify(found["document"].encode(), found["trust"].encode()).ok
    for each in found["bad"]:
        assert verify(found["document"].encode(), spliced(found["trust"].encode(), each)).code == each["code"], each["name"]
