"""`tallystick sandbox`: made, made anew, and never instead of anything real."""

from __future__ import annotations

from pathlib import Path

from nodes.home import Home
from nodes.sandbox import NAME, is_sandbox
from tests.api.cli.conftest import Tallystick
from tests.api.served import Network


def test_a_sandbox_is_made_and_made_anew(tallystick: Tallystick, tmp_path: Path) -> None:
    directory = tmp_path / "sandbox"
    made = tallystick("sandbox", "--home", directory, "--json")
    assert (made.status, made.json["network"], made.json["sandbox"]) == (0, NAME, True), made.err
    home = Home(directory / "bank-a")
    first = home.read_config().network.id
    assert is_sandbox(home.read_genesis(first))
    mine = directory / "notes.txt"
    mine.write_text("mine", encoding="utf-8")
    again = tallystick("sandbox", "--home", directory)
    assert (again.status, again.err.split(": ")[1]) == (1, "home-not-empty")
    anew = tallystick("sandbox", "--home", directory, "--reset")
    assert anew.status == 0, anew.err
    assert home.read_config().network.id != first
    assert "nothing in it is real" in anew.out
    assert mine.read_text(encoding="utf-8") == "mine"


def test_a_real_network_is_never_reset(tallystick: Tallystick, founded: Path, tmp_path: Path) -> None:
    before = sorted(path for path in founded.rglob("*"))
    refused = tallystick("sandbox", "--home", founded, "--reset")
    assert (refused.status, refused.err.split(": ")[1]) == (1, "not-a-sandbox")
    assert sorted(path for path in founded.rglob("*")) == before
    nothing = tallystick("sandbox", "--home", tmp_path / "nowhere", "--reset")
    assert (nothing.status, nothing.err.split(": ")[1]) == (2, "no-home")


def test_a_real_network_does_not_say_that_it_is_a_sandbox(network: Network) -> None:
    client = network.sign_in("bank-a", "maker")
    answer = client.get("/v1/network")
    assert answer.json()["sandbox"] is False
    assert "x-tallystick-sandbox" not in answer.headers
