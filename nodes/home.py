"""A node's home: one directory that holds everything a node keeps, its configuration and its lock.

    tallystick.toml   configuration, strictly read: an error names the file and the field
    genesis.json      the canonical genesis document of the network
    trust.json        what a verifier needs to trust to check the network's proofs
    application.json  what a newcomer sent to the authority, of public keys only (`nodes.joining`)
    ledger.db         the replicated ledger (unless `ledger_url` names another database)
    private.db        the private database (unless `private_url` names another)
    keys/             the encrypted key store, mode 0700
    node.secret       what opens the node's own keys, mode 0600
    comet/            what CometBFT reads and writes, of the engine `comet` (`ledger.comet.files`)
    logs/             the node's logs

A home is its node's alone (mode 0700), and one process at a time runs it, holding the lock file. Reading commands
need no lock. A home may be moved: nothing in it names its own path.
"""

from __future__ import annotations

import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from ledger import canonical
from ledger.errors import InputError, Refused, VerificationFailed
from ledger.header import network_of
from ledger.limits import CONFIG_FILE_BYTES_MAX, GENESIS_FILE_BYTES_MAX, TRUST_FILE_BYTES_MAX
from nodes.home_config import HomeConfig, to_toml
from nodes.private_files import locked, make_private_directory, write_private_file

CONFIG_NAME: Final = "tallystick.toml"
_HEADER: Final = "# Configuration of one Tallystick node. Paths in database addresses are relative to this directory.\n"


@dataclass(frozen=True, slots=True)
class Home:
    """The layout of a home. Making one of these touches no file."""

    path: Path

    @property
    def config_file(self) -> Path:
        return self.path / CONFIG_NAME

    @property
    def genesis_file(self) -> Path:
        return self.path / "genesis.json"

    @property
    def trust_file(self) -> Path:
        return self.path / "trust.json"

    @property
    def application_file(self) -> Path:
        return self.path / "application.json"

    @property
    def keys_dir(self) -> Path:
        return self.path / "keys"

    @property
    def secret_file(self) -> Path:
        return self.path / "node.secret"

    @property
    def comet_dir(self) -> Path:
        return self.path / "comet"

    @property
    def logs_dir(self) -> Path:
        return self.path / "logs"

    def ledger_url(self, config: HomeConfig) -> str:
        return _database_url(self.path, config.storage.ledger_url, "ledger.db")

    def private_url(self, config: HomeConfig) -> str:
        return _database_url(self.path, config.storage.private_url, "private.db")

    @property
    def lock_file(self) -> Path:
        return self.path / "lock"

    def check_free(self) -> None:
        """Raises `Refused` (`home-not-empty`) where something stands in the way of a new home."""
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise Refused("home-not-empty", f"{self.path} exists and is not an empty directory", hint="name a new directory")

    def make(self) -> None:
        """Makes the directories of a new home. Raises `Refused` (`home-not-empty`)."""
        self.check_free()
        for directory in (self.path, self.keys_dir, self.logs_dir):
            make_private_directory(directory)

    def check_modes(self) -> None:
        """Raises `Refused` (`home-mode`) where others than the owner may enter the home or write in it."""
        if stat.S_IMODE(self.path.stat().st_mode) & 0o077:
            raise Refused(
                "home-mode",
                f"{self.path} is open to other users",
                hint=f"chmod 700 {self.path}",
            )

    def write_config(self, config: HomeConfig) -> None:
        write_file(self.config_file, _HEADER + to_toml(config.model_dump(exclude_none=True, by_alias=True)))

    def read_config(self) -> HomeConfig:
        """The configuration. Raises `InputError`: `no-home`, `bad-config` (its sentence names the file and the field)."""
        text = _read_text(self.config_file, CONFIG_FILE_BYTES_MAX)
        try:
            values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise InputError("bad-config", f"{self.config_file}: not TOML: {error}") from error
        try:
            return HomeConfig.model_validate(values)
        except ValidationError as error:
            raise InputError(
                "bad-config",
                f"{self.config_file}: {_first_fault(error)}",
                hint="correct the field and try again",
            ) from error

    def read_genesis(self, network: str | None = None) -> dict[str, Any]:
        """The genesis document. Raises `VerificationFailed` (`wrong-genesis`) where its hash is not the network's id."""
        text = _read_text(self.genesis_file, GENESIS_FILE_BYTES_MAX)
        genesis = canonical.decode(text.encode("utf-8").rstrip(b"\n"))
        if not isinstance(genesis, dict):
            raise InputError("bad-genesis", f"{self.genesis_file} holds no JSON object")
        if network is not None and network_of(genesis) != network:
            raise VerificationFailed(
                "wrong-genesis",
                f"{self.genesis_file} is not the genesis of the network that {CONFIG_NAME} names",
                hint="restore the file",
            )
        return genesis

    def read_trust(self) -> Any:
        """The trust document. Raises `InputError` (`no-home`, `oversize`, `not-json`, `not-canonical`)."""
        return canonical.decode(_read_text(self.trust_file, TRUST_FILE_BYTES_MAX).encode("utf-8").rstrip(b"\n"))


def write_file(path: Path, content: str | bytes) -> None:
    """Writes a file of a home, whole or not at all, for its owner's eyes only."""
    with locked(path.parent):
        write_private_file(path, content.encode("utf-8") if isinstance(content, str) else content)


def _database_url(home: Path, configured: str | None, name: str) -> str:
    if configured is None:
        return f"sqlite:///{(home / name).resolve()}"
    prefix = "sqlite:///"
    if configured.startswith(prefix) and not configured.startswith(prefix + "/"):
        return f"{prefix}{(home / configured.removeprefix(prefix)).resolve()}"
    return configured


def _read_text(path: Path, bytes_max: int) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(bytes_max + 1)
    except FileNotFoundError as error:
        raise InputError("no-home", f"{path} is not there", hint="make a home with `tallystick init`") from error
    except OSError as error:
        raise InputError("unreadable", f"{path} cannot be read: {error.strerror}") from error
    if len(data) > bytes_max:
        raise InputError("oversize", f"{path} has more than {bytes_max} bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError("bad-config", f"{path} is not UTF-8") from error


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in fault["loc"]) or "the file"
    return f"{field}: {fault['msg']}"
