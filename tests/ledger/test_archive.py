"""An archive holds the whole ledger, and is believed only where a replay gives every byte of it again."""

from __future__ import annotations

import gzip
import json
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import canonical
from ledger.archive import export
from ledger.archive_lines import GZIP_HEADER, is_archive
from ledger.archive_replay import fill, read_opening, verify_archive
from ledger.audit import audit
from ledger.checkpoint import Checkpoint, add_cosignature, parse_note, sign_note
from ledger.errors import InputError, NotFound, TallystickError, VerificationFailed
from ledger.follow import FollowEngine
from ledger.limits import ARCHIVE_LINE_BYTES_MAX
from ledger.log_operator import origin_of
from ledger.store import LedgerStore
from ledger.verify import Verdict
from tests.ledger.small_ledger import (
    ANNE,
    BOB,
    GENESIS,
    OPERATOR,
    VOUCHER,
    Solo,
    StoreUpstream,
    genesis_document,
    key_id,
    private_key,
    solo_ledger,
    url_of,
)
from tests.ledger.small_rules import RULEBOOK

OPERATOR_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
WITNESS = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)
HEIGHT, RECORDS = 4, 8


@dataclass
class Made:
    """An archive, its lines, and the ledger that it came from."""

    packed: bytes
    lines: list[bytes]
    solo: Solo

    @property
    def network(self) -> str:
        return self.solo.author.network

    @property
    def trust(self) -> bytes:
        return trust(self.network)

    def height_of(self, note: str) -> int:
        """The height whose block ends where a note's log ends."""
        size = parse_note(note).checkpoint.size
        return next(place for place, line in enumerate(self.lines) if place and json.loads(line)["header"]["log_size"] == size - 1)


def trust(network: str, /, **changes: Any) -> bytes:
    operator = {"name": OPERATOR.key.name, "public": OPERATOR.key.public.hex(), "first_size": 0, "last_size": None}
    file: dict[str, Any] = {"v": 1, "network": network, "engine": "solo", "operators": [operator], "witnesses": [], "witnesses_required": 0}
    return canonical.encode({**file, **changes})


def packed_of(store: LedgerStore, to_height: int | None = None, **options: Any) -> bytes:
    out = BytesIO()
    export(store, out, to_height, **options)
    return out.getvalue()


def unpacked(packed: bytes) -> list[bytes]:
    return gzip.decompress(packed).splitlines()


def pack(lines: list[bytes]) -> bytes:
    """Lines as an archive's, whatever they say."""
    out = BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=out, mtime=0) as file:
        file.writelines(line + b"\n" for line in lines)
    return out.getvalue()


def verdict(packed: bytes, believed: bytes) -> Verdict:
    return verify_archive(BytesIO(packed), believed, RULEBOOK)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    with solo_ledger(tmp_path_factory.mktemp("archive") / "ledger.db") as solo:
        solo.put("a", "b", "c")
        solo.send(solo.author.once(private_key("once")), solo.author.put("a"))
        solo.send(solo.author.put("d", BOB), solo.author.record("key.end", {"key": key_id(BOB)}, [ANNE]))
        solo.put("z")
        packed = packed_of(solo.store)
        yield Made(packed, unpacked(packed), solo)


def edited(line: bytes, edit: Callable[[Any], None]) -> bytes:
    value = json.loads(line)
    edit(value)
    return canonical.encode(value)


def test_an_archive_holds_with_a_trust_file_and_says_what_it_proves(made: Made) -> None:
    assert is_archive(made.packed[:2]) and made.packed.startswith(GZIP_HEADER)
    assert len(made.lines) == HEIGHT + 1
    found = verdict(made.packed, made.trust)
    assert (found.ok, found.code) == (True, None)
    assert found.as_of is not None and found.as_of["height"] == HEIGHT
    assert f"{RECORDS} records" in found.proves[0] and "1 were refused" in found.proves[1]
    assert any("no witness cosigned" in each for each in found.does_not_prove)


def test_its_lines_are_canonical_json_of_the_format(made: Made) -> None:
    first, *blocks = [canonical.decode(line) for line in made.lines]
    assert first.keys() == {"v", "kind", "network", "genesis", "height", "records", "checkpoint"}
    assert (first["v"], first["kind"], first["height"], first["records"]) == (1, "archive", HEIGHT, RECORDS)
    assert [block["header"]["height"] for block in blocks] == [1, 2, 3, 4]
    assert all(block.keys() == {"checkpoint", "header", "records"} for block in blocks)
    assert all(each.keys() == {"record", "result", "signatures"} for block in blocks for each in block["records"])


