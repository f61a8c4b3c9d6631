from __future__ import annotations

import pytest


@pytest.fixture
def head() -> dict[str, str]:
    """The plum shipment's head, as customs writes it."""
    return {
        "EntryId": "090820190519123456",
        "IEFlag": "E",
        "CustomMaster": "0908",
        "TradeCoScc": "91210804MA0X6T3N5P",
        "TradeName": "营口望海果品有限公司",
        "TradeMode": "0110",
        "TradeCountry": "IDN",
        "IEDate": "20190611",
    }


@pytest.fixture
def line() -> dict[str, str]:
    """The plum shipment's only line."""
    return {
        "CodeTS": "0809400000",
        "GName": "温室李子",
        "GQty": "11250",
        "GUnit": "035",
        "DeclPrice": "3.2222",
        "DeclTotal": "36250.00",
        "TradeCurr": "USD",
    }
