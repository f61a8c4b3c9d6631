"""After the demo: what each member's home must not know is nowhere in it, in any encoding; and logs name nobody.

`tests/privacy/leak_search.py` says how short a secret may be and still be looked for, and what is done against finds by chance.
"""

from __future__ import annotations

import base64
import json
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import cache
from pathlib import Path

import httpx
import pytest

from tests.nodes.network import asked, declaration, network
from tests.nodes.small_network import AUTHORITY, BANK_A, found
from tests.ports import free_ports
from tests.privacy.leak_search import search_file, search_files, search_tree, secrets_wanted
from tests.privacy.rights import Knowledge, Supervision

ROOT = Path(__file__).parents[2]
BANKS = ("bank-a", "bank-b", "bank-c")
ENGLISH = [exporter["name_en"] for exporter in json.loads((ROOT / "examples" / "exporters.json").read_text(encoding="utf-8"))]
TOKEN = re.compile(rb"eyJ[A-Za-z0-9_-]{8,}\.|[Bb]earer [A-Za-z0-9._-]{8,}")


@cache
def supervision(demo: Path) -> Supervision:
    return Supervision(demo / "authority")


def secrets_of(demo: Path, bank: str) -> Knowledge:
    every = supervision(demo).everything(ENGLISH)
    return every.without(supervision(demo).right_of(bank))


@pytest.mark.parametrize("bank", BANKS)
def test_a_banks_home_holds_nothing_that_it_has_no_right_to(played_demo: Path, bank: str) -> None:
    secret = secrets_of(played_demo, bank)
    # Most of some sixty declarations, each with a number, a contract, a bill of lading, and its own amounts.
    assert len(secret.texts) > 60 and len(secret.amounts) > 60
    assert not search_tree(played_demo / bank, secret.wanted())


@pytest.mark.parametrize("bank", BANKS)
def test_a_banks_home_holds_what_it_was_told(played_demo: Path, bank: str) -> None:
    # So the search above looks where such things are.
    told = supervision(played_demo).right_of(bank)
    numbers = {text for text in told.texts if re.fullmatch("[0-9]{18}", text)}
    assert numbers
    assert numbers <= {hit.secret for hit in search_tree(played_demo / bank, told.wanted())}


def test_canaries_in_a_copy_of_a_banks_home_are_found(played_demo: Path, spoilt_demo: Path) -> None:
    home = spoilt_demo / "bank-a"
    secret = secrets_of(played_demo, "bank-a")
    number = max(text for text in secret.texts if re.fullmatch("[0-9]{18}", text))
    chinese = max(secret.texts, key=lambda text: (not text.isascii(), text))
    amount_minor, _ = max(secret.amounts)
    (home / "logs" / "node.log").write_bytes(b'{"event": "asked", "line": "' + base64.b64encode(b"n=" + number.encode()) + b'"}\n')
    (home / "tallystick.toml").write_bytes(b"# " + chinese.encode("gb18030"))
    with closing(sqlite3.connect(home / "private.db")) as private:
        private.execute("CREATE TABLE canary (amount INTEGER, text TEXT)")
        private.execute("INSERT INTO canary VALUES (?, ?)", (amount_minor, number.encode("utf-16-be").hex()))
        private.commit()
    found = search_tree(home, secret.wanted())
    assert {(hit.place, hit.secret) for hit in found} == {
        ("node.log", number),
        ("tallystick.toml", chinese),
        ("private.db", number),
        ("private.db:canary", str(amount_minor)),
    }


@pytest.mark.parametrize("member", ["authority", *BANKS, "exporter-a", "auditor"])
def test_a_members_ledger_names_nothing_at_all(played_demo: Path, member: str) -> None:
    wanted = supervision(played_demo).everything(ENGLISH).wanted()
    files = list((played_demo / member).glob("ledger.db*"))
    assert files and not search_files(files, wanted)


def test_the_auditors_home_names_nothing_at_all(played_demo: Path) -> None:
    assert not search_tree(played_demo / "auditor", supervision(played_demo).everything(ENGLISH).wanted())


