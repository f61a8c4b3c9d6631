"""A chain in memory: executes blocks from genesis on, beside no database, for audits, replays and tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger import state_tree
from ledger.admission import VerifiedSignatures
from ledger.errors import VerificationFailed
from ledger.execution import Block, Execution, execute, execute_genesis
from ledger.header import Header
from ledger.replay_guard import ReplayGuard
from ledger.rules import Rulebook
from ledger.state import MemoryState
from ledger.state_tree import KnownNodes


class MemoryPages(dict[str, bytes]):
    """The newest pages of the state tree."""

    def page(self, prefix: str) -> bytes | None:
        return self.get(prefix)

    def apply(self, changes: Mapping[str, bytes | None]) -> None:
        for prefix, page in changes.items():
            if page is None:
                self.pop(prefix, None)
            else:
                self[prefix] = page


class MemoryChain:
    """Implements `execution.Chain`. It keeps the state, its tree and one hash for each height; records are forgotten."""

    def __init__(self, genesis: Mapping[str, Any], rulebook: Rulebook, verified: VerifiedSignatures | None = None) -> None:
        """`verified` checks signatures, and remembers the good ones; by default each is checked here. Raises as `execute_genesis`."""
        self._rulebook = rulebook
        self._verified = VerifiedSignatures() if verified is None else verified
        self._hashes: list[str] = []
        self.state = MemoryState()
        self.pages = MemoryPages()
        self.known = KnownNodes()
        self.begun = execute_genesis(genesis, rulebook)
        assert self.begun.header is not None
        self.head: Header = self.begun.header
        self.frontier: tuple[bytes, ...] = ()
        self._move_on(self.begun.header, self.begun)
        self.guard = ReplayGuard(self.state)

    def header_hash(self, height: int) -> str | None:
        return self._hashes[height] if 0 <= height < len(self._hashes) else None

    def run(self, block: Block) -> Execution:
        """Executes a block and moves on, where it left anything. Raises `Refused` (`rules-missing`)."""
        execution = execute(self, block, self._rulebook, self._verified)
        if execution.header is not None:
            self._move_on(execution.header, execution)
            self.guard.advance(execution.seen_pruned, execution.header.height, execution.seen_entry)
        return execution

    def go_on_from(self, head: Header, frontier: tuple[bytes, ...], hashes: list[str], entries: Mapping[str, bytes]) -> None:
        """Moves to a later header, given the log's frontier after it, the header hashes up to it, and the state that it commits to.

        Raises `VerificationFailed` (`state-differs`) where the entries are not those of its state root. That the header follows from
        genesis is for the caller to know.
        """
        state, pages, known = MemoryState(), MemoryPages(), KnownNodes()
        updated = state_tree.update(pages, entries, known)
        if updated.root.hex() != head.state_root:
            raise VerificationFailed("state-differs", "the entries are not the state that the header commits to")
        state.apply(entries)
        pages.apply(updated.pages)
        self.state, self.pages, self.known = state, pages, known
        self.head, self.frontier, self._hashes = head, frontier, hashes
        self.guard = ReplayGuard(state)

    def _move_on(self, header: Header, execution: Execution) -> None:
        self.head, self.frontier = header, execution.frontier
        self._hashes.append(header.hash)
        self.state.apply(execution.state_changes or {})
        self.pages.apply(execution.page_changes or {})
