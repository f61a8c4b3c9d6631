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

import json
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ledger import canonical
from ledger.comet.statesync import StateSync, check_rpc_listen
from ledger.errors import InputError, Refused, VerificationFailed
from ledger.header import network_of
from ledger.limits import COMET_PEERS_MAX, CONFIG_FILE_BYTES_MAX, GENESIS_FILE_BYTES_MAX, GOSSIP_PEERS_MAX
from nodes.private_files import locked, make_private_directory, write_private_file

Role = Literal["authority", "registrar", "bank", "enterprise", "auditor"]
EngineKind = Literal["solo", "follow", "comet", "none"]
Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,31}$")]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
HostPort = Annotated[str, Field(pattern=r"^(\[[0-9a-fA-F:]+\]|[0-9A-Za-z.-]+):[0-9]{1,5}$")]
Peer = Annotated[str, Field(pattern=r"^[0-9a-f]{40}@(\[[0-9a-fA-F:]+\]|[0-9A-Za-z.-]+):[0-9]{1,5}$")]
Url = Annotated[str, Field(pattern=r"^https?://[^\s/]+(/[^\s]*)?$")]

CONFIG_NAME: Final = "tallystick.toml"
_HEADER: Final = "# Configuration of one Tallystick node. Paths in database addresses are relative to this directory.\n"


class _Section(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class NetworkSection(_Section):
    """The network's name, for people, and its id, the hash of the genesis document."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    id: Hash


class NodeSection(_Section):
    """Who runs this node: a member by its slug on the ledger, or an enterprise, which no public field ever names."""

    id: Slug
    name: Annotated[str, Field(min_length=1, max_length=128)]
    role: Role
    member: Slug | None = None

    @model_validator(mode="after")
    def _enterprises_are_no_members(self) -> Self:
        if (self.role == "enterprise") != (self.member is None):
            raise ValueError("`member` is given for every role except enterprise")
        return self


class StateSyncSection(_Section):
    """How a node whose ledger is empty joins by a snapshot: as `ledger.comet.statesync.StateSync`."""

    rpc_servers: Annotated[list[str], Field(min_length=2, max_length=COMET_PEERS_MAX)]
    trust_height: Annotated[int, Field(ge=1)]
    trust_hash: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]

    @model_validator(mode="after")
    def _can_be_used(self) -> Self:
        try:
            self.settings()
        except InputError as error:
            raise ValueError(error.message) from error
        return self

    def settings(self) -> StateSync:
        """What the engine is told. Raises `InputError` (`bad-state-sync`)."""
        return StateSync(self.rpc_servers, self.trust_height, self.trust_hash)


class EngineSection(_Section):
    """How the node comes by blocks: it makes them (`solo`), fetches and checks those of `upstream` (`follow`), or its CometBFT orders them
    with those of the other members (`comet`; `upstream` is then the authority's node, for letters and introductions). A home of the kind
    `none` comes by no more: it is a ledger at rest, without keys, to be audited, proven from and exported.

    Of `comet`: `listen` is where the others' engines find this one, `external` the same as they see it where that differs, `peers` are
    theirs (`id@host:port`), and `empty_blocks_interval_s` is how old the newest block may get where nothing happens. `rpc_listen` is where
    newcomers' light clients are answered, and `state_sync` how this node joins by a snapshot (`ledger.comet.statesync`).
    """

    kind: EngineKind
    upstream: Url | None = None
    listen: HostPort | None = None
    external: HostPort | None = None
    peers: Annotated[list[Peer], Field(max_length=COMET_PEERS_MAX)] = []
    empty_blocks_interval_s: Annotated[int, Field(ge=1, le=3_600)] | None = None
    rpc_listen: Annotated[str, Field(max_length=256)] | None = None
    state_sync: StateSyncSection | None = None

    @model_validator(mode="after")
    def _each_kind_has_its_fields(self) -> Self:
        if (self.kind == "follow" and self.upstream is None) or (self.kind in ("solo", "none") and self.upstream is not None):
            raise ValueError("`upstream` is given for the engine `follow`, and may be for `comet`")
        if (self.kind == "comet") != (self.listen is not None):
            raise ValueError("`listen` is given exactly for the engine `comet`")
        own = (self.external, self.empty_blocks_interval_s, self.rpc_listen, self.state_sync)
        if self.kind != "comet" and (self.peers or any(each is not None for each in own)):
            names = "`peers`, `external`, `empty_blocks_interval_s`, `rpc_listen` and `state_sync`"
            raise ValueError(f"{names} are of the engine `comet`")
        try:
            if self.rpc_listen is not None:
                check_rpc_listen(self.rpc_listen)
        except InputError as error:
            raise ValueError(error.hint) from error
        return self


class StorageSection(_Section):
    """SQLAlchemy addresses of the two databases; absent: SQLite files in the home."""

    ledger_url: Annotated[str, Field(min_length=1)] | None = None
    private_url: Annotated[str, Field(min_length=1)] | None = None


class ApiSection(_Section):
    """Where the node's API listens."""

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 8000


class GossipSection(_Section):
    """Other members' nodes, which are asked every `interval_s` seconds what the operator shows them."""

    peers: Annotated[list[Url], Field(max_length=GOSSIP_PEERS_MAX)] = []
    interval_s: Annotated[int, Field(ge=1, le=86_400)] = 30


class WitnessesSection(_Section):
    """Witnesses that this node asks to cosign its checkpoints (C2SP tlog-witness): the prefixes of their addresses."""

    push: Annotated[list[Url], Field(max_length=GOSSIP_PEERS_MAX)] = []


class ApproveSection(_Section):
    """An approval here is final once the heads of so many other members match; a request waits for them for so long."""

    matching_heads: Annotated[int, Field(ge=0, le=GOSSIP_PEERS_MAX)] = 0
    wait_s: Annotated[int, Field(ge=0, le=30)] = 10


class HomeConfig(_Section):
    """`tallystick.toml`, whole."""

    network: NetworkSection
    node: NodeSection
    engine: EngineSection
    storage: StorageSection = StorageSection()
    api: ApiSection = ApiSection()
    gossip: GossipSection = GossipSection()
    witnesses: WitnessesSection = WitnessesSection()
    approve: ApproveSection = ApproveSection()

    @property
    def client_id(self) -> str | None:
        """The name under which this node signs in to another node; an enterprise's follows from its key, not from here."""
        return self.node.member


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
        write_file(self.config_file, _HEADER + to_toml(config.model_dump(exclude_none=True)))

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


def write_file(path: Path, content: str | bytes) -> None:
    """Writes a file of a home, whole or not at all, for its owner's eyes only."""
    with locked(path.parent):
        write_private_file(path, content.encode("utf-8") if isinstance(content, str) else content)


def to_toml(sections: Mapping[str, Mapping[str, Any]]) -> str:
    """TOML for tables of strings, integers and lists of strings, which is all that a configuration holds."""
    blocks = []
    for name, fields in sections.items():
        if fields:
            lines = [
                f"[{name}]",
                *(f"{key} = {_toml_value(value)}" for key, value in fields.items()),
            ]
            blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def _toml_value(value: Any) -> str:
    # A JSON string is a TOML basic string, but for the delete character, which JSON leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


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
