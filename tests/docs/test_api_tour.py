"""The tour of the HTTP API in docs/api.md: its commands, run as they stand against served nodes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nodes.enquiries.worker import EnquiryWorker
from tests.api.served import Network, served_network

API = Path(__file__).parents[2] / "docs" / "api.md"


def commands() -> list[str]:
    blocks = re.findall(r"```console tour\n(.*?)```", API.read_text(encoding="utf-8"), flags=re.DOTALL)
    return [command for block in blocks for command in re.findall(r"^\$ (.+)$", block, flags=re.MULTILINE)]


def as_the_demo_leaves_it(network: Network, directory: Path) -> None:
    """Sign-ins, trust file and command at the places that the tour names."""
    demo = directory / "var" / "demo"
    demo.mkdir(parents=True)
    sign_ins = [{"node": node, "user": user, "address": network.url(node), "secret": s} for (node, user), s in network.secrets.items()]
    (demo / "sign-ins.json").write_text(json.dumps(sign_ins), encoding="utf-8")
    shutil.copy(network.founded.homes["auditor"] / "trust.json", demo)
    (directory / ".venv").symlink_to(sys.prefix)


@pytest.mark.skipif(shutil.which("curl") is None and os.environ.get("CI") != "true", reason="the tour is made of curl commands")
def test_the_tour_of_the_api_runs_as_it_stands(tmp_path: Path) -> None:
    with served_network(tmp_path / "network") as network:
        as_the_demo_leaves_it(network, tmp_path)
        worker = EnquiryWorker(network.nodes["authority"], "answers")
        worker.start()
        try:
            script = "\n".join(commands())
            finished = subprocess.run(
                ["bash", "-eu", "-o", "pipefail", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600
            )
        finally:
            worker.stop()
    assert finished.returncode == 0, f"{finished.stdout}\n{finished.stderr}"
    said = finished.stdout.splitlines()
    assert "match" in said
    assert "ok" in said
    assert "APPROVED" in said
    assert "var/approval.json: holds" in finished.stdout
