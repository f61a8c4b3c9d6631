"""`tallystick trust`, `witnesses` and `evidence`: whose word a reader demands, whom this node knows as witness, and the proof of a fork."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.homes import HomeOption, private_database, reading
from api.cli.output import AsJson, print_json, print_table, say
from api.cli.proofs import write_new
from ledger import canonical
from ledger.clock import SystemClock, rfc3339
from ledger.errors import InputError, NotFound
from ledger.evidence import evidence_holds, fork_file_of
from ledger.log_operator import operator_of
from nodes.trust_files import COMET, newest_trust, trust_document
from nodes.witnessing.cosigned import CosignedNotes
from nodes.witnessing.witnesses import Witnesses

app = typer.Typer(help="who cosigns the operator's checkpoints")
_COLUMNS = ("name", "public", "source", "known", "offered", "size")
WitnessOption = Annotated[list[str] | None, typer.Option("--witness", metavar="NAME:HEX", help="a witness and its Ed25519 key; repeatable")]


def trust(
    home: HomeOption,
    out: Annotated[Path, typer.Option("-o", "--out", help="the file to write")],
    witness: WitnessOption = None,
    require: Annotated[int, typer.Option("--require", metavar="K", min=0, help="how many of them must have cosigned")] = 0,
    as_json: AsJson = False,
) -> None:
    """Write a trust file for this home's network. Without --witness it lists the witnesses that this node knows, and of a consortium it
    names the newest validators: give it to those only who trust this node in that.
    """
    with private_database(home) as (genesis, private):
        known = {each.name: each.public for each in Witnesses(private, SystemClock()).list()}
    listed = dict(_named(text) for text in witness) if witness else known
    document = trust_document(genesis, listed, require)
    if document["engine"] == COMET:
        _write_validators(home, out, as_json=as_json)
        return
    write_new(out, canonical.encode(document))
    if as_json:
        print_json({"file": str(out), "witnesses": sorted(listed), "required": require})
        return
    demanded = f"{require} of {len(listed)} witnesses must have cosigned" if require else "no cosignature is demanded"
    say(f"{out}: {demanded}")


def _write_validators(home: Path, out: Path, *, as_json: bool) -> None:
    with reading(home) as opened, opened.store.reading() as reader:
        document = newest_trust(opened.genesis, reader)
    write_new(out, canonical.encode(document))
    names, days = [each["name"] for each in document["validators"]], document["max_age_s"] // 86_400
    if as_json:
        print_json({"file": str(out), "validators": names, "height": document["height"], "days": days})
    else:
        say(f"{out}: {', '.join(names)} vote on block {document['height']}; believed for {days} days after it")


def evidence(
    home: HomeOption,
    out: Annotated[Path, typer.Option("-o", "--out", help="the file to write")],
    as_json: AsJson = False,
) -> None:
    """Write what proves that the operator signed two histories, as a file that `tallystick verify` checks."""
    with reading(home) as opened:
        halted = opened.store.halted()
        if halted is None:
            raise NotFound("no-evidence", "this replica has not halted: it knows nothing against its operator")
        with opened.store.reading() as reader:
            file = fork_file_of(reader, halted) if evidence_holds(reader, halted, operator_of(opened.genesis)) else None
    if file is None:
        hint = "tallystick audit names it; the home itself is the evidence"
        raise NotFound("no-evidence", f"this replica halted for {halted['code']}, which no proof file shows", hint=hint)
    write_new(out, file)
    if as_json:
        print_json({"file": str(out), "kind": "fork", "code": halted["code"], "height": halted["height"], "bytes": len(file)})
    else:
        say(f"{out}: the operator signed two histories; verify it with tallystick verify {out} --trust {home / 'trust.json'}")


@app.callback()
def _group() -> None:
    """Who cosigns the operator's checkpoints."""


@app.command("list")
def list_witnesses(home: HomeOption, as_json: AsJson = False) -> None:
    """Every witness that this node knows: the key that counts, where it was heard of, a key that waits to be accepted, and the newest size
    of the log that it cosigned.
    """
    with private_database(home) as (_, private):
        newest = CosignedNotes(private).cosigners_above(0)
        found = Witnesses(private, SystemClock()).list()
    items = [
        {
            "name": each.name,
            "public": each.public,
            "source": each.source,
            "known": rfc3339(each.known_ms),
            "offered": each.offered,
            "size": newest.get(each.name),
        }
        for each in found
    ]
    if as_json:
        print_json({"items": items})
    else:
        print_table(_COLUMNS, [[item[name] for name in _COLUMNS] for item in items])


@app.command("add")
def add(witness: Annotated[str, typer.Argument(metavar="NAME:HEX")], home: HomeOption, as_json: AsJson = False) -> None:
    """Say which key counts for a witness, whatever was known. It is to come from the witness itself, by a way that you trust."""
    name, public = _named(witness)
    with private_database(home) as (_, private):
        Witnesses(private, SystemClock()).add(name, public)
    _tell(name, public, as_json=as_json)


@app.command("accept")
def accept(name: Annotated[str, typer.Argument(metavar="NAME")], home: HomeOption, as_json: AsJson = False) -> None:
    """Accept the other key that a known witness showed last. Ask the witness first: whoever has that key can cosign in its name."""
    with private_database(home) as (_, private):
        known = Witnesses(private, SystemClock()).accept(name)
    _tell(known.name, known.public, as_json=as_json)


def _tell(name: str, public: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"name": name, "public": public})
    else:
        say(f"{name} cosigns with {public}")


def _named(text: str) -> tuple[str, str]:
    name, separator, public = text.rpartition(":")
    if not separator:
        raise InputError("bad-witness", f"`{text}` is not NAME:HEX", hint="see tallystick witnesses list")
    return name, public
