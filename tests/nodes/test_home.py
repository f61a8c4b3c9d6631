from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger import canonical
from ledger.clock import SettableClock
from ledger.errors import InputError, NotFound, Refused, Unreachable, VerificationFailed
from ledger.header import network_of
from ledger.keys import public_of
from nodes.founding import Addresses, MemberPlan, create_network, parse_member
from nodes.home import Home
from nodes.keys.account import User
from nodes.node import Node
from nodes.private import PrivateStore, set_meta
from tests.nodes.small_network import AUTHORITY, BANK_A, CHEAP, EXPORTER_A, START_MS, Beside, found

AUDITOR = MemberPlan("auditor", "auditor", "Auditor")
CUSTOMS = MemberPlan("customs", "registrar", "Customs")


def edit(home: Path, old: str, new: str) -> None:
    file = home / "tallystick.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_a_founded_home_has_the_agreed_layout_and_only_its_owner_may_enter(tmp_path: Path) -> None:
    founded = found(tmp_path / "net", AUTHORITY, BANK_A)
    for home in founded.homes.values():
        assert {path.name for path in home.iterdir()} >= {
            "tallystick.toml",
            "genesis.json",
            "trust.json",
            "private.db",
            "keys",
            "node.secret",
            "logs",
        }
        for path in (home, *home.rglob("*")):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_every_home_names_the_same_network_by_the_hash_of_its_genesis(tmp_path: Path) -> None:
    founded = found(tmp_path / "net", AUTHORITY, BANK_A, EXPORTER_A)
    for path in founded.homes.values():
        home = Home(path)
        config = home.read_config()
        assert config.network.id == founded.network == network_of(home.read_genesis(config.network.id))
        assert json.loads(home.trust_file.read_text())["network"] == founded.network


def test_the_authority_orders_and_all_others_follow_it(tmp_path: Path) -> None:
    founded = found(tmp_path / "net", BANK_A, AUTHORITY)
    bank, authority = (Home(founded.homes[name]).read_config() for name in ("bank-a", "authority"))
    assert authority.engine.kind == "solo"
    assert (bank.engine.kind, bank.engine.upstream) == ("follow", f"http://127.0.0.1:{authority.api.port}")
    assert bank.api.port != authority.api.port


def test_an_enterprise_stands_nowhere_in_the_genesis_document(tmp_path: Path) -> None:
    founded = found(tmp_path / "net", AUTHORITY, EXPORTER_A)
    text = canonical.encode(dict(founded.genesis)).decode()
    keys = founded.enterprises["exporter-a"]
    for trace in ("exporter-a", EXPORTER_A.name, keys.sign.public.hex(), keys.seal.public.hex(), keys.sign.id, keys.seal.id):
        assert trace not in text


def test_genesis_gives_each_member_a_node_key_a_sealing_key_and_staff_who_are_different_people(tmp_path: Path) -> None:
    founded = found(tmp_path / "net", AUTHORITY, BANK_A, AUDITOR)
    members = {member["member"]: member for member in founded.genesis["application"]["members"]}
    for slug, purposes in {
        "authority": ["check", "make", "seal", "service"],
        "bank-a": ["check", "make", "seal", "service"],
        "auditor": ["seal", "service"],
    }.items():
        keys = members[slug]["keys"]
        assert sorted(key["purpose"] for key in keys) == purposes
        persons = [key["person"] for key in keys if key["person"] is not None]
        assert len(persons) == len(set(persons)) == sum(key["purpose"] in ("make", "check") for key in keys)


def test_the_secret_of_a_sign_in_opens_that_persons_key_and_no_other(tmp_path: Path) -> None:
    founded = found(tmp_path / "net", AUTHORITY)
    secrets = {sign_in.user: sign_in.secret for sign_in in founded.sign_ins}
    node = Node.open(founded.homes["authority"], cost=CHEAP)
    maker = node.accounts.verify("maker", secrets["maker"])
    assert isinstance(maker, User)
    assert public_of(node.accounts.open_key(maker, secrets["maker"])).id == maker.key_id
    with pytest.raises(Refused, match="secret-wrong"):
        node.accounts.open_key(maker, secrets["checker"])
    node.close()


def test_no_secret_of_a_sign_in_is_stored_in_a_home(tmp_path: Path) -> None:
    founded = found(tmp_path / "net", AUTHORITY)
    stored = b"".join(path.read_bytes() for path in founded.homes["authority"].rglob("*") if path.is_file())
    assert founded.sign_ins
    assert not [sign_in for sign_in in founded.sign_ins if sign_in.secret.encode() in stored]
    assert not [sign_in for sign_in in founded.sign_ins if sign_in.secret in repr(sign_in)]


