"""Banks on validators of their own, against the real engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from contracts.invariants import check_invariants
from contracts.readings import read
from contracts.ruleset import RULEBOOK
from ledger import canonical
from ledger.audit import audit
from ledger.comet.sealing import unsealed
from ledger.execution import Block
from ledger.memory_chain import MemoryChain
from ledger.state import Overlay
from ledger.verify import verify
from ledger.vouching import voucher_of
from nodes.enquiries.answers import GRANT_USES
from nodes.financings.apply import ApplicationLine, ApplicationOutcome, Applications
from nodes.financings.desk import Financings
from nodes.node import Node
from nodes.proofs import Proofs
from nodes.trust_files import newest_trust, trust_document
from tests.conftest import DEEP
from tests.nodes.consortium import Consorts, consorts, wait_until
from tests.nodes.network import caller

RACES = 1_000 if DEEP else 12
PER_GRANT = GRANT_USES


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consorts]:
    with consorts(tmp_path_factory.mktemp("consortium") / "net") as made:
        yield made


def apply(bank: Node, declaration: str) -> ApplicationOutcome:
    line = ApplicationLine(declaration, None)
    return Applications(bank).apply(caller(bank), [line], product="packing", reference="RACE")


def test_of_two_banks_on_two_validators_exactly_one_wins_each_race_and_the_other_is_told_why_at_its_first_try(running: Consorts) -> None:
    one, declarations = running.declare(), Counter[str]()
    declaration = running.authority.registry_key.declaration_id(one.number)
    consents = [running.consent(bank) for bank in running.banks[:2]]
    with ThreadPoolExecutor(2) as pool:
        for race in range(RACES):
            if race % PER_GRANT == 0:
                for bank, consent in zip(running.banks, consents, strict=False):
                    running.grant(bank, consent, one)
            answers = list(pool.map(lambda bank: apply(bank, declaration), running.banks[:2]))
            assert sorted(answer.code for answer in answers) == ["exhausted", "ok"], f"race {race}"
            winner = next(place for place, answer in enumerate(answers) if answer.code == "ok")
            declarations[running.banks[winner].member] += 1
            held = answers[winner].id
            assert held is not None
            Financings(running.banks[winner]).cancel(caller(running.banks[winner]), held, "withdrawn")
            running.settle()
    assert declarations.total() == RACES


def test_balances_hold_at_every_height_on_every_replica_and_the_replay_of_the_blocks_gives_the_same_roots(running: Consorts) -> None:
    height = running.settle()
    chain = MemoryChain(running.authority.genesis, RULEBOOK)
    with running.authority.store.reading() as reader:
        for at in range(1, height + 1):
            header = reader.header(at)
            assert header is not None
            chain.run(Block(header.engine_height, header.time_ms, [stored.record.raw for stored in reader.records_of_block(at)]))
            assert (chain.head.state_root, chain.head.hash) == (header.state_root, header.hash)
            assert check_invariants(Overlay(chain.state), header.time_ms) == []
    for node in running.nodes:
        with node.store.reading() as reader:
            assert reader.header_hash(height) == chain.head.hash


def test_every_replica_audits_clean(running: Consorts) -> None:
    running.settle()
    for node in running.nodes:
        report = audit(node.store, node.genesis, RULEBOOK, voucher_of(node.genesis))
        assert report.findings == ()


def test_what_a_member_proves_holds_under_genesis_and_under_the_trust_file_of_another_member(running: Consorts) -> None:
    one = running.declare()
    declaration = running.authority.registry_key.declaration_id(one.number)
    wait_until(lambda: not any(unsealed(node.store, 10) for node in running.nodes))
    document = Proofs(running.authority.store, running.authority.private).declaration(declaration, reveal=True)
    with running.banks[0].store.reading() as reader:
        trusts = [trust_document(running.authority.genesis), newest_trust(running.banks[0].genesis, reader)]
    assert trusts[0]["height"] == 1 < trusts[1]["height"]
    for trust in trusts:
        assert [each["name"] for each in trust["validators"]] == ["authority", "bank-a", "bank-b", "bank-c"]
        verdict = verify(document, canonical.encode(trust))
        assert verdict.ok, verdict.code
        (said,) = [each for each in verdict.proves if "of the validators' power" in each]
        assert said.count("bank-") + said.count("authority") == 3
        assert any(one.number in each for each in read(verdict).proves)
