"""Governance: changes of policy, governors, registrar and validators, approved by weight and applied when their time has come."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.contracts.model.base import Signed, no, telling
from tests.contracts.model.validators import Validators, powers_of

HOUR = 3_600_000
OPEN_MS = 30 * 24 * HOUR


class Governance(Validators):
    """What governors propose; `begin` is called before the first record of each block."""

    @telling
    def propose(self, signed: Signed, p: str, kind: str, value: Any) -> None:
        no("not-permitted", signed.by not in self.voters())
        self.may_start(signed.by)
        self.check_change(kind, value)
        if kind == "validators":
            waiting = [it for it in self.proposals.values() if it["state"] == "SCHEDULED" and it["kind"] == "validators"]
            coming = [(it["due"], it["order"], powers_of(it["value"])) for it in waiting]
            self.check_pace([*coming, (self.t + self.delay, self.clock + 1, powers_of(value))])
        self.proposals[p] = {"kind": kind, "value": value, "until": self.t + OPEN_MS, "yes": set(), "state": "OPEN", "due": None}
        self.count(p, signed.by)

    @telling
    def assent(self, signed: Signed, p: str) -> None:
        no("unknown-proposal", p not in self.proposals)
        no("not-permitted", signed.by not in self.voters())
        self.may_start(signed.by)
        it = self.proposals[p]
        no("wrong-state", it["state"] != "OPEN")
        no("proposal-lapsed", self.t >= it["until"])
        no("already-approved", signed.by in self.voters(it["yes"]))
        self.count(p, signed.by)

    def voters(self, slugs: Iterable[str] | None = None) -> set[str]:
        """Who votes for governors, those of today where none are given: the heirs of those that were succeeded."""
        return {self.holder(slug) for slug in (self.governors if slugs is None else slugs)}

    @property
    def delay(self) -> int:
        return self.policy["governance_delay_hours"] * HOUR

    def check_change(self, kind: str, value: Any) -> None:
        if kind == "validators":
            self.check_seats(value)
        named = list(value) if kind == "governors" else [value] if kind == "registrar" else []
        for slug in named:
            no("unknown-member", slug not in self.members)
            no("wrong-state", self.members[slug]["status"] != "active")
        if kind == "registrar":
            no("malformed", self.members[value]["role"] not in ("authority", "registrar"))

    def count(self, p: str, governor: str) -> None:
        it = self.proposals[p]
        it["yes"].add(governor)
        yes = self.voters(it["yes"])
        weight = sum(weight for slug, weight in self.governors.items() if self.holder(slug) in yes)
        if 3 * weight > 2 * sum(self.governors.values()):
            self.clock += 1
            it.update(state="SCHEDULED", due=self.t + self.delay, order=self.clock)

    def begin(self) -> None:
        """Applies what is due, in the order of its time, as far as it still fits."""
        due = [it for it in self.proposals.values() if it["state"] == "SCHEDULED" and it["due"] <= self.t]
        for it in sorted(due, key=lambda it: (it["due"], it["order"])):
            if self.check_again(it["kind"], it["value"]) != "ok":
                it["state"] = "FAILED"
                continue
            it["state"] = "DONE"
            if it["kind"] == "policy":
                self.policy = dict(it["value"])
            elif it["kind"] == "governors":
                self.governors = dict(it["value"])
            elif it["kind"] == "validators":
                self.sets.append((self.t, powers_of(it["value"])))
            else:
                self.registrar = it["value"]

    @telling
    def check_again(self, kind: str, value: Any) -> None:
        self.check_change(kind, value)
        if kind == "validators":
            self.check_pace([(self.t, 0, powers_of(value))])
