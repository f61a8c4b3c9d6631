"""Why nobody is signed in although nothing is wrong with what was sent: each code, brought about where the fault would be."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ledger.clock import SystemClock
from nodes.founding import Addresses, MemberPlan, create_network
from nodes.home import Home
from nodes.home_config import OidcSection
from nodes.keys.hsm import Hsm
from nodes.node import Node
from tests.api.problems.test_state_codes import code
from tests.api.served import CHEAP, Network, served_network, serving, token
from tests.ports import free_ports
from tests.softhsm import EMPTY, PIN, SHUT, section

SECRET = "plums from Yingkou to Jakarta"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with served_network(tmp_path_factory.mktemp("signing-in")) as served:
        yield served


@pytest.mark.produces("problem-code", "hsm", "hsm-key", "hsm-missing", "hsm-pin", "no-hsm")
def test_a_hardware_module_that_does_not_open_a_key_says_why(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose key lies in a module signs in with the own secret; what the module then refuses is told by its code."""
    node, found, client = network.nodes["bank-b"], section(), network.anyone("bank-b")
    credentials = {"user": "gu-an", "password": SECRET}

    def answered(module: Hsm | None) -> tuple[str, int, int]:
        """The code, and the statuses of a session and of a token."""
        with monkeypatch.context() as changed:
            changed.setattr(node.keystore, "_hsm", module)
            answer = client.post("/v1/session", json=credentials)
            return code(answer), answer.status_code, token(client, client_id="gu-an", client_secret=SECRET).status_code

    node.accounts.add_user("gu-an", "Gu An", "maker", SECRET)
    with monkeypatch.context() as named:
        named.setattr(node.keystore, "_hsm", Hsm(found))
        node.accounts.rotate_key("gu-an", SECRET, hsm=("one", PIN))
        assert client.post("/v1/session", json=credentials).json()["key"] == "open"
    assert answered(None) == ("no-hsm", 409, 409)
    assert answered(Hsm(found.model_copy(update={"token": "taken out"}))) == ("hsm", 503, 503)
    assert answered(Hsm(found.model_copy(update={"token": EMPTY}))) == ("hsm-key", 404, 404)
    assert answered(Hsm(found.model_copy(update={"token": SHUT}))) == ("hsm-pin", 403, 401)
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    assert answered(Hsm(found)) == ("hsm-missing", 422, 400)


@pytest.mark.produces("problem-code", "secret-wrong")
def test_a_change_of_the_password_that_was_cut_short_is_told_apart_from_a_wrong_one_and_completed(network: Network) -> None:
    node, new, client = network.nodes["bank-b"], SECRET[::-1], network.anyone("bank-b")
    user = node.accounts.add_user("gu-bo", "Gu Bo", "checker", SECRET)
    assert user.key_id is not None
    # The key is changed first, and the account after it.
    node.keystore.change_secret(user.key_id, SECRET.encode(), new.encode())
    assert code(client.post("/v1/session", json={"user": "gu-bo", "password": SECRET})) == "secret-wrong"
    node.accounts.change_secret("gu-bo", SECRET, new)
    assert client.post("/v1/session", json={"user": "gu-bo", "password": new}).json()["key"] == "open"


@pytest.mark.produces("problem-code", "oidc-provider")
def test_a_provider_that_is_not_there_signs_nobody_in(tmp_path: Path) -> None:
    port, nobody = free_ports(2), free_ports(1)
    plans, clock = [MemberPlan("authority", "authority", "Forex Authority")], SystemClock()
    founded = create_network(
        tmp_path / "net", "test", plans, clock=clock, random=os.urandom, cost=CHEAP, addresses=Addresses(port_first=port)
    )
    home = Home(founded.homes["authority"])
    oidc = OidcSection(issuer=f"http://127.0.0.1:{nobody}", client_id="tallystick", secret_file="oidc.secret")
    home.write_config(home.read_config().model_copy(update={"oidc": oidc}))
    with Node.open(home.path, clock, cost=CHEAP) as node, serving(node):
        answer = httpx.get(f"http://127.0.0.1:{port}/v1/session/oidc", timeout=60)
    assert (code(answer), answer.status_code, answer.headers["retry-after"]) == ("oidc-provider", 503, "1")
