"""Handing events over: each webhook for itself, its events in order, until each was taken.

The cursor moves in the transaction that writes the attempt down, so an event is sent again after a crash in between: at least once, under
the same `webhook-id`. After a failure it waits, twice as long each time, for between half and all of that; after days of failing in a
row, or when the receiver says that it is gone (410), the webhook is given up, which is an event itself.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import orjson
import sqlalchemy as sa
import structlog

from ledger.background import Background
from ledger.clock import rfc3339
from ledger.errors import NotFound
from ledger.limits import WEBHOOK_FAILING_S_MAX, WEBHOOK_RETRY_S_FIRST, WEBHOOK_RETRY_S_MAX
from nodes.events.catalogue import TYPES
from nodes.events.tables import Cursor, Event
from nodes.webhooks.endpoints import Webhook, Webhooks, note_delivery
from nodes.webhooks.sending import GONE, Message, Outcome
from nodes.webhooks.tables import ACTIVE, DISABLED, webhooks

if TYPE_CHECKING:
    from nodes.node import Node

_EVERY_S: Final = 2.0
_AT_ONCE: Final = 20
_TURN_MS: Final = 10_000
_DOUBLINGS_MAX: Final = 20

log = structlog.get_logger(__name__)


class WebhookWorker(Background):
    """Of every node that is served."""

    def __init__(self, node: Node, endpoints: Webhooks | None = None) -> None:
        super().__init__("webhooks", "webhooks-wait", _EVERY_S)
        self._node, self._webhooks = node, endpoints or Webhooks(node)
        node.events.subscribe(self.wake)

    def run_once(self) -> int:
        """A turn of every webhook that is due, side by side: how many events were taken."""
        now_ms = self._node.clock.now_ms()
        due = [each for each in self._webhooks.list() if each.state == ACTIVE and each.next_try_ms <= now_ms]
        return sum(asyncio.run(self._turns(due))) if due else 0

    async def _turns(self, due: list[Webhook]) -> list[int]:
        return await asyncio.gather(*(self._turn(each) for each in due))

    async def _turn(self, webhook: Webhook) -> int:
        """Until there is nothing more, one fails, or others have waited long enough for their turns."""
        taken, types = 0, webhook.types or tuple(TYPES)
        end_ms = self._node.clock.monotonic_ms() + _TURN_MS
        cursor = webhook.cursor
        while page := self._node.events.page(cursor, types, _AT_ONCE):
            for event in page:
                if self._stopping.is_set() or self._node.clock.monotonic_ms() > end_ms:
                    self.wake()
                    return taken
                try:
                    message = _message(self._node, event)
                    outcome = await self._webhooks.send(webhook, message)
                except NotFound as error:
                    log.info("webhook-not-sent", webhook=webhook.id, code=error.code)
                    return taken
                if not self._settle(webhook.id, cursor, event, message, outcome):
                    return taken
                cursor, taken = event.cursor, taken + 1
        return taken

    def _settle(self, webhook: str, before: Cursor, event: Event, message: Message, outcome: Outcome) -> bool:
        """Writes down what became of it: whether to go on with the next one."""
        now_ms = self._node.clock.now_ms()
        at = sa.and_(webhooks.c.id == webhook, webhooks.c.log_index == before.log_index, webhooks.c.place == before.place)
        with self._node.private.begin() as connection:
            row = connection.execute(sa.select(webhooks).where(at, webhooks.c.state == ACTIVE)).first()
            if row is None:
                # Deleted, or sent elsewhere in the feed, while the message was on its way.
                return False
            note_delivery(connection, webhook, message, outcome, now_ms)
            if outcome.taken:
                values: dict[str, Any] = {"log_index": event.cursor.log_index, "place": event.cursor.place}
                values |= {"failures": 0, "failing_since_ms": None}
            else:
                values = self._failed(connection, row, outcome, now_ms)
            connection.execute(sa.update(webhooks).where(webhooks.c.id == webhook).values(**values))
        return outcome.taken

    def _failed(self, connection: sa.Connection, row: Any, outcome: Outcome, now_ms: int) -> dict[str, Any]:
        since_ms = now_ms if row.failing_since_ms is None else row.failing_since_ms
        values: dict[str, Any] = {"failures": row.failures + 1, "failing_since_ms": since_ms}
        if outcome.code == GONE or now_ms - since_ms >= WEBHOOK_FAILING_S_MAX * 1000:
            log.warning("webhook-disabled", webhook=row.id, code=outcome.code)
            cause = f"webhook.disabled:{row.id}:{now_ms}"
            self._node.events.note(connection, "webhook.disabled", {"webhook_id": row.id}, {"outcome": outcome.code}, cause)
            return {**values, "state": DISABLED, "disabled_ms": now_ms}
        return {**values, "next_try_ms": now_ms + self._pause_ms(row.failures)}

    def _pause_ms(self, failures: int) -> int:
        longest_ms = 1000 * min(WEBHOOK_RETRY_S_FIRST << min(failures, _DOUBLINGS_MAX), WEBHOOK_RETRY_S_MAX)
        chance = int.from_bytes(self._node.random(4), "big")
        return longest_ms // 2 + (longest_ms // 2) * chance // 2**32


def _message(node: Node, event: Event) -> Message:
    """By the specification an id holds no full stop. The node is part of it, so that one receiver may serve several."""
    content = {"type": event.type, "timestamp": rfc3339(event.time_ms), "data": event.to_json()}
    return Message(f"evt_{node.config.node.id}_{event.cursor}", event.type, orjson.dumps(content))
