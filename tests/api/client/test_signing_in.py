"""Signing in by the client: by a secret from the environment or a file, by a member's key; and what the package brings along."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import api.client as package
from api.client import BadCredentials, Client, ClientSecret, NotPermitted, PrivateKey, Retries
from nodes.upstream import audience_of
from tests.api.client.conftest import SOON
from tests.api.served import Network
from tests.sealed_parts import demanded_parts


def test_credentials_come_from_the_environment_or_a_file_and_are_never_shown(tmp_path: Path) -> None:
    given = ClientSecret.from_environment({"TALLYSTICK_CLIENT_ID": "core", "TALLYSTICK_CLIENT_SECRET": "quiet water"})
    file = tmp_path / "core.json"
    file.write_text(json.dumps({"client_id": "core", "client_secret": "quiet water"}), encoding="utf-8")
    assert ClientSecret.from_file(file) == given
    assert "quiet" not in repr(given)
    with pytest.raises(BadCredentials, match="no credentials"):
        ClientSecret.from_environment({"TALLYSTICK_CLIENT_ID": "core"})
    for content in ("quiet water", "[]", '{"client_id": "core"}'):
        file.write_text(content, encoding="utf-8")
        with pytest.raises(BadCredentials) as bad:
            ClientSecret.from_file(file)
        assert "quiet" not in str(bad.value)
    with pytest.raises(BadCredentials):
        ClientSecret.from_file(tmp_path / "missing.json")


def test_a_scope_asks_for_less(network: Network) -> None:
    less = ClientSecret("core", network.secrets["bank-a", "core"], scope="ledger:read")
    with Client(network.url("bank-a"), less, retries=SOON) as core:
        assert core.network.get().name == "test"
        with pytest.raises(NotPermitted) as refused:
            list(core.financings.list())
        assert refused.value.code == "insufficient-scope"


def test_a_members_own_system_signs_in_with_its_key_and_hands_records_in(network: Network) -> None:
    bank, authority = network.nodes["bank-a"], network.nodes["authority"]
    pem = bank.identity_key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    # The network's clock stands still.
    now_s = network.clock.now_ms() / 1000
    key = PrivateKey("bank-a", pem, audience_of(authority.network, "authority"), clock=lambda: now_s)
    assert "PRIVATE" not in repr(key)
    with Client(network.url("authority"), key, retries=Retries(attempts=2, first_s=0.01)) as system:
        assert system.network.get().node.id == "authority"
        parts = demanded_parts("enquiry.request")
        authored = bank.author.record("enquiry.request", {"kind": "declarations"}, [bank.identity_key], parts)
        receipt = system.records.submit(authored.raw)
        assert receipt.record_id == authored.record_id
        assert receipt.result["code"] == "ok"
        assert system.records.submit(authored.raw) == receipt
    with Client(network.url("authority"), PrivateKey("bank-a", pem, clock=lambda: now_s)) as system:
        assert system.network.get().name == "test"


def test_the_client_brings_nothing_of_the_server_along() -> None:
    asked = "import sys, api.client; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    theirs = [name for name in loaded if name.partition(".")[0] in {"ledger", "contracts", "nodes", "fastapi", "sqlalchemy", "uvicorn"}]
    assert theirs == []
    assert [name for name in loaded if name.startswith("api.") and not name.startswith("api.client")] == []


def test_what_the_package_offers_is_in_order_and_there() -> None:
    assert package.__all__ == sorted(package.__all__)
    assert [name for name in package.__all__ if not hasattr(package, name)] == []
