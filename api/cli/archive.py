"""`tallystick export` and `restore`: the whole ledger in one file that leaves with a member, and a home made from it again."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console
from rich.progress import Progress

from api.cli.backup import PassphraseFile
from api.cli.files import written_whole
from api.cli.homes import HomeOption, OpenHome, reading
from api.cli.output import AsJson, print_json, say
from api.cli.staff import read_secret
from contracts.ruleset import RULEBOOK
from ledger.archive import Progress as OnProgress
from ledger.archive import export as export_ledger
from ledger.archive_lines import is_archive
from ledger.archive_replay import ArchiveVerdict, verify_archive
from ledger.clock import SystemClock
from ledger.errors import InputError, NotFound
from ledger.limits import TRUST_FILE_BYTES_MAX
from nodes.keys.passwords import password_bytes
from nodes.restoring import MemberBackup, RestoredHome, Storage, copied, restore_home
from nodes.witnessing.cosigned import CosignedNotes


def export(
    home: HomeOption,
    out: Annotated[Path, typer.Option("-o", "--out", help="the file to write")],
    to_height: Annotated[int | None, typer.Option("--to-height", min=1, help="the last block to take; the newest by default")] = None,
    cosigned: Annotated[bool, typer.Option("--cosigned", help="end at the block whose checkpoint most witnesses cosigned")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the whole ledger into one archive, beside the running node too. `tallystick verify` checks it without network or home."""
    if cosigned and to_height is not None:
        raise InputError("usage", "either --to-height or --cosigned", hint="see tallystick export --help")
    with reading(home) as opened:
        height, note = _end(opened, to_height, cosigned=cosigned)
        with written_whole(out) as file, _progress("exporting", shown=not as_json) as progress:
            made = export_ledger(opened.store, file, height, note=note, on_progress=progress)
    size = out.stat().st_size
    if as_json:
        print_json({"file": str(out), "network": made.network, "height": made.height, "records": made.records, "bytes": size})
        return
    say(f"{out}: {made.records} records in {made.height} blocks, {size} bytes")
    say(f"verify it with tallystick verify {out} --trust {home / 'trust.json'}")


def restore(
    archive: Annotated[Path, typer.Argument(metavar="FILE", help="an archive that `tallystick export` wrote")],
    home: Annotated[Path, typer.Option("--home", help="the new home")],
    keys: Annotated[
        Path | None, typer.Option("--keys", help="the member's own: its old home, not running, or a file of `tallystick backup`")
    ] = None,
    trust: Annotated[Path | None, typer.Option("--trust", help="a trust file that the archive must hold under")] = None,
    ledger_url: Annotated[str | None, typer.Option("--ledger-url", help="another ledger database; `home` is SQLite in the home")] = None,
    private_url: Annotated[str | None, typer.Option("--private-url", help="another private database; `home` is SQLite in the home")] = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a home from an archive: with a member's keys a node that goes on, without them a replica to audit, prove and export from."""
    believed = None if trust is None else _trust_file(trust)
    with ExitStack() as stack:
        file = stack.enter_context(_opened(archive))
        backup = None if keys is None else _backup(keys, file, passphrase_file, stack)
        progress = stack.enter_context(_progress("replaying", shown=not as_json))
        storage = Storage(ledger_url, private_url)
        made = restore_home(file, home, backup, storage=storage, trust=believed, on_progress=progress)
    if as_json:
        numbers = {"height": made.height, "records": made.records, "read": made.read}
        print_json({"home": str(home), "network": made.network, "node": made.node, "engine": made.engine, **numbers})
        return
    _tell(home, made, trusted=trust is not None)


def verdict_of_archive(path: Path, trust: bytes, *, shown: bool) -> ArchiveVerdict | None:
    """The verdict on a file that is an archive; None for any other. Raises `InputError` (`unreadable`)."""
    with _opened(path) as file:
        beginning = file.read(2)
        if not is_archive(beginning):
            return None
        file.seek(0)
        with _progress("replaying", shown=shown) as progress:
            return verify_archive(file, trust, RULEBOOK, progress)


def _trust_file(path: Path) -> bytes:
    with _opened(path) as file:
        return file.read(TRUST_FILE_BYTES_MAX + 1)


def _end(opened: OpenHome, to_height: int | None, *, cosigned: bool) -> tuple[int, str | None]:
    """The last height of an archive, and its note with the cosignatures that this home knows. Raises `NotFound` (`not-cosigned`)."""
    known = CosignedNotes(opened.private)
    with opened.store.reading() as reader:
        if not cosigned:
            height = reader.head.height if to_height is None else to_height
            note = known.of_height(reader, height)
            return height, None if note is None else note.note
        best = known.best(reader)
        height_of_best = None if best is None else reader.height_of_log_index(best.size - 1)
    if best is None or height_of_best is None:
        raise NotFound(
            "not-cosigned", "this home knows of no cosigned checkpoint", hint="leave out --cosigned: the operator signed all of them"
        )
    return height_of_best, best.note


def _backup(keys: Path, archive: BinaryIO, passphrase_file: Path | None, stack: ExitStack) -> MemberBackup:
    if keys.is_dir():
        return stack.enter_context(copied(keys, archive, clock=SystemClock(), random=os.urandom))
    file = stack.enter_context(_opened(keys))
    return MemberBackup(file, password_bytes(read_secret(passphrase_file, "passphrase of the backup: ")))


def _tell(home: Path, made: RestoredHome, *, trusted: bool) -> None:
    say(f"{home}: {made.records} records in {made.height} blocks, each replayed and found right")
    if made.engine == "none":
        say("It has no keys: audit, prove and export work on it, and nothing runs it.")
    else:
        say(f"It is {made.node}'s, with its private tables made again from {made.read} records. Never run it beside the home it came from.")
    if made.engine == "solo":
        say(f"It orders records: before it is served, make sure that no member has a block above {made.height}, or it would be a fork.")
    if not trusted:
        say(f"No trust file was given: make sure that the network is yours: {made.network}")


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError("unreadable", f"{path} cannot be read: {os.strerror(error.errno or 0)}") from error
    with file:
        yield file


@contextmanager
def _progress(what: str, *, shown: bool) -> Iterator[OnProgress | None]:
    """A bar on stderr, where that is a terminal."""
    if not shown or not sys.stderr.isatty():
        yield None
        return
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(what)

        def update(done: int, last: int) -> None:
            progress.update(bar, completed=done, total=last)

        yield update
