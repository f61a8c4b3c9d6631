"""ISO 20022 messages of invoice financing: docs/iso20022.md says what becomes of each."""

from __future__ import annotations

from dataclasses import dataclass

from api.client.calls import Call, Reply, as_bytes, get, sent
from api.client.operations import Mode, Resource, operation


@dataclass(frozen=True, slots=True)
class MessageStatus:
    """What a message was answered with: a tsin.002 document, and the id to ask for it again."""

    id: str
    document: bytes


class Iso20022(Resource[Mode]):
    """`client.iso20022`, at a bank. A message is done once, however often it is sent."""

    @operation
    def send(self, message: bytes, *, idempotency_key: str | None = None) -> Call[MessageStatus]:
        """Hands a tsin.001 or a tsin.003 in. Raises `InvalidRequest`, whose `errors` name the place, for one that does not fit."""
        return sent("POST", "/v1/iso20022/messages", _status, message, "application/xml", key=idempotency_key)

    @operation
    def status(self, message_id: str) -> Call[bytes]:
        """The tsin.002 as things stand now."""
        return get(f"/v1/iso20022/messages/{message_id}", as_bytes)


def _status(reply: Reply) -> MessageStatus:
    return MessageStatus(reply.headers.get("location", "").rpartition("/")[2], reply.content)
