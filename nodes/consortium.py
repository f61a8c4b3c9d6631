"""A network without an operator: who votes on blocks, where each member's engine listens, and whom it seeks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ledger.errors import InputError
from nodes.home_config import EngineSection, GossipSection, HomeConfig
from nodes.plans import Addresses, MemberPlan
from nodes.seats import Seat

POWER: Final = 10


@dataclass(frozen=True, slots=True)
class Consortium:
    """Who orders blocks where no single operator does: members by id, each of one vote's power. By default all that are authority,
    registrar or bank.
    """

    validators: Sequence[str] | None = None
    empty_blocks_interval_s: int | None = None


def voting_of(members: Sequence[MemberPlan], consortium: Consortium | None) -> list[str]:
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


def draft_in_consortium(draft: HomeConfig, addresses: Addresses, place: int, consortium: Consortium) -> HomeConfig:
    """A configuration as it is where nobody is the operator; the engine's peers follow from the keys of all."""
    if draft.node.member is None:
        return draft
    engine = EngineSection(
        kind="comet",
        upstream=draft.engine.upstream,
        listen=f"{addresses.host}:{addresses.engine_port_first + place}",
        empty_blocks_interval_s=consortium.empty_blocks_interval_s,
    )
    return draft.model_copy(update={"engine": engine, "gossip": GossipSection()})


def introduced(seats: Sequence[Seat]) -> list[Seat]:
    """Tells each engine of all others."""

    def told(seat: Seat) -> Seat:
        others = [other.peer for other in seats if other is not seat and other.peer is not None]
        engine = seat.config.engine.model_copy(update={"peers": others})
        return replace(seat, config=seat.config.model_copy(update={"engine": engine}))

    return [seat if seat.comet is None else told(seat) for seat in seats]


def validators_at_genesis(seats: Sequence[Seat], voting: Sequence[str]) -> list[dict[str, Any]]:
    """The validators as genesis names them, in the order of their ids in `voting`."""
    comet = {seat.plan.id: seat.comet for seat in seats if seat.comet is not None}
    return [{"member": name, "public": comet[name].validator.hex(), "power": POWER} for name in voting]
