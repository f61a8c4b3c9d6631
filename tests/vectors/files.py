"""Vectors of what is signed and handed on: trust files, notes with cosignatures, and proof files of every kind, good and spoilt.

A spoilt file is given by the good one and one splice of its bytes: the first `at` bytes stay, `cut` go, `put` (hex) comes, the rest stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from itertools import count
from typing import Any, Final, cast

from ledger import canonical
from ledger.checkpoint import Checkpoint, add_cosignature, parse_note, sign_note
from ledger.proof import bundle_file, consistency_file, fork_file, fork_from_note, record_proof, state_proof
from ledger.record import record_id
from ledger.verify import verify
from tests.ledger.small_ledger import ANNE, ANNE_CHECK, BOB, OPERATOR, key_id
from tests.ledger.verify.packing import split
from tests.ledger.verify.small_files import Files, Forger, entry
from tests.ledger.verify.trusting import trust
from tests.vectors.fixed import COSIGNED_S, OPERATOR_PRIVATE, WITNESSES, Fixed, high_s, signature
from tests.vectors.splices import Change, edited, splice

Family = dict[str, Any]
Changes = dict[str, tuple[Change, str]]
_STEP: Final = 127
_ZEROS: Final = "00" * 32


def trusts(network: str) -> dict[str, bytes]:
    """Trust files by name, the good ones."""
    listed = [{"name": name, "public": key.public_key().public_bytes_raw().hex()} for name, key in WITNESSES.items()]
    operator = {"name": OPERATOR.key.name, "public": OPERATOR.key.public.hex(), "first_size": 0, "last_size": None}
    return {
        "plain": trust(network),
        "witnesses listed": trust(network, witnesses=listed),
        "two witnesses": trust(network, witnesses=listed, witnesses_required=2),
        "three witnesses": trust(network, witnesses=listed, witnesses_required=3),
        "another operator": trust(network, operators=[{**operator, "public": listed[0]["public"]}]),
        "another name": trust(network, operators=[{**operator, "name": "po"}]),
        "nobody": trust(network, operators=[]),
        "from a larger size on": trust(network, operators=[{**operator, "first_size": 10_000}]),
        "up to a smaller size": trust(network, operators=[{**operator, "last_size": 1}]),
        "another network": trust("ab" * 32),
    }


def cosigned(note: str, *names: str) -> str:
    for name in names:
        note = add_cosignature(note, name, WITNESSES[name], COSIGNED_S)
    return note


def notes(fixed: Fixed) -> Family:
    """Notes under trust files: the size and root that a good one vouches for, who signed and who cosigned."""
    note, files = fixed.note(4), trusts(fixed.network)
    said = parse_note(note).checkpoint
    both = cosigned(note, "auditor", "bank-b")
    shown = {"size": said.size, "root": said.root.hex(), "operator": OPERATOR.name}
    good = [
        {"name": "by the operator alone", "note": note, "trust": "plain", **shown, "cosigners": []},
        {"name": "with cosignatures that nobody asks for", "note": both, "trust": "plain", **shown, "cosigners": []},
        {"name": "with two cosignatures", "note": both, "trust": "two witnesses", **shown, "cosigners": ["auditor", "bank-b"]},
    ]
    lines = note.split("\n")
    other = sign_note(Checkpoint(said.origin.replace(fixed.network[:2], "zz", 1), said.size, said.root), OPERATOR.name, OPERATOR_PRIVATE)
    by_name = sign_note(said, "auditor", WITNESSES["auditor"])
    bad: dict[str, tuple[str, str, str]] = {
        "too few cosignatures": (both, "three witnesses", "witnesses-missing"),
        "the same cosignature for another": (cosigned(note, "auditor"), "two witnesses", "witnesses-missing"),
        "a witness's plain signature": (note + by_name.split("\n\n")[1], "two witnesses", "witnesses-missing"),
        "another time of a cosignature": (_byte_of_last_line(both, 10), "two witnesses", "witnesses-missing"),
        "another key": (note, "another operator", "operator-not-trusted"),
        "another name": (note, "another name", "operator-not-trusted"),
        "nobody trusted": (note, "nobody", "operator-not-trusted"),
        "a size before the key's first": (note, "from a larger size on", "operator-not-trusted"),
        "a size behind the key's last": (note, "up to a smaller size", "operator-not-trusted"),
        "another network": (note, "another network", "wrong-network"),
        "another origin": (other, "plain", "wrong-network"),
        "another size": (note.replace(f"\n{said.size}\n", f"\n{said.size + 1}\n", 1), "plain", "operator-not-trusted"),
        "another signature": (_byte_of_last_line(note, 40), "plain", "operator-not-trusted"),
        "a size with a zero in front": (note.replace(f"\n{said.size}\n", f"\n0{said.size}\n", 1), "plain", "bad-checkpoint"),
        "a root cut short": ("\n".join([*lines[:2], lines[2][:-4], *lines[3:]]), "plain", "bad-checkpoint"),
        "a root with stray bits": (
            "\n".join([*lines[:2], lines[2][:-2] + _next_digit(lines[2][-2]) + "=", *lines[3:]]),
            "plain",
            "bad-checkpoint",
        ),
        "an extension line": (note.replace("\n\n", "\nmore\n\n", 1), "plain", "bad-checkpoint"),
        "no line end": (note[:-1], "plain", "bad-checkpoint"),
        "a hyphen for a dash": (note.replace("\u2014", "-"), "plain", "bad-checkpoint"),
        "two spaces": (note.replace("\u2014 ", "\u2014  "), "plain", "bad-checkpoint"),
        "no signature": ("\n".join(lines[:4]) + "\n", "plain", "bad-checkpoint"),
        "nothing": ("", "plain", "bad-checkpoint"),
    }
    spoilt = [{"name": name, "note": text, "trust": which, "code": code} for name, (text, which, code) in bad.items()]
    return {"trusts": _texts(files), "good": good, "bad": spoilt}


def documents(fixed: Fixed) -> dict[str, bytes]:
    """Proof files of every kind by name."""
    with fixed.one.store.reading() as reader, fixed.other.store.reading() as elsewhere:
        names = ("two", "once", "refused once", "by bob", "end", "taken", "sealed", "drop")
        made = {f"record, {name}": record_proof(reader, fixed.ids[name]) for name in names}
        both = cosigned(fixed.note(4), "auditor", "bank-b")
        made["record, revealed"] = record_proof(reader, fixed.ids["sealed"], {"letter": fixed.keys["letter"]})
        made["record, cosigned"] = record_proof(reader, fixed.ids["two"], note=both)
        made["state"], made["state, earlier"] = state_proof(reader, "note/a"), state_proof(reader, "note/a", 1)
        made["state, absent"], made["state, not yet"] = state_proof(reader, "note/nothing"), state_proof(reader, "note/two", 1)
        made["state, absent beside another"] = _absent_beside_another(reader)
        made["state, an earlier note"] = state_proof(reader, "note/a", 1, fixed.note(2))
        made["consistency"] = consistency_file(reader, fixed.note(1))
        made["consistency, cosigned"] = consistency_file(reader, cosigned(fixed.note(2), "auditor", "bank-c"), both)
        made["consistency, with itself"] = consistency_file(reader, fixed.note(4))
        sides = [_side(each, 2) for each in (reader, elsewhere)]
        made["fork, of one height"] = fork_file(*sides)
        made["fork, from a note"] = fork_from_note(reader, elsewhere.checkpoint() or "")
        said = parse_note(fixed.note(4)).checkpoint
        lie = sign_note(Checkpoint(said.origin, said.size, bytes(32)), OPERATOR.name, OPERATOR_PRIVATE)
        made["fork, of one size"] = fork_file(_bare(fixed.note(4)), _bare(lie))
        made["bundle"] = bundle_file(fixed.network, [made["state"], made["record, revealed"], made["consistency"]])
    return made


def proofs(fixed: Fixed) -> Family:
    """Proof files: the whole verdict on the good ones, the code of the bad ones."""
    files, found = trusts(fixed.network), documents(fixed)
    forged = _forged(fixed)
    found["record, forged"] = forged["as it should be"][0]
    demanding = {"record, cosigned", "consistency, cosigned"}
    good = []
    for name, document in found.items():
        for which in ["plain", *(["two witnesses"] if name in demanding else [])]:
            verdict = verify(document, files[which])
            assert verdict.ok, (name, which, verdict.code)
            good.append({"name": name, "document": name, "trust": which, "verdict": asdict(verdict)})
    bad = [
        {"name": f"{name}, trust: {which}", "document": name, "trust": which, "code": _code(found[name], files[which], code)}
        for name in ("record, two", "state", "consistency", "fork, of one height", "bundle")
        for which, code in (
            ("another operator", "operator-not-trusted"),
            ("another network", "wrong-network"),
            ("nobody", "operator-not-trusted"),
        )
    ]
    bad += [
        {"name": f"{name}, trust: two witnesses", "document": name, "trust": "two witnesses", "code": "witnesses-missing"}
        for name in ("record, two", "state", "consistency", "bundle")
    ]
    spoilt = {**_spoilt(fixed, found), **{f"record, forged: {name}": ("record, forged", *each) for name, each in forged.items() if each[1]}}
    for name, (of, changed, code) in spoilt.items():
        bad.append(
            {"name": name, "document": of, "trust": "plain", **splice(found[of], changed), "code": _code(changed, files["plain"], code)}
        )
    bad += [each for name, document in found.items() for each in _single_bytes(name, document, files)]
    return {"trusts": _texts(files), "documents": _texts(found), "good": good, "bad": bad}


def families(fixed: Fixed) -> dict[str, Callable[[], Family]]:
    """Every family of this file, by its file's name."""
    return {"notes": lambda: notes(fixed), "proofs": lambda: proofs(fixed), "trusts": lambda: bad_trusts(fixed)}


