"""A node that speaks TLS itself, over real sockets: clients' certificates, tokens that are bound to them, and a follower that comes so."""

from __future__ import annotations

import base64
import datetime as dt
import os
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import ECKey

from api.cli.calling import at_home
from api.cli.running import RunningNode, listen
from ledger.checkpoint_text import said
from ledger.clock import SystemClock
from ledger.errors import InputError
from nodes.founding import Addresses, Founded, MemberPlan, create_network
from nodes.home import Home, write_file
from nodes.home_config import ApiSection, ClientTlsSection, TlsSection
from nodes.keys.keystore import Argon2Cost
from nodes.node import Node
from tests.api.cli.conftest import Tallystick
from tests.api.served import problem, token
from tests.nodes.certificates import certified
from tests.ports import free_ports
from tests.waiting import wait_until

CHEAP = Argon2Cost(passes=1, memory_kib=8, lanes=1)


@dataclass(frozen=True)
class Authority:
    """Who vouches for clients' certificates, and what it vouched for: a file with certificate and key for each name."""

    directory: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def of(cls, directory: Path, name: str) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        made = _certificate(name, name, key, key, ca=True)
        (directory / f"{name}.pem").write_bytes(made.public_bytes(Encoding.PEM))
        return cls(directory, key, made)

    def vouch(self, name: str) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = str(self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
        made = _certificate(name, issuer, key, self.key, ca=False)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file = self.directory / f"{name}.pem"
        file.write_bytes(made.public_bytes(Encoding.PEM) + private)
        return file


def _certificate(
    name: str, issuer: str, key: ec.EllipticCurvePrivateKey, signs: ec.EllipticCurvePrivateKey, *, ca: bool
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    subject, by = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in (name, issuer))
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(by).public_key(key.public_key())
    made = (
        made.serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
    )
    return made.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True).sign(signs, SHA256())


@dataclass(frozen=True)
class Place:
    """An authority's node that speaks TLS and takes clients' certificates, and a bank's that follows it so."""

    founded: Founded
    nodes: dict[str, Node]
    url: str
    server_ca: Path
    authority: Authority
    stranger: Authority
    secrets: dict[tuple[str, str], str]

    def client(self, certificate: Path | None = None, **headers: str) -> httpx.Client:
        tls = ssl.create_default_context(cafile=str(self.server_ca))
        if certificate is not None:
            tls.load_cert_chain(certificate)
        return httpx.Client(base_url=self.url, verify=tls, timeout=60, headers=headers)

    def token(self, certificate: Path | None, user: str = "maker") -> str:
        with self.client(certificate) as client:
            answer = token(client, client_id=user, client_secret=self.secrets["authority", user])
            assert answer.status_code == 200, answer.text
            return str(answer.json()["access_token"])


def prepared(directory: Path, client_certificate: str) -> tuple[Founded, str, Path, Authority]:
    """Two homes, of which the first speaks TLS and the second calls it so."""
    port = free_ports(2)
    plans = [MemberPlan("authority", "authority", "Forex Authority"), MemberPlan("bank-a", "bank", "Bank A")]
    founded = create_network(
        directory / "net", "test", plans, clock=SystemClock(), random=os.urandom, cost=CHEAP, addresses=Addresses(port_first=port)
    )
    _, server_ca = certified(directory, "127.0.0.1")
    vouching = Authority.of(directory, "clients")
    home, bank = Home(founded.homes["authority"]), Home(founded.homes["bank-a"])
    for name, source in (
        ("server.pem", server_ca),
        ("server.key", server_ca.with_suffix(".key")),
        ("clients.pem", directory / "clients.pem"),
    ):
        write_file(home.path / name, source.read_bytes())
    shown = {"certificate": "server.pem", "key": "server.key", "client_ca_file": "clients.pem", "client_certificate": client_certificate}
    tls = TlsSection.model_validate(shown)
    ours = vouching.vouch("authority-itself")
    write_file(home.path / "own.pem", ours.read_bytes())
    own = ClientTlsSection(certificate="own.pem", key="own.pem")
    home.write_config(home.read_config().model_copy(update={"api": ApiSection(host="127.0.0.1", port=port, tls=tls), "client_tls": own}))
    write_file(bank.path / "upstream.pem", server_ca.read_bytes())
    write_file(bank.path / "own.pem", vouching.vouch("bank-a").read_bytes())
    calls = ClientTlsSection(certificate="own.pem", key="own.pem", ca_file="upstream.pem")
    config = bank.read_config()
    engine = config.engine.model_copy(update={"upstream": f"https://127.0.0.1:{port}"})
    bank.write_config(config.model_copy(update={"engine": engine, "client_tls": calls}))
    return founded, f"https://127.0.0.1:{port}", server_ca, vouching


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("tls")
    founded, url, server_ca, vouching = prepared(directory, "optional")
    nodes: dict[str, Node] = {}
    with ExitStack() as stack:
        for name in ("authority", "bank-a"):
            node = nodes[name] = Node.open(founded.homes[name], cost=CHEAP)
            stack.enter_context(RunningNode(node, listen("127.0.0.1", node.config.api.port)))
        secrets = {(each.node, each.user): each.secret for each in founded.sign_ins}
        yield Place(founded, nodes, url, server_ca, vouching, Authority.of(directory, "strangers"), secrets)


