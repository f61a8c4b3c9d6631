"""Keeps what the consortium's validators signed beside the ledger's blocks: the engine signs a block's app hash by the next one, so the
checkpoint of a block is asked for once that is there.

A node that was away asks for what it missed. Where its engine does not hold the block, as on a node that came by a snapshot, nothing is
asked: the newest checkpoint covers the older records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import SQLAlchemyError

from ledger import canonical
from ledger.background import Background
from ledger.comet.answers import oldest_in
from ledger.comet.commits import checkpoint_text, fetch_block, steps_to, trusted_validators
from ledger.comet.rpc import Rpc
from ledger.errors import TallystickError, Unreachable
from ledger.header import Header, network_of
from ledger.store import LedgerStore
from ledger.tables import headers

_BATCH: Final = 50
_RETRY_S: Final = 1.0
_IDLE_S: Final = 60.0

log = structlog.get_logger(__name__)


class Sealer(Background):
    """`on_sealed` is told that checkpoints were written."""

    def __init__(
        self, store: LedgerStore, genesis: Mapping[str, Any], powers: Mapping[str, int], rpc: Rpc, on_sealed: Callable[[], None]
    ) -> None:
        super().__init__("comet-seal", "blocks-not-sealed", _IDLE_S, retry_s=_RETRY_S)
        self._store, self._rpc, self._on_sealed = store, rpc, on_sealed
        self._trust = trusted_validators(network_of(genesis), powers, 1, int(genesis["time"]))
        self._engine_height = 0
        # Below this there is nothing left that can be sealed: a long ledger is looked through once, and not after every block.
        self._first_height = 1

    def reached(self, engine_height: int) -> None:
        """The engine's block of that height is durable: those before it can be sealed. For any thread."""
        self._engine_height = engine_height
        self._wake.set()

    def run_once(self) -> int:
        """Seals what can be sealed now, a batch at most: how many blocks. Raises `TallystickError`."""
        with self._store.reading() as reader:
            head = reader.head.height
        found = unsealed(self._store, _BATCH, self._first_height)
        due = [header for header in found if header.engine_height < self._engine_height]
        waiting = [header.height for header in found if header.engine_height >= self._engine_height]
        if due:
            oldest = oldest_in(self._rpc.status())
            due = [header for header in due if header.engine_height + 1 >= oldest]
        made = {header.height: self._checkpoint(header) for header in reversed(due)}
        if made:
            self._write(made)
            self._on_sealed()
        if len(found) < _BATCH:
            self._first_height = min([*waiting, head + 1])
        return len(made)

    def work(self) -> None:
        """Batch after batch, until nothing can be sealed."""
        try:
            while not self._stopping.is_set() and self.run_once():
                pass
        except SQLAlchemyError as error:
            raise Unreachable("storage-failed", f"the ledger cannot be written: {type(error).__name__}", hint="check the disk") from error

    def waits(self, error: TallystickError) -> None:
        """Whatever was not done is tried again, woken or not."""
        if isinstance(error, Unreachable):
            log.info("blocks-not-sealed", code=error.code)
        else:
            log.warning("blocks-not-sealed", code=error.code, reason=error.message)
        self.wake()

    def _checkpoint(self, header: Header) -> str:
        block = fetch_block(self._rpc, header.engine_height + 1)
        with self._store.reading() as reader:
            before = reader.checkpoint()
            path = reader.inclusion_proof(header.log_size, header.log_size + 1)
        known: list[Any] = []
        if before is not None:
            value = canonical.decode(before.encode())
            known = [*value["steps"], value["block"]]
        steps = steps_to(block, known, self._trust, lambda height: fetch_block(self._rpc, height))
        return checkpoint_text(block, steps, header, path)

    def _write(self, checkpoints: Mapping[int, str]) -> None:
        with self._store.engine.begin() as connection:
            for height, text in checkpoints.items():
                query = sa.update(headers).where(headers.c.height == height, headers.c.checkpoint.is_(None))
                connection.execute(query.values(checkpoint=text))


def unsealed(store: LedgerStore, limit: int, first_height: int = 1) -> list[Header]:
    """The headers of blocks from a height on that nobody has vouched for yet, the newest first."""
    query = sa.select(headers.c.leaf).where(headers.c.checkpoint.is_(None), headers.c.height >= first_height)
    with store.engine.connect() as connection:
        leaves = connection.execute(query.order_by(headers.c.height.desc()).limit(limit)).scalars().all()
    return [Header.from_json(canonical.decode(bytes(leaf))["header"]) for leaf in leaves]
