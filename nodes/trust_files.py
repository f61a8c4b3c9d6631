"""Trust files: what a verifier trusts from the start. `ledger.verify` reads them; `docs/proofs.md` says what each field means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger.errors import InputError
from ledger.header import network_of
from nodes.witnessing.witnesses import check_witness


def trust_document(genesis: Mapping[str, Any], witnesses: Mapping[str, str] | None = None, required: int = 0) -> dict[str, Any]:
    """The genesis hash, the operator's key for logs of every size, and so many of these witnesses (name to key in hex) that must have
    cosigned. Raises `InputError` (`bad-witness`, `too-few-witnesses`).
    """
    listed = dict(sorted((witnesses or {}).items()))
    for name, public in listed.items():
        check_witness(name, public)
    if len(set(listed.values())) != len(listed):
        raise InputError("bad-witness", "two witnesses have the same key", hint="each witness has a key of its own")
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
