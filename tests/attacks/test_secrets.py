"""Secrets are compared in constant time, are no command's argument and in no environment, and lie in files of their owner."""

from __future__ import annotations

import ast
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
import typer.main

from api.cli.main import build
from ledger.clock import SystemClock
from nodes.founding import Addresses, MemberPlan, create_network
from nodes.home import Home
from tests.api.cli.conftest import served
from tests.api.served import CHEAP
from tests.ports import free_ports
from tests.privacy.leak_search import search_tree, secrets_wanted

ROOT = Path(__file__).parents[2]
_SECRET = re.compile(r"(?:^|_)(?:secret|password|passphrase|pin|csrf|nonce|mac|hmac|bearer|access_token|state_text)$")


def _secret_name(node: ast.expr) -> str | None:
    """The name by which an operand is called, where that is a secret's."""
    while isinstance(node, ast.Call | ast.Subscript):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("len", "type", "isinstance"):
            return None
        inner = node.slice if isinstance(node, ast.Subscript) else node.args[0] if node.args else node.func
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            return inner.value if _SECRET.search(inner.value) else None
        node = node.func if isinstance(node, ast.Call) else node.value
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return name if _SECRET.search(name) else None


def _compared(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(isinstance(each, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for each in node.ops):
            for operand in (node.left, *node.comparators):
                if (name := _secret_name(operand)) is not None:
                    yield node.lineno, name


def test_no_secret_is_compared_by_an_operator() -> None:
    """Signatures are verified by `cryptography`, passwords by argon2, tokens by joserfc; what is left is for `hmac.compare_digest`."""
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for layer in ("ledger", "nodes", "api")
        for path in sorted((ROOT / layer).rglob("*.py"))
        for line, name in _compared(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []
    assert list(_compared(ast.parse("a.csrf == b\nclaims.get('nonce') != given\nlen(secret) == 3"))) == [(1, "csrf"), (2, "nonce")]


def _parameters(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every parameter of a command and of those below it."""
    yield from ((name, parameter) for parameter in command.params)
    for each, inner in getattr(command, "commands", {}).items():
        yield from _parameters(inner, f"{name} {each}")


def test_no_command_takes_a_secret_as_an_argument() -> None:
    """Every user of a machine sees the arguments of every process: a secret comes from a file, from stdin, or is asked for."""
    named = re.compile(r"\b(?:secret|password|passphrase|pin|token)\b")
    options = [(f"{command} {each.name}", each) for command, each in _parameters(typer.main.get_command(build()), "tallystick")]
    secret = {name: each for name, each in options if named.search((each.name or "").replace("_", " "))}
    assert len(secret) > 5
    kinds = {name: each.type_descriptor.annotation for name, each in secret.items()}
    assert {name: kind for name, kind in kinds.items() if kind is not Path and Path not in get_args(kind)} == {}


@pytest.fixture
def careless() -> Iterator[None]:
    """Whoever starts the commands takes no care of modes."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("careless")
def test_a_served_home_shows_no_secret_to_other_users_of_the_machine(tmp_path: Path) -> None:
    """Neither by a file's mode, whatever the umask and after files were rewritten, nor by what `ps` shows of its process."""
    plans = [MemberPlan("authority", "authority", "Forex Authority")]
    founded = create_network(
        tmp_path / "net", "pilot", plans, clock=SystemClock(), random=os.urandom, cost=CHEAP, addresses=Addresses(port_first=free_ports(1))
    )
    home = founded.homes["authority"]
    secrets = {each.user: each.secret for each in founded.sign_ins}
    changed = "words that nobody has said before"
    with served(home) as process:
        api = Home(home).read_config().api
        with httpx.Client(base_url=f"http://{api.host}:{api.port}", timeout=120) as client:
            opened = client.post("/v1/session", json={"user": "maker", "password": secrets["maker"]})
            assert opened.status_code == 201, opened.text
            csrf = {"X-CSRF-Token": opened.json()["session"]["csrf_token"]}
            done = client.post("/v1/session/password", json={"old": secrets["maker"], "new": changed}, headers=csrf)
            assert done.status_code == 201, done.text
            scan = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
            client.post(
                "/v1/attachments",
                content=scan,
                headers=csrf | {"Content-Type": "application/pdf", "Content-Disposition": "attachment; filename=a.pdf"},
            )
        loose = {str(path.relative_to(home)): oct(mode) for path in _below(home) if (mode := stat.S_IMODE(path.lstat().st_mode)) & 0o077}
        assert loose == {}
        shown = b"".join((Path("/proc") / str(process.pid) / name).read_bytes() for name in ("cmdline", "environ"))
    node_secret = Home(home).secret_file.read_bytes()
    kept = [changed, *secrets.values(), node_secret.hex()]
    assert all(each.encode() not in shown for each in kept) and node_secret not in shown
    assert search_tree(home, secrets_wanted([changed, *secrets.values()], [])) == set()


def _below(home: Path) -> Iterator[Path]:
    yield home
    yield from (path for path in home.rglob("*") if not path.is_socket())
