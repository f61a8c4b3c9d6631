"""Closed versions of the rules are what ledgers were made under: one that was made once replays for ever, to the last byte.

`tests/fixtures/rules-1` holds the archive of a demonstration's ledger with every kind of exception in it, `rules-2` that of a consortium's,
with its validators' checkpoints. Where this test fails, a rule, an entry, a body or the form of a checkpoint was changed: give what is new
a version of its own instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from contracts.ruleset import RULEBOOK
from ledger.archive_replay import fill, verify_archive
from ledger.store import LedgerStore

FIXTURES: Final = Path(__file__).parent.parent / "fixtures"
HEADS: Final = {
    1: "bd34696edca2e10dc0d3f95f3400d8ebb9bf646fc51454dddcd305c92cf01d97",
    2: "d91ab85b8f196c20fb599c3d31da8b6305fe4bb6d059a52e5bde172d400e3397",
}
TYPES_LEAST: Final = 21


@pytest.mark.parametrize("version", HEADS)
def test_a_ledger_of_closed_rules_replays_to_the_byte(version: int, tmp_path: Path) -> None:
    made = FIXTURES / f"rules-{version}"
    with (made / "ledger.tally").open("rb") as file:
        verdict = verify_archive(file, (made / "trust.json").read_bytes(), RULEBOOK)
    assert (verdict.ok, verdict.code) == (True, None)
    store = LedgerStore(f"sqlite:///{tmp_path / 'ledger.db'}")
    try:
        with (made / "ledger.tally").open("rb") as file:
            fill(store, file, RULEBOOK)
        with store.reading() as reader:
            assert reader.head.hash == HEADS[version]
            assert reader.head.rules == version
            assert len({record.record.type for record in reader.records(0, 1_000)}) >= TYPES_LEAST
    finally:
        store.close()
