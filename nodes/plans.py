"""What is planned before a home is made: who is to be a node, by which names, and at which addresses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, get_args

from ledger.database import connect, parsed_url
from ledger.errors import InputError
from ledger.limits import MEMBER_NAME_CHARS_MAX
from ledger.schema import require_empty
from nodes.home import Home
from nodes.home_config import HomeConfig, Role

REGION: Final = "110000"
PORT_FIRST: Final = 8000
ENGINE_PORT_FIRST: Final = 26_656
PORT_MAX: Final = 65_535
_SLUG: Final = re.compile(r"[a-z][a-z0-9-]{1,31}\Z")


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


LOOPBACK: Final = Addresses()


def parse_member(text: str) -> MemberPlan:
    """`ID:ROLE:NAME`, or `ID:ROLE:NAME:REGION`, as the command line takes it. Raises `InputError` (`bad-member`)."""
    fields = text.split(":")
    if len(fields) not in (3, 4):
        raise InputError("bad-member", f"`{text}` is not ID:ROLE:NAME", hint="for instance bank-a:bank:Bank of Liaoning")
    role = next((known for known in get_args(Role) if known == fields[1]), None)
    if role is None:
        raise InputError("bad-member", f"`{fields[1]}` is no role", hint=f"a role is one of {', '.join(get_args(Role))}")
    return MemberPlan(fields[0], role, fields[2], *fields[3:])


def check_plans(name: str, members: Sequence[MemberPlan]) -> None:
    """Raises `InputError` (`bad-network`, `bad-member`) for a network that cannot be founded."""
    if not 0 < len(name) <= 64 or not name.isprintable():
        raise InputError("bad-network", "a network's name has 1 to 64 printable characters")
    for plan in members:
        check_plan(plan)
    if len({plan.id for plan in members}) != len(members):
        raise InputError("bad-member", "two members have the same id")
    if sum(plan.role == "authority" for plan in members) != 1 or sum(plan.role == "registrar" for plan in members) > 1:
        raise InputError("bad-member", "a network has one authority and at most one registrar beside it")


def check_plan(plan: MemberPlan) -> None:
    """Raises `InputError` (`bad-member`)."""
    if not _SLUG.match(plan.id):
        raise InputError("bad-member", f"`{plan.id}` is no id", hint="2 to 32 lower-case letters, digits and hyphens")
    if not (0 < len(plan.name) <= MEMBER_NAME_CHARS_MAX and plan.name.isprintable()) or (
        plan.role != "enterprise" and not plan.name.isascii()
    ):
        raise InputError("bad-member", f"the name of {plan.id} cannot stand in a public field", hint="use printable ASCII")
    if not re.fullmatch(r"[0-9]{6}", plan.region):
        raise InputError("bad-member", f"the region of {plan.id} is no code of GB/T 2260", hint="for instance 210000")


def check_ports(addresses: Addresses, count: int) -> None:
    """Nodes and their engines listen on so many ports each. Raises `InputError` (`ports-shared`) where they collide."""
    first, engines = addresses.port_first, addresses.engine_port_first
    if max(first, engines) + count - 1 > PORT_MAX or abs(first - engines) < count:
        hint = f"leave {count} ports free from each of them on"
        raise InputError("ports-shared", f"{count} nodes do not fit on ports from {first} and their engines from {engines} on", hint=hint)


def check_databases(homes: Sequence[Home], configs: Sequence[HomeConfig]) -> None:
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
