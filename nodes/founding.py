"""Founding a network: the genesis document, and a home with keys, staff and configuration for every member.

Whoever founds a network on one machine sees all of its secrets for a moment: right for a demonstration, a pilot or a test. Each
home holds its own node's keys only; the secrets of its staff are given back to the caller once, and stored nowhere.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.policy import Policy
from contracts.ruleset import RULESET
from ledger import canonical
from ledger.clock import Clock
from ledger.comet.files import CometHome
from ledger.comet.validators import address_of
from ledger.database import connect, parsed_url
from ledger.errors import InputError
from ledger.header import network_of
from ledger.keys import ED25519, P256, X25519, PublicKey
from ledger.schema import require_empty
from nodes.home import (
    ApiSection,
    EngineSection,
    GossipSection,
    Home,
    HomeConfig,
    NetworkSection,
    NodeSection,
    Role,
    StorageSection,
    write_file,
)
from nodes.keys.accounts import KEY_PURPOSES, Accounts
from nodes.keys.keystore import NODE_OWNER, WITNESS, Argon2Cost, KeyStore
from nodes.keys.registry import REGISTRY_KEY_BYTES, RegistryKey
from nodes.private import PrivateStore
from nodes.private_files import create_node_secret
from nodes.trust_files import trust_document
from nodes.witnessing.witnesses import FOUNDING, Witnesses

REGION: Final = "110000"
PORT_FIRST: Final = 8000
ENGINE_PORT_FIRST: Final = 26_656
POWER: Final = 10
_SLUG: Final = re.compile(r"[a-z][a-z0-9-]{1,31}\Z")
_STAFF: Final[Mapping[str, tuple[str, ...]]] = {
    "authority": ("maker", "checker"),
    "registrar": ("maker", "checker"),
    "bank": ("maker", "checker"),
    "enterprise": ("maker",),
    "auditor": ("viewer",),
}


@dataclass(frozen=True, slots=True)
class MemberPlan:
    """A node to be: its id (the member's slug), role, name (printable ASCII for a member: it is public) and region (GB/T 2260)."""

    id: str
    role: Role
    name: str
    region: str = REGION


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the nodes will be found: member after member listens on the next port, and so does its engine in a consortium. `{id}` in a
    database address (SQLAlchemy) stands for the member; None is SQLite in the home.
    """

    host: str = "127.0.0.1"
    port_first: int = PORT_FIRST
    engine_port_first: int = ENGINE_PORT_FIRST
    ledger_url: str | None = None
    private_url: str | None = None


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
class Consortium:
    """Who orders blocks where no single operator does: members by id, each of one vote's power. By default all that are authority,
    registrar or bank.
    """

    validators: Sequence[str] | None = None
    empty_blocks_interval_s: int | None = None


@dataclass(frozen=True, slots=True)
class EnterpriseKeys:
    """The public keys of an enterprise's own node, for its enrolment."""

    sign: PublicKey
    seal: PublicKey


@dataclass(frozen=True, slots=True)
class Founded:
    """A network on this machine. `homes` and `enterprises` are by node id, in the order of the plan."""

    network: str
    genesis: Mapping[str, Any]
    homes: Mapping[str, Path]
    enterprises: Mapping[str, EnterpriseKeys]
    sign_ins: Sequence[SignIn]


@dataclass(frozen=True, slots=True)
class CometKeys:
    """The public keys of a member's CometBFT: what it votes with, and what it is known by among the others. 32 bytes each."""

    validator: bytes
    node: bytes


@dataclass(frozen=True, slots=True)
class _Seat:
    """A home while it is being made."""

    plan: MemberPlan
    home: Home
    config: HomeConfig
    secret: bytes
    keystore: KeyStore
    comet: CometKeys | None = None


def parse_member(text: str) -> MemberPlan:
    """`ID:ROLE:NAME`, or `ID:ROLE:NAME:REGION`, as the command line takes it. Raises `InputError` (`bad-member`)."""
    fields = text.split(":")
    if len(fields) not in (3, 4):
        raise InputError("bad-member", f"`{text}` is not ID:ROLE:NAME", hint="for instance bank-a:bank:Bank of Liaoning")
    role = next((known for known in get_args(Role) if known == fields[1]), None)
    if role is None:
        raise InputError("bad-member", f"`{fields[1]}` is no role", hint=f"a role is one of {', '.join(get_args(Role))}")
    return MemberPlan(fields[0], role, fields[2], *fields[3:])


def create_network(
    directory: Path,
    name: str,
    members: Sequence[MemberPlan],
    *,
    clock: Clock,
    random: Callable[[int], bytes],
    addresses: Addresses = Addresses(),
    policy: Policy | None = None,
    cost: Argon2Cost | None = None,
    consortium: Consortium | None = None,
) -> Founded:
    """Makes `directory/<id>` for each member, under one genesis document dated now. The authority orders blocks and all others follow it,
    or, in a consortium, every member runs CometBFT, and enterprises follow the authority.

    The authority is the registrar too, unless a member of that role is among them. Raises `InputError` (`bad-member`, `bad-network`)
    and `Refused` (`home-not-empty`) before anything is written.
    """
    _check_plans(name, members)
    voting = _voting(members, consortium)
    homes = {plan.id: Home(directory / plan.id) for plan in members}
    for home in homes.values():
        home.check_free()
    drafts = [_draft(name, plan, members, addresses, place) for place, plan in enumerate(members)]
    configs = (
        drafts if consortium is None else [_draft_in_consortium(draft, addresses, place, consortium) for place, draft in enumerate(drafts)]
    )
    _check_databases([homes[plan.id] for plan in members], configs)
    seats = [_make_seat(plan, homes[plan.id], config, random, cost) for plan, config in zip(members, configs, strict=True)]
    seats = _introduced(seats)
    return _found(name, seats, clock, random, policy or Policy(), cost, voting)


def _check_plans(name: str, members: Sequence[MemberPlan]) -> None:
    if not 0 < len(name) <= 64 or not name.isprintable():
        raise InputError("bad-network", "a network's name has 1 to 64 printable characters")
    for plan in members:
        if not _SLUG.match(plan.id):
            raise InputError("bad-member", f"`{plan.id}` is no id", hint="2 to 32 lower-case letters, digits and hyphens")
        if not (0 < len(plan.name) <= 128 and plan.name.isprintable()) or (plan.role != "enterprise" and not plan.name.isascii()):
            raise InputError("bad-member", f"the name of {plan.id} cannot stand in a public field", hint="use printable ASCII")
        if not re.fullmatch(r"[0-9]{6}", plan.region):
            raise InputError("bad-member", f"the region of {plan.id} is no code of GB/T 2260", hint="for instance 210000")
    if len({plan.id for plan in members}) != len(members):
        raise InputError("bad-member", "two members have the same id")
    if sum(plan.role == "authority" for plan in members) != 1 or sum(plan.role == "registrar" for plan in members) > 1:
        raise InputError("bad-member", "a network has one authority and at most one registrar beside it")


def _voting(members: Sequence[MemberPlan], consortium: Consortium | None) -> list[str]:
    """The ids of the validators. Raises `InputError` (`bad-member`)."""
    if consortium is None:
        return []
    able = [plan.id for plan in members if plan.role != "enterprise"]
    voting = consortium.validators
    if voting is None:
        return [plan.id for plan in members if plan.role in ("authority", "registrar", "bank")]
    if not voting or len(set(voting)) != len(voting) or not set(able).issuperset(voting):
        raise InputError("bad-member", "validators are members of the network, each named once", hint=f"choose among {', '.join(able)}")
    return list(voting)


def _draft(name: str, plan: MemberPlan, members: Sequence[MemberPlan], addresses: Addresses, place: int) -> HomeConfig:
    """A member's configuration, whole but for the network's id, which follows from the keys of all."""
    host, operator = addresses.host, next(number for number, other in enumerate(members) if other.role == "authority")
    follow = EngineSection(kind="follow", upstream=f"http://{host}:{addresses.port_first + operator}")
    return HomeConfig(
        network=NetworkSection(name=name, id="0" * 64),
        node=NodeSection(id=plan.id, name=plan.name, role=plan.role, member=None if plan.role == "enterprise" else plan.id),
        engine=EngineSection(kind="solo") if place == operator else follow,
        gossip=GossipSection(peers=[f"http://{host}:{addresses.port_first + other}" for other in _peers(members, place, operator)]),
        storage=StorageSection(ledger_url=_address(addresses.ledger_url, plan.id), private_url=_address(addresses.private_url, plan.id)),
        api=ApiSection(host=host, port=addresses.port_first + place),
    )


def _draft_in_consortium(draft: HomeConfig, addresses: Addresses, place: int, consortium: Consortium) -> HomeConfig:
    """The same where nobody is the operator; the engine's peers follow from the keys of all."""
    if draft.node.member is None:
        return draft
    engine = EngineSection(
        kind="comet",
        upstream=draft.engine.upstream,
        listen=f"{addresses.host}:{addresses.engine_port_first + place}",
        empty_blocks_interval_s=consortium.empty_blocks_interval_s,
    )
    return draft.model_copy(update={"engine": engine, "gossip": GossipSection()})


def _introduced(seats: Sequence[_Seat]) -> list[_Seat]:
    """Tells each engine of all others."""
    peers = {seat.plan.id: f"{address_of(seat.comet.node)}@{seat.config.engine.listen}" for seat in seats if seat.comet is not None}

    def told(seat: _Seat) -> _Seat:
        others = [peer for name, peer in peers.items() if name != seat.plan.id]
        engine = seat.config.engine.model_copy(update={"peers": others})
        return replace(seat, config=seat.config.model_copy(update={"engine": engine}))

    return [seat if seat.comet is None else told(seat) for seat in seats]


def _peers(members: Sequence[MemberPlan], place: int, operator: int) -> list[int]:
    """The places of the members with whom a node compares checkpoints; its upstream node is asked anyway."""
    return [other for other, plan in enumerate(members) if other not in (place, operator) and plan.role != "enterprise"]


def _check_databases(homes: Sequence[Home], configs: Sequence[HomeConfig]) -> None:
    """Two databases for each home, of its own and new. Raises `InputError` (`database-shared`), `Refused` (`database-not-empty`), and as
    `ledger.database.connect`.
    """
    urls = [url(config) for home, config in zip(homes, configs, strict=True) for url in (home.ledger_url, home.private_url)]
    if len({parsed_url(url) for url in urls}) != len(urls):
        hint = "let {id} in the address stand for the member, and name another one for the private database"
        raise InputError("database-shared", "two databases of this network have the same address", hint=hint)
    for url in urls:
        if not url.startswith("sqlite"):
            engine = connect(url)
            try:
                require_empty(engine)
            finally:
                engine.dispose()


def _address(template: str | None, member: str) -> str | None:
    return None if template is None else template.replace("{id}", member)


def _make_seat(plan: MemberPlan, home: Home, draft: HomeConfig, random: Callable[[int], bytes], cost: Argon2Cost | None) -> _Seat:
    home.make()
    secret = create_node_secret(home.secret_file, random)
    keystore = KeyStore(home.keys_dir, random, cost)
    keystore.create(P256, "enterprise" if plan.role == "enterprise" else "service", NODE_OWNER, secret)
    keystore.create(X25519, "seal", NODE_OWNER, secret)
    if draft.engine.kind == "solo":
        keystore.create(ED25519, "operator", NODE_OWNER, secret)
    elif draft.engine.kind == "comet":
        return _Seat(plan, home, draft, secret, keystore, _make_comet(home, random))
    elif plan.role != "enterprise":
        keystore.create(ED25519, WITNESS, NODE_OWNER, secret)
    return _Seat(plan, home, draft, secret, keystore)


def _make_comet(home: Home, random: Callable[[int], bytes]) -> CometKeys:
    validator, node = (Ed25519PrivateKey.from_private_bytes(random(32)) for _ in range(2))
    return CometKeys(*CometHome(home.comet_dir).make(validator, node))


def _found(
    name: str,
    seats: Sequence[_Seat],
    clock: Clock,
    random: Callable[[int], bytes],
    policy: Policy,
    cost: Argon2Cost | None,
    voting: Sequence[str],
) -> Founded:
    registry_key = RegistryKey(random(REGISTRY_KEY_BYTES))
    sign_ins: list[SignIn] = []
    persons: dict[str, str] = {}
    witnesses = {seat.plan.id: info.public.hex() for seat in seats for info in seat.keystore.list() if info.purpose == WITNESS}
    for seat in seats:
        if seat.plan.role in ("authority", "registrar"):
            seat.keystore.add(registry_key, "registry", NODE_OWNER, seat.secret)
        sign_ins += _hire(seat, clock, random, cost, persons, witnesses)
    genesis = _genesis(name, seats, registry_key, persons, clock.now_ms(), policy, voting)
    network = network_of(genesis)
    for seat in seats:
        write_file(seat.home.genesis_file, canonical.encode(genesis))
        write_file(seat.home.trust_file, canonical.encode(trust_document(genesis)))
        # The configuration comes last: a home that has one is whole.
        seat.home.write_config(seat.config.model_copy(update={"network": NetworkSection(name=name, id=network)}))
    enterprises = {
        seat.plan.id: EnterpriseKeys(_public(seat, "enterprise"), _public(seat, "seal")) for seat in seats if seat.plan.role == "enterprise"
    }
    return Founded(network, genesis, {seat.plan.id: seat.home.path for seat in seats}, enterprises, sign_ins)


def _hire(
    seat: _Seat,
    clock: Clock,
    random: Callable[[int], bytes],
    cost: Argon2Cost | None,
    persons: dict[str, str],
    witnesses: Mapping[str, str],
) -> list[SignIn]:
    """Makes the accounts of a node's staff, notes the pseudonym behind each of their keys, and tells the node who the witnesses are."""
    address = f"http://{seat.config.api.host}:{seat.config.api.port}"
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


def _genesis(
    name: str,
    seats: Sequence[_Seat],
    registry_key: RegistryKey,
    persons: Mapping[str, str],
    time_ms: int,
    policy: Policy,
    voting: Sequence[str],
) -> dict[str, Any]:
    members = [seat for seat in seats if seat.plan.role != "enterprise"]
    authority = next(seat for seat in members if seat.plan.role == "authority")
    registrar = next((seat for seat in members if seat.plan.role == "registrar"), authority)
    comet = {seat.plan.id: seat.comet for seat in seats if seat.comet is not None}
    validators = [{"member": name, "public": comet[name].validator.hex(), "power": POWER} for name in voting]
    return {
        "v": 1,
        "name": name,
        "time": time_ms,
        "engine": {"kind": "comet"} if comet else {"kind": "solo", "operator": _operator(authority)},
        "rules": RULESET.version,
        "application": {
            "policy": policy.model_dump(),
            "registrar": registrar.plan.id,
            "governors": [{"member": seat.plan.id, "weight": 1} for seat in members if seat.plan.role in ("authority", "bank")],
            "recovery": {"k": 0, "keys": []},
            "registry_commitment": registry_key.commitment,
            "members": [_member(seat, persons) for seat in members],
            **({"validators": validators} if validators else {}),
        },
    }


def _operator(authority: _Seat) -> dict[str, str]:
    return {"name": authority.plan.id, "public": _public(authority, "operator").public.hex()}


def _member(seat: _Seat, persons: Mapping[str, str]) -> dict[str, Any]:
    public = {"service", "seal", *KEY_PURPOSES.values()}
    keys = [
        {"alg": info.alg, "public": info.public.hex(), "purpose": info.purpose, "person": persons.get(info.id)}
        for info in seat.keystore.list()
        if info.purpose in public
    ]
    if seat.comet is not None:
        publics = (seat.comet.validator, seat.comet.node)
        keys += [{"alg": ED25519, "public": public.hex(), "purpose": "validate", "person": None} for public in publics]
    plan = seat.plan
    return {"member": plan.id, "role": plan.role, "region": plan.region, "name": plan.name, "keys": keys}


def _public(seat: _Seat, purpose: str) -> PublicKey:
    info = next(info for info in seat.keystore.list() if info.purpose == purpose)
    return PublicKey(info.alg, info.public)
