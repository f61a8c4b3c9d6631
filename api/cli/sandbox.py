"""`tallystick sandbox`: a network with synthetic data for integrators, which says so in every answer: made, served, made anew."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from api.cli.demo.act_one import give_consents, import_files
from api.cli.demo.cargo import load_cargo
from api.cli.demo.report import Report
from api.cli.demo.stage import Stage
from api.cli.demo.world import World
from api.cli.homes import is_running
from api.cli.logs import log_to_file, log_to_stderr
from api.cli.output import AsJson, print_json, say
from api.cli.processes import serve_members
from api.cli.sign_ins import FILE_NAME
from ledger.clock import SystemClock
from ledger.errors import InputError, Refused, Unreachable
from nodes.home import CONFIG_NAME, Home
from nodes.private_files import make_private_directory
from nodes.sandbox import NAME, is_sandbox
from nodes.seats import SignIn


def sandbox(
    home: Annotated[Path, typer.Option("--home", help="a new directory; each member's home is made in it")],
    serve: Annotated[bool, typer.Option("--serve", help="then serve every member, one process each, until Ctrl-C")] = False,
    reset: Annotated[bool, typer.Option("--reset", help="first delete the sandbox that is there; nothing else is ever deleted")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a sandbox: an authority, three banks and exporters, with declarations in every state of paper and consents to enquire under."""
    if reset:
        _delete(home)
    elif home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise Refused("home-not-empty", f"{home} exists and is not an empty directory", hint="name a new directory, or say --reset")
    sign_ins = _made(home, as_json=as_json)
    if as_json:
        print_json({"network": NAME, "sandbox": True, "sign_ins": str(home / FILE_NAME)})
    else:
        say(f"sandbox in {home}: nothing in it is real; sign-ins are in {home / FILE_NAME}")
    if serve:
        serve_members(home, sign_ins, as_json=as_json)


def _made(home: Path, *, as_json: bool) -> list[SignIn]:
    report = Report(shown=not as_json, terminal=sys.stdout.isatty())
    make_private_directory(home)
    with log_to_file(home / "sandbox.log"):
        try:
            with World(home, load_cargo(SystemClock().now_ms()), network=NAME) as world:
                stage = Stage(world, report.scene, report.step)
                import_files(stage)
                give_consents(stage)
                world.settle()
                return world.sign_ins
        finally:
            report.end()
            log_to_stderr()


def _delete(directory: Path) -> None:
    """Raises `InputError` (`no-home`), `Refused` (`not-a-sandbox`) before anything is deleted, `Unreachable` (`home-in-use`)."""
    homes = [Home(path.parent) for path in sorted(directory.glob(f"*/{CONFIG_NAME}"))]
    if not homes:
        raise InputError("no-home", f"there is no sandbox in {directory}")
    for home in homes:
        if not is_sandbox(home.read_genesis(home.read_config().network.id)):
            raise Refused("not-a-sandbox", f"{home.path} belongs to a real network: it is not reset, ever")
        if is_running(home):
            raise Unreachable("home-in-use", f"{home.path} is being served", hint="end the process that serves it first")
    for home in homes:
        shutil.rmtree(home.path)
    for name in (FILE_NAME, "trust.json", "sandbox.log"):
        (directory / name).unlink(missing_ok=True)