def test_every_replica_gives_the_same_archive(made: Made, tmp_path: Path) -> None:
    store = LedgerStore(url_of(tmp_path / "follower.db"))
    follower = FollowEngine(store, GENESIS, RULEBOOK, VOUCHER, StoreUpstream(made.solo.store))
    follower.open()
    while follower.advance(0):
        pass
    assert packed_of(store) == made.packed
    follower.stop()
    store.close()


def test_an_archive_may_end_at_any_height_that_there_is(made: Made) -> None:
    earlier = packed_of(made.solo.store, 2)
    assert unpacked(earlier)[1:] == made.lines[1:3]
    found = verdict(earlier, made.trust)
    assert found.ok and found.as_of is not None and found.as_of["height"] == 2
    for height in (0, HEIGHT + 1):
        with pytest.raises(NotFound, match="heights 1 to 4"):
            packed_of(made.solo.store, height)


def test_a_ledger_without_blocks_has_nothing_to_export(tmp_path: Path) -> None:
    with solo_ledger(tmp_path / "new.db") as solo, pytest.raises(NotFound, match="no block yet"):
        packed_of(solo.store)


def test_progress_is_told_block_by_block(made: Made) -> None:
    told: list[tuple[int, int]] = []
    packed_of(made.solo.store, on_progress=lambda done, last: told.append((done, last)))
    verify_archive(BytesIO(made.packed), made.trust, RULEBOOK, lambda done, last: told.append((done, last)))
    assert told == [(height, HEIGHT) for height in range(1, HEIGHT + 1)] * 2


def test_witnesses_that_the_trust_file_demands_must_have_cosigned(made: Made) -> None:
    witness = {"name": "auditor", "public": WITNESS.public_key().public_bytes_raw().hex()}
    demanding = trust(made.network, witnesses=[witness], witnesses_required=1)
    assert verdict(made.packed, demanding).code == "witnesses-missing"
    with made.solo.store.reading() as reader:
        note = reader.checkpoint()
    assert note is not None
    cosigned = packed_of(made.solo.store, note=add_cosignature(note, "auditor", WITNESS, 1_700_000_000))
    found = verdict(cosigned, demanding)
    assert found.ok and any("cosigned by auditor" in each for each in found.proves)
    with pytest.raises(InputError, match="wrong-note"):
        packed_of(made.solo.store, 2, note=note)


def test_an_archive_of_another_network_or_operator_is_not_believed(made: Made) -> None:
    assert verdict(made.packed, trust("ab" * 32)).code == "wrong-network"
    stranger = {"name": "op", "public": "ab" * 32, "first_size": 0, "last_size": None}
    assert verdict(made.packed, trust(made.network, operators=[stranger])).code == "operator-not-trusted"
    assert verdict(made.packed, b"{}").code == "bad-trust"


def swapped(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], lines[3], lines[2], *lines[4:]]


def at(place: int, edit: Callable[[Any], None]) -> Callable[[list[bytes]], list[bytes]]:
    return lambda lines: [*lines[:place], edited(lines[place], edit), *lines[place + 1 :]]


def moved_record(lines: list[bytes]) -> list[bytes]:
    """The last record of block 1 stands in block 2."""
    first, second = json.loads(lines[1]), json.loads(lines[2])
    second["records"].insert(0, first["records"].pop())
    return [lines[0], canonical.encode(first), canonical.encode(second), *lines[3:]]


def with_newline(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], b"", *lines[2:]]


