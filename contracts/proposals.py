"""What governors may propose: bodies of the governance records, and whether a change fits the state it would change.

A change is looked at twice: when it is proposed, and again when it takes effect, because in between the state may have moved on.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationError

from contracts import entries
from contracts.guards import AUTHORITY, known, refuse, require
from contracts.models import Body, Hash, Slug, TimeMs
from contracts.policy import Policy
from contracts.validators import ValidatorsChange
from contracts.validators import check as check_validators
from ledger.limits import GOVERNOR_WEIGHT_MAX, GOVERNORS_MAX, INTEGER_MAX, POLICY_FIELDS_MAX
from ledger.rules import State


class Governor(Body):
    """A member that votes on governance, and the weight of its vote."""

    member: Slug
    weight: Annotated[int, Field(ge=1, le=GOVERNOR_WEIGHT_MAX)]


class PolicyChange(Body):
    """A whole policy, every field of it."""

    kind: Literal["policy"]
    policy: Annotated[dict[str, int], Field(max_length=POLICY_FIELDS_MAX)]


class GovernorsChange(Body):
    """All governors from then on."""

    kind: Literal["governors"]
    governors: Annotated[list[Governor], Field(min_length=1, max_length=GOVERNORS_MAX)]


class RegistrarChange(Body):
    """The member that registers declarations from then on."""

    kind: Literal["registrar"]
    member: Slug


class RulesChange(Body):
    """The version of the rules from a time on, at the earliest."""

    kind: Literal["rules"]
    version: Annotated[int, Field(ge=1, le=INTEGER_MAX)]
    at: TimeMs


ChangeOfVersion1 = PolicyChange | GovernorsChange | RegistrarChange | RulesChange
Change = ChangeOfVersion1 | ValidatorsChange


class GovernanceProposeOfVersion1(Body):
    """A change that governors are to approve, of policy, governors, registrar or rules."""

    change: Annotated[ChangeOfVersion1, Field(discriminator="kind")]


class GovernancePropose(Body):
    """A change of policy, governors, registrar, rules or, since rules version 2, validators, that governors are to approve."""

    change: Annotated[Change, Field(discriminator="kind")]


class GovernanceApprove(Body):
    """A governor's approval of a proposal."""

    proposal: Hash


def check(state: State, change: Change) -> None:
    """Refuses a change that does not fit: `malformed`, `unknown-member`, `wrong-state` for a member that is not active, and as
    `contracts.validators.check`.
    """
    if isinstance(change, PolicyChange):
        policy_of(change)
    elif isinstance(change, GovernorsChange):
        slugs = [governor.member for governor in change.governors]
        require(len(set(slugs)) == len(slugs), "malformed")
        for slug in slugs:
            _active(state, slug)
    elif isinstance(change, RegistrarChange):
        entry = _active(state, change.member)
        require(entry["role"] in (AUTHORITY, "registrar"), "malformed")
    elif isinstance(change, ValidatorsChange):
        check_validators(state, change)
    else:
        require(change.version > newest_rules(state)["version"], "malformed")


def policy_of(change: PolicyChange) -> Policy:
    """The policy of a change. `malformed` where a field is missing, unknown or out of its bounds."""
    require(change.policy.keys() == Policy.model_fields.keys(), "malformed")
    try:
        return Policy.model_validate(change.policy, strict=True)
    except ValidationError:
        refuse("malformed")


def newest_rules(state: State) -> dict[str, int]:
    """The entry of `rules` with the greatest version, which is also the last to start."""
    listed = state.get("rules")
    return max(listed or [{"version": 0, "at": 0}], key=lambda entry: int(entry["version"]))


def _active(state: State, slug: str) -> entries.Member:
    entry = known(entries.member(state, slug), "unknown-member")
    require(entry["status"] == "active", "wrong-state")
    return entry
