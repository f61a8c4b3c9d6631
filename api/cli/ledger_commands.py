"""`tallystick records show` and `blocks show`: what is on the ledger, opened as far as this node's keys open it.

Parts named `secret...` hold private keys and salts, and are shown to nobody.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

import sqlalchemy as sa
import typer

from api.cli.calling import CredentialsOption, HomeOrUrl, UrlOption, at_node, home_unless
from api.cli.homes import OpenHome, reading
from api.cli.output import AsJson, print_json, print_table, say
from api.client import Client
from ledger import canonical
from ledger.clock import rfc3339
from ledger.errors import InputError, NotFound
from ledger.record import record_id as id_of
from ledger.store import StoredRecord
from nodes.directory import Directory
from nodes.private import parts

records_app = typer.Typer(help="records on the ledger")
blocks_app = typer.Typer(help="blocks of the ledger")

_ID = re.compile(r"[0-9a-f]{64}\Z")
_SECRET_PREFIX = "secret"


@records_app.callback()
def _records() -> None:
    """Records on the ledger."""


@blocks_app.callback()
def _blocks() -> None:
    """Blocks of the ledger."""


@records_app.command("show")
def show_record(
    record_id: Annotated[str, typer.Argument(metavar="ID")],
    home: HomeOrUrl = None,
    url: UrlOption = None,
    credentials: CredentialsOption = None,
    as_json: AsJson = False,
) -> None:
    """One record: who signed it, what came of it, and the sealed parts that this node has opened."""
    if _ID.match(record_id) is None:
        raise InputError("bad-id", "a record's id has 64 lower-case hexadecimal digits")
    own = home_unless(home, url)
    if own is not None:
        document = _record_of(own, record_id)
    else:
        with at_node(url or "", credentials) as client:
            document = {"parts": {}, **client.http.get(f"/v1/records/{record_id}")}
    if as_json:
        print_json(document)
        return
    for name in ("record_id", "type", "height", "time", "log_index"):
        say(f"{name}: {document[name]}")
    say(f"result: {json.dumps(document['result'], ensure_ascii=False)}")
    for signer in document["signers"]:
        say(f"signed by: {signer['member'] or 'a one-time key'} ({signer['purpose']}) {signer['key']}")
    say(f"body: {json.dumps(document['record']['body'], ensure_ascii=False, indent=2)}")
    for name, content in document["parts"].items():
        say(f"part {name}: {json.dumps(content, ensure_ascii=False, indent=2)}")
    closed = sorted(document["record"]["sealed"].keys() - document["parts"].keys())
    if closed:
        say(f"sealed to others, or never shown: {', '.join(closed)}")


@blocks_app.command("show")
def show_block(
    height: Annotated[int, typer.Argument(metavar="HEIGHT", min=0)],
    home: HomeOrUrl = None,
    url: UrlOption = None,
    credentials: CredentialsOption = None,
    as_json: AsJson = False,
) -> None:
    """One block: its header and its records."""
    own = home_unless(home, url)
    if own is not None:
        document = _block_of(own, height)
    else:
        with at_node(url or "", credentials) as client:
            document = _block_at(client, height)
    if as_json:
        print_json(document)
        return
    header = document["header"]
    say(f"block {height} of {document['time']}, hash {document['hash']}")
    say(f"state root {header['state_root']}, log root {header['log_root']} of {header['log_size']} leaves")
    rows = [
        (
            each["log_index"],
            each["type"],
            each["signers"][0]["member"] or each["signers"][-1]["member"],
            each["result"]["code"],
            each["record_id"],
        )
        for each in document["records"]
    ]
    print_table(["log index", "type", "member", "result", "record"], rows)


def _record_of(home: Path, record_id: str) -> dict[str, Any]:
    with reading(home) as opened, opened.store.reading() as reader:
        stored = reader.record(record_id)
        if stored is None:
            raise NotFound("unknown-record", "this home's replica holds no such record", hint="it may not have reached it yet")
        return {**_public(stored, Directory(opened.store)), "parts": _opened_parts(opened, record_id)}


def _block_of(home: Path, height: int) -> dict[str, Any]:
    with reading(home) as opened, opened.store.reading() as reader:
        header = reader.header(height)
        if header is None:
            raise NotFound(
                "unknown-height", f"this home's replica has no block at height {height}", hint=f"its height is {reader.head.height}"
            )
        directory = Directory(opened.store)
        found = [] if height == 0 else reader.records_of_block(height)
        return {
            "height": height,
            "hash": header.hash,
            "time": rfc3339(header.time_ms),
            "header": header.to_json(),
            "checkpoint": reader.checkpoint(height),
            "records": [_public(stored, directory) for stored in found],
        }


def _block_at(client: Client, height: int) -> dict[str, Any]:
    """The same from a node that is served."""
    block = client.records.block(height)
    ids = [id_of(canonical.encode(each["record"])) for each in block.records]
    return {
        "height": height,
        "hash": block.hash,
        "time": rfc3339(block.header["time"]),
        "header": block.header,
        "checkpoint": block.checkpoint,
        "records": [client.http.get(f"/v1/records/{each}") for each in ids],
    }


def _public(stored: StoredRecord, directory: Directory) -> dict[str, Any]:
    keys = {key_id: directory.key(key_id) for key_id in stored.record.signers}
    return {
        "record_id": stored.id,
        "type": stored.record.type,
        "height": stored.height,
        "position": stored.position,
        "log_index": stored.log_index,
        "time": rfc3339(stored.time_ms),
        "result": dict(stored.result),
        "signers": [
            {"key": key_id, "member": key.member if key else None, "purpose": key.purpose if key else "once"}
            for key_id, key in keys.items()
        ],
        "record": dict(stored.record.core),
    }


def _opened_parts(opened: OpenHome, record_id: str) -> dict[str, Any]:
    with opened.private.reading() as connection:
        rows = connection.execute(sa.select(parts).where(parts.c.record_id == record_id).order_by(parts.c.part))
        return {row.part: canonical.decode(row.content.encode()) for row in rows if not row.part.startswith(_SECRET_PREFIX)}
