"""A small network for tests of the ledger: members with real keys, records, a solo ledger on a real file, and a simulated upstream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import keys
from ledger.clock import SettableClock
from ledger.engine import Receipt
from ledger.evidence import BlockBundle
from ledger.follow import bundle_of
from ledger.header import network_of
from ledger.limits import NOT_AFTER_DAYS_BOUND
from ledger.log_operator import Operator
from ledger.record import sign_record
from ledger.rules import Rulebook
from ledger.solo import SoloEngine
from ledger.store import LedgerStore
from ledger.vouching import OperatorsWord
from tests.ledger.small_rules import RULEBOOK

START_MS = 1_700_000_000_000
DAY_MS = 86_400_000
QUOTA = 50

Private = ec.EllipticCurvePrivateKey


def private_key(name: str) -> Private:
    """The P-256 key of a name, the same in every run and process."""
    return ec.derive_private_key(int.from_bytes(sha256(name.encode()).digest(), "big") >> 1, ec.SECP256R1())


def key_id(private: Private) -> str:
    return keys.public_of(private).id


def public_json(private: Private) -> dict[str, str]:
    return keys.public_of(private).to_json()


def sealed_shape(name: str) -> dict[str, Any]:
    """What passes for a sealed part as far as its form goes, the same in every run: the ledger opens none."""
    return {"suite": 1, "key_commitment": sha256(name.encode()).hexdigest(), "wraps": [{"box": "AA"}] * 4, "text": "AA"}


OPERATOR = Operator("op", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
VOUCHER = OperatorsWord(OPERATOR.key)
ANNE, ANNE_CHECK, ANNE_SERVICE = private_key("anne"), private_key("anne check"), private_key("anne service")
BOB, BOB_SERVICE, BOB_SEAL = private_key("bob"), private_key("bob service"), private_key("bob seal")
STRANGER = private_key("stranger")


def genesis_document(*, name: str = "small", quota: int = QUOTA) -> dict[str, Any]:
    def member(slug: str, owned: Mapping[str, Private]) -> dict[str, Any]:
        return {"member": slug, "keys": [{**public_json(key), "purpose": purpose} for purpose, key in owned.items()]}

    return {
        "v": 1,
        "name": name,
        "time": START_MS,
        "engine": {"kind": "solo", "operator": {"name": OPERATOR.key.name, "public": OPERATOR.key.public.hex()}},
        "rules": 1,
        "application": {
            "policy": {"not_after_days_max": NOT_AFTER_DAYS_BOUND, "records_per_member_block": quota},
            "members": [
                member("anne", {"make": ANNE, "check": ANNE_CHECK, "service": ANNE_SERVICE}),
                member("bob", {"make": BOB, "service": BOB_SERVICE, "seal": BOB_SEAL}),
            ],
        },
    }


GENESIS = genesis_document()


@dataclass
class Author:
    """Makes records of a network: fills in what every record has, each field of which a test may set otherwise."""

    network: str
    seen: dict[str, Any]
    now_ms: int = START_MS + 60_000
    made: int = 0

    def core(self, kind: str, body: Mapping[str, Any], signers: Sequence[Private], **changes: Any) -> dict[str, Any]:
        self.made += 1
        core = {
            "v": 1,
            "network": self.network,
            "type": kind,
            "signers": [key_id(key) for key in signers],
            "nonce": sha256(f"{self.network} {self.made}".encode()).hexdigest()[:32],
            "not_after": self.now_ms + DAY_MS,
            "seen": self.seen,
            "body": dict(body),
            "sealed": {},
        }
        return {**core, **changes}

    def record(self, kind: str, body: Mapping[str, Any], signers: Sequence[Private], **changes: Any) -> bytes:
        return sign_record(self.core(kind, body, signers, **changes), signers)

    def put(self, key: str, by: Private = ANNE, **changes: Any) -> bytes:
        return self.record("note.put", {"key": key, "count": 1}, [by], **changes)

    def once(self, key: Private, text: str = "yes", introducer: Private = ANNE_SERVICE) -> bytes:
        return self.record("note.once", {"key": public_json(key), "text": text}, [key, introducer])


@dataclass
class Solo:
    """A running solo ledger with its clock and an author who has seen its genesis."""

    engine: SoloEngine
    store: LedgerStore
    clock: SettableClock
    author: Author
    genesis: dict[str, Any]

    def send(self, *raws: bytes) -> list[Receipt | Exception]:
        """All of them in one block, in this order: each one's receipt or error."""
        self.engine.pause()
        futures = [self.engine.submit(raw) for raw in raws]
        self.engine.resume()
        return [future.exception(30) or future.result() for future in futures]  # type: ignore[misc]  # Exception is all that is set

    def codes(self, *raws: bytes) -> list[str]:
        return [code_of(answer) for answer in self.send(*raws)]

    def put(self, *names: str) -> None:
        assert self.codes(*(self.author.put(name) for name in names)) == ["ok"] * len(names)


def code_of(answer: Receipt | BaseException) -> str:
    if isinstance(answer, Receipt):
        return answer.code
    return str(getattr(answer, "code", type(answer).__name__))


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


@contextmanager
def solo_ledger(
    path: Path,
    *,
    genesis: dict[str, Any] = GENESIS,
    operator: Operator = OPERATOR,
    rulebook: Rulebook = RULEBOOK,
    **options: Any,
) -> Iterator[Solo]:
    """A solo ledger in a file; an existing file goes on."""
    store = LedgerStore(url_of(path))
    clock = SettableClock(START_MS + 60_000)
    engine = SoloEngine(store, genesis, rulebook, operator, clock, **options)
    try:
        engine.start()
        with store.reading() as reader:
            seen = {"height": 0, "hash": reader.header_hash(0)}
        yield Solo(engine, store, clock, Author(network_of(genesis), seen), genesis)
    finally:
        engine.stop()
        store.close()


@dataclass
class StoreUpstream:
    """An upstream that reads another node's store: a simulator of the network between them. What it hands out can be replaced."""

    store: LedgerStore
    engine: SoloEngine | None = None
    replaced: dict[int, BlockBundle] = field(default_factory=dict)
    note: str | None = None
    asked: list[int] = field(default_factory=list)

    def blocks(self, after_height: int, limit: int, wait_s: float) -> list[BlockBundle]:
        self.asked.append(after_height)
        if self.engine is not None and wait_s > 0:
            self.engine.heights.wait_for(after_height + 1, min(wait_s, 0.05))
        found = [self.replaced.get(h) or bundle_of(self.store, h) for h in range(after_height + 1, after_height + 1 + limit)]
        return [bundle for bundle in found if bundle is not None]

    def checkpoint(self) -> str:
        if self.note is not None:
            return self.note
        with self.store.reading() as reader:
            return reader.checkpoint() or ""

    def submit(self, raw: bytes) -> Receipt:
        assert self.engine is not None
        return self.engine.submit(raw).result(30)
