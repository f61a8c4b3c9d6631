"""The demo on four validators comes to what it comes to on one operator, and its blocks lead to the same roots without any engine."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from api.cli.homes import reading
from contracts.ruleset import RULEBOOK
from ledger.execution import Block
from ledger.memory_chain import MemoryChain


def outcomes(story: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Every scene, but for the height that the replay ends at: which records share a block is the engine's affair."""

    def said(text: str) -> str:
        return re.sub(r"at height \d+", "at its height", text)

    return [(scene["name"], said(scene["expected"]), said(scene["got"])) for scene in story["scenes"]]


def test_every_scene_is_the_same_on_four_validators_as_on_one_operator(consortium_demo: Path, story: dict[str, Any]) -> None:
    told = json.loads((consortium_demo.parent / "demo.json").read_text(encoding="utf-8"))
    assert told["ok"] is True
    assert outcomes(told) == outcomes(story)
    genesis = json.loads((consortium_demo / "authority" / "genesis.json").read_bytes())
    assert genesis["engine"] == {"kind": "comet"}
    assert [each["member"] for each in genesis["application"]["validators"]] == ["authority", "bank-a", "bank-b", "bank-c"]


def test_the_blocks_that_the_consortium_made_give_the_same_roots_when_no_engine_orders_them(consortium_demo: Path) -> None:
    with reading(consortium_demo / "auditor") as opened, opened.store.reading() as reader:
        chain = MemoryChain(opened.genesis, RULEBOOK)
        for height in range(1, reader.head.height + 1):
            header = reader.header(height)
            assert header is not None
            chain.run(Block(header.engine_height, header.time_ms, [stored.record.raw for stored in reader.records_of_block(height)]))
            assert (chain.head.state_root, chain.head.hash) == (header.state_root, header.hash)
        assert chain.head.height > 50
        newest = reader.head
    for member in ("authority", "bank-a", "bank-b", "bank-c"):
        with reading(consortium_demo / member) as opened, opened.store.reading() as reader:
            assert reader.header_hash(newest.height) == newest.hash
