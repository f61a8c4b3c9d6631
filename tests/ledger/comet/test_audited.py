"""The audit knows what stands beside a ledger that CometBFT orders: where the engine is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger.audit import audit
from ledger.comet.position import KEY, write_position
from ledger.tables import meta
from tests.ledger.comet.blocks import GENESIS, Blocks, blocks
from tests.ledger.comet.ring_rules import RINGBOOK


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Blocks]:
    with blocks(tmp_path / "ledger.db") as made:
        made.put("a", "b")
        made.decide()
        made.put("c")
        made.decide()
        yield made


def codes(made: Blocks) -> list[str]:
    return [finding.code for finding in audit(made.store, GENESIS, RINGBOOK, None).findings]


def test_a_ledger_with_its_engines_place_is_sound(made: Blocks) -> None:
    assert codes(made) == []


def test_so_is_one_whose_engine_has_made_no_block(tmp_path: Path) -> None:
    with blocks(tmp_path / "new.db") as new:
        assert codes(new) == []


@pytest.mark.parametrize("change", [{"height": 2}, {"time_ms": 1}, {"app_hash": bytes(32)}])
def test_a_place_that_the_ledger_contradicts_is_found(made: Blocks, change: dict[str, object]) -> None:
    with made.store.writing() as connection:
        write_position(connection, replace(made.application.position, **change))  # type: ignore[arg-type]  # each is of its field's type
    assert codes(made) == ["meta-differs"]


@pytest.mark.parametrize(("old", "new"), [("", ""), ('{"app_hash"', '{"a":1,"app_hash"')], ids=["capitals", "more"])
def test_a_place_that_is_not_written_as_it_was_is_found(made: Blocks, old: str, new: str) -> None:
    app_hash = made.application.position.app_hash.hex()
    old, new = (old, new) if old else (app_hash, app_hash.upper())
    with made.store.writing() as connection:
        text = connection.execute(sa.select(meta.c.value).where(meta.c.key == KEY)).scalar_one()
        assert text.count(old) == 1
        connection.execute(sa.update(meta).where(meta.c.key == KEY).values(value=text.replace(old, new)))
    assert codes(made) == ["meta-differs"]


def test_a_place_that_cannot_be_read_is_found(made: Blocks) -> None:
    with made.store.writing() as connection:
        connection.execute(sa.update(meta).where(meta.c.key == KEY).values(value="{}"))
    assert codes(made) == ["meta-differs"]
