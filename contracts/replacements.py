"""One declaration replaces another: what is used of the old one, and what was collected on it, is carried to its successor at once.

Every share becomes `ceil(share * ratio / 10**9)` of the new declaration and is added to what that carries already, so that use never
disappears, whatever the amounts are. A line with nothing held, drawn or lost stays behind: whoever touches it next carries it then.
"""

from __future__ import annotations

from contracts import balances, entries
from contracts.financings.common import add_flag
from contracts.guards import require
from contracts.shares import SHARES_MAX, carried
from ledger.rules import State


def carry(state: State, old_id: str, new_id: str, ratio: int, time_ms: int) -> list[str]:
    """Moves everything to a registered successor, which inherits the smaller ceiling, and gives the financings that moved, in order.

    `malformed` where a share becomes larger than shares may be.
    """
    old, new = entries.declaration(state, old_id), entries.declaration(state, new_id)
    assert old is not None, "a declaration that is replaced is registered"
    assert new is not None, "so is its successor"
    balances.settle(old, time_ms)
    balances.settle(new, time_ms)
    moved = sorted({*old["drawers"], *(hold["financing"] for hold in old["holds"]), *(item["financing"] for item in old["committed"])})
    for financing_id in moved:
        _carry_financing(state, financing_id, old_id, new_id, new, ratio)
    new["holds"] += [{**hold, "share": carried(hold["share"], ratio)} for hold in old["holds"]]
    new["committed"] += [{**item, "share": carried(item["share"], ratio)} for item in old["committed"]]
    new["lenders"] = sorted({*new["lenders"], *old["lenders"]})
    new["drawers"] = sorted({*new["drawers"], *old["drawers"]})
    new["ceiling_ppm"] = min(new["ceiling_ppm"], old["ceiling_ppm"])
    _carry_collections(state, old, new_id, new, ratio)
    _carry_orders(state, old, new_id, new)
    _check_size(new)
    entries.put_declaration(state, new_id, new)
    old["drawn"] = old["lost"] = old["collected"] = 0
    old["holds"], old["committed"] = [], []
    old["lenders"], old["drawers"], old["collections"], old["frozen"] = [], [], [], []
    old["replaced_by"] = {"declaration": new_id, "ratio": ratio}
    entries.put_declaration(state, old_id, old)
    return moved


def _carry_financing(state: State, financing_id: str, old_id: str, new_id: str, new: entries.Declaration, ratio: int) -> None:
    entry = entries.financing(state, financing_id)
    assert entry is not None, "a declaration lists only financings that exist"
    for line in entry["lines"]:
        if line["declaration"] != old_id or line["code"] != "ok":
            continue
        line["declaration"] = new_id
        line["held"], line["drawn"], line["lost"] = (carried(line[key], ratio) for key in ("held", "drawn", "lost"))
        # Parts that are rounded up one by one may be more than their sum rounded up. What a correction once brought `was` to, and another
        # took back, must not keep the declaration from being replaced.
        owes = line["held"] + line["drawn"] + line["lost"]
        require(owes <= SHARES_MAX, "malformed")
        line["was"] = max(min(carried(line["was"], ratio), SHARES_MAX), owes)
        new["drawn"] += line["drawn"]
        new["lost"] += line["lost"]
    add_flag(entry, "MOVED")
    entries.put_financing(state, financing_id, entry)


def _carry_collections(state: State, old: entries.Declaration, new_id: str, new: entries.Declaration, ratio: int) -> None:
    for collection_id in old["collections"]:
        collection = entries.collection(state, collection_id)
        assert collection is not None, "a declaration lists only collections that exist"
        collection["declaration"] = new_id
        collection["share"], collection["unused"] = carried(collection["share"], ratio), carried(collection["unused"], ratio)
        require(abs(collection["share"]) <= SHARES_MAX, "malformed")
        new["collected"] += collection["share"]
        entries.put_collection(state, collection_id, collection)
    new["collections"] += old["collections"]


def _carry_orders(state: State, old: entries.Declaration, new_id: str, new: entries.Declaration) -> None:
    for order_id in old["frozen"]:
        order = entries.order(state, order_id)
        assert order is not None, "only orders freeze"
        entries.put_order(state, order_id, {**order, "target": new_id})
    new["frozen"] = sorted({*new["frozen"], *old["frozen"]})


def _check_size(entry: entries.Declaration) -> None:
    held = sum(hold["share"] for hold in entry["holds"])
    largest = max(entry["drawn"], entry["lost"], entry["collected"], held, balances.committed(entry))
    require(largest <= SHARES_MAX, "malformed")
