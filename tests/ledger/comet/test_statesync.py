"""What a newcomer's engine is told, and where engines answer newcomers."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from ledger.comet.files import Settings, config_file
from ledger.comet.statesync import StateSync
from ledger.errors import InputError

GOOD: dict[str, Any] = {"rpc_servers": ["unix:///run/a.sock", "tcp://127.0.0.1:26657"], "trust_height": 7, "trust_hash": "ab" * 32}


def test_the_engines_configuration_has_what_a_newcomer_trusts() -> None:
    settings = Settings("127.0.0.1:1", state_sync=StateSync(**GOOD, trust_period_s=60, discovery_time_s=5))
    section = tomllib.loads(config_file(settings))["statesync"]
    assert section == {
        "enable": True,
        "rpc_servers": "unix:///run/a.sock,tcp://127.0.0.1:26657",
        "trust_height": 7,
        "trust_hash": "ab" * 32,
        "trust_period": "60s",
        "discovery_time": "5s",
        "max_snapshot_chunks": 65_536,
    }


def test_without_it_the_engine_does_not_sync_so() -> None:
    assert tomllib.loads(config_file(Settings("127.0.0.1:1")))["statesync"] == {"enable": False}


@pytest.mark.parametrize(
    "change",
    [
        {"rpc_servers": []},
        {"rpc_servers": ["tcp://127.0.0.1:1"]},
        {"rpc_servers": ["tcp://127.0.0.1:1", "ftp://127.0.0.1:1"]},
        {"rpc_servers": ["tcp://127.0.0.1:1", ""]},
        {"rpc_servers": ["tcp://127.0.0.1:1,tcp://127.0.0.1:2", "tcp://127.0.0.1:3"]},
        {"rpc_servers": ['tcp://127.0.0.1:1"', "tcp://127.0.0.1:3"]},
        {"rpc_servers": ["tcp://127.0.0.1:1\n", "tcp://127.0.0.1:3"]},
        {"trust_height": 0},
        {"trust_height": 2**63},
        {"trust_hash": ""},
        {"trust_hash": "ab" * 31},
        {"trust_hash": "xy" * 32},
        {"trust_period_s": 0},
        {"trust_period_s": 22 * 86_400},
        {"discovery_time_s": 4},
    ],
)
def test_what_the_engine_would_not_start_with_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        StateSync(**{**GOOD, **change})
    assert caught.value.code == "bad-state-sync"


@pytest.mark.parametrize("address", ["unix:///run/tallystick/rpc.sock", "tcp://127.0.0.1:26657", "tcp://[::1]:26657", ""])
def test_an_engine_answers_on_its_own_machine(address: str) -> None:
    assert Settings("127.0.0.1:1", rpc_listen=address).rpc_listen == address


@pytest.mark.parametrize(
    "address",
    [
        "tcp://0.0.0.0:26657",
        "tcp://10.0.0.1:26657",
        "tcp://localhost:26657",
        "tcp://127.0.0.1",
        "unix://run.sock",
        "x",
        "unix:///a,tcp://0.0.0.0:1",
    ],
)
def test_and_nowhere_else(address: str) -> None:
    with pytest.raises(InputError) as caught:
        Settings("127.0.0.1:1", rpc_listen=address)
    assert caught.value.code == "bad-rpc-address"


@pytest.mark.parametrize("setting", [{"snapshot_heights": -1}, {"snapshots_kept": 0}, {"snapshots_kept": 11}])
def test_snapshots_are_kept_as_many_as_the_engine_tells_of(setting: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        Settings("127.0.0.1:1", **setting)
    assert caught.value.code == "bad-snapshots"