def bad_trusts(fixed: Fixed) -> Family:
    """Trust files that trust nobody. `document` holds under the good one, which each is spliced from."""
    plain = trusts(fixed.network)["plain"]
    witness = {"name": "auditor", "public": "11" * 32}
    changes: Changes = {
        "more witnesses demanded than listed": (_put("witnesses_required", 1), "bad-trust"),
        "a witness under two names": (_put("witnesses", [witness, {**witness, "name": "bank-b"}]), "bad-trust"),
        "an operator without fields": (_put("operators", [{}]), "bad-trust"),
        "operators that are no list": (_put("operators", "op"), "bad-trust"),
        "an operator's short key": (_put("operators", [{"name": "op", "public": "00", "first_size": 0, "last_size": None}]), "bad-trust"),
        "a name with a space": (_put("witnesses", [{**witness, "name": "a b"}]), "bad-trust"),
        "another version": (_put("v", 2), "bad-trust"),
        "a version that is true": (_put("v", True), "bad-trust"),
        "a network that is none": (_put("network", "x"), "bad-trust"),
        "a field more": (_put("more", 1), "bad-trust"),
        "another engine": (_put("engine", "raft"), "unknown-engine"),
    }
    found = {name: (edited(plain, change), code) for name, (change, code) in changes.items()}
    found["white space"] = (plain + b" ", "bad-trust")
    found["cut off"] = (plain[:-1], "bad-trust")
    document = documents(fixed)["state"]
    bad = [{"name": name, **splice(plain, changed), "code": _code(document, changed, code)} for name, (changed, code) in found.items()]
    return {"trust": plain.decode(), "document": document.decode(), "bad": bad}


