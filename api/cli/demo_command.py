"""`tallystick demo`: plays the main job in a new directory, shows it, and may go on serving every member."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from api.cli.demo.play import play
from api.cli.demo.report import Report
from api.cli.output import AsJson, print_json
from api.cli.processes import serve_members
from ledger.errors import Refused


def demo(
    home: Annotated[Path, typer.Option("--home", help="a new directory; each member's home is made in it")],
    engine: Annotated[str, typer.Option("--engine", help="solo: the authority's node orders blocks; comet: four validators do")] = "solo",
    serve: Annotated[bool, typer.Option("--serve", help="afterwards serve every member, one process each, until Ctrl-C")] = False,
    as_json: AsJson = False,
) -> None:
    """Play the whole business among an authority, three banks, four exporters and an auditor. Exit status 0 if all went as it must."""
    if engine not in ("solo", "comet"):
        raise Refused("engine-unknown", f"the demo cannot be played on the engine `{engine}`", hint="use solo or comet")
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise Refused("home-not-empty", f"{home} exists and is not an empty directory", hint="name a new directory, or move it aside")
    report = Report(shown=not as_json, terminal=sys.stdout.isatty())
    played = play(home, report, consortium=engine == "comet")
    if as_json:
        print_json(played.to_json())
    else:
        report.table(played)
    if not played.ok:
        raise typer.Exit(1)
    if serve:
        serve_members(home, played.sign_ins, as_json=as_json)
