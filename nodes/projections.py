"""Which tables a node makes from the ledger, and in which order: a later projection may read what an earlier one wrote."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nodes import accesses, book, collections, consent_book, declaration_book, enquiry_book, enterprises, grants

if TYPE_CHECKING:
    from nodes.node import Node


def register_projections(node: Node) -> None:
    """Before the reader's first reading. What stands in a table is what this node's keys open."""
    role, member = node.config.node.role, node.config.node.member
    is_authority = role == "authority"
    reader, store, directory = node.reader, node.store, node.directory
    reader.register(enterprises.PROJECTION, [enterprises.enterprises], enterprises.project_enrolment, [enterprises.RECORD_TYPE])
    declarations = declaration_book.DeclarationBook(store, _recompute(node))
    reader.register(declaration_book.PROJECTION, [declaration_book.declarations], declarations.apply, declaration_book.TYPES)
    consents = consent_book.ConsentBook(store, directory, sees_all=is_authority)
    reader.register(consent_book.PROJECTION, [consent_book.consents], consents.apply, consent_book.TYPES)
    enquiries = enquiry_book.EnquiryBook(store, directory, answers=is_authority)
    reader.register(enquiry_book.PROJECTION, [enquiry_book.enquiries], enquiries.apply, enquiry_book.TYPES)
    if role == "bank" and member is not None:
        reader.register(grants.PROJECTION, [grants.grants], enquiry_book.GrantBook(member).apply, [enquiry_book.ANSWER])
    reader.register(book.PROJECTION, book.TABLES, book.project_book, book.TYPES)
    reader.register(collections.PROJECTION, [collections.collections], collections.project_collection, [collections.TYPE])
    if role in ("authority", "enterprise"):
        book_of_accesses = accesses.AccessBook(directory, own=role == "enterprise")
        reader.register(accesses.PROJECTION, [accesses.accesses], book_of_accesses.apply, accesses.TYPES)


def _recompute(node: Node) -> Callable[[str], str] | None:
    """Where the registry key is, ids are recomputed from numbers; it is opened when the first one comes."""
    if node.config.node.role not in ("authority", "registrar"):
        return None

    def declaration_id(number: str) -> str:
        return node.registry_key.declaration_id(number)

    return declaration_id
