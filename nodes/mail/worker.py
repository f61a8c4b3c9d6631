"""E-mail of what waits for people: a few lines with ids, never a name, a number or an amount, since mail goes through strangers' hands.

Each group of recipients has a durable place in the feed, and begins at its end when it is first configured. Before a message is sent,
what it will say is written down; so after a crash, or an answer that was lost, the very same message goes out again under the same
`Message-ID`, by which mail systems know a copy. While the server is down nothing is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ledger import canonical
from ledger.background import Background
from ledger.limits import MAIL_EVENTS_MAX
from nodes.events.tables import Cursor, Event
from nodes.home_config import MailSection
from nodes.mail.sending import Mailer
from nodes.private import get_meta, set_meta

if TYPE_CHECKING:
    from nodes.node import Node

_EVERY_S: Final = 60.0
# What comes in so short a time goes into one message.
_PAUSE_S: Final = 5.0
_RETRY_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Group:
    """Whom the configuration names under `name`, what they hear of, and the path by which the API shows it."""

    name: str
    event: str
    subject: str
    said: str
    path: str
    id_name: str


GROUPS: Final = (
    Group("checkers", "task.waiting", "tasks wait", "These tasks wait for a second signature:", "/v1/tasks", "task_id"),
    Group("staff", "alert.raised", "alerts", "These alerts were raised:", "/v1/alerts", "alert_id"),
    Group(
        "admins", "webhook.disabled", "webhooks given up", "These webhooks failed for long and were given up:", "/v1/webhooks", "webhook_id"
    ),
)


@dataclass(frozen=True, slots=True)
class _Standing:
    """Sent up to `after`; a message about what is between that and `until` may be on its way."""

    after: Cursor
    until: Cursor | None

    def to_text(self) -> str:
        value = {"after": str(self.after), "until": None if self.until is None else str(self.until)}
        return canonical.encode(value).decode("ascii")


class MailWorker(Background):
    """Of a node whose configuration has `[mail]`."""

    def __init__(self, node: Node, section: MailSection) -> None:
        super().__init__("mail", "mail-waits", _EVERY_S, pause_s=_PAUSE_S, retry_s=_RETRY_S)
        self._node, self._section = node, section
        self._mailer = Mailer(section, node.home.path)
        node.events.subscribe(self.wake)

    def run_once(self) -> int:
        """Everything there is to say now: how many messages went out. Raises as `Mailer.send`; what was not sent stays."""
        return sum(self._run_group(group, to) for group in GROUPS if (to := getattr(self._section, group.name)))

    def _run_group(self, group: Group, to: Sequence[str]) -> int:
        sent = 0
        while page := self._page(group, standing := self._standing(group)):
            until = page[-1].cursor
            self._keep(group, _Standing(standing.after, until))
            message_id = f"<{group.name}.{page[0].cursor}.{until}@{self._node.config.node.id}.tallystick>"
            self._mailer.send(message_id, to, f"Tallystick: {group.subject}", self._text(group, page), self._node.clock.now_ms())
            self._keep(group, _Standing(until, None))
            sent += 1
        return sent

    def _page(self, group: Group, standing: _Standing) -> list[Event]:
        page = self._node.events.page(standing.after, [group.event], MAIL_EVENTS_MAX)
        # Of a message that is on its way, what it said; where all of that is gone, there is nothing to say again.
        return [event for event in page if standing.until is None or event.cursor <= standing.until] or page

    def _text(self, group: Group, page: Sequence[Event]) -> str:
        link = (self._section.link or "").rstrip("/")
        return "\n".join([group.said, "", *(f"{link}{group.path}/{event.subjects[group.id_name]}" for event in page), ""])

    def _standing(self, group: Group) -> _Standing:
        with self._node.private.reading() as connection:
            text = get_meta(connection, _key(group))
        if text is None:
            standing = _Standing(self._node.events.newest(), None)
            self._keep(group, standing)
            return standing
        return _standing_of(text)

    def _keep(self, group: Group, standing: _Standing) -> None:
        with self._node.private.begin() as connection:
            set_meta(connection, _key(group), standing.to_text())


def waiting(node: Node, section: MailSection) -> int:
    """How many events are to be told of by mail yet."""
    with node.private.reading() as connection:
        found = [(group, get_meta(connection, _key(group))) for group in GROUPS if getattr(section, group.name)]
    # A group that has no place yet begins at the end of the feed.
    return sum(node.events.count(_standing_of(text).after, [group.event]) for group, text in found if text is not None)


def _standing_of(text: str) -> _Standing:
    value: Mapping[str, Any] = canonical.decode(text.encode("ascii"))
    return _Standing(Cursor.parse(value["after"]), None if value["until"] is None else Cursor.parse(value["until"]))


def _key(group: Group) -> str:
    return f"mail.{group.name}"
