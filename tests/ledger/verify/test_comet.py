"""The checks of a consortium's checkpoint: whose votes count, how a reader is led from one set to another, and for how long."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import pytest

from ledger import canonical
from ledger.comet.commits import check, checkpoint_text
from ledger.errors import VerificationFailed
from ledger.proof import consistency_file, fork_file, fork_from_note, state_proof
from ledger.verify import comet_blocks, verify
from ledger.verify.comet import STEPS_MAX, CommittedLog, Trust, check_block, check_chain
from ledger.verify.engines import read_trust
from ledger.verify.strict_json import Invalid
from tests.ledger.comet.consortium import FOUR, YEAR_S, block, chain_id, checkpoint, hash_of, public, seconds, trust_file
from tests.ledger.small_ledger import START_MS, Solo, solo_ledger

NETWORK = "ab" * 32
ROOT = bytes(range(32))
FIVE = {**FOUR, "new": 100}
OTHERS = {"x": 1, "y": 1, "z": 1}
HALF = {"bank-a": 10, "bank-b": 10, "x": 10, "y": 10}


def code_of(check: Callable[..., object], *arguments: Any) -> str | None:
    try:
        check(*arguments)
    except Invalid as invalid:
        return invalid.code
    return None


def trust(**changes: Any) -> Trust:
    found = read_trust(trust_file(NETWORK, **changes))
    assert isinstance(found, Trust)
    return found


def led(*blocks: Mapping[str, Any], **changes: Any) -> str | None:
    """The code by which a reader refuses to be led by these blocks, who trusts the four unless it is said otherwise."""
    return code_of(check_chain, [check_block(each, chain_id(NETWORK)) for each in blocks], trust(**changes))


def made(height: int, powers: Mapping[str, int] = FOUR, **changes: Any) -> dict[str, Any]:
    return block(NETWORK, height, ROOT, powers, **changes)


def code(value: Any) -> str | None:
    return code_of(check_block, value, chain_id(NETWORK))


@pytest.mark.parametrize(
    ("powers", "by", "expected"),
    [
        (FOUR, ["bank-a", "bank-b", "bank-c"], None),
        (FOUR, ["bank-a", "bank-b"], "not-enough-power"),
        (FOUR, [], "not-enough-power"),
        # Two thirds are not more than two thirds.
        ({"a": 1, "b": 1, "c": 1}, ["a", "b"], "not-enough-power"),
        ({"a": 1, "b": 1, "c": 1}, ["a", "b", "c"], None),
        ({"a": 67, "b": 33}, ["a"], None),
        ({"a": 66, "b": 34}, ["a"], "not-enough-power"),
        ({"a": 1}, ["a"], None),
        ({str(place): 10**12 for place in range(64)}, [str(place) for place in range(43)], None),
        ({str(place): 10**12 for place in range(64)}, [str(place) for place in range(42)], "not-enough-power"),
    ],
)
def test_more_than_two_thirds_of_the_power_must_sign(powers: dict[str, int], by: list[str], expected: str | None) -> None:
    assert code(made(5, powers, by=by)) == expected


@pytest.mark.parametrize("round_", [0, 1, 300, 2**31 - 1])
def test_a_block_may_be_decided_in_any_round(round_: int) -> None:
    assert code(made(5, round_=round_)) is None


def test_votes_for_anything_else_do_not_hold() -> None:
    other = sha256(b"other").hexdigest()
    for signed in ({"height": 6}, {"app_hash": other}, {"chain_id": "tallystick-other"}, {"validators_hash": other}):
        assert code(made(5, signed=signed)) == "commit-invalid", signed
    good = made(5)
    for name, value in (("round", 1), ("parts", {**good["parts"], "total": 2}), ("parts", {**good["parts"], "hash": other})):
        assert code({**good, name: value}) == "commit-invalid", name


def test_every_vote_that_is_given_has_to_hold_once_and_in_order() -> None:
    good = made(5)
    votes = good["signatures"]
    swapped = [{**votes[0], "signature": votes[1]["signature"]}, *votes[1:]]
    for changed, expected in [
        (swapped, "commit-invalid"),
        (votes[::-1], "commit-invalid"),
        ([votes[0], votes[0], *votes[2:]], "commit-invalid"),
        ([*votes[:3], {**votes[3], "validator": 4}], "validator-unknown"),
        ([*votes[:3], {**votes[3], "time": votes[0]["time"]}], "commit-invalid"),
        ([*votes, votes[0]], "bad-checkpoint"),
        (votes[1:], None),
    ]:
        assert code({**good, "signatures": changed}) == expected


def test_the_validators_are_those_of_the_header() -> None:
    good = made(5)
    listed = good["validators"]
    for changed in (
        listed[:3],
        listed[::-1],
        [{**listed[0], "power": 11}, *listed[1:]],
        [{**listed[0], "public": public("x")}, *listed[1:]],
    ):
        assert code({**good, "validators": changed}) == "validators-invalid"
    for changed in ([], [*listed, listed[0]], [{**listed[0], "power": 0}, *listed[1:]], [{**listed[0], "power": 10**12 + 1}, *listed[1:]]):
        assert code({**good, "validators": changed}) == "bad-checkpoint"
    assert code(made(5, validators_hash=hash_of(OTHERS))) == "validators-invalid"


def test_a_block_of_another_chain_is_refused() -> None:
    assert code_of(check_block, made(5), chain_id("cd" * 32)) == "wrong-network"
    assert code(made(5, chain_id="tallystick-ab")) == "wrong-network"


def test_the_same_validators_lead_anywhere_after_the_trusted_height() -> None:
    assert led(made(1), height=1) is None
    assert led(made(7)) is None
    assert led(made(6), height=7) == "before-trust"
    assert led(made(7), height=7) is None


def test_more_than_a_third_of_the_trusted_power_leads_on() -> None:
    both = ["bank-a", "bank-b"]
    assert led(made(5, HALF, by=[*both, "x"])) is None
    assert led(made(5, HALF, by=["bank-a", "x", "y"])) == "validators-not-trusted"
    # A third is not more than a third.
    three = {"a": 1, "b": 1, "c": 1}
    listed = [{"name": name, "public": public(name), "power": power} for name, power in three.items()]
    new = {"a": 1, "b": 1, "x": 1, "y": 1}
    assert led(made(5, new, by=["a", "x", "y"]), validators=listed) == "validators-not-trusted"
    assert led(made(5, new, by=["a", "b", "x"]), validators=listed) is None


def test_at_the_trusted_height_the_validators_are_those_and_no_others() -> None:
    assert led(made(5, HALF), height=5) == "validators-not-trusted"
    assert led(made(5, HALF), height=4) is None


def test_the_block_before_names_the_next_validators() -> None:
    assert led(made(5, OTHERS)) == "validators-not-trusted"
    assert led(made(4, next_powers=OTHERS), made(5, OTHERS)) is None
    assert led(made(4, next_powers=OTHERS), made(5, OTHERS), made(9, OTHERS)) is None
    # Not where they are named for another height, nor where others are named.
    assert led(made(4, next_powers=OTHERS), made(6, OTHERS)) == "validators-not-trusted"
    assert led(made(4), made(5, OTHERS)) == "validators-not-trusted"
    assert led(made(4, next_powers=HALF), made(5, OTHERS)) == "validators-not-trusted"


def test_steps_lead_over_several_changes() -> None:
    far = {"x": 10, "y": 10, "z": 10}
    assert led(made(4, HALF), made(9, far, by=["x", "y", "z"])) is None
    assert led(made(9, far)) == "validators-not-trusted"


def test_a_third_leads_half_a_day_far_and_no_farther_for_in_a_longer_time_others_may_hold_it() -> None:
    half = {"seconds": seconds(4) + 43_200, "nanos": 123_456_789}
    assert led(made(4), made(9, HALF, time=half)) is None
    assert led(made(4), made(9, HALF, time={**half, "seconds": half["seconds"] + 1})) == "validators-not-trusted"
    assert led(made(4), made(9, time={**half, "seconds": half["seconds"] + 1})) is None
    assert led(made(9, HALF, time=half), time=seconds(4) * 1000) == "validators-not-trusted"


def test_blocks_below_the_trusted_height_lead_nowhere_and_are_passed_over() -> None:
    assert led(made(3, OTHERS), made(6), height=5) is None
    assert led(made(4, OTHERS, next_powers=OTHERS), made(5, OTHERS), height=5) == "validators-not-trusted"


def test_heights_and_times_rise() -> None:
    assert led(made(5), made(5)) == "steps-invalid"
    assert led(made(5), made(5, time={"seconds": seconds(6), "nanos": 0})) == "steps-invalid"
    assert led(made(6), made(5)) == "steps-invalid"
    early = {"seconds": seconds(5), "nanos": 123_456_789}
    assert led(made(5), made(6, time=early)) == "steps-invalid"
    assert led(made(5), made(6, time={**early, "nanos": 123_456_790})) is None


def test_what_is_older_or_newer_than_the_trust_file_allows_is_refused() -> None:
    at_ms = seconds(5) * 1000 + 123
    assert led(made(5), time=at_ms) is None
    assert led(made(5), time=at_ms + 1) == "before-trust"
    assert led(made(5), time=at_ms - 1000, max_age_s=1) is None
    assert led(made(5), time=at_ms - 1001, max_age_s=1) == "trust-too-old"
    assert led(made(5), time=at_ms, max_age_s=0) is None
    assert led(made(4), made(5), time=at_ms) == "before-trust"


BAD: list[tuple[Sequence[Any], Any]] = [
    (("header", "version"), {"block": 11}),
    (("header", "version", "block"), -1),
    (("header", "version", "app"), -1),
    (("header", "chain_id"), "t" * 51),
    (("header", "chain_id"), "\u00e9"),
    (("header", "height"), 0),
    (("header", "height"), True),
    (("header", "time"), 1),
    (("header", "time", "seconds"), 253_402_300_800),
    (("header", "time", "seconds"), "1"),
    (("header", "time", "nanos"), 1_000_000_000),
    (("header", "last_block_id"), {}),
    (("header", "last_block_id", "hash"), ""),
    (("header", "data_hash"), ""),
    (("header", "app_hash"), "00" * 33),
    (("header", "app_hash"), "000"),
    (("header", "proposer_address"), "00" * 19),
    (("header", "evidence_hash"), "AB" * 32),
    (("header", "last_block_id", "parts", "total"), 2**32),
    (("parts",), {}),
    (("parts", "total"), 2**32),
    (("parts", "total"), "1"),
    (("parts", "hash"), "00" * 31),
    (("round",), 2**31),
    (("round",), None),
    (("signatures",), {}),
    (("signatures", 0, "signature"), "00" * 63),
    (("signatures", 0, "validator"), -1),
    (("signatures", 0, "time", "nanos"), "1"),
    (("validators",), {}),
    (("validators", 0), {}),
    (("validators", 0, "power"), 1.5),
    (("more",), 1),
]


@pytest.mark.parametrize(("way", "value"), BAD, ids=range(len(BAD)))
def test_a_block_of_another_form_is_refused(way: Sequence[Any], value: Any) -> None:
    changed = made(5)
    place: Any = changed
    for step in way[:-1]:
        place = place[step]
    place[way[-1]] = value
    assert code(changed) == "bad-checkpoint"


def test_zeros_and_empty_fields_are_left_out_of_what_is_hashed() -> None:
    """A block that is the first of its chain, of an application without a version and without a hash."""
    first: dict[str, Any] = {"last_block_id": None, "app_hash": "", "version": {"block": 0, "app": 0}, "time": {"seconds": 0, "nanos": 0}}
    assert code(made(1, **first)) is None
    changed = made(1, **first)
    changed["header"]["app_hash"] = "00"
    assert code(changed) == "commit-invalid"
    assert code(made(1, last_block_id={"hash": "00" * 32, "parts": {"total": 0, "hash": "00" * 32}})) is None


def leaves_of(header: dict[str, Any]) -> list[bytes]:
    """The leaves of a header's tree as protobuf has them, for the first block of an unnamed chain that nothing is known of yet."""
    hashes = ("last_commit_hash", "data_hash", "validators_hash", "next_validators_hash", "consensus_hash")
    later = ("last_results_hash", "evidence_hash")
    packed = {name: b"\x0a\x20" + bytes.fromhex(header[name]) for name in (*hashes, *later)}
    first = [b"", b"", bytes([8, header["height"]]), b"", b"\x12\x00"]
    proposer = b"\x0a\x14" + bytes.fromhex(header["proposer_address"])
    return [*first, *(packed[name] for name in hashes), b"", *(packed[name] for name in later), proposer]


