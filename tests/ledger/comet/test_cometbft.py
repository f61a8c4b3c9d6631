"""Against CometBFT itself, running: what it answers now is what we can check, while its validators change from one set to another."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ledger.comet import commits
from ledger.verify.comet import check_block, check_chain
from ledger.verify.strict_json import Invalid
from tests import cometbft
from tests.ledger.comet.recorded import CHAIN_ID, NETWORK


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[cometbft.Network]:
    binary = cometbft.program()
    if binary is None:
        assert os.environ.get("CI") != "true", cometbft.MISSING
        pytest.skip(cometbft.MISSING)
    with cometbft.running(binary, tmp_path_factory.mktemp("cometbft"), CHAIN_ID, time.time_ns() // 1_000_000) as found:
        yield found


def test_a_reader_is_led_from_the_first_validators_to_the_last(network: cometbft.Network) -> None:
    """A fifth gets most of the power, and three of the four leave: of those whom the reader trusts, one is left, with a tenth."""
    trust = commits.trusted_validators(NETWORK, network.powers, 1, network.time_ms)
    first = commits.fetch_block(network, 2)
    check_chain([check_block(first, CHAIN_ID)], trust)
    known: list[dict[str, Any]] = []
    for node, power in ((cometbft.VALIDATORS, 9), (0, 0), (1, 0), (2, 0)):
        height = network.set_power(node, power)
        block = commits.fetch_block(network, height)
        known = [*commits.steps_to(block, known, trust, lambda height: commits.fetch_block(network, height)), block]
    assert [each["power"] for each in known[-1]["validators"]] == [9, 1]
    chain = [check_block(each, CHAIN_ID) for each in known]
    check_chain(chain, trust)
    assert len(chain) < known[-1]["header"]["height"]
    with pytest.raises(Invalid, match="validators-not-trusted"):
        check_chain(chain[-1:], trust)
