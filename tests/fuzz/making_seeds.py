"""Writes the seeds: those of this project's own formats are made, files of `examples` are copied. `python -m tests.fuzz.making_seeds`.

What a parser of long files needs is a short one: a few kilobytes for each target. Signatures with P-256 differ from run to run, so the
seeds are committed, and written anew only where a format is.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from joserfc import jwt
from joserfc.jwk import ECKey

from ledger import canonical
from ledger.archive_lines import lines_of
from ledger.comet.frames import frame
from ledger.snapshot import Snapshot, chunk_hash, pack
from ledger.witness import write_add_checkpoint
from nodes.customs.xlsx_reader import write_template
from nodes.financings.load_table import template
from nodes.spreadsheets import Sheet, write_workbook
from tests.counted import ROOT
from tests.fuzz.honest import NETWORK, TRUST
from tests.fuzz.target import CORPUS
from tests.ledger.comet.samples import samples
from tests.ledger.comet.wire import request
from tests.ledger.small_ledger import ANNE_SERVICE, solo_ledger
from tests.ledger.test_archive import packed_of
from tests.ledger.verify.sampled import cosigned, sample_files
from tests.ledger.verify.small_files import small_files
from tests.ledger.verify.trusting import consortium_trust

_EXAMPLES: Final = ROOT / "examples"
_FIXTURES: Final = ROOT / "tests" / "fixtures"
_BAD: Final = ("entity-bomb", "duplicate-number", "field-twice", "nothing-in-it", "too-deep", "truncated", "two-heads", "utf-16", "xxe")
_RECORD_BYTES_MAX: Final = 8_192


def _write(target: str, name: str, data: bytes) -> None:
    place = CORPUS / target
    place.mkdir(parents=True, exist_ok=True)
    (place / name).write_bytes(data)


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _of_ledger() -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory)
        (path / "sampled").mkdir()
        with small_files(path) as files:
            for name, document in sample_files(files, path / "sampled").items():
                _write("proof", name.replace(" ", "-"), document)
        with solo_ledger(path / "archived.db") as solo:
            solo.put("a", "b")
            solo.put("c")
            _write("archive", "small", packed_of(solo.store))
            with solo.store.reading() as reader:
                note, first = reader.checkpoint() or "", reader.checkpoint(1) or ""
            _write("note", "signed", note.encode())
            _write("note", "cosigned", cosigned(note).encode())
            _write("cosigning", "first", write_add_checkpoint(0, [], note))
            _write("cosigning", "later", write_add_checkpoint(3, [bytes([7]) * 32, bytes([8]) * 32], note))
            block = json.loads(list(lines_of(io.BytesIO((CORPUS / "archive" / "small").read_bytes())))[1])
            _write("block", "block", _json(block))
            _write("block", "header", _json({"checkpoint": first, "header": block["header"], "inclusion": ["ab" * 32]}))
    _write("trust", "operator", TRUST)
    public = bytes([3]) * 32
    _write(
        "trust", "consortium", consortium_trust(NETWORK, [{"name": "v", "public": public.hex(), "power": 10}], 1_700_000_000_000, 86_400)
    )
    chunk = b'{"a":1}\n' * 20
    _write("snapshot", "chunk", pack(chunk))
    _write("snapshot", "described", (9).to_bytes(8) + Snapshot(9, (chunk_hash(chunk), chunk_hash(b""))).metadata)


def _records() -> None:
    """The shortest record of each type that a whole network wrote."""
    found: dict[str, bytes] = {}
    with (_FIXTURES / "rules-2" / "ledger.tally").open("rb") as file:
        for line in list(lines_of(file))[1:]:
            for each in json.loads(line)["records"]:
                raw = canonical.encode({"record": each["record"], "signatures": each["signatures"]})
                known = found.get(each["record"]["type"])
                if known is None or len(raw) < len(known):
                    found[each["record"]["type"]] = raw
    for kind, raw in found.items():
        if len(raw) <= _RECORD_BYTES_MAX:
            _write("record", kind, raw)


def _of_consortium() -> None:
    good = samples().good[:3]
    asked = {
        "info": [request("info"), request("echo", message="a"), request("flush")],
        "check": [request("check_tx", tx=good[0]), request("check_tx", tx=samples().bad[3], type=1)],
        "propose": [
            request("prepare_proposal", height=1, txs=list(good), max_tx_bytes=60_000),
            request("process_proposal", height=1, txs=[]),
        ],
        "decide": [request("finalize_block", height=1, txs=list(good)), request("commit")],
        "query": [request("query", path="/p2p/filter/id/" + "ab" * 20), request("init_chain", chain_id="tallystick-0")],
        "snapshots": [
            request("list_snapshots"),
            request("load_snapshot_chunk", height=1, chunk=0),
            request("apply_snapshot_chunk", index=0),
        ],
    }
    offer = request("offer_snapshot", app_hash=bytes(32))
    described = Snapshot(9, (chunk_hash(b""),))
    offer.offer_snapshot.snapshot.height, offer.offer_snapshot.snapshot.format, offer.offer_snapshot.snapshot.chunks = 9, 1, 1
    offer.offer_snapshot.snapshot.hash, offer.offer_snapshot.snapshot.metadata = described.hash, described.metadata
    asked["offer"] = [offer, request("apply_snapshot_chunk", index=0, chunk=pack(b""), sender="p")]
    for name, questions in asked.items():
        for question in questions:
            timed = getattr(question, question.WhichOneof("value"))
            if "time" in {field.name for field in timed.DESCRIPTOR.fields}:
                timed.time.seconds = 1_800_000_000
        _write("abci", name, b"".join(frame(question.SerializeToString()) for question in questions))
    recorded = json.loads((_FIXTURES / "comet" / "answers.json").read_text("utf-8"))
    height, commit = next(iter(recorded["commits"].items()))
    validators = recorded["sets"].get(height) or next(iter(recorded["sets"].values()))
    _write("engine-answer", "commit", _json({"commit": commit, "validators": validators}))
    _write("engine-answer", "status", _json({"sync_info": {"earliest_block_height": "1"}}))


def _copied(files: Mapping[str, str]) -> None:
    """Examples, by the pattern of their names, to a target."""
    for pattern, target in files.items():
        for path in sorted(_EXAMPLES.glob(pattern)):
            if path.stat().st_size <= 16_384:
                (CORPUS / target).mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, CORPUS / target / path.name)


def _of_files() -> None:
    _copied(
        {
            **{f"bad/{name}.xml": "customs-xml" for name in _BAD},
            "declarations/*gb18030.xml": "customs-xml",
            "bad/*.csv": "customs-csv",
            "declarations/exporter-d.csv": "customs-csv",
            "bad/*.xlsx": "customs-xlsx",
            "iso20022/*.xml": "iso20022",
            "iso20022/bad/*.xml": "iso20022",
            "credit-facts/years.csv": "credit-facts",
            "credit-facts/facts.xlsx": "credit-facts",
        }
    )
    for target in ("workbook", "document"):
        _write(target, "facts.xlsx", (_EXAMPLES / "credit-facts" / "facts.xlsx").read_bytes())
    rows = list(csv.reader((_EXAMPLES / "declarations" / "exporter-d.csv").read_text("gb18030").splitlines()))
    filled = io.BytesIO()
    write_workbook(filled, [Sheet("filled in", rows[:1], rows[1:6])])
    _write("customs-xlsx", "filled.xlsx", filled.getvalue())
    empty = io.BytesIO()
    write_template(empty, "en")
    _write("customs-xlsx", "template.xlsx", empty.getvalue())
    loans = io.BytesIO()
    write_workbook(loans, [template()])
    _write("loans", "template.xlsx", loans.getvalue())
    row = "L-1,090820260519123456,USD,1000.00,export loan,Dalian,2026-01-05,2026-07-05\n"
    _write(
        "loans", "loans.csv", ("reference,declaration_number,currency,drawn,product,branch,disbursed_on,matures_on\n" + row + row).encode()
    )
    _write("rates", "rates.csv", b"currency,day,rate\nCNY,2026-10-26,0.1389\nEUR,2026-10-26,1.08\n")
    _write("rates", "rates.json", _json({"rates": [{"currency": "EUR", "day": "2026-10-26", "rate": "1.08"}]}))
    for name, start in {"pdf": b"%PDF-1.7\n", "tiff": b"II*\x00", "png": b"\x89PNG\r\n\x1a\n"}.items():
        _write("document", name, start)
    lines = [
        {"backup": {"v": 1, "network": NETWORK, "node": "bank-a", "schema": "0001", "time_ms": 1}},
        {"file": "keys/a.json", "bytes": 2},
        {"data": "aGk="},
        {"table": "users", "columns": ["id", "secret"]},
        {"row": [1, {"b64": "aGk="}]},
        {"end": {"files": 1, "rows": 1}},
    ]
    _write("backup", "small", b"".join(_json(line) + b"\n" for line in lines))


def _of_calls() -> None:
    about = {"number": "090820260519123456", "v": 1}
    one = "ab" * 32
    parts: dict[str, dict[str, Any]] = {
        "reason": {"text": "the buyer paid in advance"},
        "withdrawal": {"request": one, "reason": "no longer wanted"},
        "document": {"sha256": one, "name": "invoice.pdf", "data": "JVBERi0="},
        "collection": {"currency": "USD", "amount_minor": 100, "collected_on": "2026-10-26", "reference": "r", "exchange": None},
        "answer": {"request": one, "revision": 1, "state": "REFUSED", "reason": "no", "fields": ["amount"], "financing": None},
    }
    for name, part in parts.items():
        _write("sealed-part", name, _json({"v": 1, **part}))
    line = list(lines_of(io.BytesIO((CORPUS / "archive" / "small").read_bytes())))[1]
    _write("sealed-part", "no-part", line)
    _write("body", "plain", _json({"amount": {"currency": "USD", "value": "1.00"}, "lines": [about, about], "wait": None}))
    _write("body", "odd", b'{"a": "\\ud83d\\ude00", "b": [1e3, -0.0, true], "c": "\\u0000"}')
    form = b'--cut\r\nContent-Disposition: form-data; name="file"; filename="a.xml"\r\nContent-Type: text/xml\r\n\r\n<a/>\r\n--cut\r\n'
    _write("form", "file", form + b'Content-Disposition: form-data; name="note"\r\n\r\nhello\r\n--cut--\r\n')
    key = ECKey.import_key(ANNE_SERVICE)
    token = jwt.encode({"alg": "ES256"}, {"iss": "anne", "aud": "https://bank-a.test", "exp": 1, "jti": "x"}, key, algorithms=["ES256"])
    _write("token", "signed", token.encode())
    _write("basic", "both", b"Basic YmFuay1hOnNlY3JldA==")


if __name__ == "__main__":
    _of_ledger()
    _records()
    _of_consortium()
    _of_files()
    _of_calls()
