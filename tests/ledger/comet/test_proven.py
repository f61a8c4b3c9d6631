"""Proof files of a consortium that runs: from a record over the log's root, CometBFT's header and its validators' votes to genesis."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from ledger.comet.sealing import unsealed
from ledger.engine import Receipt
from ledger.proof import consistency_file, record_proof, state_proof
from ledger.verify import verify
from tests import cometbft
from tests.ledger.comet.consortium import YEAR_S
from tests.ledger.comet.ring import Ring, ring, wait_until
from tests.ledger.verify.trusting import consortium_trust


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ring]:
    if cometbft.program() is None:
        assert os.environ.get("CI") != "true", cometbft.MISSING
        pytest.skip(cometbft.MISSING)
    with ring(tmp_path_factory.mktemp("proven"), 4) as found:
        yield found


def test_a_record_is_proven_to_whoever_knows_genesis(made: Ring) -> None:
    answers = [*made.send(0, made.author.put("a"), made.author.put("b")), *made.send(1, made.author.put("c"))]
    assert all(isinstance(each, Receipt) for each in answers)
    store = made.stores[0]
    wait_until(lambda: made.head(0)[0] >= 2 and not unsealed(store, 10))
    validators = [{"name": f"seat-{place}", **each} for place, each in enumerate(made.genesis["application"]["validators"])]
    trust = consortium_trust(made.author.network, validators, made.genesis["time"], YEAR_S)
    with store.reading() as reader:
        first = reader.checkpoint(1)
        assert first is not None
        files = [record_proof(reader, each.record_id) for each in answers if isinstance(each, Receipt)]
        files += [state_proof(reader, "note/a"), state_proof(reader, "note/none", 1), consistency_file(reader, first)]
    for file in files:
        verdict = verify(file, trust)
        assert verdict.ok, verdict.code
        assert any("more than two thirds of the validators' power (seat-" in each for each in verdict.proves)
    early = consortium_trust(made.author.network, validators, made.genesis["time"] - 2_000_000, 1)
    assert verify(files[0], early).code == "trust-too-old"
    others = [{**each, "power": 10**6 if place == 0 else each["power"]} for place, each in enumerate(validators)]
    without = consortium_trust(made.author.network, [{**others[0], "public": "11" * 32}, *others[1:]], made.genesis["time"], YEAR_S)
    assert verify(files[0], without).code == "validators-not-trusted"