def test_the_registry_key_is_the_registrars_and_the_authoritys_alone(tmp_path: Path) -> None:
    founded = found(tmp_path / "net", AUTHORITY, CUSTOMS, BANK_A)
    assert founded.genesis["application"]["registrar"] == "customs"
    nodes = {name: Node.open(path, cost=CHEAP) for name, path in founded.homes.items()}
    assert nodes["authority"].registry_key == nodes["customs"].registry_key
    assert nodes["customs"].registry_key.commitment == founded.genesis["application"]["registry_commitment"]
    with pytest.raises(NotFound, match="no-node-key"):
        _ = nodes["bank-a"].registry_key
    for node in nodes.values():
        node.close()


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("port = 8000", 'port = "8000"', "api.port"),
        ("port = 8000", "port = 70000", "api.port"),
        ("port = 8000", "port = true", "api.port"),
        ("port = 8000", "port = 8000\nprot = 1", "api.prot"),
        ('kind = "solo"', 'kind = "duet"', "engine.kind"),
        ('kind = "solo"', 'kind = "follow"', "engine"),
        ('role = "authority"', 'role = "enterprise"', "node"),
        ('[network]\nname = "test"', "[network]", "network.name"),
    ],
)
def test_an_error_in_the_configuration_names_the_file_and_the_field(tmp_path: Path, old: str, new: str, field: str) -> None:
    home = found(tmp_path / "net").homes["authority"]
    edit(home, old, new)
    with pytest.raises(InputError, match="bad-config") as caught:
        Home(home).read_config()
    assert f"{home / 'tallystick.toml'}: {field}: " in caught.value.message


def test_what_is_not_toml_is_refused_with_its_place(tmp_path: Path) -> None:
    home = found(tmp_path / "net").homes["authority"]
    (home / "tallystick.toml").write_text("[network\n")
    with pytest.raises(InputError, match="line 1"):
        Home(home).read_config()


