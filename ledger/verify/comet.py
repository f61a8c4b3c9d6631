"""The engine `comet`, where the validators of a consortium sign the log through CometBFT: the trust file, which says whose votes count,
and the checkpoint, which leads from the root of our log to votes of more than two thirds of the power, as a light client would.

Trust file: `{v, network, engine, validators: [{name, public, power}], height, time, max_age_s}`: these are the validators of the
engine's block of that height and time (milliseconds since 1970), believed of blocks up to `max_age_s` later. No clock is read.

Checkpoint: `{header, inclusion, block, steps}`. `header` is that of the newest block of our ledger and the log's last leaf: so its own
`log_size` fixes the size of the log, which the root alone does not. `block` is the engine's block whose app hash is that root, and each
of `steps` one before it, where the validators changed: `{header, parts, round, signatures: [{validator, time, signature}],
validators: [{public, power}]}`, `validator` a place in `validators`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from ledger.verify.blocks import check_header
from ledger.verify.comet_blocks import (
    EngineHeader,
    in_order,
    powers_hash,
    read_header,
    read_parts,
    read_powers,
    read_round,
    read_time,
    vote_bytes,
)
from ledger.verify.signatures import ed25519_holds
from ledger.verify.strict_json import Invalid, fields, integer, items, text, unhex

STEPS_MAX: Final = 64
# In a day at the least, by the rules of the ledger, less than a third of the power changes hands.
SKIP_MS_MAX: Final = 43_200_000
MAX_AGE_S_MAX: Final = 10_000_000_000
_TRUST: Final = ("v", "network", "engine", "validators", "height", "time", "max_age_s")
_NAME: Final = re.compile(r"[!-*,-~]{1,255}\Z")
_BAD: Final = "bad-checkpoint"
_TIME_MS_MAX: Final = 253_402_300_799_999
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class SignedBlock:
    """A block of the engine that more than two thirds of the power of its own validators signed. Whether these are to be believed is
    another question. `powers` are its validators', in the engine's order; `signers` are those whose votes were shown.
    """

    header: EngineHeader
    powers: dict[bytes, int]
    signers: tuple[bytes, ...]

    @property
    def time_ms(self) -> int:
        return self.header.time[0] * 1_000 + self.header.time[1] // 1_000_000


@dataclass(frozen=True)
class CommittedLog:
    """A log that validators signed: its size and root, our newest block in it, and the engine's block that carries the root."""

    size: int
    root: bytes
    height: int
    block: SignedBlock
    trust: Trust = field(repr=False)

    single = False
    doubt = "which of the validators signed what they should not have"

    @property
    def who(self) -> str:
        """The validators that signed, by the names of the trust file."""
        names = [self.trust.names[each] for each in self.block.signers if each in self.trust.names]
        others = len(self.block.signers) - len(names)
        named = ", ".join([*names, *([f"{others} whom the trust file does not name"] if others else [])])
        signed, power = sum(self.block.powers[each] for each in self.block.signers), sum(self.block.powers.values())
        return f"more than two thirds of the validators' power ({named}: {signed} of {power})"

    def said(self) -> tuple[list[str], list[str]]:
        """Who vouches that everybody is shown this log: what is proven, and what is not."""
        header, time_ms = self.block.header, self.block.time_ms
        moment = (_EPOCH + timedelta(milliseconds=time_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        proven = [f"{self.who} signed the log of {self.size} leaves, in block {header.height} of chain {header.chain_id}, of {moment}"]
        if header.validators_hash != powers_hash(self.trust.powers):
            proven.append(f"those validators follow from the ones that the trust file names for block {self.trust.height}")
        return proven, [
            "that everyone is shown the same history: validators of a third of the power or more could together sign another",
            "that the validators' keys were still theirs alone: no clock is read here, and who holds old keys can sign old dates",
        ]

    def conflict(self, other: CommittedLog) -> str | None:
        """What shows, without another proof, that two such logs are not of one history."""
        if self.size == other.size and self.root != other.root:
            return f"with different first {self.size} leaves"
        mine, theirs = self.block.header, other.block.header
        if mine.height == theirs.height and mine.hash != theirs.hash:
            return f"with different blocks of the engine's height {mine.height}"
        return None


@dataclass(frozen=True)
class Trust:
    """What the verifier believes beforehand: the validators of one block, by power and by name, and until when."""

    network: str
    powers: dict[bytes, int]
    names: dict[bytes, str]
    height: int
    time_ms: int
    max_age_s: int

    @property
    def chain_id(self) -> str:
        """The engine's name for the network."""
        return f"tallystick-{self.network[:32]}"

    def log(self, checkpoint: Any, *, accused: bool = False) -> CommittedLog:
        """The log that a checkpoint vouches for; `accused` changes nothing here.

        Raises `Invalid` (`bad-checkpoint`, `header-invalid`, `inclusion-invalid`, and as `check_block` and `check_chain`).
        """
        file = fields(checkpoint, ("header", "inclusion", "block", "steps"), _BAD)
        chain = [check_block(each, self.chain_id) for each in (*items(file["steps"], STEPS_MAX, _BAD), file["block"])]
        check_chain(chain, self)
        block, header = chain[-1], file["header"]
        size = integer(header.get("log_size") if type(header) is dict else None, "header-invalid") + 1
        check_header(header, file["inclusion"], size, block.header.app_hash, self.network)
        return CommittedLog(size, block.header.app_hash, header["height"], block, self)


def read_trust(value: Any) -> Trust:
    """What a trust file's value says. Raises `Invalid` (`bad-trust`)."""
    bad = "bad-trust"
    file = fields(value, _TRUST, bad)
    if type(file["v"]) is not int or file["v"] != 1 or file["engine"] != "comet":
        raise Invalid(bad)
    listed = [fields(each, ("name", "public", "power"), bad) for each in items(file["validators"], 64, bad)]
    powers = read_powers([{"public": each["public"], "power": each["power"]} for each in listed], bad)
    names = {public: text(each["name"], 255, bad) for public, each in zip(powers, listed, strict=True)}
    height, time_ms, age_s = (integer(file[name], bad) for name in ("height", "time", "max_age_s"))
    if not all(_NAME.match(name) for name in names.values()) or height == 0 or time_ms > _TIME_MS_MAX or age_s > MAX_AGE_S_MAX:
        raise Invalid(bad)
    return Trust(unhex(file["network"], 32, bad).hex(), in_order(powers), names, height, time_ms, age_s)


def check_block(value: Any, chain_id: str) -> SignedBlock:
    """A block that more than two thirds of its own validators' power signed; every signature that is given has to hold.

    Raises `Invalid` (`bad-checkpoint`, `wrong-network`, `validators-invalid`, `validator-unknown`, `commit-invalid`, `not-enough-power`).
    """
    file = fields(value, ("header", "parts", "round", "signatures", "validators"), _BAD)
    header, parts, round_ = read_header(file["header"], _BAD), read_parts(file["parts"], _BAD), read_round(file["round"], _BAD)
    if header.chain_id != chain_id:
        raise Invalid("wrong-network")
    powers = read_powers(file["validators"], _BAD)
    if powers_hash(powers) != header.validators_hash:
        raise Invalid("validators-invalid")
    publics, signers, last = list(powers), [], -1
    for each in items(file["signatures"], len(publics), _BAD):
        vote = fields(each, ("validator", "time", "signature"), _BAD)
        place = integer(vote["validator"], _BAD)
        if place >= len(publics):
            raise Invalid("validator-unknown")
        signed = vote_bytes(header, round_, parts, read_time(vote["time"], _BAD))
        # In order, so that nobody is counted twice.
        if place <= last or not ed25519_holds(publics[place], unhex(vote["signature"], 64, _BAD), signed):
            raise Invalid("commit-invalid")
        signers.append(publics[place])
        last = place
    if 3 * sum(powers[each] for each in signers) <= 2 * sum(powers.values()):
        raise Invalid("not-enough-power")
    return SignedBlock(header, powers, tuple(signers))


def check_chain(chain: list[SignedBlock], trust: Trust) -> None:
    """Leads from the trusted validators to those of the last block, from each to the next by one of a light client's rules: they are the
    same; or the block before, which is the next lower one, names them as the next; or of those before, half a day earlier at the most, more
    than a third of the power signed. Blocks below the trusted height lead to nothing, and are passed over.

    Raises `Invalid` (`steps-invalid`, `before-trust`, `trust-too-old`, `validators-not-trusted`).
    """
    heights, times = [each.header.height for each in chain], [each.header.time for each in chain]
    if any(high <= low for low, high in pairwise(heights)):
        raise Invalid("steps-invalid")
    if any(late <= early for early, late in pairwise(times)):
        raise Invalid("steps-invalid")
    if chain[-1].header.height < trust.height or any(each.time_ms < trust.time_ms for each in chain if each.header.height >= trust.height):
        raise Invalid("before-trust")
    if chain[-1].time_ms > trust.time_ms + 1_000 * trust.max_age_s:
        raise Invalid("trust-too-old")
    powers, height, time_ms, next_hash = trust.powers, trust.height, trust.time_ms, b""
    for block in chain:
        if block.header.height < trust.height:
            continue
        same = block.header.validators_hash == powers_hash(powers)
        named = block.header.height == height + 1 and block.header.validators_hash == next_hash
        known = 3 * sum(powers.get(each, 0) for each in block.signers) > sum(powers.values()) and block.time_ms - time_ms <= SKIP_MS_MAX
        if not (same or named or (known and block.header.height > trust.height)):
            raise Invalid("validators-not-trusted")
        powers, height, time_ms, next_hash = block.powers, block.header.height, block.time_ms, block.header.next_validators_hash
