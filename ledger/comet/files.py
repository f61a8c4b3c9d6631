"""The directory that CometBFT reads: its configuration, its genesis file, and its two keys. All but the keys follows from the ledger's
genesis document and a few settings, and is written anew at each start.

    config/config.toml, config/genesis.json
    config/priv_validator_key.json   what this node votes with, mode 0600: CometBFT reads it as it stands
    config/node_key.json             what it is known by in the engine's network, mode 0600
    data/                            CometBFT's own: blocks, its write-ahead log, and `priv_validator_state.json`, what was last voted
    tmp/                             chunks of a snapshot on their way in
    snapshots/                       what this node offers to newcomers (`ledger.snapshot_files`)

Whoever votes with one key in two places is found out: never copy `priv_validator_key.json` without `priv_validator_state.json`, and never
put an older copy of that one back.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.comet.application import chain_id_of
from ledger.comet.server import APP_VERSION
from ledger.comet.statesync import EVIDENCE_DAYS, StateSync, check_rpc_listen, state_sync_config
from ledger.comet.validators import address_of
from ledger.errors import InputError
from ledger.header import network_of
from ledger.limits import BLOCK_BYTES_MAX, COMET_BLOCK_OVERHEAD_BYTES, RECORD_BYTES_MAX, SNAPSHOTS_KEPT_MAX

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PUBLIC_TYPE: Final = "tendermint/PubKeyEd25519"
_PRIVATE_TYPE: Final = "tendermint/PrivKeyEd25519"
_EVIDENCE_BLOCKS: Final = 100_000
_KEY_BYTES: Final = 32
_BATCH_MAX: Final = 1_000
# What a LevelDB consists of before `CURRENT` is written, which is when it begins to be one.
_HALF_MADE: Final = frozenset({"LOCK", "LOG", "LOG.old", "MANIFEST-000000", "CURRENT.0"})


@dataclass(frozen=True, slots=True)
class Settings:
    """How this node's engine is found, and whom it seeks. `peers` are `id@host:port`, id being a network identity of 40 hex characters.

    `empty_blocks_interval_s` is how old the newest block may get where nothing happens: the time by which the next record is judged.
    `stalled_ms` is how long a record waits, while no block comes, until its sender is told that the consortium has no quorum.
    `rpc_listen` is where the engine answers newcomers' light clients, as `ledger.comet.statesync` says; nowhere by default.
    Every `snapshot_heights` heights of the ledger a snapshot is made for newcomers (0: none), and the newest `snapshots_kept` are kept.
    """

    listen: str
    peers: Sequence[str] = ()
    external: str = ""
    empty_blocks_interval_s: int = 10
    timeout_propose_ms: int = 500
    timeout_commit_ms: int = 100
    stalled_ms: int = 12_000
    rpc_listen: str = ""
    state_sync: StateSync | None = None
    snapshot_heights: int = 500
    snapshots_kept: int = 4

    def __post_init__(self) -> None:
        """Raises `InputError` (`bad-rpc-address`, `bad-snapshots`)."""
        if self.rpc_listen:
            check_rpc_listen(self.rpc_listen)
        if self.snapshot_heights < 0 or not 0 < self.snapshots_kept <= SNAPSHOTS_KEPT_MAX:
            message = f"`snapshot_heights` is not negative, and `snapshots_kept` at least 1 and at most {SNAPSHOTS_KEPT_MAX}"
            raise InputError("bad-snapshots", message, hint="leave both out for what is usual")


def make_key(path: Path, random_key: Ed25519PrivateKey, *, votes: bool) -> bytes:
    """Writes a key file, and the state beside a voting key's; gives the public key. Raises `FileExistsError` rather than write over one."""
    public = random_key.public_key().public_bytes_raw()
    private = {"type": _PRIVATE_TYPE, "value": _base64(random_key.private_bytes_raw() + public)}
    if votes:
        told = {"type": _PUBLIC_TYPE, "value": _base64(public)}
        _write_new(path, {"address": address_of(public).upper(), "pub_key": told, "priv_key": private})
    else:
        _write_new(path, {"priv_key": private})
    return public


def public_of(path: Path) -> bytes:
    """The public key of a key file. Raises `InputError` (`bad-engine-key`)."""
    try:
        value = base64.b64decode(json.loads(path.read_bytes())["priv_key"]["value"], validate=True)
        public = value[_KEY_BYTES:]
        Ed25519PublicKey.from_public_bytes(public)
    except (OSError, KeyError, TypeError, ValueError) as error:
        hint = "restore it from a backup of this home"
        raise InputError("bad-engine-key", f"{path} holds no Ed25519 key of CometBFT's", hint=hint) from error
    return public


