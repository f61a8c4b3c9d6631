"""A small ledger with a record of every sort that proof files tell apart, and an operator who signs whatever it likes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from ledger import canonical
from ledger.checkpoint import Checkpoint, sign_note
from ledger.hashing import packed
from ledger.header import Header
from ledger.keys import PublicKey, sign
from ledger.log_operator import origin_of
from ledger.log_tree import append, joint_inclusion_proof, leaf_hash, position, root
from ledger.proof import record_proof, state_proof
from ledger.record import record_id, sign_record
from ledger.state_tree import prove_together, update
from ledger.verify import verify
from nodes.sealing import Recipient, seal
from tests.ledger.small_ledger import (
    ANNE,
    ANNE_CHECK,
    ANNE_SERVICE,
    BOB,
    OPERATOR,
    Solo,
    key_id,
    private_key,
    public_json,
    solo_ledger,
)
from tests.ledger.verify.trusting import trust

OPERATOR_PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
LETTER = {"v": 1, "text": "\u9752\u6885 36,250.00"}


@dataclass
class Files:
    network: str
    documents: dict[str, bytes]
    letter_key: bytes
    secret_key: bytes
    solo: Solo
    sealed_id: str


def sealed_record(solo: Solo) -> tuple[bytes, bytes, bytes]:
    core = solo.author.core("note.put", {"key": "sealed", "count": 1}, [ANNE])
    recipient = X25519PrivateKey.from_private_bytes(bytes([9]) * 32).public_key().public_bytes_raw()
    found = [Recipient(recipient, PublicKey("x25519", recipient).id, named=False)]
    letter, letter_key = seal(core, "letter", LETTER, found, lambda size: bytes([3]) * size)
    secret, secret_key = seal(core, "secret", {"v": 1}, found, lambda size: bytes([4]) * size)
    core["sealed"] = {"letter": letter, "secret": secret}
    return sign_record(core, [ANNE]), letter_key, secret_key


@contextmanager
def small_files(directory: Path) -> Iterator[Files]:
    """Proof files of a ledger in that directory, while it runs."""
    with solo_ledger(directory / "ledger.db") as solo:
        solo.put("a", "b", "c")
        one_time, refused_key = private_key("once"), private_key("refused")
        sealed, letter_key, secret_key = sealed_record(solo)
        raws = {
            "two": solo.author.record("note.put", {"key": "two", "count": 2}, [ANNE, ANNE_CHECK]),
            "once": solo.author.once(one_time),
            "refused once": solo.author.once(refused_key, "no"),
            "sealed": sealed,
            "by bob": solo.author.put("bob", BOB),
            "end": solo.author.record("key.end", {"key": key_id(BOB)}, [ANNE]),
            "taken": solo.author.put("a"),
        }
        ids = {name: answer.record_id for name, answer in zip(raws, solo.send(*raws.values()), strict=True)}  # type: ignore[union-attr]
        drop = solo.author.record("note.drop", {"once": ids["once"]}, [one_time, ANNE_SERVICE])
        (answer,) = solo.send(drop)
        ids["drop"] = answer.record_id  # type: ignore[union-attr]
        solo.put("z")
        with solo.store.reading() as reader:
            documents = {name: record_proof(reader, each) for name, each in ids.items()}
            documents["revealed"] = record_proof(reader, ids["sealed"], {"letter": letter_key})
            documents["state"] = state_proof(reader, "note/a")
            documents["old state"] = state_proof(reader, "note/a", 1)
            documents["absent"] = state_proof(reader, "note/nothing")
            documents["not yet"] = state_proof(reader, "note/two", 1)
        yield Files(solo.author.network, documents, letter_key, secret_key, solo, ids["sealed"])


def code(document: Any, files: Files) -> str | None:
    data = document if isinstance(document, bytes) else canonical.encode(document)
    return verify(data, trust(files.network)).code


@dataclass
class Forger:
    """An operator who signs whatever it likes: a log of one record, its header, and a state of its own making."""

    files: Files

    def document(self, leaf: dict[str, Any], entries: dict[str, Any], **header_changes: Any) -> dict[str, Any]:
        """A proof file of that leaf, whose signers' keys are what the entries say, and whose header is changed as told."""
        pages: dict[str, bytes | None] = {}
        store = type("Pages", (), {"page": staticmethod(pages.get)})()
        updated = update(store, {f"key/{each}": canonical.encode(entry) for each, entry in entries.items()})
        pages.update(updated.pages)
        record_hash = leaf_hash(canonical.encode(leaf))
        before = append(0, (), [leaf_hash(b"0"), leaf_hash(b"1"), record_hash])
        made = Header(self.files.network, 1, 1, 1, "00" * 32, 3, root(before.size, before.frontier).hex(), updated.root.hex(), 1)
        header = {**made.to_json(), **header_changes}
        after = append(3, before.frontier, [leaf_hash(canonical.encode({"header": header}))])
        nodes = {position(level, index): value for level, index, value in [*before.nodes, *after.nodes]}
        reader = type("Nodes", (), {"node": staticmethod(lambda level, index: nodes[position(level, index)])})()
        note = Checkpoint(origin_of(self.files.network), 4, root(4, after.frontier))

        named = leaf["record"].get("signers") if isinstance(leaf["record"], dict) else None
        listed = named if isinstance(named, list) else []
        joint = prove_together(store, [f"key/{each}" for each in listed])
        others = [None if leaf is None or each in entries else leaf for each, (_, leaf) in zip(listed, joint.ends, strict=True)]
        keys = [
            {
                "entry": entries.get(each),
                "depth": depth,
                "other": other and {"path": other.path.hex(), "value_hash": other.value_hash.hex()},
            }
            for each, (depth, _), other in zip(listed, joint.ends, others, strict=True)
        ]

        return {
            "v": 1,
            "kind": "record",
            "network": self.files.network,
            "leaf": leaf,
            "log_index": 2,
            "header": header,
            "checkpoint": sign_note(note, OPERATOR.key.name, OPERATOR_PRIVATE),
            "inclusion": packed(joint_inclusion_proof((2, 3), 4, reader)),
            "keys": keys,
            "siblings": packed(joint.siblings),
            "revealed": {},
        }


def entry(private: Any, **changes: Any) -> dict[str, Any]:
    plain = {"added_at": 0, "member": "anne", "object": None, "person": None, "purpose": "make", "revoked_at": None}
    return {**plain, **public_json(private), **changes}


def leaf_of(files: Files, signers: list[Any], change: Callable[[bytes], bytes] = lambda signature: signature) -> dict[str, Any]:
    core = files.solo.author.core("note.put", {"key": "forged", "count": 1}, signers)
    digest = bytes.fromhex(record_id(canonical.encode(core)))
    return {"record": core, "result": {"code": "ok"}, "signatures": [change(sign(key, digest)).hex() for key in signers]}


def high_s(signature: bytes) -> bytes:
    return signature[:32] + (ORDER - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")
