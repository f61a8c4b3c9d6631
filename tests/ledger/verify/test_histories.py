"""What two signed notes prove: that a log goes on from another, or that its operator signed two; and several files in one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger import canonical, log_tree
from ledger.checkpoint import Checkpoint, add_cosignature, sign_note
from ledger.errors import InputError
from ledger.log_operator import origin_of
from ledger.proof import bundle_file, consistency_file, fork_file, fork_from_note, record_proof, state_proof
from ledger.verify import verify
from ledger.verify.merkle import check_consistency
from ledger.verify.strict_json import Invalid
from tests.ledger.small_ledger import OPERATOR, Solo, solo_ledger
from tests.ledger.verify.packing import other_texts, packed
from tests.ledger.verify.trusting import WITNESS, trust

OPERATOR_PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@dataclass
class Histories:
    """One operator's two ledgers of one genesis: the same first block, then others. `notes` are of `one`, by height."""

    one: Solo
    other: Solo
    notes: list[str]
    record_id: str

    @property
    def network(self) -> str:
        return self.one.author.network


def code(document: Any, network: str, **believed: Any) -> str | None:
    data = document if isinstance(document, bytes) else canonical.encode(document)
    return verify(data, trust(network, **believed)).code


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Histories]:
    path: Path = tmp_path_factory.mktemp("histories")
    with solo_ledger(path / "one.db") as one, solo_ledger(path / "other.db") as other:
        first = one.author.put("a")
        (answer,) = one.send(first)
        other.send(first)
        one.put("b", "c")
        other.put("d", "e", "f")
        one.put("g")
        other.put("h")
        with one.store.reading() as reader:
            notes = [reader.checkpoint(height) or "" for height in range(reader.head.height + 1)]
        yield Histories(one, other, notes, answer.record_id)  # type: ignore[union-attr]  # it was taken


def side(solo: Solo, height: int) -> dict[str, Any]:
    with solo.store.reading() as reader:
        header = reader.header(height)
        assert header is not None
        path = reader.inclusion_proof(header.log_size, reader.head.log_size + 1)
        return {"checkpoint": reader.checkpoint(), "header": header.to_json(), "inclusion": [each.hex() for each in path]}


def bare(note: str) -> dict[str, Any]:
    return {"checkpoint": note, "header": None, "inclusion": None}


def note_of(network: str, size: int, root: bytes) -> str:
    return sign_note(Checkpoint(origin_of(network), size, root), OPERATOR.key.name, OPERATOR_PRIVATE)


def test_a_log_goes_on_from_each_of_its_notes(histories: Histories) -> None:
    with histories.one.store.reading() as reader:
        for at, note in enumerate(histories.notes):
            for later in (None, *histories.notes[at:]):
                document = consistency_file(reader, note, later)
                verdict = verify(document, trust(histories.network))
                assert (verdict.ok, verdict.as_of) == (True, None)
                assert "none of those was changed or removed" in verdict.proves[0]
                assert verdict.does_not_prove


def test_notes_the_wrong_way_round_are_not_consistent(histories: Histories) -> None:
    with histories.one.store.reading() as reader:
        document = canonical.decode(consistency_file(reader, histories.notes[1]))
        with pytest.raises(InputError, match="outside-log"):
            consistency_file(reader, histories.notes[2], histories.notes[1])
    assert code({**document, "first": document["second"], "second": document["first"]}, histories.network) == "consistency-invalid"


def test_a_note_of_another_history_is_not_consistent(histories: Histories) -> None:
    with histories.one.store.reading() as reader, histories.other.store.reading() as elsewhere:
        theirs = elsewhere.checkpoint(2) or ""
        document = canonical.decode(consistency_file(reader, histories.notes[1]))
        with pytest.raises(InputError, match="note-elsewhere"):
            consistency_file(reader, theirs)
        with pytest.raises(InputError, match="note-elsewhere"):
            state_proof(reader, "note/a", 1, theirs)
    assert code({**document, "first": theirs}, histories.network) == "consistency-invalid"


