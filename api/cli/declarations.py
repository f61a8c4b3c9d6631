"""`tallystick declarations`: customs files to the registrar's node, and the table to fill in.

Files go to the API of a remote node with `--url`, or of the home's own node where that is running; whoever may read the home acts for its
node, and signs in there as the program `command-line`, whose secret is made anew each time. Where it is not running, this process runs the
node for as long as the import takes.
"""

from __future__ import annotations

import csv
import io
import os
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from api.cli.calling import CredentialsOption, HomeOrUrl, UrlOption, at_home, at_node, home_unless
from api.cli.homes import is_running
from api.cli.output import AsJson, print_json, print_table, say
from api.cli.proofs import write_new
from api.client import Client
from api.permissions import scopes_of
from ledger.clock import SystemClock
from ledger.errors import InputError, NotFound, Unreachable
from nodes.customs.columns import template_headers
from nodes.customs.xlsx_reader import write_template
from nodes.declarations.register import Declarations
from nodes.home import Home
from nodes.keys.accounts import Accounts
from nodes.keys.keystore import KeyStore
from nodes.node import Node
from nodes.private import PrivateStore

app = typer.Typer(help="customs declarations")
CLIENT: Final = "command-line"
_SHOWN: Final = ("file", "position", "number", "result", "declaration_id")
# The longest that a command waits for an import.
_IMPORT_S: Final = 86_400.0


@app.command("import")
def import_files(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="customs XML, CSV or XLSX")],
    home: HomeOrUrl = None,
    url: UrlOption = None,
    credentials: CredentialsOption = None,
    as_json: AsJson = False,
) -> None:
    """Register what customs files hold, with one result for each declaration. Exit status 1 where any was refused."""
    for file in files:
        _check_readable(file)
    own = home_unless(home, url)
    if own is None:
        with at_node(url or "", credentials) as client:
            report = _sent(client, files)
    else:
        report = _through_api(Home(own), files) if is_running(_existing(own)) else _in_process(own, files)
    if as_json:
        print_json(report)
    else:
        print_table(_SHOWN, [[item[name] for name in _SHOWN] for item in report["items"]])
        say(f"{report['registered']} registered, {report['refused']} refused, of {report['total']}")
    if report["refused"]:
        raise typer.Exit(1)


@app.command("template")
def template(
    out: Annotated[Path, typer.Option("-o", "--out", help="an .xlsx or .csv file to write")],
    language: Annotated[str, typer.Option("--language", help="of the headings: zh or en")] = "zh",
) -> None:
    """Write an empty table to fill in: one row for each line of a declaration."""
    if language not in ("zh", "en"):
        raise InputError("usage", "the headings are in zh or en")
    chosen: Literal["zh", "en"] = "zh" if language == "zh" else "en"
    ending = out.suffix.lower()
    if ending == ".xlsx":
        book = io.BytesIO()
        write_template(book, chosen)
        write_new(out, book.getvalue())
    elif ending == ".csv":
        row = io.StringIO()
        csv.writer(row, lineterminator="\r\n").writerow(template_headers(chosen))
        # The byte order mark is what makes spreadsheet programs read the headings as UTF-8.
        write_new(out, ("\ufeff" + row.getvalue()).encode("utf-8"))
    else:
        raise InputError("file-type-unknown", f"{out.name} is neither an .xlsx nor a .csv file")
    say(f"{out}: fill it in, one row for each line of a declaration, and hand it to tallystick declarations import")


def _existing(home: Path) -> Home:
    found = Home(home)
    found.read_config()
    found.check_modes()
    return found


def _check_readable(path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise InputError("file-unreadable", f"{path} cannot be read: {error.strerror}") from error


def _in_process(home: Path, files: list[Path]) -> dict[str, Any]:
    with Node.open(home) as node:
        items: list[dict[str, Any]] = []
        report = Declarations(node).import_files([(file.name, file) for file in files], lambda item: items.append(item.to_json()))
        return {"total": report.total, "registered": report.registered, "refused": report.total - report.registered, "items": items}


def _through_api(home: Home, files: list[Path]) -> dict[str, Any]:
    with at_home(home.path, CLIENT, _client_secret(home)) as client:
        return _sent(client, files)


def _client_secret(home: Home) -> str:
    """A fresh secret of the program that this command signs in as."""
    with closing(PrivateStore(home.private_url(home.read_config()))) as private:
        accounts = Accounts(private, KeyStore(home.keys_dir, os.urandom), SystemClock(), os.urandom)
        try:
            return accounts.rotate_client(CLIENT)
        except NotFound:
            return accounts.add_client(CLIENT, "tallystick on this machine", "service", scopes_of("service"))[1]


def _sent(client: Client, files: list[Path]) -> dict[str, Any]:
    report = client.declarations.import_files(files, wait_s=_IMPORT_S)
    if report.state == "broken":
        raise Unreachable(str(report.code), "the import was cut off", hint="run the same files again: what is registered stays so")
    items = [{name: getattr(item, name) for name in _SHOWN} for item in client.declarations.import_items(report.id)]
    return {"total": report.total, "registered": report.registered, "refused": report.refused, "items": items}
