"""Records that no block can hold any more, for what another did while they waited: who sent them is told, and the engine forgets them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ledger.comet.ring import Ring, ring, wait_until
from tests.ledger.small_ledger import ANNE, BOB, Author, code_of, key_id, private_key

# Long enough for both records of a test to be there before the next block is made.
GATHER_MS = 3_000


def once_twice(author: Author) -> list[bytes]:
    key = private_key("used twice")
    return [author.once(key), author.once(key, "again")]


def end_and_use(author: Author) -> list[bytes]:
    return [author.record("key.end", {"key": key_id(BOB)}, [ANNE]), author.put("too late", BOB)]


def waits_in_engine(made: Ring) -> int:
    return int(made.engines[0].rpc._ask("num_unconfirmed_txs", {})["n_txs"])


@pytest.mark.parametrize(
    ("pair", "code"), [(once_twice, "one-time-key-misused"), (end_and_use, "key-not-alive")], ids=["a one-time key", "a revoked key"]
)
def test_who_is_too_late_is_told_and_the_engine_makes_no_blocks_for_it(tmp_path: Path, pair: object, code: str) -> None:
    assert callable(pair)
    with ring(tmp_path, 1, timeout_commit_ms=GATHER_MS) as made:
        assert [code_of(each) for each in made.send(0, made.author.put("first"))] == ["ok"]
        assert [code_of(each) for each in made.send(0, *pair(made.author))] == ["ok", code]
        # As long as anything waits there CometBFT makes one empty block after the other.
        wait_until(lambda: waits_in_engine(made) == 0)
        assert made.engines[0].waiting() == 0
