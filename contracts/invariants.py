"""What must hold of the whole state after every block. It scans everything, so it is for tests and audits, not for execution.

Every held, committed and drawn share belongs to exactly one financing; what a declaration's entry says is the sum of what the
financings' lines say; grants, consents and collections are never used beyond what they hold. Over-use that came from outside is a
status, not a broken invariant.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from contracts import balances
from contracts.entries import Collection, Committed, Consent, Declaration, Enquiry, Financing, Grant, Hold, Take
from contracts.policy import STATE_KEY, Policy
from contracts.shares import CAPACITY_MAX, STEP, WHOLE
from ledger.rules import State

_STATES = frozenset({"APPLIED", "IN_REVIEW", "APPROVED", "DISBURSED", "REPAYING", "PAID_OFF", "CANCELLED", "EXPIRED", "WRITTEN_OFF"})


def check_invariants(state: State, time_ms: int) -> list[str]:
    """The broken invariants in words, sorted; none is an empty list."""
    return sorted(_Audit(state, time_ms).run())


@dataclass
class _Audit:
    state: State
    time_ms: int
    broken: list[str] = field(default_factory=list)

    def run(self) -> list[str]:
        self.declarations: dict[str, Declaration] = self._all("declaration")
        self.financings: dict[str, Financing] = self._all("financing")
        self.consents: dict[str, Consent] = self._all("consent")
        self.grants: dict[str, Grant] = self._all("grant")
        self.takes: dict[str, Take] = self._all("take")
        self.enquiries: dict[str, Enquiry] = self._all("enquiry")
        self.collections: dict[str, Collection] = self._all("collection")
        self._check_policy()
        self._check_collections()
        for name, entry in self.declarations.items():
            self._check_declaration(name, entry)
        self._check_sums()
        for name, financing in self.financings.items():
            self._check_financing(name, financing)
        self._check_consents()
        self._check_grants()
        self._check_enquiries()
        return self.broken

    def _all(self, kind: str) -> dict[str, Any]:
        return {key.partition("/")[2]: value for key, value in self.state.scan(f"{kind}/")}

    def _want(self, holds: bool, message: str) -> None:
        if not holds:
            self.broken.append(message)

    def _check_policy(self) -> None:
        try:
            Policy.model_validate(self.state.get(STATE_KEY), strict=True)
        except ValidationError:
            self.broken.append("the policy lies outside its bounds")

    def _check_declaration(self, name: str, entry: Declaration) -> None:
        where = f"declaration {name}"
        self._want(STEP <= entry["ceiling_ppm"] <= WHOLE, f"{where}: its financing ratio lies outside its bounds")
        self._want(0 <= entry["capacity"] <= CAPACITY_MAX, f"{where}: its capacity lies outside its bounds")
        self._want(min(entry["drawn"], entry["lost"], entry["collected"]) >= 0, f"{where}: a sum is negative")
        self._want(all(hold["share"] > 0 for hold in entry["holds"]), f"{where}: a hold holds nothing")
        self._want(all(item["share"] > 0 for item in entry["committed"]), f"{where}: a commitment commits nothing")
        banks = [hold["bank"] for hold in balances.alive_holds(entry, self.time_ms)]
        self._want(len(banks) == len(set(banks)), f"{where}: a bank has two holds")
        self._want(entry["lenders"] == sorted(set(entry["lenders"])), f"{where}: its lenders are not in order")
        self._want(
            all(item["bank"] in entry["lenders"] for item in entry["committed"]),
            f"{where}: a bank with an approval is not among its lenders",
        )

    def _check_sums(self) -> None:
        """What the declarations say against what the financings' lines say."""
        drawn: dict[str, int] = defaultdict(int)
        lost: dict[str, int] = defaultdict(int)
        held: dict[str, dict[tuple[str, int], int]] = defaultdict(dict)
        committed: dict[str, dict[tuple[str, int], int]] = defaultdict(dict)
        for name, financing in self.financings.items():
            now = balances.financing_state(financing, self.time_ms)
            for index, line in enumerate(financing["lines"]):
                if line["was"] == 0:
                    continue
                target = line["declaration"]
                drawn[target] += line["drawn"]
                lost[target] += line["lost"]
                if line["held"] > 0 and now in balances.UNAPPROVED:
                    held[target][name, index] = line["held"]
                if line["held"] > 0 and now == "APPROVED":
                    committed[target][name, index] = line["held"]
        for name, entry in self.declarations.items():
            where = f"declaration {name}"
            self._want(entry["drawn"] == drawn[name], f"{where}: what is drawn is not the sum of its lines")
            self._want(entry["lost"] == lost[name], f"{where}: what is lost is not the sum of its lines")
            alive = balances.alive_holds(entry, self.time_ms)
            self._same(where, "holds", alive, held[name])
            self._same(where, "commitments", entry["committed"], committed[name])
            for hold in alive:
                owner = self.financings.get(hold["financing"])
                fits = owner is not None and (owner["hold_until"], owner["at"], owner["bank"]) == (hold["until"], hold["at"], hold["bank"])
                self._want(fits, f"{where}: a hold differs from its financing")

    def _same(self, where: str, what: str, listed: Sequence[Hold | Committed], lines: dict[tuple[str, int], int]) -> None:
        said = {(item["financing"], item["line"]): item["share"] for item in listed}
        self._want(len(listed) == len(said) and said == lines, f"{where}: its {what} are not those of the financings")

    def _check_financing(self, name: str, entry: Financing) -> None:
        where = f"financing {name}"
        self._want(entry["state"] in _STATES, f"{where}: its state is not known")
        self._want(entry["flags"] == sorted(set(entry["flags"])), f"{where}: its flags are not in order")
        self._want((entry["hold_until"] is not None) == (entry["state"] in balances.UNAPPROVED), f"{where}: its hold has the wrong end")
        self._want((entry["approved_at"] is not None) == entry["was_approved"], f"{where}: its approval has no time")
        lines = [line for line in entry["lines"] if line["was"] > 0]
        targets = [line["declaration"] for line in lines]
        self._want(len(targets) == len(set(targets)), f"{where}: two lines hold the same declaration")
        self._want(all(target in self.declarations for target in targets), f"{where}: a line's declaration is not registered")
        for line in entry["lines"]:
            smallest = min(line["held"], line["was"], line["drawn"], line["lost"])
            self._want(smallest >= 0, f"{where}: a line is negative")
            self._want(line["held"] <= line["was"], f"{where}: a line holds more than it was given")
            self._want(line["drawn"] + line["lost"] <= line["was"], f"{where}: a line has drawn more than was committed")
            self._want(line["code"] == "ok" or line["was"] == 0, f"{where}: a refused line holds something")
        self._check_totals(where, entry)

    def _check_totals(self, where: str, entry: Financing) -> None:
        held = sum(line["held"] for line in entry["lines"])
        drawn = sum(line["drawn"] for line in entry["lines"])
        lost = sum(line["lost"] for line in entry["lines"])
        state = entry["state"]
        if state in (*balances.UNAPPROVED, "APPROVED"):
            self._want(held > 0, f"{where}: {state} and holds nothing")
        else:
            self._want(held == 0, f"{where}: {state} and still holds something")
        if state in (*balances.UNAPPROVED, "CANCELLED", "EXPIRED", "PAID_OFF"):
            self._want(drawn == lost == 0, f"{where}: {state} with something drawn")
        if state in ("DISBURSED", "REPAYING"):
            self._want(drawn > 0, f"{where}: {state} with nothing drawn")
        if drawn or state in ("APPROVED", "DISBURSED", "REPAYING", "PAID_OFF", "WRITTEN_OFF"):
            self._want(entry["was_approved"], f"{where}: {state} and never approved")
        if state in ("REPAYING", "PAID_OFF"):
            self._want(entry["repaid"], f"{where}: {state} and nothing was repaid")

    def _check_consents(self) -> None:
        taken: dict[str, int] = defaultdict(int)
        for take in self.takes.values():
            taken[take["consent"]] += 1
        holding: dict[str, set[str]] = defaultdict(set)
        for name, financing in self.financings.items():
            if balances.financing_state(financing, self.time_ms) in balances.UNAPPROVED:
                for line in financing["lines"]:
                    if line["held"] > 0:
                        holding[line["consent"]].add(name)
        for name, consent in self.consents.items():
            where = f"consent {name}"
            self._want(consent["used"] == taken[name] <= consent["uses"], f"{where}: its uses are not those of its takes")
            listed = [item["financing"] for item in consent["open"] if self.time_ms < item["until"]]
            self._want(len(listed) == len(set(listed)) and set(listed) == holding[name], f"{where}: its open holds are not listed")
            self._want(not (consent["revoked"] and holding[name]), f"{where}: revoked, and something is held under it")

    def _check_grants(self) -> None:
        claimed: dict[tuple[str, int], int] = defaultdict(int)
        for name, grant in self.grants.items():
            where = f"grant {name}"
            self._want(
                grant["take"] in self.takes and self.takes[grant["take"]]["consent"] == grant["consent"], f"{where}: no take gave it"
            )
            self._want(grant["used"] == len(grant["lines"]), f"{where}: its uses are not those of its lines")
            self._want((grant["uses"] is not None) == (grant["used"] > 0), f"{where}: its terms are not known")
            self._want(grant["used"] <= (grant["uses"] or 0), f"{where}: used more often than it may be")
            total, late = 0, False
            for financing_id, index in grant["lines"]:
                claimed[str(financing_id), int(index)] += 1
                financing = self.financings[str(financing_id)]
                line = financing["lines"][int(index)]
                self._want((line["grant"], line["consent"]) == (name, grant["consent"]), f"{where}: a line names another grant")
                total += line["drawn"] + (line["held"] if balances.counts(financing, self.time_ms) else 0)
                late = late or "LATE" in financing["flags"]
            self._want(late or total <= (grant["maximum"] or 0), f"{where}: more is held and drawn than its maximum")
        for name, financing in self.financings.items():
            for index, line in enumerate(financing["lines"]):
                self._want(claimed[name, index] == int(line["code"] == "ok"), f"financing {name}: a line's grant was not spent once")

    def _check_enquiries(self) -> None:
        for name, take in self.takes.items():
            enquiry = self.enquiries.get(take["request"])
            fits = enquiry is not None and (enquiry["take"], enquiry["bank"]) == (name, take["bank"])
            self._want(fits, f"take {name}: its enquiry was not taken by it")
        for name, enquiry in self.enquiries.items():
            self._want(enquiry["take"] is None or enquiry["take"] in self.takes, f"enquiry {name}: its take does not exist")

    def _check_collections(self) -> None:
        collected: dict[str, int] = defaultdict(int)
        named: dict[str, list[str]] = defaultdict(list)
        for name, collection in self.collections.items():
            where = f"collection {name}"
            self._want(0 <= collection["unused"] <= max(0, collection["share"]), f"{where}: its unused part lies outside its bounds")
            collected[collection["declaration"]] += collection["share"]
            named[collection["declaration"]].append(name)
        for name, entry in self.declarations.items():
            self._want(sorted(entry["collections"]) == sorted(named[name]), f"declaration {name}: its collections are not those listed")
            self._want(entry["collected"] == collected[name], f"declaration {name}: what is collected is not the sum of its collections")
