from __future__ import annotations

import signal
import socket
from pathlib import Path

import httpx
import openpyxl
import pytest

from nodes.home import Home
from tests.api.cli.conftest import Tallystick, served
from tests.ports import free_ports

DECLARATIONS = Path(__file__).parents[3] / "examples" / "declarations"


def test_init_serve_and_import_in_a_few_commands(tallystick: Tallystick, tmp_path: Path) -> None:
    members = ("--member", "authority:authority:Forex Authority", "--member", "bank-a:bank:Bank A")
    made = tallystick("init", "--home", tmp_path / "net", "--network", "pilot", "--port", free_ports(2), "--json", *members)
    assert made.status == 0, made.err
    assert {each["user"] for each in made.json["sign_ins"]} == {"maker", "checker"}
    home = Path(made.json["homes"]["authority"])
    with served(home) as process:
        api = Home(home).read_config().api
        assert httpx.get(f"http://{api.host}:{api.port}/readyz", timeout=120).json()["status"] == "ready"
        done = tallystick(
            "declarations", "import", DECLARATIONS / "exporter-a-plums.xml", DECLARATIONS / "exporter-d.csv", "--home", home, "--json"
        )
        assert done.status == 0, done.err
        assert {name: done.json[name] for name in ("total", "registered", "refused")} == {"total": 7, "registered": 7, "refused": 0}
        assert done.json["items"][0]["file"] == "exporter-a-plums.xml"
        again = tallystick("declarations", "import", DECLARATIONS / "exporter-a-plums.xml", "--home", home)
        assert again.status == 1
        assert "already-registered" in again.out
        # What only reads stands beside the running node; what would run it does not.
        assert tallystick("audit", "--home", home, "--json").json["ok"] is True
        in_use = tallystick("serve", "--home", home, "--port", free_ports(1))
        assert (in_use.status, in_use.out) == (3, "")
        assert in_use.err.startswith("tallystick: home-in-use: ")
        process.send_signal(signal.SIGUSR1)
        assert httpx.get(f"http://{api.host}:{api.port}/readyz", timeout=120).json()["status"] == "ready", (
            "the clock was confirmed, no more"
        )
        process.terminate()
        assert process.wait(180) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    third = tallystick("declarations", "import", DECLARATIONS / "exporter-a.xml", "--home", home, "--json")
    assert third.json["registered"] == 9, third.err


def test_one_process_serves_several_members_each_with_its_own_api_and_replica(founded: Path) -> None:
    # The follower is named first: it waits for the node that orders blocks, which this process serves too.
    homes = [founded / "bank-a", founded / "authority"]
    urls = {home.name: f"http://127.0.0.1:{Home(home).read_config().api.port}" for home in homes}
    with served(*homes) as process:
        for name, url in urls.items():
            assert httpx.get(f"{url}/readyz", timeout=120).json()["status"] == "ready"
            metadata = httpx.get(f"{url}/.well-known/oauth-authorization-server", timeout=120).json()
            secret = (founded / f"{name}.maker.secret").read_text("utf-8")
            form = {"grant_type": "client_credentials", "client_id": "maker", "client_secret": secret}
            assert metadata["issuer"] == url
            answers = {other: httpx.post(f"{urls[other]}/oauth2/token", data=form, timeout=120).status_code for other in urls}
            assert answers == {other: 200 if other == name else 401 for other in urls}
        process.terminate()
        assert process.wait(180) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    for home, url in zip(homes, urls.values(), strict=True):
        assert (home / "ledger.db").exists()
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/healthz", timeout=5)


def test_a_second_home_takes_the_next_port_and_one_failure_stops_all(tallystick: Tallystick, founded: Path) -> None:
    first = free_ports(2)
    with socket.create_server(("127.0.0.1", first + 1)):
        failed = tallystick("serve", "--home", founded / "authority", "--home", founded / "bank-a", "--port", first)
    assert (failed.status, failed.out) == (3, "")
    assert f"127.0.0.1:{first + 1}" in failed.err
    twice = tallystick("serve", "--home", founded / "authority", "--home", founded / "authority", "--port", first)
    assert (twice.status, twice.out) == (3, "")
    assert twice.err.startswith("tallystick: home-in-use: ")
    beyond = tallystick("serve", "--home", founded / "authority", "--home", founded / "bank-a", "--port", 65_535)
    assert beyond.err.startswith("tallystick: usage: ")
    for port in (first, first + 1):
        socket.create_server(("127.0.0.1", port)).close()


def test_an_address_that_is_taken_is_named(tallystick: Tallystick, founded: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        failed = tallystick("serve", "--home", founded / "authority", "--port", port)
    assert (failed.status, failed.out) == (3, "")
    assert failed.err.startswith("tallystick: address-in-use: ")


def test_a_file_that_cannot_be_read_stops_the_import_before_it_begins(tallystick: Tallystick, founded: Path, tmp_path: Path) -> None:
    plums = DECLARATIONS / "exporter-a-plums.xml"
    failed = tallystick("declarations", "import", plums, tmp_path / "missing.xml", "--home", founded / "authority", "--json")
    assert (failed.status, failed.out) == (2, "")
    assert failed.err.startswith("tallystick: file-unreadable: ")
    assert not (founded / "authority" / "ledger.db").exists()


def test_a_bad_file_has_its_own_result_and_the_good_one_is_registered(tallystick: Tallystick, founded: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.xml").write_text("<DecMessage><DecHead>", encoding="utf-8")
    done = tallystick(
        "declarations", "import", tmp_path / "bad.xml", DECLARATIONS / "exporter-a-plums.xml", "--home", founded / "authority", "--json"
    )
    assert done.status == 1
    assert (done.json["registered"], done.json["refused"]) == (1, 1)
    assert done.json["items"][0]["declaration_id"] is None


def test_only_a_registrar_imports(tallystick: Tallystick, founded: Path) -> None:
    with served(founded / "authority"):
        failed = tallystick("declarations", "import", DECLARATIONS / "exporter-a-plums.xml", "--home", founded / "bank-a")
    assert failed.status == 1
    assert failed.err.startswith("tallystick: not-permitted: ")


def test_the_template_is_a_table_with_the_headings_of_either_language(tallystick: Tallystick, tmp_path: Path) -> None:
    for language, heading in (("zh", "报关单号"), ("en", "declaration_number")):
        file = tmp_path / f"{language}.csv"
        assert tallystick("declarations", "template", "-o", file, "--language", language).status == 0
        text = file.read_bytes().decode("utf-8-sig")
        assert text.startswith(heading)
        assert text.count("\r\n") == 1
        book = tmp_path / f"{language}.xlsx"
        assert tallystick("declarations", "template", "-o", book, "--language", language).status == 0
        assert openpyxl.load_workbook(book).worksheets[0]["A1"].value == heading
    assert tallystick("declarations", "template", "-o", tmp_path / "table.xls").status == 2
