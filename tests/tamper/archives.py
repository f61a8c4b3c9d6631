"""Every change that is tried of an archive: each byte of the packed file, and each byte of each of its lines in a file packed anew; a line
left out, doubled, or swapped with the next one; the file or its lines cut off at any place.
"""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import islice
from typing import Final

from ledger.archive_lines import GZIP_HEADER
from ledger.archive_replay import ArchiveVerdict, verify_archive
from tests.tamper.ledgers import Tampered
from tests.tamper.trying import made

_GZIP: Final = 31
PACKING: Final = "deflate has more than one way to pack the same lines, and bits between its end and the checksum that mean nothing"
SLACK: Final = (PACKING,)


@dataclass(frozen=True)
class Changed:
    """How a changed archive is made, and the height of the line that was changed first: 0 for the first line, None where the packing was
    changed.
    """

    what: str
    where: str
    packed: Callable[[], bytes]
    height: int | None


def every(packed: bytes, masks: Sequence[int]) -> Iterator[Changed]:
    lines = gzip.decompress(packed).splitlines(keepends=True)
    for place in range(len(packed)):
        for mask in masks:
            yield Changed("byte of the packing changed", f"byte {place}, {mask:#x}", partial(_flipped, packed, place, mask), None)
        yield Changed("packing cut off", f"byte {place}", partial(_cut, packed, place), None)
    for height, line in enumerate(lines):
        for place in range(len(line)):
            for mask in masks:
                yield _with(lines, height, f"byte {place}, {mask:#x}", "byte of a line changed", [_flipped(line, place, mask)])
        yield _with(lines, height, "", "line left out", [])
        yield _with(lines, height, "", "line doubled", [line, line])
        yield _with(lines, height, "", "line cut off", [line[: len(line) // 2]])
        yield Changed("lines cut off", f"line {height}", partial(_packed, lines[:height]), height)
        if height + 1 < len(lines):
            swapped = [*lines[:height], lines[height + 1], line, *lines[height + 2 :]]
            yield Changed("lines swapped", f"line {height}", partial(_packed, swapped), height)


def try_archive(name: str, masks: Sequence[int], step: int = 1) -> tuple[Counter[str], list[str]]:
    """Every so many of the changes of a ledger's archive: what was counted, and whatever was not as it must be."""
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    with made(name) as ledger:
        packed = ledger.archive()
        assert _verdict(ledger, packed).ok
        for change in islice(every(packed, masks), 0, None, step):
            counts["changes"] += 1
            counts[f"changes: {change.what}"] += 1
            changed = change.packed()
            verdict = _verdict(ledger, changed)
            # What unpacks to the same is the same archive.
            slack = _unpacked(changed) == gzip.decompress(packed)
            if verdict.ok != slack:
                wrong.append(f"{name}, {change.what}, {change.where}: {verdict.code or 'holds'}, and is {'' if slack else 'no '}slack")
            elif slack:
                counts["slack"] += 1
                counts[f"slack: {PACKING}"] += 1
            elif _height_is_wrong(change, verdict, ledger):
                wrong.append(f"{name}, {change.what}, {change.where}: {verdict.code} at {verdict.first_bad_height}")
            else:
                counts["found, with the first bad height"] += change.height is not None and change.height > 0
                counts["found, in the packing or the first line"] += change.height is None or change.height == 0
    return counts, wrong


def _height_is_wrong(change: Changed, verdict: ArchiveVerdict, ledger: Tampered) -> bool:
    """Whatever is wrong with the packing is seen where it is unpacked, and what the first line says of the whole at the end."""
    if change.height is None or change.height == 0:
        return False
    # A last line that comes twice is one too many after all blocks held.
    surplus = change.what == "line doubled" and change.height == len(ledger.sizes) - 1
    expected = change.height + (change.what == "line doubled")
    # What a block is made of that nobody signed is vouched for by the next one, which names its hash.
    unsigned = change.height in _unsigned(ledger)
    return verdict.first_bad_height not in ((None,) if surplus else (expected, expected + unsigned))


def _unsigned(ledger: Tampered) -> tuple[int, ...]:
    """The heights without a checkpoint of their own."""
    return (3,) if ledger.name == "consortium" else ()


def _verdict(ledger: Tampered, packed: bytes) -> ArchiveVerdict:
    return verify_archive(BytesIO(packed), ledger.trust, ledger.rulebook)


def _with(lines: Sequence[bytes], height: int, where: str, what: str, instead: Sequence[bytes]) -> Changed:
    return Changed(what, f"line {height} {where}", partial(_packed, [*lines[:height], *instead, *lines[height + 1 :]]), height)


def _flipped(data: bytes, place: int, mask: int) -> bytes:
    return data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]


def _cut(data: bytes, place: int) -> bytes:
    return data[:place]


def _packed(lines: Sequence[bytes]) -> bytes:
    out = BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=out, mtime=0) as file:
        file.writelines(lines)
    return GZIP_HEADER + out.getvalue()[len(GZIP_HEADER) :]


def _unpacked(packed: bytes) -> bytes | None:
    """What a file of the one form that is read holds; None for any other."""
    inflate = zlib.decompressobj(_GZIP)
    try:
        lines = inflate.decompress(packed)
    except zlib.error:
        return None
    return lines if packed.startswith(GZIP_HEADER) and inflate.eof and not inflate.unused_data else None
