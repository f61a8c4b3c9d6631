"""Grants: what a bank opens to hold, to take over or to load a share of a declaration.

A grant opens for the bank whose name its commitment hides, and for no other. It is live while nobody revoked it, before its end, with a
use left, and under a consent in force. What it covers at once is all that its lines hold, have drawn and have lost: what was written
off may come back, so it makes no room.
"""

from __future__ import annotations

from dataclasses import dataclass

from contracts import balances, consents, entries
from contracts.commitments import grant_commitment
from contracts.financings.models import GrantOpening
from contracts.guards import known, refuse, require
from ledger.rules import State


def commitment_of(opening: GrantOpening, bank: str) -> str:
    """The commitment that an opening opens for a bank."""
    return grant_commitment(
        bank=bank,
        consent=opening.consent,
        declaration=opening.declaration,
        end=opening.end,
        maximum=opening.maximum,
        salt=opening.salt,
        uses=opening.uses,
    )


@dataclass(frozen=True, slots=True)
class Opened:
    """A grant that opened and is live, with the consent that it came from."""

    commitment: str
    opening: GrantOpening
    grant: entries.Grant
    consent: entries.Consent


class GrantDesk:
    """Opens and spends grants for one record, which names the financing that it makes."""

    def __init__(self, state: State, bank: str, financing_id: str, time_ms: int) -> None:
        self._state, self._bank, self._financing_id, self._time_ms = state, bank, financing_id, time_ms
        self._earlier: dict[str, entries.Financing | None] = {}
        self._spent: dict[str, int] = {}

    def open(self, opening: GrantOpening) -> Opened:
        """The grant, read anew. Refused, in this order: `grant-unknown`, `consent-revoked`, `grant-expired`, `grant-used-up`,
        `consent-expired`.
        """
        commitment = commitment_of(opening, self._bank)
        grant = known(entries.grant(self._state, commitment), "grant-unknown")
        consent = entries.consent(self._state, opening.consent)
        if consent is None or grant["consent"] != opening.consent:
            refuse("grant-unknown")
        require(not consent["revoked"], "consent-revoked")
        require(self._time_ms < opening.end, "grant-expired")
        require(grant["used"] < opening.uses, "grant-used-up")
        consents.in_force(consent, self._time_ms)
        return Opened(commitment, opening, grant, consent)

    def require_cover(self, opened: Opened, share: int) -> None:
        """`exceeds-grant` unless the maximum covers a share beside what the grant covers already."""
        covered = self._spent.get(opened.commitment, 0)
        for financing_id, index in opened.grant["lines"]:
            earlier = self._financing(str(financing_id))
            # The financing that this record makes is not written yet: its lines are in the tally above.
            if earlier is not None:
                covered += covered_by(earlier, int(index), self._time_ms)
        require(covered + share <= opened.opening.maximum, "exceeds-grant")

    def spend(self, opened: Opened, index: int, share: int) -> None:
        """Spends a use, for good, on a line of the financing that the record makes."""
        grant = opened.grant
        grant["maximum"], grant["uses"] = opened.opening.maximum, opened.opening.uses
        grant["used"] += 1
        grant["lines"].append([self._financing_id, index])
        entries.put_grant(self._state, opened.commitment, grant)
        self._spent[opened.commitment] = self._spent.get(opened.commitment, 0) + share

    def _financing(self, financing_id: str) -> entries.Financing | None:
        """An earlier financing, read once: a hundred grants that were used together before would otherwise read it a hundred times."""
        if financing_id not in self._earlier:
            self._earlier[financing_id] = entries.financing(self._state, financing_id)
        return self._earlier[financing_id]


def covered_by(financing: entries.Financing, index: int, time_ms: int) -> int:
    """What a line takes of its grant's maximum at a time."""
    line = financing["lines"][index]
    return line["drawn"] + line["lost"] + (line["held"] if balances.counts(financing, time_ms) else 0)
