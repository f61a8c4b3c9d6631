"""The writer's side of a consortium's checkpoints: from what CometBFT answers about a block to the object that a proof file carries.

`ledger.verify.comet` says what the object holds, and everything made here is checked by it before it is given out. A checkpoint of our
block of the engine's height H needs the engine's block H + 1, whose app hash is the root of our log after it, and that block's commit.

Answers of the engine that do not have the form of one raise `InputError` (`bad-engine-answer`), those that do not hold
`VerificationFailed` with the verifier's code.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, Protocol

from ledger import canonical
from ledger.checkpoint import Checkpoint
from ledger.comet.answers import Block, block_in
from ledger.errors import InputError, VerificationFailed
from ledger.hashing import packed
from ledger.header import Header
from ledger.limits import CHECKPOINT_STEPS_MAX
from ledger.log_operator import origin_of
from ledger.verify import comet, comet_blocks
from ledger.verify.comet import CommittedLog, SignedBlock, Trust, check_block, check_chain
from ledger.verify.comet_blocks import EngineHeader
from ledger.verify.signatures import ed25519_holds
from ledger.verify.strict_json import Invalid

_BAD: Final = "bad-checkpoint"


class Engine(Protocol):
    """What is asked of CometBFT's JSON-RPC: the `result` of its `commit`, and the `validators` of all its pages."""

    def commit(self, height: int) -> Any: ...
    def validators(self, height: int) -> Sequence[Any]: ...


def fetch_block(engine: Engine, height: int, wanted: Collection[str] = ()) -> Block:
    """The engine's block of a height with its validators and as few signatures as it needs. `wanted` as in `block_of`."""
    return block_of(engine.commit(height), engine.validators(height), wanted)


def block_of(commit: Any, validators: Sequence[Any], wanted: Collection[str] = ()) -> Block:
    """The block in an answer of `commit`, with all validators that `validators` answered of the same height.

    Of its votes for the block the fewest are kept that have more than two thirds of the power: those of the most powerful. `wanted` are
    public keys in hex whose votes are taken before others.
    """
    block = block_in(commit, validators)
    with _held():
        block["signatures"] = _fewest(block, wanted)
        check_block(block, block["header"]["chain_id"])
    return block


def checkpoint_text(block: Block, steps: Sequence[Block], header: Header, path: Sequence[bytes]) -> str:
    """The checkpoint as it is stored: `block` carries the root of the log whose last leaf is `header`, `path` is that leaf's inclusion."""
    value = {"header": header.to_json(), "inclusion": packed(path), "block": block, "steps": list(steps)}
    return canonical.encode(value).decode()


def steps_to(block: Block, known: Sequence[Block], trust: Trust, fetch: Callable[[int], Block]) -> list[Block]:
    """The blocks by which whoever trusts only these validators, however long ago, is led to those of `block`. The first of the known ones
    are taken, as many as are needed, and where they do not lead there, others that are fetched, by halves as a light client does. Where
    there are too many for a checkpoint the newest are kept.

    `known` are the steps of the checkpoint before, and its own block. Raises `VerificationFailed` (`validators-not-trusted`).
    """
    ageless = replace(trust, max_age_s=comet.MAX_AGE_S_MAX)
    target = _signed(block, trust)
    steps = [(_signed(each, trust), each) for each in known]
    steps = [step for step in steps if trust.height <= step[0].header.height < target.header.height]
    steps = next((steps[:count] for count in range(len(steps)) if _leads(steps[:count], target, ageless)), steps)
    waiting = [(target, block)]
    while waiting:
        target, _ = waiting[-1]
        if _leads(steps, target, ageless):
            steps.append(waiting.pop())
            continue
        low = steps[-1][0].header.height if steps else trust.height - 1
        middle = (low + target.header.height) // 2
        if middle <= low:
            raise VerificationFailed(
                "validators-not-trusted", f"nothing leads to the validators of the engine's block {target.header.height}"
            )
        fetched = fetch(middle)
        waiting.append((_signed(fetched, trust), fetched))
    return [each for _, each in steps[:-1]][-CHECKPOINT_STEPS_MAX:]


