"""Writes proof files: one canonical JSON document each, which a stranger checks offline with a trust file and `ledger.verify`.

`kind` `record` proves that a record stands on the ledger, with its result and the keys that signed it; `kind` `state` what a state entry
is at a height, or that there is none; `consistency` that one log continues another; `fork` that an operator signed two that do not;
`bundle` holds several. Inclusion proofs lead to a checkpoint of the log, the newest by default: a signed note, or of a consortium the
text of an object (`ledger.comet.commits`). The verifier shares no code with this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ledger import canonical, keyring
from ledger.checkpoint import Checkpoint
from ledger.checkpoint_text import embedded, said
from ledger.errors import InputError, NotFound, Refused
from ledger.hashing import packed
from ledger.header import Header
from ledger.limits import PROOF_BUNDLE_FILES_MAX
from ledger.log_operator import origin_of
from ledger.store import Reader, StoredRecord

FORMAT_VERSION = 1
SECRET_PREFIX = "secret"


def record_proof(reader: Reader, record_id: str, revealed: Mapping[str, bytes] | None = None, note: str | None = None) -> bytes:
    """The proof file of a record. `revealed` gives content keys by the names of the sealed parts that the reader of the file shall read;
    `note` is the signed note to lead to, which must cover the record's block: the newest by default.

    Raises `NotFound` (`unknown-record`, `no-checkpoint`), `InputError` (`unknown-part`, `note-elsewhere`), `Refused` (`part-is-secret`).
    """
    stored = reader.record(record_id)
    if stored is None:
        raise NotFound("unknown-record", "this ledger holds no record of that id")
    header = reader.header(stored.height)
    assert header is not None, "a stored record's block has a header"
    parts = _revealed(stored, revealed or {})
    keys = [keyring.entry_key(key_id) for key_id in stored.record.signers]
    found, siblings = _shown(reader, keys, header.height)
    # The entry of a one-time key is null where its own record was refused: then the record's body gives the key.
    listed = b",".join(_object({"entry": value, **place}) for value, place in found)
    fields = {"leaf": stored.leaf, "log_index": b"%d" % stored.log_index, "keys": b"[" + listed + b"]", "revealed": canonical.encode(parts)}
    return _document(reader, "record", {**_anchored(reader, header, note, stored.log_index), **fields, "siblings": siblings})


def state_proof(reader: Reader, key: str, height: int | None = None, note: str | None = None) -> bytes:
    """The proof file of a state entry at a height, the newest by default; of its absence where there is none. `note` as in `record_proof`.

    Raises `NotFound` (`unknown-height`, `no-checkpoint`), `InputError` (`note-elsewhere`).
    """
    header = reader.head if height is None else reader.header(height)
    if header is None:
        raise NotFound(
            "unknown-height",
            f"this ledger holds no block of height {height}",
            hint=f"every height is kept, from 0 to {reader.head.height}",
        )
    ((value, place),), siblings = _shown(reader, [key], header.height)
    fields = {"key": canonical.encode(key), "value": value, **place, "siblings": siblings}
    return _document(reader, "state", {**_anchored(reader, header, note), **fields})


def consistency_file(reader: Reader, first: str, second: str | None = None) -> bytes:
    """The proof file that the log of the note `second`, the newest by default, begins with the log of the note `first`.

    Raises `NotFound` (`no-checkpoint`), `InputError` (`note-elsewhere`, `outside-log`).
    """
    second = _newest(reader) if second is None else second
    sizes = [_of_this_log(reader, note).size for note in (first, second)]
    fields = {"first": embedded(first), "second": embedded(second), "proof": packed(reader.consistency_proof(*sizes))}
    return _document(reader, "consistency", {name: canonical.encode(value) for name, value in fields.items()})


def fork_file(first: Mapping[str, Any], second: Mapping[str, Any]) -> bytes:
    """The proof file of a fork, from two sides `{checkpoint, header, inclusion}`, hashes in hex: different blocks of one height, each below
    its own note; or, `header` and `inclusion` None, different notes of one size. `ledger.verify` finds no fork where there is none.
    """
    return _fork(said(first["checkpoint"]), first, second, None)


def fork_from_note(reader: Reader, note: str) -> bytes:
    """The proof file of a fork between this ledger's newest note and a note of no more leaves, whose root is not the one that this log
    had at that size. Raises `NotFound` (`no-checkpoint`), `InputError` (`bad-note`, `outside-log`).
    """
    theirs, newest = said(note), _newest(reader)
    proof = packed(reader.consistency_proof(theirs.size, said(newest).size))
    sides = [{"checkpoint": each, "header": None, "inclusion": None} for each in (note, newest)]
    return _fork(theirs, sides[0], sides[1], {"root": reader.log_root(theirs.size).hex(), "proof": proof})


def bundle_file(network: str, files: Sequence[bytes]) -> bytes:
    """One proof file of several, none of them a bundle. Raises `InputError` (`too-many-files`)."""
    if not 0 < len(files) <= PROOF_BUNDLE_FILES_MAX:
        raise InputError("too-many-files", f"a bundle holds 1 to {PROOF_BUNDLE_FILES_MAX} proof files")
    # Spliced, as the files are canonical already and would else be nested deeper than a value of the ledger may be.
    rest = canonical.encode({"kind": "bundle", "network": network, "v": FORMAT_VERSION})
    return b'{"files":[' + b",".join(files) + b"]," + rest[1:]


def _fork(of: Checkpoint, first: Mapping[str, Any], second: Mapping[str, Any], beginning: dict[str, Any] | None) -> bytes:
    common = {"v": FORMAT_VERSION, "network": of.origin.removeprefix(origin_of("")), "kind": "fork"}
    return canonical.encode({**common, "first": _side(first), "second": _side(second), "beginning": beginning})


def _side(side: Mapping[str, Any]) -> dict[str, Any]:
    path = side["inclusion"]
    inclusion = None if path is None else packed([bytes.fromhex(each) for each in path])
    return {**side, "checkpoint": embedded(side["checkpoint"]), "inclusion": inclusion}


def _document(reader: Reader, kind: str, fields: Mapping[str, bytes]) -> bytes:
    return _object(
        {"v": b"%d" % FORMAT_VERSION, "network": canonical.encode(reader.head.network), "kind": canonical.encode(kind), **fields}
    )


def _object(fields: Mapping[str, bytes]) -> bytes:
    """The canonical bytes of an object whose values are canonical bytes already, as those that the ledger keeps are."""
    return b"{" + b",".join(b'"%s":%s' % (name.encode(), fields[name]) for name in sorted(fields)) + b"}"


def _anchored(reader: Reader, header: Header, note: str | None, *before: int) -> dict[str, bytes]:
    """What files of records and of state share: a header, and how it and leaves before it hang below a signed note."""
    newest = note is None
    note = _newest(reader) if note is None else note
    size = _of_this_log(reader, note).size
    if newest and size <= header.log_size:
        raise NotFound("no-checkpoint", "the block is not signed yet", hint="wait for the next block")
    if size <= header.log_size:
        raise InputError("note-elsewhere", "the note was signed before the block", hint="take a newer note")
    inclusion = packed(reader.joint_inclusion_proof((*before, header.log_size), size))
    return {
        "checkpoint": canonical.encode(embedded(note)),
        "header": canonical.encode(header.to_json()),
        "inclusion": canonical.encode(inclusion),
    }


def _newest(reader: Reader) -> str:
    checkpoint = reader.checkpoint()
    if checkpoint is None:
        raise NotFound("no-checkpoint", "this ledger has no signed checkpoint yet", hint="wait for the first block")
    return checkpoint


def _of_this_log(reader: Reader, note: str) -> Checkpoint:
    """What a note says, if it is said of this very log."""
    found = said(note)
    known = found.origin == origin_of(reader.head.network) and found.size <= reader.head.log_size + 1
    if not known or reader.log_root(found.size) != found.root:
        raise InputError("note-elsewhere", "the note is not of this log", hint="take one that this ledger's operator signed")
    return found


def _shown(reader: Reader, keys: Sequence[str], height: int) -> tuple[list[tuple[bytes, dict[str, bytes]]], bytes]:
    """Of each key what the state holds at it and where the way to it ends; and what leads from there to the root: all canonical bytes."""
    values, joint = reader.joint_state_proof(keys, height)
    found = []
    for value, (depth, leaf) in zip(values, joint.ends, strict=True):
        other = None if leaf is None or value is not None else {"path": leaf.path.hex(), "value_hash": leaf.value_hash.hex()}
        found.append((b"null" if value is None else value, {"depth": b"%d" % depth, "other": canonical.encode(other)}))
    return found, canonical.encode(packed(joint.siblings))


def _revealed(stored: StoredRecord, content_keys: Mapping[str, bytes]) -> dict[str, str]:
    for name in content_keys:
        if name.startswith(SECRET_PREFIX):
            raise Refused("part-is-secret", "a part with private keys or salts is never revealed")
        if name not in stored.record.core["sealed"]:
            raise InputError("unknown-part", "the record has no sealed part of that name")
    return {name: key.hex() for name, key in content_keys.items()}
