"""Which tables a node makes from the ledger, and in which order: a later projection may read what an earlier one wrote."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from ledger.store import LedgerStore, StoredRecord
from nodes import accesses, dispute_book, enterprises, estate_book, notice_book, task_book
from nodes.consents import book as consent_book
from nodes.declarations import book as declaration_book
from nodes.directory import Directory
from nodes.enquiries import book as enquiry_book
from nodes.enquiries import grants
from nodes.events import book as event_book
from nodes.events.feed import EventFeed
from nodes.events.tables import events
from nodes.financings import book, bookkeeping, collection_book, movement_book, offer_book
from nodes.home_config import NodeSection
from nodes.keys.keystore import KeyStore
from nodes.keys.registry import RegistryKey
from nodes.monitoring import projection as supervision
from nodes.monitoring import tables as supervised
from nodes.reader import LedgerReader


def register_projections(
    reader: LedgerReader,
    store: LedgerStore,
    directory: Directory,
    keystore: KeyStore,
    who: NodeSection,
    registry_key: Callable[[], RegistryKey],
    feed: EventFeed,
) -> None:
    """Before the reader's first reading. What stands in a table is what this node's keys open. Where the registry key is, ids are
    recomputed from numbers; `registry_key` opens it when the first one comes.
    """
    role, member = who.role, who.member
    is_authority = role == "authority"
    recompute = (lambda number: registry_key().declaration_id(number)) if role in ("authority", "registrar") else None
    reader.register(enterprises.PROJECTION, [enterprises.enterprises], enterprises.project_enrolment, [enterprises.RECORD_TYPE])
    declarations = declaration_book.DeclarationBook(store, recompute)
    reader.register(declaration_book.PROJECTION, [declaration_book.declarations], declarations.apply, declaration_book.TYPES)
    consents = consent_book.ConsentBook(store, directory, sees_all=is_authority)
    reader.register(consent_book.PROJECTION, [consent_book.consents], consents.apply, consent_book.TYPES)
    enquiries = enquiry_book.EnquiryBook(store, directory, answers=is_authority)
    reader.register(enquiry_book.PROJECTION, [enquiry_book.enquiries], enquiries.apply, enquiry_book.TYPES)
    if role == "bank" and member is not None:
        reader.register(grants.PROJECTION, [grants.grants], enquiry_book.GrantBook(member).apply, [enquiry_book.ANSWER])
        book_of_notices = notice_book.NoticeBook(store, member)
        reader.register(notice_book.PROJECTION, [notice_book.notices], book_of_notices.apply, notice_book.TYPES)

    def keeps(connection: sa.Connection, stored: StoredRecord) -> bool:
        return role != "bank" or directory.author_of(stored.record.signers) == member or estate_book.inherited(connection, stored.id)

    # Movements before the book, because what a repayment pays depends on what was owed before it.
    reader.register(movement_book.PROJECTION, [movement_book.movements], movement_book.Movements(keeps).apply, movement_book.TYPES)
    reader.register(book.PROJECTION, book.TABLES, bookkeeping.Book(keeps).apply, book.TYPES)
    if role == "bank" and member is not None:
        offers = offer_book.OfferBook(directory, member)
        reader.register(offer_book.PROJECTION, [offer_book.transfer_offers], offers.apply, [offer_book.TYPE])
        reader.register(estate_book.PROJECTION, [], estate_book.EstateBook(store, member).apply, [estate_book.TYPE])
    reader.register(collection_book.PROJECTION, [collection_book.collections], collection_book.project_collection, [collection_book.TYPE])
    reader.register(dispute_book.PROJECTION, [dispute_book.disputes], dispute_book.project_dispute, dispute_book.TYPES)
    if member is not None:
        reader.register(task_book.PROJECTION, [], task_book.TaskBook(directory, keystore, member).apply)
    if role in ("authority", "enterprise"):
        book_of_accesses = accesses.AccessBook(directory, own=role == "enterprise")
        reader.register(accesses.PROJECTION, [accesses.accesses], book_of_accesses.apply, accesses.TYPES)
    book_of_events = event_book.EventBook(store, directory, who, feed)
    if is_authority:
        # After the others, because it takes from them, and because what they could not use is an alert.
        supervises = supervision.Supervision(store, directory, book_of_events.alert)
        reader.register(supervision.PROJECTION, supervised.TABLES, supervises.apply)
    reader.register(event_book.PROJECTION, [events], book_of_events.apply)
