"""A request that is done and whose answer is lost, at the two points where a process may die, and what stands in the database around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx
import pytest
import sqlalchemy as sa

from nodes.node import Node
from nodes.private import metadata

Ask = Callable[[Mapping[str, str]], httpx.Response]
# Before the answer is kept; and after that, before it is sent.
POINTS: Final = ("api.idempotency.Idempotency._keep", "api.idempotency._is_final")
# What any request leaves, and what the node's workers do beside it.
_BESIDE: Final = frozenset({"meta", "idempotency", "sign_ins", "sign_in_sources", "look_ups", "look_up_enterprises", "used_assertions"})


def contents(node: Node) -> dict[str, list[tuple[Any, ...]]]:
    """All that the private database holds."""
    with node.private.reading() as connection:
        tables = [table for table in metadata.sorted_tables if table.name not in _BESIDE]
        return {table.name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr) for table in tables}


def differing(one: dict[str, list[tuple[Any, ...]]], other: dict[str, list[tuple[Any, ...]]]) -> list[str]:
    return [name for name in one if one[name] != other[name]]


def check_done_once(
    node: Node, monkeypatch: pytest.MonkeyPatch, point: str, key: str, ask: Ask, *, together: bool = True
) -> httpx.Response:
    """Asks, loses the answer at a point, and asks again under the same key: the answer of the second time. `together`: effect and kept
    answer are one, so that either both are there or neither; otherwise the effect itself is the same once more.
    """
    headers, before = {"Idempotency-Key": key, "Prefer": "wait=20"}, contents(node)

    def crash(*_: object) -> None:
        raise RuntimeError("the process is gone")

    with monkeypatch.context() as patched:
        patched.setattr(point, crash)
        lost = ask(headers)
    assert lost.status_code == 500, lost.text
    after = contents(node)
    is_kept = point == POINTS[1] and together
    assert (differing(before, after) != []) == (is_kept or not together), differing(before, after)
    again = ask(headers)
    assert again.status_code < 300, again.text
    assert ("idempotency-replayed" in again.headers) == is_kept
    once = contents(node)
    assert differing(before, once) != []
    assert differing(after, once) == [] or not (is_kept or not together), differing(after, once)
    third = ask(headers)
    assert (third.text, third.headers["idempotency-replayed"]) == (again.text, "true")
    assert differing(once, contents(node)) == []
    return again
