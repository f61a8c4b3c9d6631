"""The relay's mailbox: sealed letters wait at the authority's node until their recipients fetch them.

The relay says who posted a letter, because it knows by the sign-in, and reads nothing. What one sender may post in a day is bounded in
number and bytes, and what is kept of one sender in bytes. Letters are kept for ninety days, so that a node which lost its private database
can read them again, each to the same effect. Exporters write to banks, and banks to exporters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import sqlalchemy as sa
from pydantic import ValidationError

from ledger import canonical
from ledger.errors import NotFound, NotPermitted, Refused, VerificationFailed
from ledger.limits import (
    LETTER_DAYS_KEPT,
    LETTERS_BYTES_KEPT_MAX,
    LETTERS_BYTES_PER_DAY_MAX,
    LETTERS_PAGE_BYTES_MAX,
    LETTERS_PAGE_MAX,
    LETTERS_PER_DAY_MAX,
)
from nodes.enterprises import enterprises
from nodes.private import metadata
from nodes.requests.letters import ENTERPRISE, Delivered, Envelope, vouch
from nodes.upstream import HttpUpstream

if TYPE_CHECKING:
    from nodes.node import Node

TOO_MANY: Final = "too-many-letters"
_DAY_MS: Final = 86_400_000

mailbox = sa.Table(
    "mailbox",
    metadata,
    sa.Column("place", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("letter", sa.Text, nullable=False),
    sa.Column("sender", sa.Text, nullable=False),
    sa.Column("recipient", sa.Text, nullable=False, index=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("box", sa.Text, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("posted_ms", sa.BigInteger, nullable=False, index=True),
    sa.UniqueConstraint("sender", "letter", name="uq_mailbox_letter"),
    sqlite_autoincrement=True,
    comment="sealed letters on their way; places are never used again, since recipients go on from them",
)


class Relay(Protocol):
    """What a node needs of the relay: both calls act for the node that makes them."""

    def post(self, sender: str, envelope: Envelope) -> None: ...

    def fetch(self, after: int) -> list[Delivered]: ...


class Mailbox:
    """The relay's own side, at the authority's node. Safe to share between threads."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def post(self, sender: str, envelope: Envelope) -> None:
        """Takes a letter; the same one again is the same.

        Raises `NotFound` (`unknown-recipient`), `NotPermitted` (`recipient-not-allowed`), `Refused` (`letter-exists`, `too-many-letters`).
        """
        self._check_way(sender, envelope.to)
        now_ms = self._node.clock.now_ms()
        mine = sa.and_(mailbox.c.sender == sender, mailbox.c.letter == envelope.id)
        with self._node.private.begin() as connection:
            known = connection.execute(sa.select(mailbox).where(mine)).first()
            if known is not None:
                if (known.recipient, known.box) != (envelope.to, envelope.box):
                    raise Refused("letter-exists", "another letter was posted under this id")
                return
            connection.execute(sa.delete(mailbox).where(mailbox.c.posted_ms < now_ms - LETTER_DAYS_KEPT * _DAY_MS))
            _check_quota(connection, sender, envelope.to, len(envelope.box), now_ms)
            row = {"letter": envelope.id, "sender": sender, "recipient": envelope.to, "key": envelope.key, "box": envelope.box}
            connection.execute(sa.insert(mailbox).values(**row, bytes=len(envelope.box), posted_ms=now_ms))

    def fetch(self, recipient: str, after: int) -> list[Delivered]:
        """Letters for an address beyond a place, in order: one at least where there is one, and no more than fit in a page."""
        return self._fetch(mailbox.c.recipient == recipient, after)

    def fetch_in_custody(self, after: int) -> list[Delivered]:
        """As `fetch`, for every exporter in custody."""
        theirs = sa.select(sa.literal(ENTERPRISE) + enterprises.c.id).where(enterprises.c.custody.is_(True))
        return self._fetch(mailbox.c.recipient.in_(theirs), after)

    def _fetch(self, wanted: sa.ColumnElement[bool], after: int) -> list[Delivered]:
        query = sa.select(mailbox.c.place, mailbox.c.bytes).where(wanted, mailbox.c.place > after)
        with self._node.private.reading() as connection:
            places: list[int] = []
            total = 0
            for row in connection.execute(query.order_by(mailbox.c.place).limit(LETTERS_PAGE_MAX)):
                total += row.bytes
                if places and total > LETTERS_PAGE_BYTES_MAX:
                    break
                places.append(row.place)
            found = connection.execute(sa.select(mailbox).where(mailbox.c.place.in_(places)).order_by(mailbox.c.place)).fetchall()
        return [self._delivered(row) for row in found]

    def _delivered(self, row: Any) -> Delivered:
        voucher = None
        if row.sender.startswith(ENTERPRISE):
            voucher = vouch(self._node, row.letter, row.recipient, self._node.enterprises.get(row.sender.removeprefix(ENTERPRISE)))
        envelope = Envelope(id=row.letter, to=row.recipient, key=row.key, box=row.box)
        return Delivered(place=row.place, sender=row.sender, envelope=envelope, voucher=voucher)

    def _check_way(self, sender: str, to: str) -> None:
        try:
            if to.startswith(ENTERPRISE):
                self._node.enterprises.get(to.removeprefix(ENTERPRISE))
                is_bank = not sender.startswith(ENTERPRISE) and self._node.directory.member(sender).role == "bank"
                allowed = is_bank
            else:
                allowed = sender.startswith(ENTERPRISE) and self._node.directory.member(to).role == "bank"
        except NotFound as error:
            raise NotFound("unknown-recipient", "nobody has this address") from error
        if not allowed:
            raise NotPermitted("recipient-not-allowed", "exporters write to banks, and banks to exporters")


