"""The authority supervises by what is sealed to it: a record without the parts that its type demands leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from contracts.ruleset import RULESET
from ledger import canonical
from ledger.execution import Block, Dropped, Execution
from ledger.record import assemble, parse
from tests.contracts.harness import name
from tests.traces import RealMaker

DEMANDED = {
    "member.estate": {"estate"},
    "enterprise.enrol": {"enrolment"},
    "declaration.register": {"declaration"},
    "declaration.amend": {"declaration"},
    "declaration.void": {"declaration"},
    "declaration.collected": {"collection"},
    "consent.give": {"consent", "secret"},
    "enquiry.request": {"request"},
    "enquiry.answer": {"answer"},
    "financing.apply": {"application"},
    "financing.approve": {"pledge"},
    "financing.disburse": {"loan"},
    "financing.repay": {"repayment"},
    "financing.write-off": {"reason"},
    "financing.correct": {"reason"},
    "financing.take-over": {"terms"},
    "financing.load": {"loan"},
    "dispute.open": {"statement"},
    "dispute.resolve": {"statement"},
    "order.freeze": {"order"},
    "order.lift": {"order"},
}
OPENING = {"declaration": name("d"), "maximum": 1_000, "uses": 1, "end": 1, "consent": name("c"), "salt": name("s")}
# Bodies of types that the trace does not make: form is looked at before anything that they name.
BODIES: dict[str, dict[str, Any]] = {
    "member.estate": {"member": "bank-a", "heir": "bank-b"},
    "financing.write-off": {"financing": name("f"), "shares": [1_000]},
    "financing.correct": {"financing": name("f"), "shares": [1_000]},
    "financing.take-over": {"financing": name("f"), "salt": name("s"), "grants": [OPENING]},
    "financing.load": {"lines": [{"grant": OPENING, "share": 1_000}]},
    "dispute.open": {"record": name("r")},
    "dispute.resolve": {"dispute": name("q"), "outcome": "upheld"},
    "order.freeze": {"target": {"kind": "declaration", "id": name("d")}, "digest": name("paper")},
    "order.lift": {"order": name("o"), "digest": name("paper")},
}


def stripped(raw: bytes) -> Iterator[tuple[str, str, bytes]]:
    """Its copies that lack one of the parts each: the type, the part, the bytes. Form is looked at before signatures are."""
    record = parse(raw)
    for part in sorted(record.core["sealed"]):
        sealed = {name: value for name, value in record.core["sealed"].items() if name != part}
        yield record.type, part, assemble(canonical.encode({**record.core, "sealed": sealed}), record.signatures)


class Stripper(RealMaker):
    """Runs every copy that lacks a part in the very place where the whole record stands right after."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.refused: dict[str, set[str]] = {}

    def block(self, *raws: bytes, pass_ms: int = 1_000) -> Execution:
        for raw in raws:
            for kind, part, copy in stripped(raw) if raw.startswith(b"{") else ():
                self._run_in_vain(copy, pass_ms)
                self.refused.setdefault(kind, set()).add(part)
        done = super().block(*raws, pass_ms=pass_ms)
        # Some come too late, but none of them is badly formed.
        codes = [outcome.code for outcome in done.outcomes if isinstance(outcome, Dropped)]
        assert "malformed" not in codes
        return done

    def _run_in_vain(self, raw: bytes, pass_ms: int) -> None:
        before = self.chain.head
        (outcome,) = self.chain.run(Block(len(self.trace.blocks) + 1, self.author.now_ms + pass_ms, (raw,))).outcomes
        assert isinstance(outcome, Dropped)
        assert outcome.code == "malformed"
        assert self.chain.head == before


def test_a_record_that_lacks_a_part_that_its_type_demands_leaves_nothing() -> None:
    maker = Stripper(seed=7)
    maker.block(maker.service("bank-a", "enterprise.enrol", {}))
    maker.register(4)
    for bank in ("bank-a", "bank-b", "bank-c"):
        maker.answer(bank, maker.declarations)
    while "financing.repay" not in maker.refused:
        maker.finance()
    maker.disturb()
    for kind, body in BODIES.items():
        maker.block(maker.staff("bank-a", kind, body))
    assert maker.refused == DEMANDED


@pytest.mark.parametrize("record_type", RULESET.types)
def test_each_type_demands_exactly_the_parts_that_the_authority_supervises_by(record_type: str) -> None:
    kind = RULESET.types[record_type]
    assert kind.required_parts == DEMANDED.get(record_type, set())
    assert kind.required_parts <= kind.parts
