"""What every action needs: blocks and time, members, consents and grants, who signs, and the comparison of everything.

Actions take what they need from a chooser, so that Hypothesis can shrink them and a seeded walk can run many. Shares are drawn from
what is just left, one more than that, and parts of it; times from the ends of holds; amendments from just about what is used:
two rules that agree at random are told apart only where they are squeezed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from contracts import balances
from contracts.commitments import consent_commitment, grant_commitment
from contracts.invariants import check_invariants
from contracts.months import month_end_ms
from contracts.queries import available, status
from ledger.rules import Result, Signer
from tests.contracts.ghost import Ghost
from tests.contracts.harness import (
    AUTHORITY,
    BANKS,
    DAY,
    FAR,
    REGISTRAR,
    START,
    World,
    engine_key_id,
    key,
    name,
    once,
    one,
    public,
    signer,
    two,
)
from tests.contracts.model import MILLION, Model, Signed

TICK = DAY // 4
MORE_BANKS = ("bank-d", "bank-e")
DECLARATIONS = {"whole": (MILLION, "2027-12", 1_234_567), "odd": (777_777, "2027-12", 99_991), "soon": (MILLION, "2026-05", 1_000_003)}
VALIDATORS = {AUTHORITY: 10, **dict.fromkeys(BANKS, 10)}
GOVERNORS = {AUTHORITY: 1, BANKS[0]: 1, BANKS[1]: 2}
SHARE_MAX = 10 * MILLION
YES_OR_NO = (True, False)
RARELY = (True, *[False] * 14)
Item = TypeVar("Item")


class Choose(Protocol):
    def __call__(self, options: Sequence[Item], /) -> Item: ...


class Base:
    """`codes` counts results by type, `moves` what records made of financings; both say what the walks reached."""

    def __init__(self) -> None:
        self.world = World(
            VALIDATORS, approved_days_stale=1, holds_max=3, onboarding_days=4, governance_delay_hours=6, power_change_third_days=1
        )
        self.world.checks_each = False
        self.world.state.put("governors", [{"member": slug, "weight": weight} for slug, weight in GOVERNORS.items()])
        self.model = Model(dict(self.world.state.get("policy") or {}), t=START, governors=dict(GOVERNORS))
        self.model.keys = {slug: {"member": slug, "purpose": "validate", "dead": False} for slug in VALIDATORS}
        self.model.sets.append((START, dict(VALIDATORS)))
        self.ghost = Ghost(self.model)
        self.position: int | None = None
        self.codes: Counter[tuple[str, str]] = Counter()
        self.moves: Counter[tuple[str, str, str]] = Counter()
        self.openings: dict[str, dict[str, Any]] = {}
        self.consents: dict[str, tuple[str, str]] = {}
        for slug, role in {AUTHORITY: "authority", REGISTRAR: "registrar", **dict.fromkeys(BANKS, "bank"), "auditor": "auditor"}.items():
            self.model.member(slug, role, START)
        for slug in MORE_BANKS:
            self.admit(slug)
        for label, (ppm, until, amount) in DECLARATIONS.items():
            self.world.declaration(label, ceiling_ppm=ppm, until=until)
            self.ghost.registered[label] = amount
            self.model.register(Signed(REGISTRAR), label, ppm, month_end_ms(until), [])
        for bank in self.banks():
            self.join(bank)

    # Members, consents and grants.

    def banks(self) -> list[str]:
        return [slug for slug in self.model.members if self.model.is_bank(slug)]

    def admit(self, slug: str) -> None:
        number = 100 + len(self.model.members)
        body = {"member": slug, "role": "bank", "region": "370200", "name": slug.title(), "keys": [key(number)]}
        self.tell("member.admit", body, one(AUTHORITY), "ok")
        self.model.member(slug, "bank", self.world.time)

    def join(self, bank: str) -> None:
        """Two consents, and under each a grant on every declaration that stands."""
        for _ in range(2):
            consent = self.consent(bank, FAR)
            self.enquire(bank, consent, [(d, MILLION, 6, FAR) for d in self.standing()])

    def consent(self, bank: str, end: int) -> str:
        label = f"consent {len(self.consents)}"
        made = {"alg": "p256", "public": public(10_000 + len(self.consents))}
        body = {"commitment": consent_commitment(bank, name("salt")), "not_before": 0, "not_after": end, "uses": 100, "key": made}
        self.tell("consent.give", body, once(""), "ok")
        self.consents[label] = (bank, self.world.last)
        self.model.consents[label] = {"revoked": False, "end": end}
        return label

    def enquire(self, bank: str, consent: str, wanted: list[tuple[str, int, int, int]]) -> list[str]:
        """An enquiry under a live consent and its answer, with grants of (declaration, maximum, uses, end)."""
        given = self.consents[consent][1]
        stopped = self.stopped(bank)
        if self.tell("enquiry.request", {"kind": "declarations"}, one(bank), stopped or "ok").code != "ok":
            return []
        request = self.world.last
        self.tell("enquiry.take", {"request": request, "consent": given, "salt": name("salt")}, one(AUTHORITY), "ok")
        take, labels, commitments = self.world.last, [], []
        for d, maximum, uses, end in wanted:
            label = f"grant {len(self.openings)}"
            opening: dict[str, Any] = {
                "declaration": name(d),
                "maximum": maximum,
                "uses": uses,
                "end": end,
                "consent": given,
                "salt": name(label),
            }
            commitments.append(grant_commitment(bank=bank, **opening))
            self.openings[label] = opening
            told = {"bank": bank, "d": d, "consent": consent, "maximum": maximum, "uses": uses, "end": end, "used": 0}
            self.model.grants[label] = {**told, "commitment": commitments[-1]}
            labels.append(label)
        self.tell("enquiry.answer", {"request": request, "take": take, "grants": commitments}, one(AUTHORITY), "ok")
        return labels

    def stopped(self, slug: str) -> str | None:
        """Why a member may start nothing, or None."""
        if self.model.members[slug]["status"] != "active":
            return "suspended"
        return "frozen" if self.model.frozen("member", slug) else None

    def live_consent(self, bank: str) -> str | None:
        """The newest consent of a bank that an enquiry can be taken under."""
        for label, (owner, given) in reversed(self.consents.items()):
            told, entry = self.model.consents[label], self.world.entry("consent", given)
            if owner == bank and not told["revoked"] and self.model.t < told["end"] and entry["used"] < entry["uses"]:
                return label
        return None

    # Choices.

    def standing(self) -> list[str]:
        """Declarations that no other replaced, the newest few."""
        return [d for d, it in self.model.declarations.items() if not it["replaced"]][-4:]

    def some_declaration(self, choose: Choose) -> str:
        return choose(list(self.model.declarations) if choose(RARELY) else self.standing())

    def recent(self, choose: Choose, *suited: str) -> str | None:
        """A financing, mostly one in a state that suits."""
        fitting = [f for f in self.model.financings if self.model.state(f) in suited][-6:]
        if len(fitting) > 0 and choose(range(8)):
            return choose(fitting)
        every = list(self.model.financings)[-8:]
        return choose(every) if every and choose((0, 1, 2)) == 1 else None

    def actor(self, choose: Choose, f: str) -> str:
        """Mostly the lender, sometimes the bank that once was it, or any."""
        bank = self.model.financings[f]["bank"]
        return choose([bank, *self.banks()]) if choose(RARELY) else self.model.holder(bank)

    def signed(self, choose: Choose, by: str, *, authority: bool = False) -> Signed:
        hands = choose(("one", "same")) if choose(RARELY) and choose(YES_OR_NO) else "two"
        return Signed(by, hands, authority)

    def some_share(self, choose: Choose, left: int) -> int:
        """About what is left."""
        parts = (left, left, left + 1, left - 1000, left // 2000 * 1000, left // 3000 * 1000, left // 5000 * 1000, 1000, left // 2)
        return max(1, min(choose(parts), SHARE_MAX))

    # Telling.

    def tell(self, type_name: str, body: dict[str, Any], signers: tuple[Signer, ...], expected: str | None = None) -> Result:
        """One record of the block that is open, or the first of the next; compared at once where a code is expected."""
        result = self.world.run(type_name, body, signers, position=self.position)
        self.position = (self.position or 0) + 1
        self.codes[type_name, result.code] += 1
        for line in result.details.get("lines", ()):
            if isinstance(line, dict):
                self.codes[type_name, str(line.get("code", "ok"))] += 1
        if expected is not None:
            assert result.code == expected, (type_name, result, expected)
        return result

    def same(self, result: Result, told: str, lines: list[str] | None = None) -> None:
        """The handlers answered as the model does, line by line where lines have codes."""
        ours = [line["code"] for line in result.details.get("lines", [])]
        assert result.code == told, (result, told)
        assert lines is None or ours == lines, (result, lines)

    def signers(self, signed: Signed) -> tuple[Signer, ...]:
        people = {
            "one": one(signed.by),
            "two": two(signed.by),
            "same": (signer(signed.by, "make", "li"), signer(signed.by, "check", "li")),
        }
        return people[signed.hands] + (one(AUTHORITY) if signed.authority else ())

    def moved(self, type_name: str, f: str, before: str) -> None:
        self.moves[type_name, before, self.model.state(f)] += 1

    # Blocks.

    def close(self) -> None:
        """Ends the block: the invariants hold, and everything is compared."""
        if self.position is not None:
            self.position = None
            assert check_invariants(self.world.state, self.world.time) == []
            self.agree()

    def wait(self, choose: Choose) -> None:
        """To a moment later, often to the very end of something or the millisecond before it."""
        self.close()
        told = self.model
        ends = {it["until"] for it in (*told.financings.values(), *told.declarations.values()) if it["until"] is not None}
        ends |= {it["end"] for it in (*told.grants.values(), *told.consents.values())}
        ends |= {it["approved"] + DAY for it in told.financings.values() if it["approved"] is not None}
        ends |= {it["offer"]["until"] for it in told.financings.values() if it["offer"] is not None}
        ends |= {it["due"] for it in told.proposals.values() if it["due"] is not None}
        ends |= {it["admitted"] + told.policy["onboarding_days"] * DAY for it in told.members.values()}
        coming = sorted(end for end in ends if self.world.time < end <= self.world.time + 6 * TICK)[:2]
        end = choose(coming) if coming else self.world.time + TICK
        self.world.time = told.t = choose((self.world.time + TICK, end, end, max(self.world.time, end - 1)))
        self.world.begin()
        told.begin()
        assert check_invariants(self.world.state, self.world.time) == []

    # Comparing.

    def agree(self) -> None:
        """Everything that both know is the same, and no money is lent twice."""
        time, state = self.world.time, self.world.state
        for d, told in self.model.declarations.items():
            entry = self.world.entry("declaration", name(d))
            ours = (available(state, name(d), time), status(state, name(d), time), balances.used(entry, time))
            assert ours == (self.model.available(d), self.model.status(d), 0 if told["replaced"] else self.model.used(d)), d
            assert (entry["collected"], entry["capacity"]) == (self.model.collected(d), told["capacity"]), d
            assert entry["ceiling_ppm"] == told["ppm"]
            assert bool(entry["frozen"]) == self.model.frozen("declaration", d)
            assert {self.model.holder(bank) for bank in entry["lenders"]} == self.model.lenders(d)
        for f, financing in self.model.financings.items():
            self.agree_on(f, financing, self.world.entry("financing", f))
        for c, collection in self.model.collections.items():
            entry = self.world.entry("collection", c)
            assert (entry["declaration"], entry["share"], entry["unused"]) == (
                name(collection["d"]),
                collection["share"],
                collection["unused"],
            )
        for grant in self.model.grants.values():
            assert self.world.entry("grant", grant["commitment"])["used"] == grant["used"]
        for slug, member in self.model.members.items():
            entry = self.world.entry("member", slug)
            assert (entry["status"], entry["heir"], bool(entry["frozen"])) == (
                member["status"],
                member["heir"],
                self.model.frozen("member", slug),
            )
        for p, proposal in self.model.proposals.items():
            assert self.world.entry("proposal", p)["state"] == proposal["state"], (p, proposal, self.world.entry("proposal", p), time)
        assert self.world.state.get("policy") == self.model.policy
        voting = {each["key"]: each["power"] for each in self.world.state.get("validators") or []}
        assert voting == {engine_key_id(label): power for label, power in self.model.sets[-1][1].items()}
        self.ghost.check_lines()

    def agree_on(self, f: str, financing: dict[str, Any], entry: Any) -> None:
        state = self.model.state(f)
        assert balances.financing_state(entry, self.world.time) == state, f
        assert entry["bank"] == financing["bank"]
        assert (entry["origin"], entry["heir"]) == (financing["origin"], financing["heir"])
        assert bool(entry["frozen"]) == self.model.frozen("financing", f)
        flags = {"LATE", "LOADED", "TAKEN-OVER", "CORRECTED"}
        assert flags & set(entry["flags"]) == flags & financing["flags"]
        assert "MOVED" in entry["flags"] or "MOVED" not in financing["flags"]
        for line, ours in zip(financing["lines"], entry["lines"], strict=True):
            assert (ours["drawn"], ours["lost"]) == (line["drawn"], line["lost"]), (f, state)
            if state != "EXPIRED":
                assert (ours["held"], self.followed(ours)) == (line["held"], line["was"]), (f, state, entry, financing)

    def followed(self, line: Any) -> int:
        """What a line of the handlers was, on the declaration that it stands on today: an empty line is carried when it is touched."""
        by_name = {name(d): it for d, it in self.model.declarations.items()}
        was, declaration = int(line["was"]), by_name.get(line["declaration"])
        while was and declaration is not None and declaration["replaced"]:
            new, ratio = declaration["replaced"]
            was, declaration = -(-was * ratio // 10**9), self.model.declarations[new]
        return was
