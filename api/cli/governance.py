"""`tallystick governance`: what governors propose and approve, signed by one of the node's people, who signs in."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.calling import SecretFileOption, UserOption, signed_in
from api.cli.homes import HomeOption
from api.cli.output import AsJson, print_json, print_table, say
from ledger.clock import rfc3339
from ledger.errors import InputError
from nodes.governance import Governance
from nodes.node import Node

app = typer.Typer(help="changes that the governors decide")
_SHOWN = ("id", "kind", "state", "changes", "approvals", "missing", "weight", "needed", "effective")


@app.callback()
def _group() -> None:
    """Changes that the governors decide."""


@app.command("list")
def list_proposals(home: HomeOption, as_json: AsJson = False) -> None:
    """Every proposal, the newest first: what it changes, who approved, who is missing, and when it comes into force."""
    with closing(Node.open(home)) as node:
        items = [
            {
                "id": each.id,
                "kind": each.change["kind"],
                "state": each.state,
                "changes": {name: {"now": now, "then": then} for name, (now, then) in each.differs.items()},
                "approvals": list(each.approvals),
                "missing": list(each.missing),
                "weight": each.weight,
                "needed": each.needed,
                "effective": None if each.effective_ms is None else rfc3339(each.effective_ms),
            }
            for each in Governance(node).list()
        ]
    if as_json:
        print_json({"items": items})
    else:
        print_table(_SHOWN, [[_text(item[name]) for name in _SHOWN] for item in items])


@app.command("propose")
def propose(
    change: Annotated[str, typer.Argument(metavar="CHANGE", help="""as JSON: {"kind": "policy", "policy": {"hold_days_max": 20}}""")],
    home: HomeOption,
    user: UserOption,
    secret_file: SecretFileOption = None,
    as_json: AsJson = False,
) -> None:
    """Propose a change of the policy, the governors, the registrar or the rules. A policy names only the fields that change."""
    try:
        wanted = json.loads(change)
    except (ValueError, RecursionError) as error:
        raise InputError("usage", "the change is not JSON") from error
    _decide(home, user, secret_file, "/v1/governance/proposals", {"change": wanted}, as_json=as_json)


@app.command("approve")
def approve(
    proposal: Annotated[str, typer.Argument(metavar="ID", help="the proposal's id, as `list` shows it")],
    home: HomeOption,
    user: UserOption,
    secret_file: SecretFileOption = None,
    as_json: AsJson = False,
) -> None:
    """Approve a proposal for this node's member."""
    _decide(home, user, secret_file, f"/v1/governance/proposals/{proposal}/approve", {}, as_json=as_json)


def _decide(home: Path, user: str, secret_file: Path | None, path: str, body: dict[str, Any], *, as_json: bool) -> None:
    with signed_in(home, user, secret_file) as api:
        answer = api.post(path, body)
    if as_json:
        print_json(answer)
        return
    say(f"{answer['id']}: {answer['state']}")
    weight = answer["weight"]
    say(f"approved by {', '.join(answer['approvals'])}: weight {weight['approved']} of {weight['needed']} needed")
    if answer["effective"] is not None:
        say(f"in force from {answer['effective']}")


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name} {_text(each['now'])} -> {_text(each['then'])}" for name, each in value.items())
    return " ".join(value) if isinstance(value, list) else "" if value is None else str(value)
