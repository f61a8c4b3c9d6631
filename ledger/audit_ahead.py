"""Signatures checked ahead of a replay, in processes of their own: the library that checks them holds Python's lock.

A worker reads stretches of the log by itself, takes the public keys from the stored key entries, and answers with one hash for each
transaction whose signatures it found good: of the transaction's bytes and the public keys. The replay takes its word only for the very
bytes and the very keys that the replay itself arrived at; whatever a worker could not read, or found bad, is checked again here. So the
findings are the same as without workers.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import closing
from hashlib import sha256

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from ledger import keyring, keys
from ledger.admission import VerifiedSignatures
from ledger.errors import TallystickError
from ledger.header import split_record_leaf
from ledger.limits import AUDIT_STRETCH_LEAVES, AUDIT_STRETCHES_AHEAD
from ledger.record import Record, parse
from ledger.store import LedgerStore
from ledger.tables import headers, records, state_rows

_DIGEST_BYTES = 32


class SignaturesAhead(VerifiedSignatures):
    """`workers` processes over a store. `begin` starts them; `close` ends them; `reach` waits for what is needed next."""

    def __init__(self, store: LedgerStore, workers: int) -> None:
        super().__init__()
        self._store, self._workers = store, workers
        self._pool: ProcessPoolExecutor | None = None
        self._waiting: deque[tuple[int, Future[bytes]]] = deque()
        self._next, self._end, self._done = 0, 0, 0
        self._answers: deque[tuple[int, frozenset[bytes]]] = deque()

    def begin(self, log_index: int) -> None:
        """Begins with the leaf at this index."""
        with self._store.engine.connect() as connection:
            end = connection.execute(sa.select(sa.func.max(headers.c.log_index))).scalar()
        self._next, self._end = log_index, end if type(end) is int else 0
        # Ctrl-C is for the process that replays: it ends the workers in good order.
        ignoring = (signal.SIGINT, signal.SIG_IGN)
        spawn = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(self._workers, mp_context=spawn, initializer=signal.signal, initargs=ignoring)
        self._hand_out()

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def reach(self, log_index: int) -> None:
        """Waits until all leaves below this index were looked at, and forgets those of blocks that are done."""
        while self._answers and self._answers[0][0] <= self._done:
            self._answers.popleft()
        while self._waiting and (not self._answers or self._answers[-1][0] < log_index):
            end, future = self._waiting.popleft()
            self._answers.append((end, _answer(future)))
            self._hand_out()
        self._done = log_index

    def check(self, record: Record, publics: list[bytes]) -> bool:
        digest = _digest(record.raw, publics)
        return any(digest in good for _, good in self._answers) or super().check(record, publics)

    def _hand_out(self) -> None:
        while self._pool is not None and self._next <= self._end and len(self._waiting) < AUDIT_STRETCHES_AHEAD * self._workers:
            end = self._next + AUDIT_STRETCH_LEAVES
            try:
                self._waiting.append((end, self._pool.submit(good_signatures, self._store.url, self._next, end)))
            except BrokenExecutor:
                self._pool = None
                return
            self._next = end


def good_signatures(url: str, first: int, end: int) -> bytes:
    """The hashes, one after the other, of the transactions at these log indexes whose signatures are good.

    A worker that cannot read the ledger knows of none: what that means, the replay says.
    """
    found: list[bytes] = []
    try:
        with closing(LedgerStore(url, read_only=True)) as store, store.engine.connect() as connection:
            desk = _Desk(connection)
            query = sa.select(records.c.leaf).where(records.c.log_index >= first, records.c.log_index < end)
            for (leaf,) in connection.execute(query):
                found += desk.good(leaf)
    except (SQLAlchemyError, TallystickError):
        return b""
    return b"".join(found)


class _Desk:
    """Looks up keys, each once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._publics: dict[str, bytes | None] = {}

    def good(self, leaf: object) -> list[bytes]:
        """The hash of the transaction in a leaf, if its signatures are good; none otherwise."""
        try:
            record = parse(split_record_leaf(leaf)[0]) if isinstance(leaf, bytes) else None
        except TallystickError:
            record = None
        publics = [] if record is None else [public for signer in record.signers if (public := self._public(signer)) is not None]
        if record is None or len(publics) != len(record.signers):
            return []
        good = all(keys.verify(public, s, record.digest) for public, s in zip(publics, record.signatures, strict=True))
        return [_digest(record.raw, publics)] if good else []

    def _public(self, key_id: str) -> bytes | None:
        """A key's public bytes, as any entry of it gives them: what they are is the replay's to say."""
        if key_id not in self._publics:
            query = sa.select(state_rows.c.value).where(state_rows.c.key == keyring.entry_key(key_id)).limit(1)
            self._publics[key_id] = _public_of(self._connection.execute(query).scalar())
        return self._publics[key_id]


def _public_of(entry: object) -> bytes | None:
    try:
        return bytes.fromhex(orjson.loads(entry)["public"])  # type: ignore[arg-type]  # whatever it is: TypeError
    except (LookupError, TypeError, ValueError):
        return None


def _digest(raw: bytes, publics: Sequence[bytes]) -> bytes:
    return sha256(sha256(raw).digest() + b"".join(publics)).digest()


def _answer(future: Future[bytes]) -> frozenset[bytes]:
    """What a worker found good; nothing where it failed: then everything is checked here."""
    try:
        found = future.result()
    except BrokenExecutor:
        return frozenset()
    return frozenset(found[start : start + _DIGEST_BYTES] for start in range(0, len(found), _DIGEST_BYTES))
