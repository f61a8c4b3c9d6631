"""What must hold of all financings, of the sums that declarations carry of them, and of the grants that they spent.

Every held, committed, drawn and lost share belongs to exactly one line of one financing, and a declaration carries exactly their sums.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from contracts import balances
from contracts.entries import Committed, Financing, Hold
from contracts.grants import covered_by
from contracts.whole_state import WholeState

_STATES = frozenset(
    {"APPLIED", "IN_REVIEW", "APPROVED", "DISBURSED", "REPAYING", "PAID_OFF", "CANCELLED", "EXPIRED", "WRITTEN_OFF", "TRANSFERRED"}
)
_ENDED = ("CANCELLED", "EXPIRED", "PAID_OFF", "TRANSFERRED")
# What such a financing draws was not, or not only, what its grants were checked against when it was drawn.
_BEYOND_GRANTS = frozenset({"LATE", "MOVED", "CORRECTED"})


def check_financings(whole: WholeState) -> None:
    """Notes what is broken about financings, sums and grants."""
    _check_sums(whole)
    for name, entry in whole.financings.items():
        _check_financing(whole, name, entry)
        _check_lines(whole, name, entry)
        _check_totals(whole, f"financing {name}", entry)
        _check_successor(whole, name, entry)
    _check_grants(whole)


def _check_sums(whole: WholeState) -> None:
    """What the declarations say against what the financings' lines say."""
    drawn: dict[str, int] = defaultdict(int)
    lost: dict[str, int] = defaultdict(int)
    drawers: dict[str, set[str]] = defaultdict(set)
    held: dict[str, dict[tuple[str, int], int]] = defaultdict(dict)
    committed: dict[str, dict[tuple[str, int], int]] = defaultdict(dict)
    for name, financing in whole.financings.items():
        now = balances.financing_state(financing, whole.time_ms)
        for index, line in enumerate(financing["lines"]):
            target = line["declaration"]
            drawn[target] += line["drawn"]
            lost[target] += line["lost"]
            if line["drawn"] + line["lost"] > 0:
                drawers[target].add(name)
            if line["held"] > 0 and now in balances.UNAPPROVED:
                held[target][name, index] = line["held"]
            if line["held"] > 0 and now == "APPROVED":
                committed[target][name, index] = line["held"]
    for name, entry in whole.declarations.items():
        where = f"declaration {name}"
        whole.want(entry["drawn"] == drawn[name], f"{where}: what is drawn is not the sum of its lines")
        whole.want(entry["lost"] == lost[name], f"{where}: what is lost is not the sum of its lines")
        whole.want(entry["drawers"] == sorted(drawers[name]), f"{where}: its drawers are not those who owe on it")
        whole.want(
            all(whole.financings[drawer]["bank"] in entry["lenders"] for drawer in drawers[name]),
            f"{where}: a bank that something was drawn from is not among its lenders",
        )
        alive = balances.alive_holds(entry, whole.time_ms)
        _same(whole, where, "holds", alive, held[name])
        _same(whole, where, "commitments", entry["committed"], committed[name])
        for hold in alive:
            owner = whole.financings.get(hold["financing"])
            fits = owner is not None and (owner["hold_until"], owner["at"], owner["bank"]) == (hold["until"], hold["at"], hold["bank"])
            whole.want(fits, f"{where}: a hold differs from its financing")


def _same(whole: WholeState, where: str, what: str, listed: Sequence[Hold | Committed], lines: dict[tuple[str, int], int]) -> None:
    said = {(item["financing"], item["line"]): item["share"] for item in listed}
    whole.want(len(listed) == len(said) and said == lines, f"{where}: its {what} are not those of the financings")


def _check_financing(whole: WholeState, name: str, entry: Financing) -> None:
    where = f"financing {name}"
    whole.want(entry["state"] in _STATES, f"{where}: its state is not known")
    whole.want(entry["flags"] == sorted(set(entry["flags"])), f"{where}: its flags are not in order")
    whole.want((entry["hold_until"] is not None) == (entry["state"] in balances.UNAPPROVED), f"{where}: its hold has the wrong end")
    whole.want((entry["approved_at"] is not None) == entry["was_approved"], f"{where}: its approval has no time")


def _check_lines(whole: WholeState, name: str, entry: Financing) -> None:
    where = f"financing {name}"
    targets = [line["declaration"] for line in entry["lines"] if line["was"] > 0]
    whole.want(_was_moved(whole, entry) or len(targets) == len(set(targets)), f"{where}: two lines hold the same declaration")
    whole.want(all(target in whole.declarations for target in targets), f"{where}: a line's declaration is not registered")
    for line in entry["lines"]:
        smallest = min(line["held"], line["was"], line["drawn"], line["lost"])
        whole.want(smallest >= 0, f"{where}: a line is negative")
        whole.want(line["held"] <= line["was"], f"{where}: a line holds more than it was given")
        whole.want(line["drawn"] + line["lost"] <= line["was"], f"{where}: a line has drawn more than was committed")
        whole.want(line["code"] == "ok" or line["was"] == 0, f"{where}: a refused line holds something")


