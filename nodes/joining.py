"""Joining a network: a newcomer's home, made where it will run, and the application by which it is let in.

The newcomer makes its own keys and hands out their public halves only. A member is admitted by the authority, with the two keys of its
engine among its own in a consortium; it then fetches and executes everything there is, and votes once the governors made it a validator.
An enterprise follows the authority, which enrols it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ledger import canonical
from ledger.clock import Clock
from ledger.errors import InputError
from ledger.keys import ED25519, key_id
from nodes.enterprises import enrolment
from nodes.home import Home, write_file
from nodes.home_config import ApiSection, EngineSection, HomeConfig, NetworkSection, NodeSection, StateSyncSection, StorageSection
from nodes.keys.keystore import Argon2Cost
from nodes.network_file import NetworkFile
from nodes.plans import MemberPlan, check_databases, check_plan
from nodes.seats import Seat, SignIn, hire, make_seat
from nodes.trust_files import trust_document


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where the newcomer's node and its engine listen, and its databases (None: SQLite in the home). `external` is the engine's address as
    others see it, where that differs; with `state_sync` it is brought up by a snapshot, else by every block since genesis.
    """

    api: ApiSection
    listen: str
    external: str | None = None
    state_sync: StateSyncSection | None = None
    storage: StorageSection = field(default_factory=StorageSection)


@dataclass(frozen=True, slots=True)
class Joined:
    """A home that was made. `application` is what the authority is sent; `voting_key` the id of the key that the engine votes with."""

    network: str
    home: Home
    application: dict[str, Any]
    voting_key: str | None
    peer: str | None
    sign_ins: Sequence[SignIn]


def join_network(
    home: Home,
    file: NetworkFile,
    plan: MemberPlan,
    whereabouts: Whereabouts,
    *,
    clock: Clock,
    random: Callable[[int], bytes],
    uscc: str | None = None,
    cost: Argon2Cost | None = None,
) -> Joined:
    """Makes the home. `uscc` is an enterprise's credit code.

    Raises `InputError` (`bad-member`, `uscc-invalid`), `Refused` (`home-not-empty`) and as `check_databases` before anything is written.
    """
    _check(file, plan, uscc)
    draft = _draft(file, plan, whereabouts)
    home.check_free()
    check_databases([home], [draft])
    seat = make_seat(plan, home, draft, random, cost)
    persons: dict[str, str] = {}
    sign_ins = hire(seat, clock, random, cost, persons, {})
    application = seat.entry(persons) if uscc is None else _enrolment(seat, uscc)
    write_file(home.application_file, canonical.encode(application))
    write_file(home.genesis_file, canonical.encode(file.genesis))
    write_file(home.trust_file, canonical.encode(trust_document(file.genesis)))
    home.write_config(seat.config)
    voting_key = None if seat.comet is None else key_id(ED25519, seat.comet.validator)
    return Joined(file.network, home, application, voting_key, seat.peer, sign_ins)


def _check(file: NetworkFile, plan: MemberPlan, uscc: str | None) -> None:
    check_plan(plan)
    if plan.role == "authority":
        raise InputError("bad-member", "a network has one authority, and it is there", hint="join as bank, registrar or auditor")
    if any(plan.id == member["member"] for member in file.genesis["application"]["members"]):
        raise InputError("bad-member", f"a member of this network is called {plan.id}", hint="choose another id")
    if (plan.role == "enterprise") != (uscc is not None):
        raise InputError("uscc-invalid", "an enterprise, and nobody else, is enrolled by its unified social credit code", hint="see --uscc")
    if uscc is not None:
        enrolment(uscc, plan.name)


def _draft(file: NetworkFile, plan: MemberPlan, whereabouts: Whereabouts) -> HomeConfig:
    engine = EngineSection(kind="follow", upstream=file.authority)
    if file.is_consortium and plan.role != "enterprise":
        engine = EngineSection(
            kind="comet",
            upstream=file.authority,
            listen=whereabouts.listen,
            external=whereabouts.external,
            peers=file.peers,
            state_sync=whereabouts.state_sync,
        )
    return HomeConfig(
        network=NetworkSection(name=file.genesis["name"], id=file.network),
        node=NodeSection(id=plan.id, name=plan.name, role=plan.role, member=None if plan.role == "enterprise" else plan.id),
        engine=engine,
        storage=whereabouts.storage,
        api=whereabouts.api,
    )


def _enrolment(seat: Seat, uscc: str) -> dict[str, Any]:
    """The body of `POST /v1/enterprises`."""
    keys = {name: seat.public(purpose).to_json() for name, purpose in (("sign", "enterprise"), ("seal", "seal"))}
    return {"uscc": uscc, "name": seat.plan.name, "custody": False, **keys}
