"""What is true at a time: the quantities of declarations and financings, computed from nothing but what happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

MILLION = 1_000_000
BILLION = 1_000_000_000
HELD = ("APPLIED", "IN_REVIEW")
LENT = ("DISBURSED", "REPAYING")
Entry = dict[str, Any]
Telling = TypeVar("Telling", bound="Base")
Told = ParamSpec("Told")


class No(Exception):
    """A record is refused, with this code."""


def no(code: str, refused: Any = True) -> None:
    """Refuses where the condition is true."""
    if refused:
        raise No(code)


def telling(method: Callable[Concatenate[Telling, Told], None]) -> Callable[Concatenate[Telling, Told], str]:
    """A method that gives the code with which it ended. Whatever refuses does so before anything changes."""

    @wraps(method)
    def told(model: Telling, /, *args: Told.args, **kwargs: Told.kwargs) -> str:
        try:
            method(model, *args, **kwargs)
        except No as refusal:
            return str(refusal)
        return "ok"

    return told


def scaled(share: int, ratio: int) -> int:
    """A share on the successor of a replaced declaration."""
    return -(-share * ratio // BILLION)


@dataclass(frozen=True)
class Signed:
    """The member that authored a record; `one` signature, those of `two` people or of the `same` person; whether the authority joined."""

    by: str
    hands: str = "two"
    authority: bool = False


@dataclass
class Base:
    """All there is, by labels. A thing's age is its `age`, the count of records when it was made."""

    policy: dict[str, int]
    authority: str = "forex"
    registrar: str = "customs"
    t: int = 0
    clock: int = 0
    members: dict[str, Entry] = field(default_factory=dict)
    governors: dict[str, int] = field(default_factory=dict)
    declarations: dict[str, Entry] = field(default_factory=dict)
    consents: dict[str, Entry] = field(default_factory=dict)
    grants: dict[str, Entry] = field(default_factory=dict)
    financings: dict[str, Entry] = field(default_factory=dict)
    collections: dict[str, Entry] = field(default_factory=dict)
    orders: dict[str, Entry] = field(default_factory=dict)
    disputes: dict[str, Entry] = field(default_factory=dict)
    proposals: dict[str, Entry] = field(default_factory=dict)
    keys: dict[str, Entry] = field(default_factory=dict)
    sets: list[tuple[int, dict[str, int]]] = field(default_factory=list)

    # Who may.

    def member(self, slug: str, role: str, admitted: int) -> None:
        self.members[slug] = {"role": role, "status": "active", "heir": None, "admitted": admitted}

    def holder(self, slug: str) -> str:
        """Who acts on what a member had: itself, or the last of its heirs."""
        while self.members[slug]["heir"] is not None:
            slug = self.members[slug]["heir"]
        return slug

    def is_bank(self, slug: str) -> bool:
        return bool(self.members[slug]["role"] == "bank")

    def frozen(self, kind: str, target: str) -> bool:
        return any(not order["lifted"] and order["target"] == (kind, target) for order in self.orders.values())

    def may_start(self, slug: str) -> None:
        no("suspended", self.members[slug]["status"] != "active")
        no("frozen", self.frozen("member", slug))

    def two_people(self, signed: Signed) -> None:
        no("second-signature-missing", signed.hands == "one")
        no("same-person", signed.hands == "same")

    def lender(self, signed: Signed, f: str) -> Entry:
        """The financing, where the author is its lender now."""
        no("unknown-financing", f not in self.financings)
        no("not-permitted", self.holder(self.financings[f]["bank"]) != signed.by)
        return self.financings[f]

    # How much.

    def state(self, f: str) -> str:
        financing = self.financings[f]
        if financing["state"] in HELD and self.t >= financing["until"]:
            return "EXPIRED"
        return str(financing["state"])

    def lines_on(self, d: str) -> list[tuple[str, int, Entry]]:
        """Lines that ever held or drew something on a declaration, or on what it replaced."""
        found = []
        for f, financing in self.financings.items():
            found += [(f, i, line) for i, line in enumerate(financing["lines"]) if line["d"] == d and line["code"] == "ok"]
        return found

    def lenders(self, d: str) -> set[str]:
        """Banks that have or had a financing on a declaration, as they act today."""
        return {self.holder(self.financings[f]["bank"]) for f, _, line in self.lines_on(d) if line["approved"]}

    def collected(self, d: str) -> int:
        return sum(collection["share"] for collection in self.collections.values() if collection["d"] == d)

    def ceiling(self, d: str, *, with_collected: bool = True) -> int:
        it = self.declarations[d]
        if it["void"]:
            return 0
        base = it["capacity"] - (self.collected(d) if with_collected else 0)
        return int(it["ppm"] * base // MILLION) if base > 0 else 0

    def used(self, d: str) -> int:
        total = 0
        for f, _, line in self.lines_on(d):
            total += line["drawn"] + line["lost"]
            if self.state(f) in (*HELD, "APPROVED"):
                total += line["held"]
        return total

    def available(self, d: str) -> int:
        it = self.declarations[d]
        if it["void"] or it["replaced"] or self.frozen("declaration", d) or self.t >= it["until"]:
            return 0
        return max(0, self.ceiling(d) - self.used(d))

    def taken(self, d: str, f: str, i: int) -> int:
        """What counts before a line that is to be committed; of one financing's lines on the same declaration the earlier is the older."""
        taken = 0
        for other, j, line in self.lines_on(d):
            taken += line["drawn"] + line["lost"]
            older = (self.financings[other]["age"], j) < (self.financings[f]["age"], i)
            if self.state(other) == "APPROVED" or (older and self.state(other) in HELD):
                taken += line["held"]
        return taken

    def room(self, d: str, f: str, i: int, freed: int = 0) -> int:
        """What a line may commit, where as much as `freed` is let go by the same record."""
        return max(0, self.ceiling(d) - self.taken(d, f, i) + freed)

    def status(self, d: str) -> str:
        if self.declarations[d]["replaced"]:
            return "REPLACED"
        if self.declarations[d]["void"]:
            return "VOID"
        if self.used(d) > self.ceiling(d, with_collected=False):
            return "OVERUSED"
        return "COLLECTED" if self.used(d) > self.ceiling(d) else "REGISTERED"

    def under(self, g: str) -> int:
        """What a grant's financings hold, have drawn and have lost at once."""
        total = 0
        for f, financing in self.financings.items():
            live = self.state(f) in (*HELD, "APPROVED")
            for line in financing["lines"]:
                if line["g"] == g:
                    total += line["drawn"] + line["lost"] + (line["held"] if live else 0)
        return total

    def grant_code(self, bank: str, g: str) -> str:
        """The first reason why a grant does not open, in the order of the rules, or `ok`."""
        grant = self.grants[g]
        consent = self.consents[grant["consent"]]
        failing = {
            "unknown-declaration": grant["d"] not in self.declarations,
            "grant-unknown": grant["bank"] != bank,
            "consent-revoked": consent["revoked"],
            "grant-expired": self.t >= grant["end"],
            "grant-used-up": grant["used"] >= grant["uses"],
            "consent-expired": self.t >= consent["end"],
        }
        return next((code for code, fails in failing.items() if fails), "ok")

    def new_financing(self, f: str, bank: str, state: str, until: int | None) -> Entry:
        self.clock += 1
        self.financings[f] = {"bank": bank, "state": state, "until": until, "age": self.clock, "lines": [], "repaid": False}
        self.financings[f].update(approved=None, flags=set(), offer=None, origin=None, heir=None)
        return self.financings[f]


def new_line(d: str, g: str, code: str, *, held: int = 0, drawn: int = 0, approved: bool = False) -> Entry:
    was = held + drawn
    return {"d": d, "g": g, "code": code, "held": held, "was": was, "drawn": drawn, "lost": 0, "approved": approved}


def sums(financing: Entry, *fields: str) -> int:
    return sum(line[name] for line in financing["lines"] for name in fields)


def in_steps(share: int, whole: int) -> bool:
    return share % 1000 == 0 or share == whole
