"""What the operator signed and cannot stand is remembered for good, as evidence that a stranger can check."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger import canonical
from ledger.audit import audit
from ledger.checkpoint import add_cosignature
from ledger.errors import TallystickError, VerificationFailed
from ledger.evidence import BlockBundle, HeaderInLog, fork_file_of, header_evidence, header_in_log, note_evidence
from ledger.follow import bundle_of
from ledger.header import network_of
from ledger.store import LedgerStore
from ledger.verify import verify
from tests.ledger.follow.following import SIGNING_KEY, Open, forged
from tests.ledger.small_ledger import (
    GENESIS,
    OPERATOR,
    START_MS,
    VOUCHER,
    Solo,
    StoreUpstream,
    code_of,
)
from tests.ledger.small_rules import RULEBOOK


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
    report = audit(follower.store, GENESIS, RULEBOOK, VOUCHER)
    assert [(finding.height, finding.code) for finding in report.findings] == [(2, "fork-seen")]
    with sqlite3.connect(tmp_path / "follower.db") as connection:
        connection.execute("UPDATE meta SET value = replace(value, '\"height\":2', '\"height\":3') WHERE key = 'halted'")
    connection.close()
    assert [finding.code for finding in audit(follower.store, GENESIS, RULEBOOK, VOUCHER).findings] == ["meta-differs"]


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
    assert [f.code for f in audit(follower.store, GENESIS, RULEBOOK, VOUCHER).findings] == ["fork-seen"]


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
    assert [f.code for f in audit(follower.store, GENESIS, RULEBOOK, VOUCHER).findings] == ["operator-invalid"]
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


def trust_file() -> bytes:
    operator = {"name": OPERATOR.key.name, "public": OPERATOR.key.public.hex(), "first_size": 0, "last_size": None}
    document = {"v": 1, "network": network_of(GENESIS), "engine": "solo", "operators": [operator]}
    return canonical.encode({**document, "witnesses": [], "witnesses_required": 0})


def evidence_file(store: LedgerStore) -> bytes | None:
    halted = store.halted()
    assert halted is not None
    with store.reading() as reader:
        return fork_file_of(reader, halted)


def test_the_evidence_of_a_fork_convinces_a_stranger(told: Solo, fork: Solo, follow: Open) -> None:
    """By a block of another history, by a note of another history, and by a header below one that is ahead."""
    by_block, by_note, by_header = (follow(name) for name in ("block", "note", "header"))
    for each in (by_block, by_note, by_header):
        each.catch_up()
    by_block.upstream.store = fork.store
    with pytest.raises(VerificationFailed, match="fork-seen"):
        by_block.engine.advance(0)
    with fork.store.reading() as reader:
        note, header = reader.checkpoint(2) or "", header_in_log(reader, 3)
    with pytest.raises(VerificationFailed, match="fork-seen"):
        by_note.engine.refuse(lambda reader: note_evidence(reader, note, OPERATOR.key))
    with pytest.raises(VerificationFailed, match="fork-seen"):
        by_header.engine.refuse(lambda reader: header_evidence(reader, header, OPERATOR.key))
    for each in (by_block, by_note, by_header):
        file = evidence_file(each.store)
        assert file is not None
        verdict = verify(file, trust_file())
        assert verdict.ok, verdict
        assert [found.code for found in audit(each.store, GENESIS, RULEBOOK, VOUCHER).findings] == ["fork-seen"]


def test_that_a_block_breaks_the_rules_is_for_a_replay_to_show_and_no_file(told: Solo, follow: Open) -> None:
    follower = follow()
    follower.catch_up()
    follower.upstream.replaced[4] = forged(told, follower, BREAKS["a result of its own"])
    with pytest.raises(VerificationFailed, match="operator-invalid"):
        follower.engine.advance(0)
    assert evidence_file(follower.store) is None


def test_any_thread_may_halt_a_running_follower_and_its_own_thread_ends(told: Solo, fork: Solo, follow: Open) -> None:
    running = follow(run=True)
    assert running.engine.heights.wait_for(3, 30)
    with fork.store.reading() as reader:
        note = reader.checkpoint(1 + 1) or ""
    with pytest.raises(VerificationFailed, match="fork-seen"):
        running.engine.refuse(lambda reader: note_evidence(reader, note, OPERATOR.key))
    assert running.engine._thread is not None
    running.engine._thread.join(30)
    assert not running.engine._thread.is_alive()
    told.put("later")
    assert running.height == 3


def test_what_shows_nothing_halts_nobody(told: Solo, follow: Open) -> None:
    follower = follow()
    follower.catch_up()
    with told.store.reading() as reader:
        note, header = reader.checkpoint(2) or "", header_in_log(reader, 2)
        beyond = HeaderInLog(header.checkpoint, {**header.header, "height": 9}, header.inclusion)
    follower.engine.refuse(lambda reader: note_evidence(reader, note, OPERATOR.key))
    follower.engine.refuse(lambda reader: header_evidence(reader, header, OPERATOR.key))
    with pytest.raises(VerificationFailed, match="not-in-log"):
        follower.engine.refuse(lambda reader: header_evidence(reader, beyond, OPERATOR.key))
    unsigned = HeaderInLog(header.checkpoint.replace("op ", "po ", 1), header.header, header.inclusion)
    with pytest.raises(TallystickError, match="bad-"):
        follower.engine.refuse(lambda reader: header_evidence(reader, unsigned, OPERATOR.key))
    assert follower.store.halted() is None


def test_a_solo_engine_that_sees_its_own_fork_orders_no_more_even_when_it_is_started_again(told: Solo, fork: Solo) -> None:
    with fork.store.reading() as reader:
        note = reader.checkpoint(2) or ""
    with pytest.raises(VerificationFailed, match="fork-seen"):
        told.engine.refuse(lambda reader: note_evidence(reader, note, OPERATOR.key))
    assert told.codes(told.author.put("late")) == ["fork-seen"]
    told.engine.stop()
    with pytest.raises(VerificationFailed, match="fork-seen"):
        told.engine.start()


def test_a_note_to_which_a_proxy_added_a_line_is_kept_as_the_operator_signed_it(told: Solo, follow: Open) -> None:
    follower = follow()
    bundle = bundle_of(told.store, 1)
    assert bundle is not None
    added = add_cosignature(bundle.checkpoint, "somebody", SIGNING_KEY, 1_700_000_000)
    follower.upstream.replaced[1] = replace(bundle, checkpoint=added)
    follower.catch_up()
    with follower.store.reading() as reader:
        assert reader.checkpoint(1) == bundle.checkpoint
    assert audit(follower.store, GENESIS, RULEBOOK, VOUCHER).ok
