"""docs/sandbox.md: its commands and its program, run as they stand."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from tests.docs.commands import blocks_of

DOCUMENT = Path(__file__).parents[2] / "docs" / "sandbox.md"


def program() -> str:
    (found,) = re.findall(r"^```python sandbox\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return str(found)


def expected() -> list[str]:
    (found,) = re.findall(r"^```text\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return str(found).splitlines()


def run(place: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program of the environment, to its end."""
    return subprocess.run([f".venv/bin/{name}", *arguments], cwd=place, capture_output=True, text=True, check=False, timeout=300)


def test_an_integrator_gets_from_nothing_to_a_disbursed_test_financing(tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(sys.prefix)
    ((serve,),) = [block.commands for block in blocks_of(DOCUMENT, "sandbox")]
    command = ["bash", "-c", f"exec {serve}"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as serving:
        try:
            assert serving.stdout is not None
            said = []
            for line in serving.stdout:
                said.append(line)
                if line.startswith("ready: "):
                    break
            else:
                raise AssertionError(f"{''.join(said)}{serving.communicate()}")
            finished = run(tmp_path, "python", "-c", program())
            assert finished.returncode == 0, finished.stderr
            told = finished.stdout.splitlines()
            assert len(told) == len(expected())
            assert [line for line, like in zip(told, expected(), strict=True) if not line.startswith(like.removesuffix("..."))] == []
            address = re.search(r"http://[\d.:]+", "".join(said))
            assert address is not None
            assert httpx.get(f"{address[0]}/healthz").headers["x-tallystick-sandbox"] == "true"
            refused = run(tmp_path, "tallystick", "sandbox", "--home", "var/sandbox", "--reset")
            assert (refused.returncode, refused.stderr.split(": ")[1]) == (3, "home-in-use")
        finally:
            serving.send_signal(signal.SIGINT)
            serving.communicate(timeout=180)
