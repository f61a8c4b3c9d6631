"""The bytes of a customs file as text: UTF-8, or GB18030 where it is declared or found, and nothing else.

GBK and GB2312 are read as GB18030, which holds both. Decoding is strict and streaming: a file is never in memory as a whole.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO, Final, Literal

from ledger.errors import InputError
from ledger.limits import IMPORT_CHUNK_BYTES, IMPORT_FILE_BYTES_MAX

Encoding = Literal["utf-8", "gb18030"]

_UTF8_BY_CHANCE_MAX: Final = 8
_DECLARED: Final = re.compile(rb"""\s*<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_ENCODINGS: Final[dict[str, Encoding]] = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "gb18030": "gb18030",
    "gbk": "gb18030",
    "gb2312": "gb18030",
}


def xml_encoding(start: bytes) -> Encoding:
    """What an XML file's first bytes declare; UTF-8 where they declare nothing. Raises `InputError` (`encoding-wrong`)."""
    marked = start.startswith(codecs.BOM_UTF8)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _wrong("the file is in UTF-16")
    found = _DECLARED.match(start.removeprefix(codecs.BOM_UTF8))
    declared = _ENCODINGS.get(found.group(1).decode("ascii").lower()) if found else "utf-8"
    if declared is None:
        raise _wrong("the file declares an encoding that is not read here")
    if marked and declared != "utf-8":
        raise _wrong("the file has the mark of UTF-8 and declares another encoding")
    return declared


def chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The stream in pieces. Raises `InputError` (`file-too-large`) once it proves longer than a file may be."""
    size_bytes = 0
    while piece := stream.read(IMPORT_CHUNK_BYTES):
        size_bytes += len(piece)
        if size_bytes > IMPORT_FILE_BYTES_MAX:
            raise InputError("file-too-large", f"the file has more than {IMPORT_FILE_BYTES_MAX} bytes", hint="split it")
        yield piece


def decoded(pieces: Iterator[bytes], encoding: Encoding) -> Iterator[str]:
    """Pieces of bytes as pieces of text, without a byte order mark. Raises `InputError` (`encoding-wrong`)."""
    decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)("strict")
    try:
        for piece in pieces:
            yield decoder.decode(piece)
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise _wrong(f"there are bytes that are not {encoding.upper()}") from error


def find_encoding(stream: BinaryIO) -> Encoding:
    """UTF-8 where the whole of a seekable stream is, else GB18030 where it is that. Raises `InputError` (`encoding-wrong`).

    A damaged UTF-8 file often passes for GB18030, with other characters in every name. So GB18030 is tried only where UTF-8 fails
    at the very first characters beyond ASCII: of Chinese in GB18030 hardly one in seven happens to be UTF-8.
    """
    stream.seek(0)
    beyond_ascii = 0
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    try:
        for piece in chunks(stream):
            beyond_ascii += _beyond_ascii(decoder.decode(piece))
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        beyond_ascii += _beyond_ascii(error.object[: error.start].decode("utf-8"))
        if beyond_ascii > _UTF8_BY_CHANCE_MAX:
            raise _wrong("the file is UTF-8 with bytes in it that are not") from error
    else:
        return "utf-8"
    stream.seek(0)
    for _ in decoded(chunks(stream), "gb18030"):
        pass
    return "gb18030"


def _beyond_ascii(text: str) -> int:
    return 0 if text.isascii() else sum(not character.isascii() for character in text)


def _wrong(message: str) -> InputError:
    return InputError("encoding-wrong", message, hint="save the file as UTF-8, or as GB18030 and declare it")
