"""Makes snapshots beside the engine, in a thread of its own, from what is durable: blocks never wait for it.

They are of every so many heights of the ledger, the same on every node with the same setting. Where the ledger runs ahead meanwhile, the
newest such height is made and those between are left out.
"""

from __future__ import annotations

import threading
from pathlib import Path

import structlog

from ledger.comet.files import Settings
from ledger.errors import TallystickError
from ledger.snapshot_files import SnapshotFiles
from ledger.store import LedgerStore

log = structlog.get_logger(__name__)


class SnapshotMaker:
    """`files` is where they are. Of the settings, `snapshot_heights` and `snapshots_kept` count."""

    def __init__(self, store: LedgerStore, directory: Path, settings: Settings) -> None:
        self.files = SnapshotFiles(directory, settings.snapshots_kept)
        self._store, self._every = store, settings.snapshot_heights
        self._changed = threading.Condition()
        self._due = self._made = 0
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Raises `Unreachable` (`snapshots-unwritable`)."""
        self.files.open()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="comet-snapshots", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """A snapshot that is just being made is made to its end."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    def reached(self, height: int) -> None:
        """The ledger has this height. Quick, and for any thread."""
        if self._every > 0:
            with self._changed:
                self._due = max(self._due, height - height % self._every)
                self._changed.notify()

    def _run(self) -> None:
        while (height := self._next()) is not None:
            try:
                self.files.make(self._store, height)
            except TallystickError as error:
                # Nothing depends on it here: others offer theirs, and the next one is tried in its turn.
                log.error("snapshot-not-made", height=height, code=error.code, reason=error.message)

    def _next(self) -> int | None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._due > self._made)
            self._made = self._due
            return None if self._stopping else self._due
