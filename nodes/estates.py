"""The estate of a bank that was succeeded: what its heir needs in order to read, in money, the financings that it acts for now.

What a lender says of its financings is sealed to itself, the authority and the enterprise: an heir opens none of it. So, after the
succession, the authority hands it the content keys of those parts, in records of type `member.estate`, sealed to the heir and itself: of
every financing that may still go on, and of the declarations, consents and collections that it stands on; never of a part `secret`.
The predecessor can write nothing about them any more, so what is handed on is whole. What becomes of it at the heir's node: `estate_book`.

What has been handed on is read from the authority's own opened parts: nothing is handed on twice, and a crash leaves work for `run_once`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from contracts import balances, entries
from contracts.financings.common import holder
from ledger import canonical
from ledger.limits import ESTATE_KEYS_MAX
from ledger.store import Reader
from nodes.author import Part
from nodes.consents.terms import CONSENT_PART
from nodes.declarations.book import declarations
from nodes.declarations.parts import PART as DECLARATION
from nodes.estate_book import PART, TYPE, EstateKey, EstatePart, PartName
from nodes.financings.book import financing_lines, financing_records
from nodes.financings.parts import APPLICATION, COLLECTION, LOAN, PLEDGE, REASON, REPAYMENT, TERMS
from nodes.outcomes import require_ok
from nodes.private import parts
from nodes.sealed_models import read_part

if TYPE_CHECKING:
    from nodes.node import Node

_OF_FINANCINGS: Final = (APPLICATION, PLEDGE, LOAN, REPAYMENT, REASON, TERMS)
_ENDED: Final = ("PAID_OFF", "EXPIRED", "TRANSFERRED")
_IDS: Final = 500
_READ_S: Final = 10.0


class Estates:
    """At the authority's node, which opens every part. It signs with the node's own key."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._done: set[tuple[str, str]] = set()

    def run_once(self) -> int:
        """Hands on what is missing of every estate, to who acts for its member now: how many records that took. What this object has
        seen whole it does not look through again; an heir that has no sealing key in force waits until it has one.

        Raises as `Outbox.send`, and `Unreachable` where the private database does not answer; the next run goes on from there.
        """
        return sum(self._hand_on(member.slug) for member in self._node.directory.members("bank") if member.heir is not None)

    def _hand_on(self, member: str) -> int:
        with self._node.store.reading() as reader:
            heir = holder(reader.state, member)
            if (member, heir) in self._done or not self._node.directory.keys(heir, "seal"):
                return 0
            financings = sorted(_going_on(reader, member))
        # The tables may be older than the state in which the member is succeeded, and what its last records say would be missed for good.
        self._node.reader.catch_up()
        handed = self._handed(heir)
        missing = [key for key in self._keys(heir, financings) if (key.record, key.part) not in handed]
        named = {key.record for key in missing}
        # What made a financing is among its parts, so financings never need more records than keys do.
        new = [financing for financing in financings if financing in named]
        starts = range(0, len(missing), ESTATE_KEYS_MAX)
        for start in starts:
            self._send(member, heir, new[start : start + ESTATE_KEYS_MAX], missing[start : start + ESTATE_KEYS_MAX])
        self._done.add((member, heir))
        return len(starts)

    def _send(self, member: str, heir: str, financings: Sequence[str], keys: Sequence[EstateKey]) -> None:
        node = self._node
        part = EstatePart(member=member, heir=heir, financings=list(financings), keys=list(keys))
        recipients = [node.directory.recipient(slug) for slug in (heir, node.member)]
        sealed = {PART: Part(part.content(), recipients)}
        authored = node.author.record(TYPE, {"member": member, "heir": heir}, [node.identity_key], sealed)
        receipt = require_ok(node.outbox.send(authored.raw, TYPE, f"estate:{heir}:{keys[0].record}:{keys[0].part}"))
        node.reader.wait_for(receipt.log_index, _READ_S)

    def _handed(self, heir: str) -> set[tuple[str, str]]:
        """The records and parts of which an heir was handed the keys."""
        with self._node.private.reading() as connection:
            rows = connection.execute(sa.select(parts.c.content).where(parts.c.part == PART)).scalars().all()
        opened = [read_part(EstatePart, canonical.decode(content.encode("utf-8"))) for content in rows]
        return {(key.record, key.part) for estate in opened if estate.heir == heir for key in estate.keys}

    def _keys(self, heir: str, financings: Sequence[str]) -> list[EstateKey]:
        """What opens those financings, each key once, in the order of the financings; not what the heir wrote itself."""
        found: dict[tuple[str, str], EstateKey] = {}
        with self._node.store.reading() as reader, self._node.private.reading() as connection:
            for start in range(0, len(financings), _IDS):
                some = financings[start : start + _IDS]
                for key in (*_of_records(connection, some), *_of_surroundings(connection, reader, heir, some)):
                    if (key.record, key.part) not in found and not self._wrote(reader, heir, key):
                        found[key.record, key.part] = key
        return list(found.values())

    def _wrote(self, reader: Reader, heir: str, key: EstateKey) -> bool:
        stored = reader.record(key.record)
        return stored is None or self._node.directory.author_of(stored.record.signers) == heir


