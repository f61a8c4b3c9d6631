"""Sandboxes: networks with synthetic data, to try programs on. Its name in the genesis document makes a network one, for good: the
network's id is that document's hash, so that a real network can never become a sandbox, nor a sandbox a real network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

NAME: Final = "tallystick-sandbox"


def is_sandbox(genesis: Mapping[str, Any]) -> bool:
    """Whether nothing on this network is real."""
    return bool(genesis["name"] == NAME)