def _was_moved(whole: WholeState, entry: Financing) -> bool:
    """Whether a line of the financing, or of one that it was taken over from, was carried to another declaration."""
    at: Financing | None = entry
    while at is not None and "MOVED" not in at["flags"]:
        at = None if at["origin"] is None else whole.financings.get(at["origin"])
    return at is not None


def _check_totals(whole: WholeState, where: str, entry: Financing) -> None:
    held = sum(line["held"] for line in entry["lines"])
    drawn = sum(line["drawn"] for line in entry["lines"])
    lost = sum(line["lost"] for line in entry["lines"])
    state = entry["state"]
    if state in (*balances.UNAPPROVED, "APPROVED"):
        whole.want(held > 0, f"{where}: {state} and holds nothing")
    else:
        whole.want(held == 0, f"{where}: {state} and still holds something")
    if state in (*balances.UNAPPROVED, *_ENDED):
        whole.want(drawn == lost == 0, f"{where}: {state} with something drawn")
    if state in ("DISBURSED", "REPAYING"):
        whole.want(drawn > 0, f"{where}: {state} with nothing drawn")
    if state == "WRITTEN_OFF":
        whole.want(drawn == 0 < lost, f"{where}: {state}, and not all that it owes is lost")
    if drawn or state in ("APPROVED", "DISBURSED", "REPAYING", "PAID_OFF", "WRITTEN_OFF", "TRANSFERRED"):
        whole.want(entry["was_approved"], f"{where}: {state} and never approved")
    if state == "PAID_OFF" or (state == "REPAYING" and "CORRECTED" not in entry["flags"]):
        whole.want(entry["repaid"], f"{where}: {state} and nothing was repaid")


def _check_successor(whole: WholeState, name: str, entry: Financing) -> None:
    """Who took what over from whom. A financing that kept what it lost may be taken over once more, and names the last one."""
    where = f"financing {name}"
    whole.want(entry["state"] != "TRANSFERRED" or entry["heir"] is not None, f"{where}: TRANSFERRED, and nobody took it over")
    whole.want(entry["state"] != "TRANSFERRED" or not entry["frozen"], f"{where}: TRANSFERRED, and an order freezes nothing")
    whole.want((entry["origin"] is not None) == ("TAKEN-OVER" in entry["flags"]), f"{where}: taken over from nobody")
    if entry["heir"] is not None:
        heir = whole.financings.get(entry["heir"])
        whole.want(heir is not None and heir["origin"] == name, f"{where}: its heir was not taken over from it")
    if entry["origin"] is not None:
        origin = whole.financings.get(entry["origin"])
        older = origin is not None and origin["heir"] is not None and origin["at"] < entry["at"]
        whole.want(older, f"{where}: what it was taken over from does not know")


def _check_grants(whole: WholeState) -> None:
    claimed: dict[tuple[str, int], int] = defaultdict(int)
    for name, grant in whole.grants.items():
        where = f"grant {name}"
        given = grant["take"] in whole.takes and whole.takes[grant["take"]]["consent"] == grant["consent"]
        whole.want(given, f"{where}: no take gave it")
        whole.want(grant["used"] == len(grant["lines"]), f"{where}: its uses are not those of its lines")
        whole.want((grant["uses"] is not None) == (grant["used"] > 0), f"{where}: its terms are not known")
        whole.want(grant["used"] <= (grant["uses"] or 0), f"{where}: used more often than it may be")
        total, beyond = 0, False
        for financing_id, index in grant["lines"]:
            claimed[str(financing_id), int(index)] += 1
            financing = whole.financings[str(financing_id)]
            line = financing["lines"][int(index)]
            whole.want((line["grant"], line["consent"]) == (name, grant["consent"]), f"{where}: a line names another grant")
            total += covered_by(financing, int(index), whole.time_ms)
            beyond = beyond or not _BEYOND_GRANTS.isdisjoint(financing["flags"])
        whole.want(beyond or total <= (grant["maximum"] or 0), f"{where}: more is held and drawn than its maximum")
    for name, financing in whole.financings.items():
        for index, line in enumerate(financing["lines"]):
            spent = claimed[name, index] == int(line["code"] == "ok")
            whole.want(spent, f"financing {name}: a line's grant was not spent once")
