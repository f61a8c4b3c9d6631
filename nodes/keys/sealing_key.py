"""A member's sealing key is replaced: what is sealed from then on opens with the new one only.

Who holds a copy of the old one reads what was sealed to it before, for good; so the old one stays in the key store too, where it opens the
same for its owner. It signs nothing, and never did.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ledger.keys import X25519
from nodes.caller import Caller
from nodes.keys.keystore import NODE_OWNER
from nodes.keys.staff import Reason, StaffKeys
from nodes.node import Node
from nodes.private_files import read_node_secret

SEAL: Final = "seal"


@dataclass(frozen=True, slots=True)
class Renewed:
    """The new key's id, the record that added it, and the ids of the older ones of this home, which ended."""

    id: str
    record_id: str
    revoked: list[str]


def renew_sealing_key(node: Node, keys: StaffKeys, maker: Caller, checker: Caller, reason: Reason) -> Renewed:
    """Two people add a key that is made here; the node ends those before it. Raises as `StaffKeys.add_for` and `StaffKeys.end_key`."""
    here = {info.id for info in node.keystore.list() if info.purpose == SEAL and info.owner == NODE_OWNER}
    older = [key.id for key in node.directory.keys(node.member, SEAL) if key.id in here]
    info = node.keystore.create(X25519, SEAL, NODE_OWNER, read_node_secret(node.home.secret_file))
    # From the record on others seal to it, so this node has to open with it before.
    node.forget_keys()
    entry = {"alg": info.alg, "public": info.public.hex(), "purpose": SEAL, "person": None}
    record_id = keys.add_for(node.member, entry, maker, checker).record_id
    for key_id in older:
        keys.end_key(key_id, reason, node.identity_key)
    return Renewed(info.id, record_id, older)