def test_a_directory_without_a_configuration_is_no_home(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no-home"):
        Home(tmp_path).read_config()


def test_a_name_with_quotes_and_line_ends_survives_the_configuration_file(tmp_path: Path) -> None:
    name = 'O"Brien \\ Söhne 出口'
    founded = found(tmp_path / "net", AUTHORITY, MemberPlan("exporter-a", "enterprise", name))
    assert Home(founded.homes["exporter-a"]).read_config().node.name == name


def test_a_home_that_others_may_enter_is_not_opened(tmp_path: Path) -> None:
    home = found(tmp_path / "net").homes["authority"]
    home.chmod(0o755)
    with pytest.raises(Refused, match="home-mode"):
        Node.open(home, cost=CHEAP)


def test_a_changed_genesis_document_is_noticed(tmp_path: Path) -> None:
    home = found(tmp_path / "net").homes["authority"]
    genesis = home / "genesis.json"
    genesis.write_bytes(genesis.read_bytes().replace(b'"name":"test"', b'"name":"tost"'))
    with pytest.raises(VerificationFailed, match="wrong-genesis"):
        Node.open(home, cost=CHEAP)


def test_a_private_database_of_another_network_is_not_opened(tmp_path: Path) -> None:
    home = found(tmp_path / "net").homes["authority"]
    private = PrivateStore(f"sqlite:///{home / 'private.db'}")
    with private.begin() as connection:
        set_meta(connection, "network", "f" * 64)
    private.close()
    with pytest.raises(VerificationFailed, match="other-network"):
        Node.open(home, cost=CHEAP)


def test_nothing_is_written_where_a_home_already_stands(tmp_path: Path) -> None:
    net = tmp_path / "net"
    (net / "bank-a").mkdir(parents=True)
    (net / "bank-a" / "precious").write_text("")
    with pytest.raises(Refused, match="home-not-empty"):
        found(net, AUTHORITY, BANK_A)
    assert [path.name for path in net.iterdir()] == ["bank-a"]


@pytest.mark.parametrize(
    "plans",
    [
        [BANK_A],
        [AUTHORITY, MemberPlan("other", "authority", "Other")],
        [AUTHORITY, AUTHORITY],
        [AUTHORITY, CUSTOMS, MemberPlan("customs-2", "registrar", "Customs 2")],
        [AUTHORITY, MemberPlan("Bank", "bank", "Bank")],
        [AUTHORITY, MemberPlan("bank", "bank", "银行")],
        [AUTHORITY, MemberPlan("bank", "bank", "Bank", "21")],
    ],
)
def test_a_plan_that_makes_no_network_is_refused(tmp_path: Path, plans: list[MemberPlan]) -> None:
    with pytest.raises(InputError, match="bad-member"):
        found(tmp_path / "net", *plans)
    assert not (tmp_path / "net").exists()


def test_a_member_is_named_on_the_command_line_by_id_role_and_name() -> None:
    assert parse_member("bank-a:bank:Bank of Liaoning") == MemberPlan("bank-a", "bank", "Bank of Liaoning")
    assert parse_member("bank-a:bank:Bank of Liaoning:210000").region == "210000"
    for text in ("bank-a:bank", "bank-a:baker:Bread", ""):
        with pytest.raises(InputError, match="bad-member"):
            parse_member(text)


def test_a_home_that_was_moved_still_finds_its_databases(tmp_path: Path) -> None:
    addresses = Addresses(private_url="sqlite:///mine.db")
    plans = [AUTHORITY]
    create_network(tmp_path / "net", "test", plans, clock=SettableClock(START_MS), random=os.urandom, addresses=addresses, cost=CHEAP)
    (tmp_path / "net" / "authority").rename(tmp_path / "moved")
    node = Node.open(tmp_path / "moved", cost=CHEAP)
    with node.private.reading() as connection:
        files = {Path(row.file) for row in connection.execute(sa.text("PRAGMA database_list"))}
    assert files == {(tmp_path / "moved" / "mine.db").resolve()}
    node.close()


def test_one_process_at_a_time_runs_a_home(tmp_path: Path) -> None:
    clock = SettableClock(START_MS)
    home = found(tmp_path / "net", clock=clock).homes["authority"]
    second = Node.open(home, clock, cost=CHEAP)
    with Node.open(home, clock, cost=CHEAP), pytest.raises(Unreachable, match="home-in-use"):
        second.start()
    second.close()
    with Node.open(home, clock, cost=CHEAP) as node, node.store.reading() as reader:
        assert reader.head.height == 0


def test_a_member_follows_the_operator_from_its_own_home(tmp_path: Path) -> None:
    clock = SettableClock(START_MS)
    founded = found(tmp_path / "net", AUTHORITY, BANK_A, clock=clock)
    with (
        Node.open(founded.homes["authority"], clock, cost=CHEAP) as authority,
        Node.open(founded.homes["bank-a"], clock, cost=CHEAP, upstream=Beside(authority)) as bank,
    ):
        assert bank.member == bank.client_id == "bank-a"
        assert [member.slug for member in bank.directory.members()] == ["authority", "bank-a"]
        assert bank.directory.registrar() == bank.directory.authority() == "authority"
        assert bank.directory.keys("bank-a", "service")[0].id == bank.identity_key.id
        assert bank.directory.recipient("bank-a").key_id in bank.sealing_keys


def test_an_enterprises_node_acts_for_no_member(tmp_path: Path) -> None:
    founded = found(tmp_path / "net", AUTHORITY, EXPORTER_A)
    node = Node.open(founded.homes["exporter-a"], cost=CHEAP)
    assert node.client_id == f"enterprise:{founded.enterprises['exporter-a'].sign.id}"
    with pytest.raises(Refused, match="not-a-member"):
        _ = node.member
    node.close()


def test_a_registrar_beside_the_authority_registers_for_the_network(tmp_path: Path) -> None:
    clock = SettableClock(START_MS)
    founded = found(tmp_path / "net", AUTHORITY, CUSTOMS, clock=clock)
    with (
        Node.open(founded.homes["authority"], clock, cost=CHEAP) as authority,
        Node.open(founded.homes["customs"], clock, cost=CHEAP, upstream=Beside(authority)) as customs,
    ):
        assert (customs.directory.registrar(), customs.directory.authority()) == ("customs", "authority")


def test_a_node_refuses_to_run_without_the_assertions_that_its_rules_rely_on(tmp_path: Path) -> None:
    home = found(tmp_path / "net").homes["authority"]
    program = "import sys; from pathlib import Path; from nodes.node import Node; Node.open(Path(sys.argv[1]))"
    finished = subprocess.run([sys.executable, "-O", "-c", program, home], check=False, capture_output=True, text=True, timeout=300)
    assert finished.returncode == 1
    assert "assertions-off" in finished.stderr
