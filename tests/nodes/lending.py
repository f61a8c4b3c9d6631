"""A small network with two banks, for tests of financings: declarations that a bank holds grants on, and people who sign.

Consents and grants are real records on the ledger; what the bank's enquiries would have told it is written into its table directly.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from contracts.commitments import consent_commitment, grant_commitment
from contracts.shares import WHOLE
from ledger.clock import SettableClock
from ledger.engine import Receipt
from ledger.follow import FollowEngine
from ledger.keys import public_of
from ledger.solo import SoloEngine
from nodes.author import SigningKey
from nodes.caller import Caller
from nodes.enquiries.grants import grants
from nodes.financings.desk import Financings
from nodes.founding import Addresses, Founded, MemberPlan
from nodes.keys.account import User
from nodes.money import Money
from nodes.node import Node
from tests.nodes.small_network import AUTHORITY, BANK_A, CHEAP, LOCAL, START_MS, USCCS, Beside, found
from tests.sealed_parts import demanded_parts

BANK_B = MemberPlan("bank-b", "bank", "Bank B")
DAY_MS = 86_400_000
DAY = "2026-10-26"
LATER = "2027-01-24"


def usd(value: str) -> Money:
    return Money.parse("USD", value)


@dataclass
class Desk:
    """A bank's node and its people."""

    node: Node
    maker: Caller
    checker: Caller
    financings: Financings

    def sign(self, task_id: str) -> Receipt:
        return self.financings.tasks.sign(task_id, self.checker)


@dataclass
class Lending:
    """`a` and `b` are the desks of the two banks; the authority orders blocks, and registers."""

    founded: Founded
    clock: SettableClock
    authority: Node
    a: Desk
    b: Desk
    _numbers: Iterator[int] = field(default_factory=lambda: count(1), repr=False)

    def declare(self, registered: Money, *, ceiling_ppm: int = WHOLE) -> tuple[str, str]:
        """Registers a declaration: its id and its number."""
        number = f"09082026{next(self._numbers):010d}"
        declaration = self.authority.registry_key.declaration_id(number)
        body = {"declaration": declaration, "ceiling_ppm": ceiling_ppm, "until": "2027-12", "replaces": []}
        self.record(self.authority, "declaration.register", body)
        return declaration, number

    def grant(self, desk: Desk, declaration: tuple[str, str], registered: Money) -> str:
        """A grant for a bank under a fresh consent: the consent's id."""
        once = generate_private_key(SECP256R1())
        key, salt, grant_salt = public_of(once), "5a" * 32, self.authority.random(32).hex()
        now_ms, bank = self.clock.now_ms(), desk.node.member
        end = now_ms + 90 * DAY_MS
        times = {"not_before": 0, "not_after": end, "uses": 5}
        body = {"commitment": consent_commitment(bank, salt), **times, "key": {"alg": key.alg, "public": key.public.hex()}}
        consent = self.record(self.authority, "consent.give", body, SigningKey(key.id, once), self.authority.identity_key).record_id
        request = self.record(desk.node, "enquiry.request", {"kind": "declarations"}).record_id
        take = self.record(self.authority, "enquiry.take", {"request": request, "consent": consent, "salt": salt}).record_id
        commitment = grant_commitment(
            bank=bank, consent=consent, declaration=declaration[0], end=end, maximum=WHOLE, salt=grant_salt, uses=5
        )
        answer = self.record(self.authority, "enquiry.answer", {"request": request, "take": take, "grants": [commitment]})
        row: dict[str, Any] = {"commitment": commitment, "declaration": declaration[0], "number": declaration[1], "consent": consent}
        row |= {"maximum": WHOLE, "uses": 5, "end_ms": end, "salt": grant_salt}
        row |= {"registered_minor": registered.amount_minor, "currency": registered.currency, "enterprise": "e" * 64, "uscc": USCCS[0]}
        row |= {"name": "Green Fruit", "answer_record": answer.record_id, "height": answer.height, "log_index": answer.log_index}
        with desk.node.private.begin() as connection:
            connection.execute(sa.insert(grants).values(**row))
        return consent

    def granted(self, registered: Money, *desks: Desk, ceiling_ppm: int = WHOLE) -> str:
        """A declaration on which each of the banks holds a grant, the first one by default: its id."""
        declaration = self.declare(registered, ceiling_ppm=ceiling_ppm)
        for desk in desks or (self.a,):
            self.grant(desk, declaration, registered)
        return declaration[0]

    def record(self, node: Node, record_type: str, body: dict[str, Any], *signing_keys: SigningKey) -> Receipt:
        """Puts a record on the ledger, signed by the node itself where no key is given, and accepted."""
        authored = node.author.record(record_type, body, signing_keys or [node.identity_key], demanded_parts(record_type))
        receipt = node.outbox.send(authored.raw, record_type)
        assert receipt.code == "ok", receipt.result
        for each in (self.authority, self.a.node, self.b.node):
            assert isinstance(each.engine, SoloEngine | FollowEngine)
            assert each.engine.heights.wait_for(receipt.height, 10)
        return receipt


def signed_in(founded: Founded, node: Node, user: str) -> Caller:
    """A member of staff, with the key that their secret opens."""
    secret = next(each.secret for each in founded.sign_ins if (each.node, each.user) == (node.config.node.id, user))
    return caller_of(node, user, secret)


def caller_of(node: Node, user: str, secret: str) -> Caller:
    account = node.accounts.verify(user, secret)
    assert isinstance(account, User) and account.key_id is not None
    return Caller(user, "staff", account.role, None, SigningKey(account.key_id, node.accounts.open_key(account, secret)))


@contextmanager
def lending(directory: Path, addresses: Addresses = LOCAL) -> Iterator[Lending]:
    """Founds and starts the network."""
    clock = SettableClock(START_MS)
    founded = found(directory, AUTHORITY, BANK_A, BANK_B, clock=clock, addresses=addresses)
    with ExitStack() as stack:
        authority = stack.enter_context(Node.open(founded.homes["authority"], clock, cost=CHEAP))
        desks = [stack.enter_context(_desk(founded, slug, clock, Beside(authority))) for slug in ("bank-a", "bank-b")]
        yield Lending(founded, clock, authority, desks[0], desks[1])


@contextmanager
def _desk(founded: Founded, slug: str, clock: SettableClock, upstream: Beside) -> Iterator[Desk]:
    with Node.open(founded.homes[slug], clock, cost=CHEAP, upstream=upstream) as node:
        yield Desk(node, signed_in(founded, node, "maker"), signed_in(founded, node, "checker"), Financings(node))
