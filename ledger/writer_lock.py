"""One engine for a home, and one for a database: whatever processes and machines there are, a ledger has one writer here."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from ledger.errors import Unreachable
from ledger.file_lock import FileLock

# Any number that nothing else in the database uses: the first bytes of SHA-256("tallystick writer").
_NUMBER: Final = 0x82C88A4B


class WriterLock:
    """The lock file of a home, and on PostgreSQL, which other homes reach too, a lock that the server keeps for one connection.

    Where that connection is lost the lock is let go unseen. Two engines on one database could then do no harm but to each other: of
    two blocks of one height, the database takes the first.
    """

    def __init__(self, file: FileLock, engine: Engine) -> None:
        self._file, self._engine = file, engine
        self._connection: Connection | None = None

    def acquire(self) -> None:
        """Raises `Unreachable` (`home-in-use`, `home-not-writable`, `database-in-use`, `database-unreachable`)."""
        self._file.acquire()
        try:
            self._acquire_in_database()
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):
                # The lock belongs to the server's session, which a pool would keep.
                connection.invalidate()
                connection.close()
        self._file.release()

    def _acquire_in_database(self) -> None:
        if self._engine.dialect.name != "postgresql":
            return
        try:
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            held = self._connection.execute(sa.select(sa.func.pg_try_advisory_lock(_NUMBER))).scalar()
        except SQLAlchemyError as error:
            raise Unreachable("database-unreachable", "the ledger's database does not answer", hint="check its server") from error
        if not held:
            raise Unreachable("database-in-use", "another node writes to this ledger database", hint="each home needs one of its own")
