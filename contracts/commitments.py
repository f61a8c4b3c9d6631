"""Commitments: SHA-256 under a tag of canonical JSON, opened by giving every field, the 32-byte salt among them.

A consent's commitment hides to which bank it was given until the authority takes an enquiry under it. A grant hides everything about
itself until its bank uses it. An offer hides to which bank it was made until that bank takes it up.
"""

from __future__ import annotations

from ledger.hashing import tagged_json


def consent_commitment(bank: str, salt: str) -> str:
    """The commitment of a consent to the bank that it is given to. `salt` is 64 hex digits."""
    return tagged_json("consent", {"bank": bank, "salt": salt})


def grant_commitment(*, bank: str, consent: str, declaration: str, end: int, maximum: int, salt: str, uses: int) -> str:
    """The commitment of a grant: `maximum` is a share, `end` a time in milliseconds, `uses` how many applications may get a hold."""
    opening = {"bank": bank, "consent": consent, "declaration": declaration, "end": end, "maximum": maximum, "salt": salt, "uses": uses}
    return tagged_json("grant", opening)


def offer_commitment(*, bank: str, financing: str, salt: str) -> str:
    """The commitment of an offer of a financing to the bank that may take it over."""
    return tagged_json("offer", {"bank": bank, "financing": financing, "salt": salt})
