"""Declarations on a node: looked up everywhere, registered, amended and voided at the registrar's.

What the registrar says is sealed to the registrar, the authority and the exporter; in public stand an id that only the holders of
the registry key can compute, the financing ratio, and the month until which it can be financed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa

from contracts import entries, policy
from contracts.shares import CAPACITY_MAX, freed_by_amount
from ledger.engine import Receipt
from ledger.errors import InputError, NotFound, NotPermitted
from nodes.author import Authored, Part
from nodes.customs.declaration import CustomsDeclaration
from nodes.declarations.book import declarations, numbers_of
from nodes.declarations.imports import ImportItem, ImportReport, Imports, Source
from nodes.declarations.parts import PART, AmendedPart, RegisteredPart, VoidPart, read_registered
from nodes.declarations.replacing import Predecessor, check_alike, inherited_ceiling, predecessors, ratio
from nodes.enquiries.answers import Facts, StatusWord, UseWord, status_of
from nodes.enterprises import enterprises
from nodes.money import Money
from nodes.outcomes import require_ok
from nodes.sealing import Recipient, open_with_key

if TYPE_CHECKING:
    from nodes.node import Node

REGISTER: Final = "declaration.register"
AMEND: Final = "declaration.amend"
VOID: Final = "declaration.void"
_READ_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Declaration:
    """A declaration that this node can open, with its standing on the ledger. `current` is the receivable part after amendments;
    `financeable` and `available` are what the ledger's shares are worth; times are milliseconds. `replaced_by` is the one that took its
    place, and `replaced_by_number` that one's number where this node can open it. `frozen`: an order stands against it.
    """

    id: str
    number: str
    record_id: str
    enterprise: str | None
    exporter_uscc: str
    exporter_name: str
    registered: Money
    current: Money
    export_date: str
    status: StatusWord
    use: UseWord
    financeable: Money
    available: Money
    available_ppm: int
    until_ms: int
    frozen: bool
    replaced_by: str | None
    replaced_by_number: str | None
    height: int
    time_ms: int
    log_index: int


class Declarations:
    """For the node of a registrar, an authority, a bank or an enterprise; what only a registrar may do says so."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.imports = Imports(node.private, node.store, node.outbox, node.clock, node.random, self)

    def import_files(self, sources: Iterable[Source], on_item: Callable[[ImportItem], None] | None = None) -> ImportReport:
        """Registers what customs files hold: see `Imports.run`. For the registrar."""
        self._require_registrar()
        return self.imports.run(sources, on_item)

    def id_of(self, number: str) -> str:
        """The id of the declaration with this number. Raises `NotFound` (`no-node-key`) where the registry key is not."""
        return self._node.registry_key.declaration_id(number)

    def get(self, declaration_id: str) -> Declaration:
        """Raises `NotFound` (`unknown-declaration`) for one that this node cannot open."""
        found = self._query(sa.select(declarations).where(declarations.c.id == declaration_id))
        if not found:
            raise NotFound("unknown-declaration", "this node knows no such declaration")
        return found[0]

    def find_by_number(self, number: str) -> Declaration:
        """Raises `NotFound` (`unknown-declaration`)."""
        found = self._query(sa.select(declarations).where(declarations.c.number == number).order_by(declarations.c.log_index).limit(1))
        if not found:
            raise NotFound("unknown-declaration", "this node knows no declaration with this number")
        return found[0]

    def list(self, uscc: str | None = None, after: int = 0, limit: int = 500) -> Sequence[Declaration]:
        """In the order of their registration, those of one exporter where a credit code is given; `after` is a log index."""
        query = sa.select(declarations).where(declarations.c.log_index > after).order_by(declarations.c.log_index).limit(limit)
        return self._query(query if uscc is None else query.where(declarations.c.exporter_uscc == uscc))

    def document(self, declaration_id: str) -> CustomsDeclaration:
        """The customs declaration as it was registered, opened from the record. Raises `NotFound` (`unknown-declaration`)."""
        return self._registered(declaration_id).declaration

    def authored(self, found: Sequence[CustomsDeclaration]) -> Sequence[Authored]:
        """Signed records that register declarations, each sealed to its exporter too where that one is enrolled with a node of its own."""
        node = self._node
        exporters = self._exporters({what.exporter_uscc for what in found})
        replaced = {what.number: self._predecessors(what) for what in found}
        with node.store.reading() as reader:
            state = reader.state
            ceiling_ppm, months = policy.value(state, "ceiling_ppm"), policy.value(state, "financeable_months")
            ceilings = {what.number: inherited_ceiling(state, replaced[what.number], ceiling_ppm) for what in found}
        authored = []
        for what in found:
            enterprise, exporter = exporters.get(what.exporter_uscc, (None, None))
            body = {
                "declaration": self.id_of(what.number),
                "ceiling_ppm": ceilings[what.number],
                "until": _month_after(what.export_date, months),
                "replaces": [each.replaced_by(what) for each in replaced[what.number]],
            }
            part = Part(RegisteredPart(enterprise, what).content(), self._recipients(exporter))
            authored.append(node.author.record(REGISTER, body, [node.identity_key], {PART: part}))
        return authored

    def amend(self, declaration_id: str, new: CustomsDeclaration | Money, reason: str, cause: str | None = None) -> Receipt:
        """The declared amount changed: by a new customs declaration under the same number, or by its amount alone. `cause` names what may
        have one record only.

        Raises `InputError` (`other-declaration`, `currency-differs`, `amount-invalid`), `NotFound`, `RuleRefused`.
        """
        self._require_registrar()
        registered = self._registered(declaration_id)
        old = registered.declaration
        document = new if isinstance(new, CustomsDeclaration) else None
        if document is not None and (document.number, document.exporter_uscc) != (old.number, old.exporter_uscc):
            raise InputError(
                "other-declaration", "the new declaration has another number or another exporter", hint="void this one instead"
            )
        financeable = new.financeable if isinstance(new, CustomsDeclaration) else new
        declared = new.total if isinstance(new, CustomsDeclaration) else new
        if financeable.currency != old.currency:
            raise InputError("currency-differs", f"the declaration was registered in {old.currency}", hint="void it and register it anew")
        capacity = freed_by_amount(financeable.amount_minor, old.financeable_minor)
        if capacity > CAPACITY_MAX:
            raise InputError(
                "amount-invalid", "the new amount is more than ten times what was registered", hint="void it and register it anew"
            )
        part = AmendedPart(
            enterprise=registered.enterprise,
            number=old.number,
            currency=old.currency,
            financeable_minor=financeable.amount_minor,
            declared_minor=declared.amount_minor,
            declaration=None if document is None else document.to_sealed(),
            reason=reason,
        )
        return self._send(AMEND, {"declaration": declaration_id, "capacity": capacity}, part.content(), old, cause)

    def void(
        self,
        declaration_id: str,
        reason: Literal["withdrawn", "error"],
        text: str = "",
        successor: str | None = None,
        cause: str | None = None,
    ) -> Receipt:
        """The declaration counts no more; what uses it is carried to its successor where one is named. `text` is sealed. `cause` as in
        `amend`.

        Raises `NotFound`, `InputError` (`currency-differs`, `other-exporter`), `RuleRefused`.
        """
        self._require_registrar()
        registered = self._registered(declaration_id)
        old = registered.declaration
        part = VoidPart(enterprise=registered.enterprise, number=old.number, reason=text)
        carried = None if successor is None else self._succession(old, successor)
        return self._send(VOID, {"declaration": declaration_id, "reason": reason, "successor": carried}, part.content(), old, cause)

    def refusal(self, what: CustomsDeclaration) -> InputError | None:
        """Why a declaration cannot take the place of those that it says it replaces, as far as the ledger could not tell."""
        try:
            check_alike(self._predecessors(what), what)
        except InputError as error:
            return error
        return None

    def _predecessors(self, what: CustomsDeclaration) -> Sequence[Predecessor]:
        return predecessors(self._node.private, self.id_of, what)

    def _succession(self, old: CustomsDeclaration, successor: str) -> dict[str, Any]:
        new = self._registered(successor).declaration
        check_alike([Predecessor("", old.number, old.exporter_uscc, old.currency, old.financeable_minor)], new)
        return {"declaration": successor, "ratio": ratio(old.financeable_minor, new.financeable_minor)}

    def _send(self, kind: str, body: dict[str, Any], content: dict[str, Any], old: CustomsDeclaration, cause: str | None) -> Receipt:
        node = self._node
        _, exporter = self._exporters({old.exporter_uscc}).get(old.exporter_uscc, (None, None))
        parts = {PART: Part(content, self._recipients(exporter))}
        authored = node.author.record(kind, body, [node.identity_key], parts)
        receipt = require_ok(node.outbox.send(authored.raw, kind, cause))
        node.reader.wait_for(receipt.log_index, _READ_S)
        return receipt

    def _registered(self, declaration_id: str) -> RegisteredPart:
        row = sa.select(declarations.c.record_id, declarations.c.content_key).where(declarations.c.id == declaration_id)
        with self._node.private.reading() as connection:
            found = connection.execute(row).first()
        if found is None:
            raise NotFound("unknown-declaration", "this node knows no such declaration")
        with self._node.store.reading() as reader:
            stored = reader.record(found.record_id)
        assert stored is not None, "the table is made from records of this replica"
        return read_registered(open_with_key(stored.record.core, PART, bytes.fromhex(found.content_key)))

    def _recipients(self, exporter: Recipient | None) -> Sequence[Recipient]:
        directory = self._node.directory
        recipients = [directory.recipient(slug) for slug in dict.fromkeys((self._node.member, directory.authority()))]
        return recipients if exporter is None else [*recipients, exporter]

    def _exporters(self, usccs: set[str]) -> dict[str, tuple[str, Recipient | None]]:
        """Enrolments by credit code, as far as this node knows them; in custody the authority reads, who is a recipient already."""
        with self._node.private.reading() as connection:
            rows = connection.execute(sa.select(enterprises).where(enterprises.c.uscc.in_(sorted(usccs)))).fetchall()
        return {
            row.uscc: (row.id, None if row.custody else Recipient(bytes.fromhex(row.seal_public), row.seal_key, named=False))
            for row in rows
        }

    def _require_registrar(self) -> None:
        if self._node.config.node.member != self._node.directory.registrar():
            raise NotPermitted("not-permitted", "only the registrar's node registers, amends and voids declarations")

    def _query(self, query: sa.Select[Any]) -> Sequence[Declaration]:
        with self._node.private.reading() as connection, self._node.store.reading() as reader:
            rows = connection.execute(query).fetchall()
            state, height = reader.state, reader.head.height
            time_ms = max(reader.head.time_ms, self._node.clock.now_ms())
            found = [(row, entries.declaration(state, row.id)) for row in rows]
            numbers = numbers_of(connection, [entry["replaced_by"]["declaration"] for _, entry in found if entry and entry["replaced_by"]])
        return [_declaration(row, entry, numbers, height, time_ms) for row, entry in found if entry is not None]


