"""Vectors of the two trees: the log's leaves, roots, inclusion and consistency, and the state's presence and absence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ledger import canonical, log_tree, state_tree

Family = dict[str, Any]

SIZES: Final = (1, 2, 3, 7, 8, 9, 21)
LEAVES: Final = [canonical.encode({"leaf": number}) for number in range(max(SIZES))]
STATE: Final = {f"note/{number}": canonical.encode({"count": number}) for number in range(40)}
_ZEROS: Final = "00" * 32


class _Nodes:
    def __init__(self) -> None:
        made = log_tree.append(0, (), [log_tree.leaf_hash(leaf) for leaf in LEAVES])
        self._found = {(level, index): value for level, index, value in made.nodes}

    def node(self, level: int, index: int) -> bytes:
        return self._found[level, index]


class _Pages:
    def __init__(self, entries: Mapping[str, bytes]) -> None:
        self._pages: dict[str, bytes | None] = {}
        updated = state_tree.update(self, dict(entries))
        self._pages.update(updated.pages)
        self.root = updated.root

    def page(self, prefix: str) -> bytes | None:
        return self._pages.get(prefix)


def inclusion() -> Family:
    """The leaf (hex) stands at `index` of the log with that size and root; `leaf_hash` is how it is hashed."""
    good = [_inclusion(size, index) for size in SIZES for index in sorted({0, 1, size // 2, size - 1}) if index < size]
    bad = []
    for vector in good:
        for name, change in _changed_path(vector["proof"]).items():
            bad.append({**vector, "name": f"{vector['name']}, {name}", "proof": change})
        bad.append({**vector, "name": f"{vector['name']}, another root", "root": _ZEROS})
        bad.append({**vector, "name": f"{vector['name']}, another leaf", "leaf": b"{}".hex()})
        bad.append({**vector, "name": f"{vector['name']}, behind the end", "index": vector["size"]})
        bad.append({**vector, "name": f"{vector['name']}, before the beginning", "index": -1})
        bad.append({**vector, "name": f"{vector['name']}, an empty log", "size": 0})
    return {"good": good, "bad": [{**_without(each, "leaf_hash"), "code": "inclusion-invalid"} for each in bad]}


def consistency() -> Family:
    """The log of `second` leaves begins with that of `first`."""
    good = [_consistency(first, second) for first in SIZES for second in SIZES if first <= second]
    bad = []
    for vector in good:
        for name, change in _changed_path(vector["proof"]).items():
            bad.append({**vector, "name": f"{vector['name']}, {name}", "proof": change})
        bad.append({**vector, "name": f"{vector['name']}, another first root", "first_root": _ZEROS})
        bad.append({**vector, "name": f"{vector['name']}, another second root", "second_root": _ZEROS})
        bad.append({**vector, "name": f"{vector['name']}, a first log of nothing", "first": 0})
        bad.append({**vector, "name": f"{vector['name']}, the wrong way round", "first": vector["second"] + 1})
    return {"good": good, "bad": [{**each, "code": "consistency-invalid"} for each in bad]}


def state() -> Family:
    """The state with that root holds the value (canonical bytes in hex) at the key; or nothing, where the value is null."""
    pages, single, empty = _Pages(STATE), _Pages({"note/0": STATE["note/0"]}), _Pages({})
    good = [_entry("forty entries", pages, key, STATE.get(key)) for key in ("note/0", "note/17", "note/39", "note/40", "nothing", "")]
    good += [_entry("one entry", single, key, STATE["note/0"] if key == "note/0" else None) for key in ("note/0", "note/1")]
    good.append(_entry("no entry", empty, "note/0", None))
    bad = []
    for vector in good:
        siblings, terminal = vector["proof"]["siblings"], vector["proof"]["terminal"]
        for name, change in _changed_path(siblings).items():
            bad.append({**vector, "name": f"{vector['name']}, {name}", "proof": {"siblings": change, "terminal": terminal}})
        other = None if vector["value"] is not None else b"{}".hex()
        bad.append({**vector, "name": f"{vector['name']}, the contrary", "value": other})
        bad.append({**vector, "name": f"{vector['name']}, another root", "root": "11" * 32})
        bad.append({**vector, "name": f"{vector['name']}, no proof", "proof": None})
        if terminal is not None:
            cut = {"path": terminal["path"]}
            bad.append({**vector, "name": f"{vector['name']}, no terminal", "proof": {"siblings": siblings, "terminal": None}})
            bad.append({**vector, "name": f"{vector['name']}, half a terminal", "proof": {"siblings": siblings, "terminal": cut}})
    return {"good": good, "bad": [{**each, "code": "state-proof-invalid"} for each in bad]}


FAMILIES: Final[Mapping[str, Callable[[], Family]]] = {"inclusion": inclusion, "consistency": consistency, "state": state}
_NODES: Final = _Nodes()


def _inclusion(size: int, index: int) -> Family:
    leaf = LEAVES[index]
    return {
        "name": f"leaf {index} of {size}",
        "leaf": leaf.hex(),
        "leaf_hash": log_tree.leaf_hash(leaf).hex(),
        "index": index,
        "size": size,
        "root": log_tree.root_at(size, _NODES).hex(),
        "proof": [each.hex() for each in log_tree.inclusion_proof(index, size, _NODES)],
    }


def _consistency(first: int, second: int) -> Family:
    return {
        "name": f"{first} in {second}",
        "first": first,
        "first_root": log_tree.root_at(first, _NODES).hex(),
        "second": second,
        "second_root": log_tree.root_at(second, _NODES).hex(),
        "proof": [each.hex() for each in log_tree.consistency_proof(first, second, _NODES)],
    }


def _entry(name: str, pages: _Pages, key: str, value: bytes | None) -> Family:
    proof = state_tree.prove(pages, key).to_json()
    shown = None if value is None else value.hex()
    return {"name": f"{name}, {key!r}", "root": pages.root.hex(), "key": key, "value": shown, "proof": proof}


def _changed_path(path: Sequence[str]) -> dict[str, list[Any]]:
    """Paths that no prover gives in the place of this one."""
    made: dict[str, list[Any]] = {"a hash too many": [*path, _ZEROS], "a hash too many in front": ["11" * 32, *path], "no hash": [*path, 0]}
    if path:
        made["the last hash left out"] = list(path[:-1])
        made["a bit changed"] = [*path[:-1], f"{int(path[-1], 16) ^ 1:064x}"]
        made["upper case"] = [*path[:-1], ("aB" + path[-1][2:])]
    if len(path) > 1:
        made["the other way round"] = list(reversed(path))
    return made


def _without(vector: Family, name: str) -> Family:
    return {key: value for key, value in vector.items() if key != name}