def test_what_is_empty_has_an_empty_leaf() -> None:
    empty: dict[str, Any] = {"last_block_id": None, "app_hash": "", "chain_id": "", "time": {"seconds": 0, "nanos": 0}}
    header = made(1, version={"block": 0, "app": 0}, **empty)["header"]
    assert comet_blocks.read_header(header, "x").hash == comet_blocks.tree_root(leaves_of(header))


def test_the_largest_that_there_may_be() -> None:
    assert comet_blocks.read_time({"seconds": 253_402_300_799, "nanos": 999_999_999}, "x") == (253_402_300_799, 999_999_999)
    assert comet_blocks.read_parts({"total": 2**32 - 1, "hash": "00" * 32}, "x") == (2**32 - 1, bytes(32))
    assert trust(time=253_402_300_799_999, max_age_s=10_000_000_000).max_age_s == 10_000_000_000
    # A number of seven bits is one byte, of eight two.
    sizes = [len(comet_blocks.vote_bytes(read(made(5)), 0, (1, bytes(32)), (seconds_at, 0))) for seconds_at in (127, 128, 129)]
    assert [size - sizes[0] for size in sizes] == [0, 1, 1]


def read(block_: dict[str, Any]) -> comet_blocks.EngineHeader:
    return comet_blocks.read_header(block_["header"], "x")


