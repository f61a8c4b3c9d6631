"""Records as a member's own system makes and hands them in over `POST /v1/records`: the way to every answer that the rules can give, those
included that a node would never ask for. Their sealed parts are for nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from contracts.commitments import consent_commitment, grant_commitment
from contracts.shares import WHOLE
from ledger.keys import public_of
from nodes.author import SigningKey
from tests.api.business import DAY_MS, WAIT
from tests.api.served import Network
from tests.api.supervised import people
from tests.sealed_parts import demanded_parts

UNKNOWN = "0" * 64
SALT = "5a" * 32
_TWO_PEOPLE = frozenset({"key.add", "declaration.collected", "financing.approve", "financing.disburse", "financing.repay"}) | {
    f"financing.{step}" for step in ("write-off", "correct", "transfer", "take-over", "load")
}
_ids = count(1)


@dataclass(frozen=True)
class Rules:
    """Every method hands records in; those that name no code demand that the record is accepted."""

    network: Network

    def put(self, member: str, kind: str, body: dict[str, Any], *signing_keys: SigningKey) -> tuple[str, str]:
        """The record's id and its result's code. Signed by the member's maker and checker where two must, else by its node."""
        node = self.network.nodes[member]
        chosen = signing_keys or (people(self.network, member) if kind in _TWO_PEOPLE else [node.identity_key])
        authored = node.author.record(kind, body, list(chosen), demanded_parts(kind))
        headers = {**WAIT, "Content-Type": "application/json"}
        answer = self.network.sign_in(member, "core").post("/v1/records", content=authored.raw, headers=headers)
        assert answer.status_code == 200, answer.text
        return authored.record_id, str(answer.json()["result"]["code"])

    def code(self, member: str, kind: str, body: dict[str, Any], *signing_keys: SigningKey) -> str:
        """What the rules make of a record."""
        return self.put(member, kind, body, *signing_keys)[1]

    def done(self, member: str, kind: str, body: dict[str, Any], *signing_keys: SigningKey) -> str:
        """The id of a record that is accepted, and that every node has read."""
        record_id, code = self.put(member, kind, body, *signing_keys)
        assert code == "ok", (kind, code)
        for node in ("authority", "bank-a", "bank-b"):
            self.network.await_head(node)
        return record_id

    def await_all(self) -> None:
        """Every node has read all that stands on the ledger."""
        for node in self.network.nodes:
            self.network.await_head(node)

    def declaration(self, until: str = "2028-12", ceiling_ppm: int = WHOLE, replaces: tuple[str, ...] = ()) -> str:
        """A declaration; a share of those that it replaces is worth as much of this one."""
        declaration = f"{next(_ids):064x}"
        old = [{"declaration": each, "ratio": 10**9} for each in replaces]
        body = {"declaration": declaration, "ceiling_ppm": ceiling_ppm, "until": until, "replaces": old}
        self.done("authority", "declaration.register", body)
        return declaration

    def consent(self, bank: str = "bank-a", *, uses: int = 5, starts_ms: int = 0) -> str:
        """A consent for a bank, by a key that is made for it."""
        once = generate_private_key(SECP256R1())
        key, end = public_of(once), self.network.clock.now_ms() + 200 * DAY_MS
        body = {"commitment": consent_commitment(bank, SALT), "not_before": starts_ms, "not_after": end, "uses": uses}
        authority = self.network.nodes["authority"].identity_key
        return self.done("authority", "consent.give", body | {"key": key.to_json()}, SigningKey(key.id, once), authority)

    def request(self, bank: str = "bank-a") -> str:
        return self.done(bank, "enquiry.request", {"kind": "declarations"})

    def take(self, request: str, consent: str) -> str:
        return self.done("authority", "enquiry.take", {"request": request, "consent": consent, "salt": SALT})

    def grant(self, declaration: str, bank: str = "bank-a", **terms: Any) -> dict[str, Any]:
        """The opening of a grant that a bank was given."""
        consent, request = self.consent(bank), self.request(bank)
        opening: dict[str, Any] = {"consent": consent, "declaration": declaration, "end": self.network.clock.now_ms() + 150 * DAY_MS}
        opening |= {"maximum": WHOLE, "salt": f"{next(_ids):064x}", "uses": 5, **terms}
        body = {"request": request, "take": self.take(request, consent), "grants": [grant_commitment(bank=bank, **opening)]}
        self.done("authority", "enquiry.answer", body)
        return opening

    def application(self, opening: dict[str, Any], share: int, hold_ms: int = 5 * DAY_MS) -> dict[str, Any]:
        until = self.network.clock.now_ms() + hold_ms
        return {"lines": [{"grant": opening, "share": share}], "hold_until": until, "mode": "all"}

    def applied(self, opening: dict[str, Any], share: int, bank: str = "bank-a") -> str:
        return self.done(bank, "financing.apply", self.application(opening, share))

    def approved(self, opening: dict[str, Any], share: int, bank: str = "bank-a") -> str:
        financing = self.applied(opening, share, bank)
        for step in ("intake", "approve"):
            self.done(bank, f"financing.{step}", {"financing": financing, "shares": None})
        return financing

    def drawn(self, opening: dict[str, Any], share: int, bank: str = "bank-a") -> str:
        financing = self.approved(opening, share, bank)
        self.done(bank, "financing.disburse", {"financing": financing, "shares": [share], "final": True})
        return financing
