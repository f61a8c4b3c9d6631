"""What must hold after a run, whatever happened in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from contracts.invariants import check_invariants
from contracts.ruleset import RULEBOOK
from ledger import canonical
from ledger.audit import audit
from ledger.chain import StoredChain
from ledger.state import Overlay
from ledger.store import LedgerStore
from ledger.vouching import Voucher
from tests.simulation.desk import Desk


def hashes(store: LedgerStore) -> list[str]:
    """Of every header, from genesis on."""
    with store.reading() as reader:
        return [str(reader.header_hash(height)) for height in range(reader.head.height + 1)]


def judge(stores: Sequence[LedgerStore], genesis: Mapping[str, Any], voucher: Voucher | None, desks: Sequence[Desk]) -> Counter[str]:
    """Replicas that were given all the time that they need. Gives what was counted."""
    histories = [hashes(store) for store in stores]
    assert all(each == histories[0] for each in histories), "replicas differ"
    report = audit(stores[0], genesis, RULEBOOK, voucher)
    assert report.findings == (), report.findings
    counted = Counter({"blocks": len(histories[0]) - 1, "records": report.records})
    for desk in desks:
        assert desk.is_done, f"{desk.bank} still waits"
        for store in stores:
            _check_told(store, desk)
        counted["told"] += len(desk.ended)
        counted.update(f"told {each.code}" for each in desk.ended)
    _check_once(stores[0], desks)
    _check_money(stores[0], desks)
    return counted


def _check_told(store: LedgerStore, desk: Desk) -> None:
    """Whatever a bank was told stands on every replica, at the height and with the result that it was told."""
    with store.reading() as reader:
        for each in desk.ended:
            stored = reader.record(each.record_id)
            assert stored is not None, f"{each.reference} was told, and is lost"
            assert (stored.height, stored.result["code"]) == (each.height, each.code), f"{each.reference} is not as it was told"


def _check_once(store: LedgerStore, desks: Sequence[Desk]) -> None:
    """One cause has one record that was accepted: a loan is approved, paid out and repaid once."""
    accepted: Counter[str] = Counter()
    with store.reading() as reader:
        every = reader.records(0, 1_000_000)
        assert len({stored.id for stored in every}) == len(every)
        for stored in every:
            body = stored.record.body
            if stored.result["code"] == "ok" and "financing" in body and stored.record.type.startswith("financing."):
                accepted[f"{stored.record.type} {body['financing']}"] += 1
    assert max(accepted.values(), default=0) <= 1, accepted.most_common(1)
    causes = [each.reference for desk in desks for each in desk.ended]
    assert len(causes) == len(set(causes))


def _check_money(store: LedgerStore, desks: Sequence[Desk]) -> None:
    """What is drawn on each declaration is what the banks paid out and did not get back, by what they were told alone."""
    drawn: Counter[str] = Counter()
    for desk in desks:
        for loan in desk.loans:
            told = {each.type: each.code for each in desk.ended if each.reference.startswith(f"{loan.name} ")}
            if told.get("financing.disburse") == "ok" and told.get("financing.repay") != "ok":
                for opening, share in zip(loan.openings, loan.shares, strict=True):
                    drawn[opening["declaration"]] += share
    chain = StoredChain(store)
    try:
        entries = {key.partition("/")[2]: canonical.decode(raw) for key, raw in chain.state.scan_bytes("declaration/")}
        assert check_invariants(Overlay(chain.state), chain.head.time_ms) == []
    finally:
        chain.close()
    assert {name: entry["drawn"] for name, entry in entries.items() if entry["drawn"]} == dict(+drawn)
