"""Commands at a remote node, with `--url` and credentials: from the customs file to the repayment, by the programs and people of a bank."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.api.business import consented, row
from tests.api.cli.conftest import Finished, Tallystick
from tests.api.served import EXPORTER_USCC, Network
from tests.api.test_event_streams import happens

By = Callable[..., Finished]
pytestmark = pytest.mark.usefixtures("answering")


@pytest.fixture
def by(network: Network, tallystick: Tallystick, tmp_path: Path) -> By:
    """`by("bank-a", "maker", "financings", "list")`: a command at a member's node, signed in by a file."""

    def command(node: str, user: str, *arguments: object) -> Finished:
        credentials = tmp_path / f"{node}.{user}.json"
        credentials.write_text(json.dumps({"client_id": user, "client_secret": network.secrets[node, user]}), encoding="utf-8")
        return tallystick(*arguments, "--url", network.url(node), "--credentials", credentials)

    return command


def declared(network: Network, by: By, tmp_path: Path) -> str:
    """A declaration that bank-a was answered about: its id."""
    columns = row()
    file = tmp_path / "july.csv"
    file.write_text(f"{','.join(columns)}\n{','.join(columns.values())}\n", encoding="utf-8")
    imported = by("authority", "core", "declarations", "import", file, "--json")
    assert (imported.status, imported.json["registered"]) == (0, 1), imported.err
    number = columns["declaration_number"]
    assert imported.json["items"][0]["number"] == number
    asked = ("enquiries", "ask", number, "--consent", consented(network), "--uscc", EXPORTER_USCC, "--amount", "USD:36250.00")
    enquiry = by("bank-a", "maker", *asked, "--json").json
    assert (enquiry["state"], enquiry["lines"][0]["result"]) == ("answered", "match")
    assert by("bank-a", "maker", "enquiries", "show", enquiry["id"]).json["id"] == enquiry["id"]
    return str(enquiry["lines"][0]["declaration_id"])


def test_a_bank_finances_at_its_node_from_somewhere_else(network: Network, by: By, tmp_path: Path) -> None:
    declaration = declared(network, by, tmp_path)
    words = ("--product", "export invoice", "--reference", "L-1")
    foreseen = by("bank-a", "maker", "financings", "apply", f"{declaration}=USD:29000.00", *words, "--dry-run")
    assert "ok: nothing was written" in foreseen.out
    twice = [
        by("bank-a", "maker", "financings", "apply", f"{declaration}=USD:29000.00", *words, "--key", f"L-{declaration}", "--json").json
        for _ in range(2)
    ]
    assert twice[0] == twice[1]
    loan = twice[0]["id"]
    assert by("bank-a", "maker", "financings", "intake", loan).out.startswith("done: record ")
    pledge = ("--agreement", "A-1", "--registration", "R-1", "--registered", "2026-10-26T08:00:00Z")
    signed(by, by("bank-a", "maker", "financings", "approve", loan, *pledge))
    days = ("--on", "2026-10-27", "--matures", "2027-01-27", "--reference", "D-1")
    signed(by, by("bank-a", "maker", "financings", "disburse", loan, *days))
    refused = by("bank-a", "maker", "financings", "apply", f"{declaration}=USD:10000.00", *words)
    assert (refused.status, refused.err.split(": ")[1]) == (1, "exceeds-available")
    paid = ("--on", "2026-11-01", "--reference", "P-1", "--amount", "USD:9000.00")
    declined = task_of(by("bank-a", "maker", "financings", "repay", loan, *paid))
    assert declined in by("bank-a", "checker", "tasks", "list").out
    assert ", declined" in by("bank-a", "checker", "tasks", "decline", declined, "--reason", "not received").out
    signed(by, by("bank-a", "maker", "financings", "repay", loan, *paid[:4]))
    assert by("bank-a", "maker", "financings", "show", loan).json["state"] == "PAID_OFF"
    assert loan in by("bank-a", "maker", "financings", "list", "--state", "PAID_OFF").out
    other = by("bank-a", "maker", "financings", "apply", declaration, *words, "--json").json["id"]
    assert by("bank-a", "maker", "financings", "cancel", other, "--reason", "withdrawn").out.startswith("done: record ")


def task_of(prepared: Finished) -> str:
    assert prepared.status == 0, prepared.err
    return prepared.out.split()[1].rstrip(":")


def signed(by: By, prepared: Finished) -> None:
    done = by("bank-a", "checker", "tasks", "sign", task_of(prepared))
    assert done.out.startswith("done: record "), done.err


