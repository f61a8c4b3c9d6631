"""The bytes of a SQLite file that hold nothing (https://www.sqlite.org/fileformat.html), each with the reason; the file is whole, as it is
after its write-ahead log was written back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

GAP: Final = "in the gap of a page between its list of cells and the cells"
FREED: Final = "in a page, where a cell was that was moved or deleted"
TAIL: Final = "behind the end of a value on the last of its overflow pages"
FREE_PAGE: Final = "on a page that is free"
_HEADER_BYTES: Final = 100
_INTERIOR_INDEX, _INTERIOR_TABLE, _LEAF_INDEX, _LEAF_TABLE = 2, 5, 10, 13


class _Cell(NamedTuple):
    """Where a cell begins and ends in its page, and its first overflow page, 0 for none, with the bytes that lie on overflow pages."""

    begin: int
    end: int
    overflow: int
    beyond: int


class _File:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.page_bytes = int.from_bytes(data[16:18], "big")
        assert self.page_bytes >= 512 and data[20] == 0, "no bytes of a page are reserved"
        self.pages = len(data) // self.page_bytes

    def number(self, at: int, length: int) -> int:
        return int.from_bytes(self.data[at : at + length], "big")

    def varint(self, at: int) -> tuple[int, int]:
        """A number, and where it ends."""
        value = 0
        for place in range(9):
            byte = self.data[at + place]
            if place == 8:
                return value << 8 | byte, at + 9
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value, at + place + 1
        raise AssertionError


def unused(data: bytes) -> dict[int, str]:
    """By their place in the file."""
    file = _File(data)
    found: dict[int, str] = {}
    seen: set[int] = set()
    free = set(_free_pages(file))
    for page in free:
        found.update(dict.fromkeys(range((page - 1) * file.page_bytes, page * file.page_bytes), FREE_PAGE))
    trees = [1, *_roots(file)]
    while trees:
        page = trees.pop()
        seen.add(page)
        cells = list(_of_page(file, page, found))
        trees += _children(file, page)
        for cell in cells:
            seen.update(_of_overflow(file, cell, found))
    assert seen | free == set(range(1, file.pages + 1)), "a page belongs to nothing"
    return found


def _free_pages(file: _File) -> Iterator[int]:
    trunk = file.number(32, 4)
    while trunk:
        yield trunk
        at = (trunk - 1) * file.page_bytes
        for place in range(file.number(at + 4, 4)):
            yield file.number(at + 8 + 4 * place, 4)
        trunk = file.number(at, 4)


def _begin(file: _File, page: int) -> tuple[int, int]:
    """Where a page begins, and where its own header does."""
    begin = (page - 1) * file.page_bytes
    return begin, begin + (_HEADER_BYTES if page == 1 else 0)


def _of_page(file: _File, page: int, found: dict[int, str]) -> Iterator[_Cell]:
    begin, header = _begin(file, page)
    kind = file.data[header]
    assert kind in (_INTERIOR_INDEX, _INTERIOR_TABLE, _LEAF_INDEX, _LEAF_TABLE), kind
    pointers = header + (12 if kind in (_INTERIOR_INDEX, _INTERIOR_TABLE) else 8)
    count, content = file.number(header + 3, 2), begin + (file.number(header + 5, 2) or 65_536)
    listed = pointers + 2 * count
    found.update(dict.fromkeys(range(listed, content), GAP))
    taken = set(range(begin, content))
    for place in range(count):
        cell = _cell(file, begin + file.number(pointers + 2 * place, 2), kind)
        taken.update(range(cell.begin, cell.end))
        yield cell
    block = file.number(header + 1, 2)
    while block:
        # Its length and where the next one is are read.
        taken.update(range(begin + block, begin + block + 4))
        block = file.number(begin + block, 2)
    found.update(dict.fromkeys(set(range(content, begin + file.page_bytes)) - taken, FREED))


def _cell(file: _File, at: int, kind: int) -> _Cell:
    begin = at
    if kind in (_INTERIOR_INDEX, _INTERIOR_TABLE):
        at += 4
    if kind == _INTERIOR_TABLE:
        return _Cell(begin, file.varint(at)[1], 0, 0)
    payload, at = file.varint(at)
    if kind == _LEAF_TABLE:
        at = file.varint(at)[1]
    usable = file.page_bytes
    most = usable - 35 if kind == _LEAF_TABLE else (usable - 12) * 64 // 255 - 23
    if payload <= most:
        # A cell takes four bytes at the least.
        return _Cell(begin, max(at + payload, begin + 4), 0, 0)
    least = (usable - 12) * 32 // 255 - 23
    here = least + (payload - least) % (usable - 4)
    here = here if here <= most else least
    return _Cell(begin, at + here + 4, file.number(at + here, 4), payload - here)


def _of_overflow(file: _File, cell: _Cell, found: dict[int, str]) -> Iterator[int]:
    page, beyond = cell.overflow, cell.beyond
    while page:
        yield page
        begin = (page - 1) * file.page_bytes
        held = min(beyond, file.page_bytes - 4)
        found.update(dict.fromkeys(range(begin + 4 + held, begin + file.page_bytes), TAIL))
        page, beyond = file.number(begin, 4), beyond - held


def _children(file: _File, page: int) -> Iterator[int]:
    begin, header = _begin(file, page)
    if file.data[header] in (_INTERIOR_INDEX, _INTERIOR_TABLE):
        yield file.number(header + 8, 4)
        for place in range(file.number(header + 3, 2)):
            yield file.number(begin + file.number(header + 12 + 2 * place, 2), 4)


def _roots(file: _File) -> Iterator[int]:
    """The first pages of tables and indexes, of the table of tables: the fourth value of each of its rows."""
    pages = [1]
    while pages:
        page = pages.pop()
        begin, header = _begin(file, page)
        pages += _children(file, page)
        if file.data[header] != _LEAF_TABLE:
            continue
        for place in range(file.number(header + 3, 2)):
            at = file.varint(file.varint(begin + file.number(header + 8 + 2 * place, 2))[1])[1]
            yield _fourth(file, at)


def _fourth(file: _File, record: int) -> int:
    length, at = file.varint(record)
    kinds = []
    while at < record + length:
        kind, at = file.varint(at)
        kinds.append(kind)
    sizes = [{5: 6, 6: 8, 7: 8, 8: 0, 9: 0}.get(kind, kind if kind < 5 else (kind - 12) // 2) for kind in kinds]
    if kinds[3] in (8, 9):
        return kinds[3] - 8
    return file.number(record + length + sum(sizes[:3]), sizes[3])