def _spoilt(fixed: Fixed, found: Mapping[str, bytes]) -> dict[str, tuple[str, bytes, str]]:
    """By name: the document that it comes from, the spoilt one, and the code."""
    made: dict[str, tuple[str, bytes, str]] = {}
    for of in ("record, two", "state", "consistency", "fork, from a note", "bundle"):
        text = found[of]
        made[f"{of}: white space"] = (of, text + b" ", "not-canonical")
        made[f"{of}: cut off"] = (of, text[:-1], "not-json")
        made[f"{of}: a field twice"] = (of, text[:-1] + b',"v":1}', "not-canonical")
        made[f"{of}: nothing"] = (of, b"", "not-json")
        _add(made, found, of, _COMMON)
    for of in ("record, two", "state", "state, absent", "state, absent beside another"):
        _add(made, found, of, _anchored_changes(fixed))
    _add(made, found, "record, two", _RECORD)
    _add(made, found, "record, revealed", _revealed(fixed))
    for of in ("state", "state, absent", "state, absent beside another"):
        _add(made, found, of, _STATE)
    _add(made, found, "state, absent beside another", _BESIDE)
    _add(made, found, "state", _PRESENT)
    _add(made, found, "consistency", _consistency(fixed))
    _add(made, found, "fork, of one height", _FORK)
    _add(made, found, "fork, of one size", {"no fork": (lambda v: {**v, "second": v["first"]}, "no-fork")})
    _add(made, found, "bundle", _BUNDLE)
    return made