def test_a_consistency_proof_has_exactly_its_length(histories: Histories) -> None:
    with histories.one.store.reading() as reader:
        document = canonical.decode(consistency_file(reader, histories.notes[1]))
    proof = document["proof"]
    for other in (*other_texts(proof), packed(["11" * 32] * 200), "x", ["0"], [None], [], None):
        assert code({**document, "proof": other}, histories.network) == "consistency-invalid", other


def test_both_notes_need_the_witnesses_that_are_demanded(histories: Histories) -> None:
    listed = {"witnesses": [{"name": "w", "public": WITNESS.public_key().public_bytes_raw().hex()}], "witnesses_required": 1}
    first, second = (add_cosignature(histories.notes[at], "w", WITNESS, 1_700_000_000) for at in (1, 3))
    with histories.one.store.reading() as reader:
        assert code(consistency_file(reader, first, second), histories.network, **listed) is None
        assert code(consistency_file(reader, histories.notes[1], second), histories.network, **listed) == "witnesses-missing"
        assert code(consistency_file(reader, first, histories.notes[3]), histories.network, **listed) == "witnesses-missing"
        said = verify(consistency_file(reader, first, histories.notes[3]), trust(histories.network, **{**listed, "witnesses_required": 0}))
    assert any("was cosigned by w" in sentence for sentence in said.proves)
    assert any("operator's word only" in sentence for sentence in said.does_not_prove)


@given(st.integers(1, 70), st.data())
def test_consistency_is_what_the_log_says_of_every_two_sizes(second: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, second))
    after = log_tree.append(0, (), [log_tree.leaf_hash(bytes([each])) for each in range(second)])
    nodes = {(level, index): value for level, index, value in after.nodes}
    reader = type("Nodes", (), {"node": staticmethod(lambda level, index: nodes[level, index])})()
    proof = log_tree.consistency_proof(first, second, reader)
    roots = [log_tree.root_at(size, reader) for size in (first, second)]
    check_consistency(first, roots[0], second, roots[1], packed(proof))
    place = data.draw(st.integers(0, len(proof)))
    for other in (proof[:place] + proof[place + 1 :], [*proof[:place], bytes(32), *proof[place:]]):
        if other != proof:
            with pytest.raises(Invalid, match="consistency-invalid"):
                check_consistency(first, roots[0], second, roots[1], packed(other))
    with pytest.raises(Invalid, match="consistency-invalid"):
        check_consistency(first, bytes(32), second, roots[1], packed(proof))
    with pytest.raises(Invalid, match="consistency-invalid"):
        check_consistency(first, roots[0], second, bytes(32), packed(proof))


def test_no_log_goes_on_from_an_empty_one() -> None:
    with pytest.raises(Invalid, match="consistency-invalid"):
        check_consistency(0, log_tree.EMPTY_ROOT, 5, bytes(32), "")


def test_a_note_that_is_older_than_a_block_does_not_vouch_for_it(histories: Histories) -> None:
    with histories.one.store.reading() as reader:
        assert code(state_proof(reader, "note/a", 1, histories.notes[1]), histories.network) is None
        assert code(record_proof(reader, histories.record_id, note=histories.notes[2]), histories.network) is None
        for at, height in ((0, 1), (1, 2), (2, None)):
            with pytest.raises(InputError, match="note-elsewhere"):
                state_proof(reader, "note/a", height, histories.notes[at])


def test_two_blocks_of_one_height_are_a_fork(histories: Histories) -> None:
    for height in (2, 3):
        verdict = verify(fork_file(side(histories.one, height), side(histories.other, height)), trust(histories.network))
        assert verdict.ok, verdict.code
        assert "operator 'op' signed two histories" in verdict.proves[0]
        assert f"different blocks of height {height}" in verdict.proves[0]
        assert verdict.as_of is None