@dataclass(frozen=True, slots=True)
class CometHome:
    """The directory. Making one of these touches no file."""

    path: Path

    @property
    def validator_key_file(self) -> Path:
        return self.path / "config" / "priv_validator_key.json"

    @property
    def node_key_file(self) -> Path:
        return self.path / "config" / "node_key.json"

    @property
    def validator_state_file(self) -> Path:
        return self.path / "data" / "priv_validator_state.json"

    @property
    def snapshots(self) -> Path:
        """The directory of the snapshots that this node offers. CometBFT does not look there."""
        return self.path / "snapshots"

    def drop_half_made(self) -> None:
        """Removes databases that CometBFT was ended in making: it has written nothing into them, and would open none of them ever again.
        One that held anything and has lost its beginning has more files, and stays.
        """
        for database in (self.path / "data").glob("*.db"):
            if {path.name for path in database.iterdir()} <= _HALF_MADE:
                shutil.rmtree(database)

    def holds_blocks(self) -> bool:
        """Whether CometBFT has its blocks here, be it none yet."""
        return (self.path / "data" / "blockstore.db").exists()

    def make(self, validator: Ed25519PrivateKey, node: Ed25519PrivateKey) -> tuple[bytes, bytes]:
        """A new directory with two keys; gives their public keys, the one that votes first."""
        for directory in (self.path, self.path / "config", self.path / "data"):
            directory.mkdir(mode=0o700)
        publics = make_key(self.validator_key_file, validator, votes=True), make_key(self.node_key_file, node, votes=False)
        _write_new(self.validator_state_file, {"height": "0", "round": 0, "step": 0})
        return publics

    def keys(self) -> tuple[bytes, bytes]:
        """The public keys of a directory, the one that votes first. Raises `InputError` (`bad-engine-key`) where one is missing, or what
        was last voted: to vote on without knowing that is to vote twice.
        """
        publics = public_of(self.validator_key_file), public_of(self.node_key_file)
        if not self.validator_state_file.is_file():
            hint = "never begin it anew for a key that has voted: make new keys, and let the governors put them in its place"
            raise InputError("bad-engine-key", f"{self.validator_state_file} is not there: what the key voted last is not known", hint=hint)
        return publics

    def write(self, genesis: Mapping[str, Any], powers: Mapping[str, int], settings: Settings) -> None:
        """What CometBFT is to read at its next start. `powers` are the voting powers at genesis by public key."""
        _replace(self.path / "config" / "genesis.json", json.dumps(genesis_file(genesis, powers), indent=2) + "\n")
        _replace(self.path / "config" / "config.toml", config_file(settings))


def genesis_file(genesis: Mapping[str, Any], powers: Mapping[str, int]) -> dict[str, Any]:
    """CometBFT's genesis document: the same on every node, since all of it follows from the ledger's.

    Its time is that of the engine's first block, which must be later than the ledger's own beginning.
    """
    validators = [
        {
            "address": address_of(bytes.fromhex(public)).upper(),
            "pub_key": {"type": _PUBLIC_TYPE, "value": _base64(bytes.fromhex(public))},
            "power": str(power),
            "name": "",
        }
        for public, power in sorted(powers.items())
    ]
    begins = _EPOCH + timedelta(milliseconds=int(genesis["time"]) + 1)
    return {
        "genesis_time": begins.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "chain_id": chain_id_of(network_of(genesis)),
        "initial_height": "1",
        "consensus_params": {
            "block": {"max_bytes": str(BLOCK_BYTES_MAX + COMET_BLOCK_OVERHEAD_BYTES), "max_gas": "-1"},
            "evidence": {
                "max_age_num_blocks": str(_EVIDENCE_BLOCKS),
                "max_age_duration": str(EVIDENCE_DAYS * 86_400 * 10**9),
                "max_bytes": str(COMET_BLOCK_OVERHEAD_BYTES // 2),
            },
            "validator": {"pub_key_types": ["ed25519"]},
            "version": {"app": str(APP_VERSION)},
            "abci": {"vote_extensions_enable_height": "0"},
        },
        "validators": validators,
        "app_hash": "",
    }


def config_file(settings: Settings) -> str:
    """What differs from CometBFT's defaults, and why.

    Peers are only those that members run (`pex` off, `filter_peers`); blocks are made when there is something to order, and else once in a
    while, so that time goes on; the waits of a proposal and of gossip are short, for a few validators near each other; results and
    transactions are not indexed a second time. `unsafe` lets the node tell its engine to dial: while a second address is listened at, it is
    off.
    """
    values: dict[str, dict[str, Any]] = {
        "": {"filter_peers": True, "log_level": "error", "log_format": "json"},
        "rpc": {
            "max_request_batch_size": _BATCH_MAX,
            "max_body_bytes": 4 * RECORD_BYTES_MAX,
            "unsafe": not settings.rpc_listen,
            "cors_allowed_origins": [],
        },
        "p2p": {
            "laddr": f"tcp://{settings.listen}",
            "external_address": settings.external,
            "persistent_peers": ",".join(settings.peers),
            "pex": False,
            "addr_book_strict": False,
            "allow_duplicate_ip": True,
            "flush_throttle_timeout": "10ms",
            "send_rate": 51_200_000,
            "recv_rate": 51_200_000,
            "max_packet_msg_payload_size": 16_384,
        },
        "mempool": {"type": "flood", "size": 20_000, "max_tx_bytes": RECORD_BYTES_MAX, "cache_size": 100_000},
        "consensus": {
            "timeout_propose": f"{settings.timeout_propose_ms}ms",
            "timeout_commit": f"{settings.timeout_commit_ms}ms",
            "create_empty_blocks": False,
            "create_empty_blocks_interval": f"{settings.empty_blocks_interval_s}s",
            "peer_gossip_sleep_duration": "10ms",
        },
        "statesync": state_sync_config(settings.state_sync),
        "storage": {"discard_abci_responses": True},
        "tx_index": {"indexer": "null"},
        "instrumentation": {"prometheus": False},
    }
    blocks = ["# Written by Tallystick at each start; what is changed here is lost.\n" + _lines(values.pop(""))]
    blocks += [f"[{name}]\n{_lines(fields)}" for name, fields in values.items()]
    return "\n".join(blocks)


def _lines(fields: Mapping[str, Any]) -> str:
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in fields.items())


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _write_new(path: Path, value: Mapping[str, Any]) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w", encoding="ascii") as opened:
        opened.write(json.dumps(value, indent=2) + "\n")
        opened.flush()
        os.fsync(opened.fileno())


def _replace(path: Path, text: str) -> None:
    beside = path.with_suffix(path.suffix + ".new")
    beside.unlink(missing_ok=True)
    file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w", encoding="ascii") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    beside.replace(path)
