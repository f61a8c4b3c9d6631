"""A follower believes what it computed itself: it catches up, forwards, refuses what is wrong, and remembers for good only what the
operator signed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import event

from ledger import canonical
from ledger.admission import VerifiedSignatures
from ledger.audit import audit
from ledger.checkpoint import Checkpoint, parse_note, sign_note
from ledger.errors import Refused, TallystickError, Unreachable, VerificationFailed
from ledger.evidence import BlockBundle
from ledger.execution import Block, Dropped, execute
from ledger.file_lock import FileLock
from ledger.follow import FollowEngine, bundle_of
from ledger.log_operator import Operator, origin_of
from ledger.store import LedgerStore
from tests.ledger.small_ledger import (
    GENESIS,
    OPERATOR,
    START_MS,
    Solo,
    StoreUpstream,
    code_of,
    genesis_document,
    solo_ledger,
    url_of,
)
from tests.ledger.small_rules import RULEBOOK

SIGNING_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def solo(tmp_path: Path) -> Iterator[Solo]:
    with solo_ledger(tmp_path / "solo.db") as running:
        yield running


@dataclass
class Follower:
    engine: FollowEngine
    store: LedgerStore
    upstream: StoreUpstream

    @property
    def height(self) -> int:
        with self.store.reading() as reader:
            return reader.head.height

    def catch_up(self) -> None:
        while self.engine.advance(0):
            pass


Open = Callable[..., Follower]


@pytest.fixture
def follow(tmp_path: Path, solo: Solo) -> Iterator[Open]:
    """Opens followers of the solo ledger, or of another upstream; a name opens the same home again."""
    opened: list[Follower] = []

    def make(name: str = "follower", upstream: StoreUpstream | None = None, *, run: bool = False, genesis: Any = GENESIS) -> Follower:
        store = LedgerStore(url_of(tmp_path / f"{name}.db"))
        upstream = upstream or StoreUpstream(solo.store, solo.engine)
        engine = FollowEngine(store, genesis, RULEBOOK, OPERATOR.key, upstream, lock=FileLock(tmp_path / f"{name}.lock"))
        found = Follower(engine, store, upstream)
        opened.append(found)
        engine.start() if run else engine.open()
        return found

    yield make
    for each in opened:
        each.engine.stop()
        each.store.close()


@pytest.fixture
def told(solo: Solo) -> Solo:
    """The solo ledger with a few blocks on it."""
    solo.put("a", "b")
    solo.codes(solo.author.put("a"), solo.author.put("c"))
    solo.put("d")
    return solo


def roots(store: LedgerStore) -> list[Any]:
    with store.reading() as reader:
        return [reader.header(height) for height in range(reader.head.height + 1)]


def test_a_follower_ends_with_the_same_ledger(told: Solo, follow: Open) -> None:
    follower = follow()
    follower.catch_up()
    assert roots(follower.store) == roots(told.store)
    assert audit(follower.store, GENESIS, RULEBOOK, OPERATOR.key).ok


def test_a_running_follower_keeps_up_and_forwards(told: Solo, follow: Open) -> None:
    follower = follow(run=True)
    receipt = follower.engine.submit(told.author.put("forwarded")).result(30)
    assert (receipt.code, receipt.height) == ("ok", 4)
    with follower.store.reading() as reader:
        assert reader.record(receipt.record_id) is not None
    raw = told.author.put("again")
    assert follower.engine.submit(raw).result(30).height == 5
    with pytest.raises(Refused, match="repeat"):
        follower.engine.submit(raw).result(30)
    with pytest.raises(TallystickError, match="not-json"):
        follower.engine.submit(b"x").result(30)


def test_a_follower_goes_on_after_a_restart(told: Solo, follow: Open) -> None:
    first = follow()
    first.catch_up()
    first.engine.stop()
    told.put("later")
    again = follow()
    again.catch_up()
    assert roots(again.store) == roots(told.store)


def test_an_engine_that_was_stopped_may_start_again(told: Solo, follow: Open) -> None:
    follower = follow(run=True)
    assert follower.engine.heights.wait_for(3, 30)
    follower.engine.stop()
    assert code_of(follower.engine.submit(told.author.put("k")).exception(1)) == "engine-stopped"  # type: ignore[arg-type]
    follower.engine.start()
    assert follower.engine.submit(told.author.put("k")).result(30).code == "ok"


def test_one_follower_a_home(told: Solo, follow: Open) -> None:
    follow()
    with pytest.raises(Unreachable, match="home-in-use"):
        follow()


def test_a_follower_of_another_genesis_takes_nothing(told: Solo, follow: Open) -> None:
    follower = follow(genesis=genesis_document(name="other"))
    with pytest.raises(VerificationFailed):
        follower.catch_up()
    assert (follower.height, follower.store.halted()) == (0, None)


def test_an_answer_about_another_record_is_not_passed_on(told: Solo, follow: Open) -> None:
    class Liar(StoreUpstream):
        def submit(self, raw: bytes) -> Any:
            return told.engine.submit(told.author.put("instead")).result(30)

    follower = follow("lied", Liar(told.store, told.engine), run=True)
    with pytest.raises(VerificationFailed, match="receipt-untrue"):
        follower.engine.submit(told.author.put("mine")).result(30)


def edited(bundle: BlockBundle, change: Callable[[dict[str, Any]], None]) -> BlockBundle:
    value = canonical.decode(canonical.encode(bundle.to_json()))
    change(value)
    return BlockBundle.from_json(value)


TAMPERED: dict[str, Callable[[dict[str, Any]], None]] = {
    "a record left out": lambda block: block["records"].pop(),
    "a record twice": lambda block: block["records"].append(block["records"][0]),
    "records reordered": lambda block: block["records"].reverse(),
    "no records": lambda block: block.update(records=[]),
    "a body changed": lambda block: block["records"][0]["record"]["body"].update(count=2),
    "a signature changed": lambda block: block["records"][0].update(signatures=["00" * 64]),
    "a result changed": lambda block: block["records"][0]["result"].update(code="ok"),
    "a result true for 1": lambda block: block["records"][1]["result"].update(left=[True, True]),
    "a time changed": lambda block: block["header"].update(time=block["header"]["time"] + 1),
    "a time in the past": lambda block: block["header"].update(time=1),
    "an engine height changed": lambda block: block["header"].update(engine_height=99),
    "an engine height in the past": lambda block: block["header"].update(engine_height=0),
    "a height changed": lambda block: block["header"].update(height=3),
    "a previous changed": lambda block: block["header"].update(previous="00" * 32),
    "a log root changed": lambda block: block["header"].update(log_root="00" * 32),
    "a log size changed": lambda block: block["header"].update(log_size=1),
    "a state root changed": lambda block: block["header"].update(state_root="00" * 32),
    "rules changed": lambda block: block["header"].update(rules=2),
    "a network changed": lambda block: block["header"].update(network="00" * 32),
    "a header of rubbish": lambda block: block["header"].update(height="x"),
    "a version true": lambda block: block["header"].update(v=True),
    "a note of another block": lambda block: block.update(checkpoint=block["checkpoint"].replace("\n", "\n1", 1)),
    "no note": lambda block: block.update(checkpoint=""),
}


@pytest.mark.parametrize("what", TAMPERED, ids=lambda what: what.replace(" ", "-"))
def test_a_block_that_was_tampered_with_is_refused_and_asked_for_again(told: Solo, follow: Open, what: str) -> None:
    follower = follow()
    bundle = bundle_of(told.store, 2)
    assert bundle is not None
    follower.upstream.replaced[2] = edited(bundle, TAMPERED[what])
    with pytest.raises(TallystickError):
        follower.catch_up()
    assert (follower.height, follower.store.halted()) == (1, None)
    follower.upstream.replaced.clear()
    follower.catch_up()
    assert roots(follower.store) == roots(told.store)


def test_malformed_blocks_are_refused() -> None:
    no_header, no_record = {"header": 1, "records": [], "checkpoint": ""}, {"header": {}, "records": [1], "checkpoint": ""}
    values: list[Any] = [None, [], {}, "x", no_header, no_record]
    for value in values:
        with pytest.raises(TallystickError, match="malformed-block"):
            BlockBundle.from_json(value)


@pytest.fixture
def fork(tmp_path: Path, told: Solo) -> Iterator[Solo]:
    """Another history by the same operator: the same first block, and then something else."""
    with solo_ledger(tmp_path / "fork.db") as other:
        with told.store.reading() as reader:
            first = [record.record.raw for record in reader.records_of_block(1)]
        assert set(other.codes(*first)) == {"ok"}
        other.put("x")
        other.put("y")
        other.put("z")
        yield other


def test_a_fork_is_remembered_for_good_with_both_signed_notes(told: Solo, fork: Solo, follow: Open) -> None:
    follower = follow()
    follower.catch_up()
    follower.upstream.store = fork.store
    with pytest.raises(VerificationFailed, match="fork-seen"):
        follower.engine.advance(0)
    halted = follower.store.halted()
    assert halted is not None
    assert (halted["code"], halted["height"]) == ("fork-seen", 2)
    with told.store.reading() as ours, fork.store.reading() as theirs:
        assert halted["ours"] == ours.checkpoint(2)
        assert BlockBundle.from_json(json.loads(halted["theirs"])).checkpoint == theirs.checkpoint(2)
    follower.engine.stop()
    follower.upstream.store = told.store
    with pytest.raises(VerificationFailed, match="fork-seen"):
        follow()


def test_a_halted_replica_fails_its_audit_with_the_evidence_and_nothing_else(told: Solo, fork: Solo, follow: Open, tmp_path: Path) -> None:
    follower = follow()
    follower.catch_up()
    follower.upstream.store = fork.store
    with pytest.raises(VerificationFailed):
        follower.engine.advance(0)
    report = audit(follower.store, GENESIS, RULEBOOK, OPERATOR.key)
    assert [(finding.height, finding.code) for finding in report.findings] == [(2, "fork-seen")]
    with sqlite3.connect(tmp_path / "follower.db") as connection:
        connection.execute("UPDATE meta SET value = replace(value, '\"height\":2', '\"height\":3') WHERE key = 'halted'")
    connection.close()
    assert [finding.code for finding in audit(follower.store, GENESIS, RULEBOOK, OPERATOR.key).findings] == ["meta-differs"]


def test_a_running_follower_stops_at_a_fork_and_forwards_no_more(told: Solo, fork: Solo, follow: Open) -> None:
    follower = follow()
    follower.catch_up()
    follower.engine.stop()
    running = follow(upstream=StoreUpstream(fork.store, fork.engine), run=True)
    assert running.engine._thread is not None
    running.engine._thread.join(30)
    assert code_of(running.engine.submit(told.author.put("k")).exception(30)) == "fork-seen"  # type: ignore[arg-type]


def test_a_newest_note_of_another_history_is_a_fork(told: Solo, fork: Solo, follow: Open) -> None:
    """Upstream shows the blocks that the follower has, and the operator's note of others."""
    follower = follow()
    follower.catch_up()
    with fork.store.reading() as reader:
        follower.upstream.note = reader.checkpoint(2)
    with pytest.raises(VerificationFailed, match="fork-seen"):
        follower.engine.advance(0)
    assert follower.store.halted() is not None
    assert [f.code for f in audit(follower.store, GENESIS, RULEBOOK, OPERATOR.key).findings] == ["fork-seen"]


