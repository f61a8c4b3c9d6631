"""How people and programs sign in beside their own secret, and who tried to: commands of `tallystick user` and `tallystick client`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from api.cli.homes import HomeOption, private_of
from api.cli.output import AsJson, print_json, print_table, say
from ledger.clock import SystemClock, rfc3339
from ledger.errors import InputError
from ledger.limits import HTTP_PAGE_ITEMS_MAX
from nodes.keys.links import Links
from nodes.keys.sign_ins import SignIn, SignInLog

AccountId = Annotated[str, typer.Argument(metavar="ID", help="2 to 64 lower-case letters, digits and hyphens")]


def link_user(
    user_id: AccountId,
    home: HomeOption,
    oidc_subject: Annotated[str, typer.Option("--oidc-subject", help="the person's name there, in the claim that [oidc] says")],
) -> None:
    """Let a person sign in at the OpenID provider, and there only. The own secret still opens a maker's or checker's key."""
    with private_of(home) as private:
        Links(private).link(user_id, oidc_subject)
    say(f"{user_id} signs in at the OpenID provider")


def unlink_user(user_id: AccountId, home: HomeOption) -> None:
    """Let a person sign in with the own secret again, for instance while the OpenID provider is out of order."""
    with private_of(home) as private:
        Links(private).unlink(user_id)
    say(f"{user_id} signs in with the own secret")


def list_sign_ins(
    home: HomeOption,
    limit: Annotated[int, typer.Option("--limit", min=1, max=HTTP_PAGE_ITEMS_MAX, help="how many")] = 100,
    before: Annotated[int | None, typer.Option("--before", min=0, help="only those with a smaller number")] = None,
    as_json: AsJson = False,
) -> None:
    """Who tried to sign in, in which way, from where, and how it ended: the newest first."""
    with private_of(home) as private:
        found = SignInLog(private, SystemClock()).page(before, limit)
    items = [_sign_in(each) for each in found]
    if as_json:
        print_json({"items": items})
    elif items:
        print_table(list(items[0]), [list(item.values()) for item in items])


def register_certificate(
    client_id: AccountId,
    file: Annotated[Path, typer.Argument(help="the certificate, PEM")],
    home: HomeOption,
) -> None:
    """Let a program authenticate with a certificate (RFC 8705), which replaces one that was registered before. Its secret still works."""
    thumbprint = _thumbprint(file)
    with private_of(home) as private:
        Links(private).register_certificate(client_id, thumbprint)
    say(f"{client_id} authenticates with the certificate {thumbprint}")


def _thumbprint(file: Path) -> str:
    """The SHA-256 of the first certificate in a file. Raises `InputError` (`unreadable`, `bad-certificate`)."""
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
    except OSError as error:
        raise InputError("unreadable", f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError("bad-certificate", f"{file} holds no certificate in PEM") from error
    return certificate.fingerprint(SHA256()).hex()


def _sign_in(each: SignIn) -> dict[str, Any]:
    seen = {"way": each.way, "outcome": each.outcome, "address": each.address}
    return {"number": each.number, "time": rfc3339(each.time_ms), "account": each.account or "", **seen}
