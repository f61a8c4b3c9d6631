"""For each place in a file that the verifier reads: which shapes are right there, and the code for any other."""

from __future__ import annotations

from typing import Any, Final

SHAPES: Final[dict[str, list[Any]]] = {
    "null": [None],
    "bool": [True, False],
    "negative": [-1],
    "number": [0, 1],
    "text": ["", "x"],
    "hash": ["ab" * 31, "ab" * 33, "AB" * 32, "ab" * 31 + "a", "ab" * 31 + "0x", "ab" * 31 + "a\n"],
    "list": [[], [None]],
    "object": [{}, {"x": 1}],
}
Rows = list[tuple[str, str, str]]
"""A place in a file, the shapes that are right there, and the code for any other."""

TRUST: Final[Rows] = [
    ("", "", "bad-trust"),
    ("v", "", "bad-trust"),
    ("network", "", "bad-trust"),
    ("engine", "", "unknown-engine"),
    ("operators", "list", "bad-trust"),
    ("operators.0", "", "bad-trust"),
    ("operators.0.name", "text hash", "bad-trust"),
    ("operators.0.public", "", "bad-trust"),
    ("operators.0.first_size", "number", "bad-trust"),
    ("operators.0.last_size", "number null", "bad-trust"),
    ("witnesses", "list", "bad-trust"),
    ("witnesses.0", "", "bad-trust"),
    ("witnesses.0.name", "text hash", "bad-trust"),
    ("witnesses.0.public", "", "bad-trust"),
    ("witnesses_required", "number", "bad-trust"),
]
ANYWHERE: Final[Rows] = [
    ("", "", "unknown-kind"),
    ("kind", "", "unknown-kind"),
    ("v", "", "unknown-version"),
    ("network", "", "wrong-network"),
]
HEADER: Final = ("v", "network", "height", "engine_height", "time", "previous", "log_size", "log_root", "state_root", "rules")
ANCHORED: Final[Rows] = [
    *ANYWHERE,
    ("checkpoint", "", "bad-checkpoint"),
    ("header", "", "header-invalid"),
    *(
        (f"header.{name}", "number" if name in ("height", "engine_height", "time", "rules", "log_size") else "", "header-invalid")
        for name in HEADER
    ),
    ("inclusion", "", "inclusion-invalid"),
]
NO_NUMBER: Final = "null bool negative text hash list object"
"""For what is wrong for a number only."""

KINDS: Final[dict[str, Rows]] = {
    "record, revealed": [
        *ANCHORED,
        ("header.log_size", NO_NUMBER, "header-invalid"),
        ("leaf", "", "malformed"),
        ("log_index", "number", "malformed"),
        ("keys", "", "key-invalid"),
        ("keys.0", "", "key-invalid"),
        ("keys.0.entry", "", "key-invalid"),
        ("keys.0.depth", "", "key-invalid"),
        ("keys.0.other", "null", "key-invalid"),
        ("siblings", "", "key-invalid"),
        ("revealed", "object", "malformed"),
        ("revealed.letter", "", "revealed-invalid"),
    ],
    "state": [
        *ANCHORED,
        ("header.log_size", NO_NUMBER, "inclusion-invalid"),
        ("key", "text hash", "malformed"),
        ("value", "", "state-proof-invalid"),
        ("depth", "", "state-proof-invalid"),
        ("other", "null", "state-proof-invalid"),
        ("siblings", "", "state-proof-invalid"),
    ],
    "state, absent beside another": [
        *ANCHORED,
        ("header.log_size", NO_NUMBER, "inclusion-invalid"),
        ("value", "null", "state-proof-invalid"),
        ("depth", "", "state-proof-invalid"),
        ("other", "", "state-proof-invalid"),
        ("other.path", "", "state-proof-invalid"),
        ("other.value_hash", "", "state-proof-invalid"),
        ("siblings", "", "state-proof-invalid"),
    ],
    "consistency": [
        *ANYWHERE,
        ("first", "", "bad-checkpoint"),
        ("second", "", "bad-checkpoint"),
        ("proof", "", "consistency-invalid"),
    ],
    "fork, of one height": [
        *ANYWHERE,
        ("first", "", "malformed"),
        ("second", "", "malformed"),
        ("first.checkpoint", "", "bad-checkpoint"),
        ("second.checkpoint", "", "bad-checkpoint"),
        ("first.header", "null", "header-invalid"),
        ("first.header", "bool number negative text hash list object", "malformed"),
        ("second.header", "", "header-invalid"),
        ("first.inclusion", "", "inclusion-invalid"),
        ("second.inclusion", "", "inclusion-invalid"),
        ("beginning", "null", "malformed"),
    ],
    "fork, from a note": [
        *ANYWHERE,
        ("first.header", "null", "malformed"),
        ("second.header", "null", "malformed"),
        ("first.inclusion", "null", "malformed"),
        ("second.inclusion", "null", "malformed"),
        ("beginning", "null", "malformed"),
        ("beginning", "bool number negative text hash list object", "no-fork"),
        ("beginning.root", "", "malformed"),
        ("beginning.proof", "", "consistency-invalid"),
    ],
    "fork, of one size": [*ANYWHERE, ("second.header", "null", "malformed"), ("first.inclusion", "null", "malformed")],
    "bundle": [*ANYWHERE, ("files", "list", "malformed"), ("files.0", "", "unknown-kind"), ("files.1", "", "unknown-kind")],
}
SURPLUS: Final[dict[str, dict[str, str]]] = {
    "record, revealed": {
        "": "malformed",
        "header": "header-invalid",
        "leaf": "malformed",
        "keys.0": "key-invalid",
        "keys.0.entry": "key-invalid",
    },
    "state": {
        "": "malformed",
        "header": "header-invalid",
    },
    "state, absent beside another": {"": "malformed", "other": "state-proof-invalid"},
    "consistency": {"": "malformed"},
    "fork, of one height": {"": "malformed", "first": "malformed", "second": "malformed", "first.header": "header-invalid"},
    "fork, from a note": {"": "malformed", "beginning": "malformed"},
    "bundle": {"": "malformed", "files.0": "malformed"},
}
"""The objects of a file, and the code where one has a field more than it should, or one less."""

FIRST_LOOKED_AT: Final = {"kind": "unknown-kind", "v": "unknown-version", "network": "wrong-network"}
RECORD: Final[Rows] = [
    ("record", "", "malformed"),
    ("record.v", "", "malformed"),
    ("record.network", "", "wrong-network"),
    ("record.type", "text hash", "malformed"),
    ("record.signers", "", "malformed"),
    ("record.signers.0", "list object", "malformed"),
    ("record.body", "object", "malformed"),
    ("record.sealed", "object", "malformed"),
    ("result", "", "malformed"),
    ("result.code", "text hash", "malformed"),
    ("signatures", "", "bad-signature"),
    ("signatures.0", "", "bad-signature"),
    ("signatures.1", "", "bad-signature"),
]
ENTRY: Final[Rows] = [
    ("added_at", "number", "key-invalid"),
    ("alg", "", "key-invalid"),
    ("public", "", "key-invalid"),
    ("purpose", "", "key-invalid"),
    ("revoked_at", "null number", "key-invalid"),
]