def test_old_notes_and_notes_of_others_cannot_halt_a_follower(told: Solo, follow: Open) -> None:
    follower = follow()
    follower.catch_up()
    with told.store.reading() as reader:
        old = [reader.checkpoint(height) for height in range(reader.head.height + 1)]
    told.put("more")
    with told.store.reading() as reader:
        later = reader.checkpoint()
    follower.upstream.replaced = {4: None}  # type: ignore[dict-item]  # withheld
    follower.upstream.blocks = lambda after, limit, wait: []  # type: ignore[method-assign, assignment]
    for note in [*old, later]:
        follower.upstream.note = note
        assert follower.engine.advance(0) == 0
    elsewhere = Checkpoint(origin_of("ab" * 32), 2, bytes(32))
    follower.upstream.note = sign_note(elsewhere, "op", SIGNING_KEY)
    assert follower.engine.advance(0) == 0
    follower.upstream.note = sign_note(parse_note(old[1] or "").checkpoint, "op", Ed25519PrivateKey.generate())
    with pytest.raises(VerificationFailed, match="bad-checkpoint"):
        follower.engine.advance(0)
    assert follower.store.halted() is None


@pytest.mark.parametrize("lies", [0, 1, 2, 3])
def test_a_proxy_that_hands_out_old_blocks_cannot_halt_a_follower(told: Solo, follow: Open, lies: int) -> None:
    """Whatever height is asked for, a proxy answers with true old blocks, and with rubbish while the follower looks for a fork."""
    follower = follow()
    follower.catch_up()
    true = follower.upstream.blocks
    asked = iter(range(100))

    def proxy(after: int, limit: int, wait_s: float) -> list[BlockBundle]:
        number = next(asked)
        if after >= 3:
            return true(lies % 3, 1, 0)
        found = true(after, 1, 0)
        return [replace(found[0], header={**found[0].header, "time": 5})] if number <= lies else found

    follower.upstream.blocks = proxy  # type: ignore[method-assign, assignment]
    for _ in range(4):
        with pytest.raises(VerificationFailed, match="block-invalid"):
            follower.engine.advance(0)
    assert follower.store.halted() is None


