"""A network without signatures: rules are run as the pure functions that they are, on the ledger's own overlay state.

Bodies go through their strict models as in admission, refused writes are dropped as in execution, and after every accepted record
the invariants are checked. Signers are made up, because whose signature is valid is not the rules' question.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from contracts.commitments import consent_commitment, grant_commitment, offer_commitment
from contracts.genesis import write_genesis
from contracts.invariants import check_invariants
from contracts.ruleset import RULESET
from contracts.shares import RATIO_ONE, WHOLE
from ledger import canonical, keyring, keys
from ledger.execution import begin_block
from ledger.rules import Context, Result, Signer
from ledger.state import EmptyState, Overlay

DAY = 86_400_000
START = 1_780_000_000_000
FAR = START + 1_000 * DAY
AUTHORITY, REGISTRAR, BANKS = "forex", "customs", ("bank-a", "bank-b", "bank-c")
A, B, C = BANKS


def name(text: str) -> str:
    """Some hash, the same for the same text."""
    return sha256(text.encode()).hexdigest()


@cache
def public(number: int) -> str:
    return keys.public_of(ec.derive_private_key(number, ec.SECP256R1())).public.hex()


def key(number: int, purpose: str = "service", person: str | None = None) -> dict[str, Any]:
    return {"alg": "p256", "public": public(number), "purpose": purpose, "person": person}


def engine_key(label: str) -> dict[str, Any]:
    """Some key that an engine signs with, as `key.add` has it."""
    return {"alg": keys.ED25519, "public": name(label), "purpose": "validate", "person": None}


def engine_key_id(label: str) -> str:
    return keys.key_id(keys.ED25519, bytes.fromhex(name(label)))


def signer(member: str | None, purpose: str = "service", person: str | None = None, object_id: str | None = None) -> Signer:
    return Signer(name(f"{member} {purpose} {person}"), member, purpose, person, object_id)


def one(member: str) -> tuple[Signer, ...]:
    return (signer(member),)


def two(member: str) -> tuple[Signer, ...]:
    return (signer(member, "make", "li"), signer(member, "check", "wang"))


def once(consent: str, introducer: str = AUTHORITY) -> tuple[Signer, ...]:
    return (signer(None, "once", None, consent), signer(introducer))


def genesis(validators: Mapping[str, int] | None = None, **policy: int) -> dict[str, Any]:
    """Six members. Those that are to validate, with a power each, have a key for it whose label is their name."""
    roles = {AUTHORITY: "authority", REGISTRAR: "registrar", **dict.fromkeys(BANKS, "bank"), "auditor": "auditor"}
    members: list[dict[str, Any]] = [
        {"member": slug, "role": role, "region": "210000", "name": slug.title(), "keys": [key(number + 1)]}
        for number, (slug, role) in enumerate(roles.items())
    ]
    for member in members:
        member["keys"] += [engine_key(slug) for slug in validators or {} if slug == member["member"]]
    seats = [{"member": slug, "public": name(slug), "power": power} for slug, power in (validators or {}).items()]
    return {
        **({} if validators is None else {"validators": seats}),
        "policy": policy,
        "registrar": REGISTRAR,
        "governors": [{"member": AUTHORITY, "weight": 1}],
        "recovery": {"k": 0, "keys": []},
        "registry_commitment": name("registry"),
        "members": members,
    }


@dataclass(frozen=True)
class Grant:
    """An opening that a bank was given."""

    bank: str
    opening: dict[str, Any]


class World:
    """A state, a clock that only the test moves, and a shorthand for every record. `checks_each`: invariants after every record."""

    def __init__(self, validators: Mapping[str, int] | None = None, **policy: int) -> None:
        self.state = Overlay(EmptyState())
        self.time = START
        self.height = 0
        self.serial = 0
        self.last = ""
        self.checks_each = True
        write_genesis(self.state, genesis(validators, **policy), START)

    def run(self, type_name: str, body: dict[str, Any], signers: tuple[Signer, ...], *, position: int | None = None) -> Result:
        """Runs a record in a block of its own, or at a later position of the same block."""
        kind = RULESET.types[type_name]
        self.serial += 1
        if position is None:
            self.height += 1
        record_id = name(f"record {self.serial}")
        context = Context(name("net"), record_id, type_name, self.height, position or 0, self.serial, self.time, signers, frozenset())
        if position is None:
            self.begin()
        layer = Overlay(self.state)
        model = kind.model.model_validate(body, strict=True)
        result = kind.handle(layer, context, model)
        canonical.encode(result.to_json())
        if result.code == "ok":
            if kind.one_time_key is not None:
                made = kind.one_time_key(model)
                keyring.register(layer, made, member=None, purpose="once", person=None, added_at=context.log_index, object_id=record_id)
            layer.merge_into(self.state)
            assert not self.checks_each or check_invariants(self.state, self.time) == []
        self.last = record_id
        return result

    def begin(self) -> None:
        """Lets what is due take effect, as the next block does before its records."""
        begin_block(self.state, RULESET, self.time)

    def ok(self, type_name: str, body: dict[str, Any], signers: tuple[Signer, ...], *, position: int | None = None) -> str:
        """Runs a record that must be accepted, and gives its id."""
        result = self.run(type_name, body, signers, position=position)
        assert result.code == "ok", result
        return self.last

    def edit(self, entry_key: str, **fields: Any) -> None:
        """Sets what no record would set by itself."""
        entry = self.state.get(entry_key)
        assert entry is not None
        self.state.put(entry_key, {**entry, **fields})

    def freeze(self, kind: str, thing: str) -> str:
        """An order of the authority freezes a declaration, a financing or a member."""
        return self.ok("order.freeze", {"target": {"kind": kind, "id": thing}, "digest": name("order")}, one(AUTHORITY))

    def stop(self, member: str, how: str) -> None:
        """A member that may start nothing more: `suspended` or `frozen`."""
        if how == "frozen":
            self.freeze("member", member)
        else:
            self.ok("member.suspend", {"member": member, "reason": "breach"}, one(AUTHORITY))

    def entry(self, kind: str, entry_id: str) -> Any:
        entry = self.state.get(f"{kind}/{entry_id}")
        assert entry is not None
        return entry

    def declaration(self, label: str = "d", *, ceiling_ppm: int = WHOLE, until: str = "2027-12") -> str:
        declaration = name(label)
        body = {"declaration": declaration, "ceiling_ppm": ceiling_ppm, "until": until, "replaces": []}
        self.ok("declaration.register", body, one(REGISTRAR))
        return declaration

    def consent(self, bank: str = A, *, uses: int = 10, not_before: int = 0, not_after: int = FAR, number: int | None = None) -> str:
        commitment = consent_commitment(bank, name("salt"))
        made = {"alg": "p256", "public": public(1000 + self.serial if number is None else number)}
        body = {"commitment": commitment, "not_before": not_before, "not_after": not_after, "uses": uses, "key": made}
        return self.ok("consent.give", body, once(""))

    def request(self, bank: str = A, kind: str = "declarations") -> str:
        return self.ok("enquiry.request", {"kind": kind}, one(bank))

    def take(self, request: str, consent: str) -> str:
        return self.ok("enquiry.take", {"request": request, "consent": consent, "salt": name("salt")}, one(AUTHORITY))

    def grant(
        self,
        declaration: str,
        bank: str = A,
        *,
        maximum: int = WHOLE,
        uses: int = 10,
        end: int = FAR,
        consent: str | None = None,
    ) -> Grant:
        given = self.consent(bank) if consent is None else consent
        request = self.request(bank)
        take = self.take(request, given)
        salt = name(f"grant {self.serial}")
        opening: dict[str, Any] = {"declaration": declaration, "maximum": maximum, "uses": uses, "end": end, "consent": given, "salt": salt}
        body = {"request": request, "take": take, "grants": [grant_commitment(bank=bank, **opening)]}
        self.ok("enquiry.answer", body, one(AUTHORITY))
        return Grant(bank, opening)

    def apply(self, *lines: tuple[Grant, int], mode: str = "all", hold_ms: int = DAY, position: int | None = None) -> Result:
        body = {
            "lines": [{"grant": grant.opening, "share": share} for grant, share in lines],
            "hold_until": self.time + hold_ms,
            "mode": mode,
        }
        return self.run("financing.apply", body, one(lines[0][0].bank), position=position)

    def applied(self, *lines: tuple[Grant, int], mode: str = "all", hold_ms: int = DAY) -> str:
        result = self.apply(*lines, mode=mode, hold_ms=hold_ms)
        assert result.code == "ok", result
        return self.last

    def approved(self, *lines: tuple[Grant, int]) -> str:
        financing = self.applied(*lines)
        for step in (self.intake(financing), self.approve(financing)):
            assert step.code == "ok", step
        return financing

    def intake(self, financing: str, shares: list[int] | None = None, bank: str = A) -> Result:
        return self.run("financing.intake", {"financing": financing, "shares": shares}, one(bank))

    def approve(self, financing: str, shares: list[int] | None = None, bank: str = A) -> Result:
        return self.run("financing.approve", {"financing": financing, "shares": shares}, two(bank))

    def disburse(self, financing: str, shares: list[int], *, final: bool = True, bank: str = A, authority: bool = False) -> Result:
        signers = two(bank) + (one(AUTHORITY) if authority else ())
        return self.run("financing.disburse", {"financing": financing, "shares": shares, "final": final}, signers)

    def repay(self, financing: str, shares: list[int], collections: list[tuple[str, int]] | None = None, bank: str = A) -> Result:
        body = {
            "financing": financing,
            "shares": shares,
            "source": "collections" if collections else "own-funds",
            "collections": [{"collection": cited, "share": share} for cited, share in collections or []],
        }
        return self.run("financing.repay", body, two(bank))

    def cancel(self, financing: str, reason: str = "withdrawn", bank: str = A) -> Result:
        return self.run("financing.cancel", {"financing": financing, "reason": reason}, two(bank))

    def write_off(self, financing: str, shares: list[int], bank: str = A) -> Result:
        return self.run("financing.write-off", {"financing": financing, "shares": shares}, two(bank))

    def correct(self, financing: str, shares: list[int], bank: str = A, *, authority: bool = False) -> Result:
        signers = two(bank) + (one(AUTHORITY) if authority else ())
        return self.run("financing.correct", {"financing": financing, "shares": shares}, signers)

    def transfer(self, financing: str, to: str | None = B, bank: str = A, *, for_ms: int = DAY) -> Result:
        """An offer to a bank, or the withdrawal of one."""
        offer = None if to is None else offer_commitment(bank=to, financing=financing, salt=name("salt"))
        body = {"financing": financing, "offer": offer, "until": None if to is None else self.time + for_ms}
        return self.run("financing.transfer", body, two(bank))

    def take_over(self, financing: str, grants: list[Grant | None], bank: str = B) -> Result:
        openings = [None if grant is None else grant.opening for grant in grants]
        return self.run("financing.take-over", {"financing": financing, "salt": name("salt"), "grants": openings}, two(bank))

    def load(self, *lines: tuple[Grant, int]) -> Result:
        body = {"lines": [{"grant": grant.opening, "share": share} for grant, share in lines]}
        return self.run("financing.load", body, two(lines[0][0].bank))

    def reinstate(self, member: str) -> Result:
        return self.run("member.reinstate", {"member": member}, one(AUTHORITY))

    def succeed(self, member: str, heir: str) -> Result:
        return self.run("member.succeed", {"member": member, "heir": heir}, one(AUTHORITY))

    def propose(self, change: dict[str, Any], by: str = AUTHORITY) -> Result:
        return self.run("governance.propose", {"change": change}, one(by))

    def approve_proposal(self, proposal: str, by: str) -> Result:
        return self.run("governance.approve", {"proposal": proposal}, one(by))

    def lift(self, order: str, by: str = AUTHORITY) -> Result:
        return self.run("order.lift", {"order": order, "digest": name("paper")}, one(by))

    def amend(self, declaration: str, capacity: int) -> Result:
        return self.run("declaration.amend", {"declaration": declaration, "capacity": capacity}, one(REGISTRAR))

    def void(self, declaration: str, successor: str | None = None, ratio: int = RATIO_ONE) -> Result:
        named = None if successor is None else {"declaration": successor, "ratio": ratio}
        return self.run("declaration.void", {"declaration": declaration, "reason": "error", "successor": named}, one(REGISTRAR))

    def replace(self, label: str, *old: tuple[str, int], ceiling_ppm: int = WHOLE, until: str = "2027-12") -> Result:
        """A new declaration in place of old ones, each with its ratio."""
        replaces = [{"declaration": declaration, "ratio": ratio} for declaration, ratio in old]
        body = {"declaration": name(label), "ceiling_ppm": ceiling_ppm, "until": until, "replaces": replaces}
        return self.run("declaration.register", body, one(REGISTRAR))

    def collect(self, declaration: str, share: int, bank: str = A, *, authority: bool = False, corrects: str | None = None) -> Result:
        signers = two(bank) + (one(AUTHORITY) if authority else ())
        return self.run("declaration.collected", {"declaration": declaration, "share": share, "corrects": corrects}, signers)

    def revoke(self, consent: str) -> Result:
        return self.run("consent.revoke", {"consent": consent}, once(consent))
