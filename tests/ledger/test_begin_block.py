"""What is due happens before a block's records, in the block and nowhere else, and a fault in it drops it as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ledger.audit import audit
from ledger.execution import Accepted, Block, Execution
from ledger.follow import FollowEngine
from ledger.header import network_of
from ledger.memory_chain import MemoryChain
from ledger.rules import Rulebook
from ledger.store import LedgerStore
from tests.ledger.later_rules import FIRST, MENDED, OLD
from tests.ledger.small_ledger import ANNE, GENESIS, START_MS, VOUCHER, Author, StoreUpstream, solo_ledger, url_of

MINUTE = 60_000


class Told:
    """A chain in memory and an author who has seen its genesis."""

    def __init__(self, rulebook: Rulebook = OLD) -> None:
        self.chain = MemoryChain(GENESIS, rulebook)
        self.author = Author(network_of(GENESIS), {"height": 0, "hash": self.chain.header_hash(0)})
        self.blocks = 0

    def block(self, minute: int, *raws: bytes) -> Execution:
        self.blocks += 1
        return self.chain.run(Block(self.blocks, START_MS + minute * MINUTE, raws))

    def later(self, key: str, minute: int) -> bytes:
        return self.author.record("note.later", {"key": key, "at": START_MS + minute * MINUTE}, [ANNE])

    def note(self, key: str) -> bytes | None:
        return self.chain.state.get_bytes(f"note/{key}")


def codes(execution: Execution) -> list[Any]:
    return [outcome.result["code"] if isinstance(outcome, Accepted) else outcome.code for outcome in execution.outcomes]


def test_what_is_due_happens_before_the_first_record_of_the_first_block_from_its_time_on() -> None:
    told = Told()
    told.block(1, told.later("k", 3))
    told.block(2, told.author.put("other"))
    assert told.note("k") is None
    assert codes(told.block(3, told.author.put("k"))) == ["taken"]
    assert told.note("k") == b'{"begun":%d}' % (START_MS + 3 * MINUTE)


def test_a_block_that_takes_nothing_in_leaves_undone_what_is_due() -> None:
    told = Told()
    told.block(1, told.later("k", 2))
    head, root = told.chain.head, told.chain.head.state_root
    for raws in ((), (b"rubbish",)):
        assert told.block(3 + len(raws), *raws).header is None
    assert (told.chain.head, told.chain.head.state_root, told.note("k")) == (head, root, None)
    told.block(5, told.author.put("other"))
    assert told.note("k") == b'{"begun":%d}' % (START_MS + 5 * MINUTE)


def test_a_fault_drops_all_that_was_due_and_not_the_block() -> None:
    told = Told()
    told.block(1, told.later("before", 2), told.later("fault", 2))
    assert codes(told.block(3, told.author.put("k"))) == ["ok"]
    assert told.note("before") is None
    assert told.note("k") is not None


def test_what_met_a_fault_is_tried_again_in_every_block_until_rules_without_the_fault_are_in_force() -> None:
    told = Told({1: FIRST, 2: MENDED})
    mended = told.author.record("rules.next", {"version": 2, "at": START_MS + 5 * MINUTE}, [ANNE])
    told.block(1, told.later("before", 2), told.later("fault", 2), mended)
    for minute in (3, 4):
        assert codes(told.block(minute, told.author.put(f"at {minute}"))) == ["ok"]
        assert told.note("before") is None
    told.block(5, told.author.put("at 5"))
    assert (told.note("before"), told.note("fault")) == (b'{"begun":%d}' % (START_MS + 5 * MINUTE), None)
    told.block(6, told.author.put("at 6"))
    assert told.note("before") == b'{"begun":%d}' % (START_MS + 5 * MINUTE)


def test_a_solo_ledger_its_follower_and_an_audit_agree_on_what_was_due(tmp_path: Path) -> None:
    with solo_ledger(tmp_path / "solo.db", rulebook=OLD) as solo:
        due = solo.clock.now_ms() + MINUTE
        assert solo.codes(solo.author.record("note.later", {"key": "k", "at": due}, [ANNE])) == ["ok"]
        assert solo.codes(b"rubbish") == ["not-json"]
        solo.clock.advance(MINUTE)
        assert solo.codes(b"rubbish") == ["not-json"]
        assert solo.codes(solo.author.put("k"), solo.author.put("other")) == ["taken", "ok"]
        store = LedgerStore(url_of(tmp_path / "follower.db"))
        follower = FollowEngine(store, GENESIS, OLD, VOUCHER, StoreUpstream(solo.store, solo.engine))
        follower.open()
        while follower.advance(0):
            pass
        with store.reading() as theirs, solo.store.reading() as ours:
            assert theirs.head == ours.head
            assert theirs.head.height == 2
        for each in (store, solo.store):
            assert audit(each, GENESIS, OLD, VOUCHER).ok
        follower.stop()
        store.close()
