"""What must hold of members, governance, validators, orders, disputes and replacements after a block: the other half of `invariants`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from contracts import entries, validator_entries
from contracts.governance import SCHEDULED
from contracts.guards import AUTHORITY
from contracts.validators import VALIDATE
from ledger.keyring import entry_key
from ledger.limits import VALIDATOR_POWER_MAX, VALIDATORS_MAX
from ledger.rules import State

_STATUSES = frozenset({"active", "suspended", "succeeded"})
_PROPOSALS = frozenset({"OPEN", "SCHEDULED", "DONE", "FAILED"})
_DISPUTES = frozenset({"OPEN", "UPHELD", "REJECTED", "WITHDRAWN"})


def broken_in_network(state: State) -> Iterator[str]:
    """The broken ones in words."""
    members: dict[str, entries.Member] = _all(state, "member")
    yield from _members(members)
    yield from _governance(state, members)
    yield from _validators(state)
    yield from _orders(state)
    yield from _replacements(_all(state, "declaration"))
    for name, dispute in _all(state, "dispute").items():
        if dispute["state"] not in _DISPUTES or dispute["by"] not in members:
            yield f"dispute {name}: its state or its member is not known"


def _all(state: State, kind: str) -> dict[str, Any]:
    return {key.partition("/")[2]: value for key, value in state.scan(f"{kind}/")}


def _members(members: dict[str, entries.Member]) -> Iterator[str]:
    for slug, entry in members.items():
        if entry["status"] not in _STATUSES or (entry["heir"] is not None) != (entry["status"] == "succeeded"):
            yield f"member {slug}: its status is not known, or an heir is named for one that was not succeeded"
        if entry["role"] == AUTHORITY and (entry["status"] != "active" or entry["frozen"]):
            yield f"member {slug}: an authority is stopped"
        if _ends_in_a_circle(slug, {name: other["heir"] for name, other in members.items()}):
            yield f"member {slug}: its heirs lead back to it, or to nobody"


def _ends_in_a_circle(start: str, after: dict[str, str | None]) -> bool:
    """Whether following leads round for ever, or to something that does not exist."""
    seen: set[str] = set()
    at: str | None = start
    while at is not None:
        if at in seen or at not in after:
            return True
        seen.add(at)
        at = after[at]
    return False


def _governance(state: State, members: dict[str, entries.Member]) -> Iterator[str]:
    governors = [governor["member"] for governor in state.get("governors") or []]
    registrar = state.get("registrar")
    if len(set(governors)) != len(governors) or not members.keys() >= {*governors, (registrar or {}).get("member")}:
        yield "the registrar and the governors are not members, each governor once"
    proposals: dict[str, entries.Proposal] = _all(state, "proposal")
    waiting = {name: entry["effective_at"] for name, entry in proposals.items() if entry["state"] == "SCHEDULED"}
    scheduled = state.get(SCHEDULED) or []
    if len(scheduled) != len(waiting) or {item["proposal"]: item["at"] for item in scheduled} != waiting:
        yield "what is scheduled are not the proposals that wait to take effect"
    for name, entry in proposals.items():
        approvals = entry["approvals"]
        if entry["state"] not in _PROPOSALS or approvals != sorted(set(approvals)) or entry["proposer"] not in approvals:
            yield f"proposal {name}: its state is not known, or its approvals are not in order"
        # One that failed may have failed at its time, or before it got one.
        if entry["state"] != "FAILED" and (entry["effective_at"] is None) != (entry["state"] == "OPEN"):
            yield f"proposal {name}: it has the wrong time to take effect"
    rules = [(item["at"], item["version"]) for item in state.get("rules") or []]
    if rules != sorted(rules) or len({version for _, version in rules}) != len(rules):
        yield "the versions of the rules do not start in their order"


def _validators(state: State) -> Iterator[str]:
    validators = validator_entries.in_force(state)
    if validators is None:
        return
    publics = [each["public"] for each in validators]
    if (
        not 1 <= len(validators) <= VALIDATORS_MAX
        or publics != sorted(set(publics))
        or len({each["member"] for each in validators}) != len(publics)
    ):
        yield "the validators are none or too many, not in order, or one votes twice"
    for each in validators:
        key = state.get(entry_key(each["key"]))
        if key is None or (key["member"], key["public"], key["purpose"], key["revoked_at"]) != (
            each["member"],
            each["public"],
            VALIDATE,
            None,
        ):
            yield f"validator {each['key']}: its key is not one of its member's that is in force"
        if not 1 <= each["power"] <= VALIDATOR_POWER_MAX:
            yield f"validator {each['key']}: its power lies outside its bounds"
    times = [each["at"] for each in validator_entries.changes(state)]
    if times != sorted(set(times)):
        yield "the changes of the validators are not in the order of their times"


def _orders(state: State) -> Iterator[str]:
    orders: dict[str, entries.Order] = _all(state, "order")
    freezing = sorted((order["kind"], order["target"], name) for name, order in orders.items() if not order["lifted"])
    listed: list[tuple[str, str, str]] = []
    things: dict[str, dict[str, Any]] = {kind: _all(state, kind) for kind in ("declaration", "financing", "member")}
    for kind, named in things.items():
        for name, entry in named.items():
            listed += [(kind, name, order) for order in entry["frozen"]]
            if entry["frozen"] != sorted(entry["frozen"]):
                yield f"{kind} {name}: the orders that freeze it are not in order"
    if sorted(listed) != freezing:
        yield "the orders in force are not those that freeze something"


def _replacements(declarations: dict[str, entries.Declaration]) -> Iterator[str]:
    after = {name: None if entry["replaced_by"] is None else entry["replaced_by"]["declaration"] for name, entry in declarations.items()}
    for name, entry in declarations.items():
        if _ends_in_a_circle(name, after):
            yield f"declaration {name}: its successors lead back to it, or to nothing"
        sums = entry["drawn"], entry["lost"], entry["collected"]
        lists = entry["holds"], entry["committed"], entry["lenders"], entry["drawers"], entry["collections"], entry["frozen"]
        if entry["replaced_by"] is not None and (any(sums) or any(lists)):
            yield f"declaration {name}: it was replaced and still carries something"
