"""Customs messages in XML (DecMessage, GACC announcement 2018 no. 67), read in a stream: one result per declaration.

A declaration is a `DecMessage`, or, where a client uses another envelope, whatever element directly holds a `DecHead` and its
`DecLists`. Any outer envelope, any namespace or none, one message or many. Elements that this registry does not keep are passed
over; a field that comes twice, or a second head, is refused, because two readers could take two different values from it.

Document types, entities and external references are refused before anything is read (`xml-forbidden`). Memory does not grow with
the file: no tree is built, and what cannot be part of a declaration of legal size is dropped as it arrives. Where the XML breaks
off, the last item says so (`xml-malformed`, `xml-too-deep`, `encoding-wrong`, `file-too-large`); the items before it are whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import BinaryIO, Final
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from ledger.errors import InputError
from ledger.limits import (
    IMPORT_DECLARATION_LINES_MAX,
    IMPORT_FIELD_CHARS_MAX,
    IMPORT_XML_DECLARATION_BYTES_MAX,
    IMPORT_XML_DEPTH_MAX,
    IMPORT_XML_NAMES_MAX,
)
from nodes.customs.columns import HEAD_ELEMENTS, LINE_ELEMENTS
from nodes.customs.normalise import item_of
from nodes.customs.results import Item, RawDeclaration, Rejected
from nodes.customs.text import chunks, decoded, xml_encoding

_OPENERS: Final = frozenset({"DecHead", "DecLists"})


def read_xml(stream: BinaryIO) -> Iterator[Item]:
    """The declarations of one XML file, in order.

    Raises `InputError` for what is wrong before the first element: `encoding-wrong`, `xml-forbidden`. A file without a single
    declaration ends in a `Rejected` with `no-declarations`.
    """
    pieces = chunks(stream)
    start = next(pieces, b"")
    encoding = xml_encoding(start)
    target = _Messages()
    parser = DefusedXMLParser(target=target, encoding="utf-8", forbid_dtd=True, forbid_entities=True, forbid_external=True)
    target.at_byte = lambda: int(parser.parser.CurrentByteIndex)
    position = 0
    broken: InputError | None = None
    fed_bytes = 0
    texts = decoded(chain([start], pieces), encoding)
    while broken is None:
        text = next_or_error(texts)
        broken = text if isinstance(text, InputError) else _feed(parser, text)
        if broken is None and isinstance(text, str):
            fed_bytes += len(text.encode())
            # Expat keeps an unfinished tag in memory and scans it anew with every piece; a legal one is short.
            if fed_bytes - target.at_byte() > IMPORT_XML_DECLARATION_BYTES_MAX:
                broken = InputError("xml-malformed", "a tag does not end")
        while target.complete:
            position += 1
            yield item_of(position, target.complete.popleft())
        if text is None:
            break
    if broken is not None:
        if broken.code == "xml-forbidden":
            raise broken
        yield Rejected(position + 1, target.number_text, broken.code, broken.message, ends_file=True)
    elif position == 0:
        yield Rejected(1, "", "no-declarations", "the file holds no DecHead", ends_file=True)


def next_or_error(texts: Iterator[str]) -> str | InputError | None:
    """The next piece of text, what went wrong in getting it, or None at the end."""
    try:
        return next(texts, None)
    except InputError as error:
        return error


def _feed(parser: DefusedXMLParser, text: str | None) -> InputError | None:
    """Give the parser a piece, or tell it that the file has ended; what is wrong with the file, if anything."""
    try:
        if text is None:
            parser.close()
        else:
            parser.feed(text.encode())
    except DefusedXmlException:
        return InputError("xml-forbidden", "the file has a document type or entities, which are never read")
    except ParseError as error:
        line, column = error.position
        return InputError("xml-malformed", f"the XML is not well-formed at line {line}, column {column}")
    except InputError as error:
        return error
    return None


class _Messages:
    """The parser's target: keeps the fields of the declaration being read, and queues each one that is complete."""

    def __init__(self) -> None:
        self.complete: deque[RawDeclaration] = deque()
        self.at_byte: Callable[[], int] = lambda: 0
        self._names: set[str] = set()
        self._path: list[str] = []
        self._scope_depth = 0
        self._scope_start_bytes = 0
        self._heads = 0
        self._raw: RawDeclaration | None = None
        self._field: tuple[dict[str, str], str] | None = None
        self._field_depth = 0
        self._text: list[str] = []
        self._text_chars = 0

    @property
    def number_text(self) -> str:
        """The number of the declaration that was being read, as far as it was."""
        return self._raw.number_text if self._raw else ""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._remember_names(tag, attributes)
        name = tag.rpartition("}")[2]
        self._path.append(name)
        depth = len(self._path)
        if depth > IMPORT_XML_DEPTH_MAX:
            raise InputError("xml-too-deep", f"the XML is nested deeper than {IMPORT_XML_DEPTH_MAX}")
        raw = self._raw
        if raw is None:
            if name == "DecMessage":
                self._open(depth)
                return
            if name not in _OPENERS or depth == 1:
                return
            raw = self._open(depth - 1)
        if self.at_byte() - self._scope_start_bytes > IMPORT_XML_DECLARATION_BYTES_MAX:
            raw.fail("declaration-too-large", f"the declaration has more than {IMPORT_XML_DECLARATION_BYTES_MAX} bytes")
        if raw.problem is None:
            self._begin(raw, name, depth - self._scope_depth)

    def end(self, _tag: str) -> None:
        depth = len(self._path)
        self._path.pop()
        if self._raw is None:
            return
        if self._field is not None and depth == self._field_depth:
            fields, name = self._field
            fields[name] = "".join(self._text)
            self._field = None
        if depth == self._scope_depth:
            self._close(self._raw)

    def data(self, text: str) -> None:
        if self._field is None or self._raw is None:
            return
        self._text_chars += len(text)
        if self._text_chars > IMPORT_FIELD_CHARS_MAX:
            self._raw.fail("field-too-long", f"{self._field[1]} has more than {IMPORT_FIELD_CHARS_MAX} characters")
            self._field = None
        else:
            self._text.append(text)

    def close(self) -> None:
        """Nothing is left to do at the end: a declaration is complete with its own end tag."""

    def _remember_names(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Expat keeps every name that it ever saw, so their number is limited."""
        if tag in self._names and not attributes:
            return
        self._names.add(tag)
        self._names.update(attributes)
        if len(self._names) > IMPORT_XML_NAMES_MAX:
            raise InputError("xml-malformed", f"the file has more than {IMPORT_XML_NAMES_MAX} different names")

    def _open(self, scope_depth: int) -> RawDeclaration:
        self._raw = raw = RawDeclaration()
        self._scope_depth = scope_depth
        self._scope_start_bytes = self.at_byte()
        self._heads = 0
        return raw

    def _close(self, raw: RawDeclaration) -> None:
        if self._heads == 0:
            raw.fail("field-missing", "the message has no DecHead")
        self.complete.append(raw)
        self._raw = None
        self._field = None

    def _begin(self, raw: RawDeclaration, name: str, below: int) -> None:
        """An element `below` levels under the declaration's own opens."""
        if self._field is not None:
            raw.fail("message-invalid", f"{self._field[1]} holds further elements")
        elif name == "DecMessage":
            raw.fail("message-invalid", "a DecMessage holds another")
        elif name == "DecHead":
            self._heads += 1
            if self._heads > 1 or below != 1:
                raw.fail("message-invalid", "the message has a second DecHead, or one out of place")
        elif below == 2 and self._parent() == "DecHead" and name in HEAD_ELEMENTS:
            self._begin_field(raw, raw.head, name)
        elif name == "DecList" and below == 2 and self._parent() == "DecLists":
            if len(raw.lines) == IMPORT_DECLARATION_LINES_MAX:
                raw.fail("too-many-lines", f"the declaration has more than {IMPORT_DECLARATION_LINES_MAX} lines")
            raw.lines.append({})
        elif below == 3 and self._parent() == "DecList" and self._path[-3] == "DecLists" and name in LINE_ELEMENTS:
            self._begin_field(raw, raw.lines[-1], name)

    def _begin_field(self, raw: RawDeclaration, fields: dict[str, str], name: str) -> None:
        if name in fields:
            raw.fail("message-invalid", f"{name} is given twice")
            return
        self._field = (fields, name)
        self._field_depth = len(self._path)
        self._text = []
        self._text_chars = 0

    def _parent(self) -> str:
        return self._path[-2]
