"""Opening a home for reading, beside a node that may be running it: no lock is taken, and the ledger is not written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger.errors import Unreachable
from ledger.file_lock import FileLock
from ledger.store import LedgerStore
from nodes.home import Home
from nodes.home_config import HomeConfig
from nodes.private import PrivateStore

HomeOption = Annotated[Path, typer.Option("--home", help="the node's home directory")]


@dataclass(frozen=True, slots=True)
class OpenHome:
    """A home's configuration, genesis and databases, the ledger for reading only."""

    home: Home
    config: HomeConfig
    genesis: dict[str, Any]
    store: LedgerStore
    private: PrivateStore


@contextmanager
def reading(path: Path) -> Iterator[OpenHome]:
    """Opens a home. Raises `InputError` (`no-home`, `bad-config`), `Refused` (`home-mode`), `Unreachable`, `VerificationFailed`."""
    home = Home(path)
    config = home.read_config()
    home.check_modes()
    genesis = home.read_genesis(config.network.id)
    with ExitStack() as stack:
        store = stack.enter_context(closing(LedgerStore(home.ledger_url(config), read_only=True)))
        private = stack.enter_context(closing(PrivateStore(home.private_url(config))))
        yield OpenHome(home, config, genesis, store, private)


@contextmanager
def private_database(path: Path) -> Iterator[tuple[dict[str, Any], PrivateStore]]:
    """The genesis document and the private database of a home, which may never have run. Raises as `reading`."""
    home = Home(path)
    config = home.read_config()
    home.check_modes()
    with closing(PrivateStore(home.private_url(config))) as private:
        yield home.read_genesis(config.network.id), private


@contextmanager
def private_of(path: Path) -> Iterator[PrivateStore]:
    """The private database of a home, to write in too, beside a node that may be running. Raises as `Home.read_config`."""
    home = Home(path)
    config = home.read_config()
    home.check_modes()
    with closing(PrivateStore(home.private_url(config))) as private:
        yield private


def is_running(home: Home) -> bool:
    """Whether a process runs this home now."""
    lock = FileLock(home.lock_file)
    try:
        lock.acquire()
    except Unreachable as error:
        if error.code == "home-in-use":
            return True
        raise
    lock.release()
    return False
