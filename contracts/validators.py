"""The validators of a network whose engine has them: which keys vote on blocks, with what power, and how fast that may change.

`validators` in the state is the whole set in force, sorted by public key. Whoever tells an engine of it reads `public` and `power` only.
A network whose genesis names no validators has no such entry, and never gets one.

Within the policy's `power_change_third_days`, what has changed hands since a set was in force stays below a third of that set's power.
So whoever trusts a set no older finds more than two thirds of its power still there: what left it can by itself never sign for a third,
and what more than two thirds of the newest set sign, more than a third of the trusted one signed too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import Field

from contracts import entries, members, policy, validator_entries
from contracts.guards import known, refuse, require, rule
from contracts.models import Body, Hash, KeyRevoke, Slug
from contracts.months import DAY_MS
from contracts.validator_entries import PowerChange, Validator
from ledger import keyring
from ledger.limits import POWER_CHANGE_DAYS_BOUND, VALIDATOR_POWER_MAX, VALIDATORS_MAX
from ledger.rules import Context, Result, State

VALIDATE: Final = "validate"
Power = Annotated[int, Field(ge=1, le=VALIDATOR_POWER_MAX)]
Powers = Mapping[str, int]


class Seat(Body):
    """A member that votes on blocks, the id of the key that it votes with, and the power of its vote."""

    member: Slug
    key: Hash
    power: Power


class ValidatorsChange(Body):
    """All validators from then on."""

    kind: Literal["validators"]
    validators: Annotated[list[Seat], Field(min_length=1, max_length=VALIDATORS_MAX)]

    @property
    def powers(self) -> Powers:
        return {seat.key: seat.power for seat in self.validators}


@dataclass(frozen=True, slots=True)
class Coming:
    """The power by key that will be in force from a time on, in ms."""

    at: int
    powers: Powers


def check(state: State, change: ValidatorsChange) -> list[Validator]:
    """The set that a change leads to. Refuses one that does not fit: `wrong-state` in a network without validators, `malformed`, and as
    `_seated`.
    """
    require(validator_entries.in_force(state) is not None, "wrong-state")
    slugs = {seat.member for seat in change.validators}
    require(len(slugs) == len(change.powers) == len(change.validators), "malformed")
    powers = _in_force(state)
    return sorted((_seated(state, seat, powers) for seat in change.validators), key=lambda validator: validator["public"])


def _seated(state: State, seat: Seat, powers: Powers) -> Validator:
    """`unknown-member`, `unknown-key` for one that is not that member's, `malformed` for another purpose, `already-revoked`, and
    `wrong-state` for a member that is not active: it may keep what it has or get less, so that the others can go on without it.
    """
    member = known(entries.member(state, seat.member), "unknown-member")
    key = state.get(keyring.entry_key(seat.key))
    if key is None or key["member"] != seat.member:
        refuse("unknown-key")
    require(key["purpose"] == VALIDATE, "malformed")
    require(key["revoked_at"] is None, "already-revoked")
    require(member["status"] == "active" or seat.power <= powers.get(seat.key, 0), "wrong-state")
    return {"key": seat.key, "member": seat.member, "power": seat.power, "public": key["public"]}


def check_power(state: State, coming: Sequence[Coming]) -> None:
    """Refuses with `power-change-too-large` where, once all that is coming has come, a third of a set or more would have changed hands
    since, within the policy's days. Each that is coming is judged with what changed in the days before it.
    """
    changes = validator_entries.changes(state)
    first = len(changes)
    changes += _steps(_in_force(state), sorted(coming, key=lambda each: each.at))
    span_ms = policy.value(state, "power_change_third_days") * DAY_MS
    for last in changes[first:]:
        within = [each for each in changes if last["at"] - span_ms < each["at"] <= last["at"]]
        since = 0
        for each in reversed(within):
            since += each["changed"]
            require(3 * since < each["total"], "power-change-too-large")


def _steps(before: Powers, coming: Sequence[Coming]) -> Iterator[PowerChange]:
    for each in coming:
        if each.powers != before:
            yield {"at": each.at, "changed": _changed(before, each.powers), "total": sum(before.values())}
        before = each.powers


def _changed(before: Powers, after: Powers) -> int:
    """The power that changes hands: what all that lose lose, or what all that gain gain, whichever is more."""
    gains = [after.get(key, 0) - before.get(key, 0) for key in before.keys() | after.keys()]
    return max(sum(max(0, gain) for gain in gains), sum(max(0, -gain) for gain in gains))


def _in_force(state: State) -> Powers:
    return {validator["key"]: validator["power"] for validator in validator_entries.in_force(state) or []}


def put_changed(state: State, change: ValidatorsChange, time_ms: int) -> None:
    """Lets a change take effect, if it still fits, and remembers how much it changed. Refuses as `check` and `check_power`."""
    validators = check(state, change)
    coming = [Coming(time_ms, change.powers)]
    check_power(state, coming)
    changes = [*validator_entries.changes(state), *_steps(_in_force(state), coming)]
    validator_entries.put_in_force(state, validators)
    validator_entries.put_changes(state, _by_day(each for each in changes if each["at"] > time_ms - POWER_CHANGE_DAYS_BOUND * DAY_MS))


def _by_day(changes: Iterator[PowerChange]) -> list[PowerChange]:
    """What changed on one day (UTC) counts as one change, at the time of the last: so the list never grows beyond its days."""
    days: dict[int, PowerChange] = {}
    for each in changes:
        day = each["at"] // DAY_MS
        same = days.get(day, {"at": 0, "changed": 0, "total": each["total"]})
        days[day] = {"at": each["at"], "changed": same["changed"] + each["changed"], "total": min(same["total"], each["total"])}
    return list(days.values())


@rule
def revoke_key(state: State, context: Context, body: KeyRevoke) -> Result:
    """`key.revoke` of rules version 2: a key that votes ends only after the governors took it out of the set (`wrong-state`)."""
    result = members.revoke_key(state, context, body)
    if result.code == "ok":
        require(body.key not in _in_force(state), "wrong-state")
    return result