def forged(solo: Solo, follower: Follower, change: Callable[[dict[str, Any]], None], *, raws: list[bytes] | None = None) -> BlockBundle:
    """The next block as a dishonest operator makes and signs it: its own words, and a true signature over the log that they give."""
    chain = follower.engine._chain
    assert chain is not None
    block = Block(chain.head.height + 1, START_MS + 120_000, raws or [solo.author.put("next")])
    execution = execute(chain, block, RULEBOOK, VerifiedSignatures())
    assert execution.header is not None
    taken = [
        (raw, outcome) for raw, outcome in zip(block.transactions, execution.outcomes, strict=True) if not isinstance(outcome, Dropped)
    ]
    bundle = BlockBundle(execution.header.to_json(), tuple(raw for raw, _ in taken), tuple(outcome.result for _, outcome in taken), "")
    value = bundle.to_json()
    change(value)
    bundle = BlockBundle.from_json(value)
    with follower.store.reading() as reader:
        size = reader.head.log_size + 1
        note = bundle.checkpoint_above(size, reader.frontier(size))
    return replace(bundle, checkpoint=sign_note(note, OPERATOR.key.name, SIGNING_KEY))


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


BREAKS = {
    "a result of its own": lambda block: block["records"][0]["result"].update(code="taken"),
    "a state of its own": lambda block: block["header"].update(state_root="11" * 32),
    "a log root of its own": lambda block: block["header"].update(log_root="11" * 32),
    "a time that goes back": lambda block: block["header"].update(time=START_MS),
    "a height of its own": lambda block: block["header"].update(height=9),
    "a record that nobody signed": lambda block: block["records"][0].update(signatures=["11" * 64]),
    "a record that is none": lambda block: block["records"][0].update(record={"any": "thing"}),
    "a record nested too deep to keep": lambda block: block["records"][0]["record"].update(body={"x": deep(29)}),
}


