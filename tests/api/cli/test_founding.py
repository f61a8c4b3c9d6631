"""`tallystick init`, `testnet`, `network publish`, `join` and `keys engine`: what they make and what they refuse. Nothing here runs."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from nodes.home import Home
from nodes.home_config import StateSyncSection
from tests import cometbft
from tests.api.cli.conftest import Finished, Tallystick
from tests.ports import free_ports

MEMBERS = (
    *("--member", "authority:authority:Forex Authority", "--member", "bank-a:bank:Bank A"),
    *("--member", "exporter-a:enterprise:Exporter A", "--member", "auditor:auditor:Auditor"),
)
HASH = "5f" * 32


@pytest.fixture
def testnet(tallystick: Tallystick, tmp_path: Path) -> Path:
    made = tallystick("testnet", "--home", tmp_path / "net", "--validators", "2", "--json")
    assert made.status == 0, made.err
    return tmp_path / "net"


def refused(finished: Finished) -> str:
    """The code, of a command that printed nothing else."""
    assert (finished.status != 0, finished.out) == (True, "")
    return finished.err.split(": ")[1]


def genesis_of(made: Finished) -> Any:
    return json.loads((Path(made.json["homes"]["authority"]) / "genesis.json").read_bytes())


def test_init_founds_a_consortium_of_the_validators_that_it_is_told(tallystick: Tallystick, tmp_path: Path) -> None:
    chosen = ("--engine", "comet", "--validator", "auditor", "--validator", "authority", "--engine-port", "30000")
    made = tallystick("init", "--home", tmp_path / "net", "--network", "pilot", *MEMBERS, *chosen, "--json")
    assert made.status == 0, made.err
    assert [each["member"] for each in genesis_of(made)["application"]["validators"]] == ["auditor", "authority"]
    listens = {name: Home(Path(path)).read_config().engine.listen for name, path in made.json["homes"].items()}
    assert listens == {"authority": "127.0.0.1:30000", "bank-a": "127.0.0.1:30001", "exporter-a": None, "auditor": "127.0.0.1:30003"}


def test_validators_and_engines_ports_are_for_a_consortium(tallystick: Tallystick, tmp_path: Path) -> None:
    network = ("init", "--home", tmp_path / "net", "--network", "pilot", *MEMBERS)
    assert refused(tallystick(*network, "--validator", "bank-a")) == "usage"
    assert refused(tallystick(*network, "--engine-port", "30000")) == "usage"
    assert refused(tallystick(*network, "--engine", "follow")) == "engine-unknown"
    assert refused(tallystick(*network, "--engine", "comet", "--validator", "exporter-a")) == "bad-member"
    assert refused(tallystick(*network, "--engine", "comet", "--engine-port", "8002")) == "ports-shared"
    assert not (tmp_path / "net").exists()


def test_a_network_begins_with_the_policy_that_it_is_given(tallystick: Tallystick, tmp_path: Path) -> None:
    (tmp_path / "policy.json").write_text('{"governance_delay_hours": 0}')
    by_file = tallystick("testnet", "--home", tmp_path / "a", "--validators", "1", "--policy", tmp_path / "policy.json", "--json")
    by_text = tallystick(
        "init", "--home", tmp_path / "b", "--network", "n", *MEMBERS, "--policy", '{"governance_delay_hours": 0}', "--json"
    )
    policies = [genesis_of(made)["application"]["policy"] for made in (by_file, by_text)]
    assert [(each["governance_delay_hours"], each["hold_days_max"]) for each in policies] == [(0, 15), (0, 15)]
    for number, wrong in enumerate(('{"governance_delay_hours": "0"}', '{"unknown": 1}', '{"hold_days_max": 0}', "{")):
        home = tmp_path / f"wrong-{number}"
        assert refused(tallystick("testnet", "--home", home, "--validators", "1", "--policy", wrong)) == "bad-policy"
        assert not home.exists()


def test_a_testnet_is_an_authority_and_banks_that_all_validate(tallystick: Tallystick, tmp_path: Path) -> None:
    ports = ("--port", free_ports(4), "--engine-port", free_ports(4))
    made = tallystick("testnet", "--home", tmp_path / "net", "--validators", "4", *ports, "--json")
    assert made.status == 0, made.err
    members = ["authority", "bank-a", "bank-b", "bank-c"]
    assert list(made.json["homes"]) == members
    assert [each["member"] for each in genesis_of(made)["application"]["validators"]] == members
    file = tmp_path / "net" / "sign-ins.json"
    assert (stat.S_IMODE(file.stat().st_mode), json.loads(file.read_bytes())) == (0o600, made.json["sign_ins"])
    again = tallystick("testnet", "--home", tmp_path / "net", "--validators", "4")
    assert refused(again) == "home-not-empty"
    assert refused(tallystick("testnet", "--home", tmp_path / "none", "--validators", "0")) == "usage"


def test_a_newcomers_home_comes_of_a_published_file(tallystick: Tallystick, testnet: Path, tmp_path: Path) -> None:
    file = tmp_path / "network.json"
    told = tallystick("network", "publish", "--home", testnet / "bank-a", "-o", file, "--json").json
    assert (told["file"], len(told["peers"])) == (str(file), 2)
    newcomer = ("join", "--network", file, "--home", tmp_path / "bank-e", "--member", "bank-e:bank:Bank E:210800")
    assert refused(tallystick(*newcomer, "--expect", "0" * 64)) == "wrong-genesis"
    assert refused(tallystick(*newcomer, "--listen", "nowhere")) == "usage"
    joined = tallystick(*newcomer, "--expect", told["network"], "--json")
    assert joined.status == 0, joined.err
    application = json.loads(Path(joined.json["application"]).read_bytes())
    assert (application["member"], application["region"]) == ("bank-e", "210800")
    keys = tallystick("keys", "engine", "--home", tmp_path / "bank-e", "--json").json["items"]
    assert [(each["use"], each["id"] == joined.json["voting_key"]) for each in keys] == [("votes", True), ("peers", False)]
    assert {each["public"] for each in keys} == {key["public"] for key in application["keys"] if key["purpose"] == "validate"}
    assert refused(tallystick(*newcomer)) == "home-not-empty"
    shown = tallystick("join", "--network", file, "--home", tmp_path / "bank-f", "--member", "bank-f:bank:Bank F")
    assert "tallystick members admit" in shown.out
    assert refused(tallystick("join", "--network", tmp_path / "none", "--home", tmp_path / "x", "--member", "x1:bank:X")) == "unreadable"


def test_a_newcomers_home_says_how_it_takes_a_snapshot(tallystick: Tallystick, testnet: Path, tmp_path: Path) -> None:
    file = tmp_path / "network.json"
    assert tallystick("network", "publish", "--home", testnet / "bank-a", "-o", file).status == 0
    home, servers = tmp_path / "bank-e", ["unix:///run/a.sock", "tcp://127.0.0.1:26657"]
    newcomer = ("join", "--network", file, "--home", home, "--member", "bank-e:bank:Bank E:210800")
    both = ("--rpc-server", servers[0], "--rpc-server", servers[1])
    for wrong in (both, ("--trust-block", f"7:{HASH}"), (*both[:2], "--trust-block", f"7:{HASH}")):
        assert refused(tallystick(*newcomer, *wrong)) == "usage"
    for block in (HASH, f"0:{HASH}", f"7:{HASH[1:]}", f"٧:{HASH}", f"7:{HASH}0"):
        assert refused(tallystick(*newcomer, *both, "--trust-block", block)) == "usage"
    assert not home.exists()
    joined = tallystick(*newcomer, *both, "--trust-block", f"7:{HASH}", "--json")
    assert joined.status == 0, joined.err
    config = Home(home).read_config()
    assert config.engine.state_sync == StateSyncSection(rpc_servers=servers, trust_height=7, trust_hash=HASH)
    assert config.api.host == "127.0.0.1"


def test_engine_keys_are_made_anew_only_where_there_are_none(tallystick: Tallystick, testnet: Path) -> None:
    home = testnet / "bank-a"
    before = tallystick("keys", "engine", "--home", home, "--json").json["items"]
    assert refused(tallystick("keys", "engine", "--home", home, "--new")) == "engine-keys-exist"
    (home / "comet").rename(testnet / "lost")
    assert refused(tallystick("keys", "engine", "--home", home)) == "bad-engine-key"
    after = tallystick("keys", "engine", "--home", home, "--new", "--json").json["items"]
    assert {each["id"] for each in before}.isdisjoint(each["id"] for each in after)
    assert tallystick("keys", "engine", "--home", home, "--json").json["items"] == after


def test_an_operators_home_has_no_engine_keys(tallystick: Tallystick, founded: Path) -> None:
    assert refused(tallystick("keys", "engine", "--home", founded / "authority")) == "no-engine-keys"


def test_a_node_whose_engine_has_lost_its_keys_or_what_it_voted_does_not_start(tallystick: Tallystick, testnet: Path) -> None:
    cometbft.require()
    home = testnet / "bank-a"
    state = home / "comet" / "data" / "priv_validator_state.json"
    state.rename(testnet / "state")
    assert refused(tallystick("serve", "--home", home)) == "bad-engine-key"
    (home / "comet").rename(testnet / "lost")
    assert refused(tallystick("serve", "--home", home)) == "bad-engine-key"
