"""What the verifier's checks are made of, at its edges: JSON, shapes, headers, signatures, and trees of every small size."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from hashlib import sha256
from itertools import combinations
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ledger import log_tree
from ledger.keys import sign
from ledger.verify import blocks, merkle, records, signatures, strict_json, verify
from ledger.verify.blocks import Verdict
from tests.ledger.small_ledger import ANNE, public_json
from tests.ledger.test_log_tree import Nodes
from tests.ledger.verify.packing import other_texts, packed, split, spoilt_hashes
from tests.ledger.verify.test_vectors import code_of

INTEGER_MAX: Final = 2**53 - 1
ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SIZES: Final = range(1, 18)
ONE: Final = b"\x01" * 32


# JSON


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"1", None),
        (b"1\n", None),
        (b"1\n\n", "not-canonical"),
        (b"\n1", "not-canonical"),
        (b"", "not-json"),
        (b"\n", "not-json"),
        (b"{", "not-json"),
        (b"\xff", "not-json"),
        (b"\xef\xbb\xbf1", "not-json"),
        (b"1.5", "not-canonical"),
        (b"1e1", "not-canonical"),
        (b"NaN", "not-canonical"),
        (b"-Infinity", "not-canonical"),
        (b"-0", "not-canonical"),
        (b'"\\ud800"', "not-canonical"),
        (b'"\\u0041"', "not-canonical"),
        ('"\u9752"'.encode(), None),
        ('{"\u9752":1}'.encode(), "not-canonical"),
        (b'{"b":1,"a":1}', "not-canonical"),
        (b'{"a":1,"a":1}', "not-canonical"),
        (b'{"a": 1}', "not-canonical"),
        (b"[1, 2]", "not-canonical"),
        (b"%d" % INTEGER_MAX, None),
        (b"%d" % -INTEGER_MAX, None),
        (b"%d" % (INTEGER_MAX + 1), "not-canonical"),
        (b"%d" % (-INTEGER_MAX - 1), "not-canonical"),
        (b'[{"a":[%d]}]' % (INTEGER_MAX + 1), "not-canonical"),
        (b"[" * 40 + b"1" + b"]" * 40, None),
        (b"[" * 41 + b"1" + b"]" * 41, "not-canonical"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, None),
        (b'{"a":' * 41 + b"1" + b"}" * 41, "not-canonical"),
        (b"[" * 41 + b"]" * 41, None),
        (b"[" * 42 + b"]" * 42, "not-canonical"),
        (b"[" * 100_000 + b"]" * 100_000, "not-json"),
    ],
)
def test_which_bytes_are_a_document(data: bytes, code: str | None) -> None:
    assert code_of(strict_json.decode, data, 1_000_000) == code


def test_how_many_bytes_are_read() -> None:
    assert strict_json.decode(b'"xy"', 4) == "xy"
    assert code_of(strict_json.decode, b'"xy"', 3) == "oversize"
    assert strict_json.decode(b'"xy"\n', 5) == "xy"
    assert code_of(strict_json.decode, b'"xy"\n', 4) == "oversize"
    assert code_of(strict_json.decode, '"xy"', 9) == "oversize"
    assert code_of(strict_json.decode, bytearray(b'"xy"'), 9) == "oversize"


@pytest.mark.parametrize(("size", "code"), [(4_194_304, "unknown-kind"), (4_194_305, "oversize")])
def test_how_large_a_proof_file_may_be(size: int, code: str) -> None:
    trust = strict_json.encode({"v": 1, "network": "ab" * 32, "engine": "solo", "operators": [], "witnesses": [], "witnesses_required": 0})
    assert verify(b'"' + b"x" * (size - 2) + b'"', trust).code == code


def test_canonical_bytes() -> None:
    value = {"b": [1, None, True, {}, []], "a": "\u9752\n", "": -1}
    assert strict_json.encode(value) == '{"":-1,"a":"\u9752\\n","b":[1,null,true,{},[]]}'.encode()
    assert code_of(strict_json.encode, "\ud800") == "not-canonical"
    assert code_of(strict_json.encode, [{"a": 2**53}]) == "not-canonical"


def test_what_is_invalid_says_its_code() -> None:
    assert (str(strict_json.Invalid("some-code")), strict_json.Invalid("some-code").code) == ("some-code", "some-code")


# Shapes


def flip(check: Callable[..., Any]) -> Callable[..., Any]:
    """The check with its limit first and the value second."""
    return lambda limit, value, *code: check(value, limit, *code)


SHAPES: Final[list[tuple[Callable[..., Any], list[Any], list[Any]]]] = [
    (partial(flip(strict_json.fields), ("a", "b")), [{"a": 1, "b": 2}], [{}, {"a": 1}, {"a": 1, "b": 2, "c": 3}, [], None]),
    (partial(flip(strict_json.items), 2), [[], [1, 2]], [[1, 2, 3], {}, None, "ab"]),
    (strict_json.integer, [0, 1, INTEGER_MAX], [-1, True, False, "1", None]),
    (partial(flip(strict_json.text), 2), ["", "ab", "\u9752\u9752"], ["abc", None, 1, b"ab"]),
    (partial(flip(strict_json.unhex), 2), ["00ff"], ["00f", "00fF", "00FF", "00ff0", "00ff00", "00f\n", "0xff", " 0ff", None, 1, ""]),
]


@pytest.mark.parametrize(("check", "good", "bad"), SHAPES)
def test_shapes(check: Callable[..., Any], good: list[Any], bad: list[Any]) -> None:
    for value in good:
        assert check(value) == (bytes.fromhex(value) if value == "00ff" else value)
        assert check(value, "some-code") == check(value)
    for value in bad:
        assert code_of(check, value) == "malformed", value
        assert code_of(check, value, "some-code") == "some-code", value


@pytest.mark.parametrize("value", ["", "abc", "a\n", "\n", "\x1f", "\x7f", "\u00e9", None, 1])
def test_what_is_not_printable_ascii(value: Any) -> None:
    assert strict_json.ascii_text(" ~", 2) == " ~"
    assert code_of(strict_json.ascii_text, value, 2) == "malformed"


# Headers and verdicts


WRONG_NUMBERS: Final[list[Any]] = [None, -1, True, "1", []]
WRONG_HASHES: Final[list[Any]] = [None, "", "ab" * 31, "AB" * 32, 1]


def header(**changes: Any) -> dict[str, Any]:
    hashes = dict.fromkeys(("previous", "log_root", "state_root"), "cd" * 32)
    made = {"v": 1, "network": "ab" * 32, "height": 1, "engine_height": 1, "time": 0, "log_size": 0, "rules": 1}
    return {**made, **hashes, **changes}


def checked(value: Any) -> str | None:
    """The code for a header that stands alone in a log."""
    root = sha256(b"\x00" + strict_json.encode({"header": value})).digest()
    return code_of(blocks.check_header, value, "", 1, root, "ab" * 32)


def test_a_header_alone_in_its_log() -> None:
    assert checked(header()) is None
    assert checked(header(log_size=1)) == "inclusion-invalid"
    for name in ("v", "height", "engine_height", "time", "log_size", "rules"):
        assert {checked(header(**{name: other})) for other in WRONG_NUMBERS} == {"header-invalid"}, name
    for name in ("network", "previous", "log_root", "state_root"):
        assert {checked(header(**{name: other})) for other in WRONG_HASHES} == {"header-invalid"}, name
    others: list[Any] = [header(v=0), header(v=2), header(network="ba" * 32), {**header(), "more": 1}, {}, None]
    for other in others:
        assert checked(other) == "header-invalid"


def test_the_time_of_a_block() -> None:
    assert blocks.as_of(header()) == {"height": 1, "time": "1970-01-01T00:00:00.000Z"}
    assert blocks.as_of(header(time=253_402_300_799_999, height=7)) == {"height": 7, "time": "9999-12-31T23:59:59.999Z"}
    for time in (253_402_300_800_000, INTEGER_MAX):
        assert code_of(blocks.as_of, header(time=time)) == "header-invalid"


def test_a_verdict_says_nothing_by_itself() -> None:
    verdict = Verdict(ok=False, code="x")
    assert (verdict.proves, verdict.does_not_prove, verdict.entries, verdict.records, verdict.parts) == ([], [], [], [], [])
    assert verdict.as_of is None
    assert verdict.revealed == {}


# Signatures


def test_a_signature_has_one_form_only() -> None:
    key = bytes.fromhex(public_json(ANNE)["public"])
    digest = sha256(b"said").digest()
    made = sign(ANNE, digest)
    r, s = int.from_bytes(made[:32], "big"), int.from_bytes(made[32:], "big")
    assert signatures.p256_holds(key, made, digest) is True
    numbers = (0, r, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1)
    others = [(r, other) for other in (0, ORDER - s, ORDER // 2, ORDER // 2 + 1, ORDER - 1, ORDER)] + [
        (other, s) for other in numbers if other != r
    ]
    for pair in others:
        assert signatures.p256_holds(key, b"".join(number.to_bytes(32, "big") for number in pair), digest) is False, pair
    for other in (made[:-1], made[:32] + b"\x00" + made[32:], made + b"\x00", b"", made[:32], made + made[:32], b"\x00" + made):
        assert signatures.p256_holds(key, other, digest) is False
    for point in (b"", key[1:], key[:-1], b"\x05" + key[1:], b"\x02" + b"\xff" * 32, key + b"\x00"):
        assert signatures.p256_holds(point, made, digest) is False
    assert signatures.p256_holds(key, made, sha256(b"says").digest()) is False
    other_curve = ec.derive_private_key(7, ec.SECP384R1()).public_key()
    assert other_curve.curve.name == "secp384r1"


@pytest.mark.parametrize("public", ["zz" * 33, "AB" * 33, "0" * 65, "00" * 32, ""], ids=range(5))
def test_a_key_is_named_by_its_bytes_and_has_to_be_one(public: str) -> None:
    id_ = signatures.key_id("p256", public)
    entry = {"alg": "p256", "public": public, "purpose": "make", "member": "anne", "object": None, "added_at": 0, "revoked_at": None}
    listed = {name: entry.get(name) for name in sorted(records._ENTRY)}
    for found, body in ((listed, {}), (None, {"key": {"alg": "p256", "public": public}})):
        with pytest.raises(strict_json.Invalid) as caught:
            records._signer(id_, found, {"body": body}, "00" * 32, 1, author=True)
        assert caught.value.code == "key-invalid"


def test_only_the_author_may_bring_its_own_key() -> None:
    public = public_json(ANNE)["public"]
    record = {"body": {"key": {"alg": "p256", "public": public}}}
    key = signatures.key_id("p256", public)
    assert records._signer(key, None, record, "00" * 32, 1, author=True)[0].hex() == public
    with pytest.raises(strict_json.Invalid, match="key-invalid"):
        records._signer(key, None, record, "00" * 32, 1, author=False)


def test_signatures_at_the_edge_of_low_s() -> None:
    """A public key is found that makes a signature of r and s = half the order hold: that is the last that does, and 1 the first."""
    digest = sha256(b"edge").digest()
    e = int.from_bytes(digest, "big")
    nonce = ec.derive_private_key(5, ec.SECP256R1())
    r = nonce.public_key().public_numbers().x % ORDER
    for s, holds in ((1, True), (2, True), (ORDER // 2 - 1, True), (ORDER // 2, True), (ORDER // 2 + 1, False), (ORDER // 2 + 2, False)):
        private = (s * 5 - e) * pow(r, -1, ORDER) % ORDER
        public = bytes.fromhex(public_json(ec.derive_private_key(private, ec.SECP256R1()))["public"])
        assert signatures.p256_holds(public, r.to_bytes(32, "big") + s.to_bytes(32, "big"), digest) is holds, s


def test_the_key_that_a_body_gives() -> None:
    given = public_json(ANNE)
    wanted = signatures.key_id("p256", given["public"])
    assert signatures.body_key({"a": 1, "b": {}, "key": given, "z": given}, wanted) == given["public"]
    for body in (
        {},
        {"key": 1},
        {"key": {**given, "more": 1}},
        {"key": {**given, "alg": "p384"}},
        {"key": {**given, "public": 1}},
        {"key": [given]},
    ):
        assert signatures.body_key(body, wanted) is None, body
    assert signatures.body_key({"key": given}, "00" * 32) is None


# Trees


@cache
def log() -> Nodes:
    nodes = Nodes()
    nodes.append([log_tree.leaf_hash(b"%d" % index) for index in range(max(SIZES))])
    return nodes


@pytest.mark.parametrize("size", SIZES)
def test_every_leaf_of_every_small_log_and_no_other_way_up(size: int) -> None:
    root = log_tree.root_at(size, log())
    for index in range(size):
        path, leaves = packed(log_tree.inclusion_proof(index, size, log())), {index: b"%d" % index}
        assert code_of(merkle.check_inclusion, leaves, size, path, root) is None
        others: list[Any] = [*other_texts(path), path + packed([root]), None, {}, [], ["00" * 32]]
        for other in others:
            assert code_of(merkle.check_inclusion, leaves, size, other, root) == "inclusion-invalid"
        for leaf, at, of, under in ((b"x", index, size, root), (b"%d" % index, index, size, bytes(32)), (b"%d" % index, -1, size, root)):
            assert code_of(merkle.check_inclusion, {at: leaf}, of, path, under) == "inclusion-invalid"
        for at in {0, 1, index - 1, index + 1, size - 1, size, size + 1} - {index}:
            assert code_of(merkle.check_inclusion, {at: b"%d" % index}, size, path, root) == "inclusion-invalid", at
        assert code_of(merkle.check_inclusion, leaves, index, path, root) == "inclusion-invalid"


@pytest.mark.parametrize("size", range(2, 14))
def test_every_two_leaves_of_every_small_log_and_no_other_way_up(size: int) -> None:
    root = log_tree.root_at(size, log())
    for first, second in combinations(range(size), 2):
        leaves = {first: b"%d" % first, second: b"%d" % second}
        path = packed(log_tree.joint_inclusion_proof((first, second), size, log()))
        assert code_of(merkle.check_inclusion, leaves, size, path, root) is None
        alone = [log_tree.inclusion_proof(each, size, log()) for each in leaves]
        assert len(path) < 43 * len(set(alone[0] + alone[1])), "what one leaf gives is not sent for the other"
        for other in (*other_texts(path), *map(packed, alone), packed(alone[0] + alone[1])):
            assert code_of(merkle.check_inclusion, leaves, size, other, root) == "inclusion-invalid", other
        for wrong in (
            {first: b"x", second: leaves[second]},
            {first: leaves[first], second: b"x"},
            {first: leaves[first]},
            {second: b"%d" % second},
        ):
            assert code_of(merkle.check_inclusion, wrong, size, path, root) == "inclusion-invalid", wrong
        for swapped in (
            {first: leaves[second], second: leaves[first]},
            {first: leaves[first], size: leaves[second]},
            {-1: leaves[first], **leaves},
        ):
            assert code_of(merkle.check_inclusion, swapped, size, path, root) == "inclusion-invalid", swapped


@pytest.mark.parametrize("second", SIZES)
def test_every_beginning_of_every_small_log_and_no_other_proof(second: int) -> None:
    code = "consistency-invalid"
    for first in range(1, second + 1):
        roots = [log_tree.root_at(size, log()) for size in (first, second)]
        path = packed(log_tree.consistency_proof(first, second, log()))
        assert code_of(merkle.check_consistency, first, roots[0], second, roots[1], path) is None
        others: list[Any] = [*other_texts(path), packed([roots[0]]) + path, None, {}, [], "00", packed([ONE] * 129)]
        for other in others:
            assert code_of(merkle.check_consistency, first, roots[0], second, roots[1], other) == code, (first, other)
        assert code_of(merkle.check_consistency, first, bytes(32), second, roots[1], path) == code
        assert code_of(merkle.check_consistency, first, roots[0], second, bytes(32), path) == code
        if first < second:
            assert code_of(merkle.check_consistency, second, roots[1], first, roots[0], path) == code
    for first in (0, -1):
        for path in ("", packed([bytes(32)])):
            assert code_of(merkle.check_consistency, first, log_tree.EMPTY_ROOT, second, log_tree.root_at(second, log()), path) == code


@pytest.mark.parametrize(("length", "check"), [(64, "inclusion"), (65, "inclusion"), (128, "consistency"), (129, "consistency")])
def test_no_log_is_so_large_that_its_proofs_are_so_long(length: int, check: str) -> None:
    """A log of 2**64 leaves, of which only the way up is made."""
    path, node = packed([ONE] * length), sha256(b"\x00").digest()
    for _ in range(length):
        node = sha256(b"\x01" + node + ONE).digest()
    if check == "inclusion":
        expected = None if length <= 64 else "inclusion-invalid"
        assert code_of(merkle.check_inclusion, {0: b""}, 2**length, path, node) == expected
    else:
        first = second = sha256(b"\x00").digest()
        for _ in range(length):
            second = sha256(b"\x01" + second + ONE).digest()
        expected = None if length <= 128 else "consistency-invalid"
        assert code_of(merkle.check_consistency, 1, first, 2**length, second, path) == expected


def leaf_node(path: bytes, value_hash: bytes = bytes(32)) -> bytes:
    return sha256(b"\x02" + path + value_hash).digest()


def climbed(path: bytes, node: bytes, siblings: list[bytes]) -> bytes:
    """The root above a node, whose siblings are given from the root down."""
    for depth in reversed(range(len(siblings))):
        right = path[depth // 8] >> 7 - depth % 8 & 1
        node = sha256(b"\x03" + (siblings[depth] + node if right else node + siblings[depth])).digest()
    return node


def flipped(path: bytes, bit: int) -> bytes:
    return (int.from_bytes(path) ^ 1 << 255 - bit).to_bytes(32)


def state_code(root: bytes, shown: list[tuple[str, Any, int, bytes | None]], siblings: list[bytes]) -> str | None:
    """The code for keys with their values, depths, and the paths of the other leaves there; siblings are given from the leaf up."""
    others = [None if other is None else {"path": other.hex(), "value_hash": "00" * 32} for *_, other in shown]
    places = [{"depth": depth, "other": other} for (_, _, depth, _), other in zip(shown, others, strict=True)]
    entries = [(key, value, place) for (key, value, _, _), place in zip(shown, places, strict=True)]
    return code_of(merkle.check_state, root, entries, packed(siblings), "some-code")


@pytest.mark.parametrize("bit", [0, 1, 2, 3, 4, 255])
def test_another_leaf_shows_absence_only_where_the_way_to_the_key_ends_at_it(bit: int) -> None:
    """Whoever makes the root can hang a leaf where it does not belong; three siblings fix the first three bits of the path."""
    path = sha256(b"key").digest()
    other = flipped(path, bit)
    siblings = [sha256(b"%d" % depth).digest() for depth in range(3)]
    root = climbed(path, leaf_node(other), siblings)
    assert state_code(root, [("key", None, 3, other)], siblings[::-1]) == ("some-code" if bit < 3 else None)


@pytest.mark.parametrize("depth", [0, 1, 8, 255, 256, 257])
def test_how_deep_the_way_to_a_key_may_be(depth: int) -> None:
    path = sha256(b"key").digest()
    siblings = [sha256(b"%d" % level).digest() for level in range(depth)]
    held, value = {"count": 1}, sha256(b'{"count":1}').digest()
    if depth <= 256:
        assert state_code(climbed(path, leaf_node(path, value), siblings), [("key", held, depth, None)], siblings[::-1]) is None
        assert state_code(climbed(path, bytes(32), siblings), [("key", None, depth, None)], siblings[::-1]) is None
    else:
        root = climbed(path + b"\x00", leaf_node(path, value), siblings)
        assert state_code(root, [("key", held, depth, None)], siblings[::-1]) == "some-code"


def test_no_way_ends_beside_an_empty_subtree() -> None:
    path, value = sha256(b"key").digest(), sha256(b"1").digest()
    one, two = sha256(b"one").digest(), sha256(b"two").digest()
    for siblings, code in (([one, two], None), ([bytes(32), two], None), ([one, bytes(32)], "some-code"), ([bytes(32)] * 2, "some-code")):
        for node, shown in ((leaf_node(path, value), ("key", 1, 2, None)), (bytes(32), ("key", None, 2, None))):
            assert state_code(climbed(path, node, siblings), [shown], siblings[::-1]) == code, siblings


def test_several_ways_in_one_tree() -> None:
    """Two keys whose ways part at the first level; one key's own leaf where the way of an absent one ends; and two that contradict."""
    keys = {f"{number}": sha256(b"%d" % number).digest() for number in range(40)}
    left = next(key for key, path in keys.items() if path[0] < 0x80)
    right = next(key for key, path in keys.items() if path[0] >= 0x80)
    beside = next(key for key, path in keys.items() if path[0] < 0x80 and key != left)
    value, sibling = sha256(b"1").digest(), sha256(b"sibling").digest()
    ends = leaf_node(keys[left], value), leaf_node(keys[right], value)
    root = sha256(b"\x03" + ends[0] + ends[1]).digest()
    both: list[tuple[str, Any, int, bytes | None]] = [(left, 1, 1, None), (right, 1, 1, None)]
    assert state_code(root, both, []) is None
    assert state_code(root, both[::-1], []) is None
    assert state_code(root, both, [sibling]) == "some-code"
    assert state_code(root, both[:1], [ends[1]]) is None
    assert state_code(root, [both[0], (right, None, 1, None)], []) == "some-code"
    assert state_code(sha256(b"\x03" + ends[0] + bytes(32)).digest(), [both[0], (right, None, 1, None)], []) == "some-code"
    assert state_code(sha256(b"\x03" + bytes(32) + ends[1]).digest(), [(left, None, 1, None), both[1]], []) == "some-code"
    other = {"path": keys[left].hex(), "value_hash": value.hex()}
    shown = [(left, 1, {"depth": 1, "other": None}), (beside, None, {"depth": 1, "other": other})]
    assert code_of(merkle.check_state, root, shown, packed([ends[1]]), "some-code") is None
    assert code_of(merkle.check_state, root, shown[::-1], packed([ends[1]]), "some-code") is None
    for wrong in ({"depth": 2, "other": other}, {"depth": 0, "other": other}, {"depth": 1, "other": None}):
        assert code_of(merkle.check_state, root, [shown[0], (beside, None, wrong)], packed([ends[1]]), "some-code") == "some-code", wrong
    differs = {"depth": 1, "other": {**other, "value_hash": "00" * 32}}
    assert code_of(merkle.check_state, root, [shown[0], (beside, None, differs)], packed([ends[1]]), "some-code") == "some-code"


