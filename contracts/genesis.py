"""The first state, from the application part of the genesis document.

    {policy, registrar, governors: [{member, weight}], recovery: {k, keys}, registry_commitment, members: [...]}

`policy` may leave fields out, which then have their defaults. Members are written as `member.admit` writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator

from contracts.governance import SCHEDULED
from contracts.guards import AUTHORITY, RuleRefused
from contracts.members import put_new_member
from contracts.models import Body, Hash, MemberAdmit, Slug
from contracts.policy import STATE_KEY, Policy
from contracts.proposals import Governor
from ledger.errors import InputError
from ledger.limits import GENESIS_MEMBERS_MAX, GOVERNORS_MAX, RECOVERY_KEYS_MAX
from ledger.rules import State


class Recovery(Body):
    """`k` of these keys can recover what the network's own keys cannot."""

    k: Annotated[int, Field(ge=0, le=RECOVERY_KEYS_MAX)]
    keys: Annotated[list[Hash], Field(max_length=RECOVERY_KEYS_MAX)]

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.k > len(set(self.keys)) or len(set(self.keys)) != len(self.keys):
            raise ValueError("recovery needs k different keys")
        return self


class Application(Body):
    """The whole application part. An authority is among the members; registrar and governors are members."""

    policy: Policy
    registrar: Slug
    governors: Annotated[list[Governor], Field(max_length=GOVERNORS_MAX)]
    recovery: Recovery
    registry_commitment: Hash
    members: Annotated[list[MemberAdmit], Field(min_length=1, max_length=GENESIS_MEMBERS_MAX)]

    @model_validator(mode="after")
    def _names_members(self) -> Self:
        slugs = {member.member for member in self.members}
        governors = [governor.member for governor in self.governors]
        if not slugs.issuperset([self.registrar, *governors]) or len(set(governors)) != len(governors):
            raise ValueError("the registrar and every governor are members, each governor once")
        if all(member.role != AUTHORITY for member in self.members):
            raise ValueError("a network has an authority")
        return self


def write_genesis(state: State, application: Mapping[str, Any], time_ms: int) -> None:
    """Writes the first state, as of the genesis document's time. Raises `InputError` (`bad-genesis`) naming the field that does not fit."""
    try:
        parsed = Application.model_validate(dict(application), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise InputError("bad-genesis", f"the genesis document does not fit at {where or 'its top'}: {first['msg']}") from error
    state.put(STATE_KEY, parsed.policy.model_dump())
    state.put("registrar", {"member": parsed.registrar})
    state.put("governors", [governor.model_dump() for governor in parsed.governors])
    state.put(SCHEDULED, [])
    state.put("recovery", parsed.recovery.model_dump())
    state.put("registry", {"commitment": parsed.registry_commitment})
    for member in parsed.members:
        try:
            put_new_member(state, member, [0, 0], time_ms, 0)
        except RuleRefused as refusal:
            raise InputError("bad-genesis", f"member {member.member} or one of its keys stands twice in the genesis document") from refusal
