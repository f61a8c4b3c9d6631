"""A consortium that is served: what its nodes say of it, what happens without a quorum, and that no engine outlives its node."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from nodes.home import Home
from tests import cometbft
from tests.api.cli.conftest import Tallystick
from tests.api.cli.consortium import PROCESSES, Served, children_of, is_running, problem, served_consortium, wait_until
from tests.ports import free_ports

TWO, STOPPED = PROCESSES[0], PROCESSES[1:]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    cometbft.require()
    with served_consortium(tmp_path_factory.mktemp("served") / "net") as made:
        for member in made.homes:
            wait_until(lambda member=member: made.faults(member) == [])  # type: ignore[misc]  # called at once
        yield made


def proposal(made: Served, days: int, key: str) -> httpx.Response:
    with made.signed_in("authority", "maker") as http:
        body = {"change": {"kind": "policy", "policy": {"hold_days_max": days}}}
        return http.post("/v1/governance/proposals", json=body, headers={"Idempotency-Key": key, "Prefer": "wait=30"})


def proposals(made: Served, member: str) -> list[Any]:
    with made.signed_in(member, "checker") as http:
        return list(http.get("/v1/governance/proposals").json()["items"])


def consensus(made: Served, member: str) -> dict[str, Any]:
    with made.signed_in(member, "maker") as http:
        found: dict[str, Any] = http.get("/v1/network").json()["consensus"]
    return found


def test_every_node_says_who_validates_and_how_its_engine_stands(running: Served) -> None:
    for member in running.homes:
        wait_until(lambda member=member: consensus(running, member)["peers"] == 3)  # type: ignore[misc]  # called at once
        # Engines may know each other before their first block.
        wait_until(lambda member=member: consensus(running, member)["height"] > 0)  # type: ignore[misc]  # called at once
        with running.signed_in(member, "maker") as http:
            network = http.get("/v1/network").json()
        assert (network["engine"], network["node"]["engine"]) == ({"kind": "comet"}, "comet")
        assert {(each["member"], each["power"]) for each in network["validators"]} == {(name, 10) for name in running.homes}
        seen = network["consensus"]
        assert (seen["faults"], seen["misbehavior"]) == ([], [])
        assert seen["height"] > 0


def test_without_two_thirds_nothing_is_ordered_and_nothing_is_lost(running: Served) -> None:
    for members in STOPPED:
        assert running.stop(*members) == ""
    answer = proposal(running, 20, "without-two-thirds")
    assert (answer.status_code, problem(answer)["code"]) == (503, "no-quorum")
    assert int(answer.headers["Retry-After"]) > 0
    assert "sent again by itself" in problem(answer)["hint"]
    wait_until(lambda: running.faults("bank-a") == ["no-quorum"])
    # Once that is known nobody is kept waiting, and the same request is the same record.
    assert problem(proposal(running, 20, "without-two-thirds"))["code"] == "no-quorum"
    assert proposals(running, "authority") == []
    seen = consensus(running, "bank-a")
    assert (seen["faults"], seen["peers"]) == (["no-quorum"], 1)
    for members in STOPPED:
        running.start(*members)
    for member in running.homes:
        wait_until(lambda member=member: len(proposals(running, member)) == 1)  # type: ignore[misc]  # called at once
    late = proposal(running, 20, "without-two-thirds")
    assert (late.status_code, [late.json()["id"]]) == (201, [each["id"] for each in proposals(running, "bank-c")])
    wait_until(lambda: running.faults("bank-a") == [])


def test_a_second_process_does_not_serve_the_home_nor_take_the_engines_port(
    running: Served, tallystick: Tallystick, tmp_path: Path
) -> None:
    in_use = tallystick("serve", "--home", running.homes["bank-b"], "--port", free_ports(1))
    assert (in_use.status, in_use.err.split(": ")[1]) == (3, "home-in-use")
    newcomer = ("--member", "bank-e:bank:Bank E", "--listen", Home(running.homes["bank-b"]).read_config().engine.listen)
    file = tmp_path / "network.json"
    assert tallystick("network", "publish", "--home", running.homes["bank-b"], "-o", file).status == 0
    assert tallystick("join", "--network", file, "--home", tmp_path / "bank-e", "--port", free_ports(1), *newcomer).status == 0
    taken = tallystick("serve", "--home", tmp_path / "bank-e")
    assert (taken.status, taken.err.split(": ")[1]) == (3, "address-in-use")


def test_ctrl_c_ends_every_engine_of_the_process_and_says_nothing(running: Served) -> None:
    process = running.processes[TWO]
    engines = children_of(process.pid)
    assert len(engines) == 2
    # A terminal sends it to the whole group: each engine has one of its own.
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=240)
    assert (process.returncode, errors) == (0, "")
    assert [pid for pid in engines if is_running(pid)] == []
    running.start(*TWO)
    wait_until(lambda: running.faults("authority") == [])


def test_an_engine_goes_after_its_node_however_that_ends(running: Served) -> None:
    members = PROCESSES[-1]
    process = running.processes.pop(members)
    (engine,) = children_of(process.pid)
    process.kill()
    process.communicate(timeout=240)
    wait_until(lambda: not is_running(engine))
    running.start(*members)
    wait_until(lambda: running.faults(members[0]) == [])


def test_a_person_decides_at_a_node_that_is_not_served_once_it_has_what_the_others_have(running: Served, tallystick: Tallystick) -> None:
    running.stop("bank-c")
    made = proposal(running, 21, "while-bank-c-was-away")
    assert made.status_code == 201, made.text
    secret = running.directory / "bank-c.checker.secret"
    signer = ("--home", running.homes["bank-c"], "--user", "checker", "--secret-file", secret, "--json")
    approved = tallystick("governance", "approve", made.json()["id"], *signer)
    assert approved.status == 0, approved.err
    assert approved.json["approvals"] == ["authority", "bank-c"]
    running.start("bank-c")
    wait_until(lambda: running.faults("bank-c") == [])


def test_a_testnet_is_served_until_ctrl_c_and_leaves_no_process_behind(tmp_path: Path) -> None:
    cometbft.require()
    ports = ("--port", str(free_ports(1)), "--engine-port", str(free_ports(1)))
    command = [sys.executable, "-m", "api.cli", "testnet", "--home", str(tmp_path / "net"), "--validators", "1", "--start", *ports]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0) as process:
        assert process.stdout is not None
        lines = list(iter(process.stdout.readline, "ready: 1 members\n"))
        secrets = [each["secret"] for each in json.loads((tmp_path / "net" / "sign-ins.json").read_bytes())]
        assert all(any(secret in line for line in lines) for secret in secrets)
        (node,) = children_of(process.pid)
        (engine,) = children_of(node)
        api = Home(tmp_path / "net" / "authority").read_config().api
        wait_until(lambda: httpx.get(f"http://{api.host}:{api.port}/readyz", timeout=120).status_code == 200)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=240)
    assert (process.returncode, errors) == (0, "")
    assert [pid for pid in (node, engine) if is_running(pid)] == []
