"""Consents: an enterprise lets one bank see and use its data, for a time and a number of uses, and may take it back.

The public part shows neither the enterprise nor the bank. A revocation ends the grants that came from the consent and lets go every
hold under it that is not approved; what is approved stays, because money may have left on it.
"""

from __future__ import annotations

from contracts import balances, entries
from contracts.guards import AUTHORITY, author_of, known, refuse, require, rule
from contracts.models import ConsentGive, ConsentRevoke
from ledger.rules import OK, Context, Result, Signer, State


def _introducer(state: State, signers: tuple[Signer, ...]) -> entries.Member:
    slug = signers[1].member if len(signers) == 2 else None
    entry = None if slug is None else entries.member(state, slug)
    return known(entry, "not-permitted")


@rule
def give(state: State, context: Context, body: ConsentGive) -> Result:
    """`consent.give`, by the one-time key that it registers, introduced by a member."""
    require(context.signers[0].purpose == "once", "not-permitted")
    introducer = _introducer(state, context.signers)
    require(introducer["status"] == "active", "suspended")
    require(not introducer["frozen"], "frozen")
    require(context.time_ms < body.not_after, "consent-expired")
    entry: entries.Consent = {
        "commitment": body.commitment,
        "not_before": body.not_before,
        "not_after": body.not_after,
        "uses": body.uses,
        "used": 0,
        "revoked": False,
        "key": body.key.to_public().id,
        "open": [],
    }
    entries.put_consent(state, context.record_id, entry)
    return OK


@rule
def revoke(state: State, context: Context, body: ConsentRevoke) -> Result:
    """`consent.revoke`, by its one-time key with an introducer, or by the authority."""
    entry = known(entries.consent(state, body.consent), "unknown-consent")
    first = context.signers[0]
    if first.purpose == "once":
        require(first.object == body.consent, "not-permitted")
        require(_introducer(state, context.signers)["status"] != "succeeded", "not-permitted")
    else:
        require(author_of(state, context).role == AUTHORITY, "not-permitted")
    require(not entry["revoked"], "consent-revoked")
    for item in entry["open"]:
        _let_go(state, item["financing"], body.consent, context.time_ms)
    entry["revoked"] = True
    entry["open"] = []
    entries.put_consent(state, body.consent, entry)
    return OK


def _let_go(state: State, financing_id: str, consent_id: str, time_ms: int) -> None:
    """Lets go an application's holds under a consent. With none left it is CANCELLED; where it has lapsed it is EXPIRED."""
    entry = entries.financing(state, financing_id)
    assert entry is not None, "a consent lists only financings that exist"
    lapsed = balances.financing_state(entry, time_ms) == "EXPIRED"
    for index, line in enumerate(entry["lines"]):
        if line["held"] > 0 and (lapsed or line["consent"] == consent_id):
            line["held"] = 0
            _drop_hold(state, line["declaration"], financing_id, index, time_ms)
    if lapsed:
        entry["state"], entry["hold_until"] = "EXPIRED", None
    elif all(line["held"] == 0 for line in entry["lines"]):
        entry["state"], entry["hold_until"] = "CANCELLED", None
    entries.put_financing(state, financing_id, entry)


def _drop_hold(state: State, declaration_id: str, financing_id: str, line: int, time_ms: int) -> None:
    declaration = entries.declaration(state, declaration_id)
    assert declaration is not None, "a held line's declaration is registered"
    balances.drop_hold(declaration, financing_id, line)
    balances.settle(declaration, time_ms)
    entries.put_declaration(state, declaration_id, declaration)


def in_force(entry: entries.Consent, time_ms: int) -> None:
    """Refuses unless a consent is neither revoked nor outside its time."""
    if entry["revoked"]:
        refuse("consent-revoked")
    require(entry["not_before"] <= time_ms < entry["not_after"], "consent-expired")


def add_open(entry: entries.Consent, financing_id: str, until: int, time_ms: int) -> None:
    """Notes a financing with holds under a consent, and forgets those that have lapsed."""
    entry["open"] = [item for item in entry["open"] if time_ms < item["until"] and item["financing"] != financing_id]
    entry["open"].append({"financing": financing_id, "until": until})


def forget_open(state: State, consent_ids: list[str], financing_id: str) -> None:
    """Strikes a financing from consents under which it holds nothing unapproved any more."""
    for consent_id in consent_ids:
        entry = entries.consent(state, consent_id)
        assert entry is not None, "a held line's consent was given"
        entry["open"] = [item for item in entry["open"] if item["financing"] != financing_id]
        entries.put_consent(state, consent_id, entry)
