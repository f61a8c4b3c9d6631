"""Joining by state sync: what CometBFT's light client is told, and where it may be answered.

A newcomer's engine trusts one block, whose height and hash its operator has from people it trusts, and asks two others' engines for the
headers and signatures from there on. Those speak CometBFT's RPC, which also takes transactions and tells of peers: it has no sign-in,
so it never listens where others reach it. An engine answers newcomers at a Unix socket, or at a loopback address, that its member leads
to by a tunnel of its own (for instance ssh's, which carries Unix sockets), for as long as somebody joins.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ledger.errors import InputError
from ledger.limits import INTEGER_MAX, SNAPSHOT_CHUNKS_MAX

UNIX: Final = "unix://"
_DAY_S: Final = 86_400
EVIDENCE_DAYS: Final = 21
"""So long the engine takes evidence of misbehaviour. What a light client trusts must not be older."""
_TRUST_PERIOD_S_MAX: Final = EVIDENCE_DAYS * _DAY_S
_SERVERS_MIN: Final = 2
_DISCOVERY_S_MIN: Final = 5
_HASH: Final = re.compile(r"[0-9a-fA-F]{64}\Z")
_SERVER: Final = re.compile(r"(unix:///|tcp://|https?://)[\w./:@%~?=&\[\]-]+\Z", re.ASCII)
_LISTEN: Final = re.compile(r"(unix:///[\w./@%~-]+|tcp://(127\.0\.0\.1|\[::1\]):[1-9][0-9]{0,4})\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class StateSync:
    """How a node whose ledger is empty joins. `trust_height` and `trust_hash` name a block of the engine's (64 hex characters), no older
    than `trust_period_s`. `rpc_servers` are the addresses of two or more engines, which are asked the same and must agree.

    A node that has blocks already does not sync, whatever stands here. Raises `InputError` (`bad-state-sync`).
    """

    rpc_servers: Sequence[str]
    trust_height: int
    trust_hash: str
    trust_period_s: int = 14 * _DAY_S
    discovery_time_s: int = 15

    def __post_init__(self) -> None:
        if len(self.rpc_servers) < _SERVERS_MIN or not all(map(_SERVER.match, self.rpc_servers)):
            raise _bad("`rpc_servers` are two or more addresses, unix:///..., tcp://..., http://... or https://...")
        if not 0 < self.trust_height <= INTEGER_MAX or not _HASH.match(self.trust_hash):
            raise _bad("`trust_height` and `trust_hash` name a block: its height, and its hash in 64 hex characters")
        if not 0 < self.trust_period_s <= _TRUST_PERIOD_S_MAX or self.discovery_time_s < _DISCOVERY_S_MIN:
            raise _bad(f"`trust_period_s` is at most {_TRUST_PERIOD_S_MAX}, and `discovery_time_s` at least {_DISCOVERY_S_MIN}")


def state_sync_config(state_sync: StateSync | None) -> dict[str, Any]:
    """The section `statesync` of CometBFT's configuration."""
    if state_sync is None:
        return {"enable": False}
    return {
        "enable": True,
        "rpc_servers": ",".join(state_sync.rpc_servers),
        "trust_height": state_sync.trust_height,
        "trust_hash": state_sync.trust_hash,
        "trust_period": f"{state_sync.trust_period_s}s",
        "discovery_time": f"{state_sync.discovery_time_s}s",
        "max_snapshot_chunks": SNAPSHOT_CHUNKS_MAX,
    }


def check_rpc_listen(address: str) -> None:
    """Whether nobody but this machine's users reaches the engine at an address. Raises `InputError` (`bad-rpc-address`)."""
    if not _LISTEN.match(address):
        hint = "unix:///path/to.sock or tcp://127.0.0.1:PORT, reached by others over a tunnel of yours"
        raise InputError("bad-rpc-address", "the engine's RPC has no sign-in, and listens on this machine only", hint=hint)


def _bad(message: str) -> InputError:
    return InputError("bad-state-sync", message, hint="ask two members for the height and hash of a recent block, and compare them")
