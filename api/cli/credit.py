"""`tallystick credit`: facts about enterprises into the authority's store, and the workbook to fill in.

Facts stand in the private database alone, where writers take turns, so the command works beside the running node.
"""

from __future__ import annotations

import hashlib
import io
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from api.cli.homes import HomeOption
from api.cli.output import AsJson, print_json, print_table, say
from api.cli.proofs import write_new
from ledger.clock import SystemClock
from ledger.errors import InputError, Refused
from nodes.credit.files import write_template
from nodes.credit.imports import DONE, RowResult, import_file
from nodes.credit.profiles import Profiles
from nodes.home import Home
from nodes.private import PrivateStore

app = typer.Typer(help="credit facts of enterprises, at the authority")
RECORDED_BY: Final = "command-line"
_SHOWN: Final = ("file", "kind", "position", "uscc", "result", "message")


@app.command("import")
def import_files(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV or XLSX")], home: HomeOption, as_json: AsJson = False
) -> None:
    """Record what files say, with one result for each row. Exit status 1 where any was refused."""
    opened = Home(home)
    config = opened.read_config()
    opened.check_modes()
    if config.node.role != "authority":
        raise Refused("wrong-seat", "credit facts are kept by the authority", hint="name the authority's home")
    with closing(PrivateStore(opened.private_url(config))) as private:
        profiles = Profiles(private, SystemClock())
        items = [_item(file, result) for file in files for result in _import(profiles, file)]
    refused = sum(item["result"] not in DONE for item in items)
    if as_json:
        print_json({"total": len(items), "accepted": len(items) - refused, "refused": refused, "items": items})
    else:
        print_table(_SHOWN, [[item[name] for name in _SHOWN] for item in items])
        say(f"{len(items) - refused} accepted, {refused} refused, of {len(items)}")
    if refused:
        raise typer.Exit(1)


@app.command("template")
def template(out: Annotated[Path, typer.Option("-o", "--out", help="a .xlsx file to write")]) -> None:
    """Write an empty workbook to fill in: a sheet for each kind of fact."""
    if out.suffix.lower() != ".xlsx":
        raise InputError("file-type-unknown", f"{out.name} is not a .xlsx file", hint="a CSV file has the columns of one of its sheets")
    book = io.BytesIO()
    write_template(book)
    write_new(out, book.getvalue())
    say(f"{out}: fill it in, one row for each fact, and hand it to tallystick credit import")


def _import(profiles: Profiles, path: Path) -> list[RowResult]:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return import_file(profiles, file, RECORDED_BY, f"sha256:{digest}")
    except OSError as error:
        raise InputError("file-unreadable", f"{path} cannot be read: {error.strerror}") from error
    except InputError as error:
        # The others of the run are recorded all the same: this one's place in the report says what is wrong with it.
        return [RowResult("", 0, "", error.code, error.message)]


def _item(path: Path, result: RowResult) -> dict[str, Any]:
    return {"file": path.name, **result.to_json()}
