"""The file that a newcomer needs: which network it is, whom its validators are trusted by, and where its members are found.

    {"v": 1, "genesis": {...}, "trust": {...}, "authority": "https://...", "peers": ["id@host:port", ...]}

It is canonical JSON and holds nothing secret. Nothing in it is believed that can be computed: the network's id is the hash of `genesis`,
which is executed before anything is made of it, and `trust` is for readers without a home. `peers` are engines of a consortium and where
they listen; an engine there that is not a member's gets no answer, since each side knows the other by a key on the ledger.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.ruleset import RULEBOOK
from ledger import canonical
from ledger.errors import InputError, VerificationFailed
from ledger.execution import execute_genesis
from ledger.header import network_of
from ledger.limits import COMET_PEERS_MAX, NETWORK_FILE_BYTES_MAX
from ledger.verify.engines import read_trust
from ledger.verify.strict_json import Invalid
from nodes.home import Home
from nodes.home_config import HomeConfig, Peer, Url
from nodes.seats import engine_keys_of, peer_of

_EVERY_IPV4: Final = "0.0.0.0"  # noqa: S104 - compared with, not listened on  # nosec B104
_EVERYWHERE: Final = frozenset({_EVERY_IPV4, "[::]", "::", ""})


class NetworkFile(BaseModel):
    """The file, whole."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    v: Literal[1] = 1
    genesis: dict[str, Any]
    trust: dict[str, Any]
    authority: Url
    peers: Annotated[list[Peer], Field(max_length=COMET_PEERS_MAX)] = []

    @property
    def network(self) -> str:
        """The network's id, computed."""
        return network_of(self.genesis)

    @property
    def is_consortium(self) -> bool:
        return bool(self.genesis["engine"]["kind"] == "comet")

    def encoded(self) -> bytes:
        return canonical.encode(self.model_dump())


def read_network_file(data: bytes, expected: str | None = None) -> NetworkFile:
    """The file from its bytes. Raises `InputError` (`oversize`, `not-json`, `not-canonical`, `bad-network-file`, `bad-genesis`), and
    `VerificationFailed` (`wrong-genesis`) where the network is not the expected one, or not that of the trust document.
    """
    if len(data) > NETWORK_FILE_BYTES_MAX:
        raise InputError("oversize", f"a network file has at most {NETWORK_FILE_BYTES_MAX} bytes")
    try:
        file = NetworkFile.model_validate(canonical.decode(data))
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in fault["loc"]) or "the file"
        raise InputError("bad-network-file", f"{field}: {fault['msg']}", hint="tallystick network publish writes such a file") from error
    _check_genesis(file.genesis)
    if expected is not None and file.network != expected:
        raise VerificationFailed("wrong-genesis", f"this is the network {file.network}, not the one expected", hint="ask who sent the file")
    if _network_trusted(file.trust) != file.network:
        raise VerificationFailed("wrong-genesis", "the trust document is another network's", hint="ask who sent the file")
    return file


def published(home: Home, config: HomeConfig, authority: str | None = None) -> NetworkFile:
    """What a home knows of its network. `authority` is where the authority's node answers, unless the home knows.

    Raises `InputError` (`address-unknown`) where an address is missing, and as `Home.read_genesis`, `Home.read_trust` and `engine_keys_of`.
    """
    genesis = home.read_genesis(config.network.id)
    trust = home.read_trust()
    peers = list(config.engine.peers)
    if config.engine.kind == "comet":
        peers.append(_own_peer(home, config))
    return NetworkFile(genesis=genesis, trust=trust, authority=authority or _authority(config), peers=peers)


def _network_trusted(trust: dict[str, Any]) -> str:
    try:
        return read_trust(canonical.encode(trust)).network
    except Invalid as invalid:
        raise InputError("bad-network-file", f"trust: {invalid.code}", hint="tallystick network publish writes such a file") from invalid


def _own_peer(home: Home, config: HomeConfig) -> str:
    peer = peer_of(engine_keys_of(home).node, config.engine)
    host = peer.partition("@")[2].rpartition(":")[0]
    if host in _EVERYWHERE:
        hint = "set `external` under [engine] in its tallystick.toml"
        raise InputError("address-unknown", "this home's engine listens everywhere: where others find it is not known", hint=hint)
    return peer


def _authority(config: HomeConfig) -> str:
    if config.engine.upstream is not None:
        return config.engine.upstream
    if config.node.role != "authority" or config.api.host in _EVERYWHERE:
        raise InputError("address-unknown", "this home does not know where the authority's node answers", hint="say it with --authority")
    return config.base_url


def _check_genesis(genesis: dict[str, Any]) -> None:
    """Whether a ledger can begin with it. Raises `InputError` (`bad-genesis`)."""
    execute_genesis(genesis, RULEBOOK)
    engine = genesis.get("engine")
    if not isinstance(engine, dict) or engine.get("kind") not in ("solo", "comet") or not isinstance(genesis.get("name"), str):
        raise InputError("bad-genesis", "the genesis document names no network, or no engine that this program has")
