"""Sums beyond what a database can hold in one number."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from ledger.limits import AMOUNT_MINOR_MAX
from nodes.sums import exact_sum, total

_amounts = sa.Table("amounts", sa.MetaData(), sa.Column("minor", sa.BigInteger, nullable=False))


def summed(url: str, *amounts: int) -> int:
    engine = sa.create_engine(url)
    try:
        with engine.begin() as connection:
            _amounts.drop(connection, checkfirst=True)
            _amounts.create(connection)
            if amounts:
                connection.execute(sa.insert(_amounts), [{"minor": each} for each in amounts])
            return total(connection.execute(sa.select(*exact_sum(_amounts.c.minor, "minor"))).one(), "minor")
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    "amounts",
    [(), (0,), (1, -2), (-1_000_000_001, 999_999_999), (AMOUNT_MINOR_MAX,) * 10_000, (-AMOUNT_MINOR_MAX, *(-1,) * 9) * 1_000],
    ids=["none", "zero", "mixed", "across-a-billion", "beyond-64-bits", "below-64-bits"],
)
def test_a_sum_is_exact_whatever_its_size_and_sign(amounts: tuple[int, ...]) -> None:
    assert summed("sqlite://", *amounts) == sum(amounts)


def test_a_sum_is_exact_on_postgresql_too(postgresql_url: str) -> None:
    for amounts in ((), (AMOUNT_MINOR_MAX,) * 10_000, (-1_000_000_001, 999_999_999)):
        assert summed(postgresql_url, *amounts) == sum(amounts)
