"""A home while it is being made: its keys, its CometBFT's, and its staff.

Whoever makes it sees all of its secrets for a moment. What people sign in with is given back once, and stored nowhere.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.validators import VALIDATE
from ledger.clock import Clock
from ledger.comet.files import CometHome
from ledger.comet.validators import address_of
from ledger.errors import Refused
from ledger.keys import ED25519, P256, X25519, PublicKey
from nodes.home import Home
from nodes.home_config import EngineSection, HomeConfig
from nodes.keys.accounts import KEY_PURPOSES, Accounts
from nodes.keys.keystore import NODE_OWNER, WITNESS, Argon2Cost, KeyStore
from nodes.plans import MemberPlan
from nodes.private import PrivateStore
from nodes.private_files import create_node_secret
from nodes.witnessing.witnesses import FOUNDING, Witnesses

_STAFF: Final[Mapping[str, tuple[str, ...]]] = {
    "authority": ("maker", "checker"),
    "registrar": ("maker", "checker"),
    "bank": ("maker", "checker"),
    "enterprise": ("maker",),
    "auditor": ("viewer",),
}


@dataclass(frozen=True, slots=True)
class SignIn:
    """How a person signs in to a node. `secret` is stored nowhere else."""

    node: str
    address: str
    user: str
    role: str
    secret: str = field(repr=False)

    def to_json(self) -> dict[str, str]:
        return {"node": self.node, "address": self.address, "user": self.user, "role": self.role, "secret": self.secret}


@dataclass(frozen=True, slots=True)
class CometKeys:
    """The public keys of a member's CometBFT: what it votes with, and what it is known by among the others. 32 bytes each."""

    validator: bytes
    node: bytes


@dataclass(frozen=True, slots=True)
class Seat:
    """A home while it is being made."""

    plan: MemberPlan
    home: Home
    config: HomeConfig
    secret: bytes
    keystore: KeyStore
    comet: CometKeys | None = None

    def public(self, purpose: str) -> PublicKey:
        """The key of a purpose of which there is one."""
        info = next(info for info in self.keystore.list() if info.purpose == purpose)
        return PublicKey(info.alg, info.public)

    @property
    def peer(self) -> str | None:
        """How others' engines find this member's, `id@host:port`; None where it has none."""
        return None if self.comet is None else peer_of(self.comet.node, self.config.engine)

    def entry(self, persons: Mapping[str, str]) -> dict[str, Any]:
        """The member as genesis names it, and as it applies to be admitted: public keys with the pseudonyms of their people (by key id)."""
        public = {"service", "seal", *KEY_PURPOSES.values()}
        keys = [
            {"alg": info.alg, "public": info.public.hex(), "purpose": info.purpose, "person": persons.get(info.id)}
            for info in self.keystore.list()
            if info.purpose in public
        ]
        if self.comet is not None:
            publics = (self.comet.validator, self.comet.node)
            keys += [{"alg": ED25519, "public": public.hex(), "purpose": VALIDATE, "person": None} for public in publics]
        plan = self.plan
        return {"member": plan.id, "role": plan.role, "region": plan.region, "name": plan.name, "keys": keys}


def peer_of(node: bytes, engine: EngineSection) -> str:
    """`id@host:port` of an engine by its public key in its network, as others see it."""
    return f"{address_of(node)}@{engine.external or engine.listen}"


def make_seat(plan: MemberPlan, home: Home, draft: HomeConfig, random: Callable[[int], bytes], cost: Argon2Cost | None) -> Seat:
    """Makes a home's directories and its node's keys. Its staff, genesis and configuration come after. Raises `Refused`
    (`home-not-empty`).
    """
    home.make()
    secret = create_node_secret(home.secret_file, random)
    keystore = KeyStore(home.keys_dir, random, cost)
    keystore.create(P256, "enterprise" if plan.role == "enterprise" else "service", NODE_OWNER, secret)
    keystore.create(X25519, "seal", NODE_OWNER, secret)
    if draft.engine.kind == "solo":
        keystore.create(ED25519, "operator", NODE_OWNER, secret)
    elif draft.engine.kind == "comet":
        return Seat(plan, home, draft, secret, keystore, make_engine_keys(home, random))
    elif plan.role != "enterprise":
        keystore.create(ED25519, WITNESS, NODE_OWNER, secret)
    return Seat(plan, home, draft, secret, keystore)


def make_engine_keys(home: Home, random: Callable[[int], bytes]) -> CometKeys:
    """The directory of a home's CometBFT with two new keys in it. Raises `Refused` (`engine-keys-exist`)."""
    if home.comet_dir.exists():
        hint = "whoever votes with one key in two places is found out: move the directory aside for good, if its keys are lost"
        raise Refused("engine-keys-exist", f"{home.comet_dir} is there", hint=hint)
    validator, node = (Ed25519PrivateKey.from_private_bytes(random(32)) for _ in range(2))
    return CometKeys(*CometHome(home.comet_dir).make(validator, node))


def engine_keys_of(home: Home) -> CometKeys:
    """The keys of a home's CometBFT. Raises `InputError` (`bad-engine-key`)."""
    return CometKeys(*CometHome(home.comet_dir).keys())


def hire(
    seat: Seat,
    clock: Clock,
    random: Callable[[int], bytes],
    cost: Argon2Cost | None,
    persons: dict[str, str],
    witnesses: Mapping[str, str],
) -> list[SignIn]:
    """Makes the accounts of a node's staff, notes the pseudonym behind each of their keys, and tells the node who the witnesses are."""
    address = seat.config.base_url
    hired = []
    private = PrivateStore(seat.home.private_url(seat.config))
    try:
        for name, public in witnesses.items():
            Witnesses(private, clock).announce(name, public, FOUNDING)
        accounts = Accounts(private, seat.keystore, clock, random, cost)
        for role in _STAFF[seat.plan.role]:
            # 130 random bits in base 32, in groups that a person can copy.
            secret = base64.b32encode(random(20)).decode("ascii")[:26].lower()
            user = accounts.add_user(role, f"{role} at {seat.plan.id}", role, secret)
            if user.key_id is not None:
                persons[user.key_id] = user.person
            hired.append(SignIn(seat.plan.id, address, user.id, role, secret))
    finally:
        private.close()
    return hired
