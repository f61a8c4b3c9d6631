"""What happens around financings and changes how they stand: attempts, declarations, collections, consents that end."""

from __future__ import annotations

import sqlalchemy as sa

from contracts import entries
from contracts.months import DAY_MS
from nodes.consents.book import consents
from nodes.declarations.book import declarations
from nodes.declarations.parts import PART as DECLARATION
from nodes.declarations.parts import read_registered
from nodes.enquiries.book import enquiries
from nodes.financings.parts import COLLECTION, CollectionPart, LoanPart
from nodes.monitoring import deadlines
from nodes.monitoring.findings import Seen
from nodes.monitoring.rows import add_event, cancelled_minor, refresh, row_of
from nodes.monitoring.tables import attempts, cargo, collected, events, lines, rates_stated
from nodes.sealed_models import read_part
from nodes.sums import exact_sum, total


def note_attempts(seen: Seen) -> None:
    """Every line of an application, refused ones too."""
    body, result = seen.stored.record.body, seen.stored.result
    answers = result.get("lines") or [{"code": seen.code}] * len(body["lines"])
    place = {"record_id": seen.stored.id, "bank": seen.author, "time_ms": seen.stored.time_ms, "log_index": seen.stored.log_index}
    rows = [
        {**place, "line": index, "declaration": line["grant"]["declaration"], "code": answer["code"]}
        for index, (line, answer) in enumerate(zip(body["lines"], answers, strict=True))
    ]
    seen.connection.execute(sa.insert(attempts), rows)


def revoke(seen: Seen) -> None:
    """A consent that ends drops the holds under it that are not approved."""
    under = sa.select(lines.c.financing).where(lines.c.consent == seen.stored.record.body["consent"]).distinct().order_by(lines.c.financing)
    for financing_id in seen.connection.execute(under).scalars().all():
        row = row_of(seen.connection, financing_id)
        entry = refresh(seen, financing_id)
        # Not by the row's state: an earlier record of the same block may have brought that up to the block's end already.
        said = sa.select(events.c.kind).where(events.c.financing == financing_id, events.c.kind == "cancelled")
        if entry is not None and entry["state"] == "CANCELLED" and seen.connection.execute(said).first() is None:
            add_event(seen, financing_id, "cancelled", cancelled_minor(seen, row), None)
            deadlines.resolve(seen.connection, deadlines.HOLD, financing_id, seen.stored.time_ms)


def register(seen: Seen) -> None:
    """What a shipment is known by."""
    body = seen.stored.record.body
    for replaced in body.get("replaces", ()):
        _replaced(seen, replaced["declaration"], body["declaration"])
    if DECLARATION not in seen.parts:
        return
    what = read_registered(seen.parts[DECLARATION].content).declaration
    known = {"uscc": what.exporter_uscc, "contract": what.contract, "bill_of_lading": what.bill_of_lading}
    place = {"declaration": body["declaration"], "record_id": seen.stored.id, "log_index": seen.stored.log_index}
    seen.connection.execute(sa.insert(cargo).values(**place, **known))


def void(seen: Seen) -> None:
    """The declaration counts no more."""
    body = seen.stored.record.body
    where = sa.and_(cargo.c.declaration == body["declaration"], cargo.c.void_record.is_(None))
    seen.connection.execute(sa.update(cargo).where(where).values(void_record=seen.stored.id))
    if body.get("successor") is not None:
        _replaced(seen, body["declaration"], body["successor"]["declaration"])


def _replaced(seen: Seen, old: str, new: str) -> None:
    """What was used on the old one is now carried by the new one."""
    seen.connection.execute(sa.update(cargo).where(cargo.c.declaration == old).values(replaced_by=new))
    on_it = sa.select(lines.c.financing).where(lines.c.declaration == old).distinct().order_by(lines.c.financing)
    for financing_id in seen.connection.execute(on_it).scalars().all():
        refresh(seen, financing_id)


def answer(seen: Seen) -> None:
    """An enquiry that was granted something is to lead to a financing."""
    body = seen.stored.record.body
    if not body["grants"]:
        return
    asked = sa.select(enquiries.c.bank, consents.c.enterprise).join(consents, consents.c.id == enquiries.c.consent, isouter=True)
    row = seen.connection.execute(asked.where(enquiries.c.id == body["request"])).first()
    if row is not None:
        due_ms = seen.stored.time_ms + seen.settings.enquiry_days * DAY_MS
        deadlines.set_deadline(seen.connection, deadlines.ENQUIRY, seen.stored.id, body["request"], due_ms, row.bank, row.enterprise or "")


def use_grants(seen: Seen) -> None:
    """A new financing: the enquiries whose grants it opened led to one."""
    entry = entries.financing(seen.state, seen.stored.id)
    for line in [] if entry is None else entry["lines"]:
        grant = entries.grant(seen.state, line["grant"])
        take = None if grant is None else entries.take(seen.state, grant["take"])
        if take is not None and line["code"] == "ok":
            deadlines.resolve(seen.connection, deadlines.ENQUIRY, take["request"], seen.stored.time_ms)


def note_rate(seen: Seen, kind: str, subject: str, bank: str, enterprise: str, part: LoanPart | CollectionPart, day: str) -> None:
    """A rate that the bank states with an amount."""
    if part.exchange is None:
        return
    stated = {"base": part.currency, "currency": part.exchange.currency, "rate": part.exchange.rate, "day": day}
    whose = {"bank": bank, "subject_kind": kind, "subject": subject, "enterprise": enterprise}
    row = {"record_id": seen.stored.id, "time_ms": seen.stored.time_ms, **whose, **stated}
    seen.connection.execute(sa.insert(rates_stated).values(**row))


def took_in_collection(seen: Seen) -> None:
    """What came in on a declaration."""
    if COLLECTION not in seen.parts:
        return
    body = seen.stored.record.body
    part = read_part(CollectionPart, seen.parts[COLLECTION].content)
    amount = part.amount_minor if body["share"] > 0 else -part.amount_minor
    row = {"record_id": seen.stored.id, "declaration": body["declaration"], "amount_minor": amount}
    seen.connection.execute(sa.insert(collected).values(**row))
    owner = seen.connection.execute(sa.select(declarations.c.enterprise).where(declarations.c.id == body["declaration"])).scalar()
    note_rate(seen, "declaration", body["declaration"], seen.author, owner or "", part, part.collected_on)
    query = sa.select(*exact_sum(collected.c.amount_minor, "minor")).where(collected.c.declaration == body["declaration"])
    lent = sa.select(*exact_sum(lines.c.disbursed_minor, "minor")).where(lines.c.declaration == body["declaration"])
    came_in_minor, lent_minor = (total(seen.connection.execute(each).one(), "minor") for each in (query, lent))
    if came_in_minor >= lent_minor:
        deadlines.resolve(seen.connection, deadlines.COLLECTION, body["declaration"], seen.stored.time_ms)
