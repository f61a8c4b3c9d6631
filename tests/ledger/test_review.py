"""What a hostile reading of the ledger found: what strangers send must cost no more to refuse than to send."""

from __future__ import annotations

import time
from hashlib import sha256

import pytest

from ledger import canonical
from ledger.admission import read
from ledger.errors import InputError
from ledger.record import assemble
from ledger.replay_guard import ReplayGuard, entry_key
from ledger.state import MemoryState
from tests.ledger.small_rules import RULEBOOK


def full_block(count: int) -> tuple[ReplayGuard, list[str]]:
    state = MemoryState()
    guard = ReplayGuard(state)
    ids = [sha256(f"{n}".encode()).hexdigest() for n in range(count)]
    entry = {"ids": ids, "until": 10}
    state.apply({entry_key(1): canonical.encode(entry)})
    guard.advance((), 1, entry)
    return guard, ids


def test_a_repeat_from_a_full_block_is_found_without_reading_all_of_its_ids() -> None:
    guard, ids = full_block(6_000)
    began = time.process_time()
    assert all(record_id in guard for record_id in ids[:500])
    assert time.process_time() - began < 0.2


def test_an_id_that_only_begins_like_an_admitted_one_is_no_repeat() -> None:
    guard, ids = full_block(3)
    assert ids[1][:16] + "0" * 48 not in guard
    assert ids[1] in guard


def test_of_very_many_unknown_fields_none_is_looked_for() -> None:
    core = {
        "v": 1,
        "network": "0" * 64,
        "type": "note.put",
        "signers": ["1" * 64],
        "nonce": "0" * 32,
        "not_after": 1,
        "seen": {"height": 0, "hash": "0" * 64},
        "body": {f"{n}": 1 for n in range(200)},
        "sealed": {},
    }
    with pytest.raises(InputError) as refused:
        read(assemble(canonical.encode(core), [bytes(64)]), RULEBOOK[1])
    assert (refused.value.code, refused.value.message) == ("malformed", "the body of a note.put does not fit: body")
