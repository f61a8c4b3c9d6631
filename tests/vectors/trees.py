"""Vectors of the two trees: the log's leaves, roots, inclusion and consistency, and the state's presence and absence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any, Final

from ledger import canonical, log_tree, state_tree
from tests.ledger.verify.packing import packed, split, spoilt_hashes

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
    """The leaves (hex) stand at their indexes in the log with that size and root; `leaf_hash` is how one is hashed."""
    good = [_inclusion(size, index) for size in SIZES for index in sorted({0, 1, size // 2, size - 1}) if index < size]
    good += [
        _inclusion(size, *both)
        for size in SIZES
        for both in sorted({(0, 1), (0, size - 1), (size // 2, size - 1)})
        if both[0] < both[1] < size
    ]
    bad = []
    for vector in good:
        leaves = [{"index": each["index"], "leaf": each["leaf"]} for each in vector["leaves"]]
        for name, change in _changed_text(vector["proof"]).items():
            bad.append({**vector, "leaves": leaves, "name": f"{vector['name']}, {name}", "proof": change})
        changes: dict[str, Family] = {
            "another root": {"root": _ZEROS},
            "another leaf": {"leaves": [*leaves[:-1], {**leaves[-1], "leaf": b"{}".hex()}]},
            "behind the end": {"leaves": [*leaves[:-1], {**leaves[-1], "index": vector["size"]}]},
            "before the beginning": {"leaves": [*leaves[:-1], {**leaves[-1], "index": -1}]},
            "an empty log": {"size": 0},
        }
        if len(leaves) > 1:
            changes["one of them alone"] = {"leaves": leaves[:1]}
            changes["in each other's place"] = {
                "leaves": [{**leaves[0], "leaf": leaves[1]["leaf"]}, {**leaves[1], "leaf": leaves[0]["leaf"]}],
            }
        bad += [{**vector, "leaves": leaves, **change, "name": f"{vector['name']}, {name}"} for name, change in changes.items()]
    return {"good": good, "bad": [{**each, "code": "inclusion-invalid"} for each in bad]}


def consistency() -> Family:
    """The log of `second` leaves begins with that of `first`."""
    good = [_consistency(first, second) for first in SIZES for second in SIZES if first <= second]
    bad = []
    for vector in good:
        for name, change in _changed_text(vector["proof"]).items():
            bad.append({**vector, "name": f"{vector['name']}, {name}", "proof": change})
        bad.append({**vector, "name": f"{vector['name']}, another first root", "first_root": _ZEROS})
        bad.append({**vector, "name": f"{vector['name']}, another second root", "second_root": _ZEROS})
        bad.append({**vector, "name": f"{vector['name']}, a first log of nothing", "first": 0})
        bad.append({**vector, "name": f"{vector['name']}, the wrong way round", "first": vector["second"] + 1})
    return {"good": good, "bad": [{**each, "code": "consistency-invalid"} for each in bad]}


def state() -> Family:
    """The state with that root holds the values at the keys; or nothing, where a value is null."""
    pages, single, empty = _Pages(STATE), _Pages({"note/0": STATE["note/0"]}), _Pages({})
    alone = ("note/0", "note/17", "note/39", "note/40", "nothing", "")
    good = [_entries("forty entries", pages, [key], STATE) for key in alone]
    good += [_entries("forty entries", pages, keys, STATE) for keys in (["note/0", "note/17"], ["nothing", "note/39"], list(alone[:3]))]
    good.append(_entries("forty entries", pages, [*_neighbours(pages)], STATE))
    good += [_entries("one entry", single, [key], {"note/0": STATE["note/0"]}) for key in ("note/0", "note/1")]
    good.append(_entries("one entry", single, ["note/1", "note/0"], {"note/0": STATE["note/0"]}))
    good.append(_entries("no entry", empty, ["note/0"], {}))
    bad = []
    for vector in good:
        first, *rest = vector["entries"]
        for name, change in _changed_text(vector["siblings"]).items():
            bad.append({**vector, "name": f"{vector['name']}, {name}", "siblings": change})
        changes: dict[str, Family] = {
            "the contrary": {**first, "value": None if first["value"] is not None else {}},
            "one level deeper": {**first, "depth": first["depth"] + 1},
            "one level higher": {**first, "depth": first["depth"] - 1},
            "no depth": {**first, "depth": None},
            "half another leaf": {**first, "other": {"path": _ZEROS}},
            "another leaf": {**first, "other": {"path": "11" * 32, "value_hash": _ZEROS}},
        }
        if first["other"] is not None:
            changes["no other leaf"] = {**first, "other": None}
        bad += [{**vector, "name": f"{vector['name']}, {name}", "entries": [change, *rest]} for name, change in changes.items()]
        bad.append({**vector, "name": f"{vector['name']}, another root", "root": "11" * 32})
        stands = {state_tree.path_of(each["key"]).hex() for each in rest}
        if rest and not (first["other"] and first["other"]["path"] in stands):
            bad.append({**vector, "name": f"{vector['name']}, one left out", "entries": rest})
    return {"good": good, "bad": [{**each, "code": "state-proof-invalid"} for each in bad]}


FAMILIES: Final[Mapping[str, Callable[[], Family]]] = {"inclusion": inclusion, "consistency": consistency, "state": state}
_NODES: Final = _Nodes()


def _inclusion(size: int, *indexes: int) -> Family:
    return {
        "name": f"leaf {' and '.join(map(str, indexes))} of {size}",
        "leaves": [{"index": at, "leaf": LEAVES[at].hex(), "leaf_hash": log_tree.leaf_hash(LEAVES[at]).hex()} for at in indexes],
        "size": size,
        "root": log_tree.root_at(size, _NODES).hex(),
        "proof": packed(log_tree.joint_inclusion_proof(indexes, size, _NODES)),
    }


def _consistency(first: int, second: int) -> Family:
    return {
        "name": f"{first} in {second}",
        "first": first,
        "first_root": log_tree.root_at(first, _NODES).hex(),
        "second": second,
        "second_root": log_tree.root_at(second, _NODES).hex(),
        "proof": packed(log_tree.consistency_proof(first, second, _NODES)),
    }


def _entries(name: str, pages: _Pages, keys: Sequence[str], held: Mapping[str, bytes]) -> Family:
    joint = state_tree.prove_together(pages, keys)
    entries = []
    for key, (depth, leaf) in zip(keys, joint.ends, strict=True):
        other = None if leaf is None or key in held else {"path": leaf.path.hex(), "value_hash": leaf.value_hash.hex()}
        value = canonical.decode(held[key]) if key in held else None
        entries.append({"key": key, "value": value, "depth": depth, "other": other})
    siblings = packed(joint.siblings)
    return {"name": f"{name}, {' and '.join(map(repr, keys))}", "root": pages.root.hex(), "entries": entries, "siblings": siblings}


def _neighbours(pages: _Pages) -> tuple[str, str]:
    """A key that is not there and the one whose leaf stands at the end of the way to it."""
    for number in count():
        terminal = state_tree.prove(pages, f"nothing/{number}").terminal
        there = [key for key in STATE if terminal is not None and state_tree.path_of(key) == terminal.path]
        if there:
            return f"nothing/{number}", there[0]
    raise AssertionError


def _changed_text(text: str) -> dict[str, Any]:
    """Texts of hashes that no prover gives in the place of this one."""
    hashes, more = split(text), packed(["11" * 32])
    made: dict[str, Any] = {
        "a hash too many": text + more,
        "a hash too many in front": more + text,
        "an empty subtree too many": text + ".",
        "a list": hashes,
        "padded": text + "=",
        "half a hash more": text + more[:21],
    }
    if hashes:
        first, *rest = hashes
        made["the last hash left out"] = "".join(hashes[:-1])
        made["a bit changed"] = ("B" if first[0] == "A" else "A") + text[1:]
        made.update({f"the first hash spoilt, {number}": each + "".join(rest) for number, each in enumerate(spoilt_hashes(first))})
    if len(hashes) > 1:
        made["the other way round"] = "".join(reversed(hashes))
    return {name: change for name, change in made.items() if change != text}
