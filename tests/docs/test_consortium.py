"""The manual's chapters on a consortium: their commands are run as they stand, on real nodes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.cli.homes import reading
from ledger import canonical
from ledger.comet.rpc import Rpc
from nodes.seats import engine_keys_of
from tests import cometbft
from tests.docs.commands import WAIT_S, Block, Place, blocks_of

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
POWER = "10"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    cometbft.require()
    made = Place.make(tmp_path / "place")
    for name in ("li-na", "wang-wei"):
        made.secret(name, f"three geese and {name} over the salt marsh")
    yield made
    made.close()


def play(place: Place, block: Block) -> str:
    """What the last command printed."""
    shown = ""
    if "background" in block.words:
        place.open_terminals(*block.commands)
        return shown
    if "without" in block.words:
        place.interrupt(block.words[-1])
    for command in block.commands:
        shown = place.run(command)
        if " testnet " in command:
            place.keep_sign_ins()
        if " join " in command:
            place.keep_sign_ins_shown(shown)
    return shown


def validators(shown: str) -> dict[str, str]:
    """The power of each, of the table that `governance validators` prints."""
    rows = [line.split("\t") for line in shown.splitlines()[1:]]
    return {member: power for member, _, power, _ in rows}


def signers_of_the_newest_block(place: Place, member: str, height_min: int) -> set[str]:
    """The public keys in the newest checkpoint of a replica that is at least so high."""
    end = time.monotonic() + WAIT_S
    while True:
        with reading(place.home(member).path) as opened, opened.store.reading() as reader:
            text = reader.checkpoint()
        value = None if text is None else canonical.decode(text.encode())
        if value is not None and value["header"]["height"] >= height_min:
            keys = [each["public"] for each in value["block"]["validators"]]
            return {keys[each["validator"]] for each in value["block"]["signatures"]}
        assert time.monotonic() < end, "no block of that height was sealed"
        time.sleep(0.2)


def height_of(place: Place, member: str) -> int:
    with reading(place.home(member).path) as opened, opened.store.reading() as reader:
        return reader.head.height


def test_a_fifth_bank_joins_a_network_that_runs_votes_and_one_of_the_old_four_may_stop(place: Place) -> None:
    *chapter, without = blocks_of(OPERATIONS, "fifth-bank")
    shown = [play(place, block) for block in chapter]
    assert validators(shown[-1]) == dict.fromkeys(("authority", "bank-a", "bank-b", "bank-c", "bank-e"), POWER)
    before = height_of(place, "bank-a")
    play(place, without)
    assert height_of(place, "bank-a") > before
    engine = engine_keys_of(place.home("bank-e"))
    signers = signers_of_the_newest_block(place, "bank-a", before + 1)
    assert engine.validator.hex() in signers
    assert engine_keys_of(place.home("bank-c")).validator.hex() not in signers
    audited = place.run(".venv/bin/tallystick audit --home var/net/bank-e --json")
    assert '"ok": true' in audited


def test_a_newcomer_takes_a_snapshot(place: Place) -> None:
    *chapter, served = blocks_of(OPERATIONS, "state-sync")
    for block in chapter:
        play(place, block)
    home = place.home("bank-e")
    config = home.read_config()
    with tempfile.TemporaryDirectory() as short:
        # So that its engine can be asked for the first block that it holds.
        answering = config.engine.model_copy(update={"rpc_listen": f"unix://{short}/rpc.sock"})
        home.write_config(config.model_copy(update={"engine": answering}))
        play(place, served)
        assert int(Rpc(Path(short) / "rpc.sock").status()["sync_info"]["earliest_block_height"]) > 1
    place.run(".venv/bin/tallystick audit --home var/net/bank-e --json")
    assert height_of(place, "bank-e") == height_of(place, "bank-a") > 0


@pytest.mark.deep
def test_a_validator_that_lost_its_engine_votes_again_under_another_key(place: Place) -> None:
    found, served, *_ = blocks_of(OPERATIONS, "fifth-bank")
    for block in (found, served):
        play(place, block)
    lost = engine_keys_of(place.home("bank-c")).validator.hex()
    place.interrupt("bank-c")
    shown = [play(place, block) for block in blocks_of(OPERATIONS, "lost-validator")]
    assert validators(shown[-1]) == dict.fromkeys(("authority", "bank-a", "bank-b", "bank-c"), POWER)
    found_again = engine_keys_of(place.home("bank-c")).validator.hex()
    assert found_again != lost
    keys = place.run(".venv/bin/tallystick keys list --home var/net/bank-c")
    assert (lost in keys, found_again in keys) == (False, True)
    place.interrupt("bank-b")
    before = height_of(place, "bank-a")
    place.run(next(command for block in blocks_of(OPERATIONS, "fifth-bank") if "without" in block.words for command in block.commands))
    assert found_again in signers_of_the_newest_block(place, "bank-a", before + 1)
