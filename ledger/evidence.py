"""What an operator is found out by: words that it signed and that cannot stand beside what this replica verified.

Evidence is only what the operator's own signature shows. `fork-seen`: it signed two logs of which neither continues the other.
`operator-invalid`: it signed a block that its rules do not lead to. Anything else that is wrong (a damaged transport, a proxy, old notes
sent again) is refused and forgotten, because a stranger could have made it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from ledger import canonical, log_tree
from ledger.checkpoint import Checkpoint, verify_note
from ledger.errors import InputError, TallystickError
from ledger.header import Header
from ledger.log_operator import OperatorKey, origin_of
from ledger.store import Reader

FORK_SEEN: Final = "fork-seen"
OPERATOR_INVALID: Final = "operator-invalid"


@dataclass(frozen=True, slots=True)
class BlockBundle:
    """A block as an upstream node hands it out: header JSON, transactions and results in order, and the operator's signed note."""

    header: Mapping[str, Any]
    transactions: tuple[bytes, ...]
    results: tuple[Mapping[str, Any], ...]
    checkpoint: str

    def to_json(self) -> dict[str, Any]:
        records = [{**canonical.decode(raw), "result": dict(x)} for raw, x in zip(self.transactions, self.results, strict=True)]
        return {"checkpoint": self.checkpoint, "header": dict(self.header), "records": records}

    @classmethod
    def from_json(cls, value: Any) -> BlockBundle:
        """Reads what `to_json` makes. Raises `InputError` (`malformed-block`, `not-canonical`)."""
        try:
            transactions = [canonical.encode({"record": r["record"], "signatures": r["signatures"]}) for r in value["records"]]
            results = [dict(r["result"]) for r in value["records"]]
            return cls(dict(value["header"]), tuple(transactions), tuple(results), str(value["checkpoint"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("malformed-block", "a block from upstream lacks a field") from error

    def checkpoint_above(self, size: int, frontier: Sequence[bytes]) -> Checkpoint:
        """The checkpoint that the block's own words lead to above a log of that size, whether they keep the rules or not."""
        header = Header.from_json(self.header)
        leaves = [canonical.encode({**canonical.decode(raw), "result": x}) for raw, x in zip(self.transactions, self.results, strict=True)]
        after = log_tree.append(size, frontier, [log_tree.leaf_hash(leaf) for leaf in [*leaves, header.leaf]])
        return Checkpoint(origin_of(header.network), after.size, log_tree.root(after.size, after.frontier))


def block_evidence(reader: Reader, common: int, bundle: BlockBundle, operator: OperatorKey) -> dict[str, Any] | None:
    """The evidence in a block that upstream gives to follow the height `common`, where it is not what the replica holds or computes;
    None where the operator's signature does not show it. Raises `InputError`, `VerificationFailed` for a note that it did not sign.
    """
    base, ours = reader.header(common), reader.header(common + 1)
    note = verify_note(bundle.checkpoint, operator.name, operator.public)
    if base is None or (ours is not None and Header.from_json(bundle.header).hash == ours.hash):
        return None
    size = base.log_size + 1
    if bundle.checkpoint_above(size, reader.frontier(size)) != note:
        return None
    code, height = (OPERATOR_INVALID, common) if ours is None else (FORK_SEEN, common + 1)
    return _evidence(code, common + 1, reader.checkpoint(height), orjson.dumps(bundle.to_json()).decode())


def note_evidence(reader: Reader, text: str, operator: OperatorKey) -> dict[str, Any] | None:
    """The evidence in a signed note about a log that the replica does not hold. None where the note is of the replica's own log, of
    a later one, or of another network. Raises as `verify_note` does.
    """
    note = verify_note(text, operator.name, operator.public)
    if note.origin != origin_of(reader.head.network) or note.size > reader.head.log_size + 1 or reader.log_root(note.size) == note.root:
        return None
    return _evidence(FORK_SEEN, reader.head.height, reader.checkpoint(), text)


def evidence_holds(reader: Reader, evidence: Any, operator: OperatorKey) -> bool:
    """Whether stored evidence is still what it was: made again from what it holds, it is the same."""
    try:
        if evidence["theirs"].startswith("{"):
            bundle = BlockBundle.from_json(orjson.loads(evidence["theirs"]))
            again = block_evidence(reader, evidence["height"] - 1, bundle, operator)
        else:
            again = note_evidence(reader, evidence["theirs"], operator)
    except (TallystickError, AttributeError, KeyError, TypeError, ValueError):
        return False
    return bool(again == evidence)


def _evidence(code: str, height: int, ours: str | None, theirs: str) -> dict[str, Any]:
    """`theirs` is text, a note or a block's JSON, so that no nesting or number in it can keep it from being stored."""
    return {"code": code, "height": height, "ours": ours, "theirs": theirs}