def test_validators_are_in_the_engines_order() -> None:
    keys = [bytes.fromhex(public(name)) for name in ("a", "b", "c", "d", "e")]
    given = {keys[0]: 1, keys[1]: 3, keys[2]: 3, keys[3]: 2, keys[4]: 3}
    strongest = sorted(keys[place] for place in (1, 2, 4))
    addressed = sorted(strongest, key=lambda key: sha256(key).digest())
    assert list(comet_blocks.in_order(given)) == [*addressed, keys[3], keys[0]]
    assert addressed != strongest, "or the order of keys would do as well"


def test_trust_files() -> None:
    good = canonical.decode(trust_file(NETWORK))
    listed = good["validators"]
    many = [{"name": f"v{place}", "public": public(str(place)), "power": 1} for place in range(65)]
    assert code_of(read_trust, canonical.encode({**good, "validators": many[:64]})) is None
    for name, value in [
        ("v", 2),
        ("v", True),
        ("network", "x"),
        ("validators", []),
        ("validators", many),
        ("validators", [*listed, listed[0]]),
        ("validators", [{**listed[0], "name": "a b"}]),
        ("validators", [{**listed[0], "name": ""}]),
        ("validators", [{**listed[0], "name": 1}]),
        ("validators", [{**listed[0], "power": 0}]),
        ("validators", [{**listed[0], "public": "00"}]),
        ("validators", [{**listed[0], "more": 1}]),
        ("height", 0),
        ("height", "1"),
        ("time", -1),
        ("time", 253_402_300_800_000),
        ("max_age_s", 10_000_000_001),
        ("max_age_s", None),
        ("operators", []),
    ]:
        assert code_of(read_trust, canonical.encode({**good, name: value})) == "bad-trust", name
        assert verify(b"{}", canonical.encode({**good, name: value})).code == "bad-trust", name
    # Whoever writes a trust file need not know the engine's order.
    assert code_of(read_trust, canonical.encode({**good, "validators": listed[::-1]})) is None
    assert trust(validators=listed[::-1]).powers == trust().powers


