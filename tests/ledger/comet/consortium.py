"""Validators of tests, whose keys everybody knows: blocks of an engine that they sign, and checkpoints of a small ledger below them.

What a block hashes to and what is signed is taken from the verifier, which `test_recorded` holds to what CometBFT itself signed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import canonical
from ledger.comet.commits import checkpoint_text
from ledger.store import Reader
from ledger.verify import comet_blocks
from tests.ledger.small_ledger import START_MS
from tests.ledger.verify.trusting import consortium_trust

Powers = Mapping[str, int]
FOUR: Powers = {"bank-a": 10, "bank-b": 10, "bank-c": 10, "port": 10}
YEAR_S = 31_536_000


def private(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(sha256(f"validator {name}".encode()).digest())


def public(name: str) -> str:
    return private(name).public_key().public_bytes_raw().hex()


def chain_id(network: str) -> str:
    return f"tallystick-{network[:32]}"


def listed(powers: Powers) -> list[dict[str, Any]]:
    """In the engine's order."""
    named = {bytes.fromhex(public(name)): power for name, power in powers.items()}
    return [{"public": key.hex(), "power": power} for key, power in comet_blocks.in_order(named).items()]


def hash_of(powers: Powers) -> str:
    return comet_blocks.powers_hash({bytes.fromhex(each["public"]): each["power"] for each in listed(powers)}).hex()


def seconds(height: int) -> int:
    """When a block of that height is: one a minute."""
    return START_MS // 1000 + 60 * height


def block(
    network: str,
    height: int,
    root: bytes,
    powers: Powers = FOUR,
    *,
    by: Sequence[str] | None = None,
    next_powers: Powers | None = None,
    round_: int = 0,
    parts: str = "parts",
    signed: Mapping[str, Any] | None = None,
    **header: Any,
) -> dict[str, Any]:
    """A block of the engine, voted for by all or by those named. `signed` are fields of the header that the votes are for instead."""
    filler = {name: sha256(name.encode()).hexdigest() for name in ("data_hash", "consensus_hash", "last_results_hash", "evidence_hash")}
    head = {
        "version": {"block": 11, "app": 0},
        "chain_id": chain_id(network),
        "height": height,
        "time": {"seconds": seconds(height), "nanos": 123_456_789},
        "last_block_id": {"hash": sha256(b"last").hexdigest(), "parts": {"total": 1, "hash": sha256(b"last parts").hexdigest()}},
        "last_commit_hash": sha256(b"last commit").hexdigest(),
        "validators_hash": hash_of(powers),
        "next_validators_hash": hash_of(powers if next_powers is None else next_powers),
        "app_hash": root.hex(),
        "proposer_address": sha256(bytes.fromhex(public(next(iter(powers))))).hexdigest()[:40],
        **filler,
        **header,
    }
    cut = {"total": 1, "hash": sha256(parts.encode()).hexdigest()}
    places = {each["public"]: place for place, each in enumerate(listed(powers))}
    named = comet_blocks.read_header({**head, **(signed or {})}, "bad")
    votes: list[dict[str, Any]] = []
    for name in powers if by is None else by:
        time = {"seconds": seconds(height), "nanos": 200_000_000 + places[public(name)]}
        message = comet_blocks.vote_bytes(named, round_, comet_blocks.read_parts(cut, "bad"), comet_blocks.read_time(time, "bad"))
        votes.append({"validator": places[public(name)], "time": time, "signature": private(name).sign(message).hex()})
    votes.sort(key=lambda vote: int(vote["validator"]))
    return {"header": head, "parts": cut, "round": round_, "signatures": votes, "validators": listed(powers)}


def checkpoint(reader: Reader, at: int | None = None, steps: Sequence[Mapping[str, Any]] = (), **changes: Any) -> str:
    """The checkpoint of the ledger after its block of that height, by default the newest: in the engine's next block but one, say."""
    header = reader.head if at is None else reader.header(at)
    assert header is not None
    root, path = reader.log_root(header.log_size + 1), reader.inclusion_proof(header.log_size, header.log_size + 1)
    signed = block(header.network, **{"height": header.engine_height + 1, "root": root, **changes})
    return checkpoint_text(signed, [dict(each) for each in steps], header, path)


def trust_file(network: str, powers: Powers = FOUR, /, **changes: Any) -> bytes:
    named = [{"name": name, "public": public(name), "power": power} for name, power in powers.items()]
    value = canonical.decode(consortium_trust(network, named, START_MS, YEAR_S))
    return canonical.encode({**value, **changes})
