"""Importing customs files: one result for each declaration, in memory that does not grow with the file.

Files are read in a stream, a window of declarations at a time. Each window is registered in shuffled order, so that the order in
the ledger tells nothing of the order in a file, and its results are written down before the next is read. What was registered
before, by this import or any other, is `already-registered`, so a run that was cut off is mended by running the same files again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import sqlalchemy as sa

from ledger.clock import Clock
from ledger.engine import Receipt
from ledger.errors import InputError, NotFound, TallystickError, Unreachable
from ledger.store import LedgerStore
from nodes.author import Authored
from nodes.customs.declaration import CustomsDeclaration
from nodes.customs.duplicates import DuplicateGuard
from nodes.customs.files import read_declarations
from nodes.customs.results import Parsed
from nodes.outbox import Outbox, Outgoing
from nodes.private import PrivateStore, metadata
from nodes.sealing import shuffled

Source = tuple[str, Path | BinaryIO]

OK: Final = "ok"
ALREADY_REGISTERED: Final = "already-registered"
WINDOW: Final = 100
_PURPOSE: Final = "declaration.register"
_PAGE: Final = 500

imports = sa.Table(
    "imports",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("code", sa.Text),
    sa.Column("total", sa.BigInteger, nullable=False),
    sa.Column("registered", sa.BigInteger, nullable=False),
    sa.Column("started_ms", sa.BigInteger, nullable=False),
    sa.Column("ended_ms", sa.BigInteger),
    sa.CheckConstraint("state IN ('running', 'done', 'broken')", name="ck_imports_state"),
    comment="runs of the importer; one that says `running` and is not was cut off: run the same files again",
)
import_items = sa.Table(
    "import_items",
    metadata,
    sa.Column("import_id", sa.Text, sa.ForeignKey(imports.c.id), primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("result", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("declaration_id", sa.Text),
    comment="one row for each declaration of an import's files, in the order of the files",
)


@dataclass(frozen=True, slots=True)
class ImportItem:
    """`result` is `ok`, a rule's code, or a reader's; `position` counts from 1 in its file, 0 where the file itself could not be read."""

    sequence: int
    file: str
    position: int
    number: str
    result: str
    message: str = ""
    declaration_id: str | None = None

    def to_json(self) -> dict[str, object]:
        names = ("file", "position", "number", "result", "declaration_id")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class ImportReport:
    """How an import stands. `code` says why it is `broken`: the rest of its files was not read. Its items are paged: `Imports.items`."""

    id: str
    state: str
    code: str | None
    total: int
    registered: int

    @property
    def refused(self) -> int:
        return self.total - self.registered


class Registrar(Protocol):
    """What makes the records: `Declarations`."""

    def id_of(self, number: str) -> str: ...

    def refusal(self, what: CustomsDeclaration) -> InputError | None: ...

    def authored(self, found: Sequence[CustomsDeclaration]) -> Sequence[Authored]: ...


@dataclass(slots=True)
class _Read:
    """An item as it was read, with the declaration where there is one."""

    item: ImportItem
    declaration: CustomsDeclaration | None = field(default=None)


class Imports:
    """The importer and its reports."""

    def __init__(
        self,
        private: PrivateStore,
        store: LedgerStore,
        outbox: Outbox,
        clock: Clock,
        random: Callable[[int], bytes],
        registrar: Registrar,
    ) -> None:
        self._private, self._store, self._outbox = private, store, outbox
        self._clock, self._random, self._registrar = clock, random, registrar

    def run(
        self,
        sources: Iterable[Source],
        on_item: Callable[[ImportItem], None] | None = None,
        on_begin: Callable[[str], None] | None = None,
    ) -> ImportReport:
        """Registers what the files hold. A file that breaks off keeps what came before; the next file is read all the same.

        `on_item` sees each item once its result is durable, `on_begin` the id of the report before the first. Raises `Unreachable` where
        the ledger does not answer: the results so far stand, and running the same files again registers the rest.
        """
        import_id = self._begin()
        if on_begin is not None:
            on_begin(import_id)
        try:
            with DuplicateGuard() as guard:
                found = _numbered(sources, guard)
                while window := list(islice(found, WINDOW)):
                    self._register(import_id, window, on_item)
        except TallystickError as error:
            self._end(import_id, "broken", error.code)
            raise
        self._end(import_id, "done", None)
        return self.report(import_id)

    def report(self, import_id: str) -> ImportReport:
        """Raises `NotFound` (`unknown-import`)."""
        with self._private.reading() as connection:
            row = connection.execute(sa.select(imports).where(imports.c.id == import_id)).first()
        if row is None:
            raise NotFound("unknown-import", "this node has no such import")
        return ImportReport(row.id, row.state, row.code, row.total, row.registered)

    def items(self, import_id: str, after: int = 0, limit: int = _PAGE) -> list[ImportItem]:
        """A page of results in the order of the files; `after` is the sequence number of the last item that was seen."""
        query = sa.select(import_items).where(import_items.c.import_id == import_id, import_items.c.sequence > after)
        with self._private.reading() as connection:
            rows = connection.execute(query.order_by(import_items.c.sequence).limit(limit)).fetchall()
        return [ImportItem(row.sequence, row.file, row.position, row.number, row.result, row.message, row.declaration_id) for row in rows]

    def every_item(self, import_id: str) -> Iterator[ImportItem]:
        """All results, a page in memory at a time."""
        after = 0
        while page := self.items(import_id, after):
            yield from page
            after = page[-1].sequence

    def _register(self, import_id: str, window: list[_Read], on_item: Callable[[ImportItem], None] | None) -> None:
        """Registers a window and writes its results down. Raises `Unreachable` after it did, where an outcome is not known."""
        results = self._outcomes([read.declaration for read in window if read.declaration is not None])
        items = [read.item if read.declaration is None else _with(read.item, results[read.declaration.number]) for read in window]
        registered = sum(item.result == OK for item in items)
        with self._private.begin() as connection:
            rows = [
                {
                    "import_id": import_id,
                    "sequence": item.sequence,
                    "file": item.file,
                    "position": item.position,
                    "number": item.number,
                    "result": item.result,
                    "message": item.message,
                    "declaration_id": item.declaration_id,
                }
                for item in items
            ]
            connection.execute(sa.insert(import_items), rows)
            values = {"total": imports.c.total + len(items), "registered": imports.c.registered + registered}
            connection.execute(sa.update(imports).where(imports.c.id == import_id).values(**values))
        for item in items if on_item is not None else ():
            assert on_item is not None
            on_item(item)
        for _, outcome in results.values():
            if isinstance(outcome, Unreachable):
                raise outcome

    def _outcomes(self, found: list[CustomsDeclaration]) -> dict[str, tuple[str, Receipt | TallystickError | None]]:
        """By number: the declaration's id, and what became of its record; None where it was registered before."""
        ids = {what.number: self._registrar.id_of(what.number) for what in found}
        with self._store.reading() as reader:
            state = reader.state
            known = {number for number, declaration_id in ids.items() if state.get(f"declaration/{declaration_id}") is not None}
        refused = {what.number: why for what in found if what.replaces and (why := self._registrar.refusal(what)) is not None}
        fresh = shuffled([what for what in found if what.number not in known.union(refused)], self._random)
        sent = self._outbox.send_many([Outgoing(authored.raw, _PURPOSE) for authored in self._registrar.authored(fresh)]) if fresh else []
        outcomes: dict[str, tuple[str, Receipt | TallystickError | None]] = {number: (ids[number], why) for number, why in refused.items()}
        outcomes.update({number: (ids[number], None) for number in known})
        outcomes.update({what.number: (ids[what.number], outcome) for what, outcome in zip(fresh, sent, strict=True)})
        return outcomes

    def _begin(self) -> str:
        import_id = self._random(16).hex()
        with self._private.begin() as connection:
            row = {"id": import_id, "state": "running", "total": 0, "registered": 0, "started_ms": self._clock.now_ms()}
            connection.execute(sa.insert(imports).values(**row))
        return import_id

    def _end(self, import_id: str, state: str, code: str | None) -> None:
        values = {"state": state, "code": code, "ended_ms": self._clock.now_ms()}
        with self._private.begin() as connection:
            connection.execute(sa.update(imports).where(imports.c.id == import_id).values(**values))


