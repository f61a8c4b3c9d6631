"""What every test shares: how deep property tests search, and which tests wait for `make test-deep`.

By default property tests are derandomised, so that a run says the same twice; `TALLYSTICK_DEEP=1` searches further, at random,
and runs the tests marked `deep` too.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

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


@pytest.fixture(scope="session")
def played_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of one demo, played once for all workers. It is shared: read it, or copy it first."""
    base = tmp_path_factory.getbasetemp()
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    home, outcome = root / "demo", root / "demo.outcome"
    with (root / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not outcome.exists():
            command = [str(Path(sys.executable).parent / "tallystick"), "demo", "--home", str(home), "--json"]
            finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
            (root / "demo.json").write_text(finished.stdout, encoding="utf-8")
            outcome.write_text(f"{finished.returncode}\n{finished.stderr}", encoding="utf-8")
    status, _, errors = outcome.read_text(encoding="utf-8").partition("\n")
    assert status == "0", f"the demo failed: {errors}"
    return home
