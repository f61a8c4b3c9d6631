"""What there is before a run begins, and what goes on beside it: the ledger of a founding, and customs that registers."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from contracts.ruleset import RULEBOOK
from ledger.admission import VerifiedSignatures
from ledger.chain import StoredChain
from ledger.execution import execute
from ledger.solo import begin_ledger
from ledger.store import LedgerStore
from tests.ledger.small_ledger import OPERATOR, Author, private_key, url_of
from tests.sealed_parts import demanded_shapes
from tests.traces import WHOLE, Trace


def registration(author: Author, now_ms: int) -> bytes:
    """One more declaration."""
    author.now_ms = now_ms
    body = {"declaration": sha256(f"later {now_ms}".encode()).hexdigest(), "ceiling_ppm": WHOLE, "until": "2024-10", "replaces": []}
    kind = "declaration.register"
    return author.record(kind, body, [private_key("authority service")], sealed=demanded_shapes(kind))


def lay_down(file: Path, trace: Trace) -> None:
    """A ledger of the blocks of a trace."""
    store = LedgerStore(url_of(file))
    begin_ledger(store, trace.genesis, RULEBOOK, OPERATOR)
    chain, verified = StoredChain(store), VerifiedSignatures()
    for block in trace.blocks:
        execution = execute(chain, block, RULEBOOK, verified)
        chain.commit(execution, OPERATOR.checkpoint(execution))
        chain.rest()
    chain.close()
    store.close()