def _add(made: dict[str, tuple[str, bytes, str]], found: Mapping[str, bytes], of: str, changes: Changes) -> None:
    for name, (change, code) in changes.items():
        made[f"{of}: {name}"] = (of, edited(found[of], change), code)


def _put(*path: Any) -> Change:
    """Sets what stands at a path: names and places, and last the value."""
    *way, name, new = path

    def change(value: Any) -> None:
        for step in way:
            value = value[step]
        value[name] = new(value.get(name) if isinstance(value, dict) else value[name]) if callable(new) else new

    return change


def _drop(*path: Any) -> Change:
    *way, name = path

    def change(value: Any) -> None:
        for step in way:
            value = value[step]
        del value[name]

    return change


def _more(value: int) -> int:
    return value + 1


_COMMON: Final[Changes] = {
    "another version": (_put("v", 2), "unknown-version"),
    "a version that is true": (_put("v", True), "unknown-version"),
    "another kind": (_put("kind", "statement"), "unknown-kind"),
    "no kind": (_drop("kind"), "unknown-kind"),
    "another network": (_put("network", _ZEROS), "wrong-network"),
    "a field more": (_put("more", None), "malformed"),
    "no object": (lambda value: [value], "unknown-kind"),
}
_RECORD: Final[Changes] = {
    "another result": (_put("leaf", "result", "code", "no"), "inclusion-invalid"),
    "another body": (_put("leaf", "record", "body", "count", 3), "inclusion-invalid"),
    "a signature left out": (_drop("leaf", "signatures", 1), "inclusion-invalid"),
    "another log index": (_put("log_index", _more), "inclusion-invalid"),
    "the header's log index": (lambda v: {**v, "log_index": v["header"]["log_size"]}, "header-invalid"),
    "a key left out": (_drop("keys", 1), "key-invalid"),
    "keys the other way round": (lambda v: {**v, "keys": v["keys"][::-1]}, "key-invalid"),
    "another member": (_put("keys", 0, "entry", "member", "bob"), "key-invalid"),
    "a key's entry left out": (_put("keys", 0, "entry", None), "key-invalid"),
    "a key one level deeper": (_put("keys", 0, "depth", _more), "key-invalid"),
    "a key's depth that is true": (_put("keys", 0, "depth", True), "key-invalid"),
    "another leaf beside an entry": (_put("keys", 0, "other", {"path": _ZEROS, "value_hash": _ZEROS}), "key-invalid"),
    "a sibling less": (_put("siblings", lambda text: text[:-43]), "key-invalid"),
    "a sibling more": (_put("siblings", lambda text: text + "."), "key-invalid"),
    "a sibling with stray bits": (_put("siblings", lambda text: text[:42] + _stray(text[42]) + text[43:]), "key-invalid"),
    "siblings in a list": (_put("siblings", split), "key-invalid"),
    "a part revealed that is not there": (_put("revealed", "letter", _ZEROS), "revealed-invalid"),
    "revealed is no object": (_put("revealed", []), "malformed"),
}
_STATE: Final[Changes] = {
    "another value": (_put("value", {"count": 7}), "state-proof-invalid"),
    "another key": (_put("key", "note/b"), "state-proof-invalid"),
    "a key that is not ASCII": (_put("key", "note/\u00e9"), "malformed"),
    "a sibling more": (_put("siblings", lambda text: text + "A" * 42 + "E"), "state-proof-invalid"),
    "an empty sibling more": (_put("siblings", lambda text: text + "."), "state-proof-invalid"),
    "a sibling less": (_put("siblings", lambda text: "".join(split(text)[:-1])), "state-proof-invalid"),
    "one level deeper": (_put("depth", _more), "state-proof-invalid"),
    "a depth of too many levels": (_put("depth", 257), "state-proof-invalid"),
    "the other leaf of nothing": (_put("other", {}), "state-proof-invalid"),
}
_PRESENT: Final[Changes] = {
    "absence": (_put("value", None), "state-proof-invalid"),
    "its own leaf as the other": (_put("other", {"path": _ZEROS, "value_hash": _ZEROS}), "state-proof-invalid"),
}
_BESIDE: Final[Changes] = {
    "no other leaf": (_put("other", None), "state-proof-invalid"),
    "another other leaf": (_put("other", "path", "11" * 32), "state-proof-invalid"),
    "another value of it": (_put("other", "value_hash", "11" * 32), "state-proof-invalid"),
    "its path in upper case": (_put("other", "path", lambda path: path.upper()), "state-proof-invalid"),
    "half of it": (_drop("other", "value_hash"), "state-proof-invalid"),
}
_FORK: Final[Changes] = {
    "the same side twice": (lambda v: {**v, "second": v["first"]}, "no-fork"),
    "another header": (_put("second", "header", "time", _more), "inclusion-invalid"),
    "a path cut short": (_put("second", "inclusion", lambda text: text[:-43]), "inclusion-invalid"),
    "a path in hex": (_put("second", "inclusion", lambda _: [_ZEROS]), "inclusion-invalid"),
    "one header left out": (_put("second", "header", None), "header-invalid"),
    "the first header left out": (_put("first", "header", None), "malformed"),
}
_BUNDLE: Final[Changes] = {
    "empty": (_put("files", []), "malformed"),
    "more than sixteen": (_put("files", lambda files: [*files[:1] * 17]), "malformed"),
    "a bundle in it": (_put("files", lambda files: [{"v": 1, "kind": "bundle", "files": []}]), "unknown-kind"),
    "a file of another network in it": (_put("files", 0, "network", _ZEROS), "wrong-network"),
    "a file that does not hold in it": (_put("files", 0, "value", None), "state-proof-invalid"),
}


