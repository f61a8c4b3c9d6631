"""What the rules would say now: a record's rule, run on the node's own replica and thrown away.

Nothing is signed, sent or written. The real answer comes at the time and in the order of the block that the record gets into.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from contracts.codes import CODES
from ledger.errors import InputError, Refused
from ledger.execution import begin_block, ruleset_at
from ledger.rules import Context, Signer
from ledger.state import Overlay
from ledger.store import Reader

if TYPE_CHECKING:
    from nodes.node import Node

TWO_PEOPLE: Final = ("make", "check")
ONE_PERSON: Final = ("make",)
_NO_RECORD: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A result, and the height and time (milliseconds) of the state that it is about."""

    result: Mapping[str, Any]
    height: int
    time_ms: int

    @property
    def code(self) -> str:
        return str(self.result["code"])

    def require_ok(self) -> None:
        """Raises `Refused` with the rules' code where they would refuse the record: better now than after two people have signed."""
        if self.code != "ok":
            raise Refused(self.code, CODES.get(self.code, "the rules would refuse the record"))


def time_now_ms(node: Node, reader: Reader) -> int:
    """The earliest time that the next block can have."""
    return max(node.clock.now_ms(), reader.head.time_ms + 1)


def rehearse(node: Node, record_type: str, body: Mapping[str, Any], purposes: tuple[str, ...], beside: str | None = None) -> Foreseen:
    """What a record signed for this node's member, by keys of those purposes, would get; `beside`: another member signs too.

    Raises `InputError` (`malformed`).
    """
    with node.store.reading() as reader:
        return rehearse_on(node, reader, record_type, body, purposes, beside)


def rehearse_on(
    node: Node, reader: Reader, record_type: str, body: Mapping[str, Any], purposes: tuple[str, ...], beside: str | None = None
) -> Foreseen:
    """As `rehearse`, as of one reading of the ledger."""
    time_ms = time_now_ms(node, reader)
    state = Overlay(reader.state)
    rules = ruleset_at(reader.state, time_ms, node.rulebook)
    begin_block(state, rules, time_ms)
    kind = rules.types[record_type]
    try:
        model = kind.model.model_validate(dict(body))
    except ValidationError as error:
        raise InputError("malformed", "the request is beyond what a record can say") from error
    own = (Signer(purpose, node.member, purpose, purpose, None) for purpose in purposes)
    others = () if beside is None else (Signer("beside", beside, "service", None, None),)
    context = Context(
        network=node.network,
        record_id=_NO_RECORD,
        type=record_type,
        height=reader.head.height + 1,
        position=0,
        log_index=reader.head.log_size + 1,
        time_ms=time_ms,
        signers=(*own, *others),
        sealed_parts=frozenset(),
    )
    return Foreseen(kind.handle(state, context, model).to_json(), reader.head.height, time_ms)
