"""Inputs that grow: shapes that parsers of their kind are known to choke on, of any size. Reading one must take time in proportion to it.

Each makes an input of about so many bytes, once unpacked, for a target.
"""

from __future__ import annotations

import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

from ledger.archive_lines import GZIP_HEADER, lines_of
from ledger.comet import abci_pb2 as abci
from ledger.comet.frames import frame
from tests.fuzz.target import CORPUS

Make = Callable[[int], bytes]


@cache
def _seed(target: str, name: str) -> bytes:
    return (CORPUS / target / name).read_bytes()


def _repeated(before: bytes, each: bytes, after: bytes = b"") -> Make:
    return lambda size: before + each * (size // len(each)) + after


def _numbered(before: bytes, each: str, after: bytes = b"") -> Make:
    """`each` with a number in it, another one every time."""
    return lambda size: before + "".join(each.format(at) for at in range(size // len(each.format(99_999)))).encode() + after


def _record_with(body: Make) -> Make:
    """A record's bytes with another body: canonical where that is."""
    raw = _seed("record", "consent.revoke")
    value = json.loads(raw)
    old = json.dumps(value["record"]["body"], separators=(",", ":"), sort_keys=True).encode()
    return lambda size: raw.replace(b'"body":' + old, b'"body":' + body(size), 1)


def _proof_with(each: bytes) -> Make:
    value = json.loads(_seed("proof", "state"))
    file = json.dumps({**value, "siblings": "@"}, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
    return lambda size: file.replace(b'"@"', b'"' + each * (size // len(each)) + b'"')


def _archive_with(line: Make) -> Make:
    """The opening, and then a line, packed."""
    opening = next(lines_of(io.BytesIO(_seed("archive", "small"))))
    return lambda size: GZIP_HEADER + gzip.compress(opening + b"\n" + line(size) + b"\n", 1, mtime=0)[len(GZIP_HEADER) :]


def _customs_xml(inside: Make) -> Make:
    return lambda size: b"<DecMessage><DecHead>" + inside(size) + b"</DecHead></DecMessage>"


_MAIN: Final = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def _workbook_with(part: str, content: Make) -> Make:
    """A real workbook with one of its parts exchanged."""

    def make(size: int) -> bytes:
        written = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(_seed("customs-xlsx", "filled.xlsx"))) as given, zipfile.ZipFile(written, "w") as archive:
            for info in given.infolist():
                inside = content(size) if info.filename == part else given.read(info)
                # Stored: what unpacks to much more than it was is refused by the archive's directory.
                archive.writestr(zipfile.ZipInfo(info.filename), inside, zipfile.ZIP_STORED)
        return written.getvalue()

    return make


def _sheet(row: str) -> Make:
    return _numbered(f"<worksheet {_MAIN}><sheetData>".encode(), row, b"</sheetData></worksheet>")


def _styles(each: str) -> Make:
    tail = b'</numFmts><cellXfs count="1"><xf numFmtId="200"/></cellXfs></styleSheet>'
    return _numbered(f"<styleSheet {_MAIN}><numFmts>".encode(), each, tail)


def _table(each: bytes) -> Make:
    head = _seed("customs-csv", "no-rows.csv").strip() + b"\n"
    return _repeated(head, each)


def _invoices(size: int) -> bytes:
    message = _seed("iso20022", "request.xml")
    start, end = message.index(b"<InvcReqInf>"), message.index(b"</InvcReqInf>") + len(b"</InvcReqInf>")
    return message[:start] + message[start:end] * (size // (end - start)) + message[end:]


def _questions(transactions: bytes) -> Make:
    def make(size: int) -> bytes:
        asked = abci.RequestPrepareProposal(txs=[transactions] * (size // (len(transactions) + 2)), max_tx_bytes=1 << 20, height=1)
        asked.time.seconds = 1_800_000_000
        return frame(abci.Request(prepare_proposal=asked).SerializeToString())

    return make


_PART: Final = b'--cut\r\nContent-Disposition: form-data; name="a"\r\n'
GROWING: Final[Mapping[str, tuple[str, Make]]] = {
    "record: an array in an array in an array": ("record", _record_with(_repeated(b"", b"["))),
    "record: escapes": ("record", _record_with(_repeated(b'{"a":"', b"\\u0001", b'"}'))),
    "record: names": ("record", _record_with(_numbered(b'{"', '{:09d}":1,"', b'z":1}'))),
    "record: digits": ("record", _record_with(_repeated(b'{"a":1', b"0", b"}"))),
    "record: many small objects": ("record", _record_with(_repeated(b'{"a":[{}', b",{}", b"]}"))),
    "note: signature lines": ("note", _numbered(_seed("note", "signed"), "\u2014 a{} AAAAAAA=\n")),
    "note: a name": ("note", _repeated(_seed("note", "signed") + "\u2014 ".encode(), b"a", b" AAAAAAA=\n")),
    "cosigning: hashes": ("cosigning", _repeated(b"old 1\n", b"A" * 43 + b"=\n")),
    "proof: siblings": ("proof", _proof_with(b"A" * 43)),
    "proof: empty siblings": ("proof", _proof_with(b".")),
    "proof: an object in an object": ("proof", _repeated(b"", b'{"a":')),
    "proof: a number": ("proof", _repeated(b'{"v":', b"1", b"}")),
    "archive: one long line": ("archive", _archive_with(_repeated(b'"', b"a", b'"'))),
    "archive: empty lines": ("archive", _archive_with(_repeated(b"", b"\n"))),
    "archive: an array in an array": ("archive", _archive_with(_repeated(b"", b"["))),
    "block: records": ("block", _repeated(b'{"records":[', b'{"record":1,"result":{},"signatures":[]},', b"1]}")),
    "snapshot: what unpacks to much": ("snapshot", lambda size: zlib.compress(bytes(size))),
    "abci: empty transactions": ("abci", _questions(b"")),
    "abci: short transactions": ("abci", _questions(b'{"record":{},"signatures":[]}')),
    "abci: empty messages": ("abci", _repeated(b"", b"\x00")),
    "customs-xml: elements in elements": ("customs-xml", _repeated(b"", b"<a>")),
    "customs-xml: elements beside each other": ("customs-xml", _customs_xml(_repeated(b"", b"<a/>"))),
    "customs-xml: other names each time": ("customs-xml", _customs_xml(_numbered(b"", "<a{0}/>"))),
    "customs-xml: attributes": ("customs-xml", _customs_xml(_numbered(b"<a", ' b{0}=""', b"/>"))),
    "customs-xml: namespaces": ("customs-xml", _customs_xml(_numbered(b"<a", ' xmlns:b{0}="c"', b"/>"))),
    "customs-xml: a tag that does not end": ("customs-xml", _repeated(b"<DecMessage><a b='", b"c")),
    "customs-xml: text in pieces": ("customs-xml", _customs_xml(_repeated(b"<EntryId>", b"&amp;", b"</EntryId>"))),
    "customs-xml: comments": ("customs-xml", _customs_xml(_repeated(b"", b"<!---->"))),
    "customs-xml: a comment that does not end": ("customs-xml", _repeated(b"<DecMessage><!--", b"- ")),
    "customs-xml: a declaration of blanks": ("customs-xml", _repeated(b"", b" ", b"<?xml ")),
    "customs-xml: lines": ("customs-xml", _repeated(b"<DecMessage><DecLists>", b"<DecList/>", b"</DecLists></DecMessage>")),
    "customs-csv: quotes": ("customs-csv", _table(b'"')),
    "customs-csv: quoted lines": ("customs-csv", _table(b'"\n\n\n"')),
    "customs-csv: columns": ("customs-csv", _repeated(b"", b"a,")),
    "customs-csv: empty rows": ("customs-csv", _table(b"\n")),
    "customs-csv: rows of one number": ("customs-csv", _table(b"090820260519123456" + b"," * 28 + b"\n")),
    "customs-csv: rows without a number": ("customs-csv", _table(b",1" * 28 + b"\n")),
    "workbook: rows": ("workbook", _workbook_with("xl/worksheets/sheet1.xml", _sheet('<row><c t="n"><v>{}</v></c></row>'))),
    "workbook: wide rows": (
        "workbook",
        _workbook_with("xl/worksheets/sheet1.xml", _sheet('<row r="{0}"><c r="ALL{0}"><v>1</v></c></row>')),
    ),
    "workbook: cells of one row": (
        "workbook",
        _workbook_with(
            "xl/worksheets/sheet1.xml",
            _repeated(f"<worksheet {_MAIN}><sheetData><row>".encode(), b"<c><v>1</v></c>", b"</row></sheetData></worksheet>"),
        ),
    ),
    "workbook: elements in elements": ("workbook", _workbook_with("xl/worksheets/sheet1.xml", _repeated(b"", b"<a>"))),
    "workbook: number formats": ("workbook", _workbook_with("xl/styles.xml", _styles('<numFmt numFmtId="{}" formatCode="0"/>'))),
    "workbook: a number format": (
        "workbook",
        _workbook_with(
            "xl/styles.xml",
            _repeated(
                f'<styleSheet {_MAIN}><numFmts><numFmt numFmtId="200" formatCode="'.encode(),
                b"[h",
                b'"/></numFmts><cellXfs count="1"><xf numFmtId="200"/></cellXfs></styleSheet>',
            ),
        ),
    ),
    "workbook: content types": (
        "workbook",
        _workbook_with("[Content_Types].xml", _numbered(b"<Types>", '<Override PartName="/{}" ContentType="a"/>', b"</Types>")),
    ),
    "workbook: relations": (
        "workbook",
        _workbook_with(
            "xl/_rels/workbook.xml.rels",
            _numbered(b"<Relationships>", '<Relationship Id="r{0}" Type="a" Target="b{0}"/>', b"</Relationships>"),
        ),
    ),
    "workbook: sheets": (
        "workbook",
        _workbook_with(
            "xl/workbook.xml",
            _numbered(f"<workbook {_MAIN}><sheets>".encode(), '<sheet name="s{0}" sheetId="{0}"/>', b"</sheets></workbook>"),
        ),
    ),
    "workbook: defined names": (
        "workbook",
        _workbook_with(
            "xl/workbook.xml",
            _numbered(
                f"<workbook {_MAIN}><definedNames>".encode(), '<definedName name="n{0}">a!$A$1</definedName>', b"</definedNames></workbook>"
            ),
        ),
    ),
    "iso20022: invoices": ("iso20022", _invoices),
    "iso20022: elements in elements": ("iso20022", _repeated(b"", b"<a>")),
    "iso20022: attributes": ("iso20022", _numbered(b"<a", ' b{0}=""', b"/>")),
    "iso20022: a long value": ("iso20022", lambda size: _seed("iso20022", "request.xml").replace(b"QG-2026-10-26-001", b"Q" * size)),
    "iso20022: a long amount": ("iso20022", lambda size: _seed("iso20022", "request.xml").replace(b"36250.00", b"1" * size)),
    "loans: rows": ("loans", _repeated(_seed("loans", "loans.csv"), b"L,090820260519123456,USD,1.00,,,,\n")),
    "loans: references": ("loans", _numbered(_seed("loans", "loans.csv"), "L{},090820260519123456,USD,1.00,,,,\n")),
    "credit-facts: rows": ("credit-facts", _repeated(_seed("credit-facts", "years.csv"), b"a,b,c\n")),
    "rates: rows": ("rates", _repeated(b"currency,day,rate\n", b"EUR,2026-10-26,1.08\n")),
    "rates: digits": ("rates", _repeated(b"currency,day,rate\nEUR,2026-10-26,1", b"0", b"\n")),
    "backup: lines": ("backup", _repeated(b"", b"{}\n")),
    "backup: a line": ("backup", _repeated(b'{"data":"', b"aGk=", b'"}\n')),
    "sealed-part: unknown fields": ("sealed-part", _numbered(b'{"', '{:09d}":1,"', b'v":1}')),
    "sealed-part: a long text": ("sealed-part", _repeated(b'{"text":"', b"a", b'","v":1}')),
    "body: arrays in arrays": ("body", _repeated(b"", b"[")),
    "body: halves of characters": ("body", _repeated(b'{"a":"', b"\\ud83d\\ude00", b'"}')),
    "body: names": ("body", _numbered(b'{"', '{:09d}":1,"', b'z":1}')),
    "body: digits": ("body", _repeated(b"[1", b"0", b"]")),
    "form: fields": ("form", _repeated(b"", _PART + b"\r\n\r\n", b"--cut--\r\n")),
    "form: headers": ("form", _repeated(_PART, b"a: b\r\n", b"\r\n\r\n--cut--\r\n")),
    "form: a long header": ("form", _repeated(_PART + b"a: ", b"b", b"\r\n\r\n\r\n--cut--\r\n")),
    "form: parameters of a header": ("form", _repeated(b"--cut\r\nContent-Disposition: form-data", b"; a=b", b"\r\n\r\n\r\n--cut--\r\n")),
    "form: almost boundaries": ("form", _repeated(_PART + b"\r\n", b"\r\n--cu", b"\r\n--cut--\r\n")),
    "form: carriage returns": ("form", _repeated(_PART + b"\r\n", b"\r", b"\r\n--cut--\r\n")),
    "form: before the first boundary": ("form", _repeated(b"", b"\r\n", b"--cut--\r\n")),
    "token: dots": ("token", _repeated(b"", b".")),
    "token: a header": ("token", _repeated(b"eyJhbGciOiJFUzI1NiIsImEiOiJ", b"AAAA", b".e30.AA")),
    "basic: escapes": ("basic", _repeated(b"Basic ", b"JTQxOiUyNQ")),
}
