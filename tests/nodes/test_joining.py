"""The file that a newcomer is given, and the home that it makes with it. Nothing here runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from api.resources.enterprises import EnterpriseIn
from api.resources.members import MemberIn
from ledger import canonical
from ledger.clock import SettableClock
from ledger.comet.validators import address_of
from ledger.errors import InputError, Refused, TallystickError, VerificationFailed
from ledger.keys import ED25519, key_id
from ledger.limits import COMET_PEERS_MAX, NETWORK_FILE_BYTES_MAX
from nodes.founding import Addresses, Consortium, Founded, create_network
from nodes.home import Home
from nodes.home_config import ApiSection
from nodes.joining import Joined, Whereabouts, join_network
from nodes.network_file import NetworkFile, published, read_network_file
from nodes.plans import parse_member
from nodes.seats import engine_keys_of
from tests.nodes.small_network import AUTHORITY, BANK_A, CHEAP, START_MS

HERE = Whereabouts(ApiSection(port=9_000), "127.0.0.1:9001")
USCC = "91210800MA0000001L"


@pytest.fixture(scope="module")
def consortium(tmp_path_factory: pytest.TempPathFactory) -> Founded:
    return _found(tmp_path_factory.mktemp("consortium") / "net", Consortium())


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Founded:
    return _found(tmp_path_factory.mktemp("operated") / "net", None)


def _found(directory: Path, consortium: Consortium | None) -> Founded:
    return create_network(
        directory,
        "pilot",
        [AUTHORITY, BANK_A],
        clock=SettableClock(START_MS),
        random=os.urandom,
        cost=CHEAP,
        consortium=consortium,
        addresses=Addresses(engine_port_first=26_000),
    )


def published_by(made: Founded, member: str, authority: str | None = None) -> NetworkFile:
    home = Home(made.homes[member])
    return published(home, home.read_config(), authority)


def join(path: Path, file: NetworkFile, member: str = "bank-e:bank:Bank E", uscc: str | None = None) -> Joined:
    clock = SettableClock(START_MS)
    return join_network(Home(path), file, parse_member(member), HERE, clock=clock, random=os.urandom, uscc=uscc, cost=CHEAP)


def changed(file: NetworkFile, **values: Any) -> bytes:
    return canonical.encode({**file.model_dump(), **values})


def code_of(data: bytes, expected: str | None = None) -> str:
    with pytest.raises(TallystickError) as refused:
        read_network_file(data, expected)
    assert isinstance(refused.value, InputError | VerificationFailed)
    return refused.value.code


@pytest.mark.parametrize("member", ["authority", "bank-a"])
def test_every_member_publishes_the_same_network_with_its_own_engine_among_the_peers(consortium: Founded, member: str) -> None:
    file = read_network_file(published_by(consortium, member).encoded(), consortium.network)
    assert (file.network, file.authority) == (consortium.network, "http://127.0.0.1:8000")
    nodes = {address_of(engine_keys_of(Home(home)).node): place for place, home in enumerate(consortium.homes.values())}
    assert sorted(file.peers) == sorted(f"{node}@127.0.0.1:{26_000 + place}" for node, place in nodes.items())


def test_an_address_that_others_cannot_use_is_not_published(consortium: Founded) -> None:
    home = Home(consortium.homes["bank-a"])
    config = home.read_config()
    everywhere = config.model_copy(update={"engine": config.engine.model_copy(update={"listen": "0.0.0.0:26001"})})
    with pytest.raises(InputError, match="address-unknown"):
        published(home, everywhere)
    outside = everywhere.model_copy(update={"engine": everywhere.engine.model_copy(update={"external": "bank-a.example:26001"})})
    assert published(home, outside).peers[-1].endswith("@bank-a.example:26001")
    authority = Home(consortium.homes["authority"])
    hidden = authority.read_config().model_copy(update={"api": ApiSection(host="0.0.0.0")})  # noqa: S104 - nothing listens
    with pytest.raises(InputError, match="address-unknown"):
        published(authority, hidden)
    assert published(authority, hidden, "https://authority.example").authority == "https://authority.example"


@pytest.mark.parametrize(("content", "code"), [(None, "no-home"), (b"{", "not-json")])
def test_a_home_without_its_trust_file_publishes_nothing(tmp_path: Path, content: bytes | None, code: str) -> None:
    home = Home(_found(tmp_path / "net", None).homes["bank-a"])
    home.trust_file.unlink()
    if content is not None:
        home.trust_file.write_bytes(content)
    with pytest.raises(InputError, match=code):
        published(home, home.read_config())


def test_the_networks_id_is_computed_and_never_believed(consortium: Founded, operated: Founded) -> None:
    file = published_by(consortium, "authority")
    assert code_of(file.encoded(), "0" * 64) == "wrong-genesis"
    renamed = {**file.genesis, "name": "another"}
    assert code_of(changed(file, genesis=renamed), consortium.network) == "wrong-genesis"
    # Its trust document gives it away where nothing is expected.
    assert code_of(changed(file, genesis=renamed)) == "wrong-genesis"
    assert code_of(changed(file, trust=published_by(operated, "authority").trust)) == "wrong-genesis"


def test_what_is_not_such_a_file_is_refused_in_words(consortium: Founded) -> None:
    file = published_by(consortium, "authority")
    assert code_of(b"{}") == "bad-network-file"
    assert code_of(b"\xff") == "not-json"
    assert code_of(b" " + file.encoded()) == "not-canonical"
    assert code_of(b" " * (NETWORK_FILE_BYTES_MAX + 1)) == "oversize"
    assert code_of(changed(file, v=2)) == "bad-network-file"
    assert code_of(changed(file, more=1)) == "bad-network-file"
    assert code_of(changed(file, peers=["nobody@nowhere"])) == "bad-network-file"
    assert code_of(changed(file, peers=[file.peers[0]] * (COMET_PEERS_MAX + 1))) == "bad-network-file"
    assert code_of(changed(file, authority="ftp://authority")) == "bad-network-file"
    assert code_of(changed(file, trust={})) == "bad-network-file"
    assert code_of(changed(file, genesis={})) == "bad-genesis"
    assert code_of(changed(file, genesis={**file.genesis, "rules": 999})) == "bad-genesis"
    assert code_of(changed(file, genesis={**file.genesis, "engine": "comet"})) == "bad-genesis"
    assert code_of(changed(file, genesis={**file.genesis, "application": {}})) == "bad-genesis"


def test_a_bank_makes_a_home_and_an_application_of_public_keys_two_of_its_engine(consortium: Founded, tmp_path: Path) -> None:
    file = published_by(consortium, "authority")
    joined = join(tmp_path / "bank-e", file)
    home = Home(tmp_path / "bank-e")
    config, keys = home.read_config(), engine_keys_of(home)
    assert (config.network.id, config.node.member) == (consortium.network, "bank-e")
    assert (config.engine.kind, config.engine.listen, config.engine.upstream) == ("comet", "127.0.0.1:9001", "http://127.0.0.1:8000")
    assert config.engine.peers == file.peers
    assert home.read_genesis(consortium.network) == consortium.genesis
    application = MemberIn.model_validate(canonical.decode(home.application_file.read_bytes()))
    assert (application.member, application.role, application.name, application.region) == ("bank-e", "bank", "Bank E", "110000")
    assert sorted(key.purpose for key in application.keys) == ["check", "make", "seal", "service", "validate", "validate"]
    assert {key.public for key in application.keys if key.purpose == "validate"} == {keys.validator.hex(), keys.node.hex()}
    assert (joined.voting_key, joined.peer) == (key_id(ED25519, keys.validator), f"{address_of(keys.node)}@127.0.0.1:9001")
    assert {each.user for each in joined.sign_ins} == {"maker", "checker"}
    assert all(each.secret.encode() not in file.read_bytes() for each in joined.sign_ins for file in _files(home.path))


def test_the_trust_of_a_newcomer_follows_from_genesis_and_from_nothing_else_in_the_file(consortium: Founded, tmp_path: Path) -> None:
    file = published_by(consortium, "authority")
    stranger = [{**each, "public": f"{place:02x}" * 32} for place, each in enumerate(file.trust["validators"], 1)]
    forged = read_network_file(changed(file, trust={**file.trust, "validators": stranger}), consortium.network)
    home = join(tmp_path / "bank-e", forged).home
    assert home.trust_file.read_bytes() == Home(consortium.homes["authority"]).trust_file.read_bytes()


def test_an_enterprise_follows_the_authority_and_is_enrolled(consortium: Founded, tmp_path: Path) -> None:
    joined = join(tmp_path / "exporter", published_by(consortium, "bank-a"), "exporter:enterprise:青果出口", USCC)
    engine = joined.home.read_config().engine
    assert (engine.kind, engine.upstream, joined.voting_key) == ("follow", "http://127.0.0.1:8000", None)
    assert not joined.home.comet_dir.exists()
    body = EnterpriseIn.model_validate(canonical.decode(joined.home.application_file.read_bytes()))
    assert (body.uscc, body.name, body.custody) == (USCC, "青果出口", False)
    assert body.sign is not None
    assert body.seal is not None


def test_where_one_operator_orders_a_newcomer_follows_it(operated: Founded, tmp_path: Path) -> None:
    file = published_by(operated, "bank-a")
    assert file.peers == []
    joined = join(tmp_path / "bank-e", file)
    assert (joined.home.read_config().engine.kind, joined.voting_key) == ("follow", None)
    assert "validate" not in {key["purpose"] for key in joined.application["keys"]}


@pytest.mark.parametrize(
    ("member", "uscc", "code"),
    [
        ("authority:authority:Second", None, "bad-member"),
        ("bank-a:bank:Bank A again", None, "bad-member"),
        ("Bank:bank:Bank", None, "bad-member"),
        ("bank-e:bank:青果银行", None, "bad-member"),
        ("bank-e:bank:Bank E", USCC, "uscc-invalid"),
        ("exporter:enterprise:Exporter", None, "uscc-invalid"),
        ("exporter:enterprise:Exporter", "91210800MA0000001X", "uscc-invalid"),
    ],
)
def test_who_cannot_join_leaves_nothing(consortium: Founded, tmp_path: Path, member: str, uscc: str | None, code: str) -> None:
    with pytest.raises(InputError) as refused:
        join(tmp_path / "new", published_by(consortium, "authority"), member, uscc)
    assert (refused.value.code, (tmp_path / "new").exists()) == (code, False)


def test_a_home_is_never_made_over_another(consortium: Founded, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "mine").write_text("keep")
    with pytest.raises(Refused, match="home-not-empty"):
        join(tmp_path / "new", published_by(consortium, "authority"))
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["mine"]


def _files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]
