"""Clients of the served network's nodes, by member and user."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from api.client import Client, ClientSecret, Retries
from tests.api.served import Network

SOON = Retries(first_s=0.02, longest_s=0.2, total_s=60)
At = Callable[[str, str], Client]


def secret_of(network: Network, node: str, user: str) -> ClientSecret:
    return ClientSecret(user, network.secrets[node, user])


@pytest.fixture
def at(network: Network) -> Iterator[At]:
    """`at("bank-a", "maker")` is that person's, or program's, client."""
    with ExitStack() as stack:

        def client(node: str, user: str) -> Client:
            return stack.enter_context(Client(network.url(node), secret_of(network, node, user), retries=SOON))

        yield client
