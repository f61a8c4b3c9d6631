"""Where the same story is told: the interpreters, seeds of hashing, time zones, locales and databases that there are on this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from tests import postgresql

ROOT: Final = Path(__file__).parents[2]
MADE: Final = ROOT / "var" / "determinism"
VERSIONS: Final = ("3.11", "3.12", "3.13")
SEEDS: Final = ("0", "1", "2", "4294967295")
# As POSIX writes them, so that no table of zones need be installed: the last is a day apart from the one before it.
ZONES: Final = ("UTC0", "CST-8", "NST3:30NDT,M3.2.0,M11.1.0", "<-12>12", "<+14>-14")
# Those that every system has, and some that order, capitalise, count or encode otherwise, which are made where that is possible.
PLAIN_LOCALES: Final = ("C", "POSIX", "C.UTF-8")
MADE_LOCALES: Final = {
    "tr_TR.UTF-8": ("tr_TR", "UTF-8"),
    "fa_IR.UTF-8": ("fa_IR", "UTF-8"),
    "zh_CN.GB18030": ("zh_CN", "GB18030"),
    "tr_TR.ISO-8859-9": ("tr_TR", "ISO-8859-9"),
}
SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
_TOLD_S: Final = 900


@dataclass(frozen=True)
class Surroundings:
    """One process's. `python` is the program, `version` what it is."""

    python: Path
    version: str
    seed: str
    zone: str
    locale: str
    database: str

    @property
    def environment(self) -> dict[str, str]:
        plain = {"C": "0", "POSIX": "0"}.get(self.locale)
        utf8 = {} if plain is None else {"PYTHONUTF8": plain, "PYTHONCOERCECLOCALE": plain}
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))},
            "PYTHONHASHSEED": self.seed,
            "TZ": self.zone,
            "LC_ALL": self.locale,
            "LOCPATH": str(MADE / "locales"),
            **utf8,
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONWARNINGS": "ignore",
        }

    def __str__(self) -> str:
        return f"Python {self.version}, seed {self.seed}, {self.zone}, {self.locale}, {self.database}"


def interpreters() -> dict[str, Path]:
    """The programs of the versions that are installed here, this process's own among them; by version."""
    own = ".".join(map(str, sys.version_info[:2]))
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = {own: Path(sys.executable)}
    for version in VERSIONS:
        named = shutil.which(f"python{version}")
        tried = [*sorted(kept.glob(f"{version}.*/bin/python"), reverse=True), *([Path(named)] if named else [])]
        program = next((each for each in tried if _works(each, version)), None)
        if version not in found and program is not None:
            found[version] = program
    return dict(sorted(found.items()))


def _works(program: Path, version: str) -> bool:
    code = f"import sys, venv, ensurepip; sys.exit('.'.join(map(str, sys.version_info[:2])) != '{version}')"
    return subprocess.run([program, "-c", code], check=False, capture_output=True).returncode == 0


def environment_of(version: str, program: Path) -> Path:
    """The interpreter of an environment with what the lock file holds, made where there is none; this process's own stays what it is."""
    if program == Path(sys.executable):
        return program
    directory, lock = MADE / f"python-{version}", ROOT / "requirements.lock"
    stamp, wanted = directory / ".installed", sha256(lock.read_bytes()).hexdigest()
    python = directory / "bin" / "python"
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([program, "-m", "venv", "--clear", directory], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
        subprocess.run([*pip, "-r", str(lock)], check=True, stdout=sys.stderr)
        stamp.write_text(wanted)
    return python


def locales() -> list[str]:
    """Those that can be had here. `localedef` and its sources are parts of Debian's packages libc-bin and locales."""
    program = shutil.which("localedef")
    found = list(PLAIN_LOCALES)
    for name, (language, charset) in MADE_LOCALES.items():
        place = MADE / "locales" / name
        if program is not None and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            # It warns of what a language lacks, and ends with 1 then.
            subprocess.run([program, "--no-archive", "-c", "-i", language, "-f", charset, place], check=False, capture_output=True)
        if place.exists():
            found.append(name)
    return found


@contextmanager
def databases(*, wanted: bool) -> Iterator[str | None]:
    """The socket of a PostgreSQL server, or None where there is none or none is wanted."""
    if not wanted or postgresql.programs() is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as directory, postgresql.shared_server(Path(directory)) as socket:
        yield socket


def told_in(where: Surroundings, story: str, socket: str | None) -> Mapping[str, Any]:
    """What a process in these surroundings tells of a story."""
    with tempfile.TemporaryDirectory() as directory:
        if where.database == SQLITE:
            return _told(where, story, f"sqlite:///{directory}/ledger.db")
        assert socket is not None, "there is a server where its surroundings are asked for"
        url = postgresql.new_database(socket)
        try:
            return _told(where, story, url)
        finally:
            postgresql.drop_database(socket, url)


def _told(where: Surroundings, story: str, url: str) -> Mapping[str, Any]:
    command = [str(where.python), "-m", "tests.determinism.telling", story, url]
    done = subprocess.run(command, check=False, cwd=ROOT, env=where.environment, capture_output=True, timeout=_TOLD_S)
    assert done.returncode == 0, f"{where}: {done.stderr[-2_000:].decode(errors='replace')}"
    # Before it stands what the program logs.
    said: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said
