"""`tallystick governance`: what governors propose and approve, signed by one of the node's people, who signs in; which rules there are and
are to come; and who validates.
"""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.calling import Access, CredentialsOption, HomeOrUrl, SecretFileOption, UrlOption, UserOption, at_node, home_unless
from api.cli.files import json_object
from api.cli.homes import HomeOption, reading
from api.cli.output import AsJson, print_json, print_table, say
from contracts import validator_entries
from contracts.ruleset import RULEBOOK
from ledger.clock import SystemClock, rfc3339
from ledger.errors import InputError
from ledger.limits import VALIDATOR_POWER_MAX
from nodes.governance import Governance
from nodes.node import Node
from nodes.rules_ahead import outlook

app = typer.Typer(help="changes that the governors decide")
_SEAT = ("member", "key", "power", "public")
_SHOWN = ("id", "kind", "state", "changes", "approvals", "missing", "weight", "needed", "effective")


@app.callback()
def _group() -> None:
    """Changes that the governors decide."""


@app.command("list")
def list_proposals(home: HomeOrUrl = None, url: UrlOption = None, credentials: CredentialsOption = None, as_json: AsJson = False) -> None:
    """Every proposal, the newest first: what it changes, who approved, who is missing, and when it comes into force."""
    own = home_unless(home, url)
    if own is not None:
        items = _proposals_of(own)
    else:
        with at_node(url or "", credentials) as client:
            found = client.http.items("/v1/governance/proposals")
            items = [{name: each[name] for name in _SHOWN if name != "needed"} for each in found]
            items = [{**each, "weight": each["weight"]["approved"], "needed": each["weight"]["needed"]} for each in items]
    if as_json:
        print_json({"items": items})
    else:
        print_table(_SHOWN, [[_text(item[name]) for name in _SHOWN] for item in items])


def _proposals_of(home: Path) -> list[dict[str, Any]]:
    with closing(Node.open(home)) as node:
        return [
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


@app.command("rules")
def rules(home: HomeOption, as_json: AsJson = False) -> None:
    """Which versions of the rules this program has, which one is in force, and which begin when: a program that lacks one stops then."""
    with reading(home) as opened, opened.store.reading() as reader:
        ahead = outlook(reader, RULEBOOK, max(SystemClock().now_ms(), reader.head.time_ms + 1))
    coming = [{"version": each.version, "from": rfc3339(each.at_ms), "known": each.known} for each in ahead.to_come]
    if as_json:
        print_json({"known": list(ahead.known), "in_force": ahead.in_force, "to_come": coming})
        return
    say(f"this program has: {', '.join(str(version) for version in ahead.known)}")
    say(f"in force: {ahead.in_force}{' (missing: upgrade this program)' if ahead.missing else ''}")
    for each in coming:
        say(f"version {each['version']} from {each['from']}{'' if each['known'] else ' (missing: upgrade this program before)'}")


@app.command("validators")
def validators(home: HomeOption, as_json: AsJson = False) -> None:
    """Who votes on blocks, with which key and power. None, where the network's engine needs nobody's vote."""
    with reading(home) as opened, opened.store.reading() as reader:
        items = validator_entries.in_force(reader.state) or []
    if as_json:
        print_json({"items": items})
    else:
        print_table(_SEAT, [[each["member"], each["key"], each["power"], each["public"]] for each in items])


@app.command("propose")
def propose(
    home: HomeOrUrl = None,
    user: UserOption = None,
    change: Annotated[
        str | None, typer.Argument(metavar="[CHANGE]", help="""as JSON: {"kind": "policy", "policy": {"hold_days_max": 20}}""")
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", help="the same from a file")] = None,
    validator: Annotated[
        list[str] | None,
        typer.Option("--validator", metavar="MEMBER:KEY:POWER", help="one of all validators from then on, in place of CHANGE; repeat it"),
    ] = None,
    add: Annotated[
        list[str] | None, typer.Option("--add-validator", metavar="MEMBER:KEY:POWER", help="one beside those in force, or in its own place")
    ] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove-validator", metavar="MEMBER", help="one of those in force no more")] = None,
    secret_file: SecretFileOption = None,
    url: UrlOption = None,
    credentials: CredentialsOption = None,
    as_json: AsJson = False,
) -> None:
    """Propose a change of the policy, the governors, the registrar, the rules or the validators. A policy names only the fields that
    change, all others everything that is to be from then on.
    """
    access = Access(home, url, user, secret_file, credentials)
    if sum(given is not None for given in (change, file, validator, add or remove)) != 1:
        hint = "give CHANGE, --file, --validator, or --add-validator and --remove-validator"
        raise InputError("usage", "one change is proposed at a time", hint=hint)
    if validator is not None:
        wanted: Any = {"kind": "validators", "validators": [_seat(each) for each in validator]}
    elif add or remove:
        wanted = {"kind": "validators", "validators": _seats_then(access, [_seat(each) for each in add or []], remove or [])}
    else:
        wanted = json_object(file) if file is not None else _json(change or "")
    _decide(access, "/v1/governance/proposals", {"change": wanted}, as_json=as_json)


@app.command("approve")
def approve(
    proposal: Annotated[str, typer.Argument(metavar="ID", help="the proposal's id, as `list` shows it")],
    home: HomeOrUrl = None,
    user: UserOption = None,
    secret_file: SecretFileOption = None,
    url: UrlOption = None,
    credentials: CredentialsOption = None,
    as_json: AsJson = False,
) -> None:
    """Approve a proposal for this node's member."""
    _decide(Access(home, url, user, secret_file, credentials), f"/v1/governance/proposals/{proposal}/approve", {}, as_json=as_json)


def _seat(text: str) -> dict[str, Any]:
    fields = text.split(":")
    if len(fields) != 3 or not (fields[2].isascii() and fields[2].isdecimal()) or len(fields[2]) > len(str(VALIDATOR_POWER_MAX)):
        raise InputError("usage", f"`{text}` is not MEMBER:KEY:POWER", hint="the key's id is in tallystick keys list; a power is a number")
    return {"member": fields[0], "key": fields[1], "power": int(fields[2])}


def _seats_then(access: Access, add: list[dict[str, Any]], remove: list[str]) -> list[dict[str, Any]]:
    """The validators in force with those that come and without those that go. Raises `InputError` (`usage`)."""
    in_force = _in_force(access)
    seats = {each["member"]: {"member": each["member"], "key": each["key"], "power": each["power"]} for each in in_force}
    for member in remove:
        if seats.pop(member, None) is None:
            raise InputError("usage", f"{member} is no validator", hint="see tallystick governance validators")
    return list((seats | {seat["member"]: seat for seat in add}).values())


def _in_force(access: Access) -> list[Any]:
    home = home_unless(access.home, access.url)
    if home is None:
        with at_node(access.url or "", access.credentials) as client:
            return client.http.get("/v1/network")["validators"] or []
    with reading(home) as opened, opened.store.reading() as reader:
        return validator_entries.in_force(reader.state) or []


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError("usage", "the change is not JSON") from error


def _decide(access: Access, path: str, body: dict[str, Any], *, as_json: bool) -> None:
    with access.client() as client:
        answer = client.http.post(path, body)
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
