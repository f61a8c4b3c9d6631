"""Speaks ABCI 2.0 with CometBFT over a Unix socket: reads its questions, lets the application answer, and answers in the same order.

The engine opens four connections (query, snapshot, mempool, consensus). All are served by one thread, one question at a time, so the
application needs no locks. Answers are handed to the transport without waiting: a server that stops reading while it writes can come to
wait for an engine that waits for it.

A question that cannot be answered is answered with an exception, after which the engine stops; why is told to `on_fault`, never to the
engine, whose logs are no place for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import structlog
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy.exc import SQLAlchemyError

from ledger.clock import Clock
from ledger.comet import abci_pb2 as abci
from ledger.comet import validators
from ledger.comet.application import Application
from ledger.comet.frames import Unframer, frame
from ledger.comet.position import Misbehavior
from ledger.comet.snapshots import Snapshots
from ledger.errors import InputError, Refused, TallystickError, Unreachable
from ledger.execution import Accepted

APP_VERSION: Final = 1
_OK: Final = 0
_REFUSED: Final = 1
_SPACE: Final = "tallystick"
_EXTENSION_ACCEPTED: Final = abci.ResponseVerifyVoteExtension(status=abci.ResponseVerifyVoteExtension.ACCEPT)
_KINDS: Final = {abci.DUPLICATE_VOTE: "duplicate-vote", abci.LIGHT_CLIENT_ATTACK: "light-client-attack"}

log = structlog.get_logger(__name__)


class Answers:
    """One answer for each kind of question. `peer_allowed` says of a network identity (40 hex characters) whether it may connect,
    `on_refused` is told of transactions that may not wait for a block, and why.
    """

    def __init__(
        self,
        application: Application,
        clock: Clock,
        peer_allowed: Callable[[str], bool],
        snapshots: Snapshots,
        on_refused: Callable[[bytes, TallystickError], None] = lambda _raw, _error: None,
    ) -> None:
        self._application, self._clock, self._peer_allowed, self._on_refused = application, clock, peer_allowed, on_refused
        self._answers: dict[str, Callable[[Any], Any]] = {
            "echo": lambda asked: abci.ResponseEcho(message=asked.message),
            "flush": lambda _: abci.ResponseFlush(),
            "info": self._info,
            "init_chain": self._init_chain,
            "query": self._query,
            "check_tx": self._check_tx,
            "commit": self._commit,
            "list_snapshots": snapshots.list,
            "offer_snapshot": snapshots.offer,
            "load_snapshot_chunk": snapshots.load,
            "apply_snapshot_chunk": snapshots.apply,
            "prepare_proposal": self._prepare_proposal,
            "process_proposal": self._process_proposal,
            "extend_vote": lambda _: abci.ResponseExtendVote(),
            "verify_vote_extension": lambda _: _EXTENSION_ACCEPTED,
            "finalize_block": self._finalize_block,
        }

    def answer(self, request: abci.Request) -> abci.Response:
        """Raises whatever the application raises, and `InputError` (`unknown-question`)."""
        kind = request.WhichOneof("value")
        if kind is None:
            raise InputError("unknown-question", "the engine asks for something that ABCI 2.0 does not have")
        return abci.Response(**{kind: self._answers[kind](getattr(request, kind))})

    def give_up(self) -> None:
        """The engine is told of a fault, after which it stops."""
        self._application.forget()

    def _info(self, _: abci.RequestInfo) -> abci.ResponseInfo:
        self._application.recover()
        position = self._application.position
        app_hash = position.app_hash if position.height else b""
        return abci.ResponseInfo(data=_SPACE, app_version=APP_VERSION, last_block_height=position.height, last_block_app_hash=app_hash)

    def _init_chain(self, request: abci.RequestInitChain) -> abci.ResponseInitChain:
        powers = validators.powers_told(request.validators)
        return abci.ResponseInitChain(app_hash=self._application.begin(request.chain_id, powers))

    def _query(self, request: abci.RequestQuery) -> abci.ResponseQuery:
        height = self._application.position.height
        if request.path.startswith("/p2p/filter/addr/"):
            return abci.ResponseQuery(code=_OK, height=height)
        if request.path.startswith("/p2p/filter/id/"):
            allowed = self._peer_allowed(request.path.removeprefix("/p2p/filter/id/").lower())
            return abci.ResponseQuery(code=_OK if allowed else _REFUSED, codespace=_SPACE, height=height)
        return abci.ResponseQuery(code=_REFUSED, codespace=_SPACE, log="unknown-path", height=height)

    def _check_tx(self, request: abci.RequestCheckTx) -> abci.ResponseCheckTx:
        try:
            check = self._application.recheck if request.type == abci.RECHECK else self._application.check
            check(request.tx, self._clock.now_ms())
        except (InputError, Refused) as error:
            self._on_refused(request.tx, error)
            return abci.ResponseCheckTx(code=_REFUSED, codespace=_SPACE, log=error.code)
        return abci.ResponseCheckTx()

    def _prepare_proposal(self, request: abci.RequestPrepareProposal) -> abci.ResponsePrepareProposal:
        txs = self._application.prepare(request.height, _ms(request.time), request.txs, request.max_tx_bytes)
        return abci.ResponsePrepareProposal(txs=txs)

    def _process_proposal(self, request: abci.RequestProcessProposal) -> abci.ResponseProcessProposal:
        refused = self._application.process(request.height, _ms(request.time), request.txs)
        if refused is not None:
            log.warning("proposal-refused", height=request.height, code=refused, proposer=request.proposer_address.hex())
        status = abci.ResponseProcessProposal.ACCEPT if refused is None else abci.ResponseProcessProposal.REJECT
        return abci.ResponseProcessProposal(status=status)

    def _finalize_block(self, request: abci.RequestFinalizeBlock) -> abci.ResponseFinalizeBlock:
        seen = [_misbehavior(each) for each in request.misbehavior]
        for each in seen:
            log.error("validator-misbehaved", kind=each.kind, validator=each.address, height=each.height)
        done = self._application.finalize(request.height, _ms(request.time), request.txs, seen)
        # The engine hashes these, so they say nothing but whether a transaction stands on the ledger.
        results = [abci.ExecTxResult(code=_OK if isinstance(each, Accepted) else _REFUSED) for each in done.execution.outcomes]
        updates = validators.changes(done.powers_before, done.powers_after)
        return abci.ResponseFinalizeBlock(tx_results=results, validator_updates=updates, app_hash=done.app_hash)

    def _commit(self, _: abci.RequestCommit) -> abci.ResponseCommit:
        self._application.commit()
        return abci.ResponseCommit()


class Connection(asyncio.Protocol):
    """One of the engine's connections."""

    def __init__(self, answers: Answers, on_fault: Callable[[TallystickError], None]) -> None:
        self._answers, self._on_fault = answers, on_fault
        self._frames = Unframer()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), "a socket's transport reads and writes"
        self._transport = transport

    def end(self) -> None:
        """Whatever is asked is not answered any more."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        transport = self._transport
        assert transport is not None, "data comes over a connection"
        written = bytearray()
        try:
            for message in self._frames.feed(data):
                written += frame(self._respond(message).SerializeToString())
        except InputError as error:
            self._give_up(error)
            transport.write(bytes(written))
            transport.close()
            return
        except BaseException:
            self._give_up(Unreachable("engine-failed", "the application met a fault and stopped", hint="see the node's log"))
            transport.abort()
            raise
        transport.write(bytes(written))

    def _give_up(self, fault: TallystickError) -> None:
        self._answers.give_up()
        self._on_fault(fault)

    def _respond(self, message: bytes) -> abci.Response:
        try:
            return self._answers.answer(abci.Request.FromString(message))
        except DecodeError:
            fault: TallystickError = InputError("bad-frame", "a message of the engine cannot be decoded")
        except (SQLAlchemyError, OSError) as error:
            log.error("block-not-stored", error=type(error).__name__)
            fault = Unreachable("storage-failed", "the block could not be stored", hint="check the disk; the node tries again")
        except TallystickError as error:
            fault = error
        self._give_up(fault)
        return abci.Response(exception=abci.ResponseException(error=fault.code))


def _ms(time: Timestamp) -> int:
    return time.seconds * 1_000 + time.nanos // 1_000_000


def _misbehavior(told: abci.Misbehavior) -> Misbehavior:
    return Misbehavior(_KINDS.get(told.type, "unknown"), told.validator.address.hex(), told.height, _ms(told.time))