class LocalRelay:
    """The relay of the authority's own node, which fetches for the exporters in its custody."""

    def __init__(self, node: Node) -> None:
        self._mailbox = Mailbox(node)

    def post(self, sender: str, envelope: Envelope) -> None:
        self._mailbox.post(sender, envelope)

    def fetch(self, after: int) -> list[Delivered]:
        return self._mailbox.fetch_in_custody(after)


class HttpRelay:
    """The relay at the node upstream, over HTTP. It knows the sender by the sign-in."""

    def __init__(self, upstream: HttpUpstream) -> None:
        self._upstream = upstream

    def post(self, sender: str, envelope: Envelope) -> None:
        self._upstream.hand_in("/v1/messages", envelope.id, canonical.encode(envelope.model_dump()))

    def fetch(self, after: int) -> list[Delivered]:
        """Raises `VerificationFailed` (`upstream-malformed`)."""
        items = self._upstream.fetch("/v1/messages", {"after": str(after)}).get("items")
        try:
            return [Delivered.model_validate(item) for item in items] if isinstance(items, list) else []
        except ValidationError as error:
            raise VerificationFailed("upstream-malformed", "the relay's letters are not of the agreed shape") from error


def relay_of(node: Node) -> Relay | None:
    """The relay that a node uses; None where there is none to be had."""
    if node.config.node.role == "authority":
        return LocalRelay(node)
    return HttpRelay(node.upstream) if isinstance(node.upstream, HttpUpstream) else None


def counted_together(sender: str, to: str) -> str:
    """Which letters share a number a day. A bank's count by exporter: it answers each request, so one exporter that sends it as many as
    it may must not silence it for the others.
    """
    return sender if sender.startswith(ENTERPRISE) else f"{sender} to {to}"


def _check_quota(connection: sa.Connection, sender: str, to: str, size: int, now_ms: int) -> None:
    mine = sa.or_(mailbox.c.recipient == to, sa.literal(counted_together(sender, to) == sender))
    numbered = sa.func.count().filter(mine)
    today = sa.and_(mailbox.c.sender == sender, mailbox.c.posted_ms > now_ms - _DAY_MS)
    in_bytes = sa.func.coalesce(sa.func.sum(mailbox.c.bytes), 0)
    count, total = connection.execute(sa.select(numbered, in_bytes).where(today)).one()
    if count >= LETTERS_PER_DAY_MAX or total + size > LETTERS_BYTES_PER_DAY_MAX:
        raise Refused(TOO_MANY, "a sender posts so many letters a day, and no more", hint="go on tomorrow")
    kept = connection.execute(sa.select(in_bytes).where(mailbox.c.sender == sender)).scalar_one()
    if kept + size > LETTERS_BYTES_KEPT_MAX:
        raise Refused(
            TOO_MANY, "the letters that are kept of one sender are bounded in bytes", hint=f"each goes after {LETTER_DAYS_KEPT} days"
        )