def trusted_validators(network: str, powers: Mapping[str, int], height: int, time_ms: int, max_age_s: int = comet.MAX_AGE_S_MAX) -> Trust:
    """Trust in the validators of a block of the engine, voting powers by public key in hex."""
    named = [{"name": public, "public": public, "power": power} for public, power in sorted(powers.items())]
    file = {"v": 1, "network": network, "engine": "comet", "validators": named, "height": height, "time": time_ms, "max_age_s": max_age_s}
    with _held():
        return comet.read_trust(file)


def check(text: str, trust: Trust) -> tuple[int, bytes]:
    """The size and root of the log that a stored checkpoint vouches for, to whoever trusts these validators.

    Raises `InputError` (`not-json`, `not-canonical`), `VerificationFailed` with the verifier's code.
    """
    log = committed(text, trust)
    return log.size, log.root


def committed(text: str, trust: Trust) -> CommittedLog:
    """As `check`, with the block and who signed it."""
    value = canonical.decode(text.encode())
    with _held():
        return trust.log(value)


def is_checkpoint(text: str) -> bool:
    """Whether a stored checkpoint is one of a consortium, and no operator's note."""
    return text.startswith("{")


def said(text: str) -> Checkpoint:
    """What a stored checkpoint says of a log; who signed it is not looked at. Raises `InputError` (`bad-checkpoint`)."""
    try:
        value = canonical.decode(text.encode())
        header = Header.from_json(value["header"])
        return Checkpoint(origin_of(header.network), header.log_size + 1, bytes.fromhex(value["block"]["header"]["app_hash"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(_BAD, "the checkpoint is not one of a consortium") from error


def engine_block(text: str) -> EngineHeader:
    """The engine's block that signs for a stored checkpoint. Raises `InputError` (`bad-checkpoint`)."""
    try:
        with _held():
            return comet_blocks.read_header(canonical.decode(text.encode())["block"]["header"], _BAD)
    except (KeyError, TypeError, VerificationFailed) as error:
        raise InputError(_BAD, "the checkpoint is not one of a consortium") from error


def _signed(block: Block, trust: Trust) -> SignedBlock:
    with _held():
        return check_block(block, trust.chain_id)


def _leads(steps: Sequence[tuple[SignedBlock, Block]], target: SignedBlock, trust: Trust) -> bool:
    try:
        check_chain([*(step for step, _ in steps), target], trust)
    except Invalid:
        return False
    return True


def _fewest(block: Block, wanted: Collection[str]) -> list[dict[str, Any]]:
    """Of the votes for a block those that hold, the most powerful first, up to more than two thirds of the power; in the set's order."""
    header = comet_blocks.read_header(block["header"], _BAD)
    round_, parts = comet_blocks.read_round(block["round"], _BAD), comet_blocks.read_parts(block["parts"], _BAD)
    validators, chosen, power = block["validators"], [], 0
    total = sum(each["power"] for each in validators)

    def rank(vote: Mapping[str, Any]) -> tuple[bool, int, int]:
        validator = validators[vote["validator"]]
        return validator["public"] not in wanted, -validator["power"], vote["validator"]

    for vote in sorted(block["signatures"], key=rank):
        signed = comet_blocks.vote_bytes(header, round_, parts, comet_blocks.read_time(vote["time"], _BAD))
        validator = validators[vote["validator"]]
        # The engine takes some signatures that a strict check refuses (ZIP-215): such a one is of no use here.
        if ed25519_holds(bytes.fromhex(validator["public"]), bytes.fromhex(vote["signature"]), signed):
            chosen.append(vote)
            power += validator["power"]
        if 3 * power > 2 * total:
            break
    return sorted(chosen, key=lambda vote: int(vote["validator"]))


@contextmanager
def _held() -> Iterator[None]:
    try:
        yield
    except Invalid as invalid:
        raise VerificationFailed(invalid.code, "what the engine's validators signed does not hold") from invalid
