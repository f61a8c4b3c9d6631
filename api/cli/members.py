"""`tallystick members`: who is in the network, and, at the authority, who comes in, stops, and is succeeded.

What the authority does is signed by one of its people, who signs in; a key for a member whose own people cannot sign takes two of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.calling import Access, CredentialsOption, HomeOrUrl, SecretFileOption, UrlOption, UserOption, at_node, home_unless
from api.cli.files import json_object
from api.cli.homes import HomeOption, reading
from api.cli.output import AsJson, print_json, print_table, say
from api.cli.staff import CheckerOption, CheckerSecretFile, MakerOption, MakerSecretFile, Signer, staff_of
from api.client import Member
from ledger.clock import rfc3339
from ledger.errors import InputError
from nodes.directory import Directory

app = typer.Typer(help="members of the network")
MemberArgument = Annotated[str, typer.Argument(metavar="MEMBER", help="the member's name in the network")]


@app.callback()
def _group() -> None:
    """Members of the network."""


@app.command("list")
def list_members(home: HomeOrUrl = None, url: UrlOption = None, credentials: CredentialsOption = None, as_json: AsJson = False) -> None:
    """Every member with its role, region and status, and how many keys it has in force."""
    own = home_unless(home, url)
    if own is not None:
        items = _members_of(own)
    else:
        with at_node(url or "", credentials) as client:
            items = [_shown(each) for each in client.network.members()]
    if as_json:
        print_json({"items": items})
    else:
        print_table(list(items[0]), [list(item.values()) for item in items])


def _members_of(home: Path) -> list[dict[str, Any]]:
    with reading(home) as opened:
        directory = Directory(opened.store)
        return [
            {
                "member": member.slug,
                "role": member.role,
                "name": member.name,
                "region": member.region,
                "status": "frozen" if member.frozen and member.status == "active" else member.status,
                "heir": member.heir,
                "since": rfc3339(member.admitted_ms),
                "keys": len(directory.keys(member.slug)),
            }
            for member in directory.members()
        ]


def _shown(member: Member) -> dict[str, Any]:
    """The same from a node's answer."""
    return {
        "member": member.member,
        "role": member.role,
        "name": member.name,
        "region": member.region,
        "status": "frozen" if member.frozen and member.status == "active" else member.status,
        "heir": member.heir,
        "since": rfc3339(int(member.admitted.timestamp() * 1000)),
        "keys": len(member.keys),
    }


@app.command("admit")
def admit(
    application: Annotated[Path, typer.Argument(metavar="FILE", help="the member's application: its name, role, region and keys, as JSON")],
    home: HomeOrUrl = None,
    user: UserOption = None,
    secret_file: SecretFileOption = None,
    url: UrlOption = None,
    credentials: CredentialsOption = None,
    as_json: AsJson = False,
) -> None:
    """Admit a member with the keys of its application."""
    _post(Access(home, url, user, secret_file, credentials), "/v1/members", json_object(application), as_json=as_json)


@app.command("suspend")
def suspend(
    member: MemberArgument,
    reason: Annotated[str, typer.Option("--reason", help="investigation, breach or request")],
    home: HomeOrUrl = None,
    user: UserOption = None,
    secret_file: SecretFileOption = None,
    url: UrlOption = None,
    credentials: CredentialsOption = None,
    as_json: AsJson = False,
) -> None:
    """Let a member start nothing more until it is reinstated."""
    _post(Access(home, url, user, secret_file, credentials), f"/v1/members/{member}/suspend", {"reason": reason}, as_json=as_json)


@app.command("reinstate")
def reinstate(
    member: MemberArgument,
    home: HomeOrUrl = None,
    user: UserOption = None,
    secret_file: SecretFileOption = None,
    url: UrlOption = None,
    credentials: CredentialsOption = None,
    as_json: AsJson = False,
) -> None:
    """End a suspension."""
    _post(Access(home, url, user, secret_file, credentials), f"/v1/members/{member}/reinstate", {}, as_json=as_json)


@app.command("succeed")
def succeed(
    member: MemberArgument,
    heir: Annotated[str, typer.Option("--heir", help="the bank that takes its place, for good")],
    home: HomeOrUrl = None,
    user: UserOption = None,
    secret_file: SecretFileOption = None,
    url: UrlOption = None,
    credentials: CredentialsOption = None,
    as_json: AsJson = False,
) -> None:
    """Let another bank take a bank's place, for good."""
    _post(Access(home, url, user, secret_file, credentials), f"/v1/members/{member}/succeed", {"heir": heir}, as_json=as_json)


@app.command("add-key")
def add_key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="what `tallystick user prepare` wrote at the member")],
    home: HomeOption,
    maker: MakerOption = None,
    maker_secret_file: MakerSecretFile = None,
    checker: CheckerOption = None,
    checker_secret_file: CheckerSecretFile = None,
    as_json: AsJson = False,
) -> None:
    """At the authority: register a key of a member that has nobody who could sign for it. A maker and a checker of the authority sign."""
    document = json_object(file)
    member, key = document.get("member"), document.get("key")
    if not isinstance(member, str) or not isinstance(key, dict):
        raise InputError("unreadable", f"{file} does not name a member and a key", hint="tallystick user prepare writes such a file")
    with staff_of(home) as staff:
        signers = staff.signers(Signer("maker", maker, maker_secret_file), Signer("checker", checker, checker_secret_file), {})
        receipt = staff.keys.add_for(member, key, *signers)
    _show({"member": member, "record_id": receipt.record_id}, as_json)


def _post(access: Access, path: str, body: dict[str, Any], *, as_json: bool) -> None:
    with access.client() as client:
        answer = client.http.post(path, body)
    _show({name: value for name, value in answer.items() if name in ("member", "record_id", "result", "as_of")}, as_json)


def _show(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        say(f"done: record {answer['record_id']}")