TAMPERED: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "a gap": (lambda lines: [*lines[:2], *lines[3:]], "block-missing"),
    "a swap": (swapped, "block-missing"),
    "a block twice": (lambda lines: [*lines[:3], *lines[2:]], "block-missing"),
    "a cut": (lambda lines: lines[:-1], "archive-cut"),
    "a cut that is admitted": (
        lambda lines: at(0, lambda v: v.update(height=3, records=7))(lines)[:-1],
        "checkpoint-differs",
    ),
    "a surplus line": (lambda lines: [*lines, lines[-1]], "archive-surplus"),
    "an empty line": (with_newline, "not-json"),
    "no line": (lambda _: [], "archive-damaged"),
    "a line of another form": (lambda lines: [*lines[:1], b" " + lines[1], *lines[2:]], "record-differs"),
    "a surplus field": (at(1, lambda v: v.update(more=1)), "malformed"),
    "no records": (at(1, lambda v: v["records"].clear()), "malformed"),
    "a record that is none": (at(1, lambda v: v["records"].append(1)), "malformed"),
    "records left out": (at(1, lambda v: v["records"].pop()), "header-differs"),
    "a record twice": (at(1, lambda v: v["records"].append(v["records"][0])), "record-not-admissible"),
    "records swapped": (at(1, lambda v: v["records"].reverse()), "header-differs"),
    "a record in another block": (moved_record, "header-differs"),
    "another body": (at(1, lambda v: v["records"][0]["record"]["body"].update(count=2)), "record-not-admissible"),
    "another signature": (at(1, lambda v: v["records"][0].update(signatures=["00" * 64])), "record-not-admissible"),
    "another result": (at(2, lambda v: v["records"][1]["result"].update(code="ok")), "record-differs"),
    "another time": (at(2, lambda v: v["header"].update(time=v["header"]["time"] + 1)), "checkpoint-differs"),
    "an earlier time": (at(2, lambda v: v["header"].update(time=1)), "header-differs"),
    "another state root": (at(2, lambda v: v["header"].update(state_root="ab" * 32)), "header-differs"),
    "another block before": (at(2, lambda v: v["header"].update(previous="ab" * 32)), "header-differs"),
    "a header that is none": (at(2, lambda v: v["header"].pop("rules")), "malformed-header"),
    "no note": (at(2, lambda v: v.update(checkpoint=None)), "record-differs"),
    "an empty note": (at(2, lambda v: v.update(checkpoint="")), "bad-note"),
    "another genesis": (at(0, lambda v: v["genesis"].update(name="other")), "wrong-network"),
    "another version": (at(0, lambda v: v.update(v=2)), "unknown-version"),
    "another kind": (at(0, lambda v: v.update(kind="record")), "malformed"),
    "more records than there are": (at(0, lambda v: v.update(records=RECORDS + 1)), "record-differs"),
    "a height that is none": (at(0, lambda v: v.update(height=0)), "malformed"),
    "more heights than there are": (at(0, lambda v: v.update(height=HEIGHT + 1)), "archive-cut"),
    "fewer heights than there are": (at(0, lambda v: v.update(height=HEIGHT - 1)), "archive-surplus"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_a_tampered_archive_is_refused_by_the_code_of_what_is_wrong(made: Made, name: str) -> None:
    tamper, code = TAMPERED[name]
    found = verdict(pack(tamper(made.lines)), made.trust)
    assert (found.ok, found.code) == (False, code)


def test_the_note_of_another_block_or_of_a_stranger_is_refused(made: Made) -> None:
    other = json.loads(made.lines[3])["checkpoint"]
    assert made.height_of(other) == 3
    assert verdict(pack(at(2, lambda v: v.update(checkpoint=other))(made.lines)), made.trust).code == "checkpoint-differs"
    assert verdict(pack(at(0, lambda v: v.update(checkpoint=other))(made.lines)), made.trust).code == "checkpoint-differs"
    own = parse_note(json.loads(made.lines[2])["checkpoint"]).checkpoint
    forged = sign_note(own, OPERATOR.name, WITNESS)
    assert verdict(pack(at(2, lambda v: v.update(checkpoint=forged))(made.lines)), made.trust).code == "bad-checkpoint"
    cosigned = add_cosignature(json.loads(made.lines[2])["checkpoint"], "auditor", WITNESS, 1)
    assert verdict(pack(at(2, lambda v: v.update(checkpoint=cosigned))(made.lines)), made.trust).code == "checkpoint-differs"


def test_a_log_that_the_operator_signed_and_that_breaks_its_rules_is_refused(made: Made) -> None:
    def lie(value: Any) -> None:
        value["header"]["state_root"] = "ab" * 32
        value["checkpoint"] = sign_note(Checkpoint(origin_of(made.network), 21, b"x" * 32), OPERATOR.name, OPERATOR_KEY)

    assert verdict(pack(at(2, lie)(made.lines)), made.trust).code == "header-differs"


def test_rules_that_this_program_lacks_are_named(made: Made) -> None:
    assert verify_archive(BytesIO(made.packed), made.trust, {}).code == "bad-genesis"


def test_every_byte_of_the_packing_counts(made: Made) -> None:
    size = len(made.packed)
    places = {*range(len(GZIP_HEADER)), *range(len(GZIP_HEADER), size, 41), *range(size - 12, size)}
    for place in sorted(places):
        changed = bytearray(made.packed)
        changed[place] ^= 1
        found = verdict(bytes(changed), made.trust)
        # Deflate leaves a few bits open; whatever they are, the lines are the same or the checksum is wrong.
        if found.ok:
            assert zlib.decompress(bytes(changed), 31) == zlib.decompress(made.packed, 31)
            assert place >= len(GZIP_HEADER)
        else:
            assert found.code


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("step", [29, pytest.param(1, marks=pytest.mark.deep)])
def test_every_byte_of_the_lines_counts(made: Made, place: int, step: int) -> None:
    lines = unpacked(packed_of(made.solo.store, 2))
    for index in range(place, len(lines[place]), step):
        line = bytearray(lines[place])
        line[index] ^= 1
        found = verdict(pack([*lines[:place], bytes(line), *lines[place + 1 :]]), made.trust)
        assert not found.ok and found.code, (index, line[index - 20 : index + 20])


def test_bytes_before_after_and_instead_are_refused(made: Made) -> None:
    crc = bytearray(made.packed)
    crc[-8] ^= 1
    again = gzip.compress(gzip.decompress(made.packed), mtime=1)
    renamed = made.packed[:3] + b"\x08" + made.packed[4:10] + b"name\x00" + made.packed[10:]
    for packed in (
        made.packed[:-1],
        made.packed + b"\x00",
        made.packed * 2,
        bytes(crc),
        again,
        renamed,
        b"",
        b"\x1f\x8b",
        made.packed[:50],
    ):
        assert verdict(packed, made.trust).code == "archive-damaged"
    assert verdict(pack(made.lines)[:-8] + made.packed[-8:], made.trust).ok


def test_a_bomb_is_refused_before_it_is_unpacked(made: Made) -> None:
    for beginning in (made.lines[0] + b"\n", b""):
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        bomb = [GZIP_HEADER, packer.compress(beginning)]
        bomb += [packer.compress(bytes(1_048_576)) for _ in range(ARCHIVE_LINE_BYTES_MAX // 1_048_576 + 1)]
        assert verdict(b"".join(bomb), made.trust).code == "oversize"


def test_deep_nesting_is_refused_and_not_a_fault(made: Made) -> None:
    for deep in (b"[" * 100_000, b'{"checkpoint":"","header":' + b"[" * 100_000, b"[" * 200 + b"]" * 200):
        assert verdict(pack([made.lines[0], deep]), made.trust).code in ("not-json", "malformed")
        assert verdict(pack([deep]), made.trust).code in ("not-json", "not-canonical")


def test_a_replica_is_filled_from_an_archive_and_stands_its_audit(made: Made, tmp_path: Path) -> None:
    store = LedgerStore(url_of(tmp_path / "filled.db"))
    filled = fill(store, BytesIO(made.packed), RULEBOOK)
    assert (filled.opening.height, filled.opening.records, filled.refused) == (HEIGHT, RECORDS, 1)
    report = audit(store, GENESIS, RULEBOOK, VOUCHER)
    assert report.ok and (report.height, report.records) == (HEIGHT, RECORDS)
    assert packed_of(store) == made.packed
    store.close()


def test_an_archive_that_does_not_hold_fills_nothing(made: Made, tmp_path: Path) -> None:
    store = LedgerStore(url_of(tmp_path / "empty.db"))
    for name, (tamper, code) in TAMPERED.items():
        with pytest.raises(TallystickError) as raised:
            fill(store, BytesIO(pack(tamper(made.lines))), RULEBOOK)
        assert raised.value.code == code, name
        assert store.is_new()
    with pytest.raises(VerificationFailed, match="archive-damaged"):
        fill(store, BytesIO(made.packed[:-1]), RULEBOOK)
    assert store.is_new()
    store.close()


def test_the_first_line_can_be_read_alone(made: Made) -> None:
    opening = read_opening(BytesIO(made.packed))
    assert (opening.network, opening.genesis, opening.height) == (made.network, genesis_document(), HEIGHT)


SPOIL = {
    "a leaf": "update records set leaf = replace(leaf, 'anne', 'bob!') where log_index = 2",
    "a result": 'update records set leaf = cast(replace(cast(leaf as text), \'"code":"ok"\', \'"code":"no"\') as blob) where log_index = 3',
    "a record": "delete from records where log_index = 3",
    "a header": "delete from headers where height = 2",
    "a header's leaf": "update headers set leaf = x'00' where height = 2",
    "the genesis": "update records set leaf = leaf || ' ' where log_index = 0",
    "a note": "update headers set checkpoint = (select checkpoint from headers where height = 3) where height = 2",
    "no note": "update headers set checkpoint = null where height = 2",
    "the last note": "update headers set checkpoint = null where height = 4",
}


@pytest.mark.parametrize("name", SPOIL)
def test_a_damaged_replica_is_not_exported(made: Made, tmp_path: Path, name: str) -> None:
    source = sqlite3.connect(made.solo.store.engine.url.database or "")
    with sqlite3.connect(tmp_path / "spoilt.db") as connection:
        source.backup(connection)
        connection.execute(SPOIL[name])
    connection.close()
    source.close()
    store = LedgerStore(url_of(tmp_path / "spoilt.db"))
    with pytest.raises(VerificationFailed, match="replica-damaged"):
        packed_of(store)
    store.close()
