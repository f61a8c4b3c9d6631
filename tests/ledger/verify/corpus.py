"""Documents that between them touch every line of the verifier: good files, changed ones, and ones that an operator forged and signed."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger import canonical
from ledger.checkpoint import ED25519, add_cosignature, key_hash
from ledger.hashing import tagged
from ledger.keys import sign
from ledger.log_tree import leaf_hash
from ledger.record import record_id
from tests.ledger.small_ledger import ANNE, ANNE_CHECK, ANNE_SERVICE, BOB, OPERATOR, Private, key_id, private_key, public_json
from tests.ledger.verify.small_files import OPERATOR_PRIVATE, ORDER, Files, Forger, entry, high_s, leaf_of
from tests.ledger.verify.trusting import WITNESS, trust

Case = tuple[bytes, bytes]
OTHERS: Final[list[Any]] = [None, "", "x", 0, 1, -1, 2**53 - 1, True, [], {}, ["x"], {"x": 1}, "0" * 64, "é", "x" * 70_000]
_SHORT: Final[list[Any]] = [None, "x", 0, 1, True, [], {}]
CONTENT_KEY: Final = bytes(range(32))


def corpus(files: Files, sample: dict[str, bytes]) -> list[Case]:
    """Each with the trust file that it is judged under."""
    plain = trust(files.network)
    cases = [(document, plain) for document in files.documents.values()]
    cases += [(document, each) for document in sample.values() for each in trusts(files.network)]
    cases += [(sample[kind], each) for kind in ("state", "consistency") for each in ranges(files.network)]
    cases += [(_encoded(document), plain) for document in forged(files)]
    cases += [(_encoded(document), plain) for document in notes(files, sample)]
    cases += [(_encoded(document), plain) for document in lonely(files)]
    cases += [(files.documents["two"], each) for each in bad_trusts(files.network)]
    cases += [(each, plain) for each in texts(files.documents["state"])]
    for name in ("revealed", "state", "absent"):
        cases += [(each, plain) for each in varied(canonical.decode(files.documents[name]))]
    for name in ("consistency", "fork by notes", "fork by blocks"):
        cases += [(each, plain) for each in varied(canonical.decode(sample[name].removesuffix(b"\n")))]
    return _diverse_first(cases)


def _diverse_first(cases: list[Case]) -> list[Case]:
    """The same cases, in an order in which a few hundred are of every sort, so that most mutants are told soon."""
    return [case for first in range(23) for case in cases[first::23]]


def trusts(network: str) -> Iterator[bytes]:
    """Trust files that ask for witnesses or name several operators."""
    public = WITNESS.public_key().public_bytes_raw().hex()
    listed = [{"name": "w", "public": public}]
    stranger = {"name": "op", "public": "00" * 32, "first_size": 0, "last_size": None}
    operator = {"name": OPERATOR.key.name, "public": OPERATOR.key.public.hex(), "first_size": 0, "last_size": None}
    yield trust(network)
    yield trust(network, witnesses=listed)
    yield trust(network, witnesses=listed, witnesses_required=1)
    yield trust(network, witnesses=[*listed, {"name": "v", "public": "01" * 32}], witnesses_required=2)
    yield trust(network, witnesses=[{"name": "v", "public": public}], witnesses_required=1)
    yield trust(network, operators=[stranger, operator])


def ranges(network: str) -> Iterator[bytes]:
    """Trust files that believe the operator between two sizes only."""
    operator = {"name": OPERATOR.key.name, "public": OPERATOR.key.public.hex(), "first_size": 0, "last_size": None}
    for size in range(2, 14):
        for first, last in ((0, size), (size, None), (size, size)):
            yield trust(network, operators=[{**operator, "first_size": first, "last_size": last}])


def bad_trusts(network: str) -> Iterator[bytes]:
    good = canonical.decode(trust(network, witnesses=[{"name": "w", "public": "01" * 32}]))
    yield from varied(good)
    for name in ("n" * 255, "n" * 256, "a+b", "a b", "", "~", "\x7f"):
        yield canonical.encode({**good, "operators": [{**good["operators"][0], "name": name}]})
        yield canonical.encode({**good, "witnesses": [{**good["witnesses"][0], "name": name}]})
    many = [{"name": f"w{each}", "public": f"{each:064x}"} for each in range(65)]
    for count in (64, 65):
        yield canonical.encode({**good, "witnesses": many[:count], "witnesses_required": count})
    for padding in (262_144, 262_145):
        yield b" " * padding


def texts(document: bytes) -> Iterator[bytes]:
    """Bytes that are no canonical JSON, and such as are at the edge of it."""
    yield from (b"", b"\n", document + b"\n", document + b"\n\n", b" " + document, document[:-1], b"\xff", b"NaN", b"1.5", b'"\\ud800"')
    for nested in (38, 39, 40, 41, 42, 60, 100_000):
        yield b'{"kind":' + b"[" * nested + b"]" * nested + b"}"
    for number in (2**53 - 1, 2**53, -(2**53) + 1, -(2**53)):
        yield document[:-1].replace(b'"v":1', b'"v":%d' % number) + b"}"
        yield b'{"kind":%d}' % number
    yield '{"ké":1}'.encode()
    yield b'{"kind":"state","kind":"state"}'
    for size in (4_194_304, 4_194_305):
        yield b'"' + b"x" * (size - 2) + b'"'


def varied(value: Any) -> Iterator[bytes]:
    """A value with one thing in it left out, added, replaced, shortened, lengthened or turned round, at every place."""
    for path in _paths(value):
        for other in _instead(_at(value, path)):
            yield _encoded(_put(value, path, other))


def _instead(found: Any) -> Iterator[Any]:
    yield from _SHORT
    if isinstance(found, dict):
        yield {**found, "more": 1}
        for name in found:
            yield {key: item for key, item in found.items() if key != name}
    if isinstance(found, list):
        yield from (found[:-1], found[1:], [*found, *found[-1:]], [*found, "00" * 32], ["00" * 32, *found], found[::-1])
    if type(found) is int:
        yield from (found + 1, found - 1)
    if isinstance(found, str) and found:
        yield from (found.upper(), found[:-1], found + "0", found[:-1] + ("0" if found[-1] != "0" else "1"), "\x7f" + found)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ():
        yield from _paths(item, (*path, key))


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def _put(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    if not path:
        return other
    made = deepcopy(value)
    _at(made, path[:-1])[path[-1]] = other
    return made


def _encoded(value: Any) -> bytes:
    return value if isinstance(value, bytes) else canonical.encode(value)


def forged(files: Files) -> Iterator[dict[str, Any]]:
    """What an operator could sign: everything hangs together but one thing."""
    forge, anne, good = Forger(files).document, key_id(ANNE), leaf_of(files, [ANNE])
    keys = {each: entry(private) for each, private in ((anne, ANNE), (key_id(BOB), BOB), (key_id(ANNE_CHECK), ANNE_CHECK))}
    yield forge(good, keys)
    for changes in (dict.fromkeys([name], other) for name in forge(good, keys)["header"] for other in OTHERS[:14]):
        yield {**forge(good, keys, **changes), "header_log_index": changes.get("log_size", 3)}
        yield forge(good, keys, **changes)
    yield forge(good, keys, time=253_402_300_799_999)
    yield forge(good, keys, time=253_402_300_800_000)
    for added, revoked in (
        (0, None),
        (1, 3),
        (2, None),
        (3, None),
        (0, 2),
        (0, 1),
        (0, 0),
        (-1, None),
        ("0", None),
        (True, None),
        (0, "3"),
        (0, True),
    ):
        yield forge(good, {anne: entry(ANNE, added_at=added, revoked_at=revoked)})
    for name in entry(ANNE):
        yield from (forge(good, {anne: {**entry(ANNE), name: other}}) for other in OTHERS[:13])
        yield forge(good, {anne: {key: item for key, item in entry(ANNE).items() if key != name}})
    for purpose in ("check", "service", "once", "seal", "witness"):
        yield forge(good, {anne: entry(ANNE, purpose=purpose)})
    yield from (forge(good, {anne: other}) for other in (entry(BOB), {**entry(ANNE), "more": 1}))
    yield forge(good, {})
    for core in _cores(files, good["record"]):
        yield forge(
            _signed(core, [ANNE, ANNE_CHECK, BOB][: len(core["signers"])] if isinstance(core.get("signers"), list) else [ANNE]), keys
        )
    yield from (forge({**good, "result": other}, keys) for other in [*OTHERS, {"code": 1}, {"code": "ok", "more": 1}])
    yield from (forge({**good, **more}, keys) for more in ({"more": 1}, {"record": None}))
    for signatures in (*_signatures(good["signatures"][0]), "x", None, good["signatures"] * 3, good["signatures"] * 4):
        yield forge({**good, "signatures": signatures}, keys)
    yield from one_time(files, keys)
    yield from sealed(files, keys)
    for path in ([], ["00" * 32] * 64, ["00" * 32] * 65):
        yield {**forge(good, keys), "inclusion": {"record": path, "header": path}}


def _cores(files: Files, core: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name in core:
        yield from ({**core, name: other} for other in OTHERS if name != "signers" or isinstance(other, str | int | None))
        yield {key: item for key, item in core.items() if key != name}
    yield {**core, "more": 1}
    yield from ({**core, "type": "t" * count} for count in (64, 65, 66))
    three = [key_id(each) for each in (ANNE, ANNE_CHECK, BOB)]
    yield from (
        {**core, "signers": signers} for signers in (three[:2], three, [], three[:1] * 2, [*three, key_id(ANNE_SERVICE)], [three[0][:-2]])
    )


def _signed(core: dict[str, Any], by: list[Private]) -> dict[str, Any]:
    digest = bytes.fromhex(record_id(canonical.encode(core)))
    return {"record": core, "result": {"code": "ok"}, "signatures": [sign(key, digest).hex() for key in by]}


def _signatures(good: str) -> Iterator[list[str]]:
    raw = bytes.fromhex(good)
    r, s = raw[:32], raw[32:]
    half = ORDER // 2
    numbers = (0, 1, half, half + 1, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1)
    yield [high_s(raw).hex()]
    for number in numbers:
        yield [(number.to_bytes(32, "big") + s).hex()]
        yield [(r + number.to_bytes(32, "big")).hex()]
    yield from ([raw[:-1].hex()], [(raw + b"\x00").hex()], [good.upper()], [])


def one_time(files: Files, keys: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One-time keys, as author and elsewhere, registered and not, with and without the introducer."""
    forge, once = Forger(files).document, private_key("forged once")
    keys = {**keys, key_id(ANNE_SERVICE): entry(ANNE_SERVICE, purpose="service")}
    for body in (
        {"key": public_json(once)},
        {"key": {**public_json(once), "alg": "p384"}},
        {"key": {**public_json(once), "more": 1}},
        {"key": 1},
        {},
    ):
        for by in ([once, ANNE_SERVICE], [once], [ANNE_SERVICE, once], [once, ANNE], [once, ANNE_SERVICE, ANNE]):
            core = files.solo.author.core("note.once", body, by, nonce="00" * 16)
            leaf, own = _signed(core, by), record_id(canonical.encode(core))
            yield forge(leaf, keys)
            for object_id, added in ((own, 2), (own, 1), (own, 3), ("ab" * 32, 1), ("ab" * 32, 2)):
                made = entry(once, purpose="once", member=None, object=object_id, added_at=added)
                yield forge(leaf, {**keys, key_id(once): made})