def _anchored_changes(fixed: Fixed) -> Changes:
    other = fixed.note(2)
    return {
        "another time": (_put("header", "time", _more), "inclusion-invalid"),
        "another state root": (_put("header", "state_root", _ZEROS), "inclusion-invalid"),
        "a header of another network": (_put("header", "network", _ZEROS), "header-invalid"),
        "a header without rules": (_drop("header", "rules"), "header-invalid"),
        "a header's float-like time": (_put("header", "time", "1"), "header-invalid"),
        "a path cut short": (_put("inclusion", lambda text: text[:-43]), "inclusion-invalid"),
        "a path with a hash more": (_put("inclusion", lambda text: text + "A" * 42 + "E"), "inclusion-invalid"),
        "a path with an empty subtree": (_put("inclusion", lambda text: "." + text), "inclusion-invalid"),
        "a path with stray bits": (_put("inclusion", lambda text: text[:-1] + _stray(text[-1])), "inclusion-invalid"),
        "a path that is padded": (_put("inclusion", lambda text: text + "="), "inclusion-invalid"),
        "a path in a list": (_put("inclusion", split), "inclusion-invalid"),
        "the note of another log size": (_put("checkpoint", other), "inclusion-invalid"),
        "a note cut off": (_put("checkpoint", lambda note: note[:-1]), "bad-checkpoint"),
        "a note whose signature is changed": (_put("checkpoint", lambda note: _byte_of_last_line(note, 30)), "operator-not-trusted"),
        "no note": (_put("checkpoint", None), "bad-checkpoint"),
    }


def _revealed(fixed: Fixed) -> Changes:
    return {
        "another content key": (_put("revealed", "letter", fixed.keys["secret"].hex()), "revealed-invalid"),
        "a content key cut short": (_put("revealed", "letter", lambda key: key[:-2]), "revealed-invalid"),
        "a secret": (_put("revealed", "secret", fixed.keys["secret"].hex()), "secret-revealed"),
        "a part that is not there": (_put("revealed", "note", _ZEROS), "revealed-invalid"),
    }


def _consistency(fixed: Fixed) -> Changes:
    with fixed.other.store.reading() as reader:
        theirs = reader.checkpoint(2) or ""
    return {
        "the wrong way round": (lambda v: {**v, "first": v["second"], "second": v["first"]}, "consistency-invalid"),
        "the note of another history": (_put("first", theirs), "consistency-invalid"),
        "a path cut short": (_put("proof", lambda text: text[:-43]), "consistency-invalid"),
        "a path with a hash more": (_put("proof", lambda text: text + "A" * 42 + "E"), "consistency-invalid"),
        "no path": (_put("proof", ""), "consistency-invalid"),
        "a path in a list": (_put("proof", split), "consistency-invalid"),
        "a note cut off": (_put("first", lambda note: note[:-1]), "bad-checkpoint"),
    }


