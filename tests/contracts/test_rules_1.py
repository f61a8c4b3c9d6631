"""Rules version 1 is what the ledgers of today were made under: a ledger that was made once replays for ever, to the last byte.

`tests/fixtures/rules-1` holds the archive of a demonstration's ledger with every kind of exception in it. Where this test fails, a rule,
an entry or a body of version 1 was changed: give what is new a version of its own instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from contracts.ruleset import RULEBOOK
from ledger.archive_replay import fill, verify_archive
from ledger.store import LedgerStore

MADE: Final = Path(__file__).parent.parent / "fixtures" / "rules-1"
HEAD: Final = "bd34696edca2e10dc0d3f95f3400d8ebb9bf646fc51454dddcd305c92cf01d97"
TYPES_LEAST: Final = 21


def test_a_ledger_of_rules_version_1_replays_to_the_byte(tmp_path: Path) -> None:
    with (MADE / "ledger.tally").open("rb") as file:
        verdict = verify_archive(file, (MADE / "trust.json").read_bytes(), RULEBOOK)
    assert (verdict.ok, verdict.code) == (True, None)
    store = LedgerStore(f"sqlite:///{tmp_path / 'ledger.db'}")
    try:
        with (MADE / "ledger.tally").open("rb") as file:
            fill(store, file, RULEBOOK)
        with store.reading() as reader:
            assert reader.head.hash == HEAD
            assert reader.head.rules == 1
            assert len({record.record.type for record in reader.records(0, 1_000)}) >= TYPES_LEAST
    finally:
        store.close()
