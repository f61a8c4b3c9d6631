"""State sync: what the engine asks about snapshots, for the newcomers among its peers and for this node while it is one itself.

A newcomer's engine checks by its light client which app hash the consortium signed for a height; the application then takes nothing
from a peer but what leads to that hash. A peer that sends a wrong chunk is left out and the chunk fetched from another; one that offers a
whole snapshot that does not hold is left out with it. Where the fault is this node's own, taking another snapshot would not help: that is
raised, and the engine stays down and says why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog

from ledger.comet import abci_pb2 as abci
from ledger.comet.application import Application
from ledger.errors import TallystickError, VerificationFailed
from ledger.hashing import HASH_BYTES
from ledger.snapshot import FORMAT, Snapshot, chunk_hash, unpack
from ledger.snapshot_files import SnapshotFiles
from ledger.snapshot_restore import Restoring

# The light client needs the headers of the two heights that follow: the app hash stands in the next one, the validators in that after it.
_HEADERS_AFTER: Final = 2
# Longer than CometBFT waits for any chunk.
_QUIET_MS_MAX: Final = 300_000
_Offer: Final = abci.ResponseOfferSnapshot
_Apply: Final = abci.ResponseApplySnapshotChunk

log = structlog.get_logger(__name__)


class Snapshots:
    """One answer for each kind of question. `on_restored` is told the ledger's height when it has moved on to a snapshot's end."""

    def __init__(self, application: Application, files: SnapshotFiles, on_restored: Callable[[int], None]) -> None:
        self._application, self._files, self._on_restored = application, files, on_restored
        self._offered: Snapshot | None = None
        self._restoring: Restoring | None = None
        self._next = 0
        self._asked = self._seen_asked = 0
        self._quiet_since_ms = 0

    def close(self) -> None:
        """Takes back whatever came in and is not complete."""
        restoring, self._restoring = self._restoring, None
        if restoring is not None:
            restoring.abandon()

    def stalled(self, now_ms: int) -> bool:
        """Asked now and then while a node waits for a snapshot: whether its engine has asked nothing for so long that it should be started
        again. CometBFT gives up for good where a light client is answered by nobody for a moment, and forgets whom it left out only then.
        """
        if self._application.position.height > 0 or self._asked != self._seen_asked or not self._quiet_since_ms:
            self._seen_asked, self._quiet_since_ms = self._asked, now_ms
        if now_ms - self._quiet_since_ms < _QUIET_MS_MAX:
            return False
        self._quiet_since_ms = now_ms
        log.warning(
            "snapshot-awaited", hint="see that two engines answer, that their block is trusted still, and that peers have snapshots"
        )
        return True

    def list(self, _: abci.RequestListSnapshots) -> abci.ResponseListSnapshots:
        """What a newcomer can take from here, as far as its light client can follow."""
        newest = self._application.position.height - _HEADERS_AFTER
        return abci.ResponseListSnapshots(snapshots=[_told(each) for each in self._files.list() if each.engine_height <= newest])

    def load(self, asked: abci.RequestLoadSnapshotChunk) -> abci.ResponseLoadSnapshotChunk:
        """A chunk, packed; nothing where it is not here."""
        chunk = self._files.load(asked.height, asked.chunk) if asked.format == FORMAT else b""
        return abci.ResponseLoadSnapshotChunk(chunk=chunk)

    def offer(self, asked: abci.RequestOfferSnapshot) -> abci.ResponseOfferSnapshot:
        """Whether the engine should fetch what peers offer. Whatever was on its way before is forgotten."""
        self.close()
        self._asked += 1
        told = asked.snapshot
        if told.format != FORMAT:
            return _Offer(result=_Offer.REJECT_FORMAT)
        snapshot = Snapshot.read(told.height, told.metadata)
        if snapshot is None or told.chunks != len(snapshot.chunks) or told.hash != snapshot.hash:
            return _Offer(result=_Offer.REJECT_SENDER)
        if len(asked.app_hash) != HASH_BYTES or told.height < self._application.position.height:
            return _Offer(result=_Offer.REJECT)
        log.info("snapshot-begun", height=told.height, chunks=told.chunks)
        self._offered, self._next = snapshot, 0
        self._restoring = self._application.restoring(told.height, asked.app_hash)
        return _Offer(result=_Offer.ACCEPT)

    def apply(self, asked: abci.RequestApplySnapshotChunk) -> abci.ResponseApplySnapshotChunk:
        """Takes in the next chunk, and with the last one the whole. Raises where the fault is this node's own."""
        self._asked += 1
        offered, restoring = self._offered, self._restoring
        if offered is None or restoring is None:
            return _Apply(result=_Apply.ABORT)
        if asked.index != self._next:
            return _Apply(result=_Apply.RETRY_SNAPSHOT)
        chunk = _checked(asked.chunk, offered.chunks[asked.index])
        if chunk is None:
            log.warning("snapshot-chunk-refused", height=offered.engine_height, chunk=asked.index, sender=asked.sender)
            return _Apply(result=_Apply.RETRY, refetch_chunks=[asked.index], reject_senders=[asked.sender])
        self._next += 1
        try:
            self._take(restoring, chunk, last=self._next == len(offered.chunks))
        except VerificationFailed as error:
            self.close()
            if error.code != "snapshot-broken":
                raise
            log.warning("snapshot-refused", height=offered.engine_height, sender=asked.sender, reason=error.message)
            return _Apply(result=_Apply.REJECT_SNAPSHOT, reject_senders=[asked.sender])
        except BaseException:
            self.close()
            raise
        return _Apply(result=_Apply.ACCEPT)

    def _take(self, restoring: Restoring, chunk: bytes, *, last: bool) -> None:
        restoring.feed(chunk)
        if last:
            self._application.restored(restoring)
            self._restoring = None
            log.info("snapshot-restored", height=self._application.position.height)
            self._on_restored(self._application.chain.head.height)


def _told(snapshot: Snapshot) -> abci.Snapshot:
    return abci.Snapshot(
        height=snapshot.engine_height, format=FORMAT, chunks=len(snapshot.chunks), hash=snapshot.hash, metadata=snapshot.metadata
    )


def _checked(packed: bytes, expected: bytes) -> bytes | None:
    """The chunk, unpacked, if it is the one that was offered."""
    try:
        chunk = unpack(packed)
    except TallystickError:
        return None
    return chunk if chunk_hash(chunk) == expected else None
