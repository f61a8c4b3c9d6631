"""Validators, told to both: keys added and revoked, and sets that are like the one in force, or a little too different from it."""

from __future__ import annotations

from ledger.keys import key_id
from tests.contracts.harness import AUTHORITY, engine_key, engine_key_id, key, one, public
from tests.contracts.model import Seat, Signed
from tests.contracts.pairing.base import RARELY, Choose
from tests.contracts.pairing.moving import Moves

KEYS_MAX = 14


def id_of(label: str, purpose: str) -> str:
    if purpose == "validate":
        return engine_key_id(label)
    return key_id("p256", bytes.fromhex(public(int(label))))


class Seats(Moves):
    """Keys go by labels; those of other purposes are numbers."""

    def keys(self, choose: Choose) -> None:
        """A key more, where there are few, or an end of one."""
        if len(self.model.keys) < KEYS_MAX and choose((0, 1)):
            slug = "nobody" if choose(RARELY) else choose(list(self.model.members))
            purpose = "service" if choose(RARELY) else "validate"
            number = 20_000 + len(self.model.keys)
            label = choose(list(self.model.keys)) if choose(RARELY) else str(number)
            if label in self.model.keys:
                purpose = self.model.keys[label]["purpose"]
            signed = self.signed(choose, choose((slug, AUTHORITY, "bank-b")) if slug in self.model.members else AUTHORITY)
            body = {"member": slug, "key": engine_key(label) if purpose == "validate" else key(int(label))}
            self.same(self.tell("key.add", body, self.signers(signed)), self.model.add_key(signed, slug, label, purpose))
            return
        label = choose(list(self.model.keys))
        it = self.model.keys[label]
        signed = Signed(choose((it["member"], AUTHORITY, "bank-b")), "one")
        body = {"key": id_of(label, it["purpose"]), "reason": "rotated"}
        self.same(self.tell("key.revoke", body, one(signed.by)), self.model.revoke_key(signed, label))

    def some_seats(self, choose: Choose) -> list[Seat]:
        """The set in force with one thing changed, sometimes with two."""
        seats = [(self.model.keys[label]["member"], label, power) for label, power in self.model.sets[-1][1].items()]
        for _ in range(choose((1, 1, 1, 2))):
            seats = self.changed(choose, seats)
        return seats

    def changed(self, choose: Choose, seats: list[Seat]) -> list[Seat]:
        label, place = choose(list(self.model.keys)), choose(range(len(seats)))
        if self.model.keys[label]["dead"]:
            label = choose(list(self.model.keys))
        owner, (slug, old, power) = self.model.keys[label]["member"], seats[place]
        others = [seat for seat in seats if seat != seats[place]]
        ways: list[list[Seat]] = [
            [*others, (slug, old, max(1, power + choose((-3, -1, 1, 3, 9))))],
            [*others, (owner, label, power)],
            [*[seat for seat in seats if seat[0] != owner], (owner, label, choose((1, 2, 10)))],
            others or seats,
            [*seats, seats[place]] if choose(RARELY) else seats,
            [*others, ("nobody" if choose(RARELY) else slug, label if choose(RARELY) else old, power)],
        ]
        return choose(ways)

    def as_change(self, seats: list[Seat]) -> dict[str, object]:
        ids = {label: id_of(label, it["purpose"]) for label, it in self.model.keys.items()}
        return {"kind": "validators", "validators": [{"member": slug, "key": ids[label], "power": power} for slug, label, power in seats]}
