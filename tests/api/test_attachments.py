"""Documents over HTTP: handed in as a form, read back by whom they belong to."""

from __future__ import annotations

import itertools
from hashlib import sha256

import httpx
import pytest

from api.permissions import scopes_of
from ledger.limits import ATTACHMENT_BYTES_MAX
from tests.api.served import Network, problem, token

_serials = itertools.count()


def scan() -> bytes:
    return f"%PDF-1.7 scan {next(_serials)}".encode()


def handed_in(client: httpx.Client, data: bytes, name: str = "scan.pdf", **headers: str) -> httpx.Response:
    return client.post("/v1/attachments", files={"file": (name, data, "text/html")}, headers=headers)


def in_custody(network: Network) -> httpx.Client:
    """The exporter that the authority has in custody, signed in there."""
    name = f"custody-{next(_serials)}"
    accounts = network.nodes["authority"].accounts
    _, secret = accounts.add_client(name, name, "enterprise", scopes_of("enterprise"), enterprise=network.in_custody)
    client = network.anyone("authority")
    client.headers["Authorization"] = f"Bearer {token(client, client_id=name, client_secret=secret).json()['access_token']}"
    return client


def test_a_document_comes_back_as_it_was_handed_in_and_is_never_shown_in_place(network: Network) -> None:
    client, data = network.sign_in("bank-a", "maker"), scan()
    kept = handed_in(client, data, "a/b/合同.pdf")
    assert kept.status_code == 201, kept.text
    digest = sha256(data).hexdigest()
    assert (kept.json()["sha256"], kept.json()["name"], kept.json()["bytes"]) == (digest, "合同.pdf", len(data))
    read = network.sign_in("bank-a", "checker").get(kept.headers["location"])
    assert (read.content, read.headers["content-type"]) == (data, "application/pdf")
    assert read.headers["content-disposition"].startswith("attachment;")
    assert read.headers["x-content-type-options"] == "nosniff"


@pytest.mark.produces("problem-code", "idempotency-conflict")
def test_one_key_keeps_one_document(network: Network) -> None:
    client, data = network.sign_in("bank-a", "maker"), scan()
    first, again = (handed_in(client, data, **{"Idempotency-Key": "scan-1"}) for _ in range(2))
    assert first.json() == again.json()
    assert problem(handed_in(client, scan(), **{"Idempotency-Key": "scan-1"}))["code"] == "idempotency-conflict"


@pytest.mark.produces("problem-code", "attachment-type")
def test_what_is_no_document_is_refused(network: Network) -> None:
    client = network.sign_in("bank-a", "maker")
    assert problem(handed_in(client, b"<html>"))["code"] == "attachment-type"
    assert client.post("/v1/attachments", json={"file": "x"}).status_code == 415
    assert problem(client.post("/v1/attachments", files={"other": ("a.pdf", scan())}))["code"] == "invalid-request"
    assert handed_in(client, b"%PDF-" + bytes(ATTACHMENT_BYTES_MAX)).status_code == 413


@pytest.mark.parametrize("who", [("bank-b", "maker"), ("authority", "maker")])
def test_another_node_and_the_custodians_staff_read_none_of_it(network: Network, who: tuple[str, str]) -> None:
    held = [handed_in(network.sign_in("bank-a", "maker"), scan()), handed_in(in_custody(network), scan())]
    for kept in held:
        assert kept.status_code == 201, kept.text
        assert problem(network.sign_in(*who).get(kept.headers["location"]))["code"] == "unknown-attachment"


def test_an_exporter_in_custody_reads_its_own(network: Network) -> None:
    client, data = in_custody(network), scan()
    assert client.get(handed_in(client, data).headers["location"]).content == data
