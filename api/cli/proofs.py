"""`tallystick prove` and `verify`: proof files. `verify` needs no home, no database and no network, only the files and a trust file."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Final

import sqlalchemy as sa
import typer

from api.cli.archive import verdict_of_archive
from api.cli.homes import HomeOption, OpenHome, reading
from api.cli.output import AsJson, print_json, say
from ledger import proof
from ledger.errors import InputError
from ledger.limits import PROOF_FILE_BYTES_MAX, TRUST_FILE_BYTES_MAX
from ledger.verify import Verdict
from ledger.verify import verify as verify_proof
from nodes.private import parts

_ID: Final = re.compile(r"[0-9a-f]{64}\Z")


def prove(
    home: HomeOption,
    out: Annotated[Path, typer.Option("-o", "--out", help="the file to write")],
    record_id: Annotated[str | None, typer.Argument(metavar="[RECORD_ID]")] = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="disclose the record's sealed parts that this node opens, for good")] = False,
    state: Annotated[str | None, typer.Option("--state", metavar="KEY", help="prove a state entry, or that there is none")] = None,
    height: Annotated[int | None, typer.Option("--height", min=0, help="of which height; the newest by default")] = None,
    as_json: AsJson = False,
) -> None:
    """Write an offline proof file: of a record by its id, or of a state entry by its key."""
    if (record_id is None) == (state is None):
        raise InputError("usage", "name either a record or a state key", hint="tallystick prove RECORD_ID, or tallystick prove --state KEY")
    if state is not None and reveal:
        raise InputError("usage", "a state entry has no sealed parts to reveal")
    if record_id is not None and (height is not None or _ID.match(record_id) is None):
        raise InputError("bad-id", "a record is named by 64 lower-case hexadecimal digits, and needs no height")
    with reading(home) as opened:
        document = _document(opened, record_id, state, height, reveal=reveal)
    write_new(out, document)
    if as_json:
        print_json({"file": str(out), "kind": "state" if record_id is None else "record", "bytes": len(document)})
    else:
        say(f"{out}: verify it with tallystick verify {out} --trust {home / 'trust.json'}")


def _document(opened: OpenHome, record_id: str | None, state: str | None, height: int | None, *, reveal: bool) -> bytes:
    with opened.store.reading() as reader:
        if record_id is not None:
            return proof.record_proof(reader, record_id, _content_keys(opened, record_id) if reveal else None)
        assert state is not None, "a proof is of a record or of a state entry"
        if not state.isascii() or not state.isprintable():
            raise InputError("bad-key", "a state key is printable ASCII")
        return proof.state_proof(reader, state, height)


def verify(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...")],
    trust: Annotated[Path, typer.Option("--trust", help="what to trust from the start: a network's trust.json")],
    as_json: AsJson = False,
) -> None:
    """Check proof files and archives. Exit status 1 where one of them does not hold, 2 where a file cannot be read."""
    believed = _bytes_of(trust, TRUST_FILE_BYTES_MAX)
    found = [(path, _verdict(path, believed, shown=not as_json)) for path in files]
    if as_json:
        print_json({"ok": all(verdict.ok for _, verdict in found), "files": [_shape(path, verdict) for path, verdict in found]})
    else:
        for path, verdict in found:
            _tell(path, verdict)
    if not all(verdict.ok for _, verdict in found):
        raise typer.Exit(1)


def _verdict(path: Path, trust: bytes, *, shown: bool) -> Verdict:
    of_archive = verdict_of_archive(path, trust, shown=shown)
    return verify_proof(_bytes_of(path, PROOF_FILE_BYTES_MAX), trust) if of_archive is None else of_archive


def write_new(path: Path, data: bytes) -> None:
    """Writes a file whole, or not at all. Raises `InputError` (`file-not-written`)."""
    try:
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError as error:
        raise InputError("file-not-written", f"{path} cannot be written: {error.strerror}") from error


def _content_keys(opened: OpenHome, record_id: str) -> dict[str, bytes]:
    """Of the parts that this node has opened; private keys and salts are in parts that are never shown."""
    with opened.private.reading() as connection:
        rows = connection.execute(sa.select(parts.c.part, parts.c.content_key).where(parts.c.record_id == record_id))
        return {row.part: bytes.fromhex(row.content_key) for row in rows if not row.part.startswith(proof.SECRET_PREFIX)}


def _bytes_of(path: Path, bytes_max: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(bytes_max + 1)
    except OSError as error:
        raise InputError("unreadable", f"{path} cannot be read: {error.strerror}") from error
    if len(data) > bytes_max:
        raise InputError("oversize", f"{path} has more than {bytes_max} bytes")
    return data


def _shape(path: Path, verdict: Verdict) -> dict[str, Any]:
    return {
        "file": str(path),
        "ok": verdict.ok,
        "proves": verdict.proves,
        "does_not_prove": verdict.does_not_prove,
        "as_of": verdict.as_of,
        "code": verdict.code,
        "revealed": verdict.revealed,
    }


def _tell(path: Path, verdict: Verdict) -> None:
    if not verdict.ok:
        say(f"{path}: DOES NOT HOLD: {verdict.code}")
        return
    as_of = verdict.as_of or {}
    say(f"{path}: holds, as of block {as_of.get('height')} of {as_of.get('time')}")
    for sentence in verdict.proves:
        say(f"  proves: {sentence}")
    for sentence in verdict.does_not_prove:
        say(f"  does not prove: {sentence}")
    for name, content in verdict.revealed.items():
        say(f"  part {name}: {content}")
