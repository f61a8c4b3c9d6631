"""`tallystick backup` and `tallystick recover`: a home in one encrypted file, and back again; or its private database from the ledger."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.files import written_whole
from api.cli.homes import HomeOption
from api.cli.output import AsJson, print_json, print_table, say
from api.cli.staff import read_secret
from ledger.clock import SystemClock
from ledger.errors import InputError, Refused
from nodes.backups.making import Backup, back_up
from nodes.backups.rebuilding import Rebuilt, rebuild_private
from nodes.backups.restoring import restore
from nodes.home import Home
from nodes.keys.passwords import check_password, password_bytes

PassphraseFile = Annotated[
    Path | None, typer.Option("--passphrase-file", help="its first line is the passphrase; without it, it is asked for, or read from stdin")
]


def backup(
    home: HomeOption,
    out: Annotated[Path, typer.Option("-o", "--out", help="the new file")],
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Write keys, configuration and private database into one encrypted file, beside the running node too. The ledger is not in it."""
    passphrase = read_secret(passphrase_file, "passphrase of the backup: ")
    check_password(passphrase, "backup")
    if out.exists():
        raise Refused("file-exists", f"{out} is there already", hint="a backup is never overwritten: name another file")
    with written_whole(out) as file:
        made = back_up(Home(home), file, password_bytes(passphrase), clock=SystemClock(), random=os.urandom)
    if as_json:
        print_json({"file": str(out), **_backup(made)})
        return
    say(f"{out}: {made.files} files and {made.rows} rows of {made.node}, schema {made.schema}")
    say("Whoever has the file and the passphrase has the node's keys. Without the passphrase nobody opens it, you neither.")


def recover(
    home: Annotated[Path, typer.Option("--home", help="the new home; with --from-ledger, the home whose private database is lost")],
    backup_file: Annotated[Path | None, typer.Option("--backup", help="a file that `tallystick backup` wrote")] = None,
    from_ledger: Annotated[bool, typer.Option("--from-ledger", help="rebuild the private database from ledger and keys")] = False,
    ledger_url: Annotated[str | None, typer.Option("--ledger-url", help="another ledger database; `home` is SQLite in the home")] = None,
    private_url: Annotated[str | None, typer.Option("--private-url", help="another private database; `home` is SQLite in the home")] = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Put a home back from a backup, or fill a lost private database with what ledger and keys give."""
    if from_ledger == (backup_file is not None):
        raise InputError("bad-usage", "either --backup FILE or --from-ledger", hint="see tallystick recover --help")
    if backup_file is None:
        _tell_rebuilt(rebuild_private(home), as_json)
        return
    passphrase = password_bytes(read_secret(passphrase_file, "passphrase of the backup: "))
    try:
        with backup_file.open("rb") as file:
            put_back = restore(file, passphrase, home, ledger_url=ledger_url, private_url=private_url)
    except OSError as error:
        raise InputError("unreadable", f"{backup_file} cannot be read: {os.strerror(error.errno or 0)}") from error
    if as_json:
        print_json({"home": str(home), **_backup(put_back)})
        return
    say(f"{home}: {put_back.files} files and {put_back.rows} rows of {put_back.node}")
    say("Never run it beside the home that it was made from. A follower fetches the ledger; an operator puts its newest one back.")


def _backup(made: Backup) -> dict[str, Any]:
    return {"network": made.network, "node": made.node, "schema": made.schema, "files": made.files, "rows": made.rows}


def _tell_rebuilt(made: Rebuilt, as_json: bool) -> None:
    if as_json:
        counts = {"records": made.records, "parts": made.parts, "broken_parts": made.broken_parts, "tasks": made.tasks}
        print_json({**counts, "to_restore": list(made.to_restore), "lost": dict(made.lost)})
        return
    say(f"{made.records} records read, {made.parts} sealed parts opened ({made.broken_parts} broken), {made.tasks} signed tasks made again")
    print_table(["not on the ledger", "what it held"], list(made.lost.items()))
    for user in made.to_restore:
        say(f"Next: tallystick user restore {user}, with the old secret")
