"""`tallystick keys hsm`: a key that lies in a hardware module becomes a person's, or the member's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.homes import HomeOption, is_running
from api.cli.output import AsJson, print_json, say
from api.cli.staff import CheckerOption, CheckerSecretFile, MakerOption, MakerSecretFile, Signer, Staff, read_secret, staff_of
from nodes.caller import Caller
from nodes.home import Home
from nodes.keys.keystore import NODE_OWNER
from nodes.private_files import read_node_secret

SERVICE = "service"


def register_hsm_key(
    label: Annotated[str, typer.Argument(metavar="LABEL", help="the key's label (CKA_LABEL) in the token that [pkcs11] names")],
    home: HomeOption,
    user: Annotated[str | None, typer.Option("--user", help="the maker or checker whose it becomes; the member's own, if left out")] = None,
    secret_file: Annotated[Path | None, typer.Option("--secret-file", help="as for `user rotate`, that person's")] = None,
    pin_file: Annotated[Path | None, typer.Option("--pin-file", help="its first line is the token's PIN")] = None,
    maker: MakerOption = None,
    maker_secret_file: MakerSecretFile = None,
    checker: CheckerOption = None,
    checker_secret_file: CheckerSecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Register a P-256 key that lies in a hardware module. A maker and a checker sign (`key.add`). The person's old key ends, and so do the
    member's older ones in this home; where its node runs, which signs with one until it is started again, they wait for `keys revoke`. The
    PIN is kept, sealed under the person's secret, or the node's.
    """
    secret = None if user is None else read_secret(secret_file, f"secret of {user}: ")
    pin = read_secret(pin_file, "PIN of the token: ")
    running = is_running(Home(home))
    with staff_of(home) as staff:
        if user is not None and secret is not None:
            # A wrong secret is found before anybody is asked to sign.
            staff.accounts.open_key(staff.accounts.verify(user, secret), secret)
        known = {user: secret} if user is not None and secret is not None else {}
        signers = staff.signers(Signer("maker", maker, maker_secret_file), Signer("checker", checker, checker_secret_file), known)
        if user is not None and secret is not None:
            answer = _persons(staff, user, secret, (label, pin), signers)
        else:
            answer = _members(staff, (label, pin), signers, running=running)
    if as_json:
        print_json(answer)
        return
    say(f"key {answer['id']}: record {answer['record_id']}")
    for older in answer.get("older", []):
        say(f"key {older} counts until the node is started again and you say: tallystick keys revoke {older}")


def _persons(staff: Staff, user_id: str, secret: str, hsm: tuple[str, str], signers: tuple[Caller, Caller]) -> dict[str, Any]:
    receipts = []
    user = staff.accounts.rotate_key(user_id, secret, lambda rotated: receipts.append(staff.add(rotated, signers)), hsm)
    revoked = staff.keys.end(user.person, "rotated", staff.node.identity_key, but=user.key_id)
    return {"id": user.key_id, "record_id": receipts[0].record_id, "revoked": revoked}


def _members(staff: Staff, hsm: tuple[str, str], signers: tuple[Caller, Caller], *, running: bool) -> dict[str, Any]:
    node, (label, pin) = staff.node, hsm
    # A key of the member's that lies elsewhere, for instance of a system that signs its own records, is none of this home's.
    here = {info.id for info in node.keystore.list() if info.purpose == SERVICE and info.owner == NODE_OWNER}
    older = [key.id for key in node.directory.keys(node.member, SERVICE) if key.id in here]
    info = node.keystore.add_from_hsm(label, pin.encode("utf-8"), SERVICE, NODE_OWNER, read_node_secret(node.home.secret_file))
    entry = {"alg": info.alg, "public": info.public.hex(), "purpose": SERVICE, "person": None}
    record_id = staff.keys.add_for(node.member, entry, *signers).record_id
    # What an older key signed has to arrive while that counts.
    if running or node.outbox.resume():
        return {"id": info.id, "record_id": record_id, "revoked": [], "older": older}
    node.forget_keys()
    for key_id in older:
        staff.keys.end_key(key_id, "rotated", node.identity_key)
    return {"id": info.id, "record_id": record_id, "revoked": older, "older": []}
