"""Snapshots for state sync: none yet are offered, and none are taken."""

from __future__ import annotations

from ledger.comet import abci_pb2 as abci


class Snapshots:
    """What the engine asks about snapshots."""

    def list(self) -> abci.ResponseListSnapshots:
        return abci.ResponseListSnapshots()

    def offer(self, _: abci.RequestOfferSnapshot) -> abci.ResponseOfferSnapshot:
        return abci.ResponseOfferSnapshot(result=abci.ResponseOfferSnapshot.ABORT)

    def load(self, _: abci.RequestLoadSnapshotChunk) -> abci.ResponseLoadSnapshotChunk:
        return abci.ResponseLoadSnapshotChunk()

    def apply(self, _: abci.RequestApplySnapshotChunk) -> abci.ResponseApplySnapshotChunk:
        return abci.ResponseApplySnapshotChunk(result=abci.ResponseApplySnapshotChunk.ABORT)
