"""The calls that CometBFT makes of its application, in the order in which it may make them: the grammar of ABCI 2.0 as CometBFT v0.38
publishes it (spec/abci, "CometBFT's expected behavior"), its rules by their names there.

An expression says of a sequence of calls how far it fits (`fits`), by taking off one call after another (Brzozowski's derivatives), and
makes such sequences (`words`), of fewer kinds where wanted (`without`). A process may die at any call, so what is asked of a trace is that
it begins a word.

In two places the engine does more than its text says. The handshake asks for Info before InitChain, and asks for InitChain again where no
block was committed yet. And who begins by state sync has no handshake, so that there InitChain is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from hypothesis import strategies as st

Calls = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A call by its name in the protocol's messages."""

    kind: str


@dataclass(frozen=True, slots=True)
class Each:
    """One after the other; nothing at all where there are no parts."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Any one of them; where there are none, no sequence fits."""

    options: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Many:
    """Any number of times, none included."""

    of: Expression


Expression = Call | Each | Either | Many
NOTHING: Final = Each(())
NO_WORD: Final = Either(())


def each(*parts: Expression) -> Expression:
    flat = tuple(inner for part in parts for inner in (part.parts if isinstance(part, Each) else (part,)))
    if NO_WORD in flat:
        return NO_WORD
    return flat[0] if len(flat) == 1 else Each(flat)


def either(*options: Expression) -> Expression:
    flat = tuple(dict.fromkeys(inner for option in options for inner in (option.options if isinstance(option, Either) else (option,))))
    return flat[0] if len(flat) == 1 else Either(flat)


def maybe(expression: Expression) -> Expression:
    return either(NOTHING, expression)


def is_whole(expression: Expression) -> bool:
    """Whether a sequence may end here."""
    match expression:
        case Call():
            return False
        case Each(parts):
            return all(map(is_whole, parts))
        case Either(options):
            return any(map(is_whole, options))
        case Many():
            return True


def after(expression: Expression, kind: str) -> Expression:
    """What may follow once this call was made."""
    match expression:
        case Call(own):
            return NOTHING if own == kind else NO_WORD
        case Each(()):
            return NO_WORD
        case Each((first, *rest)):
            taken = each(after(first, kind), *rest)
            return either(taken, after(each(*rest), kind)) if is_whole(first) else taken
        case Either(options):
            return either(*(after(option, kind) for option in options))
        case Many(of):
            return each(after(of, kind), expression)
    raise AssertionError(expression)


def fits(expression: Expression, calls: Sequence[str]) -> int:
    """How many of the calls begin a sequence of the expression: all, where they are its beginning."""
    for place, kind in enumerate(calls):
        expression = after(expression, kind)
        if expression == NO_WORD:
            return place
    return len(calls)


@cache
def words(expression: Expression, repeats_max: int = 3) -> st.SearchStrategy[Calls]:
    """Sequences of the expression, where what may come any number of times comes so often at the most."""
    match expression:
        case Call(kind):
            return st.just((kind,))
        case Each(parts):
            return st.tuples(*(words(part, repeats_max) for part in parts)).map(_joined)
        case Either(options):
            return st.one_of(*(words(option, repeats_max) for option in options))
        case Many(of):
            return st.lists(words(of, repeats_max), max_size=repeats_max).map(_joined)


def without(expression: Expression, kinds: frozenset[str]) -> Expression:
    """The sequences of an expression that have none of these calls."""
    match expression:
        case Call(kind):
            return NO_WORD if kind in kinds else expression
        case Each(parts):
            return each(*(without(part, kinds) for part in parts))
        case Either(options):
            return either(*(without(option, kinds) for option in options))
        case Many(of):
            left = without(of, kinds)
            return NOTHING if left == NO_WORD else Many(left)


def _joined(parts: Iterable[Calls]) -> Calls:
    return tuple(kind for part in parts for kind in part)


_INFO: Final = Call("info")
_INIT_CHAIN: Final = Call("init_chain")
_APPLY_CHUNK: Final = Call("apply_snapshot_chunk")
_GOT_VOTE: Final = Many(Call("verify_vote_extension"))
_PROCESS_PROPOSAL: Final = maybe(Call("process_proposal"))

EXTEND: Final = each(_GOT_VOTE, Call("extend_vote"), _GOT_VOTE)
PROPOSER: Final = each(_GOT_VOTE, maybe(each(Call("prepare_proposal"), _PROCESS_PROPOSAL)), maybe(EXTEND))
NON_PROPOSER: Final = each(_GOT_VOTE, _PROCESS_PROPOSAL, maybe(EXTEND))
CONSENSUS_ROUND: Final = either(PROPOSER, NON_PROPOSER)
CONSENSUS_HEIGHT: Final = each(Many(CONSENSUS_ROUND), Call("finalize_block"), Call("commit"))
CONSENSUS_EXEC: Final = Many(CONSENSUS_HEIGHT)
STATE_SYNC: Final = each(
    Many(each(Call("offer_snapshot"), Many(_APPLY_CHUNK))), Call("offer_snapshot"), _APPLY_CHUNK, Many(_APPLY_CHUNK), _INFO
)
CLEAN_START: Final = each(either(each(maybe(_INFO), _INIT_CHAIN, maybe(STATE_SYNC)), STATE_SYNC), CONSENSUS_EXEC)
RECOVERY: Final = each(_INFO, CONSENSUS_EXEC)
START: Final = either(CLEAN_START, RECOVERY)

VOTE_EXTENSIONS: Final = frozenset({"extend_vote", "verify_vote_extension"})
# Whatever else may be asked may be asked at any time.
KINDS: Final = VOTE_EXTENSIONS | frozenset(
    {
        "info",
        "init_chain",
        "offer_snapshot",
        "apply_snapshot_chunk",
        "prepare_proposal",
        "process_proposal",
        "finalize_block",
        "commit",
    }
)