def _forged(fixed: Fixed) -> dict[str, tuple[bytes, str]]:
    """What an operator signs that lies: everything in it is its true word, only what the signers did not do is wrong."""
    core = {**fixed.one.author.core("note.put", {"key": "forged", "count": 1}, [ANNE, ANNE_CHECK]), "nonce": "5a" * 16}
    digest = bytes.fromhex(record_id(canonical.encode(core)))
    made = [signature(key, digest) for key in (ANNE, ANNE_CHECK)]
    entries = {key_id(ANNE): entry(ANNE), key_id(ANNE_CHECK): entry(ANNE_CHECK, purpose="check")}
    forger = Forger(cast(Files, fixed))

    def document(signatures: list[bytes] = made, result: Any = None, **changes: Any) -> bytes:
        leaf = {"record": core, "result": {"code": "ok"} if result is None else result, "signatures": [each.hex() for each in signatures]}
        changed = {**entries, key_id(ANNE): {**entries[key_id(ANNE)], **changes}}
        return canonical.encode(forger.document(leaf, {name: each for name, each in changed.items() if each.get("alg")}))

    return {
        "as it should be": (document(), ""),
        "a high s": (document([high_s(made[0]), made[1]]), "bad-signature"),
        "a signature missing": (document(made[:1]), "bad-signature"),
        "a signature too many": (document([*made, made[0]]), "bad-signature"),
        "signatures swapped": (document(made[::-1]), "bad-signature"),
        "a signature of another": (document([made[0], signature(BOB, digest)]), "bad-signature"),
        "a key added later": (document(added_at=3), "key-not-alive"),
        "a key added at its own place": (document(added_at=2), "key-not-alive"),
        "a key that had ended": (document(revoked_at=2), "key-not-alive"),
        "a key for sealing": (document(purpose="seal"), "key-invalid"),
        "a one-time key of another object": (document(purpose="once", object=_ZEROS), "key-invalid"),
        "another's public key": (document(public=entry(BOB)["public"]), "key-invalid"),
        "an unknown key": (document(alg=None), "key-invalid"),
        "a result without a code": (document(result={}), "malformed"),
    }


def _single_bytes(name: str, document: bytes, files: Mapping[str, bytes]) -> list[Family]:
    """One bit of one byte changed, at places all over the document: none of them may hold."""
    which = "two witnesses" if name.endswith("cosigned") else "plain"
    made = []
    for at in range(len(name) % _STEP, len(document), _STEP):
        changed = document[:at] + bytes([document[at] ^ 1]) + document[at + 1 :]
        verdict = verify(changed, files[which])
        assert not verdict.ok, (name, at, changed[at - 20 : at + 20])
        made.append({"name": f"{name}: byte {at}", "document": name, "trust": which, **splice(document, changed), "code": verdict.code})
    return made


def _absent_beside_another(reader: Any) -> bytes:
    """Of a key that is not there, on whose way another's leaf stands."""
    made = (state_proof(reader, f"note/nothing-{number}") for number in count())
    return next(each for each in made if b'"other":{' in each)


def _side(reader: Any, height: int) -> dict[str, Any]:
    header = reader.header(height)
    path = reader.inclusion_proof(header.log_size, reader.head.log_size + 1)
    return {"checkpoint": reader.checkpoint(), "header": header.to_json(), "inclusion": [each.hex() for each in path]}


def _bare(note: str) -> dict[str, Any]:
    return {"checkpoint": note, "header": None, "inclusion": None}


def _code(document: bytes, believed: bytes, code: str) -> str:
    """The code that is expected, once the verifier gives it."""
    found = verify(document, believed).code
    assert found == code, (found, code, document[-200:])
    return code


def _byte_of_last_line(note: str, place: int) -> str:
    """A note with one base64 digit of its last signature line changed."""
    at = note.rindex(" ") + 1 + place
    return note[:at] + _next_digit(note[at]) + note[at + 1 :]


def _stray(digit: str) -> str:
    """The last base64url digit of a hash with a bit in it that belongs to no byte."""
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return digits[digits.index(digit) ^ 1]


def _next_digit(digit: str) -> str:
    return "B" if digit == "A" else chr(ord(digit) - 1) if digit not in "0a+/" else "A"


def _texts(found: Mapping[str, bytes]) -> dict[str, str]:
    return {name: data.decode() for name, data in found.items()}
