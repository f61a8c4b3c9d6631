"""What must hold of the whole state after every block. It scans everything, so it is for tests and audits, not for execution.

Every held, committed and drawn share belongs to exactly one financing; what a declaration's entry says is the sum of what the
financings' lines say; grants, consents and collections are never used beyond what they hold. Over-use that came from outside is a
status, not a broken invariant.
"""

from __future__ import annotations

from collections import defaultdict

from pydantic import ValidationError

from contracts import balances
from contracts.entries import Declaration, Hold
from contracts.financings.invariants import check_financings
from contracts.invariants_network import broken_in_network
from contracts.policy import STATE_KEY, Policy
from contracts.shares import CAPACITY_MAX, STEP, WHOLE
from contracts.whole_state import WholeState
from ledger.rules import State


def check_invariants(state: State, time_ms: int) -> list[str]:
    """The broken invariants in words, sorted; none is an empty list."""
    whole = WholeState(state, time_ms)
    _check_policy(whole)
    _check_collections(whole)
    for name, entry in whole.declarations.items():
        _check_declaration(whole, name, entry)
    check_financings(whole)
    _check_consents(whole)
    _check_enquiries(whole)
    whole.broken += broken_in_network(state)
    return sorted(whole.broken)


def _check_policy(whole: WholeState) -> None:
    try:
        Policy.model_validate(whole.state.get(STATE_KEY), strict=True)
    except ValidationError:
        whole.broken.append("the policy lies outside its bounds")


def _check_declaration(whole: WholeState, name: str, entry: Declaration) -> None:
    where = f"declaration {name}"
    whole.want(STEP <= entry["ceiling_ppm"] <= WHOLE, f"{where}: its financing ratio lies outside its bounds")
    whole.want(0 <= entry["capacity"] <= CAPACITY_MAX, f"{where}: its capacity lies outside its bounds")
    whole.want(min(entry["drawn"], entry["lost"], entry["collected"]) >= 0, f"{where}: a sum is negative")
    whole.want(all(hold["share"] > 0 for hold in entry["holds"]), f"{where}: a hold holds nothing")
    whole.want(all(item["share"] > 0 for item in entry["committed"]), f"{where}: a commitment commits nothing")
    # Where two declarations became one, a bank may have a hold from each.
    alive = [hold for hold in balances.alive_holds(entry, whole.time_ms) if not _was_carried(whole, hold)]
    whole.want(len(alive) == len({hold["bank"] for hold in alive}), f"{where}: a bank has two holds")
    whole.want(entry["lenders"] == sorted(set(entry["lenders"])), f"{where}: its lenders are not in order")
    whole.want(
        all(item["bank"] in entry["lenders"] for item in entry["committed"]),
        f"{where}: a bank with an approval is not among its lenders",
    )


def _was_carried(whole: WholeState, hold: Hold) -> bool:
    owner = whole.financings.get(hold["financing"])
    return owner is not None and "MOVED" in owner["flags"]


def _check_consents(whole: WholeState) -> None:
    taken: dict[str, int] = defaultdict(int)
    for take in whole.takes.values():
        taken[take["consent"]] += 1
    holding: dict[str, set[str]] = defaultdict(set)
    for name, financing in whole.financings.items():
        if balances.financing_state(financing, whole.time_ms) in balances.UNAPPROVED:
            for line in financing["lines"]:
                if line["held"] > 0:
                    holding[line["consent"]].add(name)
    for name, consent in whole.consents.items():
        where = f"consent {name}"
        whole.want(consent["used"] == taken[name] <= consent["uses"], f"{where}: its uses are not those of its takes")
        listed = [item["financing"] for item in consent["open"] if whole.time_ms < item["until"]]
        whole.want(len(listed) == len(set(listed)) and set(listed) == holding[name], f"{where}: its open holds are not listed")
        whole.want(not (consent["revoked"] and holding[name]), f"{where}: revoked, and something is held under it")


def _check_enquiries(whole: WholeState) -> None:
    for name, take in whole.takes.items():
        enquiry = whole.enquiries.get(take["request"])
        fits = enquiry is not None and (enquiry["take"], enquiry["bank"]) == (name, take["bank"])
        whole.want(fits, f"take {name}: its enquiry was not taken by it")
    for name, enquiry in whole.enquiries.items():
        whole.want(enquiry["take"] is None or enquiry["take"] in whole.takes, f"enquiry {name}: its take does not exist")


def _check_collections(whole: WholeState) -> None:
    collected: dict[str, int] = defaultdict(int)
    named: dict[str, list[str]] = defaultdict(list)
    for name, collection in whole.collections.items():
        where = f"collection {name}"
        whole.want(0 <= collection["unused"] <= max(0, collection["share"]), f"{where}: its unused part lies outside its bounds")
        collected[collection["declaration"]] += collection["share"]
        named[collection["declaration"]].append(name)
    for name, entry in whole.declarations.items():
        whole.want(sorted(entry["collections"]) == sorted(named[name]), f"declaration {name}: its collections are not those listed")
        whole.want(entry["collected"] == collected[name], f"declaration {name}: what is collected is not the sum of its collections")
