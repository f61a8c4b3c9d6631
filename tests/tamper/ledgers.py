"""Small ledgers with every kind of row, to be tampered with: of an operator, and of a consortium whose validators' keys everybody knows."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from ledger.archive import export
from ledger.comet.position import Misbehavior
from ledger.log_tree import position
from ledger.rules import Rulebook
from ledger.store import LedgerStore
from ledger.tables import headers
from ledger.vouching import Voucher, voucher_of
from tests.ledger.comet import consortium
from tests.ledger.comet.blocks import blocks, comet_genesis
from tests.ledger.comet.ring_rules import RINGBOOK
from tests.ledger.small_ledger import ANNE_SERVICE, DAY_MS, GENESIS, START_MS, VOUCHER, private_key, solo_ledger, url_of
from tests.ledger.small_rules import RULEBOOK
from tests.ledger.verify.trusting import trust

HEIGHTS: Final = 5
FIVE: Final = {**consortium.FOUR, "bank-d": 10}
MISBEHAVIOR: Final = Misbehavior("duplicate-vote", "0a" * 20, 3, START_MS)


@dataclass(frozen=True)
class Tampered:
    """A ledger at rest in a file, what it is audited and archived by, and the height at which each leaf and node of its log came."""

    name: str
    path: Path
    genesis: dict[str, Any]
    rulebook: Rulebook
    voucher: Voucher
    trust: bytes
    sizes: Sequence[int]

    def height_of_leaf(self, log_index: int) -> int:
        """The height of the block that a leaf is in; of one before the first 0, of one after the last the height after the last."""
        return next((height for height, size in enumerate(self.sizes) if log_index < size), len(self.sizes))

    def height_of_node(self, at: int) -> int:
        """The height after which a node of the log is complete; the one after the last for what is none."""
        if at < 0:
            return len(self.sizes)
        level = (at ^ (at + 1)).bit_length() - 1
        index = at >> (level + 1)
        assert position(level, index) == at
        return self.height_of_leaf(((index + 1) << level) - 1)

    def archive(self) -> bytes:
        out = BytesIO()
        with closing(LedgerStore(url_of(self.path), read_only=True)) as store:
            export(store, out)
        return out.getvalue()

    def copy(self, directory: Path) -> Path:
        """Of the file alone, which nobody has open."""
        return Path(shutil.copy(self.path, directory / f"{self.name}.db"))


def of_an_operator(directory: Path) -> Tampered:
    """Accepted and refused records, deletions, one-time keys, and ids that were forgotten."""
    path = directory / "operator.db"
    with solo_ledger(path) as solo:
        solo.put("a", "b")
        solo.send(solo.author.once(private_key("once")), solo.author.put("a"), solo.author.put("d"))
        with solo.store.reading() as reader:
            once = reader.records_of_block(2)[0].id
        solo.send(solo.author.record("note.drop", {"once": once}, [private_key("once"), ANNE_SERVICE]))
        for name in "ef"[: HEIGHTS - 3]:
            solo.clock.advance(DAY_MS)
            solo.author.now_ms = solo.clock.now_ms()
            solo.put(name)
        operator = {"name": "op", "public": solo.genesis["engine"]["operator"]["public"], "first_size": 0, "last_size": None}
        believed = trust(solo.author.network, operators=[operator])
    return _at_rest("operator", path, GENESIS, RULEBOOK, VOUCHER, believed)


def of_a_consortium(directory: Path) -> Tampered:
    """Blocks of the engine with records and without, checkpoints of all blocks but one, with a step on the way to new validators, and
    misbehaviour that was seen.
    """
    path = directory / "consortium.db"
    genesis = comet_genesis("tampered")
    genesis["application"]["validators"] = consortium.listed(consortium.FOUR)
    with blocks(path, genesis=genesis) as made:
        made.put("a", "b")
        made.decide()
        made.decide(made.author.record("seats.set", {"validators": consortium.listed(FIVE)}, [ANNE_SERVICE]), made.author.put("a"))
        made.put("c")
        made.put("d")
        height = made.application.position.height + 1
        made.application.finalize(height, START_MS + 1_000 * height, [made.author.put("e")], [MISBEHAVIOR])
        made.application.commit()
        _seal(made.store)
        voucher = voucher_of(genesis)
        believed = consortium.trust_file(made.author.network)
    return _at_rest("consortium", path, genesis, RINGBOOK, voucher, believed)


def _seal(store: LedgerStore) -> None:
    texts: dict[int, str] = {}
    with store.reading() as reader:
        for height in (1, 2, 4, 5):
            powers = consortium.FOUR if height <= 2 else FIVE
            header = reader.header(height)
            assert header is not None
            step = consortium.block(header.network, header.engine_height, bytes(32), consortium.FOUR, next_powers=FIVE)
            steps = [step] if height == 4 else []
            texts[height] = consortium.checkpoint(reader, height, steps, powers=powers)
    with store.engine.begin() as connection:
        for height, text in texts.items():
            connection.execute(sa.update(headers).where(headers.c.height == height).values(checkpoint=text))


def _at_rest(name: str, path: Path, genesis: dict[str, Any], rulebook: Rulebook, voucher: Voucher, believed: bytes) -> Tampered:
    with closing(LedgerStore(url_of(path))) as store, store.reading() as reader:
        found = [reader.header(height) for height in range(reader.head.height + 1)]
    sizes = [header.log_size + 1 for header in found if header is not None]
    assert len(sizes) == HEIGHTS + 1
    assert not path.with_name(f"{path.name}-wal").exists(), "the log is written back when the last connection closes"
    return Tampered(name, path, genesis, rulebook, voucher, believed, sizes)


LEDGERS: Final[dict[str, Callable[[Path], Tampered]]] = {"operator": of_an_operator, "consortium": of_a_consortium}
