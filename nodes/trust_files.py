"""Trust files: what a verifier trusts from the start. `ledger.verify` reads them; `docs/proofs.md` says what each field means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ledger import canonical
from ledger.comet.commits import committed, trusted_validators
from ledger.comet.validators import STATE_KEY
from ledger.errors import InputError
from ledger.header import network_of
from ledger.limits import VALIDATORS_TRUSTED_S
from ledger.store import Reader
from ledger.verify.comet import Trust
from nodes.witnessing.witnesses import check_witness

COMET: Final = "comet"
_FIRST_HEIGHT: Final = 1


def trust_document(genesis: Mapping[str, Any], witnesses: Mapping[str, str] | None = None, required: int = 0) -> dict[str, Any]:
    """What genesis says of its engine: the operator's key for logs of every size, and so many of these witnesses (name to key in hex) that
    must have cosigned; or the first validators of a consortium, whose checkpoints no witness cosigns.

    Raises `InputError` (`bad-witness`, `too-few-witnesses`, `bad-genesis`).
    """
    listed = dict(sorted((witnesses or {}).items()))
    for name, public in listed.items():
        check_witness(name, public)
    if len(set(listed.values())) != len(listed):
        raise InputError("bad-witness", "two witnesses have the same key", hint="each witness has a key of its own")
    if genesis["engine"]["kind"] == COMET:
        if required != 0:
            raise InputError("too-few-witnesses", "no witness cosigns the checkpoints of a consortium", hint="demand none")
        return _consortium(genesis)
    if not 0 <= required <= len(listed):
        raise InputError("too-few-witnesses", f"{required} of {len(listed)} witnesses cannot be demanded", hint="list more witnesses")
    if genesis["engine"]["kind"] == "comet":
        return {"v": 1, "network": network_of(genesis), "engine": "comet"}
    operator = genesis["engine"]["operator"]
    return {
        "v": 1,
        "network": network_of(genesis),
        "engine": genesis["engine"]["kind"],
        "operators": [{"name": operator["name"], "public": operator["public"], "first_size": 0, "last_size": None}],
        "witnesses": [{"name": name, "public": public} for name, public in listed.items()],
        "witnesses_required": required,
    }


def later_trust(trust: Trust, checkpoint: str, validators: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The trust file in the validators of a consortium's checkpoint, which holds for whoever has the earlier trust. They are called by the
    names of `validators`, the ledger's own `{member, public, ...}`, and by the first half of their keys where those do not say.

    Raises `InputError` (`not-json`, `not-canonical`), `VerificationFailed` with the code of `ledger.verify`.
    """
    block = committed(checkpoint, trust).block
    names = {each["public"]: each["member"] for each in validators}
    listed = [
        {"member": names.get(public.hex(), public.hex()[:32]), "public": public.hex(), "power": power}
        for public, power in block.powers.items()
    ]
    return _believed(trust.network, listed, block.header.height, block.time_ms)


def newest_trust(genesis: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
    """The trust file in a consortium's validators as this replica knows them, which executed every block since genesis: those of its newest
    checkpoint, or before there is one those of genesis. Raises as `later_trust`.
    """
    first, checkpoint = _consortium(genesis), reader.checkpoint()
    if checkpoint is None:
        return first
    trust = trusted_validators(
        first["network"], {each["public"]: each["power"] for each in first["validators"]}, first["height"], first["time"]
    )
    # Who signs for a block was named before it.
    entry = reader.state_at(committed(checkpoint, trust).height - 1).get_bytes(STATE_KEY)
    return later_trust(trust, checkpoint, [] if entry is None else canonical.decode(entry))


def _consortium(genesis: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return _believed(network_of(genesis), genesis["application"]["validators"], _FIRST_HEIGHT, genesis["time"])
    except (KeyError, TypeError) as error:
        raise InputError("bad-genesis", "the genesis document names no validators") from error


def _believed(network: str, validators: Sequence[Mapping[str, Any]], height: int, time_ms: int) -> dict[str, Any]:
    """Validators in the order of their names, believed from that block of the engine on, for a year."""
    listed = [{"name": each["member"], "public": each["public"], "power": each["power"]} for each in validators]
    return {
        "v": 1,
        "network": network,
        "engine": COMET,
        "validators": sorted(listed, key=lambda each: (each["name"], each["public"])),
        "height": height,
        "time": time_ms,
        "max_age_s": VALIDATORS_TRUSTED_S,
    }
