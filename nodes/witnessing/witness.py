"""This node as a witness: it cosigns the newest checkpoint that its own replica holds, and answers logs that ask it to (C2SP tlog-witness).

What it cosigned last is durable before it says so, and everything it cosigns continues that: also after its ledger was fetched anew, or
its home put back from a backup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from ledger import canonical
from ledger.checkpoint import Checkpoint, Cosignature, cosignatures_of, parse_note, with_cosignatures
from ledger.errors import InputError, NotFound, TallystickError, Unreachable, VerificationFailed
from ledger.halting import refuse_if_halted
from ledger.hashing import tagged_json
from ledger.log_operator import operator_of
from ledger.store import Reader
from ledger.witness import OtherOldSize, WitnessKey, check_add_checkpoint, read_add_checkpoint
from nodes.upstream import HttpUpstream
from nodes.witnessing.checkpoints import OWN, Checkpoints, require_note
from nodes.witnessing.witnesses import check_witness

if TYPE_CHECKING:
    from nodes.node import Node

HAND_IN: str = "/v1/checkpoint/cosignatures"
_NOT_OURS = ("bad-checkpoint", "other-log")
UPSTREAM: str = "upstream"

log = structlog.get_logger(__name__)


class Witness:
    """Of one node, which follows a log; the log's own operator is no witness of it."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._operator = operator_of(node.genesis)
        self.checkpoints = Checkpoints(node)

    def cosign_newest(self) -> str | None:
        """The newest checkpoint of this node's replica with its cosignature; None where there is nothing new to cosign, or this node is no
        witness. Raises `VerificationFailed` for a replica that has halted, and as `Checkpoints.observe` where it does not continue what
        this node cosigned before.
        """
        key = self._node.witness_key
        if key is None:
            return None
        refuse_if_halted(self._node.store)
        with self._node.store.reading() as reader:
            note, size = reader.checkpoint(), reader.head.log_size + 1
            if note is None:
                return None
            last = self._continued(reader)
            if last is not None and last.size >= size:
                return None
            made = self._cosign(key, note, last)
        return None if made is None else with_cosignatures(note, [made.line])

    def add_checkpoint(self, body: bytes) -> str:
        """The cosignature line for a request of the protocol. Besides the refusals of `ledger.witness.check_add_checkpoint`:
        `NotFound` (`not-a-witness`), `Unreachable` (`replica-behind`) where this replica does not hold the log yet.
        """
        key = self._node.witness_key
        if key is None:
            raise NotFound("not-a-witness", "this node cosigns no log")
        refuse_if_halted(self._node.store)
        request = read_add_checkpoint(body)
        with self._node.store.reading() as reader:
            last = self._continued(reader)
            try:
                found = check_add_checkpoint(request, last, self._node.network, self._operator)
            except (InputError, OtherOldSize):
                self._look_at(request.note)
                raise
            text = self.checkpoints.operators_word(request.note)
            if self.checkpoints.observe(text, "add-checkpoint") == "ahead":
                raise Unreachable("replica-behind", "this witness has not seen so much of the log yet", hint="ask again in a moment")
            made = self._cosign(key, text, last)
        if made is None:
            newest = self.checkpoints.last_cosigned()
            raise OtherOldSize(0 if newest is None else newest.size)
        assert parse_note(text).checkpoint == found, "what is cosigned is what was checked"
        return made.line

    def hand_in(self, note: str) -> None:
        """Gives a cosigned note to the upstream node, and takes what others cosigned from its answer. Raises as `HttpUpstream.hand_in`."""
        key, upstream = self._node.witness_key, self._node.upstream
        if key is None or not isinstance(upstream, HttpUpstream):
            return
        body = {"note": note, "public": key.public.hex()}
        answer = upstream.hand_in(HAND_IN, tagged_json("cosignature-handed-in", body), canonical.encode(body))
        self.checkpoints.observe(require_note(answer.get("checkpoint")), UPSTREAM)

    def take(self, member: str, note: str, public: str) -> None:
        """What another member's node hands in here: a note that it cosigned by the key that it names. Raises `InputError` (`bad-witness`,
        `not-cosigned`), `Refused` (`witness-key-other`), and as `Checkpoints.observe`.
        """
        check_witness(member, public)
        if not cosignatures_of(note, {member: bytes.fromhex(public)}):
            raise InputError("not-cosigned", f"the note carries no cosignature of {member} by that key")
        try:
            self.checkpoints.operators_word(note)
            self.checkpoints.witnesses.announce(member, public, "member")
            self.checkpoints.observe(note, f"member {member}")
        except VerificationFailed as error:
            if error.code not in _NOT_OURS:
                raise
            # What is wrong is what was handed in, not this node.
            raise InputError(error.code, error.message, hint=error.hint) from error

    def _continued(self, reader: Reader) -> Checkpoint | None:
        """What this node cosigned last, once its replica is shown to hold it, as far as it goes."""
        last = self.checkpoints.last_cosigned()
        if last is not None and last.size <= reader.head.log_size + 1 and reader.log_root(last.size) != last.root:
            self.checkpoints.observe(self.checkpoints.last_cosigned_note(), OWN)
        return last

    def _cosign(self, key: WitnessKey, note: str, last: Checkpoint | None) -> Cosignature | None:
        """Cosigns what continues `last`, unless another one was cosigned in between."""
        with self._node.private.begin() as connection:
            if self.checkpoints.last_cosigned_in(connection) != last:
                return None
            self.checkpoints.set_last_cosigned(connection, parse_note(note).checkpoint, note)
        made = key.cosign(note, self._node.clock.now_ms() // 1000)
        self.checkpoints.witnesses.add_own(key.name, key.public.hex())
        self.checkpoints.keep(parse_note(note).checkpoint.size, [made])
        return made

    def _look_at(self, note: str) -> None:
        """A checkpoint that does not continue what was cosigned is the operator's own word all the same: it may show a fork."""
        try:
            self.checkpoints.observe(note, "add-checkpoint")
        except TallystickError as error:
            log.warning("checkpoint-refused", code=error.code)
