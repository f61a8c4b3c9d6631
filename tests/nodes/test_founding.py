"""What a network is founded of, before anything of it runs: a consortium's keys, ports and validators."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from contracts.policy import Policy
from ledger.clock import SettableClock
from ledger.comet.validators import address_of
from ledger.errors import InputError
from nodes.founding import Addresses, Consortium, Founded, MemberPlan, create_network
from nodes.home import Home
from nodes.seats import engine_keys_of
from tests.nodes.small_network import AUTHORITY, BANK_A, CHEAP, EXPORTER_A, LOCAL, START_MS

AUDITOR = MemberPlan("auditor", "auditor", "Auditor")


def founded(directory: Path, consortium: Consortium | None, addresses: Addresses = LOCAL) -> Founded:
    plans = [AUTHORITY, BANK_A, EXPORTER_A, AUDITOR]
    clock = SettableClock(START_MS)
    return create_network(
        directory, "test", plans, clock=clock, random=os.urandom, cost=CHEAP, addresses=addresses, policy=Policy(), consortium=consortium
    )


def test_who_votes_by_default_is_authority_and_banks_and_each_engine_seeks_all_others(tmp_path: Path) -> None:
    made = founded(tmp_path, Consortium())
    named: list[dict[str, Any]] = made.genesis["application"]["validators"]
    configs = {name: Home(path).read_config() for name, path in made.homes.items()}
    keys = {name: engine_keys_of(Home(path)) for name, path in made.homes.items() if name != "exporter-a"}
    assert made.genesis["engine"] == {"kind": "comet"}
    assert [(each["member"], each["public"], each["power"]) for each in named] == [
        (name, keys[name].validator.hex(), 10) for name in ("authority", "bank-a")
    ]
    peers = {name: f"{address_of(keys[name].node)}@{configs[name].engine.listen}" for name in keys}
    for name, config in configs.items():
        others = [peer for other, peer in peers.items() if other != name]
        assert (config.engine.kind, config.engine.peers) == (("follow", []) if name == "exporter-a" else ("comet", others))
    published = {key["public"]: key["purpose"] for each in made.genesis["application"]["members"] for key in each["keys"]}
    assert all(published[public.hex()] == "validate" for each in keys.values() for public in (each.validator, each.node))


def test_a_home_holds_its_engines_secrets_for_its_owner_alone(tmp_path: Path) -> None:
    home = Home(founded(tmp_path, Consortium()).homes["bank-a"])
    files = [home.comet_dir / name for name in ("config/priv_validator_key.json", "config/node_key.json", "data/priv_validator_state.json")]
    assert [oct(file.stat().st_mode & 0o777) for file in files] == ["0o600"] * 3
    assert json.loads(files[2].read_bytes()) == {"height": "0", "round": 0, "step": 0}
    assert oct(home.comet_dir.stat().st_mode & 0o777) == "0o700"


@pytest.mark.parametrize("validators", [[], ["bank-a", "bank-a"], ["exporter-a"], ["nobody"]])
def test_validators_are_members_named_once(tmp_path: Path, validators: list[str]) -> None:
    with pytest.raises(InputError) as refused:
        founded(tmp_path, Consortium(validators))
    assert (refused.value.code, list(tmp_path.iterdir())) == ("bad-member", [])


def test_an_auditor_may_vote_where_it_is_named(tmp_path: Path) -> None:
    application = founded(tmp_path, Consortium(["auditor", "authority"])).genesis["application"]
    assert [each["member"] for each in application["validators"]] == ["auditor", "authority"]


@pytest.mark.parametrize("engines", [8_000, 8_003, 7_997, 65_533])
def test_nodes_and_engines_need_ports_of_their_own(tmp_path: Path, engines: int) -> None:
    with pytest.raises(InputError) as refused:
        founded(tmp_path, Consortium(), Addresses(engine_port_first=engines))
    assert (refused.value.code, list(tmp_path.iterdir())) == ("ports-shared", [])


def test_ports_next_to_each_other_will_do_and_without_a_consortium_none_are_asked_for(tmp_path: Path) -> None:
    founded(tmp_path / "consortium", Consortium(), Addresses(engine_port_first=8_004))
    founded(tmp_path / "operator", None, Addresses(engine_port_first=8_000))
