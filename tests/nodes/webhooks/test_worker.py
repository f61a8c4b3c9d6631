"""Webhooks as a real receiver gets them: signed, in order, again until taken, and given up after days."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
import standardwebhooks

from ledger.clock import SettableClock
from ledger.errors import InputError, NotFound, Refused
from ledger.limits import WEBHOOK_DELIVERIES_KEPT, WEBHOOKS_MAX
from nodes.events.tables import START, Cursor
from nodes.home_config import WebhooksSection
from nodes.node import Node
from nodes.webhooks.endpoints import Webhook, Webhooks, note_delivery
from nodes.webhooks.sending import Message, Outcome
from nodes.webhooks.tables import deliveries, webhooks
from nodes.webhooks.worker import WebhookWorker
from tests.nodes.small_events import node_at_work, noted
from tests.nodes.webhooks.receiver import Receiver, receiving

DAY_MS = 86_400_000
HOUR_MS = 3_600_000


@pytest.fixture
def clock() -> SettableClock:
    # Receivers compare a message's time with their own.
    return SettableClock(int(time.time() * 1000))


@pytest.fixture
def node(tmp_path: Path, clock: SettableClock) -> Iterator[Node]:
    with node_at_work(tmp_path, clock, webhooks=WebhooksSection(allow_private=True, allow_http=True)) as node:
        yield node


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def registered(node: Node, receiver: Receiver, *types: str) -> Webhook:
    return Webhooks(node).register("root", receiver.url(), types)


def message_ids(events: list[str]) -> list[str]:
    return [f"evt_authority_{event}" for event in events]


def verified(node: Node, webhook: Webhook, receiver: Receiver) -> list[object]:
    """What was received, once the library of the specification verified all of it."""
    library = standardwebhooks.Webhook(Webhooks(node).secret(webhook.id))
    return [library.verify(each.body, each.headers) for each in receiver.received]


def test_events_come_in_order_signed_after_the_specification(node: Node, receiver: Receiver) -> None:
    noted(node, 1)
    webhook = registered(node, receiver)
    made = noted(node, 2, 3, 4)
    assert WebhookWorker(node).run_once() == 3
    assert receiver.ids == message_ids(made), "what was before its registration is not sent"
    bodies = verified(node, webhook, receiver)
    assert [each.event["type"] for each in receiver.received] == ["task.waiting"] * 3
    assert [each["data"]["id"] for each in bodies] == made  # type: ignore[index]  # the library types no payload
    assert all("." not in each for each in receiver.ids)
    assert WebhookWorker(node).run_once() == 0
    receiver.received[0].body += b" "
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        verified(node, webhook, receiver)


def test_a_webhook_gets_the_types_that_it_names(node: Node, receiver: Receiver) -> None:
    registered(node, receiver, "webhook.disabled")
    noted(node, 1)
    noted(node, 2, kind="webhook.disabled", name="webhook_id")
    assert WebhookWorker(node).run_once() == 1
    assert receiver.received[0].event["type"] == "webhook.disabled"


def test_what_is_not_taken_comes_again_later_and_later_under_the_same_id_and_nothing_overtakes_it(
    node: Node, receiver: Receiver, clock: SettableClock
) -> None:
    webhook, worker = registered(node, receiver), WebhookWorker(node)
    first, second = message_ids(noted(node, 1, 2))
    receiver.statuses = [500, 503]
    pauses = []
    for failures in (1, 2):
        assert worker.run_once() == 0
        standing = Webhooks(node).get(webhook.id)
        assert (standing.failures, standing.state) == (failures, "active")
        pauses.append(standing.next_try_ms - clock.now_ms())
        assert worker.run_once() == 0, "it waits"
        clock.advance(pauses[-1])
    assert 2_500 <= pauses[0] < 5_000 <= pauses[1] < 10_000
    assert worker.run_once() == 2
    assert receiver.ids == [first, first, first, second]
    assert Webhooks(node).get(webhook.id).failures == 0
    outcomes = [(each.outcome, each.status) for each in Webhooks(node).deliveries(webhook.id, None, 10)]
    assert outcomes == [("delivered", 204), ("delivered", 204), ("refused", 503), ("refused", 500)]


def test_the_pause_grows_to_an_hour_and_chance_spreads_it(node: Node, receiver: Receiver, clock: SettableClock) -> None:
    webhook, worker = registered(node, receiver), WebhookWorker(node)
    noted(node, 1)
    receiver.statuses = [500] * 14
    pauses = set()
    for _ in range(14):
        worker.run_once()
        pause_ms = Webhooks(node).get(webhook.id).next_try_ms - clock.now_ms()
        assert pause_ms < HOUR_MS
        pauses.add(pause_ms)
        clock.advance(pause_ms)
    assert max(pauses) >= HOUR_MS // 2 and len(pauses) == 14
    assert worker.run_once() == 1


def test_one_that_fails_for_days_is_given_up_which_is_an_event_and_can_be_taken_up_again(
    node: Node, receiver: Receiver, clock: SettableClock
) -> None:
    webhook, worker = registered(node, receiver, "task.waiting"), WebhookWorker(node)
    (event,) = noted(node, 1)
    receiver.statuses = [500] * 3
    for day in range(4):
        assert worker.run_once() == 0
        assert len(receiver.received) == min(day + 1, 3) or day == 3
        receiver.statuses.append(500)
        clock.advance(DAY_MS)
    standing = Webhooks(node).get(webhook.id)
    assert (standing.state, standing.failures) == ("disabled", 4)
    (given_up,) = node.events.page(START, ["webhook.disabled"], 10)
    assert (given_up.subjects, given_up.body) == ({"webhook_id": webhook.id}, {"outcome": "refused"})
    clock.advance(DAY_MS)
    assert worker.run_once() == 0 and len(receiver.received) == 4
    receiver.statuses = []
    again = Webhooks(node).replay(webhook.id, None)
    assert (again.state, again.failures, again.disabled_ms) == ("active", 0, None)
    assert worker.run_once() == 1
    assert receiver.ids == message_ids([event]) * 5


def test_a_receiver_that_says_that_it_is_gone_is_believed(node: Node, receiver: Receiver) -> None:
    webhook = registered(node, receiver)
    noted(node, 1)
    receiver.statuses = [410]
    assert WebhookWorker(node).run_once() == 0
    assert Webhooks(node).get(webhook.id).state == "disabled"


def test_a_replay_sends_the_same_messages_again(node: Node, receiver: Receiver) -> None:
    webhook, worker = registered(node, receiver), WebhookWorker(node)
    made = noted(node, 1, 2, 3)
    assert worker.run_once() == 3
    Webhooks(node).replay(webhook.id, Cursor.parse(made[0]))
    assert worker.run_once() == 2
    assert receiver.ids == message_ids([*made, *made[1:]])
    assert receiver.received[1].body == receiver.received[3].body


def test_a_node_that_is_opened_again_goes_on_where_it_stopped(tmp_path: Path, clock: SettableClock, receiver: Receiver) -> None:
    section = WebhooksSection(allow_private=True, allow_http=True)
    with node_at_work(tmp_path / "net", clock, webhooks=section) as node:
        registered(node, receiver)
        made = noted(node, 1, 2)
        receiver.statuses = [204, 500]
        WebhookWorker(node).run_once()
        home = node.home.path
    clock.advance(HOUR_MS)
    with Node.open(home, clock) as node:
        assert WebhookWorker(node).run_once() == 1
    assert receiver.ids == message_ids([made[0], made[1], made[1]])


def test_a_slow_receiver_keeps_no_other_waiting(node: Node, receiver: Receiver) -> None:
    with receiving() as slow:
        slow.gate.clear()
        registered(node, slow)
        registered(node, receiver)
        noted(node, 1)
        worker = WebhookWorker(node)
        worker.start()
        while not receiver.received:
            time.sleep(0.01)
        assert len(slow.received) <= 1
        slow.gate.set()
        worker.stop()
        assert len(slow.received) == 1


def test_a_secret_is_encrypted_at_rest_and_rotated_with_a_day_of_both(node: Node, receiver: Receiver, clock: SettableClock) -> None:
    webhook, worker = registered(node, receiver), WebhookWorker(node)
    old = Webhooks(node).secret(webhook.id)
    with node.private.reading() as connection:
        row = connection.execute(sa.select(webhooks)).one()
    assert base64.b64decode(old.removeprefix("whsec_")).hex() not in row.secret
    assert old not in str(row)
    Webhooks(node).rotate(webhook.id)
    new = Webhooks(node).secret(webhook.id)
    assert new != old
    noted(node, 1)
    worker.run_once()
    for secret in (old, new):
        standardwebhooks.Webhook(secret).verify(receiver.received[0].body, receiver.received[0].headers)
    clock.advance(DAY_MS)
    noted(node, 2)
    worker.run_once()
    assert len(receiver.received[1].headers["webhook-signature"].split()) == 1


def test_a_secret_of_another_webhook_or_home_signs_nothing(node: Node, receiver: Receiver) -> None:
    one, other = registered(node, receiver), registered(node, receiver)
    with node.private.begin() as connection:
        secret = connection.execute(sa.select(webhooks.c.secret).where(webhooks.c.id == one.id)).scalar_one()
        connection.execute(sa.update(webhooks).where(webhooks.c.id == other.id).values(secret=secret))
    noted(node, 1)
    assert WebhookWorker(node).run_once() == 1
    assert [each.outcome for each in Webhooks(node).deliveries(other.id, None, 10)] == ["webhook-secret-damaged"]


def test_a_ping_is_sent_at_once_and_moves_nothing(node: Node, receiver: Receiver) -> None:
    webhook = registered(node, receiver)
    noted(node, 1)
    assert Webhooks(node).test(webhook.id).outcome == "delivered"
    receiver.statuses = [500]
    assert Webhooks(node).test(webhook.id).outcome == "refused"
    verified(node, webhook, receiver)
    assert [each.event["type"] for each in receiver.received] == ["ping", "ping"]
    standing = Webhooks(node).get(webhook.id)
    assert (standing.failures, standing.cursor) == (0, webhook.cursor)


def test_a_webhook_that_is_deleted_or_replayed_while_a_message_is_on_its_way_stays_so(node: Node, receiver: Receiver) -> None:
    webhook = registered(node, receiver)
    noted(node, 1)
    receiver.gate.clear()
    worker = WebhookWorker(node)
    worker.start()
    while not receiver.received:
        time.sleep(0.01)
    Webhooks(node).delete(webhook.id)
    receiver.gate.set()
    worker.stop()
    with pytest.raises(NotFound, match="unknown-webhook"):
        Webhooks(node).get(webhook.id)
    with node.private.reading() as connection:
        assert connection.execute(sa.select(deliveries)).first() is None


def test_a_node_has_a_bounded_number_of_webhooks_and_of_attempts(node: Node, receiver: Receiver) -> None:
    made = [registered(node, receiver) for _ in range(WEBHOOKS_MAX)]
    assert [each.id for each in Webhooks(node).list()].sort() == [each.id for each in made].sort()
    with pytest.raises(Refused, match="too-many-webhooks"):
        registered(node, receiver)
    with pytest.raises(InputError, match="unknown-event-type"):
        registered(node, receiver, "financing.invented")
    with node.private.begin() as connection:
        for number in range(WEBHOOK_DELIVERIES_KEPT + 3):
            note_delivery(connection, made[0].id, Message(f"m{number}", "ping", b""), Outcome("delivered", 200), 0)
        kept = connection.execute(sa.select(sa.func.count(), sa.func.min(deliveries.c.number)).select_from(deliveries)).one()
    assert tuple(kept) == (WEBHOOK_DELIVERIES_KEPT, 4)


def test_plain_http_is_not_used_once_the_configuration_forbids_it(tmp_path: Path, clock: SettableClock, receiver: Receiver) -> None:
    with node_at_work(tmp_path, clock, webhooks=WebhooksSection(allow_private=True, allow_http=True)) as node:
        registered(node, receiver)
        home = node.home
    home.write_config(home.read_config().model_copy(update={"webhooks": WebhooksSection(allow_private=True)}))
    with Node.open(home.path, clock) as node:
        noted(node, 1)
        assert WebhookWorker(node).run_once() == 0
        assert receiver.received == []
        with pytest.raises(InputError, match="webhook-url"):
            registered(node, receiver)
