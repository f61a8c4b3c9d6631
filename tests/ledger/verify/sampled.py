"""One proof file of each kind, of a small ledger and of another history that its operator signed too, each with a line end after it.

Their notes carry a cosignature of `WITNESS`, and one of a key that no trust file names.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import canonical
from ledger.checkpoint import add_cosignature
from ledger.proof import bundle_file, consistency_file, fork_file, fork_from_note, record_proof, state_proof
from tests.ledger.small_ledger import Solo, solo_ledger
from tests.ledger.verify.small_files import Files, sealed_record
from tests.ledger.verify.trusting import WITNESS

STRANGER = Ed25519PrivateKey.from_private_bytes(bytes([8]) * 32)


def cosigned(note: str) -> str:
    """A note with one cosignature that the trust file demands, and one of a key that it does not name."""
    return add_cosignature(add_cosignature(note, "w", WITNESS, 1_700_000_000), "stranger", STRANGER, 1_700_000_001)


def side(solo: Solo, height: int) -> dict[str, object]:
    with solo.store.reading() as reader:
        header = reader.header(height)
        assert header is not None
        path = reader.inclusion_proof(header.log_size, reader.head.log_size + 1)
        note = cosigned(reader.checkpoint() or "")
        return {"checkpoint": note, "header": header.to_json(), "inclusion": [each.hex() for each in path]}


def sample_files(files: Files, path: Path) -> dict[str, bytes]:
    """A file of each kind by name, made in that directory, of which the refused record is of the ledger of `files`."""
    with solo_ledger(path / "one.db") as one, solo_ledger(path / "other.db") as other:
        sealed, letter_key, _ = sealed_record(one)
        (answer,) = one.send(sealed)
        one.put("a", "b", "c")
        one.put("d")
        other.put("x", "y")
        other.put("z")
        with one.store.reading() as reader, other.store.reading() as elsewhere:
            note = cosigned(reader.checkpoint() or "")
            sealed_id = answer.record_id  # type: ignore[union-attr]  # it was taken
            found = {
                "record": record_proof(reader, sealed_id, note=note),
                "revealed": record_proof(reader, sealed_id, {"letter": letter_key}, note),
                "state": state_proof(reader, "note/a", 2, note),
                "absent": state_proof(reader, "note/none", note=note),
                "consistency": consistency_file(reader, cosigned(reader.checkpoint(1) or ""), note),
                "fork by blocks": fork_file(side(one, 1), side(other, 1)),
                "fork by notes": fork_from_note(reader, cosigned(elsewhere.checkpoint(1) or "")),
            }
            found["bundle"] = bundle_file(reader.head.network, [found["state"], found["revealed"]])
        refused = canonical.decode(files.documents["refused once"])
        found["refused once"] = canonical.encode({**refused, "checkpoint": cosigned(refused["checkpoint"])})
        return {name: document + b"\n" for name, document in found.items()}