def _numbered(sources: Iterable[Source], guard: DuplicateGuard) -> Iterator[_Read]:
    """The items of all files, one after the other, with a sequence number."""
    for sequence, read in enumerate(_all_items(sources, guard), 1):
        yield _Read(replace(read.item, sequence=sequence), read.declaration)


def _all_items(sources: Iterable[Source], guard: DuplicateGuard) -> Iterator[_Read]:
    for filename, source in sources:
        try:
            for item in read_declarations(source, filename, guard=guard):
                if isinstance(item, Parsed):
                    yield _Read(ImportItem(0, filename, item.position, item.declaration.number, OK), item.declaration)
                else:
                    yield _Read(ImportItem(0, filename, item.position, item.number_text, item.code, item.message))
        except InputError as error:
            yield _Read(ImportItem(0, filename, 0, "", error.code, error.message))


def _with(item: ImportItem, outcome: tuple[str, Receipt | TallystickError | None]) -> ImportItem:
    declaration_id, became = outcome
    if became is None:
        return replace(item, result=ALREADY_REGISTERED, declaration_id=declaration_id)
    if isinstance(became, Receipt):
        return replace(item, result=became.code, declaration_id=declaration_id)
    return replace(item, result=became.code, message=became.message, declaration_id=declaration_id)