def test_the_ledger_is_read_and_proven_from_somewhere_else(network: Network, by: By, tallystick: Tallystick, tmp_path: Path) -> None:
    declaration = declared(network, by, tmp_path)
    home, trust = network.founded.homes["authority"], network.founded.homes["authority"] / "trust.json"
    shown = by("authority", "maker", "declarations", "import", tmp_path / "july.csv", "--json")
    assert shown.json["items"][0]["result"] == "already-registered"
    record = network.sign_in("authority", "maker").get(f"/v1/declarations/{declaration}").json()["record_id"]
    near, far = (
        tallystick("records", "show", record, "--home", home, "--json").json,
        by("authority", "maker", "records", "show", record, "--json"),
    )
    assert (far.json["record"], far.json["parts"], far.json["height"]) == (near["record"], near["parts"], near["height"])
    assert "type: declaration.register" in by("authority", "maker", "records", "show", record).out
    height = near["height"]
    block = by("authority", "maker", "blocks", "show", height, "--json").json
    own = tallystick("blocks", "show", height, "--home", home, "--json").json
    assert (block["hash"], block["time"], block["header"]) == (own["hash"], own["time"], own["header"])
    assert [each["record_id"] for each in block["records"]] == [each["record_id"] for each in own["records"]]
    assert "declaration.register\tauthority\tok" in by("authority", "maker", "blocks", "show", height).out
    out = tmp_path / "proof.json"
    for what in ((record,), ("--declaration", declaration), ("--state", "policy"), ("--since", "1")):
        proven = by("authority", "maker", "prove", *what, "-o", out)
        assert proven.status == 0, proven.err
        assert tallystick("verify", out, "--trust", trust).status == 0
    listed = by("authority", "maker", "members", "list", "--json").json
    assert listed == tallystick("members", "list", "--home", home, "--json").json


def test_events_are_listed_and_followed(network: Network, by: By, tmp_path: Path) -> None:
    happens(network.nodes["bank-a"], "remote-1")
    listed = [json.loads(line) for line in by("bank-a", "checker", "events").out.splitlines()]
    assert listed[-1]["subjects"] == {"task_id": "remote-1"}
    options = ["--url", network.url("bank-a"), "--credentials", str(tmp_path / "bank-a.checker.json"), "--after", listed[-1]["id"]]
    with subprocess.Popen(
        [sys.executable, "-m", "api.cli", "events", "--follow", *options], stdout=subprocess.PIPE, text=True
    ) as following:
        happens(network.nodes["bank-a"], "remote-2")
        assert following.stdout is not None
        assert json.loads(following.stdout.readline())["subjects"] == {"task_id": "remote-2"}
        following.terminate()
        following.communicate(timeout=60)
    assert following.returncode == -signal.SIGTERM


def test_governors_and_the_authority_act_from_somewhere_else(network: Network, by: By, tallystick: Tallystick, tmp_path: Path) -> None:
    change = json.dumps({"kind": "policy", "policy": {"hold_days_max": 14}})
    proposed = by("authority", "maker", "governance", "propose", change, "--json")
    assert proposed.status == 0, proposed.err
    listed = by("authority", "maker", "governance", "list", "--json").json["items"]
    assert proposed.json["id"] in [each["id"] for each in listed]
    unknown = by("authority", "checker", "members", "suspend", "bank-x", "--reason", "request")
    assert (unknown.status, unknown.err.split(": ")[1]) == (1, "unknown-member")


def test_what_is_missing_or_wrong_is_said(
    network: Network, by: By, tallystick: Tallystick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = ("--url", network.url("bank-a"))
    for arguments, status, code in (
        (("members", "list"), 2, "usage"),
        (("members", "list", "--home", tmp_path, *url), 2, "usage"),
        (("members", "list", *url), 2, "bad-credentials"),
        (("members", "list", "--url", "bank-a"), 2, "usage"),
        (("members", "reinstate", "bank-b", "--home", network.founded.homes["authority"]), 2, "usage"),
        (("enquiries", "ask", "1", "2", *url, "--consent", "0", "--uscc", "1", "--amount", "USD:1.00"), 2, "usage"),
        (("financings", "apply", "0=USD:much", *url, "--product", "p", "--reference", "r"), 2, "usage"),
    ):
        failed = tallystick(*arguments)
        assert (failed.status, failed.out, failed.err.split(": ")[1]) == (status, "", code)
    assert by("bank-a", "maker", "financings", "disburse", "0", "--on", "today", "--matures", "x", "--reference", "r").status == 2
    assert by("bank-a", "maker", "financings", "show", "0" * 64).err.split(": ")[1] == "unknown-financing"
    assert by("bank-a", "dashboard", "financings", "list").err.split(": ")[1] == "insufficient-scope"
    monkeypatch.setenv("TALLYSTICK_CLIENT_ID", "maker")
    monkeypatch.setenv("TALLYSTICK_CLIENT_SECRET", network.secrets["bank-a", "maker"])
    assert tallystick("members", "list", *url).status == 0
    nobody = tallystick("members", "list", "--url", "http://127.0.0.1:1")
    assert (nobody.status, nobody.err.split(": ")[1]) == (3, "node-unreachable")
    monkeypatch.setenv("TALLYSTICK_CLIENT_SECRET", "guessed")
    guessed = tallystick("members", "list", *url)
    assert (guessed.status, guessed.err.split(": ")[1]) == (1, "sign-in-failed")
    assert "guessed" not in guessed.err
