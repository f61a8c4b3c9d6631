"""Taking in a snapshot: the log is built again from its leaves and every block executed again, into one database transaction.

Nothing that a peer sends is believed. The leaves count only if the log that they make has the root which the consortium signed; and then
each block, executed from genesis on, must give these leaves to the byte: records, results, headers, and so the state at every height.
A replica that holds a beginning of the log gets the rest, and its own blocks must be those of the snapshot. Until `finish` nothing is
visible or durable; a crash leaves what was there before.

Which of two is at fault shows at the end only: leaves that do not make the signed root are the sender's fault, while a signed log that
cannot be executed to the same end is a fault of this program or this ledger, which another sender would not mend.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from ledger import canonical, log_tree
from ledger.errors import InputError, Refused, TallystickError, VerificationFailed
from ledger.execution import Block, Execution, in_order
from ledger.header import Header, split_record_leaf
from ledger.limits import BLOCK_RECORDS_MAX, SNAPSHOT_BLOCK_BYTES_MAX
from ledger.memory_chain import MemoryChain
from ledger.rules import Rulebook
from ledger.snapshot import broken
from ledger.store import LedgerStore

_HEADER_PREFIX: Final = b'{"header":'


class Restoring:
    """One snapshot on its way in. `log_root` is what the consortium signed as the root of the log after the engine's block of
    `engine_height`. One thread at a time; `abandon` is called where it is not finished.
    """

    def __init__(self, store: LedgerStore, genesis: Mapping[str, Any], rulebook: Rulebook, engine_height: int, log_root: bytes) -> None:
        with store.reading() as reader:
            self._own = reader.head
        self._store, self._engine_height, self.log_root = store, engine_height, log_root
        self._chain = MemoryChain(genesis, rulebook)
        self._size, self._frontier = 0, ()  # type: tuple[int, tuple[bytes, ...]]
        self._line = bytearray()
        self._block: list[bytes] = []
        self._block_bytes = 0
        self._fault: TallystickError | None = None
        self._transaction = ExitStack()
        self._connection: Connection | None = self._transaction.enter_context(store.writing())

    def feed(self, chunk: bytes) -> None:
        """The next chunk. Raises `VerificationFailed` (`snapshot-broken`) for what no log holds, and whatever the database raises."""
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            leaf = bytes(self._line) + chunk[start:end]
            self._line.clear()
            self._take(leaf)
            start = end + 1
        self._line += chunk[start:]
        self._bound()

    def finish(self, beside: Callable[[Connection, Header], None]) -> Header:
        """Makes all of it durable, together with what `beside` writes; gives the newest header. On any failure nothing is written.

        Raises `VerificationFailed`: `snapshot-broken` where the sender is at fault, else `replay-differs` or `other-history`; and `Refused`
        (`rules-missing`).
        """
        if self._line or self._block:
            raise broken("it ends inside a block")
        if log_tree.root(self._size, self._frontier) != self.log_root:
            raise broken("its log is not the one that the consortium signed")
        if self._fault is not None:
            raise self._fault
        head = self._chain.head
        if head.engine_height != self._engine_height:
            raise broken("its log ends before the height that it is offered for")
        if head.height < self._own.height:
            raise _other_history()
        connection = self._connection
        assert connection is not None, "what was abandoned is not finished"
        beside(connection, head)
        self._connection = None
        self._transaction.close()
        return head

    def abandon(self) -> None:
        """Takes everything back."""
        if self._connection is not None:
            self._connection = None
            # A database that is away takes it back by itself.
            with suppress(SQLAlchemyError):
                self._transaction.__exit__(_GivenUp, _GivenUp(), None)

    def _take(self, leaf: bytes) -> None:
        self._block.append(leaf)
        self._block_bytes += len(leaf)
        self._bound()
        if not leaf.startswith(_HEADER_PREFIX):
            return
        hashes = [log_tree.leaf_hash(each) for each in self._block]
        if self._fault is None:
            try:
                self._execute(self._block)
            except InputError:
                self._fault = _differs()
            except (Refused, VerificationFailed) as error:
                self._fault = error
        # The log goes on to be built after a fault, for its root says whose fault it is.
        after = log_tree.append(self._size, self._frontier, hashes)
        self._size, self._frontier = after.size, after.frontier
        self._block, self._block_bytes = [], 0

    def _bound(self) -> None:
        if len(self._block) > BLOCK_RECORDS_MAX + 1 or self._block_bytes + len(self._line) > SNAPSHOT_BLOCK_BYTES_MAX:
            raise broken("a block is too long")

    def _execute(self, leaves: Sequence[bytes]) -> None:
        execution = self._chain.begun if self._size == 0 else self._chain.run(self._next(leaves))
        header = execution.header
        if header is None or execution.leaves != tuple(leaves):
            raise _differs()
        own = self._own
        if header.height == own.height and header.hash != own.hash:
            raise _other_history()
        if header.height > own.height:
            self._write(execution)

    def _next(self, leaves: Sequence[bytes]) -> Block:
        """The engine's block that left these leaves."""
        try:
            header = Header.from_json(canonical.decode(leaves[-1])["header"])
        except (KeyError, TypeError) as error:
            raise _differs() from error
        block = Block(header.engine_height, header.time_ms, [split_record_leaf(leaf)[0] for leaf in leaves[:-1]])
        if not in_order(self._chain.head, block):
            raise _differs()
        return block

    def _write(self, execution: Execution) -> None:
        connection = self._connection
        assert connection is not None, "nothing is fed to what was abandoned"
        self._store.commit(connection, execution, None)


class _GivenUp(Exception):  # no error: it makes the transaction roll back
    pass


def _differs() -> VerificationFailed:
    message = "the consortium signed a log that this program does not come to by executing its records"
    return VerificationFailed("replay-differs", message, hint="run the version of the program that the others run")


def _other_history() -> VerificationFailed:
    message = "the blocks of this ledger are not those that the consortium signed"
    return VerificationFailed("other-history", message, hint="keep this database as evidence, and begin with an empty one")
