"""What every test shares: how deep property tests search, and which tests wait for `make test-deep`.

By default property tests are derandomised, so that a run says the same twice; `TALLYSTICK_DEEP=1` searches further, at random,
and runs the tests marked `deep` too.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

DEEP = os.environ.get("TALLYSTICK_DEEP") == "1"

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("quick", max_examples=50, deadline=None, derandomize=True, database=None, suppress_health_check=_SLOW)
settings.register_profile("deep", max_examples=1000, deadline=None, print_blob=True, suppress_health_check=_SLOW)
settings.load_profile("deep" if DEEP else "quick")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if DEEP:
        return
    deep = [item for item in items if item.get_closest_marker("deep")]
    if deep:
        config.hook.pytest_deselected(items=deep)
        items[:] = [item for item in items if item not in deep]
