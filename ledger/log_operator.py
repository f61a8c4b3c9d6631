"""The operator of a solo ledger: who signs its checkpoints, and how followers know them. Genesis names the operator and the key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.checkpoint import Checkpoint, sign_note
from ledger.errors import InputError, NotFound
from ledger.execution import Execution


@dataclass(frozen=True, slots=True)
class OperatorKey:
    """The operator's name and Ed25519 public key, 32 raw bytes."""

    name: str
    public: bytes


class Operator:
    """Signs checkpoints with the operator's private key."""

    def __init__(self, name: str, private_key: Ed25519PrivateKey) -> None:
        self.name, self._private_key = name, private_key

    @property
    def key(self) -> OperatorKey:
        return OperatorKey(self.name, self._private_key.public_key().public_bytes_raw())

    def checkpoint(self, execution: Execution) -> str:
        """The signed note of the log after a block."""
        return sign_note(checkpoint_of(execution), self.name, self._private_key)


def checkpoint_of(execution: Execution) -> Checkpoint:
    """What the checkpoint of a block must say."""
    header = execution.header
    assert header is not None
    return Checkpoint(origin_of(header.network), execution.log_size, execution.log_root)


def origin_of(network: str) -> str:
    """The origin line of a network's checkpoints."""
    return f"tallystick/{network}"


def operator_of(genesis: Mapping[str, Any]) -> OperatorKey:
    """The operator that a genesis document names. Raises `NotFound` (`no-operator`) for a consortium's, `InputError` (`bad-genesis`)."""
    if genesis.get("engine") == {"kind": "comet"}:
        raise NotFound("no-operator", "this network has no operator: its validators sign the log together")
    try:
        operator = genesis["engine"]["operator"]
        return OperatorKey(str(operator["name"]), bytes.fromhex(operator["public"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("bad-genesis", "the genesis document names no operator") from error
