"""The webhooks of a node as its administrators work with them: registered, listed, tested, replayed, deleted; and where each one stands.

A webhook begins at the end of the feed as it is then. It gets the events of the node's owner, in their order: the next one is sent when the
one before was taken. `replay` goes on after any earlier one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
import sqlalchemy as sa

from ledger import canonical
from ledger.clock import rfc3339
from ledger.errors import InputError, NotFound, Refused, VerificationFailed
from ledger.hashing import tagged_json
from ledger.limits import WEBHOOK_DELIVERIES_KEPT, WEBHOOK_OLD_SECRET_S, WEBHOOKS_MAX
from nodes.events.catalogue import TYPES
from nodes.events.tables import Cursor
from nodes.private_files import read_node_secret
from nodes.webhooks.addresses import target_of
from nodes.webhooks.sending import Message, Outcome, Sender
from nodes.webhooks.signing import SecretBox, shown
from nodes.webhooks.tables import ACTIVE, deliveries, webhooks

if TYPE_CHECKING:
    from nodes.node import Node

PING: Final = "ping"


@dataclass(frozen=True, slots=True)
class Webhook:
    """`types` are what it gets, all where there are none. `cursor` is the last event that was taken, or passed over."""

    id: str
    url: str
    description: str
    types: tuple[str, ...]
    state: str
    cursor: Cursor
    failures: int
    failing_since_ms: int | None
    next_try_ms: int
    created_by: str
    created_ms: int
    disabled_ms: int | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """An attempt, numbered within its webhook; `message` is the id that its receiver was given."""

    number: int
    message: str
    type: str
    outcome: str
    status: int | None
    at_ms: int


class Webhooks:
    """The webhooks of one node. `sender` is made from the configuration unless it is given."""

    def __init__(self, node: Node, sender: Sender | None = None) -> None:
        self._node = node
        self._settings = node.config.webhooks
        self._box = SecretBox(read_node_secret(node.home.secret_file), node.random)
        self.sender = sender or Sender(allow_private=self._settings.allow_private)

    def register(self, by: str, url: str, types: Sequence[str], description: str = "") -> Webhook:
        """Raises `InputError` (`webhook-url`, `unknown-event-type`), `NotPermitted` (`address-forbidden`), `Refused`
        (`too-many-webhooks`).
        """
        unknown = sorted(set(types) - TYPES.keys())
        if unknown:
            raise InputError("unknown-event-type", "a type of event is not known", hint="docs/events.md lists them")
        asyncio.run(self.sender.judge(target_of(url, allow_http=self._settings.allow_http)))
        node, webhook = self._node, self._node.random(16).hex()
        cursor, now_ms = node.events.newest(), node.clock.now_ms()
        row = {
            "id": webhook,
            "url": url,
            "description": description,
            "types": canonical.encode(sorted(set(types))).decode("ascii"),
            "secret": self._box.new(webhook),
            "state": ACTIVE,
            "log_index": cursor.log_index,
            "place": cursor.place,
            "failures": 0,
            "next_try_ms": now_ms,
            "created_by": by,
            "created_ms": now_ms,
        }
        with node.private.begin() as connection:
            if connection.execute(sa.select(sa.func.count()).select_from(webhooks)).scalar_one() >= WEBHOOKS_MAX:
                raise Refused("too-many-webhooks", f"a node has at most {WEBHOOKS_MAX} webhooks", hint="delete one that is not used")
            connection.execute(sa.insert(webhooks).values(**row))
        return self.get(webhook)

    def list(self) -> Sequence[Webhook]:
        """In the order in which they were registered."""
        with self._node.private.reading() as connection:
            return [_webhook(row) for row in connection.execute(sa.select(webhooks).order_by(webhooks.c.created_ms, webhooks.c.id))]

    def get(self, webhook: str) -> Webhook:
        """Raises `NotFound` (`unknown-webhook`)."""
        with self._node.private.reading() as connection:
            return _webhook(_row(connection, webhook))

    def secret(self, webhook: str) -> str:
        """The secret as its receiver is given it. Raises `NotFound` (`unknown-webhook`), `VerificationFailed`."""
        return shown(self.secrets(webhook)[0])

    def secrets(self, webhook: str) -> Sequence[bytes]:
        """Every secret that a message is signed with now, the newest first: an old one counts for a day more. Raises as `secret`."""
        with self._node.private.reading() as connection:
            row = _row(connection, webhook)
        found = [self._box.open(webhook, row.secret)]
        if row.old_secret is not None and row.old_until_ms > self._node.clock.now_ms():
            found.append(self._box.open(webhook, row.old_secret))
        return found

    def rotate(self, webhook: str) -> Webhook:
        """Gives it a new secret. Raises `NotFound` (`unknown-webhook`)."""
        until_ms = self._node.clock.now_ms() + WEBHOOK_OLD_SECRET_S * 1000
        with self._node.private.begin() as connection:
            row = _row(connection, webhook)
            values = {"secret": self._box.new(webhook), "old_secret": row.secret, "old_until_ms": until_ms}
            connection.execute(sa.update(webhooks).where(webhooks.c.id == webhook).values(**values))
        return self.get(webhook)

    def delete(self, webhook: str) -> None:
        """Ends it, and forgets its attempts. Raises `NotFound` (`unknown-webhook`)."""
        with self._node.private.begin() as connection:
            _row(connection, webhook)
            connection.execute(sa.delete(deliveries).where(deliveries.c.webhook == webhook))
            connection.execute(sa.delete(webhooks).where(webhooks.c.id == webhook))

    def replay(self, webhook: str, after: Cursor | None) -> Webhook:
        """Goes on after an event, or where it stopped; one that was given up is active again. Raises `NotFound` (`unknown-webhook`)."""
        with self._node.private.begin() as connection:
            row = _row(connection, webhook)
            place = Cursor(row.log_index, row.place) if after is None else after
            values = {"state": ACTIVE, "failures": 0, "failing_since_ms": None, "disabled_ms": None}
            values |= {"next_try_ms": self._node.clock.now_ms(), "log_index": place.log_index, "place": place.place}
            connection.execute(sa.update(webhooks).where(webhooks.c.id == webhook).values(**values))
            self._node.events.changed()
        return self.get(webhook)

    def test(self, webhook: str, *, cause: str | None = None) -> Delivery:
        """Sends a `ping` now, whatever the webhook's state, and says what became of it. Pings of one `cause` have one id, by which their
        receiver knows them again. Raises `NotFound` (`unknown-webhook`).
        """
        now_ms = self._node.clock.now_ms()
        content = {"type": PING, "timestamp": rfc3339(now_ms), "data": {"webhook_id": webhook}}
        ping = self._node.random(16).hex() if cause is None else tagged_json("webhook-ping", [webhook, cause])[:32]
        message = Message(f"ping_{ping}", PING, orjson.dumps(content))
        outcome = asyncio.run(self.send(self.get(webhook), message))
        with self._node.private.begin() as connection:
            _row(connection, webhook)
            return note_delivery(connection, webhook, message, outcome, now_ms)

    async def send(self, webhook: Webhook, message: Message) -> Outcome:
        """One attempt. Raises `NotFound` (`unknown-webhook`) where it was deleted meanwhile."""
        target = target_of(webhook.url, allow_http=True)
        if target.scheme == "http" and not self._settings.allow_http:
            # Registered when the configuration still allowed it.
            return Outcome("address-forbidden")
        try:
            secrets = self.secrets(webhook.id)
        except VerificationFailed as error:
            return Outcome(error.code)
        return await self.sender.send(target, message, secrets, self._node.clock.now_ms() // 1000)

    def deliveries(self, webhook: str, before: int | None, limit: int) -> Sequence[Delivery]:
        """Attempts, the newest first; `before` is the number of the last one that was seen. Raises `NotFound` (`unknown-webhook`)."""
        query = sa.select(deliveries).where(deliveries.c.webhook == webhook).order_by(deliveries.c.number.desc()).limit(limit)
        if before is not None:
            query = query.where(deliveries.c.number < before)
        with self._node.private.reading() as connection:
            _row(connection, webhook)
            return [_delivery(row) for row in connection.execute(query)]


def note_delivery(connection: sa.Connection, webhook: str, message: Message, outcome: Outcome, at_ms: int) -> Delivery:
    """Writes an attempt down, and forgets the oldest ones."""
    last = connection.execute(sa.select(sa.func.max(deliveries.c.number)).where(deliveries.c.webhook == webhook)).scalar() or 0
    made = Delivery(last + 1, message.id, message.type, outcome.code, outcome.status, at_ms)
    values = {"number": made.number, "message": made.message, "type": made.type}
    connection.execute(sa.insert(deliveries).values(webhook=webhook, **values, outcome=made.outcome, status=made.status, at_ms=made.at_ms))
    old = sa.and_(deliveries.c.webhook == webhook, deliveries.c.number <= made.number - WEBHOOK_DELIVERIES_KEPT)
    connection.execute(sa.delete(deliveries).where(old))
    return made


def _row(connection: sa.Connection, webhook: str) -> Any:
    row = connection.execute(sa.select(webhooks).where(webhooks.c.id == webhook)).first()
    if row is None:
        raise NotFound("unknown-webhook", "this node has no such webhook")
    return row


def _webhook(row: Any) -> Webhook:
    types = tuple(canonical.decode(row.types.encode("ascii")))
    place = Cursor(row.log_index, row.place)
    standing = (row.state, place, row.failures, row.failing_since_ms, row.next_try_ms)
    return Webhook(row.id, row.url, row.description, types, *standing, row.created_by, row.created_ms, row.disabled_ms)


def _delivery(row: Any) -> Delivery:
    return Delivery(row.number, row.message, row.type, row.outcome, row.status, row.at_ms)