@pytest.fixture(scope="module")
def solo(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with solo_ledger(tmp_path_factory.mktemp("comet") / "one.db") as found:
        found.put("a", "b", "c")
        found.put("d")
        found.put("e", "f")
        yield found


@pytest.fixture(scope="module")
def other(solo: Solo, tmp_path_factory: pytest.TempPathFactory) -> Any:
    with solo_ledger(tmp_path_factory.mktemp("comet") / "other.db") as found:
        found.put("x", "y")
        found.put("z")
        yield found


def test_a_proof_says_whose_votes_it_rests_on(solo: Solo) -> None:
    network = solo.author.network
    with solo.store.reading() as reader:
        some = checkpoint(reader, by=["bank-a", "bank-b", "port"])
        document = state_proof(reader, "note/a", note=some)
        changed = state_proof(reader, "note/a", note=checkpoint(reader, powers=FIVE))
        head = reader.head
    verdict = verify(document, trust_file(network))
    assert verdict.ok, verdict.code
    assert verdict.as_of is not None and verdict.as_of["height"] == 3
    # The names come in the engine's order, which goes by the hash of the key where the power is the same.
    (said,) = [each for each in verdict.proves if "two thirds" in each]
    assert said.startswith("more than two thirds of the validators' power (")
    assert all(name in said for name in ("bank-a", "bank-b", "port")) and "bank-c" not in said
    assert (
        f": 30 of 40) signed the log of {head.log_size + 1} leaves, in block {head.engine_height + 1} of chain {chain_id(network)}" in said
    )
    assert any("keys were still theirs" in each for each in verdict.does_not_prove)
    assert any("everyone is shown the same history" in each for each in verdict.does_not_prove)
    by_five = verify(changed, trust_file(network))
    assert any("1 whom the trust file does not name: 140 of 140" in each for each in by_five.proves)
    assert any("follow from the ones that the trust file names for block 1" in each for each in by_five.proves)


def test_a_checkpoint_is_of_our_block_whatever_the_engine_calls_its_own(solo: Solo) -> None:
    believed = read_trust(trust_file(solo.author.network))
    with solo.store.reading() as reader:
        log = believed.log(canonical.decode(checkpoint(reader, height=9).encode()))
        assert isinstance(log, CommittedLog)
        assert (log.height, log.size, log.block.header.height) == (reader.head.height, reader.head.log_size + 1, 9)


def test_only_the_header_that_is_the_logs_last_leaf_fixes_its_size(solo: Solo) -> None:
    """The root is one that the validators signed; only the header of another block stands below it too."""
    network = solo.author.network
    trusted = read_trust(trust_file(network))
    with solo.store.reading() as reader:
        head, size = reader.head, reader.head.log_size + 1
        signed = block(network, head.engine_height + 1, reader.log_root(size))
        good = checkpoint_text(signed, [], head, reader.inclusion_proof(head.log_size, size))
        assert check(good, trusted) == (size, reader.log_root(size))  # type: ignore[arg-type]  # of a consortium
        for height in range(head.height):
            earlier = reader.header(height)
            assert earlier is not None
            for path in (
                reader.inclusion_proof(earlier.log_size, size),
                reader.inclusion_proof(earlier.log_size, earlier.log_size + 1),
                reader.inclusion_proof(head.log_size, size),
            ):
                with pytest.raises(VerificationFailed) as caught:
                    check(checkpoint_text(signed, [], earlier, path), trusted)  # type: ignore[arg-type]
                assert caught.value.code == "inclusion-invalid"
        value = canonical.decode(good.encode())
        for change in (1, -1, 4):
            lied = {**value, "header": {**value["header"], "log_size": head.log_size + change}}
            assert code_of(trusted.log, lied) == "inclusion-invalid"


def test_checkpoints_of_another_form_are_refused(solo: Solo) -> None:
    trusted = read_trust(trust_file(solo.author.network))
    with solo.store.reading() as reader:
        value = canonical.decode(checkpoint(reader).encode())
        note = reader.checkpoint()
    others: list[Any] = [note, None, [], {**value, "more": 1}, {**value, "block": None}, {**value, "steps": {}}, {**value, "steps": [None]}]
    for changed in others:
        assert code_of(trusted.log, changed) == "bad-checkpoint"
    assert code_of(trusted.log, {**value, "steps": [value["block"]] * (STEPS_MAX + 1)}) == "bad-checkpoint"
    headers: list[Any] = [None, [], {}, {**value["header"], "log_size": "1"}, {**value["header"], "network": "cd" * 32}]
    for header in headers:
        assert code_of(trusted.log, {**value, "header": header}) == "header-invalid"
    assert code_of(trusted.log, {**value, "inclusion": None}) == "inclusion-invalid"
    assert code_of(read_trust(trust_file("cd" * 32)).log, value) == "wrong-network"


def test_one_consortium_log_continues_another(solo: Solo) -> None:
    network = solo.author.network
    with solo.store.reading() as reader:
        first, second = checkpoint(reader, 1), checkpoint(reader, 3)
        verdict = verify(consistency_file(reader, first, second), trust_file(network))
        assert verdict.ok, verdict.code
        assert sum("two thirds" in each for each in verdict.proves) == 2
        assert len(set(verdict.does_not_prove)) == len(verdict.does_not_prove) == 3
        found = canonical.decode(consistency_file(reader, first, second))
    assert verify(canonical.encode({**found, "second": found["first"]}), trust_file(network)).code == "consistency-invalid"
    assert verify(canonical.encode(found), trust_file(network, FIVE)).code == "validators-not-trusted"


def test_validators_that_signed_two_blocks_of_one_height_are_convicted(solo: Solo, other: Solo) -> None:
    network = solo.author.network
    with solo.store.reading() as reader, other.store.reading() as elsewhere:
        sides = [
            {"checkpoint": checkpoint(found, height=9, by=by), "header": None, "inclusion": None}
            for found, by in ((reader, ["bank-a", "bank-b", "port"]), (elsewhere, ["bank-b", "bank-c", "port"]))
        ]
        later = {"checkpoint": checkpoint(reader, height=10), "header": None, "inclusion": None}
        same = {"checkpoint": checkpoint(reader, height=9, by=["bank-a", "bank-b", "bank-c"]), "header": None, "inclusion": None}
    verdict = verify(fork_file(*sides), trust_file(network))
    assert verdict.ok, verdict.code
    assert "with different blocks of the engine's height 9" in verdict.proves[0]
    assert "signed one each of two histories" in verdict.proves[0]
    assert "which of the validators signed what they should not have" in verdict.does_not_prove
    # Neither two blocks of different heights nor other votes for one block are a fork.
    assert verify(fork_file(sides[0], later), trust_file(network)).code == "no-fork"
    assert verify(fork_file(sides[0], same), trust_file(network)).code == "no-fork"


def test_validators_that_signed_two_ledgers_are_convicted_whatever_the_engines_heights(solo: Solo, other: Solo) -> None:
    network = solo.author.network
    with solo.store.reading() as reader, other.store.reading() as elsewhere:
        sides = []
        for found, height in ((reader, 20), (elsewhere, 21)):
            header = found.header(2)
            assert header is not None
            path = [each.hex() for each in found.inclusion_proof(header.log_size, found.head.log_size + 1)]
            sides.append({"checkpoint": checkpoint(found, height=height), "header": header.to_json(), "inclusion": path})
        with_blocks, from_note = fork_file(*sides), fork_from_note_below(reader, checkpoint(reader), checkpoint(elsewhere, 1))
    verdict = verify(with_blocks, trust_file(network))
    assert verdict.ok, verdict.code
    assert "with different blocks of height 2" in verdict.proves[0]
    verdict = verify(from_note, trust_file(network))
    assert verdict.ok, verdict.code
    assert "leaves" in verdict.proves[0]


def fork_from_note_below(reader: Any, own: str, theirs: str) -> bytes:
    """As `fork_from_note` of a ledger whose own newest checkpoint is this one."""

    class Below:
        def __getattr__(self, name: str) -> Any:
            return getattr(reader, name)

        def checkpoint(self) -> str:
            return own

    return fork_from_note(Below(), theirs)  # type: ignore[arg-type]  # a reader in all that is asked


def test_the_times_of_the_tests_are_within_a_year() -> None:
    assert START_MS // 1000 <= seconds(1) < START_MS // 1000 + YEAR_S
