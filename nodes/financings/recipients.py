"""To whom a bank seals what it says of a financing: itself, the authority, and the enterprise that consented or its custodian."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nodes.author import Part
from nodes.consents.terms import CONSENT_PART, ConsentPart
from nodes.sealed_models import SealedPart, read_part
from nodes.sealing import Recipient

if TYPE_CHECKING:
    from nodes.node import Node


def for_supervision(node: Node, part: SealedPart) -> Part:
    """For this member and the authority."""
    return Part(part.content(), _supervision(node))


def for_all(node: Node, part: SealedPart, consent_id: str) -> Part:
    """For this member, the authority and the enterprise behind a consent. In custody, the authority reads for it."""
    recipients = _supervision(node)
    opened = node.reader.parts_of(consent_id).get(CONSENT_PART)
    if opened is not None:
        seal = read_part(ConsentPart, opened.content).terms.seal
        if seal is not None:
            key = seal.key()
            recipients.append(Recipient(key.public, key.id, named=False))
    return Part(part.content(), recipients)


def _supervision(node: Node) -> list[Recipient]:
    slugs = dict.fromkeys([node.member, node.directory.authority()])
    return [node.directory.recipient(slug) for slug in slugs]
