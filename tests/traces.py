"""Traces: lists of blocks of truly signed records, made by a seed, to be replayed under other circumstances.

`small_trace` uses the neutral rules of `tests.ledger`, `real_trace` the rules of trade finance. Signatures of ECDSA are random, so a trace
is made once and handed on as text: `Trace.to_json`. Making a trace runs it, and `hashes` are the headers that this gave.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random
from typing import Any

from contracts.commitments import consent_commitment, grant_commitment
from contracts.policy import Policy
from contracts.ruleset import RULEBOOK as REAL_RULEBOOK
from ledger import canonical
from ledger.execution import Accepted, Block, Execution
from ledger.header import network_of
from ledger.memory_chain import MemoryChain
from ledger.rules import Rulebook
from tests.ledger.small_ledger import (
    ANNE,
    ANNE_CHECK,
    ANNE_SERVICE,
    BOB,
    DAY_MS,
    GENESIS,
    OPERATOR,
    START_MS,
    Author,
    Private,
    key_id,
    private_key,
    public_json,
)
from tests.ledger.small_rules import RULEBOOK as SMALL_RULEBOOK
from tests.sealed_parts import demanded_shapes

RULEBOOKS: Mapping[str, Rulebook] = {"small": SMALL_RULEBOOK, "real": REAL_RULEBOOK}
BANKS = ("bank-a", "bank-b", "bank-c")
WHOLE = 1_000_000


@dataclass
class Trace:
    """Blocks on a genesis. `rules` names an entry of `RULEBOOKS`; `codes` counts the outcomes, so that a test sees what it covers."""

    rules: str
    genesis: dict[str, Any]
    blocks: list[Block] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> str:
        blocks = [[b.engine_height, b.time_ms, [raw.decode("utf-8", "surrogateescape") for raw in b.transactions]] for b in self.blocks]
        return json.dumps({"rules": self.rules, "genesis": self.genesis, "blocks": blocks})

    @classmethod
    def from_json(cls, text: str) -> Trace:
        value = json.loads(text)
        blocks = [Block(height, time, [raw.encode("utf-8", "surrogateescape") for raw in raws]) for height, time, raws in value["blocks"]]
        return cls(value["rules"], value["genesis"], blocks)

    def replay(self) -> list[str]:
        """The header hash at every height."""
        chain = MemoryChain(self.genesis, RULEBOOKS[self.rules])
        for block in self.blocks:
            chain.run(block)
        found = [chain.header_hash(height) for height in range(chain.head.height + 1)]
        return [each for each in found if each is not None]


class Maker:
    """Runs a chain while a trace is made, so that what comes next can follow from what was answered."""

    def __init__(self, rules: str, genesis: dict[str, Any], seed: int) -> None:
        self.trace = Trace(rules, genesis)
        self.random = Random(seed)
        self.chain = MemoryChain(genesis, RULEBOOKS[rules])
        self.trace.hashes.append(self.chain.head.hash)
        self.author = Author(network_of(genesis), {"height": 0, "hash": self.chain.head.hash}, START_MS)

    def block(self, *raws: bytes, pass_ms: int = 1_000) -> Execution:
        """Runs a block; the next records know its header."""
        self.author.now_ms += pass_ms
        block = Block(len(self.trace.blocks) + 1, self.author.now_ms, raws)
        execution = self.chain.run(block)
        self.trace.blocks.append(block)
        if execution.header is not None:
            self.trace.hashes.append(execution.header.hash)
            self.author.seen = {"height": execution.header.height, "hash": execution.header.hash}
        for outcome in execution.outcomes:
            code = outcome.result["code"] if isinstance(outcome, Accepted) else outcome.code
            self.trace.codes[code] = self.trace.codes.get(code, 0) + 1
        return execution

    def ids(self, *raws: bytes) -> list[str]:
        """Runs a block whose records all must be authenticated; their ids."""
        return [outcome.record.id for outcome in self.block(*raws).outcomes if isinstance(outcome, Accepted)]


def small_trace(seed: int, blocks: int) -> Trace:
    """Notes taken once and twice, keys that come and go, one-time keys, faults, and rubbish between."""
    maker = Maker("small", GENESIS, seed)
    random, author = maker.random, maker.author
    kept: list[tuple[str, Private]] = []
    for number in range(blocks):
        new, once = private_key(f"new {seed} {number}"), private_key(f"once {seed} {number}")
        makers: list[Callable[[], bytes]] = [
            lambda: author.put(f"n{random.randrange(40)}", random.choice((ANNE, BOB))),
            lambda once=once: author.once(once, random.choice(("yes", "no"))),  # type: ignore[misc]
            lambda new=new: author.record("key.add", {"key": public_json(new), "purpose": "make"}, [ANNE, ANNE_CHECK]),  # type: ignore[misc]
            lambda new=new: author.put(f"m{random.randrange(40)}", new),  # type: ignore[misc]
            lambda new=new: author.record("key.end", {"key": key_id(new)}, [ANNE]),  # type: ignore[misc]
            lambda: author.record("note.odd", {"how": random.choice(("lookup", "float", "key", "x"))}, [BOB]),
            lambda: author.put("x" * random.randrange(3), not_after=0),
            lambda: random.randbytes(20),
        ]
        raws = [random.choice(makers)() for _ in range(random.randrange(1, 12))]
        if kept and random.randrange(2):
            object_id, key = kept.pop(random.randrange(len(kept)))
            raws.append(author.record("note.drop", {"once": object_id}, [key, ANNE_SERVICE]))
        done = maker.block(*raws, *random.sample(raws, 1), pass_ms=random.choice((1, 500, DAY_MS)))
        taken = [outcome for outcome in done.outcomes if isinstance(outcome, Accepted) and outcome.record.type == "note.once"]
        kept += [(outcome.record.id, once) for outcome in taken if outcome.result["code"] == "ok"]
    return maker.trace


def _named(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _member(slug: str, role: str) -> dict[str, Any]:
    keys = [{**public_json(private_key(f"{slug} {p}")), "purpose": p, "person": f"{slug}-{p}"} for p in ("make", "check")]
    service = {**public_json(private_key(f"{slug} service")), "purpose": "service", "person": None}
    return {"member": slug, "role": role, "region": "210000", "name": slug, "keys": [*keys, service]}


def real_genesis(**policy: int) -> dict[str, Any]:
    """An authority that is registrar too, three banks, an auditor."""
    members = [_member("authority", "authority"), *(_member(bank, "bank") for bank in BANKS), _member("auditor", "auditor")]
    return {
        "v": 1,
        "name": "trace",
        "time": START_MS,
        "engine": {"kind": "solo", "operator": {"name": OPERATOR.key.name, "public": OPERATOR.key.public.hex()}},
        "rules": 1,
        "application": {
            "policy": policy,
            "registrar": "authority",
            "governors": [{"member": "authority", "weight": 1}],
            "recovery": {"k": 0, "keys": []},
            "registry_commitment": _named("registry"),
            "members": members,
        },
    }


class RealMaker(Maker):
    """The main job in its records: declarations, consents, enquiries, and financings that race."""

    def __init__(self, seed: int, genesis: dict[str, Any] | None = None) -> None:
        super().__init__("real", genesis or real_genesis(), seed)
        self.declarations: list[str] = []
        self.openings: dict[str, list[dict[str, Any]]] = {bank: [] for bank in BANKS}

    def service(self, member: str, kind: str, body: Mapping[str, Any]) -> bytes:
        return self.author.record(kind, body, [private_key(f"{member} service")], sealed=demanded_shapes(kind))

    def staff(self, member: str, kind: str, body: Mapping[str, Any]) -> bytes:
        people = [private_key(f"{member} make"), private_key(f"{member} check")]
        return self.author.record(kind, body, people, sealed=demanded_shapes(kind))

    def register(self, count: int) -> None:
        new = [_named(f"declaration {self.author.made + n}") for n in range(count)]
        ceilings = [self.random.choice((WHOLE, 800_000, 777_777)) for _ in new]
        bodies = [{"declaration": d, "ceiling_ppm": c, "until": "2024-10", "replaces": []} for d, c in zip(new, ceilings, strict=True)]
        self.block(*(self.service("authority", "declaration.register", body) for body in bodies))
        self.declarations += new

    def answer(self, bank: str, declarations: Sequence[str]) -> None:
        """A consent under a one-time key, an enquiry, and its answer with grants."""
        salt, key = _named(f"salt {self.author.made}"), private_key(f"consent {self.author.made}")
        end = self.author.now_ms + 300 * DAY_MS
        consent = {"commitment": consent_commitment(bank, salt), "not_before": 0, "not_after": end, "uses": 2, "key": public_json(key)}
        given, request = self.ids(
            self.author.record("consent.give", consent, [key, private_key("authority service")], sealed=demanded_shapes("consent.give")),
            self.service(bank, "enquiry.request", {"kind": "declarations"}),
        )
        (take,) = self.ids(self.service("authority", "enquiry.take", {"request": request, "consent": given, "salt": salt}))
        same: dict[str, Any] = {"maximum": WHOLE, "uses": 4, "end": end, "consent": given}
        openings = [{**same, "declaration": d, "salt": _named(f"{take} {d}")} for d in declarations]
        grants = [grant_commitment(bank=bank, **opening) for opening in openings]
        self.block(self.service("authority", "enquiry.answer", {"request": request, "take": take, "grants": grants}))
        self.openings[bank] += openings

    def applications(self) -> list[tuple[str, bytes, int]]:
        made = []
        for bank in self.random.sample(BANKS, 2):
            openings = self.random.sample(self.openings[bank], min(3, len(self.openings[bank])))
            lines = [{"grant": opening, "share": self.random.choice((100_000, 400_000, 777_000))} for opening in openings]
            body = {"lines": lines, "hold_until": self.author.now_ms + 3 * DAY_MS, "mode": self.random.choice(("all", "partial"))}
            made.append((bank, self.service(bank, "financing.apply", body), len(lines)))
        return made

    def finance(self) -> None:
        """Two banks apply in one block; each goes on as far as it may."""
        made = self.applications()
        ids = self.ids(*(raw for _, raw, _ in made))
        for (bank, _, lines), financing in zip(made, ids, strict=True):
            review = {"financing": financing, "shares": None}
            self.block(self.service(bank, "financing.intake", review))
            self.block(self.staff(bank, "financing.approve", review), pass_ms=self.random.choice((1_000, 1_000, 4 * DAY_MS)))
            drawn = [self.random.choice((0, 100_000)) for _ in range(lines)]
            self.block(self.staff(bank, "financing.disburse", {"financing": financing, "shares": drawn, "final": True}))
            repay = {"financing": financing, "shares": drawn, "source": "own-funds", "collections": []}
            cancel = {"financing": financing, "reason": "withdrawn"}
            end = [self.staff(bank, "financing.repay", repay), self.service(bank, "financing.cancel", cancel)]
            self.block(self.random.choice(end))

    def disturb(self) -> None:
        d = self.random.choice(self.declarations)
        self.block(
            self.service("authority", "declaration.amend", {"declaration": d, "capacity": self.random.choice((900_000, WHOLE, 0))}),
            self.staff("bank-a", "declaration.collected", {"declaration": d, "share": 100_000, "corrects": None}),
            self.service("bank-b", "declaration.void", {"declaration": d, "reason": "error", "successor": None}),
            self.service("auditor", "enquiry.request", {"kind": "credit"}),
            b"rubbish",
        )

    def administer(self) -> None:
        """An order, a suspension, a dispute, a replacement, and a policy that takes effect in a block two days later."""
        new, *others = self.random.sample(self.declarations, len(self.declarations))
        old = max(others, key=self._drawn)
        paper = {"digest": _named("paper")}
        (order, dispute, *_) = self.ids(
            self.service("authority", "order.freeze", {"target": {"kind": "declaration", "id": new}, **paper}),
            self.service("bank-c", "dispute.open", {"record": _named("record")}),
            self.service("authority", "member.suspend", {"member": "auditor", "reason": "request"}),
        )
        successor = {"declaration": new, "ratio": self.random.choice((333_333_334, 1_500_000_000))}
        policy = {**Policy().model_dump(), "hold_days_max": self.random.randrange(4, 16)}
        self.ids(
            self.service("authority", "declaration.void", {"declaration": old, "reason": "error", "successor": successor}),
            self.service("authority", "dispute.resolve", {"dispute": dispute, "outcome": "rejected"}),
            self.service("authority", "governance.propose", {"change": {"kind": "policy", "policy": policy}}),
        )
        self.block(pass_ms=2 * DAY_MS)
        self.block(
            self.service("authority", "order.lift", {"order": order, **paper}),
            self.service("authority", "member.reinstate", {"member": "auditor"}),
        )
        self.declarations.remove(old)

    def _drawn(self, declaration: str) -> int:
        return int(canonical.decode(self.chain.state.get_bytes(f"declaration/{declaration}") or b"")["drawn"])


def real_trace(seed: int, rounds: int) -> Trace:
    """The main job, round after round."""
    maker = RealMaker(seed)
    for _ in range(rounds):
        maker.register(4)
        for bank in BANKS:
            maker.answer(bank, maker.random.sample(maker.declarations, 3))
        maker.finance()
        maker.disturb()
        maker.administer()
    return maker.trace
