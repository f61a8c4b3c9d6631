"""The same blocks give the same headers, whatever the process, the language, the time zone, the caches or the database were."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from ledger import chain as chain_module
from ledger.admission import VerifiedSignatures
from ledger.audit import audit
from ledger.chain import StoredChain
from ledger.execution import execute, execute_genesis
from ledger.store import LedgerStore
from tests.ledger.small_ledger import OPERATOR, VOUCHER, url_of
from tests.traces import RULEBOOKS, Trace, real_trace, small_trace

ROOT = Path(__file__).parents[2]
REPLAY = (
    "import sys; from tests.traces import Trace; print('\\n'.join(Trace.from_json(open(sys.argv[1], encoding='utf-8').read()).replay()))"
)
ENVIRONMENTS = [
    {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C"},
    {"PYTHONHASHSEED": "1", "TZ": "Asia/Shanghai", "LC_ALL": "C.UTF-8"},
    {"PYTHONHASHSEED": "4294967295", "TZ": "America/St_Johns", "LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONOPTIMIZE": "1"},
]


@cache
def trace(name: str) -> Trace:
    return small_trace(seed=7, blocks=40) if name == "small" else real_trace(seed=7, rounds=3)


@pytest.fixture(params=["small", "real"])
def told(request: pytest.FixtureRequest) -> Trace:
    return trace(request.param)


def test_the_traces_cover_what_can_happen() -> None:
    assert trace("small").codes.keys() >= {
        "ok",
        "taken",
        "unwanted",
        "repeat",
        "expired",
        "not-json",
        "rules-fault",
        "unknown-key",
        "known",
    }
    assert trace("real").codes["ok"] > 40
    assert len(trace("real").codes) > 4
    kinds = {json.loads(raw)["record"]["type"] for block in trace("real").blocks for raw in block.transactions if raw.startswith(b"{")}
    assert kinds >= {"governance.propose", "order.lift", "dispute.resolve", "member.reinstate", "declaration.void"}


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda each: each["TZ"])
def test_other_processes_languages_and_time_zones_give_the_same_headers(told: Trace, environment: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    file.write_text(told.to_json(), encoding="utf-8")
    command = [sys.executable, "-c", REPLAY, str(file)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    assert done.stdout.split() == told.hashes


@pytest.mark.parametrize("caches", ["cold", "small", "warm"])
def test_caches_and_the_database_change_nothing(told: Trace, caches: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cold: everything is read from the database for each block. Small: what is remembered is forgotten all the time."""
    if caches == "small":
        monkeypatch.setattr(chain_module, "_STATE_BYTES_MAX", 300)
        monkeypatch.setattr(chain_module, "_PAGES_BYTES_MAX", 300)
        monkeypatch.setattr(chain_module, "_HASHES_BYTES_MAX", 100)
    assert_replayed(told, LedgerStore(url_of(tmp_path / "ledger.db")), caches)


def test_postgresql_gives_the_same_headers(told: Trace, postgresql_url: str) -> None:
    assert_replayed(told, LedgerStore(postgresql_url), "cold" if told.rules == "real" else "warm")


def assert_replayed(told: Trace, store: LedgerStore, caches: str) -> None:
    rulebook, verified = RULEBOOKS[told.rules], VerifiedSignatures(entries_max=2 if caches == "small" else 50_000)
    begun = execute_genesis(told.genesis, rulebook)
    with store.engine.begin() as connection:
        store.commit(connection, begun, OPERATOR.checkpoint(begun))
    chain = StoredChain(store)
    for block in told.blocks:
        if caches == "cold":
            chain.close()
            chain, verified = StoredChain(store), VerifiedSignatures()
        execution = execute(chain, block, rulebook, verified)
        if execution.header is not None:
            chain.commit(execution, OPERATOR.checkpoint(execution))
        chain.rest()
    chain.close()
    with store.reading() as reader:
        assert [reader.header_hash(height) for height in range(reader.head.height + 1)] == told.hashes
    assert audit(store, told.genesis, rulebook, VOUCHER).findings == ()
    store.close()


def test_a_trace_read_again_is_the_same(told: Trace) -> None:
    assert Trace.from_json(told.to_json()).replay() == told.hashes