def test_the_node_names_itself_by_https(place: Place) -> None:
    with place.client() as client:
        answer = client.get("/.well-known/oauth-authorization-server")
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        metadata = answer.json()
        described = client.get("/openapi.json").json()["components"]["securitySchemes"]
    assert metadata["issuer"] == place.url and metadata["token_endpoint"] == f"{place.url}/oauth2/token"
    assert metadata["tls_client_certificate_bound_access_tokens"] is True
    assert "self_signed_tls_client_auth" in metadata["token_endpoint_auth_methods_supported"]
    assert described["session"]["name"] == "__Host-tallystick-authority"


@pytest.mark.produces("problem-code", "token-bound")
def test_a_token_that_is_asked_for_with_a_certificate_works_with_it_only(place: Place) -> None:
    mine, other = place.authority.vouch("mine"), place.authority.vouch("other")
    bearer = {"Authorization": f"Bearer {place.token(mine)}"}
    with place.client(mine, **bearer) as client:
        assert client.get("/v1/network").status_code == 200
    for certificate in (None, other):
        with place.client(certificate, **bearer) as client:
            answer = client.get("/v1/network")
        assert (answer.status_code, problem(answer)["code"]) == (401, "token-bound")
        assert "invalid_token" in answer.headers["www-authenticate"]


def test_a_bound_token_says_to_what(place: Place) -> None:
    mine = place.authority.vouch("said")
    with place.client() as client:
        (key,) = client.get("/.well-known/jwks.json").json()["keys"]
    claims = jwt.decode(place.token(mine), ECKey.import_key(key), algorithms=["ES256"]).claims
    thumbprint = x509.load_pem_x509_certificate(mine.read_bytes()).fingerprint(SHA256())
    assert claims["cnf"] == {"x5t#S256": base64.urlsafe_b64encode(thumbprint).decode().rstrip("=")}
    assert "cnf" not in jwt.decode(place.token(None), ECKey.import_key(key), algorithms=["ES256"]).claims


def test_a_token_without_a_certificate_is_bound_to_none(place: Place) -> None:
    bearer = {"Authorization": f"Bearer {place.token(None)}"}
    for certificate in (None, place.authority.vouch("any")):
        with place.client(certificate, **bearer) as client:
            assert client.get("/v1/network").status_code == 200


def test_a_session_is_bound_too(place: Place) -> None:
    mine = place.authority.vouch("of-a-browser")
    with place.client(mine) as client:
        answer = client.post("/v1/session", json={"user": "checker", "password": place.secrets["authority", "checker"]})
        assert answer.status_code == 201 and client.get("/v1/session").json()["id"] == "checker"
        cookies = dict(client.cookies)
    with place.client() as client:
        client.cookies.update(cookies)
        assert problem(client.get("/v1/session"))["code"] == "token-bound"


def test_a_certificate_that_nobody_vouches_for_ends_the_handshake(place: Place) -> None:
    with place.client(place.stranger.vouch("stranger")) as client, pytest.raises(httpx.TransportError):
        client.get("/v1/network")