def sealed(files: Files, keys: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Sealed parts that their signer made in every wrong way, and revealed."""
    commitment = tagged("content-key", CONTENT_KEY).hex()
    good = b'{"v":1}'
    padded = good + b"\x80" + bytes(504)
    pads = [padded, good + b"\x80" + bytes(503), good + b"\x80" + bytes(1016), bytes(512), b"x" * 511 + b"\x80", good + bytes(505)]
    for length in (502, 503, 504, 505, 1014, 1015, 1016):
        text = b'{"v":"' + b"x" * (length - 8) + b'"}'
        pads += [text + b"\x80" + bytes(size - length - 1) for size in (512, 1024, 2048) if size > length]
    pads += [b"[1]" + b"\x80" + bytes(508), b'{"v": 1}' + b"\x80" + bytes(503), good + b"\n\x80" + bytes(503), b"\xff\x80" + bytes(510)]
    for plain in pads:
        yield _revealing(files, keys, {"suite": 1, "key_commitment": commitment, "wraps": []}, plain)
    for changes in ({"suite": 2}, {"suite": "1"}, {"key_commitment": "00" * 32}, {"key_commitment": None}, {"more": 1}):
        yield _revealing(files, keys, {"suite": 1, "key_commitment": commitment, "wraps": [], **changes}, padded)
    for said in ("", "A", "AA", "AA==", "+/", None, 1, "é", "AB", base64.urlsafe_b64encode(bytes(527)).rstrip(b"=").decode()):
        yield _revealing(files, keys, {"suite": 1, "key_commitment": commitment, "wraps": []}, padded, text=said)
    document = _revealing(files, keys, {"suite": 1, "key_commitment": commitment, "wraps": []}, padded)
    yield from (
        {**document, "revealed": other} for other in (*OTHERS[:14], {"secret": CONTENT_KEY.hex()}, {"letter": "00"}, {"lett": "00" * 32})
    )


def _revealing(files: Files, keys: dict[str, Any], part: dict[str, Any], plain: bytes, **changes: Any) -> dict[str, Any]:
    core = files.solo.author.core("note.put", {"key": "sealed", "count": 1}, [ANNE], nonce="00" * 16)
    record = {name: value for name, value in core.items() if name != "sealed"}
    context = tagged("sealed-part", canonical.encode({"part": "letter", "record": record}))
    text = base64.urlsafe_b64encode(AESGCM(CONTENT_KEY).encrypt(bytes(12), plain, context)).rstrip(b"=").decode()
    core["sealed"] = {"letter": {**part, "text": text, **changes}, "odd": 1, "secret": {}}
    return {**Forger(files).document(_signed(core, [ANNE]), keys), "revealed": {"letter": CONTENT_KEY.hex()}}


def notes(files: Files, sample: dict[str, bytes]) -> Iterator[dict[str, Any]]:
    """Notes of every form, all truly signed."""
    document = canonical.decode(files.documents["state"])
    origin, size, root = document["checkpoint"].split("\n")[:3]
    short, odd = base64.b64encode(bytes(31)).decode(), root[:-2] + ("B=" if root[-2] != "B" else "C=")
    sizes = ("0", "00", f"0{size}", f"+{size}", f" {size}", "-1", "x", "", "9" * 16, "9" * 17)
    bodies = [[origin, each, root] for each in sizes] + [[origin, size, each] for each in (short, odd, "", "!", root + root)]
    bodies += [[each, size, root] for each in ("", "tallystick/", f"{origin} ", origin.upper())]
    bodies += [[origin, size], [origin, size, root, "more"], []]
    yield from ({**document, "checkpoint": _note(lines)} for lines in bodies)
    good = _note([origin, size, root])
    line = good.split("\n")[-2]
    head, made = good[: -len(line) - 1], add_cosignature(good, "w", WITNESS, 1).split("\n")[-2]
    lines = (
        line[1:],
        line.replace("\u2014", "-"),
        f"{line} ",
        line.replace(" op ", "  op "),
        line.replace(" op ", " o+p "),
        line[:-2],
        made,
    )
    for each in (*lines, "", line[:-4], "\u2014 op AAAA", f"\u2014 {'n' * 255} AAAA", f"\u2014 {'n' * 256} AAAA"):
        yield {**document, "checkpoint": f"{head}{each}\n"}
        yield {**document, "checkpoint": f"{good}{each}\n"}
    for count in (63, 64):
        yield {**document, "checkpoint": good + f"{made}\n" * count}
    yield from (
        {**document, "checkpoint": other}
        for other in (good[:-1], good + "\n", "\n" + good, good + "x" * 70_000, head, good.replace("\n\n", "\n"))
    )
    for at in ("first", "second"):
        for name in ("consistency", "fork by notes"):
            found = canonical.decode(sample[name].removesuffix(b"\n"))
            yield {**found, at: found["second" if at == "first" else "first"]}


def lonely(files: Files) -> Iterator[dict[str, Any]]:
    """A log of one leaf, a header under which there is nothing at all; and the same in longer logs that say it stands elsewhere."""
    made = canonical.decode(files.documents["absent"])
    header = {**made["header"], "log_size": 0, "state_root": "00" * 32}
    root = leaf_hash(canonical.encode({"header": header}))
    for size in (0, 1, 2):
        note = _note([f"tallystick/{files.network}", str(size), base64.b64encode(root).decode()])
        below = {"header": header, "header_log_index": 0, "inclusion": {"header": []}, "checkpoint": note}
        yield {**made, **below, "proof": {"siblings": [], "terminal": None}}
        yield {**made, **below, "proof": {"siblings": ["00" * 32], "terminal": None}}


def _note(lines: list[str]) -> str:
    body = "".join(f"{line}\n" for line in lines)
    hashed = key_hash(OPERATOR.key.name, ED25519, OPERATOR.key.public)
    return f"{body}\n\u2014 {OPERATOR.key.name} {base64.b64encode(hashed + OPERATOR_PRIVATE.sign(body.encode())).decode()}\n"
