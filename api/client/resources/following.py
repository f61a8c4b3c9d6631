"""Events, as a feed and as a stream, and the webhooks that they are handed to."""

from __future__ import annotations

from collections.abc import Sequence

from api.client.calls import Call, Page, as_json, get, paged, post, sent
from api.client.conversation import Series
from api.client.models import Delivery, Event, Webhook, reading, valuing, without_none
from api.client.operations import Mode, Resource, listing, operation, series
from api.client.streaming import stream


class Events(Resource[Mode]):
    """`client.events`: keep the `id` of the last event that was dealt with, and go on after it."""

    @listing
    def list(self, after: str | None = None) -> Call[Page[Event]]:
        """What is known now, in an order that never changes, from the first or after an id."""
        return get("/v1/events", paged(valuing(Event)), {"after": after})

    @operation
    def wait(self, after: str | None = None, wait_s: float | None = None) -> Call[tuple[Event, ...]]:
        """The next events after an id, waiting for the first where there is none yet; empty when the time is over."""
        read = paged(valuing(Event))
        call: Call[tuple[Event, ...]] = get("/v1/events", lambda reply: read(reply).items, {"after": after})
        return Call(call.request, call.read, wait_s=wait_s, waits=True)

    @series
    def stream(self, after: str | None = None) -> Series[Event]:
        """Events as they come, without end, after an id or from now on. Where the connection or the token ends, it goes on by itself after
        the last one, and none is left out.
        """
        return stream(self.driver.session, after)


class Webhooks(Resource[Mode]):
    """`client.webhooks`: for the node's administrators."""

    @operation
    def register(
        self, url: str, types: Sequence[str] = (), description: str | None = None, *, idempotency_key: str | None = None
    ) -> Call[Webhook]:
        """From now on events are posted to `url`, of all types by default."""
        body = {"url": url, "types": list(types), **without_none(description=description)}
        return post("/v1/webhooks", reading(Webhook), body, key=idempotency_key)

    @listing
    def list(self) -> Call[Page[Webhook]]:
        """All of them."""
        return get("/v1/webhooks", paged(valuing(Webhook)))

    @operation
    def get(self, webhook_id: str) -> Call[Webhook]:
        """Where it stands."""
        return get(f"/v1/webhooks/{webhook_id}", reading(Webhook))

    @operation
    def secret(self, webhook_id: str) -> Call[str]:
        """What `standardwebhooks.Webhook` verifies signatures with."""
        return get(f"/v1/webhooks/{webhook_id}/secret", lambda reply: str(reply.json()["secret"]))

    @operation
    def rotate_secret(self, webhook_id: str, *, idempotency_key: str | None = None) -> Call[Webhook]:
        """Another secret; for a day, messages carry both signatures."""
        return post(f"/v1/webhooks/{webhook_id}/rotate-secret", reading(Webhook), key=idempotency_key)

    @operation
    def test(self, webhook_id: str, *, idempotency_key: str | None = None) -> Call[Delivery]:
        """Sends a `ping` now, and says what became of it."""
        return post(f"/v1/webhooks/{webhook_id}/test", reading(Delivery), key=idempotency_key)

    @operation
    def replay(self, webhook_id: str, after: str | None = None, *, idempotency_key: str | None = None) -> Call[Webhook]:
        """Goes on after an event, or where it stopped."""
        return post(f"/v1/webhooks/{webhook_id}/replay", reading(Webhook), without_none(after=after), key=idempotency_key)

    @listing
    def deliveries(self, webhook_id: str) -> Call[Page[Delivery]]:
        """Attempts, the newest first."""
        return get(f"/v1/webhooks/{webhook_id}/deliveries", paged(valuing(Delivery)))

    @operation
    def delete(self, webhook_id: str) -> Call[None]:
        """Ends it."""
        return sent("DELETE", f"/v1/webhooks/{webhook_id}", as_json, b"", "application/json")
