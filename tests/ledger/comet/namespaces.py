"""A network of the tests' own: a namespace for each seat, joined by a bridge in one more. Outside of them no address is made."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

import pytest

_NET = "10.77.0"
_WHOLE, _PART = "whole", "part"
_numbers = count()


@dataclass(frozen=True)
class Network:
    names: Sequence[str]
    hub: str

    def host(self, place: int) -> str:
        return f"{_NET}.{place + 1}"

    def cut_off(self, *places: int) -> None:
        """From all others; among themselves they stay connected. What is under way is lost, and no connection is told."""
        for place in range(len(self.names)):
            _ip("-n", self.hub, "link", "set", f"seat{place}", "master", _PART if place in places else _WHOLE)


@contextmanager
def network(size: int) -> Iterator[Network]:
    """Skips the test where namespaces cannot be made; where everything must run (`CI`), that is a failure."""
    number = next(_numbers)
    made = Network([f"tally{os.getpid()}-{number}-{place}" for place in range(size)], f"tally{os.getpid()}-{number}-hub")
    try:
        try:
            _make(made)
        except (OSError, subprocess.CalledProcessError) as error:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(f"network namespaces cannot be made here: {getattr(error, 'stderr', '') or error}")
        yield made
    finally:
        for name in (*made.names, made.hub):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def _make(made: Network) -> None:
    _ip("netns", "add", made.hub)
    for bridge in (_WHOLE, _PART):
        _ip("-n", made.hub, "link", "add", bridge, "type", "bridge")
        _ip("-n", made.hub, "link", "set", bridge, "up")
    for place, name in enumerate(made.names):
        _ip("netns", "add", name)
        _ip("-n", made.hub, "link", "add", f"seat{place}", "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("-n", made.hub, "link", "set", f"seat{place}", "master", _WHOLE, "up")
        _ip("-n", name, "addr", "add", f"{made.host(place)}/24", "dev", "eth0")
        for link in ("eth0", "lo"):
            _ip("-n", name, "link", "set", link, "up")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
