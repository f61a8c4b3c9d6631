from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import chain, repeat

import pytest

from ledger.errors import InputError
from ledger.limits import IMPORT_CHUNK_BYTES, IMPORT_XML_DECLARATION_BYTES_MAX
from nodes.customs.results import Item, Parsed, Rejected
from nodes.customs.xml_reader import read_xml
from tests.apart import measured_apart

Texts = dict[str, str]


@pytest.fixture
def message(head: Texts, line: Texts) -> str:
    return f"<DecMessage><DecHead>{elements(head)}</DecHead><DecLists><DecList>{elements(line)}</DecList></DecLists></DecMessage>"


def elements(texts: Texts) -> str:
    return "".join(f"<{name}>{text}</{name}>" for name, text in texts.items())


def read(text: str | bytes) -> list[Item]:
    return list(read_xml(io.BytesIO(text if isinstance(text, bytes) else text.encode())))


def codes(items: list[Item]) -> list[str]:
    return [item.code if isinstance(item, Rejected) else "ok" for item in items]


def renumbered(message: str, serial: int) -> str:
    return message.replace("519123456", f"{serial:09d}")


class Pieces(io.RawIOBase):
    """A stream made as it is read, which never exists as a whole."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while len(self._rest) < size and (piece := next(self._pieces, b"")):
            self._rest += piece
        given, self._rest = self._rest[:size], self._rest[size:]
        return given


def test_a_bare_message_is_read(message: str) -> None:
    (item,) = read(message)
    assert isinstance(item, Parsed)
    assert (item.position, item.declaration.exporter_name, item.declaration.total_minor) == (1, "营口望海果品有限公司", 3_625_000)


@pytest.mark.parametrize(
    "wrap",
    [
        "<Envelope><Head/>{0}<Tail>x</Tail></Envelope>",
        '<Any xmlns="http://www.chinaport.gov.cn/dec">{0}</Any>',
        '<?xml version="1.0"?><!-- from a client --><Outer><Inner a="1">{0}</Inner></Outer>',
    ],
)
def test_an_outer_envelope_and_a_namespace_change_nothing(message: str, wrap: str) -> None:
    (plain,) = read(message)
    assert read(wrap.format(message)) == [plain]


def test_prefixed_names_are_the_same_names(message: str) -> None:
    prefixed = (
        message.replace("</", "</d:")
        .replace("<", "<d:")
        .replace("<d:/d:", "</d:")
        .replace("<d:DecMessage>", '<d:DecMessage xmlns:d="urn:x">')
    )
    assert read(prefixed) == read(message)


def test_an_envelope_of_another_name_in_place_of_the_message_is_accepted(message: str) -> None:
    other = message.replace("DecMessage", "Declaration")
    assert read(f"<List>{other}{renumbered(other, 7)}</List>")[0] == read(message)[0]
    assert codes(read(f"<List>{other}{renumbered(other, 7)}</List>")) == ["ok", "ok"]


def test_elements_that_are_not_kept_are_passed_over(message: str) -> None:
    more = message.replace(
        "</DecHead>",
        "<GrossWet>1</GrossWet><EcoRelation><EntryId>no</EntryId></EcoRelation></DecHead><DecSign><CopCode>9</CopCode></DecSign>",
    )
    assert read(more) == read(message)


def test_comments_character_data_and_references_are_text_as_xml_says(message: str) -> None:
    odd = message.replace("0908201905", "0908<!-- not a cut -->2019&#48;<![CDATA[5]]>")
    assert read(odd)[0].number_text == "090820190519123456"
    assert codes(read(odd)) == ["ok"]


def test_one_refused_message_does_not_stop_the_others(message: str) -> None:
    items = read(f"<E>{message}{renumbered(message, 1).replace('USD', 'XPL')}{renumbered(message, 2)}</E>")
    assert codes(items) == ["ok", "currency-unknown", "ok"]
    assert [item.position for item in items] == [1, 2, 3]
    assert items[1].number_text == "090820190000000001"


@pytest.mark.parametrize("declared", ["GB18030", "gbk", "GB2312"])
def test_gb18030_is_read_where_it_is_declared(message: str, declared: str) -> None:
    text = f'<?xml version="1.0" encoding="{declared}"?>{message}'
    assert read(text.encode("gb18030")) == read(message)


def test_a_character_split_between_two_pieces_is_whole(message: str) -> None:
    for shift in range(4):
        filler = " " * (IMPORT_CHUNK_BYTES - message.encode("gb18030").index("营".encode("gb18030")) - 46 + shift)
        text = f'<?xml version="1.0" encoding="GB18030"?>{filler}{message}'
        assert read(text.encode("gb18030")) == read(message)


@pytest.mark.parametrize(
    ("data", "raised"),
    [
        (b'<?xml version="1.0" encoding="Shift_JIS"?><a/>', True),
        ('\ufeff<?xml version="1.0" encoding="GB18030"?><a/>'.encode(), True),
        ("<a/>".encode("utf-16"), True),
        (b'<?xml version="1.0" encoding="UTF-8"?><a>\xbf\xda</a>', False),
    ],
)
def test_another_encoding_than_said_is_refused(data: bytes, raised: bool) -> None:
    if raised:
        with pytest.raises(InputError) as refusal:
            read(data)
        assert refusal.value.code == "encoding-wrong"
    else:
        assert codes(read(data)) == ["encoding-wrong"]


@pytest.mark.parametrize(
    "prolog",
    [
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]>',
        '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x.dtd"> %p;]>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd">',
        "<!DOCTYPE DecMessage>",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_document_types_and_entities_are_refused_before_anything_is_read(message: str, prolog: str, encoding: str) -> None:
    with pytest.raises(InputError) as refusal:
        read(f'<?xml version="1.0" encoding="{encoding}"?>{prolog}{message}'.encode(encoding))
    assert refusal.value.code == "xml-forbidden"


def test_what_stood_before_a_break_is_still_good(message: str) -> None:
    items = read(f"<E>{message}{renumbered(message, 1)[:-300]}")
    assert codes(items) == ["ok", "xml-malformed"]
    assert isinstance(items[1], Rejected)
    assert items[1].ends_file
    assert (items[1].position, items[1].number_text) == (2, "090820190000000001")


@pytest.mark.parametrize(
    "text", ["", "   ", "<a>", "<a></b>", "<a/><b/>", "not xml", "<a>&x;</a>", "<x:a/>", "<a b='1' b='2'/>", "<a>\x00</a>"]
)
def test_what_is_not_well_formed_is_an_item_and_not_a_crash(text: str) -> None:
    assert codes(read(text)) == ["xml-malformed"]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("<IEFlag>", "<EntryId>090820190000000001</EntryId><IEFlag>", "message-invalid"),
        ("</DecHead>", "</DecHead><DecHead></DecHead>", "message-invalid"),
        ("<DecLists>", "<DecLists><DecHead/>", "message-invalid"),
        ("<IEFlag>E", "<IEFlag><b>E</b>", "message-invalid"),
        ("<DecHead>", "<DecMessage/><DecHead>", "message-invalid"),
        ("DecHead>", "DecFoot>", "field-missing"),
        ("营口", "营" * 1_025, "field-too-long"),
    ],
)
def test_a_message_that_two_readers_could_read_two_ways_is_refused(message: str, old: str, new: str, code: str) -> None:
    assert codes(read(f"<E>{message.replace(old, new)}{message}</E>")) == [code, "ok"]


def test_a_file_without_a_declaration_says_so() -> None:
    assert codes(read("<E><a/></E>")) == ["no-declarations"]


def test_nesting_beyond_the_limit_ends_the_file(message: str) -> None:
    assert codes(read(f"<E>{message}{'<a>' * 30}{'</a>' * 30}</E>")) == ["ok", "xml-too-deep"]


def test_too_many_lines_are_refused_and_the_next_message_is_read(message: str, line: Texts) -> None:
    many = message.replace("<DecLists>", f"<DecLists>{f'<DecList>{elements(line)}</DecList>' * 1_000}")
    assert codes(read(f"<E>{many}{renumbered(message, 1)}</E>")) == ["too-many-lines", "ok"]


def test_a_declaration_beyond_its_size_is_refused_and_the_next_one_is_read(message: str) -> None:
    padding = f"<Note>{'x' * 1_000}</Note>" * (IMPORT_XML_DECLARATION_BYTES_MAX // 1_000)
    big = message.replace("</DecHead>", f"</DecHead>{padding}")
    assert codes(read(f"<E>{big}{renumbered(message, 1)}</E>")) == ["declaration-too-large", "ok"]


MEGABYTE = b"x" * 1_048_576


ENDLESS: dict[str, Callable[[], Iterator[bytes]]] = {
    "attribute": lambda: chain([b'<a b="'], repeat(MEGABYTE, 30), [b'"/>']),
    "comment": lambda: chain([b"<a><!--"], repeat(MEGABYTE, 30), [b"--></a>"]),
    "name": lambda: chain([b"<"], repeat(MEGABYTE, 30), [b"/>"]),
    "many-names": lambda: chain([b"<a>"], (f"<n{n}/>".encode() for n in range(200_000)), [b"</a>"]),
    "field": lambda: chain([b"<DecMessage><DecHead><TradeName>"], repeat(MEGABYTE, 30), [b"</TradeName></DecHead></DecMessage>"]),
}


def read_traced(kind: str) -> tuple[list[str], int]:
    """The codes of such a file, and the peak in bytes of reading it, for a process of its own."""
    stream = Pieces(ENDLESS[kind]())
    tracemalloc.start()
    items = list(read_xml(stream))  # type: ignore[arg-type]
    return codes(items), tracemalloc.get_traced_memory()[1]


@pytest.mark.parametrize("kind", ENDLESS)
def test_no_content_makes_the_reader_keep_it(kind: str) -> None:
    found, peak_bytes = measured_apart(read_traced, kind)
    assert found in (["xml-malformed"], ["field-too-long"])
    assert peak_bytes < 12 * 1_048_576
