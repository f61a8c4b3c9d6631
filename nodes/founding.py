"""Founding a network: the genesis document, and a home with keys, staff and configuration for every member.

Whoever founds a network on one machine sees all of its secrets for a moment: right for a demonstration, a pilot or a test. Each
home holds its own node's keys only; the secrets of its staff are given back to the caller once, and stored nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.policy import Policy
from contracts.ruleset import RULESET
from ledger import canonical
from ledger.clock import Clock
from ledger.header import network_of
from ledger.keys import PublicKey
from nodes.consortium import Consortium, draft_in_consortium, introduced, validators_at_genesis, voting_of
from nodes.home import Home, write_file
from nodes.home_config import ApiSection, EngineSection, GossipSection, HomeConfig, NetworkSection, NodeSection, StorageSection
from nodes.keys.keystore import NODE_OWNER, WITNESS, Argon2Cost
from nodes.keys.registry import REGISTRY_KEY_BYTES, RegistryKey
from nodes.plans import (
    ENGINE_PORT_FIRST,
    LOOPBACK,
    PORT_FIRST,
    Addresses,
    MemberPlan,
    check_databases,
    check_plans,
    check_ports,
    parse_member,
)
from nodes.seats import Seat, SignIn, hire, make_seat
from nodes.trust_files import trust_document

__all__ = [
    "ENGINE_PORT_FIRST",
    "PORT_FIRST",
    "Addresses",
    "Consortium",
    "EnterpriseKeys",
    "Founded",
    "MemberPlan",
    "create_network",
    "parse_member",
]


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


def create_network(
    directory: Path,
    name: str,
    members: Sequence[MemberPlan],
    *,
    clock: Clock,
    random: Callable[[int], bytes],
    addresses: Addresses = LOOPBACK,
    policy: Policy | None = None,
    cost: Argon2Cost | None = None,
    consortium: Consortium | None = None,
) -> Founded:
    """Makes `directory/<id>` for each member, under one genesis document dated now. The authority orders blocks and all others follow it,
    or, in a consortium, every member runs CometBFT, and enterprises follow the authority.

    The authority is the registrar too, unless a member of that role is among them. Raises `InputError` (`bad-member`, `bad-network`,
    `ports-shared`) and `Refused` (`home-not-empty`) before anything is written.
    """
    check_plans(name, members)
    voting = voting_of(members, consortium)
    if consortium is not None:
        check_ports(addresses, len(members))
    homes = {plan.id: Home(directory / plan.id) for plan in members}
    for home in homes.values():
        home.check_free()
    drafts = [_draft(name, plan, members, addresses, place) for place, plan in enumerate(members)]
    configs = (
        drafts if consortium is None else [draft_in_consortium(draft, addresses, place, consortium) for place, draft in enumerate(drafts)]
    )
    check_databases([homes[plan.id] for plan in members], configs)
    seats = [make_seat(plan, homes[plan.id], config, random, cost) for plan, config in zip(members, configs, strict=True)]
    seats = introduced(seats)
    return _found(name, seats, clock, random, policy or Policy(), cost, voting)


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


def _peers(members: Sequence[MemberPlan], place: int, operator: int) -> list[int]:
    """The places of the members with whom a node compares checkpoints; its upstream node is asked anyway."""
    return [other for other, plan in enumerate(members) if other not in (place, operator) and plan.role != "enterprise"]


def _address(template: str | None, member: str) -> str | None:
    return None if template is None else template.replace("{id}", member)


def _found(
    name: str,
    seats: Sequence[Seat],
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
        sign_ins += hire(seat, clock, random, cost, persons, witnesses)
    genesis = _genesis(name, seats, registry_key, persons, clock.now_ms(), policy, voting)
    network = network_of(genesis)
    for seat in seats:
        write_file(seat.home.genesis_file, canonical.encode(genesis))
        write_file(seat.home.trust_file, canonical.encode(trust_document(genesis)))
        # The configuration comes last: a home that has one is whole.
        seat.home.write_config(seat.config.model_copy(update={"network": NetworkSection(name=name, id=network)}))
    enterprises = {
        seat.plan.id: EnterpriseKeys(seat.public("enterprise"), seat.public("seal")) for seat in seats if seat.plan.role == "enterprise"
    }
    return Founded(network, genesis, {seat.plan.id: seat.home.path for seat in seats}, enterprises, sign_ins)


def _genesis(
    name: str,
    seats: Sequence[Seat],
    registry_key: RegistryKey,
    persons: Mapping[str, str],
    time_ms: int,
    policy: Policy,
    voting: Sequence[str],
) -> dict[str, Any]:
    members = [seat for seat in seats if seat.plan.role != "enterprise"]
    authority = next(seat for seat in members if seat.plan.role == "authority")
    registrar = next((seat for seat in members if seat.plan.role == "registrar"), authority)
    validators = validators_at_genesis(seats, voting)
    return {
        "v": 1,
        "name": name,
        "time": time_ms,
        "engine": {"kind": "comet"} if validators else {"kind": "solo", "operator": _operator(authority)},
        "rules": RULESET.version,
        "application": {
            "policy": policy.model_dump(),
            "registrar": registrar.plan.id,
            "governors": [{"member": seat.plan.id, "weight": 1} for seat in members if seat.plan.role in ("authority", "bank")],
            "recovery": {"k": 0, "keys": []},
            "registry_commitment": registry_key.commitment,
            "members": [seat.entry(persons) for seat in members],
            **({"validators": validators} if validators else {}),
        },
    }


def _operator(authority: Seat) -> dict[str, str]:
    return {"name": authority.plan.id, "public": authority.public("operator").public.hex()}