@pytest.mark.parametrize("what", BREAKS, ids=lambda what: what.replace(" ", "-"))
def test_an_operator_who_signs_a_block_that_breaks_the_rules_is_found_out_for_good(told: Solo, follow: Open, what: str) -> None:
    follower = follow()
    follower.catch_up()
    follower.upstream.replaced[4] = forged(told, follower, BREAKS[what])
    with pytest.raises(VerificationFailed, match="operator-invalid"):
        follower.engine.advance(0)
    halted = follower.store.halted()
    assert halted is not None
    assert (halted["code"], halted["height"]) == ("operator-invalid", 4)
    assert [f.code for f in audit(follower.store, GENESIS, RULEBOOK, OPERATOR.key).findings] == ["operator-invalid"]
    follower.engine.stop()
    with pytest.raises(VerificationFailed, match="operator-invalid"):
        follow()


def test_an_honest_block_made_in_the_same_way_is_taken(told: Solo, follow: Open) -> None:
    follower = follow()
    follower.catch_up()
    follower.upstream.replaced[4] = forged(told, follower, lambda block: None)
    assert follower.engine.advance(0) == 1


def test_a_replica_damaged_by_itself_does_not_accuse_the_operator(told: Solo, follow: Open, tmp_path: Path) -> None:
    follower = follow()
    follower.catch_up()
    follower.engine.stop()
    with sqlite3.connect(tmp_path / "follower.db") as connection:
        connection.execute("DELETE FROM state WHERE key = 'note/a'")
    connection.close()
    assert told.codes(told.author.put("a")) == ["taken"]
    again = follow()
    with pytest.raises(VerificationFailed, match="replica-damaged"):
        again.catch_up()
    assert again.store.halted() is None


def test_a_disk_that_fails_costs_a_follower_nothing_but_time(told: Solo, follow: Open) -> None:
    follower = follow(run=True)
    assert follower.engine.heights.wait_for(3, 30)
    left = [2]

    def fail(*_: object) -> None:
        if left[0]:
            left[0] -= 1
            raise OSError("the disk is gone")

    event.listen(follower.store.engine, "begin", fail)
    told.put("later")
    assert follower.engine.heights.wait_for(4, 30)


def test_another_key_under_the_operators_name_is_not_the_operator(told: Solo, follow: Open) -> None:
    follower = follow()
    stranger = Operator(OPERATOR.key.name, Ed25519PrivateKey.generate())
    bundle = bundle_of(told.store, 1)
    assert bundle is not None
    note = parse_note(bundle.checkpoint).checkpoint
    follower.upstream.replaced[1] = replace(bundle, checkpoint=sign_note(note, stranger.name, stranger._private_key))
    with pytest.raises(VerificationFailed, match="bad-checkpoint"):
        follower.catch_up()
    assert follower.height == 0
