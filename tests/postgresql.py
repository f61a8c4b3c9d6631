"""A PostgreSQL server for tests: Debian's package, started in a directory of its own, on a Unix socket only, and shared between the
workers of a run. Its default collation is not that of bytes, so that a query that leaves the order to the database shows.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql

from nodes.founding import Addresses, MemberPlan

_INITDB = [
    "--encoding=UTF8",
    "--locale=C.UTF-8",
    "--locale-provider=icu",
    "--icu-locale=en-US",
    "--auth=trust",
    "--username=test",
    "--no-sync",
]
_SERVER = "-c listen_addresses='' -c fsync=off -c max_connections=300 -c shared_buffers=32MB"
# Where none is installed, why tests of it are skipped; `CI=true` takes no excuse.
MISSING = "PostgreSQL is not installed (Debian's package postgresql)"


def programs() -> Path | None:
    """The directory of `initdb` and `pg_ctl`: on the path, or where Debian keeps its newest version."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    kept = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return kept[-1].parent if kept else None


@contextmanager
def shared_server(root: Path) -> Iterator[str]:
    """The directory of the server's socket. Whoever asks first starts it, whoever leaves last stops it; `root` is common to a run."""
    token = uuid.uuid4().hex
    users, place = root / "postgresql-users", root / "postgresql-place"
    with _locked(root):
        users.mkdir(exist_ok=True)
        if not any(users.iterdir()):
            place.write_text(str(_start()), encoding="utf-8")
        (users / token).touch()
    directory = Path(place.read_text(encoding="utf-8"))
    try:
        yield str(directory)
    finally:
        with _locked(root):
            (users / token).unlink()
            if not any(users.iterdir()):
                _stop(directory)


def new_database(socket: str, name: str | None = None) -> str:
    """The URL of a database that is empty."""
    name = name or f"t{uuid.uuid4().hex}"
    with _administrator(socket) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return f"postgresql://test@/{name}?host={socket}"


def drop_database(socket: str, url: str) -> None:
    """Takes a database away, whoever is still connected to it."""
    name = sa.make_url(url).database or ""
    with _administrator(socket) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def network_databases(socket: str, *plans: MemberPlan) -> Iterator[Addresses]:
    """Two databases for each member of a network."""
    name = f"n{uuid.uuid4().hex[:12]}"
    urls = [new_database(socket, f"{name}-{plan.id}-{kind}") for plan in plans for kind in ("ledger", "private")]
    template = f"postgresql://test@/{name}-{{id}}-KIND?host={socket}"
    yield Addresses(ledger_url=template.replace("KIND", "ledger"), private_url=template.replace("KIND", "private"))
    for url in urls:
        drop_database(socket, url)


def _administrator(socket: str) -> psycopg.Connection[Any]:
    return psycopg.connect(host=socket, user="test", dbname="postgres", autocommit=True)


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    with (root / "postgresql.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _start() -> Path:
    # A short path, since a socket's is limited; open to the server's user, as pytest's directories are not.
    directory = Path(tempfile.mkdtemp(prefix="tallystick-pg-"))
    options = _as_somebody(directory)
    _run("initdb", "--pgdata", str(directory / "data"), *_INITDB, **options)
    arguments = ["--pgdata", str(directory / "data"), "--log", str(directory / "log"), "--wait", "--timeout", "120"]
    _run("pg_ctl", *arguments, "--options", f"-k {directory} {_SERVER}", "start", **options)
    return directory


def _stop(directory: Path) -> None:
    _run("pg_ctl", "--pgdata", str(directory / "data"), "--mode", "immediate", "--wait", "stop", **_as_somebody(directory))
    shutil.rmtree(directory)


def _as_somebody(directory: Path) -> dict[str, Any]:
    """The server refuses to run as root: then the package's user runs it, and owns the directory."""
    if os.geteuid() != 0:
        return {}
    somebody = pwd.getpwnam("postgres")
    os.chown(directory, somebody.pw_uid, somebody.pw_gid)
    return {"user": somebody.pw_uid, "group": somebody.pw_gid, "extra_groups": []}


def _run(program: str, *arguments: str, **options: Any) -> None:
    directory = programs()
    assert directory is not None, MISSING
    # pg_ctl leaves the server its own output; a pipe would be held open by it for as long as it runs.
    command = [str(directory / program), *arguments]
    with tempfile.TemporaryFile() as said:
        finished = subprocess.run(command, cwd="/", stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=False, timeout=180, **options)
        said.seek(0)
        assert finished.returncode == 0, said.read().decode(errors="replace")
