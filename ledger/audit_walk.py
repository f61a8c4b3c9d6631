"""One pass over the stored tables, height by height, beside a replay in memory: what `ledger.audit` compares, and how.

A finding names the height that its row belongs to. The pass ends at the first height whose block does not follow, or with findings enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection

from ledger import canonical, log_tree
from ledger.comet.position import KEY as POSITION_KEY
from ledger.comet.position import Position, parse_position
from ledger.errors import InputError, Refused, TallystickError
from ledger.evidence import FORK_SEEN, OPERATOR_INVALID
from ledger.execution import Accepted, Block, Execution, in_order
from ledger.header import Header, plain_transaction, split_record_leaf
from ledger.limits import AUDIT_FINDINGS_MAX, BLOCK_RECORDS_MAX
from ledger.log_operator import checkpoint_of
from ledger.memory_chain import MemoryChain
from ledger.store import Reader
from ledger.stored_rows import Grouped, Row, RowStream, all_same, in_chunks, rows_of, same
from ledger.tables import SCHEMA_VERSION, headers, log_nodes, meta, records, state_rows, tree_pages
from ledger.vouching import Voucher

# That the operator signed a block is what its evidence shows; which rules lead to it, only a replay under them does.
_HALTED: Final = {
    FORK_SEEN: "this replica halted here: the evidence is kept, and it holds",
    OPERATOR_INVALID: "this replica halted here: the operator signed the block that is kept, and this node's program did not come to it",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not hold, and the height that it belongs to. `record_id` where it is about one record."""

    height: int
    record_id: str | None
    code: str
    reason: str


class Enough(Exception):  # no error: it ends an audit whose further findings would say nothing
    """The replay cannot go on, or there are findings enough."""


