"""Readers of what the ledger's own formats bring from outside: records, notes, proof files, archives, blocks and snapshots."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from functools import partial
from io import BytesIO
from typing import Any

from contracts.ruleset import RULEBOOK, RULESET
from ledger import admission, canonical
from ledger.archive_lines import lines_of
from ledger.archive_replay import verify_archive
from ledger.checkpoint import add_cosignature, cosignatures_of, note_body, parse_note, verify_note, with_cosignatures
from ledger.errors import InputError, TallystickError, VerificationFailed
from ledger.evidence import BlockBundle, HeaderInLog
from ledger.header import Header, split_record_leaf
from ledger.limits import SNAPSHOT_CHUNK_BYTES
from ledger.log_operator import OperatorKey
from ledger.record import assemble, parse
from ledger.snapshot import Snapshot, pack, unpack
from ledger.verify import engines, notes, strict_json, verify
from ledger.verify.strict_json import Invalid
from ledger.witness import check_add_checkpoint, read_add_checkpoint, write_add_checkpoint
from tests.fuzz.honest import NETWORK, OPERATOR_NAME, OPERATOR_PUBLIC, TRUST, WITNESS_PUBLIC
from tests.fuzz.target import CORPUS, READ, Reader, Target, of_json, outcome
from tests.ledger import small_rules
from tests.ledger.verify.trusting import WITNESS


def _record() -> Reader:
    def read(data: bytes) -> str:
        try:
            value = canonical.decode(data)
        except InputError as error:
            # In a proof a record stands some levels down, and the reader of proofs goes as much deeper.
            if "nested deeper" in error.message:
                return error.code
            value = None
        else:
            assert canonical.encode(value) == data
        # The stranger's reader is another program: both must take the same bytes, or a proof of what one took would not be read.
        try:
            theirs = None if data.endswith(b"\n") else strict_json.decode(data, len(data))
        except strict_json.Invalid:
            theirs = None
        assert value == theirs
        try:
            record = parse(data)
        except InputError as error:
            return error.code
        assert assemble(record.record_bytes, record.signatures) == data
        for rules in RULEBOOK.values():
            outcome(partial(admission.read, data, rules), InputError)
        return outcome(lambda: admission.read(data, RULESET), InputError)

    return read


def _note() -> Reader:
    believed = notes.read_trust(TRUST)

    def read(data: bytes) -> str:
        try:
            text = data.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            text = data.decode("utf-8", "replace")
        try:
            signed = notes.check_note(text, believed)
        except Invalid:
            signed = None
        try:
            note = parse_note(text)
        except InputError as error:
            # Lines of keys that nobody asked about the ledger's own reader takes in a narrower form; without them it is one note to both.
            assert signed is None or (signed.size, signed.root) in _operators(text), "only the stranger's reader takes the operator's line"
            return error.code
        lines = [f"\u2014 {each.name} {b64encode(each.key_hash + each.signature).decode()}\n" for each in note.signatures]
        assert f"{note_body(note.checkpoint)}\n{''.join(lines)}" == text
        assert with_cosignatures(text, lines) == text
        cosignatures_of(text, {"w": WITNESS_PUBLIC})
        refused = outcome(lambda: cosignatures_of(add_cosignature(text, "w", WITNESS, 1), {"w": WITNESS_PUBLIC})[0], InputError)
        return refused if signed is None or refused != READ else "signed"

    return read


def _operators(note: str) -> list[tuple[int, bytes]]:
    """The sizes and roots of the logs that a note vouches for to the ledger's own reader, with one line of the operator at a time."""
    body, _, lines = note.partition("\n\n")
    found = []
    for line in lines.split("\n"):
        with suppress(TallystickError):
            checkpoint = verify_note(f"{body}\n\n{line}\n", OPERATOR_NAME, OPERATOR_PUBLIC)
            found.append((checkpoint.size, checkpoint.root))
    return found


def _cosigning() -> Reader:
    operator = OperatorKey(OPERATOR_NAME, OPERATOR_PUBLIC)

    def taken(data: bytes) -> None:
        request = read_add_checkpoint(data)
        assert write_add_checkpoint(request.old_size, request.proof, request.note) == data
        check_add_checkpoint(request, None, NETWORK, operator)

    return lambda data: outcome(lambda: taken(data), TallystickError)


def _proof() -> Reader:
    honest = [verify((CORPUS / "proof" / name).read_bytes(), TRUST) for name in ("record", "revealed", "state", "refused-once")]
    records = [each for verdict in honest for each in verdict.records]
    values = [(each["key"], each["value"]) for verdict in honest for each in verdict.entries]

    def read(data: bytes) -> str:
        verdict = verify(data, TRUST)
        if not verdict.ok:
            assert verdict.code and not verdict.proves
            return verdict.code
        assert strict_json.encode(strict_json.decode(data, len(data))) == data.removesuffix(b"\n")
        # Whatever was changed, nothing is proven that is not so.
        assert all(each in records for each in verdict.records)
        assert all(each["value"] is None or (each["key"], each["value"]) in values for each in verdict.entries)
        return READ

    return read


def _trust() -> Reader:
    return lambda data: outcome(lambda: engines.read_trust(data), Invalid)


def _archive() -> Reader:
    blocks = list(lines_of(BytesIO((CORPUS / "archive" / "small").read_bytes())))[1:]

    def read(data: bytes) -> str:
        verdict = verify_archive(BytesIO(data), TRUST, small_rules.RULEBOOK)
        if not verdict.ok:
            assert verdict.code and not verdict.proves
            return verdict.code
        given = list(lines_of(BytesIO(data)))[1:]
        assert given == blocks[: len(given)], "an archive of another ledger holds"
        return READ

    return read


def _block() -> Reader:
    operator = OperatorKey(OPERATOR_NAME, OPERATOR_PUBLIC)

    def taken(value: Any) -> None:
        if isinstance(value, dict) and "inclusion" in value:
            seen = HeaderInLog.from_json(value)
            assert HeaderInLog.from_json(seen.to_json()) == seen
            seen.checked(NETWORK, operator)
            return
        bundle = BlockBundle.from_json(value)
        assert BlockBundle.from_json(bundle.to_json()) == bundle
        Header.from_json(bundle.header)
        for leaf in bundle.record_leaves():
            outcome(partial(split_record_leaf, leaf), InputError)
        bundle.checkpoint_above(0, ())

    return of_json(taken)


def _snapshot() -> Reader:
    def taken(data: bytes) -> None:
        chunk = unpack(data)
        assert len(chunk) <= SNAPSHOT_CHUNK_BYTES
        assert unpack(pack(chunk)) == chunk

    def read(data: bytes) -> str:
        height = int.from_bytes(data[:8])
        described = Snapshot.read(height, data[8:])
        assert described is None or (described.metadata == data[8:] and len(described.hash) == 32)
        return outcome(lambda: taken(data), VerificationFailed)

    return read


TARGETS = {
    "record": Target(_record, "json", 65_536),
    "note": Target(_note, "bytes", 8_192),
    "cosigning": Target(_cosigning, "bytes", 8_192),
    "proof": Target(_proof, "json", 65_536),
    "trust": Target(_trust, "json", 16_384),
    "archive": Target(_archive, "gzip", 65_536),
    "block": Target(_block, "json", 65_536),
    "snapshot": Target(_snapshot, "bytes", 65_536),
}
