"""Makes a fixed story anew in whatever surroundings this process has, stores it in a database, and prints what must be the same anywhere.

`python -m tests.determinism.telling STORY URL` prints a JSON object: `surroundings`, which say what this process is, `heights`, of each
height the hash of the header, the roots of log and state in it, and a digest of its stored rows, and `digest` of all rows. The story
`simulated` needs no database: its digest is of all that happened in seeded runs of whole networks, with crashes and faults.
"""

from __future__ import annotations

import json
import locale
import sys
import time
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from typing import Any, Final

import sqlalchemy as sa

from ledger.admission import VerifiedSignatures
from ledger.chain import StoredChain
from ledger.execution import execute, execute_genesis
from ledger.store import LedgerStore
from ledger.tables import metadata
from tests.ledger.small_ledger import OPERATOR
from tests.simulation.running import WORLDS, run
from tests.traces import RULEBOOKS, Trace, real_trace, small_trace

STORIES: Final[dict[str, Callable[[], Trace]]] = {
    "notes": lambda: small_trace(seed=11, blocks=30),
    "trade": lambda: real_trace(seed=11, rounds=2),
}
SIMULATED: Final = "simulated"


def told(story: str, url: str) -> dict[str, Any]:
    """A story made, stored, and read again."""
    trace = STORIES[story]()
    rulebook = RULEBOOKS[trace.rules]
    with closing(LedgerStore(url)) as store:
        begun = execute_genesis(trace.genesis, rulebook)
        with store.writing() as connection:
            store.commit(connection, begun, OPERATOR.checkpoint(begun))
        with closing(StoredChain(store)) as chain:
            for block in trace.blocks:
                execution = execute(chain, block, rulebook, VerifiedSignatures())
                chain.rest()
                if execution.header is not None:
                    chain.commit(execution, OPERATOR.checkpoint(execution))
        return _stored(store)


def _stored(store: LedgerStore) -> dict[str, Any]:
    rows = _rows(store)
    with store.reading() as reader:
        headers = [reader.header(height) for height in range(reader.head.height + 1)]
    roots = [[header.hash, header.log_root, header.state_root] for header in headers if header is not None]
    return {"heights": roots, "digest": sha256(repr(rows).encode()).hexdigest()}


def _rows(store: LedgerStore) -> list[tuple[str, list[tuple[Any, ...]]]]:
    """Every row of every table, in an order that no database decides."""
    with store.engine.connect() as connection:
        found = {name: connection.execute(sa.select(table)).all() for name, table in metadata.tables.items()}
    plain = {
        name: [tuple(bytes(value) if isinstance(value, memoryview) else value for value in row) for row in rows]
        for name, rows in found.items()
    }
    return [(name, sorted(rows, key=repr)) for name, rows in sorted(plain.items())]


def _simulated() -> dict[str, Any]:
    return {"heights": [], "digest": {world: run(world, 2)[1] for world in sorted(WORLDS)}}


def surroundings() -> dict[str, str]:
    """What this process shows of where it runs."""
    return {
        "python": ".".join(map(str, sys.version_info[:2])),
        "hash of a text": str(hash("text")),
        "order of a set": ",".join({f"{number}" for number in range(20)}),
        "time zone": str(time.localtime(0).tm_gmtoff),
        "locale": str(locale.setlocale(locale.LC_ALL)),
        "encoding": locale.getpreferredencoding(False),
    }


if __name__ == "__main__":
    locale.setlocale(locale.LC_ALL, "")
    asked, address = sys.argv[1:]
    made = _simulated() if asked == SIMULATED else told(asked, address)
    sys.stdout.write("\n" + json.dumps({"surroundings": surroundings(), **made}))
