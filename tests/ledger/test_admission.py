"""What must be refused leaves nothing, under a stable code; and no copy of a record can stand in the way of the honest one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from ledger import canonical, keys, tables
from ledger.admission import CODES
from ledger.limits import RECORD_BYTES_MAX
from ledger.record import assemble, record_id, sign_record
from tests.ledger.small_ledger import (
    ANNE,
    ANNE_CHECK,
    ANNE_SERVICE,
    BOB,
    BOB_SEAL,
    BOB_SERVICE,
    DAY_MS,
    QUOTA,
    STRANGER,
    Author,
    Solo,
    genesis_document,
    key_id,
    private_key,
    public_json,
    sealed_shape,
    solo_ledger,
)

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.fixture
def solo(tmp_path: Path) -> Iterator[Solo]:
    with solo_ledger(tmp_path / "ledger.db") as running:
        yield running


def rows(solo: Solo) -> dict[str, int]:
    counts = {name: select(func.count()).select_from(table) for name, table in tables.metadata.tables.items()}
    with solo.store.engine.connect() as connection:
        return {name: connection.execute(count).scalar_one() for name, count in counts.items()}


def signed_by_hand(core: dict[str, Any], signatures: list[bytes]) -> bytes:
    return assemble(canonical.encode(core), signatures)


def signature(core: dict[str, Any], private: Any) -> bytes:
    return keys.sign(private, bytes.fromhex(record_id(canonical.encode(core))))


def high_s(low: bytes) -> bytes:
    return low[:32] + (ORDER - int.from_bytes(low[32:], "big")).to_bytes(32, "big")


def two(author: Author) -> dict[str, Any]:
    return author.core("note.put", {"key": "k", "count": 1}, [ANNE, ANNE_CHECK])


def broken(author: Author) -> bytes:
    core = author.core("note.put", {"key": "k", "count": 1}, [ANNE])
    wrong = bytearray(signature(core, ANNE))
    wrong[5] ^= 1
    return signed_by_hand(core, [bytes(wrong)])


def of_another(author: Author) -> bytes:
    core = author.core("note.put", {"key": "k", "count": 1}, [ANNE])
    return signed_by_hand(core, [signature(core, BOB)])


def missing(author: Author) -> bytes:
    core = author.core("note.put", {"key": "k", "count": 1}, [ANNE])
    return signed_by_hand(core, [])


def stripped(author: Author) -> bytes:
    core = two(author)
    return signed_by_hand(core, [signature(core, ANNE)])


def added(author: Author) -> bytes:
    core = author.core("note.put", {"key": "k", "count": 1}, [ANNE])
    return signed_by_hand(core, [signature(core, ANNE), signature(core, BOB)])


def reordered(author: Author) -> bytes:
    core = two(author)
    return signed_by_hand(core, [signature(core, ANNE_CHECK), signature(core, ANNE)])


def twice(author: Author) -> bytes:
    core = author.core("note.put", {"key": "k", "count": 1}, [ANNE, ANNE])
    return signed_by_hand(core, [signature(core, ANNE)] * 2)


def malleated(author: Author) -> bytes:
    core = author.core("note.put", {"key": "k", "count": 1}, [ANNE])
    return signed_by_hand(core, [high_s(signature(core, ANNE))])


def zeros(author: Author) -> bytes:
    return signed_by_hand(author.core("note.put", {"key": "k", "count": 1}, [ANNE]), [bytes(64)])


def changed(**fields: Any) -> Callable[[Author], bytes]:
    return lambda author: author.put("k", **fields)


def body(value: Any, kind: str = "note.put") -> Callable[[Author], bytes]:
    return lambda author: author.record(kind, value, [ANNE])


def text(change: Callable[[bytes], bytes]) -> Callable[[Author], bytes]:
    return lambda author: change(author.put("k"))


def without_nonce(author: Author) -> bytes:
    core = author.core("note.put", {"key": "k", "count": 1}, [ANNE])
    del core["nonce"]
    return sign_record(core, [ANNE])


def far(author: Author) -> bytes:
    return author.put("k", not_after=author.now_ms + 30 * DAY_MS + 1)


def one_time(signers: list[Any], key: Any = STRANGER) -> Callable[[Author], bytes]:
    return lambda author: author.record("note.once", {"key": public_json(key), "text": "yes"}, signers)


def odd_key(alg: str, public: str) -> Callable[[Author], bytes]:
    return lambda author: author.record("note.once", {"key": {"alg": alg, "public": public}, "text": "yes"}, [STRANGER, ANNE_SERVICE])


def letter(*sealed: str) -> Callable[[Author], bytes]:
    """A record that must carry the part `letter`, with these parts."""
    parts = {name: sealed_shape(name) for name in sealed}
    return lambda author: author.record("note.letter", {"key": "-".join(("k", *sealed)), "count": 1}, [ANNE], sealed=parts)


BAD: dict[str, tuple[str, Callable[[Author], bytes]]] = {
    "a broken signature": ("bad-signature", broken),
    "another's signature": ("bad-signature", of_another),
    "reordered signatures": ("bad-signature", reordered),
    "a high-s signature": ("bad-signature", malleated),
    "a signature of zeros": ("bad-signature", zeros),
    "no signature": ("malformed", missing),
    "a stripped signature": ("malformed", stripped),
    "an added signature": ("malformed", added),
    "one key twice": ("malformed", twice),
    "another network": ("wrong-network", changed(network="ab" * 32)),
    "a header that nobody knows": ("unknown-seen", changed(seen={"height": 0, "hash": "00" * 32})),
    "a header to come": ("unknown-seen", changed(seen={"height": 9, "hash": "00" * 32})),
    "a header beyond every height": ("unknown-seen", changed(seen={"height": 2**53 - 1, "hash": "00" * 32})),
    "a past not_after": ("expired", changed(not_after=1)),
    "not_after at the block's own time": ("expired", lambda author: author.put("k", not_after=author.now_ms)),
    "not_after too far ahead": ("not-after-too-far", far),
    "a stranger's key": ("unknown-key", lambda author: author.put("k", STRANGER)),
    "a sealing key": ("key-purpose", lambda author: author.put("k", BOB_SEAL)),
    "too many bytes": ("oversize", lambda author: author.put("k" * RECORD_BYTES_MAX)),
    "an unknown type": ("unknown-type", body({"key": "k", "count": 1}, "note.burn")),
    "a type's name in capitals": ("malformed", body({"key": "k", "count": 1}, "NOTE.PUT")),
    "an unknown field": ("malformed", changed(more=1)),
    "an unknown field of the body": ("malformed", body({"key": "k", "count": 1, "more": 1})),
    "a missing field": ("malformed", without_nonce),
    "a missing field of the body": ("malformed", body({"key": "k"})),
    "text for a number": ("malformed", body({"key": "k", "count": "1"})),
    "true for a number": ("malformed", body({"key": "k", "count": True})),
    "null for a number": ("malformed", body({"key": "k", "count": None})),
    "1.0 for a number": ("not-canonical", text(lambda raw: raw.replace(b'"count":1', b'"count":1.0'))),
    "1e0 for a number": ("not-canonical", text(lambda raw: raw.replace(b'"count":1', b'"count":1e0'))),
    "a number beyond 2**53": ("not-canonical", text(lambda raw: raw.replace(b'"count":1', b'"count":9007199254740993'))),
    "version true": ("malformed", changed(v=True)),
    "version 2": ("malformed", changed(v=2)),
    "not_after as text": ("malformed", changed(not_after="1")),
    "a negative not_after": ("malformed", changed(not_after=-1)),
    "text that is no ASCII": ("malformed", body({"key": "\u00e4", "count": 1})),
    "a control character": ("malformed", body({"key": "a\u001b[2J", "count": 1})),
    "a control character in a name": ("malformed", body({"key": "k", "count": 1, "a\u001b[2J": 1})),
    "an unknown sealed part": ("malformed", changed(sealed={"other": {}})),
    "a sealed part without content": ("malformed", changed(sealed={"letter": {}})),
    "none of the sealed parts that the type demands": ("malformed", letter()),
    "another sealed part than the type demands": ("malformed", letter("secret")),
    "white space": ("not-canonical", text(lambda raw: json.dumps(json.loads(raw)).encode())),
    "names out of order": ("not-canonical", lambda author: b'{"signatures":[],"record":{}}'),
    "a duplicate key": ("not-canonical", text(lambda raw: raw.replace(b'"count":1', b'"count":1,"count":1'))),
    "a needless escape": ("not-canonical", text(lambda raw: raw.replace(b'"key":"k"', b'"key":"\\u006b"'))),
    "a byte order mark": ("not-json", text(lambda raw: b"\xef\xbb\xbf" + raw)),
    "bytes after the end": ("not-json", text(lambda raw: raw + b"x")),
    "broken UTF-8": ("not-json", text(lambda raw: raw.replace(b'"key":"k"', b'"key":"\xff"'))),
    "half a record": ("not-json", text(lambda raw: raw[: len(raw) // 2])),
    "nothing": ("not-json", lambda author: b""),
    "deep nesting": ("not-json", lambda author: b"[" * 100_000),
    "nesting beyond the limit": ("not-canonical", lambda author: b"[" * 40 + b"]" * 40),
    "a number alone": ("malformed", lambda author: b"1"),
    "a one-time key without introducer": ("introducer-missing", one_time([STRANGER])),
    "an introducer who is no service key": ("introducer-missing", one_time([STRANGER, ANNE])),
    "two introducers": ("introducer-missing", one_time([STRANGER, ANNE_SERVICE, BOB_SERVICE])),
    "another key than the body's": ("one-time-key-misused", one_time([private_key("another"), ANNE_SERVICE])),
    "a member's key as one-time key": ("one-time-key-misused", one_time([BOB, ANNE_SERVICE], BOB)),
    "a one-time key that cannot sign": ("malformed", odd_key("ed25519", "00" * 32)),
    "a one-time key that is no point": ("malformed", odd_key("p256", "02" + "ff" * 32)),
    "a one-time key that is no hex": ("malformed", odd_key("p256", "zz")),
}


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.replace(" ", "-"))
def test_bad_input_gets_its_code_and_leaves_nothing(solo: Solo, case: str) -> None:
    code, make = BAD[case]
    before = rows(solo)
    assert solo.codes(make(solo.author)) == [code]
    assert rows(solo) == before
    assert solo.codes(solo.author.put("k")) == ["ok"]


def test_every_bad_record_of_one_block_leaves_the_good_ones_as_they_are(solo: Solo) -> None:
    good = [solo.author.put(f"good-{n}") for n in range(len(BAD))]
    bad = [make(solo.author) for _, make in BAD.values()]
    mixed = [raw for pair in zip(bad, good, strict=True) for raw in pair]
    assert solo.codes(*mixed)[1::2][:QUOTA] == ["ok"] * min(QUOTA, len(good))
    with solo.store.reading() as reader:
        assert len(reader.records(0, 1000)) == len(good)


def test_a_record_with_the_sealed_part_that_its_type_demands_is_taken_with_or_without_the_others(solo: Solo) -> None:
    assert solo.codes(letter("letter")(solo.author), letter("letter", "secret")(solo.author)) == ["ok", "ok"]


def test_every_code_of_admission_is_tested() -> None:
    tested_below = {"repeat", "key-not-alive", "quota-exceeded"}
    assert {code for code, _ in BAD.values()} | tested_below == set(CODES)


def test_a_record_is_taken_once(solo: Solo) -> None:
    raw = solo.author.put("once")
    assert solo.codes(raw, raw) == ["ok", "repeat"]
    assert solo.codes(raw) == ["repeat"]


def test_a_refused_record_is_on_the_ledger_and_is_not_taken_again(solo: Solo) -> None:
    solo.put("same")
    raw = solo.author.put("same")
    assert solo.codes(raw) == ["taken"]
    assert solo.codes(raw) == ["repeat"]
    with solo.store.reading() as reader:
        assert reader.records(0, 10)[-1].result == {"code": "taken", "left": [0, 1]}


def test_a_record_whose_id_was_forgotten_has_expired(solo: Solo) -> None:
    raw = solo.author.put("early")
    assert solo.codes(raw) == ["ok"]
    solo.clock.advance(2 * DAY_MS)
    solo.author.now_ms += 2 * DAY_MS
    solo.put("late")
    with solo.store.reading() as reader:
        assert [key for key, _ in reader.state.scan("seen/")] == ["seen/000000000002"]
    assert solo.codes(raw) == ["expired"]


def test_the_repeats_are_known_again_after_a_restart(tmp_path: Path) -> None:
    with solo_ledger(tmp_path / "ledger.db") as solo:
        raw = solo.author.put("k")
        assert solo.codes(raw) == ["ok"]
    with solo_ledger(tmp_path / "ledger.db") as solo:
        assert solo.codes(raw) == ["repeat"]


@pytest.mark.parametrize("same_block", [True, False])
@pytest.mark.parametrize("broken_first", [True, False])
@pytest.mark.parametrize("warm", [True, False])
def test_a_broken_copy_never_burns_the_honest_record(solo: Solo, same_block: bool, broken_first: bool, warm: bool) -> None:
    core = solo.author.core("note.put", {"key": "k", "count": 1}, [ANNE])
    honest = sign_record(core, [ANNE])
    copy = signed_by_hand(core, [high_s(signature(core, ANNE))])
    if warm:
        # The signature is verified, the record is not admitted: it is the quota that refuses it for this block.
        fill = [solo.author.put(f"fill-{n}") for n in range(QUOTA)]
        assert solo.codes(*fill) == ["ok"] * QUOTA
    order = [copy, honest] if broken_first else [honest, copy]
    got = solo.codes(*order) if same_block else [solo.codes(raw)[0] for raw in order]
    assert got == (["bad-signature", "ok"] if broken_first else ["ok", "repeat"])


def test_a_verified_record_does_not_vouch_for_its_broken_copy(solo: Solo) -> None:
    """The honest record is verified and dropped by the quota, so its signatures are remembered and its id is free."""
    core = solo.author.core("note.put", {"key": "k", "count": 1}, [ANNE])
    honest, copy = sign_record(core, [ANNE]), signed_by_hand(core, [signature(core, BOB)])
    fill = [solo.author.put(f"fill-{n}") for n in range(QUOTA)]
    answers = solo.codes(*fill, honest, copy)
    assert answers == ["ok"] * QUOTA + ["ok", "bad-signature"]


def test_a_revoked_key_signs_no_more_from_its_own_place_in_the_block_on(solo: Solo) -> None:
    end = solo.author.record("key.end", {"key": key_id(BOB)}, [ANNE])
    assert solo.codes(solo.author.put("a", BOB), end, solo.author.put("b", BOB)) == ["ok", "ok", "key-not-alive"]
    assert solo.codes(solo.author.put("c", BOB)) == ["key-not-alive"]


def test_a_key_signs_from_the_place_after_its_own_registration(solo: Solo) -> None:
    new = private_key("new")
    add = solo.author.record("key.add", {"key": public_json(new), "purpose": "make"}, [ANNE])
    assert solo.codes(solo.author.put("a", new), add, solo.author.put("b", new)) == ["unknown-key", "ok", "ok"]


def test_signatures_remembered_as_good_do_not_keep_a_dead_key_alive(solo: Solo) -> None:
    end = solo.author.record("key.end", {"key": key_id(BOB)}, [ANNE])
    waits = [solo.author.put(f"bob-{n}", BOB) for n in range(QUOTA + 1)]
    assert solo.codes(*waits[:QUOTA], end, waits[QUOTA])[-2:] == ["ok", "key-not-alive"]


def test_a_one_time_key_signs_for_its_own_object_only(solo: Solo) -> None:
    key, other = private_key("once"), private_key("once more")
    first, second = solo.send(solo.author.once(key), solo.author.once(other))
    mine, theirs = first.record_id, second.record_id  # type: ignore[union-attr]

    def drop(object_id: str, signers: list[Any]) -> str:
        return solo.codes(solo.author.record("note.drop", {"once": object_id}, signers))[0]

    assert drop(theirs, [key, ANNE_SERVICE]) == "one-time-key-misused"
    assert drop(mine, [key]) == "introducer-missing"
    assert drop(mine, [key, ANNE]) == "introducer-missing"
    assert drop(mine, [ANNE_SERVICE, key]) == "one-time-key-misused"
    assert solo.codes(solo.author.put("k", key)) == ["one-time-key-misused"]
    assert solo.codes(solo.author.once(key)) == ["one-time-key-misused"]
    assert drop(mine, [key, BOB_SERVICE]) == "ok"


def test_a_one_time_key_of_a_refused_record_is_not_registered(solo: Solo) -> None:
    key = private_key("once")
    assert solo.codes(solo.author.once(key, "no"), solo.author.once(key)) == ["unwanted", "ok"]


def test_a_member_over_its_quota_waits_for_the_next_block_and_the_others_do_not(solo: Solo) -> None:
    many = [solo.author.put(f"a-{n}") for n in range(QUOTA + 2)]
    answers = solo.send(*many, solo.author.put("b", BOB))
    heights = [answer.height for answer in answers]  # type: ignore[union-attr]
    assert heights == [1] * QUOTA + [2, 2, 1]


def test_the_introducer_pays_for_a_one_time_key(solo: Solo) -> None:
    raws = [solo.author.once(private_key(f"once-{n}"), introducer=ANNE_SERVICE) for n in range(QUOTA)]
    answers = solo.send(*raws, solo.author.put("a"), solo.author.put("b", BOB))
    assert [answer.height for answer in answers[-2:]] == [2, 1]  # type: ignore[union-attr]


def test_a_quota_of_nothing_refuses_and_does_not_wait_for_ever(tmp_path: Path) -> None:
    with solo_ledger(tmp_path / "ledger.db", genesis=genesis_document(quota=0)) as solo:
        assert solo.codes(solo.author.put("k")) == ["quota-exceeded"]


@pytest.mark.parametrize("how", ["lookup", "float", "key", "assertion"])
def test_a_fault_in_a_rule_ends_its_record_and_nothing_else(solo: Solo, how: str) -> None:
    odd = solo.author.record("note.odd", {"how": how}, [ANNE])
    assert solo.codes(solo.author.put("a"), odd, solo.author.put("b")) == ["ok", "rules-fault", "ok"]
    with solo.store.reading() as reader:
        assert reader.state.get("note/odd") is None
