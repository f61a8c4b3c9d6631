"""An engine that asks what CometBFT may ask, over real sockets, and holds every answer against a reference: see `reference.py`.

What it asks next is the caller's choice (a word of the grammar, and a source of choices); what must hold is checked here after each step:

- the application stands where the reference stands, in memory and in the database; only Commit writes, in one transaction;
- no read transaction is left open, and no fault told;
- a proposal is accepted exactly where the reference authenticates all of it, and what is prepared is accepted by another application;
- a decided block leads to what the reference leads to, with each change of a voting power once, and no signature is verified again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final
from unittest.mock import patch

import sqlalchemy as sa
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import strategies as st
from sqlalchemy import event

from ledger import keys
from ledger.clock import SettableClock
from ledger.comet import abci_pb2 as abci
from ledger.comet.application import Application, chain_id_of
from ledger.comet.position import Misbehavior, read_position
from ledger.comet.server import APP_VERSION
from ledger.comet.validators import powers_in, powers_told
from ledger.execution import Accepted
from ledger.header import network_of
from ledger.solo import begin_ledger
from ledger.store import LedgerStore
from tests.ledger.comet.reference import Decided, Reference
from tests.ledger.comet.ring_rules import RINGBOOK
from tests.ledger.comet.samples import GENESIS, LARGE_BYTES, QUOTA, samples
from tests.ledger.comet.wire import Engine, Served, Wire, request
from tests.ledger.small_ledger import DAY_MS

MS_NS: Final = 1_000_000
STEPS_NS: Final = (MS_NS, MS_NS + 1, 2 * MS_NS - 1, 700 * MS_NS, 3_000 * MS_NS, DAY_MS * MS_NS)
ROOMS: Final = (0, 600, 3_000, LARGE_BYTES + 2_000, *[1 << 40] * 4)
_MISBEHAVIORS: Final = (
    Misbehavior("duplicate-vote", "0a" * 20, 3, 1_700_000_000_001),
    Misbehavior("light-client-attack", "0b" * 20, 4, 1_700_000_000_002),
    Misbehavior("unknown", "", 0, -62_135_596_800_000),
)
_TYPES: Final = {"duplicate-vote": abci.DUPLICATE_VOTE, "light-client-attack": abci.LIGHT_CLIENT_ATTACK, "unknown": abci.UNKNOWN}


@dataclass
class Signatures:
    """How many were verified."""

    verified: int = 0

    @contextmanager
    def counted(self) -> Iterator[Signatures]:
        verify = keys.verify

        def counting(public: bytes, signature: bytes, digest: bytes) -> bool:
            self.verified += 1
            return verify(public, signature, digest)

        with patch.object(keys, "verify", counting):
            yield self


@dataclass
class Writes:
    """What is written to a database, and in how many transactions."""

    statements: int = 0
    transactions: int = 0

    def watch(self, engine: sa.Engine) -> None:
        @event.listens_for(engine, "before_cursor_execute")
        def wrote(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
            self.statements += statement.lstrip()[:6].upper() in {"INSERT", "UPDATE", "DELETE"}

        @event.listens_for(engine, "commit")
        def committed(_: Any) -> None:
            self.transactions += 1


@dataclass
class Choices:
    """Whatever is left to chance, drawn by Hypothesis."""

    data: st.DataObject

    def one(self, options: Sequence[Any]) -> Any:
        return options[self.data.draw(st.integers(0, len(options) - 1))]

    def some(self, options: Sequence[Any], at_most: int) -> list[Any]:
        return [options[place] for place in self.data.draw(st.lists(st.integers(0, len(options) - 1), max_size=at_most))]

    def order(self, options: Sequence[Any]) -> list[Any]:
        return [options[place] for place in self.data.draw(st.permutations(range(len(options))))]

    def cut(self, sent: bytes) -> list[bytes]:
        """A message in pieces, of a byte at the beginning perhaps."""
        places = sorted(self.data.draw(st.sets(st.integers(1, min(len(sent), 40)), max_size=3))) if sent else []
        return [sent[begin:end] for begin, end in zip([0, *places], [*places, len(sent)], strict=True)]


@dataclass
class FakeEngine:
    """One validator's engine over one database; `open` and `connect` it first."""

    url: str
    choose: Choices
    signatures: Signatures
    reference: Reference = field(default_factory=Reference)
    proposals: list[tuple[Decided, bool]] = field(default_factory=list)
    decided: Decided | None = None
    calls: list[str] = field(default_factory=list)
    transcript: list[list[Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store, self.beside = LedgerStore(self.url), LedgerStore(self.url)
        begin_ledger(self.store, GENESIS, RINGBOOK, None)
        self.writes = Writes()
        self.writes.watch(self.store.engine)
        self.clock = SettableClock(GENESIS["time"] + 500)
        self._steps: dict[str, Callable[[], None]] = {
            "info": self._info,
            "init_chain": self._init_chain,
            "offer_snapshot": self._offer_snapshot,
            "apply_snapshot_chunk": self._apply_snapshot_chunk,
            "prepare_proposal": self._prepare_proposal,
            "process_proposal": self._process_proposal,
            "extend_vote": self._extend_vote,
            "verify_vote_extension": self._verify_vote_extension,
            "finalize_block": self._finalize_block,
            "commit": self._commit,
        }

    # Starts and deaths.

    def open(self) -> None:
        self.application = Application(self.store, GENESIS, RINGBOOK, lambda _, __: None)
        self.kept_out: set[bytes] = set()
        self.served = Served(self.application, self.clock)
        self.kept_out.clear()
        self.transcript.append(["open"])

    def connect(self) -> None:
        self.engine = Engine(self.served.path)
        self.proposals, self.calls = [], []
        self.transcript.append(["connect"])

    def die(self, flying: str | None, *, application: bool) -> None:
        """Engine and perhaps application die, and start again. `flying` is a call whose answer nobody waits for."""
        before = len(self.transcript)
        if flying == "commit":
            self.engine.consensus.send(request("commit"))
        if application:
            self.close_application()
            self.engine.kill()
            self.open()
        else:
            self.engine.kill()
        self.connect()
        told = self.ask("query", request("info"))
        if flying == "commit" and told.last_block_height > self.reference.position.height:
            assert self.decided is not None
            self._note("consensus", request("commit"), abci.Response(commit=abci.ResponseCommit()), before=before)
            self.reference.hold(self.decided)
            self.decided = None
        self.calls.append("info")
        self.check_info(told)

    def close_application(self) -> None:
        self.served.stop()
        assert not self.served.lost
        self.application.close()

    def close(self) -> None:
        self.engine.kill()
        self.close_application()
        self.store.close()
        self.beside.close()

    # The steps.

    def step(self, kind: str) -> None:
        """One call of the grammar, with what else may be asked at the same time."""
        self.clock.advance(self.choose.one((0, 1, 1_000)))
        before = self.writes.statements, self.writes.transactions
        self.calls.append(kind)
        self._steps[kind]()
        if kind != "commit":
            assert (self.writes.statements, self.writes.transactions) == before, "only a commit writes"
        else:
            assert self.writes.transactions == before[1] + 1, "a block is stored in one transaction"
        self.check_place()

    def check_place(self) -> None:
        assert self.application.position == self.reference.position
        assert self.application.chain.head == self.reference.chain.head
        assert not self.application.chain._connection.in_transaction(), "a read transaction is left open"
        assert not self.served.faults and not self.served.lost
        with self.store.engine.connect() as connection:
            stored = read_position(connection)
        assert stored == (self.reference.position if self.reference.position.height else None)

    def ask(self, name: str, asked: abci.Request) -> Any:
        """A question on the connection of that name."""
        wire: Wire = getattr(self.engine, name)
        answer = self.engine.ask(wire, asked, self.choose.cut)
        kind = str(asked.WhichOneof("value"))
        told = abci.Response()
        getattr(told, kind).CopyFrom(answer)
        self._note(name, asked, told)
        return answer

    def _note(self, name: str, asked: abci.Request, told: abci.Response, *, before: int | None = None) -> None:
        """What was asked and answered, for another application to be asked the same."""
        place = len(self.transcript) if before is None else before
        self.transcript.insert(place, [name, self.clock.now_ms(), asked.SerializeToString().hex(), told.SerializeToString().hex()])

    def check_info(self, told: abci.ResponseInfo) -> None:
        position = self.reference.position
        assert told.last_block_height == position.height and told.app_version == APP_VERSION
        assert told.last_block_app_hash == (position.app_hash if position.height else b"")
        self.check_place()

    def _info(self) -> None:
        self.check_info(self.ask("query", request("info")))

    def _init_chain(self) -> None:
        updates = [
            abci.ValidatorUpdate(pub_key=abci.PublicKey(ed25519=bytes.fromhex(key)), power=p) for key, p in self.reference.powers.items()
        ]
        begun = request("init_chain", chain_id=chain_id_of(network_of(GENESIS)), validators=self.choose.order(updates), initial_height=1)
        assert self.ask("consensus", begun).app_hash == self.reference.position.app_hash

    def _offer_snapshot(self) -> None:
        offered = abci.Snapshot(height=7, format=1, chunks=2, hash=b"h" * 32)
        assert (
            self.ask("snapshot", request("offer_snapshot", snapshot=offered, app_hash=b"a" * 32)).result
            != abci.ResponseOfferSnapshot.ACCEPT
        )

    def _apply_snapshot_chunk(self) -> None:
        told = self.ask("snapshot", request("apply_snapshot_chunk", index=0, chunk=b"c" * 100, sender="ab"))
        assert told.result != abci.ResponseApplySnapshotChunk.ACCEPT

    def _extend_vote(self) -> None:
        self.ask("consensus", request("extend_vote"))

    def _verify_vote_extension(self) -> None:
        told = self.ask("consensus", request("verify_vote_extension"))
        assert told.status == abci.ResponseVerifyVoteExtension.ACCEPT

    def _next(self, transactions: Sequence[bytes]) -> Decided:
        return Decided(self.reference.position.height + 1, self.reference.time_ns + self.choose.one(STEPS_NS), tuple(transactions))

    def _prepare_proposal(self) -> None:
        """What is answered is what the reference authenticates of as many as fit, and another application accepts it."""
        asked = self._next(self.choose.some(samples().every, 12))
        # Room for just so many, where what the engine's encoding adds decides.
        fitting = asked.transactions[: self.choose.one(range(len(asked.transactions) + 1))]
        room = self.choose.one((*ROOMS, sum(map(len, fitting)), abci.ResponsePrepareProposal(txs=fitting).ByteSize()))
        fields = {"txs": list(asked.transactions), "max_tx_bytes": room, "height": asked.height, "time": timestamp(asked.time_ns)}
        told = self.ask("consensus", request("prepare_proposal", **fields))
        assert abci.ResponsePrepareProposal(txs=told.txs).ByteSize() <= room
        candidates = asked.transactions
        kept = [self.reference.stands(asked.time_ms, candidates[:place]) for place in range(len(candidates) + 1)]
        assert list(told.txs) in kept
        if sum(map(len, candidates)) + 10 * len(candidates) <= room:
            assert list(told.txs) == kept[-1], "what fits is left out"
        proposal = replace(asked, transactions=tuple(told.txs))
        other = Application(self.beside, GENESIS, RINGBOOK, lambda _, __: None)
        assert other.process(proposal.height, proposal.time_ms, proposal.transactions) is None
        other.close()
        self.proposals.append((proposal, True))

    def _process_proposal(self) -> None:
        proposal = self._some_proposal()
        fields = {"txs": list(proposal.transactions), "height": proposal.height, "time": timestamp(proposal.time_ns)}
        told = self.ask("consensus", request("process_proposal", **fields, proposer_address=b"p" * 20))
        stands = self.reference.stands(proposal.time_ms, proposal.transactions) == list(proposal.transactions)
        assert told.status == (abci.ResponseProcessProposal.ACCEPT if stands else abci.ResponseProcessProposal.REJECT)
        self.proposals.append((proposal, stands))

    def _some_proposal(self) -> Decided:
        """One that was there before, perhaps changed by a proposer who is not honest, or a new one."""
        known = [proposal for proposal, _ in self.proposals]
        if known and self.choose.one((True, True, False)):
            proposal: Decided = self.choose.one(known)
        else:
            fresh = self._next(self.choose.some(samples().good, 8))
            proposal = replace(fresh, transactions=tuple(self.reference.stands(fresh.time_ms, fresh.transactions)))
        raws = proposal.transactions
        change = self.choose.one(("no", "no", "no", "drop", "double", "turn", "garbage", "other", "time"))
        changed = {
            "no": raws,
            "drop": raws[1:],
            "double": raws + raws[:1],
            "turn": raws[::-1],
            "garbage": (*raws, self.choose.one(samples().bad)),
            "other": (self.choose.one(samples().good), *raws),
            "time": raws,
        }[change]
        return replace(proposal, transactions=changed, time_ns=proposal.time_ns + MS_NS * (change == "time"))

    def _decide(self) -> Decided:
        """A block that was accepted here, or one that others decided: of such an application must bear all that it might hold."""
        accepted = [proposal for proposal, stands in self.proposals if stands]
        if accepted and self.choose.one((True, True, False)):
            decided: Decided = self.choose.one(accepted)
        else:
            decided = self._next(self.choose.some(self.choose.one((samples().good, samples().every)), QUOTA + 4))
        return replace(decided, misbehavior=tuple(self.choose.some(_MISBEHAVIORS, 2)))

    def _finalize_block(self) -> None:
        """The same block as before, where it was decided before a death."""
        decided = self.decided = self.decided or self._decide()
        known = (replace(decided, misbehavior=()), True) in self.proposals
        told_of = [
            abci.Misbehavior(
                type=_TYPES[m.kind],
                validator=abci.Validator(address=bytes.fromhex(m.address), power=1),
                height=m.height,
                time=timestamp(m.time_ms * MS_NS),
            )
            for m in decided.misbehavior
        ]
        execution, position = self.reference.after(decided)
        verified = self.signatures.verified
        fields = {"txs": list(decided.transactions), "height": decided.height, "time": timestamp(decided.time_ns), "misbehavior": told_of}
        told = self.ask("consensus", request("finalize_block", **fields))
        if known:
            assert self.signatures.verified == verified, "a signature was verified again"
        assert told.app_hash == position.app_hash
        assert [result.code for result in told.tx_results] == [int(not isinstance(each, Accepted)) for each in execution.outcomes]
        told_powers = powers_told(told.validator_updates)
        assert len(told_powers) == len(told.validator_updates), "a validator is named once"
        before, after = self.reference.powers, self._powers_after(decided)
        assert {**before, **told_powers} == {**dict.fromkeys(before, 0), **after}
        assert all(before.get(public) != power for public, power in told_powers.items()), "what stays is told again"

    def _powers_after(self, decided: Decided) -> dict[str, int]:
        """Of a replay of its own, since the reference has not moved on."""
        changes = self.reference.judge(decided.time_ms, decided.transactions).state_changes or {}
        return powers_in(changes["validators"]) if "validators" in changes else self.reference.powers

    def _commit(self) -> None:
        assert self.decided is not None
        self.ask("consensus", request("commit"))
        self.reference.hold(self.decided)
        self.decided, self.proposals = None, []

    # What may be asked at any time.

    def ask_aside(self) -> None:
        """Several questions on the other connections, all sent before any is answered."""
        before = self.writes.statements
        raws = self.choose.some(samples().every, 4)
        asked = [request("check_tx", tx=raw) for raw in raws]
        self.engine.mempool.send(*asked, request("echo", message="m"), request("flush"), cut=self.choose.cut)
        filters = ("/p2p/filter/id/" + "ab" * 20, "/p2p/filter/id/" + "cd" * 20, "/p2p/filter/addr/1.2.3.4:5", "/elsewhere")
        paths = self.choose.some(filters, 3)
        self.engine.query.send(*(request("query", path=path) for path in paths), request("info"), cut=self.choose.cut)
        self.engine.snapshot.send(request("list_snapshots"), request("load_snapshot_chunk", height=1, format=1), cut=self.choose.cut)
        answers = self.engine.mempool.answers()
        for question, answer in zip(asked, answers, strict=False):
            self._note("mempool", question, answer)
        now_ms = self.clock.now_ms()
        # What waited through a block for a header that did not come is not let wait again before that does.
        again = [raw in self.kept_out and self.reference.may_wait(raw, now_ms, again=True) == "unknown-seen" for raw in raws]
        expected = [self.reference.may_wait(raw, now_ms, again=out) for raw, out in zip(raws, again, strict=True)]
        assert [each.check_tx.log or "ok" for each in answers[: len(raws)]] == expected
        assert answers[-2].echo.message == "m"
        *told, info = self.engine.query.answers()
        assert [each.query.code for each in told] == [int(path in (filters[1], filters[3])) for path in paths]
        self.engine.snapshot.answers()
        assert self.writes.statements == before
        self.check_info(info.info)

    def recheck(self) -> None:
        """After a commit: what may wait on could stand in the next block, and no signature is looked at."""
        raws = self.choose.some(samples().every, 8)
        verified = self.signatures.verified
        asked = [request("check_tx", tx=raw, type=abci.RECHECK) for raw in raws]
        self.engine.mempool.send(*asked, request("flush"), cut=self.choose.cut)
        told = self.engine.mempool.answers()[:-1]
        for question, answer in zip(asked, told, strict=True):
            self._note("mempool", question, answer)
        answers = [each.check_tx.log or "ok" for each in told]
        assert self.signatures.verified == verified
        now_ms = self.clock.now_ms()
        assert answers == [self.reference.may_wait(raw, now_ms, again=True) for raw in raws]
        self.kept_out |= {raw for raw, code in zip(raws, answers, strict=True) if code == "unknown-seen"}
        for raw, code in zip(raws, answers, strict=True):
            if code == "ok" and self.reference.may_wait(raw, now_ms, again=False) == "ok":
                assert self.reference.stands(max(self.reference.position.time_ms + 1, now_ms), [raw]) == [raw]
        self.check_place()


def timestamp(time_ns: int) -> Timestamp:
    return Timestamp(seconds=time_ns // 10**9, nanos=time_ns % 10**9)
