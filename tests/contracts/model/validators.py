"""Validators: the sets that there have been, the keys that they vote with, and how fast one set may follow another."""

from __future__ import annotations

from collections.abc import Iterable

from tests.contracts.model.base import Base, Signed, no, telling

DAY = 86_400_000
Seat = tuple[str, str, int]
"""A member, the label of its key, and its power."""
Powers = dict[str, int]


def powers_of(seats: Iterable[Seat]) -> Powers:
    return {key: power for _, key, power in seats}


def moved(before: Powers, after: Powers) -> int:
    """What is not common to both: of what there was, or of what there is, whichever is more."""
    common = sum(min(power, after.get(key, 0)) for key, power in before.items())
    return max(sum(before.values()), sum(after.values())) - common


class Validators(Base):
    """`sets` are (since when, power by key), the first at genesis; a network without validators has none."""

    @telling
    def add_key(self, signed: Signed, slug: str, key: str, purpose: str) -> None:
        no("unknown-member", slug not in self.members)
        no("not-permitted", signed.by not in (slug, self.authority))
        no("not-permitted", self.members[slug]["heir"] is not None)
        self.two_people(signed)
        no("already-registered", key in self.keys)
        self.keys[key] = {"member": slug, "purpose": purpose, "dead": False}

    @telling
    def revoke_key(self, signed: Signed, key: str) -> None:
        no("unknown-key", key not in self.keys)
        it = self.keys[key]
        no("not-permitted", signed.by not in (it["member"], self.authority))
        no("already-revoked", it["dead"])
        no("wrong-state", self.sets and key in self.sets[-1][1])
        it["dead"] = True

    def check_seats(self, seats: list[Seat]) -> None:
        no("wrong-state", not self.sets)
        no("malformed", any(len({seat[place] for seat in seats}) < len(seats) for place in (0, 1)))
        for slug, key, power in seats:
            no("unknown-member", slug not in self.members)
            no("unknown-key", key not in self.keys or self.keys[key]["member"] != slug)
            no("malformed", self.keys[key]["purpose"] != "validate")
            no("already-revoked", self.keys[key]["dead"])
            no("wrong-state", self.members[slug]["status"] != "active" and power > self.sets[-1][1].get(key, 0))

    def check_pace(self, coming: list[tuple[int, int, Powers]]) -> None:
        """What is coming is (when, in which order, power by key). Changes that happened on one day count as one, at the last one's time."""
        days: dict[int, list[tuple[int, int, int]]] = {}
        for (_, before), (at, after) in zip(self.sets, self.sets[1:], strict=False):
            if before != after:
                days.setdefault(at // DAY, []).append((at, moved(before, after), sum(before.values())))
        told = [(max(at for at, _, _ in day), sum(m for _, m, _ in day), min(total for _, _, total in day)) for day in days.values()]
        newest = self.sets[-1][1]
        for due, _, after in sorted(coming, key=lambda each: each[:2]):
            if after != newest:
                told.append((due, moved(newest, after), sum(newest.values())))
                lately = [each for each in told if each[0] > due - self.policy["power_change_third_days"] * DAY]
                for place, (_, _, total) in enumerate(lately):
                    no("power-change-too-large", sum(m for _, m, _ in lately[place:]) * 3 >= total)
            newest = after
