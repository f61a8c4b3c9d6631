"""Ledgers of any size for measurements: the whole life of financings, in records that are truly signed and truly executed.

Each life is a declaration, a consent under a one-time key, an enquiry with its answer, and a financing that is applied for, taken in,
approved, disbursed, collected and repaid in two parts: twelve records. Lives begin a few in each block and take one step a block, so
that a block mixes records of every age. Sealed parts are random bytes of the lengths that the demo's have, because the ledger opens
none. Everything follows from the seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from random import Random
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.commitments import consent_commitment, grant_commitment
from contracts.ruleset import RULEBOOK, RULESET
from contracts.shares import WHOLE
from ledger import canonical, keys
from ledger.admission import VerifiedSignatures
from ledger.execution import Accepted, Block
from ledger.header import network_of
from ledger.log_operator import Operator
from ledger.memory_chain import MemoryChain
from ledger.record import Record, assemble, record_id
from ledger.store import LedgerStore

START_MS: Final = 1_780_000_000_000
DAY_MS: Final = 86_400_000
BANKS: Final = ("bank-a", "bank-b", "bank-c")
OPERATOR: Final = Operator("bench", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))

_BLOCK_MS: Final = 1_000
# Lengths of sealed texts, in base64url digits, as a demo with declarations of two lines has them.
_TEXT_CHARS: Final = {"declaration": 1_387, "consent": 1_387, "request": 1_387, "answer": 1_387, "application": 1_387}
_TEXT_CHARS_ELSE: Final = 704
_BOX_CHARS: Final = 107
_DIGITS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" * 4

Step = tuple[bytes, str]


def private_key(name: str) -> ec.EllipticCurvePrivateKey:
    """The P-256 key of a name, the same in every run. It guards nothing."""
    return ec.derive_private_key(int.from_bytes(sha256(name.encode()).digest(), "big") >> 1, ec.SECP256R1())


@dataclass(frozen=True, slots=True)
class Signer:
    """A key and its id, worked out once."""

    private: ec.EllipticCurvePrivateKey
    id: str

    @classmethod
    def of(cls, private: ec.EllipticCurvePrivateKey) -> Signer:
        return cls(private, keys.public_of(private).id)


class Unchecked(VerifiedSignatures):
    """Takes every signature for good: what is left is the time of everything else. For measurements only."""

    def check(self, record: Record, publics: list[bytes]) -> bool:
        return True


def genesis_document(members: Mapping[str, str]) -> dict[str, Any]:
    """A network of members by role, whose quota does not get in the way."""

    def entry(slug: str, role: str) -> dict[str, Any]:
        named = [{**_public(f"{slug} {p}"), "purpose": p, "person": f"{slug}-{p}"} for p in ("make", "check")]
        service = {**_public(f"{slug} service"), "purpose": "service", "person": None}
        return {"member": slug, "role": role, "region": "210000", "name": slug, "keys": [*named, service]}

    return {
        "v": 1,
        "name": "lifecycle",
        "time": START_MS,
        "engine": {"kind": "solo", "operator": {"name": OPERATOR.key.name, "public": OPERATOR.key.public.hex()}},
        "rules": 1,
        "application": {
            "policy": {"records_per_member_block": 10_000},
            "registrar": "authority",
            "governors": [{"member": "authority", "weight": 1}],
            "recovery": {"k": 0, "keys": []},
            "registry_commitment": _named("registry"),
            "members": [entry(slug, role) for slug, role in members.items()],
        },
    }


def _public(name: str) -> dict[str, str]:
    return keys.public_of(private_key(name)).to_json()


def _named(text: str) -> str:
    return sha256(text.encode()).hexdigest()


GENESIS: Final = genesis_document({"authority": "authority", **dict.fromkeys(BANKS, "bank")})


class Lives:
    """Blocks of records, one after the other, on a chain of its own in memory. `starts` is how many lives begin in each block.

    `sealed` scales the sealed texts: 1 for those of the demo, 0 for the least that the format takes. With `signs` False signatures
    are 64 bytes of nothing, for ledgers that only need to be large. All three may be changed between two blocks.
    """

    def __init__(self, starts: int, *, seed: int = 1, sealed: float = 1, signs: bool = True) -> None:
        self.chain = MemoryChain(GENESIS, RULEBOOK, Unchecked())
        self.starts, self.sealed, self.signs = starts, sealed, signs
        self._random = Random(seed)  # nosec B311  # the same declarations each time, and no secret
        self._network = network_of(GENESIS)
        self._now_ms, self._begun = START_MS, 0
        self._alive: list[Iterator[Step]] = []
        self._signers = {
            f"{m} {p}": Signer.of(private_key(f"{m} {p}")) for m in ("authority", *BANKS) for p in ("make", "check", "service")
        }

    def fill(self, store: LedgerStore, records: int) -> int:
        """Writes a new ledger of at least so many records into an empty store; how many they are."""
        with store.engine.begin() as connection:
            store.commit(connection, self.chain.begun, OPERATOR.checkpoint(self.chain.begun))
        done = 0
        while done < records:
            done += len(self.go_on(store))
        return done

    def go_on(self, store: LedgerStore) -> list[str]:
        """Writes the next block; the ids of its records, none of them where every life has ended and no other begins."""
        block = self.block()
        execution = self.chain.run(block)
        accepted = [outcome for outcome in execution.outcomes if isinstance(outcome, Accepted) and outcome.result["code"] == "ok"]
        assert len(accepted) == len(block.transactions), "a life went wrong"
        if accepted:
            with store.engine.begin() as connection:
                store.commit(connection, execution, OPERATOR.checkpoint(execution))
        return [outcome.record.id for outcome in accepted]

    def block(self) -> Block:
        """The next block: every life that has begun takes its next step."""
        self._now_ms += _BLOCK_MS
        self._alive += [self._life(self._begun + number) for number in range(self.starts)]
        self._begun += self.starts
        steps = [(life, next(life, None)) for life in self._alive]
        self._alive = [life for life, step in steps if step is not None]
        return Block(self.chain.head.engine_height + 1, self._now_ms, [step[0] for _, step in steps if step is not None])

    def _life(self, number: int) -> Iterator[Step]:
        bank, declaration, end = BANKS[number % len(BANKS)], _named(f"declaration {number}"), START_MS + 300 * DAY_MS
        yield self._one(
            "authority", "declaration.register", {"declaration": declaration, "ceiling_ppm": WHOLE, "until": "2027-12", "replaces": []}
        )
        salt, once = _named(f"salt {number}"), private_key(f"consent {number}")
        consent = {"commitment": consent_commitment(bank, salt), "not_before": 0, "not_after": end, "uses": 3}
        public = keys.public_of(once)
        given = self._step(
            "consent.give", {**consent, "key": public.to_json()}, [Signer(once, public.id), self._signers["authority service"]]
        )
        yield given
        request = self._one(bank, "enquiry.request", {"kind": "declarations"})
        yield request
        take = self._one("authority", "enquiry.take", {"request": request[1], "consent": given[1], "salt": salt})
        yield take
        opening = {"declaration": declaration, "maximum": WHOLE, "uses": 3, "end": end, "consent": given[1], "salt": salt}
        grants = [grant_commitment(bank=bank, **opening)]  # type: ignore[arg-type]  # each value is of its field's type
        yield self._one("authority", "enquiry.answer", {"request": request[1], "take": take[1], "grants": grants})
        share = 1_000 * self._random.randrange(100, 1_000)
        hold_until = self._now_ms + 3 * DAY_MS
        applied = self._one(
            bank, "financing.apply", {"lines": [{"grant": opening, "share": share}], "hold_until": hold_until, "mode": "all"}
        )
        yield applied
        yield from self._lent(bank, declaration, applied[1], share)

    def _lent(self, bank: str, declaration: str, financing: str, share: int) -> Iterator[Step]:
        yield self._one(bank, "financing.intake", {"financing": financing, "shares": None})
        yield self._two(bank, "financing.approve", {"financing": financing, "shares": None})
        yield self._two(bank, "financing.disburse", {"financing": financing, "shares": [share], "final": True})
        collected = self._two(bank, "declaration.collected", {"declaration": declaration, "share": 50_000, "corrects": None})
        yield collected
        used = [{"collection": collected[1], "share": 50_000}]
        repaid = {"financing": financing, "shares": [50_000], "source": "collections", "collections": used}
        yield self._two(bank, "financing.repay", repaid)
        own = {"financing": financing, "shares": [share - 50_000], "source": "own-funds", "collections": []}
        yield self._two(bank, "financing.repay", own)

    def _one(self, member: str, kind: str, body: Mapping[str, Any]) -> Step:
        return self._step(kind, body, [self._signers[f"{member} service"]])

    def _two(self, member: str, kind: str, body: Mapping[str, Any]) -> Step:
        return self._step(kind, body, [self._signers[f"{member} make"], self._signers[f"{member} check"]])

    def _step(self, kind: str, body: Mapping[str, Any], signers: list[Signer]) -> Step:
        head = self.chain.head
        core = {
            "v": 1,
            "network": self._network,
            "type": kind,
            "signers": [signer.id for signer in signers],
            "nonce": self._random.randbytes(16).hex(),
            "not_after": self._now_ms + DAY_MS,
            "seen": {"height": head.height, "hash": head.hash},
            "body": body,
            "sealed": {name: self._part(name) for name in sorted(RULESET.types[kind].required_parts)},
        }
        record_bytes = canonical.encode(core)
        made = record_id(record_bytes)
        digest = bytes.fromhex(made)
        signatures = [keys.sign(signer.private, digest) if self.signs else bytes(64) for signer in signers]
        return assemble(record_bytes, signatures), made

    def _part(self, name: str) -> dict[str, Any]:
        length = int(_TEXT_CHARS.get(name, _TEXT_CHARS_ELSE) * self.sealed)
        wraps = [{"box": self._digits(int(_BOX_CHARS * self.sealed))} for _ in range(4)]
        commitment = self._random.randbytes(32).hex()
        return {"suite": 1, "key_commitment": commitment, "wraps": wraps, "text": self._digits(length)}

    def _digits(self, length: int) -> str:
        return self._random.randbytes(length).translate(_DIGITS).decode()
