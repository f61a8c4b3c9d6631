"""Whatever the published grammar allows, the server holds its promises; and the same questions get the same bytes anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.comet import abci_pb2 as abci
from tests import postgresql
from tests.conftest import DEEP
from tests.ledger.comet.living import fake_engine, live
from tests.ledger.comet.wire import replay
from tests.ledger.small_ledger import url_of

ROOT = Path(__file__).parents[3]
REPLAY = """
import json, sys
from tests.ledger.comet.wire import replay
told = json.load(open(sys.argv[1], encoding="ascii"))
print(json.dumps([replay(f"sqlite:///{sys.argv[1]}.{place}.db", each) for place, each in enumerate(told)]))
"""
Transcript = list[list[Any]]


@settings(max_examples=300 if DEEP else 15)
@given(st.data())
def test_every_promise_holds_in_every_sequence(data: st.DataObject) -> None:
    with fake_engine(data) as made:
        live(made, data)


@cache
def transcripts() -> list[Transcript]:
    """What was asked and answered in some lives."""
    found: list[Transcript] = []

    @settings(max_examples=40 if DEEP else 6, database=None)
    @given(st.data())
    def tell(data: st.DataObject) -> None:
        with fake_engine(data) as made:
            live(made, data)
            found.append(made.transcript)

    tell()
    return found


def answers(transcript: Transcript) -> list[str]:
    return [entry[3] for entry in transcript if len(entry) == 4]


def test_the_transcripts_hold_what_can_differ() -> None:
    told = [abci.Response.FromString(bytes.fromhex(each)) for transcript in transcripts() for each in answers(transcript)]
    kinds = Counter(str(each.WhichOneof("value")) for each in told)
    assert kinds.keys() >= {"info", "init_chain", "check_tx", "prepare_proposal", "process_proposal", "finalize_block", "commit"}
    assert kinds["commit"] > 10
    assert any(len(each.finalize_block.validator_updates) > 1 for each in told)
    assert {len(each.finalize_block.app_hash) for each in told if each.HasField("finalize_block")} == {32}


@pytest.mark.parametrize("seed", ["0", "4294967295"])
def test_the_same_questions_get_the_same_bytes_in_another_process(seed: str, tmp_path: Path) -> None:
    file = tmp_path / "transcripts.json"
    file.write_text(json.dumps(transcripts()), encoding="ascii")
    environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": "Asia/Shanghai"}
    command = [sys.executable, "-c", REPLAY, str(file)]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True, timeout=600)
    assert json.loads(done.stdout.splitlines()[-1]) == [answers(each) for each in transcripts()]


def test_the_same_questions_get_the_same_bytes_over_postgresql(postgresql_socket: str) -> None:
    for transcript in transcripts():
        url = postgresql.new_database(postgresql_socket)
        assert replay(url, transcript) == answers(transcript)
        postgresql.drop_database(postgresql_socket, url)


def test_a_replay_in_this_process_gives_the_same(tmp_path: Path) -> None:
    assert replay(url_of(tmp_path / "ledger.db"), transcripts()[-1]) == answers(transcripts()[-1])