def _going_on(reader: Reader, member: str) -> Iterator[str]:
    """The financings of a bank about which its heir may still write something that moves a share, but to correct what is paid off."""
    for key, entry in reader.state.scan("financing/"):
        if entry["bank"] == member:
            state = balances.financing_state(entry, reader.head.time_ms)
            late = entry["was_approved"] and any(line["was"] for line in entry["lines"])
            if state not in _ENDED and (state != "CANCELLED" or late):
                yield key.removeprefix("financing/")


def _of_records(connection: sa.Connection, financings: Sequence[str]) -> list[EstateKey]:
    """What opens the parts of the records about financings, in their order."""
    accepted = sa.and_(financing_records.c.financing.in_(financings), financing_records.c.code == "ok")
    query = (
        sa.select(parts.c.record_id, parts.c.part, parts.c.content_key)
        .join(financing_records, financing_records.c.record_id == parts.c.record_id)
        .where(accepted, parts.c.part.in_(_OF_FINANCINGS))
        .order_by(financing_records.c.financing, financing_records.c.log_index, parts.c.part)
    )
    return [EstateKey(record=row.record_id, part=row.part, content_key=row.content_key) for row in connection.execute(query)]


def _of_surroundings(connection: sa.Connection, reader: Reader, heir: str, financings: Sequence[str]) -> list[EstateKey]:
    """What opens what financings stand on: declarations as registered, consents, and the collections that predecessors recorded."""
    lines = sa.select(financing_lines.c.declaration).where(financing_lines.c.financing.in_(financings)).distinct()
    query = sa.select(declarations.c.record_id, declarations.c.content_key).where(declarations.c.id.in_(lines))
    found = [
        EstateKey(record=row.record_id, part=DECLARATION, content_key=row.content_key)
        for row in connection.execute(query.order_by(declarations.c.log_index))
    ]
    lines_now = [line for each in financings for line in _lines(reader, each)]
    here = [entries.declaration(reader.state, each) for each in sorted({line["declaration"] for line in lines_now})]
    collected = {each for entry in here if entry is not None for each in _recorded_for(reader, heir, entry["collections"])}
    found += _parts_named(connection, CONSENT_PART, sorted({line["consent"] for line in lines_now}))
    found += _parts_named(connection, COLLECTION, sorted(collected))
    return found


def _lines(reader: Reader, financing_id: str) -> list[entries.Line]:
    entry = entries.financing(reader.state, financing_id)
    return [] if entry is None else entry["lines"]


def _recorded_for(reader: Reader, heir: str, collections: Sequence[str]) -> set[str]:
    """Those of some collections that a bank recorded for which the heir acts."""
    known = {each: entries.collection(reader.state, each) for each in collections}
    return {each for each, entry in known.items() if entry is not None and holder(reader.state, entry["bank"]) == heir}


def _parts_named(connection: sa.Connection, name: PartName, record_ids: Sequence[str]) -> Iterator[EstateKey]:
    for start in range(0, len(record_ids), _IDS):
        of_these = sa.and_(parts.c.part == name, parts.c.record_id.in_(record_ids[start : start + _IDS]))
        query = sa.select(parts.c.record_id, parts.c.content_key).where(of_these).order_by(parts.c.record_id)
        for row in connection.execute(query):
            yield EstateKey(record=row.record_id, part=name, content_key=row.content_key)
