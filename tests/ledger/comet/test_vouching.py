"""A consortium's checkpoint as a replica stores it: whatever the text is, it is refused by a code."""

from __future__ import annotations

from typing import Any

import pytest

from ledger import canonical
from ledger.comet.vouching import ConsortiumsWord
from ledger.errors import InputError
from ledger.header import Header, network_of
from ledger.state import EmptyState
from tests.ledger.small_ledger import GENESIS

HEADER: dict[str, Any] = {"height": 7, "time": {"seconds": 1, "nanos": 0}}
SEATS = [{"public": "ab" * 32, "power": 10}]


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"block": {}},
        {"block": {"header": HEADER, "validators": [{"public": "ab" * 32}]}},
        {"block": {"header": HEADER, "validators": [{"public": "ab" * 32, "power": "10"}]}},
        {"block": {"header": {"height": None, "time": HEADER["time"]}, "validators": SEATS}},
        {"block": {"header": {"height": 7, "time": 1}, "validators": SEATS}},
        {"block": [HEADER]},
        [],
    ],
)
def test_a_text_that_is_no_checkpoint_is_refused_by_its_code(value: object) -> None:
    word, text = ConsortiumsWord(network_of(GENESIS)), canonical.encode(value).decode()
    header = Header(network_of(GENESIS), 1, 6, 1, "00" * 32, 1, "00" * 32, "00" * 32, 2)
    for read in (lambda: word.read(text), lambda: word.fits(text, header, EmptyState())):
        with pytest.raises(InputError) as refused:
            read()
        assert refused.value.code == "bad-checkpoint"
