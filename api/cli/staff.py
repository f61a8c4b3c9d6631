"""Bringing the keys of a home's people to the ledger: through the API of the running node, or by running it for that long.

Whoever may read the home acts for its node, and signs in at its API as the node itself; but a new key takes the secrets of a maker
and of a checker, which are in no home.
"""

from __future__ import annotations

import getpass
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from api.cli.homes import is_running
from ledger.checkpoint_text import said
from ledger.comet.condition import SYNCING
from ledger.comet.engine import CometEngine
from ledger.comet.rpc import ENGINE_UNREACHABLE
from ledger.engine import Receipt
from ledger.errors import InputError, Refused, Unreachable
from ledger.follow import FollowEngine
from ledger.limits import SECRET_BYTES_MAX
from nodes.author import SigningKey
from nodes.caller import Caller
from nodes.home import Home
from nodes.keys.account import User
from nodes.keys.accounts import Accounts
from nodes.keys.staff import StaffKeys
from nodes.node import Node
from nodes.upstream import HttpUpstream, audience_of

MakerOption = Annotated[str | None, typer.Option("--maker", help="the maker who signs for a new key; the only one there is, if left out")]
CheckerOption = Annotated[str | None, typer.Option("--checker", help="the checker who signs too; the only one there is, if left out")]
MakerSecretFile = Annotated[Path | None, typer.Option("--maker-secret-file", help="as --secret-file, the maker's; stdin's second line")]
CheckerSecretFile = Annotated[Path | None, typer.Option("--checker-secret-file", help="as --secret-file, the checker's; its third")]
_CATCH_UP_S: Final = 30.0
_LOOK_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Signer:
    """Who is to sign for a new key, as the command line names them, and where their secret is."""

    role: str
    user: str | None
    secret_file: Path | None


@dataclass(frozen=True, slots=True)
class Staff:
    """A home's accounts, and the way of their keys to the ledger."""

    node: Node
    keys: StaffKeys

    @property
    def accounts(self) -> Accounts:
        return self.node.accounts

    def signers(self, maker: Signer, checker: Signer, known: Mapping[str, str]) -> tuple[Caller, Caller]:
        """Both, with their keys open. `known` are secrets by user that need not be asked for again.

        Raises `InputError` (`bad-account`), `Refused` (`no-second-person`), `NotPermitted` as `Accounts.verify` and `check_signers`.
        """
        users = self._chosen(maker), self._chosen(checker)
        callers = []
        for user, file in zip(users, (maker.secret_file, checker.secret_file), strict=True):
            callers.append(self._opened(user, known[user.id] if user.id in known else read_secret(file, f"secret of {user.id}: ")))
        self.keys.check_signers(*callers)
        return callers[0], callers[1]

    def add(self, user: User, signers: tuple[Caller, Caller]) -> Receipt:
        """Registers a user's key. Raises as `StaffKeys.add`."""
        assert user.key_id is not None, "makers and checkers have keys"
        return self.keys.add(self.node.keystore.info(user.key_id), user.person, *signers)

    def _chosen(self, signer: Signer) -> User:
        """The user that is named, or the only one whose signature of that kind counts now."""
        people = [user for user in self.accounts.list_users() if user.role == signer.role and not user.disabled]
        if signer.user is not None:
            found = next((user for user in people if user.id == signer.user), None)
            if found is None:
                raise InputError("bad-account", f"{signer.user} is no {signer.role} of this node", hint="see tallystick user list")
            return found
        able = [user for user in people if (key := self.node.directory.key(user.key_id or "")) is not None and key.alive]
        if not able:
            hint = "the authority can register a key of this member: tallystick user prepare here, then tallystick members add-key there"
            raise Refused("no-second-person", f"no {signer.role} of this member is there to sign for the key", hint=hint)
        if len(able) > 1:
            raise InputError("bad-account", f"there are several to sign as {signer.role}", hint=f"name one with --{signer.role}")
        return able[0]

    def _opened(self, user: User, secret: str) -> Caller:
        account = self.accounts.verify(user.id, secret)
        private = self.accounts.open_key(account, secret)
        assert user.key_id is not None, "its key was opened"
        return Caller(user.id, "staff", user.role, None, SigningKey(user.key_id, private))


@contextmanager
def staff_of(path: Path) -> Iterator[Staff]:
    """The people of a member's home. Raises as `Node.open`, `Unreachable` (`node-unreachable`, `replica-behind`)."""
    if is_running(_existing(path)):
        with closing(Node.open(path)) as node:
            yield Staff(node, StaffKeys(node.member, node.directory, node.author, lambda raw, _: _hand_in(node, raw)))
        return
    with Node.open(path) as node:
        catch_up(node)
        yield Staff(node, StaffKeys(node.member, node.directory, node.author, node.outbox.send))


def read_secret(path: Path | None, prompt: str) -> str:
    """The first line of a file, or the next one of stdin, or what a person types unseen.

    Raises `InputError` (`unreadable`, `bad-secret`).
    """
    if path is None and sys.stdin.isatty():
        return getpass.getpass(prompt)
    try:
        data = sys.stdin.buffer.readline(SECRET_BYTES_MAX + 2) if path is None else path.read_bytes()[: SECRET_BYTES_MAX + 2]
        line = data.decode("utf-8").split("\n")[0].removesuffix("\r")
    except OSError as error:
        raise InputError("unreadable", f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError("bad-secret", "the secret is not UTF-8 text") from error
    if not line:
        raise InputError("bad-secret", f"no {prompt.removesuffix(': ')} was given", hint="name a file with the option, or pass it on stdin")
    return line


def _existing(path: Path) -> Home:
    home = Home(path)
    home.read_config()
    home.check_modes()
    return home


def _hand_in(node: Node, raw: bytes) -> Receipt:
    """To the API of the process that runs this home."""
    api, audience = node.config.api, audience_of(node.network, node.config.node.id)
    url = f"http://{api.host}:{api.port}"
    with closing(HttpUpstream(url, node.client_id, audience, node.identity_key.private, node.clock, node.random)) as http:
        try:
            return http.submit(raw)
        except Unreachable as error:
            if error.code == "answer-late":
                raise
            hint = "the process that runs this home answers elsewhere, or cannot reach its upstream node: stop it, and try again"
            raise Unreachable("node-unreachable", f"the record could not be handed in at {url}", hint=hint) from error


def catch_up(node: Node) -> None:
    """Waits until the replica of a node that was just started knows what the others know: who may sign stands there.

    Raises `Unreachable` (`replica-behind`), and as `NodeUpstream.checkpoint`.
    """
    if isinstance(node.engine, CometEngine):
        _await_blocks(node.engine)
    if node.upstream is None or not isinstance(node.engine, FollowEngine):
        return
    size, end = said(node.upstream.checkpoint()).size, time.monotonic() + _CATCH_UP_S
    while True:
        with node.store.reading() as reader:
            head = reader.head
        # A checkpoint counts the block's own header, which the header cannot.
        if head.log_size + 1 >= size:
            return
        if not node.engine.heights.wait_for(head.height + 1, end - time.monotonic()):
            raise _behind()


def _await_blocks(engine: CometEngine) -> None:
    """Until the engine has what the others have. Whether blocks are made then is seen by the record that is sent."""
    end = time.monotonic() + _CATCH_UP_S
    while not {SYNCING, ENGINE_UNREACHABLE}.isdisjoint(engine.condition().faults):
        if time.monotonic() > end:
            raise _behind()
        time.sleep(_LOOK_S)


def _behind() -> Unreachable:
    return Unreachable("replica-behind", "this node's replica has not caught up in time", hint="serve the node for a while first")
