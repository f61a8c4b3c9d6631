from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from nodes.home import Home
from tests.ports import free_ports

MEMBERS = ("auditor", "authority", "bank-a", "bank-b", "bank-c", "exporter-a")
SERVE = """
import json, sys
from pathlib import Path
from api.cli.processes import serve_members
from nodes.seats import SignIn
sign_ins = [SignIn(**each) for each in json.loads(Path(sys.argv[1], "sign-ins.json").read_text("utf-8"))]
serve_members(Path(sys.argv[1]), sign_ins, as_json=False)
"""


@pytest.fixture
def moved(spoilt_demo: Path) -> Path:
    """A copy of the demo at ports of its own."""
    directory = spoilt_demo
    first_before = min(Home(directory / member).read_config().api.port for member in MEMBERS)
    first = free_ports(len(MEMBERS))
    for member in MEMBERS:
        file = directory / member / "tallystick.toml"
        text = file.read_text(encoding="utf-8")
        for place in range(len(MEMBERS)):
            text = text.replace(f"port = {first_before + place}\n", f"port = {first + place}\n")
        file.write_text(text.replace(f":{first_before}", f":{first}"), encoding="utf-8")
    return directory


def test_every_member_is_served_with_the_machines_clock_and_goes_on(moved: Path) -> None:
    urls = {member: f"http://127.0.0.1:{Home(moved / member).read_config().api.port}" for member in MEMBERS}
    with subprocess.Popen([sys.executable, "-c", SERVE, str(moved)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            assert any(line == f"ready: {len(MEMBERS)} members\n" for line in lines), process.communicate(timeout=120)
            for url in urls.values():
                assert httpx.get(f"{url}/readyz", timeout=120).json()["status"] == "ready"
            secrets = {(each["node"], each["user"]): each["secret"] for each in json.loads((moved / "sign-ins.json").read_text("utf-8"))}
            with httpx.Client(base_url=urls["authority"], timeout=120) as http:
                form = {"grant_type": "client_credentials", "client_id": "exporter-b", "client_secret": secrets["authority", "exporter-b"]}
                token = http.post("/oauth2/token", data=form).json()["access_token"]
                headers = {"Authorization": f"Bearer {token}", "Prefer": "wait=20", "Idempotency-Key": "one-more-consent"}
                times = {"not_before": "2020-01-01T00:00:00Z", "not_after": "2100-01-01T00:00:00Z"}
                given = http.post("/v1/consents", headers=headers, json={"bank": "bank-c", "scopes": ["finance"], "uses": 1, **times})
                assert given.status_code == 201, given.text
        finally:
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=300)
    assert (process.returncode, errors) == (0, "")
    for url in urls.values():
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/healthz", timeout=5)
