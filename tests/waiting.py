"""Waiting for what comes by itself."""

from __future__ import annotations

import time
from collections.abc import Callable

_LOOK_S = 0.05


def wait_until(true: Callable[[], bool], seconds: float) -> None:
    """Returns as soon as it is so; fails where it is not in time."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "what was waited for did not come"
        time.sleep(_LOOK_S)