def test_no_home_and_no_log_of_the_demo_holds_a_secret_to_sign_in_with(played_demo: Path) -> None:
    sign_ins = json.loads((played_demo / "sign-ins.json").read_text(encoding="utf-8"))
    wanted = secrets_wanted({each["secret"] for each in sign_ins}, [])
    homes = [path for path in played_demo.iterdir() if path.is_dir()]
    assert len(sign_ins) > 8 and wanted.patterns and len(homes) > 6
    assert not set().union(*(search_tree(home, wanted) for home in homes))
    assert not search_file(played_demo / "demo.log", wanted)


def test_no_log_of_the_demo_holds_a_number_a_name_an_amount_or_a_token(played_demo: Path) -> None:
    wanted = supervision(played_demo).everything(ENGLISH).wanted()
    logs = [played_demo / "demo.log", *played_demo.glob("*/logs/*")]
    for path in logs:
        assert not search_file(path, wanted)
        assert not TOKEN.search(path.read_bytes())


def test_write_ahead_logs_of_running_nodes_hold_nothing_either(tmp_path: Path) -> None:
    with network(tmp_path) as net:
        known, other = net.fresh(total_minor=123_456_791), declaration(77, total_minor=987_654_331)
        net.declare(other)
        consent = net.consent()
        net.ask(consent, asked(known))
        net.settle()
        secret = Knowledge()
        secret.add(other.to_sealed(), names=False)
        shown = Knowledge()
        shown.add(known.to_sealed(), names=False)
        wanted = secret.without(shown).wanted()
        for node in (net.bank_a, net.bank_b):
            assert (node.home.path / "ledger.db-wal").stat().st_size and (node.home.path / "private.db-wal").stat().st_size
            assert not search_tree(node.home.path, wanted)
        assert {str(other.total_minor), other.number} <= {hit.secret for hit in search_tree(net.authority.home.path, wanted)}


def test_a_served_node_logs_no_number_name_secret_or_token(tmp_path: Path) -> None:
    founded = found(tmp_path / "homes", AUTHORITY, BANK_A)
    secret = next(each.secret for each in founded.sign_ins if (each.node, each.user) == ("authority", "maker"))
    command = [str(Path(sys.executable).parent / "tallystick"), "serve", "--home", str(founded.homes["authority"])]
    with (tmp_path / "stderr").open("wb") as errors:
        process = subprocess.Popen([*command, "--port", str(free_ports(1))], stdout=subprocess.PIPE, stderr=errors)
        try:
            assert process.stdout is not None
            address = process.stdout.readline().decode().split()[-1]
            token = used(address, secret)
        finally:
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    every = Supervision(founded.homes["authority"]).everything(ENGLISH)
    assert len(every.texts) > 10
    every.texts |= {secret, token, "wrong-" + secret, "090820260555555555"}
    (tmp_path / "stdout").write_bytes(said)
    for path in (tmp_path / "stderr", tmp_path / "stdout", *(founded.homes["authority"] / "logs").iterdir()):
        assert not search_file(path, every.wanted()), path.read_text(encoding="utf-8")
        assert not TOKEN.search(path.read_bytes())


def used(address: str, secret: str) -> str:
    """Uses a node as people do, and as they should not: the token that was in use."""
    with httpx.Client(base_url=address, timeout=120, trust_env=False) as client:
        form = {"grant_type": "client_credentials", "client_id": "maker"}
        assert client.post("/oauth2/token", data={**form, "client_secret": "wrong-" + secret}).status_code == 401
        token = str(client.post("/oauth2/token", data={**form, "client_secret": secret}).json()["access_token"])
        client.headers["Authorization"] = f"Bearer {token}"
        examples = ROOT / "examples"
        for path in (examples / "declarations" / "exporter-d.csv", examples / "bad" / "samples.xml", examples / "bad" / "truncated.xml"):
            files = {"file": (path.name, path.read_bytes(), "application/octet-stream")}
            assert client.post("/v1/declaration-imports", files=files, headers={"Prefer": "wait=30"}).status_code < 500
        assert client.get("/v1/declarations", params={"number": "090820260555555555"}).status_code == 200
        assert client.post("/v1/enquiries", json={"number": "090820260555555555"}).status_code in (400, 403, 422)
        assert client.get("/v1/declarations/090820260555555555").status_code >= 400
    return token
