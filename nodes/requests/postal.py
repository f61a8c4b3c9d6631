"""Which post a node has: a bank's takes requests, an exporter's, or that of its custodian, takes answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nodes.requests.bank import ReceivedRequests
from nodes.requests.exporter import SentRequests
from nodes.requests.post import Post

if TYPE_CHECKING:
    from nodes.node import Node


def post_of(node: Node) -> Post | None:
    """None for a node that neither sends nor receives requests."""
    role = node.config.node.role
    if role == "bank":
        return ReceivedRequests(node).post
    return SentRequests(node).post if role in ("authority", "enterprise") else None
