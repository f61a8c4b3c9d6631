"""Disputes: somebody says of a record that it is wrong, and the authority says what came of it.

That there is a dispute about a record is public; what is said is sealed to who opened it, the authority and the enterprise concerned. A
member opens one for itself. An exporter has no name on the ledger: the authority opens its disputes for it, asked by an exporter in custody
or by the node of one that runs its own (`nodes.consents.objections`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa

from contracts import entries
from contracts.financings.common import holder
from ledger import canonical
from ledger.engine import Receipt
from ledger.errors import NotFound, NotPermitted, Unreachable
from ledger.hashing import tagged_json
from ledger.keys import X25519, PublicKey
from nodes.acting import act
from nodes.author import Part
from nodes.caller import Caller
from nodes.consents.book import consents
from nodes.dispute_book import OPEN, RESOLVE, STATEMENT, StatementPart, disputes
from nodes.enquiries.book import enquiries
from nodes.financings.book import financing_records
from nodes.sealing import Recipient
from nodes.upstream import HttpUpstream

if TYPE_CHECKING:
    from nodes.node import Node

Outcome = Literal["upheld", "rejected", "withdrawn"]
_RESOURCE: Final = "/v1/disputes"
_READ_S: Final = 30.0
_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Dispute:
    """`by` is the member that opened it, `enterprise` the one concerned, for which it did so where `for_enterprise`; `state` OPEN, UPHELD,
    REJECTED or WITHDRAWN. `statement` and `answer` are None where this node cannot open them, `answer` and `resolved_ms` while it is open.
    """

    id: str
    record: str
    by: str
    enterprise: str | None
    for_enterprise: bool
    state: str
    statement: str | None
    answer: str | None
    opened_ms: int
    resolved_ms: int | None
    resolved_by: str | None
    log_index: int


class Disputes:
    """For any node to read; to act, for a member's, or an enterprise's, which asks the authority."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def get(self, dispute_id: str, enterprise: str | None = None) -> Dispute:
        """Raises `NotFound` (`unknown-dispute`), for one that is not the caller's too: see `list`."""
        own = sa.true() if enterprise is None else disputes.c.enterprise == enterprise
        with self._node.private.reading() as connection:
            found = self._visible(connection.execute(sa.select(disputes).where(own, disputes.c.id == dispute_id)).fetchall(), enterprise)
        if not found:
            raise NotFound("unknown-dispute", "this node knows no such dispute")
        return found[0]

    def list(self, enterprise: str | None = None, after: int = 0, limit: int = _PAGE) -> Sequence[Dispute]:
        """In the order of the ledger: an enterprise's where one is named; else every one at the authority, a member's own elsewhere.
        `after` is the log index of the last one that was seen.
        """
        own = sa.true() if enterprise is None else disputes.c.enterprise == enterprise
        found: list[Dispute] = []
        while len(found) < limit:
            query = sa.select(disputes).where(own, disputes.c.log_index > after).order_by(disputes.c.log_index).limit(limit)
            with self._node.private.reading() as connection:
                rows = connection.execute(query).fetchall()
            found += self._visible(rows, enterprise)
            if len(rows) < limit:
                break
            after = rows[-1].log_index
        return found[:limit]

    def open(self, caller: Caller, record_id: str, text: str, *, cause: str | None = None) -> Receipt:
        """Opens a dispute for this node's member. Raises `NotFound` (`unknown-record`), and as `act`."""
        with self._node.store.reading() as reader:
            if reader.record(record_id) is None:
                raise NotFound("unknown-record", "no such record is on this node's replica of the ledger")
        return act(self._node, caller, OPEN, {"record": record_id}, self._sealed(record_id, text), cause=cause)

    def resolve(
        self, caller: Caller, dispute_id: str, outcome: Literal["upheld", "rejected"], text: str, *, cause: str | None = None
    ) -> Receipt:
        """The authority says what came of it. Raises as `get` and `act`."""
        return self._end(caller, self.get(dispute_id), outcome, text, cause)

    def withdraw(self, caller: Caller, dispute_id: str, text: str, *, cause: str | None = None) -> Receipt:
        """This node's member, or its heir, takes its own dispute back. Raises as `get` and `act`, `NotPermitted` (`not-yours`)."""
        dispute = self.get(dispute_id)
        with self._node.store.reading() as reader:
            opener = holder(reader.state, dispute.by)
        if opener != self._node.member or dispute.for_enterprise:
            raise NotPermitted("not-yours", "who opened a dispute takes it back", hint="the authority resolves it")
        return self._end(caller, dispute, "withdrawn", text, cause)

    def withdraw_for(self, enterprise: str, dispute_id: str, text: str) -> Receipt:
        """At the authority: an enterprise takes its own dispute back. Raises as `withdraw`."""
        node, dispute = self._node, self.get(dispute_id, enterprise)
        if not dispute.for_enterprise:
            raise NotPermitted("not-yours", "who opened a dispute takes it back")
        caller = Caller(node.member, "node", "service", enterprise, node.identity_key)
        return self._end(caller, dispute, "withdrawn", text, f"withdraw:{dispute_id}")

    def ask_to_open(self, record_id: str, text: str) -> str:
        """At an enterprise's own node: has the authority open a dispute, and waits until it can be read here. Its id; the same record again
        gives the same one.
        """
        return self._ask(_RESOURCE, {"record": record_id, "statement": text})

    def ask_to_withdraw(self, enterprise: str, dispute_id: str, text: str) -> None:
        """At an enterprise's own node: takes its dispute back. Raises as `get`, and what the authority's node refuses with."""
        self.get(dispute_id, enterprise)
        self._ask(f"{_RESOURCE}/{dispute_id}/withdraw", {"statement": text})

    def _ask(self, path: str, body: Mapping[str, str]) -> str:
        node = self._node
        if not isinstance(node.upstream, HttpUpstream):
            raise Unreachable("upstream-unreachable", "this node has no node upstream that could open a dispute for it")
        answer = node.upstream.hand_in(path, tagged_json("dispute-asked", [path, dict(body)]), canonical.encode(dict(body)))
        node.reader.wait_for(int(answer["log_index"]), _READ_S)
        return str(answer["id"])

    def _end(self, caller: Caller, dispute: Dispute, outcome: Outcome, text: str, cause: str | None) -> Receipt:
        parts = self._sealed(dispute.record, text, dispute)
        return act(self._node, caller, RESOLVE, {"dispute": dispute.id, "outcome": outcome}, parts, cause=cause)

    def _sealed(self, record_id: str, text: str, dispute: Dispute | None = None) -> dict[str, Part]:
        """A statement, to this member, the authority, who opened the dispute, and the enterprise concerned."""
        node, directory = self._node, self._node.directory
        slugs = [node.member, directory.authority(), *([] if dispute is None else [dispute.by])]
        recipients = [directory.recipient(slug) for slug in dict.fromkeys(slugs)]
        concerned = self._concerned(record_id, dispute)
        enterprise = None
        if concerned is not None:
            enterprise, exporter = concerned
            recipients += [] if exporter is None else [exporter]
        speaks_for_it = dispute is not None and dispute.for_enterprise
        part = StatementPart(record=record_id, enterprise=enterprise, for_enterprise=speaks_for_it, text=text)
        return {STATEMENT: Part(part.content(), recipients)}

    def _concerned(self, record_id: str, dispute: Dispute | None) -> tuple[str, Recipient | None] | None:
        """The enterprise that a record is about, as far as this node knows, and its sealing key where it has one of its own."""
        node = self._node
        if node.config.node.role == "authority" and dispute is not None and dispute.enterprise is not None:
            known = node.enterprises.get(dispute.enterprise)
            return known.id, None if known.custody else known.recipient(node.directory)
        with node.private.reading() as connection, node.store.reading() as reader:
            financing_id = connection.execute(
                sa.select(financing_records.c.financing).where(financing_records.c.record_id == record_id)
            ).scalar()
            entry = None if financing_id is None else entries.financing(reader.state, financing_id)
            asked = sa.select(enquiries.c.consent).where(sa.or_(enquiries.c.id == record_id, enquiries.c.answer == record_id))
            consent = entry["lines"][0]["consent"] if entry is not None else connection.execute(asked).scalar() or record_id
            row = connection.execute(sa.select(consents).where(consents.c.id == consent)).first()
        if row is None:
            return None
        if row.seal_public is None:
            return row.enterprise, None
        public = bytes.fromhex(row.seal_public)
        return row.enterprise, Recipient(public, PublicKey(X25519, public).id, named=False)

    def _visible(self, rows: Sequence[Any], enterprise: str | None) -> Sequence[Dispute]:
        """Those of the rows that the caller may see, with how they stand now."""
        node = self._node
        everything = enterprise is None and node.config.node.role == "authority"
        found = []
        with node.store.reading() as reader:
            for row in rows:
                entry = entries.dispute(reader.state, row.id)
                assert entry is not None, "the table is made from the ledger"
                if everything or enterprise is not None or holder(reader.state, entry["by"]) == node.config.node.member:
                    found.append(_dispute(row, entry))
        return found


def _dispute(row: Any, entry: entries.Dispute) -> Dispute:
    return Dispute(
        id=row.id,
        record=row.record,
        by=entry["by"],
        enterprise=row.enterprise,
        for_enterprise=row.for_enterprise,
        state=entry["state"],
        statement=row.statement,
        answer=row.answer,
        opened_ms=row.opened_ms,
        resolved_ms=row.resolved_ms,
        resolved_by=row.resolved_by,
        log_index=row.log_index,
    )
