"""What an exporter said of a paper, told to the bank that handed the paper in.

The word is the custodian's to keep and on no ledger, so the bank's node asks the authority's for it when somebody looks, until the exporter
confirmed; what it heard it keeps. A dispute needs no asking: it revokes the consent on the ledger. The word is told, not signed: what a
confirmed paper lets a bank do is no more than what an unconfirmed one does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
import structlog

from ledger.errors import NotFound, TallystickError
from ledger.limits import INTEGER_MAX
from nodes.consents.book import consents
from nodes.consents.paper import CONFIRMED, UNCONFIRMED, basis_state, paper_words
from nodes.upstream import HttpUpstream

if TYPE_CHECKING:
    from nodes.node import Node

_BY_EXPORTER: Final = "exporter"

log = structlog.get_logger(__name__)


def word_for(node: Node, bank: str, consent_id: str) -> dict[str, Any]:
    """At the authority's node, for the bank that was given the consent. Raises `NotFound` (`unknown-consent`)."""
    with node.private.reading() as connection:
        given = sa.and_(consents.c.id == consent_id, consents.c.bank == bank, consents.c.basis == "paper")
        if connection.execute(sa.select(consents.c.id).where(given)).first() is None:
            raise NotFound("unknown-consent", "this member was given no such consent on paper")
    return {"consent_id": consent_id, "basis_state": basis_state(node, consent_id), "confirmed_ms": confirmed_ms(node, consent_id)}


def confirmed_ms(node: Node, consent_id: str | None) -> int | None:
    """When the exporter confirmed the paper, as far as this node was told."""
    mine = sa.and_(paper_words.c.consent == consent_id, paper_words.c.state == CONFIRMED)
    with node.private.reading() as connection:
        return connection.execute(sa.select(paper_words.c.said_ms).where(mine)).scalar()


def ask_for_word(node: Node, consent_id: str | None) -> None:
    """At a bank's node: learns whether the exporter has confirmed by now. Where the authority's node is not there nothing is learned."""
    if node.config.node.role != "bank" or consent_id is None or not isinstance(node.upstream, HttpUpstream):
        return
    if basis_state(node, consent_id) != UNCONFIRMED:
        return
    try:
        answer = node.upstream.fetch(f"/v1/consents/{consent_id}/basis", {})
    except TallystickError as error:
        log.warning("paper-word-not-heard", consent=consent_id, code=error.code)
        return
    said_ms = answer.get("confirmed_ms")
    if answer.get("basis_state") != CONFIRMED or type(said_ms) is not int or not 0 <= said_ms <= INTEGER_MAX:
        return
    with node.private.begin() as connection:
        if connection.execute(sa.select(paper_words.c.consent).where(paper_words.c.consent == consent_id)).first() is None:
            row = {"consent": consent_id, "state": CONFIRMED, "said_by": _BY_EXPORTER, "said_ms": said_ms}
            connection.execute(sa.insert(paper_words).values(**row))
