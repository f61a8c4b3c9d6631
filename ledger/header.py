"""Headers and the leaves of the log.

The log holds three shapes of leaf, each canonical JSON with its own top-level key: `{"genesis": G}` once at index 0,
`{"record": R, "result": X, "signatures": S}`, and `{"header": H}` as the last leaf of each block. A header commits to the log
before itself and to the state, and names the header before, so headers form a hash chain.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ledger import canonical, record
from ledger.errors import InputError
from ledger.hashing import tagged, tagged_json
from ledger.limits import INTEGER_MAX

NO_PREVIOUS: Final = "0" * 64
_RECORD_LEAF: Final = frozenset({"record", "result", "signatures"})
_RESULT: Final = b',"result":'
_SIGNATURES: Final = b',"signatures":'
_SIGNATURES_END: Final = re.compile(_SIGNATURES + rb'\["[0-9a-f]{128}"(,"[0-9a-f]{128}"){0,2}\]\}\Z')
_FIELDS: Final = frozenset(
    {"v", "network", "height", "engine_height", "time", "previous", "log_size", "log_root", "state_root", "rules"},
)


@dataclass(frozen=True, slots=True)
class Header:
    """`time_ms` is the block's time; `log_size` and `log_root` are those of the log after the block's records, before this header's
    own leaf, which stands at index `log_size`; `rules` is the rules version that the block ran under.
    """

    network: str
    height: int
    engine_height: int
    time_ms: int
    previous: str
    log_size: int
    log_root: str
    state_root: str
    rules: int

    def to_json(self) -> dict[str, Any]:
        return {
            "engine_height": self.engine_height,
            "height": self.height,
            "log_root": self.log_root,
            "log_size": self.log_size,
            "network": self.network,
            "previous": self.previous,
            "rules": self.rules,
            "state_root": self.state_root,
            "time": self.time_ms,
            "v": record.FORMAT_VERSION,
        }

    @classmethod
    def from_json(cls, value: Any) -> Header:
        """Reads a header strictly. Raises `InputError` (`malformed-header`)."""
        if not isinstance(value, dict) or set(value) != _FIELDS or type(value["v"]) is not int or value["v"] != record.FORMAT_VERSION:
            raise InputError("malformed-header", "a header has exactly the fields of the format")
        counts = [value[name] for name in ("height", "engine_height", "time", "log_size", "rules")]
        hashes = [value[name] for name in ("network", "previous", "log_root", "state_root")]
        if not all(type(n) is int and 0 <= n <= INTEGER_MAX for n in counts) or not all(map(record.is_hash, hashes)):
            raise InputError("malformed-header", "a field of a header has the wrong type")
        return cls(
            network=value["network"],
            height=value["height"],
            engine_height=value["engine_height"],
            time_ms=value["time"],
            previous=value["previous"],
            log_size=value["log_size"],
            log_root=value["log_root"],
            state_root=value["state_root"],
            rules=value["rules"],
        )

    @property
    def hash(self) -> str:
        return tagged("header", canonical.encode(self.to_json())).hex()

    @property
    def leaf(self) -> bytes:
        return canonical.encode({"header": self.to_json()})


def network_of(genesis: Mapping[str, Any]) -> str:
    """The network's id: the hash of its genesis document."""
    return tagged_json("genesis", genesis)


def genesis_leaf(genesis: Mapping[str, Any]) -> bytes:
    return canonical.encode({"genesis": genesis})


def record_leaf(parsed: record.Record, result: bytes) -> bytes:
    """The leaf of a record with its result, in canonical JSON, and its signatures: spliced, because the bytes of all are at hand."""
    behind = record.RECORD_OFFSET + len(parsed.record_bytes)
    return parsed.raw[:behind] + _RESULT + result + parsed.raw[behind:]


def split_record_leaf(leaf: bytes) -> tuple[bytes, dict[str, Any]]:
    """The transaction and the result of a record leaf. Raises `InputError` (`malformed-leaf` or those of `canonical.decode`)."""
    value = canonical.decode(leaf)
    if type(value) is not dict or value.keys() != _RECORD_LEAF or type(value["result"]) is not dict:
        raise InputError("malformed-leaf", "a record leaf holds a record, a result and signatures")
    # Spliced, as the leaf was: the record's canonical bytes stand at its beginning.
    signatures = _SIGNATURES + canonical.encode(value["signatures"]) + b"}"
    behind = len(leaf) - len(_RESULT) - len(canonical.encode(value["result"])) - len(signatures)
    return leaf[:behind] + signatures, value["result"]


def plain_transaction(leaf: object) -> bytes | None:
    """What `split_record_leaf` would find in a leaf that it takes, without reading it: for those who make the leaf again anyway. None
    where the bytes alone do not say where the result stands. Of a leaf that it does not take, this says nothing.
    """
    if type(leaf) is not bytes:
        return None
    signatures = leaf.rfind(_SIGNATURES)
    # In JSON a quote within a string has a backslash before it, so these bytes can only be names. Of several, one stands in the body.
    if leaf.count(_RESULT, 0, signatures) != 1 or not _SIGNATURES_END.match(leaf, signatures):
        return None
    return leaf[: leaf.index(_RESULT)] + leaf[signatures:]