def test_two_ways_may_each_be_as_deep_as_one() -> None:
    """They part at the first level; the text has both ways' hashes level by level, the left way's first."""
    keys = [f"{number}" for number in range(40)]
    left, right = (next(key for key in keys if sha256(key.encode()).digest()[0] >> 7 == side) for side in (0, 1))
    text: list[bytes] = []
    nodes = []
    for key in (left, right):
        path, siblings = sha256(key.encode()).digest(), [sha256(f"{key} {level}".encode()).digest() for level in range(1, 256)]
        node = leaf_node(path, sha256(b"1").digest())
        for level in range(255, 0, -1):
            beside = siblings[level - 1]
            node = sha256(b"\x03" + (beside + node if path[level // 8] >> 7 - level % 8 & 1 else node + beside)).digest()
        nodes.append(node)
        text = siblings[::-1] if not text else [each for pair in zip(text, siblings[::-1], strict=True) for each in pair]
    root = sha256(b"\x03" + nodes[0] + nodes[1]).digest()
    shown: list[tuple[str, Any, int, bytes | None]] = [(left, 1, 256, None), (right, 1, 256, None)]
    assert len(text) == 510
    assert state_code(root, shown, text) is None
    assert state_code(root, shown[::-1], text) is None
    assert state_code(root, shown, text[2:]) == "some-code"
    assert state_code(root, shown, [text[1], text[0], *text[2:]]) == "some-code"


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_hashes_in_a_text(count: int) -> None:
    hashes = [sha256(b"%d" % number).digest() for number in range(count)]
    for each in (hashes, [bytes(32), *hashes], [*hashes, bytes(32)]):
        assert merkle.unpacked(packed(each), 4, "some-code") == each[::-1]
        assert merkle.unpacked(packed(each), len(each), "some-code") == each[::-1]
        if each:
            assert code_of(merkle.unpacked, packed(each), len(each) - 1, "some-code") == "some-code"
            for spoilt in spoilt_hashes(split(packed(each))[0]):
                read = code_of(merkle.unpacked, spoilt + "".join(split(packed(each))[1:]), 9, "some-code")
                assert read == (None if spoilt in ("", "..") else "some-code"), spoilt
    others: list[Any] = [None, 1, [], {}, b"", True, ["."]]
    for other in others:
        assert code_of(merkle.unpacked, other, 4, "some-code") == "some-code"
