"""What an operator is found out by: words that it signed and that cannot stand beside what this replica verified.

Evidence is only what the operator's own signature shows. `fork-seen`: it signed two logs of which neither continues the other.
`operator-invalid`: it signed a block that its rules do not lead to. Anything else that is wrong (a damaged transport, a proxy, old notes
sent again) is refused and forgotten, because a stranger could have made it.

A replica that halted keeps `{code, height, ours, theirs}`; `theirs` is text: a note, a block, or a header with its place below a note.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from ledger import canonical, log_tree
from ledger.checkpoint import Checkpoint, verify_note
from ledger.errors import InputError, NotFound, TallystickError, VerificationFailed
from ledger.header import Header
from ledger.log_operator import OperatorKey, origin_of
from ledger.proof import fork_file, fork_from_note
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

    def record_leaves(self) -> list[bytes]:
        """The log's leaves of its records."""
        return [canonical.encode({**canonical.decode(raw), "result": x}) for raw, x in zip(self.transactions, self.results, strict=True)]

    def checkpoint_above(self, size: int, frontier: Sequence[bytes]) -> Checkpoint:
        """The checkpoint that the block's own words lead to above a log of that size, whether they keep the rules or not."""
        header = Header.from_json(self.header)
        after = log_tree.append(size, frontier, [log_tree.leaf_hash(leaf) for leaf in [*self.record_leaves(), header.leaf]])
        return Checkpoint(origin_of(header.network), after.size, log_tree.root(after.size, after.frontier))


@dataclass(frozen=True, slots=True)
class HeaderInLog:
    """A header, and the path of its leaf (RFC 9162, 2.1.3) to the root of the log that a signed note is about."""

    checkpoint: str
    header: Mapping[str, Any]
    inclusion: tuple[bytes, ...]

    def to_json(self) -> dict[str, Any]:
        return {"checkpoint": self.checkpoint, "header": dict(self.header), "inclusion": [each.hex() for each in self.inclusion]}

    @classmethod
    def from_json(cls, value: Any) -> HeaderInLog:
        """Reads what `to_json` makes of a header. Raises `InputError` (`malformed-header`)."""
        try:
            header, note = dict(value["header"]), value["checkpoint"]
            path = tuple(bytes.fromhex(each) for each in value["inclusion"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("malformed-header", "an answer about a header lacks a field") from error
        if not isinstance(note, str):
            raise InputError("malformed-header", "an answer about a header has no note")
        return cls(note, header, path)

    def checked(self, network: str, operator: OperatorKey) -> Header:
        """The header, once it is shown to stand in a log of this network that the operator signed. Raises `InputError`, and
        `VerificationFailed` (`bad-checkpoint`, `not-in-log`).
        """
        header, note = Header.from_json(self.header), verify_note(self.checkpoint, operator.name, operator.public)
        leaf = log_tree.leaf_hash(header.leaf)
        if note.origin != origin_of(network) or header.network != network:
            raise VerificationFailed("not-in-log", "the header or its note is of another network")
        if not log_tree.verify_inclusion(leaf, header.log_size, note.size, self.inclusion, note.root):
            raise VerificationFailed("not-in-log", "the header does not stand in the log that the note is about")
        return header


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


def header_evidence(reader: Reader, seen: HeaderInLog, operator: OperatorKey) -> dict[str, Any] | None:
    """The evidence in a header that stands in a log which the operator signed, and that is not this replica's header of that height. None
    where it is, or where the replica has none of that height. Raises as `HeaderInLog.checked`.
    """
    theirs = seen.checked(reader.head.network, operator)
    ours = reader.header(theirs.height)
    if ours is None or ours.hash == theirs.hash:
        return None
    return _evidence(FORK_SEEN, theirs.height, reader.checkpoint(theirs.height), canonical.encode(seen.to_json()).decode())


def fork_file_of(reader: Reader, evidence: Mapping[str, Any]) -> bytes | None:
    """The proof file (kind `fork`) of evidence that holds, which a stranger checks with `ledger.verify`; None for evidence of another
    kind: that a block breaks the rules, only a replay shows. Raises `NotFound` (`no-checkpoint`).
    """
    if evidence["code"] != FORK_SEEN:
        return None
    text: str = evidence["theirs"]
    if not text.startswith("{"):
        return fork_from_note(reader, text)
    theirs = _seen_in(reader, orjson.loads(text), evidence["height"])
    return fork_file(header_in_log(reader, evidence["height"]).to_json(), theirs.to_json())


def header_in_log(reader: Reader, height: int) -> HeaderInLog:
    """A header of the replica below its newest signed note. Raises `NotFound` (`unknown-height`, `no-checkpoint`)."""
    header, note = reader.header(height), reader.checkpoint()
    if header is None:
        raise NotFound("unknown-height", f"this ledger holds no block of height {height}")
    if note is None:
        raise NotFound("no-checkpoint", "this ledger has no signed checkpoint yet", hint="wait for the first block")
    return HeaderInLog(note, header.to_json(), tuple(reader.inclusion_proof(header.log_size, reader.head.log_size + 1)))


def evidence_holds(reader: Reader, evidence: Any, operator: OperatorKey) -> bool:
    """Whether stored evidence is still what it was: made again from what it holds, it is the same."""
    try:
        value = orjson.loads(evidence["theirs"]) if evidence["theirs"].startswith("{") else None
        again: dict[str, Any] | None
        if value is not None and "inclusion" in value:
            again = header_evidence(reader, HeaderInLog.from_json(value), operator)
        elif value is not None:
            again = block_evidence(reader, evidence["height"] - 1, BlockBundle.from_json(value), operator)
        else:
            again = note_evidence(reader, evidence["theirs"], operator)
    except (TallystickError, AttributeError, KeyError, TypeError, ValueError):
        return False
    return bool(again == evidence)


def _seen_in(reader: Reader, value: Any, height: int) -> HeaderInLog:
    """The other side's header: as it came, or of a block, which stands last in the log that its note is about."""
    if "inclusion" in value:
        return HeaderInLog.from_json(value)
    bundle, base = BlockBundle.from_json(value), reader.header(height - 1)
    assert base is not None, "the blocks before a fork are this replica's"
    size = base.log_size + 1
    before = log_tree.append(size, reader.frontier(size), [log_tree.leaf_hash(leaf) for leaf in bundle.record_leaves()])
    return HeaderInLog(bundle.checkpoint, bundle.header, before.frontier[::-1])


def _evidence(code: str, height: int, ours: str | None, theirs: str) -> dict[str, Any]:
    """`theirs` is text, a note or a block's JSON, so that no nesting or number in it can keep it from being stored."""
    return {"code": code, "height": height, "ours": ours, "theirs": theirs}