def facts_of(row: Any) -> Facts:
    """What a row of the table says, for `status_of` and `answer_line`."""
    return Facts(
        id=row.id,
        number=row.number,
        exporter_uscc=row.exporter_uscc,
        currency=row.currency,
        registered_minor=row.registered_minor,
        current_minor=row.current_minor,
        declared_minor=row.declared_minor,
        export_date=row.export_date,
        amended=row.amended,
    )


def _declaration(row: Any, entry: entries.Declaration, numbers: Mapping[str, str], height: int, time_ms: int) -> Declaration:
    status, successor = status_of(facts_of(row), entry, time_ms), entry["replaced_by"] and entry["replaced_by"]["declaration"]
    return Declaration(
        id=row.id,
        number=row.number,
        record_id=row.record_id,
        enterprise=row.enterprise,
        exporter_uscc=row.exporter_uscc,
        exporter_name=row.exporter_name,
        registered=Money(row.currency, row.registered_minor),
        current=Money(row.currency, row.current_minor),
        export_date=row.export_date,
        status=status.declaration,
        use=status.use,
        financeable=Money(row.currency, status.financeable_minor),
        available=Money(row.currency, status.available_minor),
        available_ppm=status.available_ppm,
        until_ms=status.until,
        frozen=bool(entry["frozen"]),
        replaced_by=successor,
        replaced_by_number=numbers.get(successor or ""),
        height=height,
        time_ms=time_ms,
        log_index=row.log_index,
    )


def _month_after(day: str, months: int) -> str:
    """The month `YYYY-MM` that lies so many months after that of a day `YYYY-MM-DD`."""
    count = int(day[:4]) * 12 + int(day[5:7]) - 1 + months
    return f"{count // 12:04d}-{count % 12 + 1:02d}"