def test_of_two_operators_a_fork_does_not_show_which_one_lied(histories: Histories) -> None:
    """The key was handed over: one of them signed the short log, the other the long one, and only one of them may be to blame."""
    successor = Ed25519PrivateKey.from_private_bytes(bytes([8]) * 32)
    short = histories.notes[1]
    size = int(short.split("\n")[1])
    wrong = sign_note(Checkpoint(origin_of(histories.network), size, bytes(32)), "next", successor)
    sides = [{"checkpoint": note, "header": None, "inclusion": None} for note in (short, wrong)]
    named = [(OPERATOR.key.name, OPERATOR.key.public), ("next", successor.public_key().public_bytes_raw())]
    operators = [{"name": name, "public": public.hex(), "first_size": 0, "last_size": None} for name, public in named]
    verdict = verify(fork_file(*sides), trust(histories.network, operators=operators))
    assert verdict.ok, verdict.code
    assert verdict.proves[0].startswith("operator 'op' and operator 'next' signed one each of two histories")
    assert "which of the two operators signed what it should not have" in verdict.does_not_prove


def test_two_notes_of_one_size_are_a_fork(histories: Histories) -> None:
    ours = histories.notes[2]
    theirs = note_of(histories.network, int(ours.split("\n")[1]), bytes(32))
    assert code(fork_file(bare(ours), bare(theirs)), histories.network) is None
    assert code(fork_file(bare(ours), bare(ours)), histories.network) == "no-fork"
    assert code(fork_file(bare(ours), bare(histories.notes[3])), histories.network) == "no-fork"


def test_a_note_that_the_log_never_came_by_is_a_fork(histories: Histories) -> None:
    """Its sizes may lie within blocks, and its operator need not show any header of it."""
    with histories.one.store.reading() as reader:
        for size in range(1, reader.head.log_size + 2):
            assert code(fork_from_note(reader, note_of(histories.network, size, bytes(32))), histories.network) is None, size
        document = canonical.decode(fork_from_note(reader, histories.notes[2]))
        assert code(document, histories.network) == "no-fork"
        document["beginning"]["root"] = "00" * 32
        assert code(document, histories.network) == "consistency-invalid"
        with pytest.raises(InputError, match="outside-log"):
            fork_from_note(reader, note_of(histories.network, 10_000, bytes(32)))


def test_what_is_one_history_is_no_fork(histories: Histories) -> None:
    network = histories.network
    assert code(fork_file(side(histories.one, 1), side(histories.other, 1)), network) == "no-fork"
    assert code(fork_file(side(histories.one, 2), side(histories.one, 2)), network) == "no-fork"
    assert code(fork_file(side(histories.one, 2), side(histories.one, 3)), network) == "no-fork"
    assert code(fork_file(side(histories.one, 2), side(histories.other, 3)), network) == "no-fork"


def test_a_fork_is_made_of_what_both_sides_prove(histories: Histories) -> None:
    document = canonical.decode(fork_file(side(histories.one, 2), side(histories.other, 2)))
    first, second, network = document["first"], document["second"], histories.network
    assert code({**document, "first": {**first, "inclusion": second["inclusion"]}}, network) == "inclusion-invalid"
    assert code({**document, "first": {**first, "header": {**first["header"], "time": 1}}}, network) == "inclusion-invalid"
    assert code({**document, "first": {**first, "header": {**first["header"], "v": 2}}}, network) == "header-invalid"
    assert code({**document, "first": {**first, "header": None}}, network) == "malformed"
    assert code({**document, "second": {**second, "header": None}}, network) == "header-invalid"
    assert code({**document, "second": bare(second["checkpoint"])}, network) == "header-invalid"
    assert code({**document, "beginning": {"root": "00" * 32, "proof": ""}}, network) == "malformed"
    assert code({**document, "more": 1}, network) == "malformed"
    assert code({**document, "first": {**first, "more": 1}}, network) == "malformed"