class Walk:
    """One pass over the tables from the height `first` on, beside a chain that stands at the height before.

    `before_block` is told the log index of each block's header, before the block is replayed.
    """

    def __init__(
        self,
        connection: Connection,
        chain: MemoryChain,
        voucher: Voucher | None,
        found: list[Finding],
        first: int = 0,
        before_block: Callable[[int], None] | None = None,
    ) -> None:
        self._connection, self._chain, self._voucher, self._found = connection, chain, voucher, found
        self._before_block = before_block
        self.height = first
        self._position: Position | None = None
        self._root = log_tree.root(chain.head.log_size + 1, chain.frontier)
        self._streams: list[RowStream] = []

        def grouped(column: sa.Column[Any], from_number: int) -> Grouped:
            self._streams.append(rows_of(connection, column.table, column, where=column >= from_number if first else None))
            return Grouped(self._streams[-1], column)

        try:
            self._headers = grouped(headers.c.height, first)
            self._records = grouped(records.c.log_index, chain.head.log_size + 1)
            self._state = grouped(state_rows.c.height, first)
            self._pages = grouped(tree_pages.c.height, first)
        except BaseException:
            # A table that cannot be read, where others are being read already.
            self.close()
            raise

    def close(self) -> None:
        """Ends the reading of the tables, which may not have come to its end."""
        for stream in self._streams:
            stream.close()

    def heights(self) -> Iterator[int]:
        """Compares, and gives each height when it is done; after the last one nothing may be left. Raises `Enough`."""
        self._check_meta()
        while (row := self._header_row()) is not None:
            self._one_height(row)
            self.height += 1
            yield self.height - 1
        self._check_ends()

    def _header_row(self) -> Row | None:
        """The header row of this height; None after the last."""
        for row in self._headers.below(self.height):
            self._add("header-surplus", f"a header row claims the height {row.height}")
        found = self._headers.at(self.height)
        if not found and self._headers.more():
            self._add("header-missing", "there is no header of this height, and there are later ones")
            raise Enough
        return found[0] if found else None

    def _one_height(self, row: Row) -> None:
        leaves = self._leaf_rows(row)
        # Who had to sign a block follows from the state before it.
        fits = self._checkpoint_fits(row)
        execution = self._replay(row, leaves)
        header, self._root = execution.header, execution.log_root
        assert header is not None
        self._compare("record", records, self._expected_records(execution), leaves)
        expected = (self.height, header.time_ms, header.hash, header.log_size, header.leaf)
        self._compare("header", headers, [expected], [row[: len(expected)]])
        self._check_checkpoint(row.checkpoint, execution, fits=fits)
        self._compare_versions("state", self._state, execution.state_changes or {})
        self._compare_versions("page", self._pages, execution.page_changes or {})
        self._compare_nodes(execution)
        if row.leaf != header.leaf:
            raise Enough

    def _leaf_rows(self, row: Row) -> list[Row]:
        """The record rows of this block, by what its header says of the log's size."""
        header = self._stored_header(row)
        first = 0 if self.height == 0 else self._chain.head.log_size + 1
        if not first <= header.log_size <= first + BLOCK_RECORDS_MAX:
            self._stop("header-differs", "the header gives the log a size that it cannot have")
        surplus_rows = list(self._records.below(first))
        found = [row for index in range(first, header.log_size) for row in self._records.at(index)]
        for surplus in [*surplus_rows, *self._records.at(header.log_size)]:
            self._add("record-surplus", f"a record row claims the log index {surplus.log_index}", surplus.id)
        return found

    def _stored_header(self, row: Row) -> Header:
        try:
            leaf = canonical.decode(row.leaf)
            return Header.from_json(leaf["header"])
        except (InputError, KeyError, TypeError) as error:
            self._stop("header-differs", "the stored header cannot be read")
            raise AssertionError from error

    def _replay(self, row: Row, leaves: list[Row]) -> Execution:
        if self.height == 0:
            return self._chain.begun
        header = self._stored_header(row)
        block = Block(header.engine_height, header.time_ms, [self._transaction(leaf) for leaf in leaves])
        if not in_order(self._chain.head, block):
            self._require_readable(leaves)
            self._stop("header-differs", "the block's time or engine height does not follow")
        if self._before_block is not None:
            self._before_block(header.log_size)
        try:
            execution = self._chain.run(block)
        except Refused as error:
            self._require_readable(leaves)
            self._stop(error.code, error.message)
            raise AssertionError from error
        if [leaf.leaf for leaf in leaves] != list(execution.leaves[:-1]):
            self._require_readable(leaves)
        for leaf, outcome in zip(leaves, execution.outcomes, strict=True):
            if not isinstance(outcome, Accepted):
                self._add("record-not-admissible", f"the replay refuses it: {outcome.code}", leaf.id)
        if execution.header is None or not all(isinstance(outcome, Accepted) for outcome in execution.outcomes):
            self._stop("header-differs", "the block does not follow from its records")
        return execution

    def _transaction(self, leaf: Row) -> bytes:
        """The transaction in a stored leaf, which is not read here, where that can be helped: the replay reads it, and makes the leaf
        again. Only where what it makes is not what is stored, `_require_readable` has a say.
        """
        found = plain_transaction(leaf.leaf)
        return self._strict_transaction(leaf) if found is None else found

    def _strict_transaction(self, leaf: Row) -> bytes:
        try:
            return split_record_leaf(leaf.leaf)[0]
        except (InputError, TypeError) as error:
            self._stop("record-differs", "the stored leaf cannot be read", leaf.id)
            raise AssertionError from error

    def _require_readable(self, leaves: list[Row]) -> None:
        """Ends with the first leaf that is none, before anything else is said of its block."""
        for leaf in leaves:
            self._strict_transaction(leaf)

    def _expected_records(self, execution: Execution) -> list[tuple[Any, ...]]:
        """Rows of the table `records`."""
        if self.height == 0:
            return [(0, 0, 0, self._chain.head.network, "genesis", execution.leaves[0])]
        return [
            (each.log_index, self.height, each.position, each.record.id, each.record.type, execution.leaves[each.position])
            for each in execution.outcomes
            if isinstance(each, Accepted)
        ]

    def _compare(self, what: str, table: sa.Table, expected: list[tuple[Any, ...]], stored: Sequence[Sequence[Any]]) -> None:
        if len(expected) != len(stored):
            self._stop(f"{what}-missing", f"the height has {len(expected)} {what} rows, and {len(stored)} are stored")
        for want, have in zip(expected, stored, strict=True):
            if not all_same(want, have):
                named = dict(zip(table.columns.keys(), want, strict=False))
                wrong = [name for name, wanted, found in zip(named, want, have, strict=True) if not same(wanted, found)]
                self._add(f"{what}-differs", f"not what the replay gives: {', '.join(wrong)}", named.get("id"))

    def _compare_versions(self, what: str, rows: Grouped, expected: Mapping[str, bytes | None]) -> None:
        for row in rows.below(self.height):
            self._add(f"{what}-surplus", f"a row claims the height {row.height}")
        stored = {key: value for key, _, value in rows.at(self.height)}
        if stored.keys() == expected.keys() and all_same([expected[key] for key in stored], [*stored.values()]):
            return
        for key in sorted(expected.keys() | stored.keys(), key=str):
            if key not in stored:
                self._add(f"{what}-missing", f"there is no row for {key!r}")
            elif key not in expected:
                self._add(f"{what}-surplus", f"nothing wrote {key!r} at this height")
            elif not same(expected[key], stored[key]):
                self._add(f"{what}-differs", f"the value of {key!r} is not what the replay gives")

    def _compare_nodes(self, execution: Execution) -> None:
        expected = {log_tree.position(level, index): value for level, index, value in execution.log_nodes}
        for positions in in_chunks(sorted(expected)):
            query = rows_of(self._connection, log_nodes, where=log_nodes.c.position.in_(positions))
            stored: dict[Any, Any] = dict(query)
            for position in positions:
                if not same(expected[position], stored.get(position)):
                    self._add("log-node-differs", f"the log's node {position} is not what the replay gives")

    def _checkpoint_fits(self, row: Row) -> bool:
        """False also where it cannot be read: `_check_checkpoint` then says why."""
        if self._voucher is None or row.checkpoint is None:
            return True
        try:
            return self._voucher.fits(row.checkpoint, self._stored_header(row), self._chain.state)
        except (TallystickError, AttributeError, UnicodeError):
            return False

    def _check_checkpoint(self, text: Any, execution: Execution, *, fits: bool) -> None:
        if text is None and (self._voucher is None or self.height == 0 or not self._voucher.seals_each_block):
            return  # a follower begins its ledger itself, before the operator's first word
        try:
            if self._voucher is None:
                self._add("checkpoint-surplus", "nobody signs this ledger")
            elif self._voucher.read(text) != checkpoint_of(execution):
                self._add("checkpoint-differs", "what was signed is another size or root")
            elif self._voucher.kept(text) != text:
                self._add("checkpoint-differs", "it carries a signature that nobody here can check")
            elif not fits:
                self._add("checkpoint-differs", "those who signed it were not the validators of this block")
        except (TallystickError, AttributeError, UnicodeError) as error:
            self._add("checkpoint-differs", error.message if isinstance(error, TallystickError) else "the note cannot be read")

    def _check_meta(self) -> None:
        stored: dict[Any, Any] = dict(rows_of(self._connection, meta))
        if stored.pop("schema", None) != SCHEMA_VERSION:
            self._add("meta-differs", "the schema version is not the one that this software writes")
        halted = stored.pop("halted", None)
        self._check_position(stored.pop(POSITION_KEY, None))
        for key in stored:
            self._add("meta-surplus", f"nothing writes {key!r}")
        if halted is not None:
            self._check_halted(halted)

    def _check_position(self, text: Any) -> None:
        """Where an engine says that it is, its ledger must be: looked at again at the end, when the head is known."""
        if text is None:
            return
        try:
            self._position = parse_position(text)
        except (TallystickError, AttributeError, UnicodeError):
            self._add("meta-differs", "what is stored of the engine's height cannot be read")

    def _check_halted(self, text: Any) -> None:
        try:
            evidence = canonical.decode(text.encode())
            known = self._voucher is not None and self._voucher.evidence_holds(Reader(self._connection), evidence)
        except (TallystickError, AttributeError, UnicodeError):
            evidence, known = {}, False
        if known:
            code, height = str(evidence["code"]), int(evidence["height"])
            self._found.append(Finding(height, None, code, _HALTED[code]))
        else:
            self._add("meta-differs", "the evidence for which this replica halted does not hold")

    def _check_ends(self) -> None:
        """After the last height nothing may be left in any table."""
        if self.height == 0:
            self._add("header-missing", "the ledger has no genesis")
        for name, rows in (("record", self._records), ("state", self._state), ("page", self._pages), ("header", self._headers)):
            for row in rows.rest():
                self._add(f"{name}-surplus", "a row lies beyond the last block", getattr(row, "id", None))
        head, engine = self._chain.head, self._position
        if engine is not None and (engine.height < head.engine_height or engine.time_ms < head.time_ms or engine.app_hash != self._root):
            self._add("meta-differs", "the engine is said to be where this ledger is not")
        size = self._chain.head.log_size + 1
        for row in rows_of(self._connection, log_nodes, log_nodes.c.position):
            if not _is_complete(row.position, size):
                self._add("log-node-surplus", f"the log has no node {row.position!r}")

    def _add(self, code: str, reason: str, record_id: Any = None) -> None:
        self._found.append(Finding(self.height, record_id if isinstance(record_id, str) else None, code, reason))
        if len(self._found) >= AUDIT_FINDINGS_MAX:
            raise Enough

    def _stop(self, code: str, reason: str, record_id: Any = None) -> None:
        self._add(code, reason, record_id)
        raise Enough


def _is_complete(position: Any, size: int) -> bool:
    """Whether an in-order position is that of a complete subtree of a log of that size."""
    if type(position) is not int or position < 0:
        return False
    level = (position ^ (position + 1)).bit_length() - 1
    return ((position >> (level + 1)) + 1) << level <= size