def test_a_program_signs_in_by_its_certificate_alone(place: Place, tallystick: Tallystick) -> None:
    node, mine = place.nodes["authority"], place.authority.vouch("core")
    node.accounts.add_client("core", "Core", "service", ["ledger:read"])
    form = {"grant_type": "client_credentials", "client_id": "core"}
    with place.client(mine) as client:
        before = client.post("/oauth2/token", data=form)
        assert (before.status_code, before.json()["code"]) == (401, "sign-in-failed")
        done = tallystick("client", "certificate", "core", mine, "--home", place.founded.homes["authority"])
        assert done.status == 0, done.err
        answer = client.post("/oauth2/token", data=form)
        assert (answer.status_code, answer.json()["scope"]) == (200, "ledger:read")
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        assert client.get("/v1/network").status_code == 200
        del client.headers["Authorization"]
        for wrong in ({"client_id": "maker"}, {"client_id": "nobody"}):
            assert client.post("/oauth2/token", data={**form, **wrong}).json()["code"] == "sign-in-failed"
        assert client.post("/oauth2/token", data={"grant_type": "client_credentials"}).status_code == 401
    with place.client(place.authority.vouch("not-core")) as client:
        assert client.post("/oauth2/token", data=form).json()["code"] == "sign-in-failed"
    with place.client() as client:
        assert client.post("/oauth2/token", data=form).json()["code"] == "unauthenticated"
    node.accounts.disable("core")
    with place.client(mine) as client:
        assert client.post("/oauth2/token", data=form).json()["code"] == "sign-in-failed"


def test_a_certificate_that_is_none_is_not_registered(place: Place, tallystick: Tallystick, tmp_path: Path) -> None:
    home = ("--home", place.founded.homes["authority"])
    (tmp_path / "x.pem").write_text("nothing of the kind")
    assert "bad-certificate" in tallystick("client", "certificate", "core", tmp_path / "x.pem", *home).err
    assert "unreadable" in tallystick("client", "certificate", "core", tmp_path / "none.pem", *home).err
    assert "unknown-account" in tallystick("client", "certificate", "nobody", place.authority.vouch("nobody"), *home).err


def test_a_follower_comes_by_tls_with_a_certificate_of_its_own(place: Place) -> None:
    authority = place.nodes["authority"]

    def came() -> bool:
        with authority.private.reading() as connection:
            query = "SELECT count(*) FROM sign_ins WHERE way = 'assertion' AND outcome = 'ok' AND account = 'bank-a'"
            return bool(connection.exec_driver_sql(query).scalar())

    wait_until(came, 30)
    upstream = place.nodes["bank-a"].upstream
    assert upstream is not None and said(upstream.checkpoint()).size > 0


def test_the_command_line_calls_its_own_node_by_tls(place: Place) -> None:
    with at_home(place.founded.homes["authority"], "maker", place.secrets["authority", "maker"]) as client:
        assert client.network.get().node.id == "authority"


def test_where_certificates_are_required_nobody_comes_without(tmp_path: Path) -> None:
    founded, url, server_ca, vouching = prepared(tmp_path, "required")
    secrets = {(each.node, each.user): each.secret for each in founded.sign_ins}
    node = Node.open(founded.homes["authority"], cost=CHEAP)
    with RunningNode(node, listen("127.0.0.1", node.config.api.port)):
        tls = ssl.create_default_context(cafile=str(server_ca))
        with httpx.Client(base_url=url, verify=tls, timeout=60) as client, pytest.raises(httpx.TransportError):
            client.get("/healthz")
        tls.load_cert_chain(vouching.vouch("somebody"))
        with httpx.Client(base_url=url, verify=tls, timeout=60) as client:
            assert client.get("/healthz").status_code == 200
        with at_home(founded.homes["authority"], "maker", secrets["authority", "maker"]) as client_of_home:
            assert client_of_home.network.get().node.id == "authority"


@pytest.mark.parametrize("name", ["server.key", "clients.pem", "server.pem"])
def test_a_node_does_not_begin_with_a_file_that_is_not_what_it_should_be(tmp_path: Path, name: str) -> None:
    founded, _, _, _ = prepared(tmp_path, "optional")
    write_file(founded.homes["authority"] / name, "nothing of the kind\n")
    node = Node.open(founded.homes["authority"], cost=CHEAP)
    running = RunningNode(node, listen("127.0.0.1", node.config.api.port))
    with pytest.raises(InputError, match="bad-tls-file"):
        running.start()


@pytest.mark.parametrize(
    "wrong",
    [
        {"certificate": "a"},
        {"certificate": "a", "key": "b", "client_certificate": "required"},
        {"certificate": "a", "key": "b", "client_certificate": "maybe"},
    ],
)
def test_a_configuration_of_tls_is_whole(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="TlsSection"):
        TlsSection.model_validate(wrong)


def test_a_certificate_to_show_has_its_key() -> None:
    with pytest.raises(ValueError, match="go together"):
        ClientTlsSection(certificate="own.pem")
