"""CometBFT's blocks (v0.38), byte for byte: what a header hashes to, what a list of validators hashes to, and what a validator signs.

All of it is protobuf of a few fields, written here by hand. A field of protobuf is left out where it is zero or empty. Trees are those
of RFC 6962. Hashes are SHA-256. Everything raises `Invalid` (the code given) for what has not the form of a block.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from ledger.verify.strict_json import Invalid, fields, integer, items, text, unhex

VALIDATORS_MAX: Final = 64
POWER_MAX: Final = 1_000_000_000_000
"""So that three times the power of all validators stays within 2**53."""

_SECONDS_MAX: Final = 253_402_300_799
_NANOS_MAX: Final = 999_999_999
_ROUND_MAX: Final = 2**31 - 1
_CHAIN_ID_MAX: Final = 50
_PRECOMMIT: Final = 2
_HASHES: Final = ("last_commit_hash", "data_hash", "validators_hash", "next_validators_hash", "consensus_hash")
_RESULT_HASHES: Final = ("last_results_hash", "evidence_hash")
_HEADER: Final = ("version", "chain_id", "height", "time", "last_block_id", *_HASHES, "app_hash", *_RESULT_HASHES, "proposer_address")


@dataclass(frozen=True)
class EngineHeader:
    """What a header says that a verifier asks about, and what it hashes to. `time` is seconds since 1970 and nanoseconds."""

    chain_id: str
    height: int
    time: tuple[int, int]
    validators_hash: bytes
    next_validators_hash: bytes
    app_hash: bytes
    hash: bytes


def read_header(value: Any, code: str) -> EngineHeader:
    """A header of 14 fields, which are the leaves of its tree in this order."""
    header = fields(value, _HEADER, code)
    version = fields(header["version"], ("block", "app"), code)
    chain_id = text(header["chain_id"], _CHAIN_ID_MAX, code)
    if not chain_id.isascii():
        raise Invalid(code)
    time = read_time(header["time"], code)
    last = header["last_block_id"]
    # Only the first block of a chain has none before it.
    last_id = _data(2, b"") if last is None else _block_id(*_named_block(last, code))
    hashes = {name: unhex(header[name], 32, code) for name in (*_HASHES, *_RESULT_HASHES)}
    height = integer(header["height"], code)
    if height == 0:
        raise Invalid(code)
    app_hash = _app_hash(header["app_hash"], code)
    leaves = [
        _number(1, integer(version["block"], code)) + _number(2, integer(version["app"], code)),
        _data(1, chain_id.encode()) if chain_id else b"",
        _number(1, height),
        _timestamp(time),
        last_id,
        *(_data(1, hashes[name]) for name in _HASHES),
        _data(1, app_hash) if app_hash else b"",
        *(_data(1, hashes[name]) for name in _RESULT_HASHES),
        _data(1, unhex(header["proposer_address"], 20, code)),
    ]
    hashed = tree_root(leaves)
    return EngineHeader(chain_id, height, time, hashes["validators_hash"], hashes["next_validators_hash"], app_hash, hashed)


def read_time(value: Any, code: str) -> tuple[int, int]:
    time = fields(value, ("seconds", "nanos"), code)
    seconds, nanos = integer(time["seconds"], code), integer(time["nanos"], code)
    if seconds > _SECONDS_MAX or nanos > _NANOS_MAX:
        raise Invalid(code)
    return seconds, nanos


def read_parts(value: Any, code: str) -> tuple[int, bytes]:
    """How a block was cut for the network: the number of parts and the hash of their tree. A vote names it beside the block's hash."""
    parts = fields(value, ("total", "hash"), code)
    total = integer(parts["total"], code)
    if total >= 2**32:
        raise Invalid(code)
    return total, unhex(parts["hash"], 32, code)


def read_round(value: Any, code: str) -> int:
    if integer(value, code) > _ROUND_MAX:
        raise Invalid(code)
    return int(value)


def read_powers(value: Any, code: str) -> dict[bytes, int]:
    """Voting powers by Ed25519 public key, in the order of the list; at least one, each key once."""
    powers: dict[bytes, int] = {}
    for each in items(value, VALIDATORS_MAX, code):
        validator = fields(each, ("public", "power"), code)
        public, power = unhex(validator["public"], 32, code), integer(validator["power"], code)
        if not 0 < power <= POWER_MAX or public in powers:
            raise Invalid(code)
        powers[public] = power
    if not powers:
        raise Invalid(code)
    return powers


def in_order(powers: dict[bytes, int]) -> dict[bytes, int]:
    """The validators as CometBFT lists them: the greatest power first, of equal ones by address, the first 20 bytes of the key's hash."""
    return dict(sorted(powers.items(), key=lambda each: (-each[1], sha256(each[0]).digest()[:20])))


def powers_hash(powers: dict[bytes, int]) -> bytes:
    """The hash of a list of validators: the root over `SimpleValidator {pub_key = 1 {ed25519 = 1}, voting_power = 2}`."""
    return tree_root([_data(1, _data(1, public)) + _number(2, power) for public, power in powers.items()])


def vote_bytes(header: EngineHeader, round_: int, parts: tuple[int, bytes], time: tuple[int, int]) -> bytes:
    """What a validator signs to commit a block: `CanonicalVote {type = 1, height = 2, round = 3, block_id = 4, timestamp = 5,
    chain_id = 6}` with its length before it; height and round are of eight bytes.
    """
    vote = (
        _number(1, _PRECOMMIT)
        + _fixed(2, header.height)
        + _fixed(3, round_)
        + _data(4, _block_id(header.hash, parts))
        + _data(5, _timestamp(time))
        + _data(6, header.chain_id.encode())
    )
    return _varint(len(vote)) + vote


def tree_root(leaves: list[bytes]) -> bytes:
    """The root of RFC 6962 over at least one leaf."""
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + tree_root(leaves[:split]) + tree_root(leaves[split:])).digest()


def _named_block(value: Any, code: str) -> tuple[bytes, tuple[int, bytes]]:
    block = fields(value, ("hash", "parts"), code)
    return unhex(block["hash"], 32, code), read_parts(block["parts"], code)


def _app_hash(value: Any, code: str) -> bytes:
    """Of no fixed length: each application has its own."""
    return unhex(value, min(len(text(value, 64, code)) // 2, 32), code)


def _block_id(hashed: bytes, parts: tuple[int, bytes]) -> bytes:
    return _data(1, hashed) + _data(2, _number(1, parts[0]) + _data(2, parts[1]))


def _timestamp(time: tuple[int, int]) -> bytes:
    return _number(1, time[0]) + _number(2, time[1])


def _number(field: int, value: int) -> bytes:
    return bytes([field << 3]) + _varint(value) if value else b""


def _fixed(field: int, value: int) -> bytes:
    return bytes([field << 3 | 1]) + value.to_bytes(8, "little") if value else b""


def _data(field: int, value: bytes) -> bytes:
    """A field of bytes, of text, or of a message: such a one is written even where it is empty."""
    return bytes([field << 3 | 2]) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)
