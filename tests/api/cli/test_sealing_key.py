from __future__ import annotations

from pathlib import Path

from tests.api.cli.conftest import Tallystick, served


def test_a_sealing_key_is_replaced_by_two_people_while_the_node_is_stopped(tallystick: Tallystick, founded: Path) -> None:
    home = founded / "bank-a"
    secrets = ("--maker-secret-file", founded / "bank-a.maker.secret", "--checker-secret-file", founded / "bank-a.checker.secret")
    with served(founded / "authority"):
        with served(home):
            in_use = tallystick("keys", "seal", "--home", home, *secrets)
        (before,) = _sealing_keys(tallystick, home)
        renewed = tallystick("keys", "seal", "--home", home, "--reason", "compromised", "--json", *secrets)
        assert renewed.status == 0, renewed.err
        assert renewed.json["revoked"] == [before]
        assert _sealing_keys(tallystick, home) == [renewed.json["id"]]
        wrong = ("--maker-secret-file", founded / "bank-a.checker.secret", "--checker-secret-file", founded / "bank-a.checker.secret")
        refused = tallystick("keys", "seal", "--home", home, *wrong)
        assert refused.status != 0 and refused.err.startswith("tallystick: ")
        assert _sealing_keys(tallystick, home) == [renewed.json["id"]]
    assert in_use.err.startswith("tallystick: home-in-use: ")


def _sealing_keys(tallystick: Tallystick, home: Path) -> list[str]:
    listed = tallystick("keys", "list", "--home", home, "--json")
    assert listed.status == 0, listed.err
    return [key["id"] for key in listed.json["items"] if key["purpose"] == "seal"]
