"""`tallystick prove` and `verify`: proof files. `verify` needs no home, no database and no network, only the files and a trust file."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from api.cli.archive import verdict_of_archive
from api.cli.calling import CredentialsOption, HomeOrUrl, UrlOption, at_node, home_unless
from api.cli.files import bytes_of
from api.cli.homes import reading
from api.cli.output import AsJson, print_json, say
from api.client import Client
from contracts.readings import read
from ledger.archive_replay import ArchiveVerdict
from ledger.errors import InputError
from ledger.limits import PROOF_FILE_BYTES_MAX, TRUST_FILE_BYTES_MAX
from ledger.verify import Verdict
from ledger.verify import verify as verify_proof
from nodes.auditing.report import verdict_on
from nodes.proofs import Proofs

_ID: Final = re.compile(r"[0-9a-f]{64}\Z")


def prove(
    out: Annotated[Path, typer.Option("-o", "--out", help="the file to write")],
    record_id: Annotated[str | None, typer.Argument(metavar="[RECORD_ID]")] = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="disclose the sealed parts that this node opens, for good")] = False,
    part: Annotated[list[str] | None, typer.Option("--part", metavar="NAME", help="disclose this part of the record only")] = None,
    state: Annotated[str | None, typer.Option("--state", metavar="KEY", help="prove a state entry, or that there is none")] = None,
    declaration: Annotated[str | None, typer.Option("--declaration", metavar="ID", help="prove what a declaration has available")] = None,
    since: Annotated[
        int | None, typer.Option("--since", metavar="HEIGHT", min=0, help="prove that the log went on from this block")
    ] = None,
    height: Annotated[int | None, typer.Option("--height", min=0, help="of which height; the newest by default")] = None,
    home: HomeOrUrl = None,
    url: UrlOption = None,
    credentials: CredentialsOption = None,
    as_json: AsJson = False,
) -> None:
    """Write an offline proof file: of a record by its id, of a state entry, of a declaration, or that nothing was changed since a block."""
    wanted = {"record": record_id, "state": state, "bundle": declaration, "consistency": since}
    kinds = [kind for kind, named in wanted.items() if named is not None]
    if len(kinds) != 1:
        hint = "tallystick prove RECORD_ID, or one of --state KEY, --declaration ID and --since HEIGHT"
        raise InputError("usage", "name one thing to prove", hint=hint)
    (kind,) = kinds
    if (reveal and kind not in ("record", "bundle")) or (part and kind != "record"):
        raise InputError("usage", "what is proven has no such sealed parts to reveal")
    if (record_id is not None and height is not None) or not all(_ID.match(each) for each in (record_id, declaration) if each is not None):
        raise InputError("bad-id", "a record or a declaration is named by 64 lower-case hexadecimal digits, and a record needs no height")
    key = None if state is None else _key(state)
    asked = _Asked(record_id, tuple(part or ()), key, declaration, since, height, reveal)
    own = home_unless(home, url)
    if own is not None:
        document = asked.of_home(own)
    else:
        with at_node(url or "", credentials) as client:
            document = asked.of_node(client)
    write_new(out, document)
    if as_json:
        print_json({"file": str(out), "kind": kind, "bytes": len(document)})
    else:
        trust = "TRUST.json" if own is None else own / "trust.json"
        say(f"{out}: verify it with tallystick verify {out} --trust {trust}")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be proven: one of the first, but for its parts."""

    record: str | None
    parts: tuple[str, ...]
    state: str | None
    declaration: str | None
    since: int | None
    height: int | None
    reveal: bool

    def of_home(self, home: Path) -> bytes:
        """From a home's replica."""
        with reading(home) as opened:
            proofs = Proofs(opened.store, opened.private)
            if self.record is not None:
                return proofs.record(self.record, reveal=self.reveal, names=self.parts)
            if self.declaration is not None:
                return proofs.declaration(self.declaration, self.height, reveal=self.reveal)
            if self.since is not None:
                return proofs.consistency(self.since, self.height)
            return proofs.state(self.state or "", self.height)

    def of_node(self, client: Client) -> bytes:
        """From a node that is served."""
        if self.record is not None:
            return client.records.proof(self.record, reveal=self.reveal, parts=self.parts)
        if self.declaration is not None:
            return client.declarations.proof(self.declaration, height=self.height, reveal=self.reveal)
        if self.since is not None:
            return client.records.consistency_proof(self.since, self.height)
        return client.records.state_proof(self.state or "", self.height)


def _key(text: str | None) -> str:
    if not text or not text.isascii() or not text.isprintable():
        raise InputError("bad-key", "a state key is printable ASCII")
    return text


def verify(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...")],
    trust: Annotated[Path, typer.Option("--trust", help="what to trust from the start: a network's trust.json")],
    as_json: AsJson = False,
) -> None:
    """Check proof files, archives and audit reports. Exit status 1 where one of them does not hold, 2 where a file cannot be read."""
    believed = bytes_of(trust, TRUST_FILE_BYTES_MAX)
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
    if of_archive is not None:
        return of_archive
    data = bytes_of(path, PROOF_FILE_BYTES_MAX)
    return verdict_on(data, trust) or verify_proof(data, trust)


def write_new(path: Path, data: bytes) -> None:
    """Writes a file whole, or not at all. Raises `InputError` (`file-not-written`)."""
    try:
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError as error:
        raise InputError("file-not-written", f"{path} cannot be written: {error.strerror}") from error


def _shape(path: Path, verdict: Verdict) -> dict[str, Any]:
    """The neutral sentences first, then those that say the same in the words of the trade; and the figures of declarations."""
    reading_of = read(verdict)
    return {
        "file": str(path),
        "ok": verdict.ok,
        "proves": verdict.proves + reading_of.proves,
        "does_not_prove": verdict.does_not_prove + reading_of.does_not_prove,
        "as_of": verdict.as_of,
        "code": verdict.code,
        **({"first_bad_height": verdict.first_bad_height} if isinstance(verdict, ArchiveVerdict) else {}),
        "revealed": verdict.revealed,
        "declarations": reading_of.declarations,
    }


def _tell(path: Path, verdict: Verdict) -> None:
    if not verdict.ok:
        height = verdict.first_bad_height if isinstance(verdict, ArchiveVerdict) else None
        say(f"{path}: DOES NOT HOLD: {verdict.code}" + ("" if height is None else f", first at height {height}"))
        return
    as_of, shape = verdict.as_of, _shape(path, verdict)
    say(f"{path}: holds" if as_of is None else f"{path}: holds, as of block {as_of['height']} of {as_of['time']}")
    for sentence in shape["proves"]:
        say(f"  proves: {sentence}")
    for sentence in shape["does_not_prove"]:
        say(f"  does not prove: {sentence}")
    for name, content in verdict.revealed.items():
        say(f"  part {name}: {content}")
