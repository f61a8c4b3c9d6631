"""How an input is changed so that the change comes through to what lies inside: a value of JSON, a line of a packed file, a part of a
workbook, a message in its frame. Blind changes of bytes would mostly be found out by the outermost check.

`spoil` changes bytes blindly: the fuzzer's own way. A change that cannot be made, as the input is no longer of that shape, is a blind one.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from ledger.archive_lines import GZIP_HEADER
from ledger.comet.frames import Unframer, frame
from ledger.errors import InputError
from tests.fuzz.target import Shape

Spoil = Callable[[bytes], bytes]
Change = Callable[[bytes, random.Random, Spoil], bytes]
_UNPACKED_BYTES_MAX: Final = 1 << 22
_VALUES: Final[tuple[Any, ...]] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2**53 - 1,
    2**53,
    2**63,
    10**400,
    0.5,
    "",
    "0",
    "\x00",
    "\ud800",
    "\uff11",
    "a" * 300,
    [],
    {},
    [[]],
)


_NOT_OF_THE_SHAPE: Final = (ValueError, EOFError, OSError, InputError, zlib.error, zipfile.BadZipFile, KeyError, RuntimeError)


def changed(shape: Shape, data: bytes, seed: int, spoil: Spoil) -> bytes:
    """The input, changed in a way that its shape and the seed tell."""
    source = random.Random(seed)
    change = _CHANGES.get(shape)
    if change is None or source.random() < 0.15:
        return spoil(data)
    try:
        return change(data, source, spoil)
    except (
        ValueError,
        RecursionError,
        EOFError,
        OSError,
        InputError,
        zlib.error,
        zipfile.BadZipFile,
        KeyError,
        RuntimeError,
    ):
        return spoil(data)


def _json(data: bytes, source: random.Random, spoil: Spoil) -> bytes:
    value = json.loads(data)
    places = list(_places(value))
    if not places:
        return spoil(data)
    holder, key = source.choice(places)
    _change_at(holder, key, source, [value] + [at[name] for at, name in places[:64]], spoil)
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.encode("utf-8", "surrogatepass")


def _change_at(holder: Any, key: Any, source: random.Random, others: list[Any], spoil: Spoil) -> None:
    """Changes what stands at one place: another value, one from elsewhere, its text spoilt, itself left out or there twice."""
    found, way = holder[key], source.randrange(7)
    if way == 0:
        holder[key] = source.choice(_VALUES)
    elif way == 1:
        holder[key] = json.loads(json.dumps(source.choice(others)))
    elif way == 2:
        del holder[key]
    elif way == 3 and isinstance(holder, list):
        holder.insert(key, found)
    elif way == 3:
        holder[source.choice(["v", "x", "\u00e9", ""])] = found
    elif type(found) is int:
        holder[key] = found + source.choice([-1, 1, 1 << 32, -found])
    elif isinstance(found, str) and found:
        spoilt = spoil(found.encode("utf-8", "surrogatepass")).decode("latin-1")
        holder[key] = spoilt if way == 4 else _digit_changed(found, source)
    else:
        holder[key] = [found]


def _digit_changed(text: str, source: random.Random) -> str:
    at = source.randrange(len(text))
    return text[:at] + source.choice("0123456789abcdefAZ-_=. \n") + text[at + 1 :]


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a value: the object or list that holds it, and its name or index there."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        inside = list(holder) if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
        for key in inside:
            found.append((holder, key))
            waiting.append(holder[key])
    return found


def _lines(data: bytes, source: random.Random, spoil: Spoil) -> bytes:
    lines = data.split(b"\n")
    at, way = source.randrange(len(lines)), source.randrange(6)
    if way == 0:
        lines.insert(at, source.choice(lines))
    elif way == 1:
        del lines[at]
    elif way == 2:
        lines[at] = spoil(lines[at])
    else:
        lines[at] = _json(lines[at], source, spoil)
    return b"\n".join(lines)


def _gzip(data: bytes, source: random.Random, spoil: Spoil) -> bytes:
    """Packed again in the one form that is read."""
    inflate = zlib.decompressobj(31)
    packed = gzip.compress(_lines(inflate.decompress(data, _UNPACKED_BYTES_MAX), source, spoil), 6, mtime=0)
    return GZIP_HEADER + packed[len(GZIP_HEADER) :]


def _zip(data: bytes, source: random.Random, spoil: Spoil) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = [(info.filename, _part(archive, info)) for info in archive.infolist()]
    at, way = source.randrange(len(parts)), source.randrange(8)
    name, content = parts[at]
    if way == 0:
        del parts[at]
    elif way == 1:
        parts.append((name, parts[source.randrange(len(parts))][1]))
    elif way < 4:
        parts[at] = (name, _markup(content, source))
    else:
        parts[at] = (name, spoil(content))
    written = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(written, "w") as archive:
        # One name twice is what it may come to.
        warnings.simplefilter("ignore")
        for each, inside in parts:
            archive.writestr(zipfile.ZipInfo(each), inside, zipfile.ZIP_DEFLATED if source.random() < 0.8 else zipfile.ZIP_STORED)
    return written.getvalue()


def _part(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    if info.file_size > _UNPACKED_BYTES_MAX:
        raise ValueError("too large to be changed inside")
    return archive.read(info)


_MARKUP: Final = (
    b't="s"',
    b't="n"',
    b't="b"',
    b't="d"',
    b't="e"',
    b't="str"',
    b't="inlineStr"',
    b"<v>1e400</v>",
    b"<v>nan</v>",
    b"<v>-1</v>",
    b'r="XFD1048576"',
    b'r="A0"',
    b's="99"',
    b"<f>1</f>",
    b'numFmtId="14"',
    b"<v>99999999999</v>",
)
"""What a cell may say of itself."""


def _markup(content: bytes, source: random.Random) -> bytes:
    """An attribute or an element of a sheet in another's place."""
    start = content.find(source.choice([b' t="', b' r="', b' s="', b"<v>", b"<c "]), source.randrange(max(1, len(content))))
    if start < 0:
        start = source.randrange(max(1, len(content)))
    end = min([at for at in (content.find(b" ", start + 1), content.find(b">", start + 1)) if at >= 0], default=len(content))
    return content[:start] + b" " + source.choice(_MARKUP) + content[end:]


def _frames(data: bytes, source: random.Random, spoil: Spoil) -> bytes:
    messages = list(Unframer().feed(data))
    if not messages:
        return spoil(data)
    at, way = source.randrange(len(messages)), source.randrange(4)
    if way == 0:
        messages.insert(at, source.choice(messages))
    elif way == 1:
        del messages[at]
    else:
        messages[at] = spoil(messages[at])
    return b"".join(map(frame, messages))


_CHANGES: Final[Mapping[str, Change]] = {"json": _json, "lines": _lines, "gzip": _gzip, "zip": _zip, "frames": _frames}
