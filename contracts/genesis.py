"""The first state, from the application part of the genesis document.

    {policy, registrar, governors: [{member, weight}], recovery: {k, keys}, registry_commitment, members: [...],
     validators: [{member, public, power}]}

`policy` may leave fields out, which then have their defaults. Members are written as `member.admit` writes them. `validators` came with
rules version 2, and may be left out: then the network has none, for good. `public` is a key of purpose `validate` among the member's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self, TypeVar

from pydantic import Field, ValidationError, model_validator

from contracts import validator_entries
from contracts.governance import SCHEDULED
from contracts.guards import AUTHORITY, RuleRefused
from contracts.members import put_new_member
from contracts.models import Body, Hash, MemberAdmit, Slug
from contracts.policy import STATE_KEY, Policy
from contracts.proposals import Governor
from contracts.validator_entries import Validator
from contracts.validators import VALIDATE, Power
from ledger import keys
from ledger.errors import InputError
from ledger.limits import GENESIS_MEMBERS_MAX, GOVERNORS_MAX, RECOVERY_KEYS_MAX, VALIDATORS_MAX
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


class GenesisValidator(Body):
    """A member that votes on blocks from the first one on, the public key that it votes with, and the power of its vote."""

    member: Slug
    public: Hash
    power: Power


class ApplicationOfVersion1(Body):
    """The application part under rules version 1. An authority is among the members; registrar and governors are members."""

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


class Application(ApplicationOfVersion1):
    """The whole application part. Every validator's key is one of its member's; each member and each key votes once."""

    validators: Annotated[list[GenesisValidator], Field(default_factory=list, min_length=1, max_length=VALIDATORS_MAX)]

    @model_validator(mode="after")
    def _validators_hold_their_keys(self) -> Self:
        held = {(member.member, key.public) for member in self.members for key in member.keys if key.purpose == VALIDATE}
        voting = {validator.member: validator.public for validator in self.validators}
        if len(voting) != len(self.validators) or not held.issuperset(voting.items()):
            raise ValueError("every validator is a member with that key of purpose validate, each once")
        return self


Parsed = TypeVar("Parsed", bound=ApplicationOfVersion1)


def write_genesis(state: State, application: Mapping[str, Any], time_ms: int) -> None:
    """Writes the first state, as of the genesis document's time. Raises `InputError` (`bad-genesis`) naming the field that does not fit."""
    parsed = _parsed(application, Application)
    _write(state, parsed, time_ms)
    if parsed.validators:
        validator_entries.put_in_force(state, [_validator(each) for each in sorted(parsed.validators, key=lambda each: each.public)])


def write_genesis_of_version_1(state: State, application: Mapping[str, Any], time_ms: int) -> None:
    """The same for rules version 1, which knows of no validators."""
    _write(state, _parsed(application, ApplicationOfVersion1), time_ms)


def _validator(named: GenesisValidator) -> Validator:
    key_id = keys.key_id(keys.ED25519, bytes.fromhex(named.public))
    return {"key": key_id, "member": named.member, "power": named.power, "public": named.public}


def _parsed(application: Mapping[str, Any], model: type[Parsed]) -> Parsed:
    try:
        return model.model_validate(dict(application), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise InputError("bad-genesis", f"the genesis document does not fit at {where or 'its top'}: {first['msg']}") from error


def _write(state: State, parsed: ApplicationOfVersion1, time_ms: int) -> None:
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
