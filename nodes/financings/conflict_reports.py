"""What loading earlier loans would do: a private report of a bank, made on its own replica under its own grants.

It says of each declaration what is left, and whether loading would use more than that; which other banks lent on it nobody learns. A load
names a report that is not older than a day, so that nobody loads unread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from contracts import balances, entries
from contracts.months import DAY_MS
from ledger import canonical
from ledger.errors import InputError, NotFound, Refused
from ledger.hashing import tagged_json
from nodes.caller import Caller
from nodes.enquiries.grants import grants_of
from nodes.financings.amounts import amount_of_share
from nodes.financings.apply import NO_GRANT, ApplicationLine, Planned, check_alike, planned_line
from nodes.financings.preparing import may_prepare
from nodes.private import metadata
from nodes.rehearsal import TWO_PEOPLE, rehearse_on, time_now_ms

if TYPE_CHECKING:
    from nodes.node import Node

TYPE: Final = "financing.load"
MISSING: Final = "conflict-report-missing"

conflict_reports = sa.Table(
    "conflict_reports",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("made_by", sa.Text, nullable=False),
    sa.Column("made_ms", sa.BigInteger, nullable=False),
    sa.Column("height", sa.BigInteger, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    comment="the bank's own: what loading earlier loans would do, as its replica said",
)


@dataclass(frozen=True, slots=True)
class ReportLine:
    """`code` is what the rules would say of the line, or `no-grant`; money in the minor unit of `currency`, None without a grant.
    `overuses`: more is drawn than is left.
    """

    declaration: str
    number: str | None
    currency: str | None
    drawn_minor: int | None
    left_minor: int | None
    status: str
    overuses: bool
    code: str


@dataclass(frozen=True, slots=True)
class ConflictReport:
    """As of a height and a time."""

    id: str
    made_by: str
    made_ms: int
    height: int
    lines: tuple[ReportLine, ...]


class ConflictReports:
    """The reports of a bank's node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def make(self, caller: Caller, lines: Sequence[ApplicationLine], *, cause: str | None = None) -> ConflictReport:
        """Each line with what is drawn on it; it is kept, once for a `cause`.

        Raises `InputError` (`bad-field`, `currency-differs`, `exporters-differ`, `amount-invalid`), `NotPermitted` as `registered_key`.
        """
        node = self._node
        may_prepare(node, caller, "make", "check")
        with node.store.reading() as reader, node.private.reading() as connection:
            time_ms = time_now_ms(node, reader)
            planned = planned_lines(node, lines)
            sendable = [plan for plan in planned if plan.grant is not None]
            seen = None if not sendable else rehearse_on(node, reader, TYPE, {"lines": load_lines(sendable)}, TWO_PEOPLE)
            told = iter([] if seen is None else seen.result.get("lines") or [{"code": seen.code}] * len(sendable))
            found = []
            for plan in planned:
                entry = entries.declaration(reader.state, plan.line.declaration_id)
                left = 0 if entry is None else balances.available(entry, time_ms)
                status = "UNKNOWN" if entry is None else balances.status(entry, time_ms)
                found.append(_line(plan, left, status, NO_GRANT if plan.grant is None else str(next(told)["code"])))
            height = reader.head.height
        content = [asdict(line) for line in found]
        made = {"made_by": caller.id, "made_ms": node.clock.now_ms(), "height": height}
        named = {**made, "lines": content, "nonce": node.random(16).hex()} if cause is None else {"cause": cause}
        report_id = tagged_json("conflict-report", named)
        with node.private.begin() as connection:
            if connection.execute(sa.select(conflict_reports.c.id).where(conflict_reports.c.id == report_id)).first() is None:
                text = canonical.encode({"lines": content}).decode("utf-8")
                connection.execute(sa.insert(conflict_reports).values(id=report_id, **made, content=text))
        return self.get(report_id)

    def get(self, report_id: str) -> ConflictReport:
        """Raises `NotFound` (`unknown-report`)."""
        with self._node.private.reading() as connection:
            row = connection.execute(sa.select(conflict_reports).where(conflict_reports.c.id == report_id)).first()
        if row is None:
            raise NotFound("unknown-report", "this node made no such conflict report")
        content = canonical.decode(row.content.encode("utf-8"))["lines"]
        return ConflictReport(row.id, row.made_by, row.made_ms, row.height, tuple(ReportLine(**line) for line in content))

    def recent(self) -> dict[frozenset[tuple[str, int | None]], str]:
        """The newest report of the last day about each set of lines: declarations, and what is drawn on them in the minor unit."""
        young = conflict_reports.c.made_ms > self._node.clock.now_ms() - DAY_MS
        with self._node.private.reading() as connection:
            rows = connection.execute(sa.select(conflict_reports).where(young).order_by(conflict_reports.c.made_ms)).fetchall()
        told = {row.id: canonical.decode(row.content.encode("utf-8"))["lines"] for row in rows}
        return {frozenset((line["declaration"], line["drawn_minor"]) for line in lines): report_id for report_id, lines in told.items()}

    def require(self, report_id: str, planned: Sequence[Planned]) -> None:
        """Raises `Refused` (`conflict-report-missing`) unless a report of the last day is about these lines."""
        try:
            report = self.get(report_id)
        except NotFound as error:
            raise Refused(MISSING, "this node made no such conflict report", hint="POST /v1/conflict-reports first") from error
        if report.made_ms <= self._node.clock.now_ms() - DAY_MS:
            raise Refused(MISSING, "the conflict report is older than a day", hint="make another one, and read it")
        told = {(line.declaration, line.drawn_minor) for line in report.lines}
        if any((plan.line.declaration_id, plan.use.amount_minor) not in told for plan in planned):
            raise Refused(MISSING, "the conflict report is about other lines", hint="make one about these, and read it")


def planned_lines(node: Node, lines: Sequence[ApplicationLine]) -> list[Planned]:
    """Each line under a grant of this bank. Raises as `ConflictReports.make`."""
    if not lines or any(line.amount is None for line in lines):
        raise InputError("bad-field", "lines: each names a declaration, and what is drawn on it")
    if len({line.declaration_id for line in lines}) != len(lines):
        raise InputError("bad-field", "lines: each declaration once")
    with node.store.reading() as reader, node.private.reading() as connection:
        time_ms = time_now_ms(node, reader)
        planned = [planned_line(reader.state, time_ms, line, grants_of(connection, line.declaration_id)) for line in lines]
    check_alike([plan.grant for plan in planned if plan.grant is not None])
    return planned


def load_lines(planned: Sequence[Planned]) -> list[dict[str, Any]]:
    """The lines as the record says them."""
    return [{"grant": plan.grant.opening(), "share": plan.use.share} for plan in planned if plan.grant is not None]


def _line(plan: Planned, left: int, status: str, code: str) -> ReportLine:
    if plan.grant is None:
        return ReportLine(plan.line.declaration_id, None, None, None, None, status, False, code)
    left_minor = amount_of_share(left, plan.grant.registered_minor)
    money = (plan.grant.currency, plan.use.amount_minor, left_minor)
    return ReportLine(plan.line.declaration_id, plan.grant.number, *money, status, plan.use.share > left, code)
