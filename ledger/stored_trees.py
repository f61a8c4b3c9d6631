"""The two trees as the database holds them. What a proof needs of one is read in one query, however much that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection

from ledger import log_tree, state_tree
from ledger.errors import VerificationFailed
from ledger.tables import log_nodes, state_rows, tree_pages

_T = TypeVar("_T")
# How many pages are read together on the way to a key: sixteen to this power are more than any state has entries.
_WAY_PAGES: Final = 7


def _page(prefix: str) -> sa.Select[Any]:
    return (
        sa.select(tree_pages.c.page)
        .where(tree_pages.c.prefix == sa.bindparam(prefix), tree_pages.c.height <= sa.bindparam("height"))
        .order_by(tree_pages.c.height.desc())
        .limit(1)
    )


STATE_GET: Final = (
    sa.select(state_rows.c.value)
    .where(state_rows.c.key == sa.bindparam("key"), state_rows.c.height <= sa.bindparam("height"))
    .order_by(state_rows.c.height.desc())
    .limit(1)
)
_PAGE_GET: Final = _page("prefix")
_WAY_GET: Final = sa.select(STATE_GET.scalar_subquery(), *(_page(f"prefix_{length}").scalar_subquery() for length in range(_WAY_PAGES)))
_NODES_GET: Final = sa.select(log_nodes).where(log_nodes.c.position.in_(sa.bindparam("positions", expanding=True)))


class PagesAt:
    """The state tree's pages at a height, on one connection."""

    def __init__(self, connection: Connection, height: int) -> None:
        self._connection, self._height = connection, height

    def page(self, prefix: str) -> bytes | None:
        return self._connection.execute(_PAGE_GET, {"prefix": prefix, "height": self._height}).scalar()


class _PagesRead:
    """Pages that were read together. Any other is read when it is asked for."""

    def __init__(self, pages: Mapping[str, bytes | None], rest: state_tree.PageReader) -> None:
        self._pages, self._rest = pages, rest

    def page(self, prefix: str) -> bytes | None:
        return self._pages[prefix] if prefix in self._pages else self._rest.page(prefix)


def prove_state(connection: Connection, keys: Sequence[str], height: int) -> tuple[list[bytes | None], state_tree.JointProof]:
    """The value of each key at a height, None for nothing, and the proof of that under the height's state root."""
    values: list[bytes | None] = []
    pages: dict[str, bytes | None] = {}
    for key in keys:
        digits = state_tree.path_of(key).hex()
        prefixes = {f"prefix_{length}": digits[:length] for length in range(_WAY_PAGES)}
        value, *found = connection.execute(_WAY_GET, {"key": key, "height": height, **prefixes}).one()
        values.append(value)
        pages.update(zip(prefixes.values(), found, strict=True))
    return values, state_tree.prove_together(_PagesRead(pages, PagesAt(connection, height)), keys)


class _NodesWanted:
    """Takes down which subtree hashes of the log are asked for, and gives any."""

    def __init__(self) -> None:
        self.positions: set[int] = set()

    def node(self, level: int, index: int) -> bytes:
        self.positions.add(log_tree.position(level, index))
        return log_tree.EMPTY_ROOT


class _NodesRead:
    """Stored subtree hashes of the log by their position."""

    def __init__(self, nodes: Mapping[int, bytes]) -> None:
        self._nodes = nodes

    def node(self, level: int, index: int) -> bytes:
        found = self._nodes.get(log_tree.position(level, index))
        if found is None:
            raise VerificationFailed("log-node-missing", f"the log's tree lacks node {index} of level {level}", hint="run tallystick audit")
        return found


def from_log(connection: Connection, make: Callable[[log_tree.NodeReader], _T]) -> _T:
    """What is made of the log's stored subtree hashes. It is made twice: the first time shows which hashes it takes, which must not depend
    on what they are. Raises `VerificationFailed` (`log-node-missing`), and as `make`.
    """
    wanted = _NodesWanted()
    make(wanted)
    rows = connection.execute(_NODES_GET, {"positions": sorted(wanted.positions)})
    return make(_NodesRead({row.position: bytes(row.hash) for row in rows}))