def test_only_an_operator_whom_the_reader_trusts_can_be_found_out(histories: Histories) -> None:
    document = fork_file(side(histories.one, 2), side(histories.other, 2))
    stranger = {"name": "op", "public": "00" * 32, "first_size": 0, "last_size": None}
    assert code(document, histories.network, operators=[stranger]) == "operator-not-trusted"
    assert code(document, "ab" * 32) == "wrong-network"
    listed = [{"name": "w", "public": WITNESS.public_key().public_bytes_raw().hex()}]
    # Nobody cosigns both sides of a fork, so that no witness is asked for.
    assert code(document, histories.network, witnesses=listed, witnesses_required=1) is None


def test_a_bundle_says_what_each_of_its_files_says(histories: Histories) -> None:
    with histories.one.store.reading() as reader:
        files = [
            state_proof(reader, "note/a", 1),
            record_proof(reader, histories.record_id),
            state_proof(reader, "note/none"),
            consistency_file(reader, histories.notes[1]),
        ]
        newest = reader.head.height
    verdict = verify(bundle_file(histories.network, files), trust(histories.network))
    assert verdict.ok, verdict.code
    alone = [verify(each, trust(histories.network)) for each in files]
    assert verdict.parts == alone
    assert all(sentence in verdict.proves for each in alone for sentence in each.proves)
    assert verdict.as_of is not None
    assert verdict.as_of["height"] == newest
    assert [(entry["key"], entry["height"]) for entry in verdict.entries] == [("note/a", 1), ("note/none", newest)]
    assert verdict.entries[0]["value"] == {"at": [1, 0], "by": "anne", "count": 1}
    assert verdict.entries[1]["value"] is None
    (record,) = verdict.records
    assert (record["record_id"], record["type"], record["height"]) == (histories.record_id, "note.put", 1)
    assert record["signers"] == [{"key_id": verdict.records[0]["signers"][0]["key_id"], "member": "anne", "purpose": "make"}]
    assert record["body"] == {"key": "a", "count": 1}


def test_a_bundle_of_a_fork_alone_is_of_no_time(histories: Histories) -> None:
    fork = fork_file(side(histories.one, 2), side(histories.other, 2))
    verdict = verify(bundle_file(histories.network, [fork]), trust(histories.network))
    assert (verdict.ok, verdict.as_of) == (True, None)
    assert verdict.proves == verify(fork, trust(histories.network)).proves


def test_a_bundle_falls_with_any_of_its_files(histories: Histories) -> None:
    network = histories.network
    with histories.one.store.reading() as reader:
        good, other = state_proof(reader, "note/a"), canonical.decode(state_proof(reader, "note/b"))
    bad = canonical.encode({**other, "key": "note/c"})
    bundle = bundle_file(network, [good, bad])
    verdict = verify(bundle, trust(network))
    assert (verdict.ok, verdict.code, verdict.proves, verdict.entries) == (False, "state-proof-invalid", [], [])
    assert code(bundle_file(network, [good] * 16), network) is None
    with pytest.raises(InputError, match="too-many-files"):
        bundle_file(network, [good] * 17)
    with pytest.raises(InputError, match="too-many-files"):
        bundle_file(network, [])
    document = canonical.decode(bundle_file(network, [good]))
    assert code({**document, "files": []}, network) == "malformed"
    assert code({**document, "files": document["files"] * 17}, network) == "malformed"
    assert code({**document, "more": 1}, network) == "malformed"
    assert code(bundle_file(network, [canonical.encode(document)]), network) == "unknown-kind"
    assert code(bundle_file("ab" * 32, [good]), network) == "wrong-network"
    assert code({**document, "files": [{**document["files"][0], "network": "ab" * 32}]}, network) == "wrong-network"
    assert code({**document, "v": 2}, network) == "unknown-version"


def test_the_writer_makes_canonical_documents(histories: Histories) -> None:
    with histories.one.store.reading() as reader:
        bundle = bundle_file(histories.network, [state_proof(reader, "note/a")])
        assert canonical.encode(canonical.decode(bundle)) == bundle
