"""What every test shares: how deep property tests search, and which tests wait for `make test-deep`.

By default property tests are derandomised, so that a run says the same twice; `TALLYSTICK_DEEP=1` searches further, at random,
and runs the tests marked `deep` too.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import cometbft, postgresql
from tests.answers import Answers

DEEP = os.environ.get("TALLYSTICK_DEEP") == "1"

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("quick", max_examples=50, deadline=None, derandomize=True, database=None, suppress_health_check=_SLOW)
settings.register_profile("deep", max_examples=1000, deadline=None, print_blob=True, suppress_health_check=_SLOW)
settings.load_profile("deep" if DEEP else "quick")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """One more than there are cores for `-n auto`: nodes wait for each other now and then. None leaves it to xdist's own variable."""
    return None if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else (os.cpu_count() or 1) + 1


_answers = Answers()
_answers.watch()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    for codes in _answers.seen.values():
        codes.clear()
    yield
    fault = _answers.fault(item)
    if fault is not None:
        pytest.fail(fault, pytrace=False)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if DEEP:
        return
    deep = [item for item in items if item.get_closest_marker("deep")]
    if deep:
        config.hook.pytest_deselected(items=deep)
        items[:] = [item for item in items if item not in deep]


def played_once(tmp_path_factory: pytest.TempPathFactory, name: str, *options: str) -> Path:
    """A demo that is played once for all workers, with what it said beside it in `demo.json`. Nobody opens it: whoever opens a database
    makes and deletes files beside it, under the eyes of the others.
    """
    base = tmp_path_factory.getbasetemp()
    played = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    outcome = played / "outcome"
    with played.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not outcome.exists():
            played.mkdir()
            command = [str(Path(sys.executable).parent / "tallystick"), "demo", "--home", str(played / "demo"), "--json", *options]
            finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
            (played / "demo.json").write_text(finished.stdout, encoding="utf-8")
            outcome.write_text(f"{finished.returncode}\n{finished.stderr}", encoding="utf-8")
    status, _, errors = outcome.read_text(encoding="utf-8").partition("\n")
    assert status == "0", f"the demo failed: {errors}"
    return played / "demo"


@pytest.fixture(scope="session")
def demo_at_rest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo on one operator, as `played_once` gives it."""
    return played_once(tmp_path_factory, "played")


@pytest.fixture(scope="session")
def consortium_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo on four validators, the same way, for this worker to read."""
    cometbft.require()
    at_rest = played_once(tmp_path_factory, "played-by-four", "--engine", "comet")
    own = tmp_path_factory.mktemp("consortium-demo")
    shutil.copy(at_rest.parent / "demo.json", own)
    return Path(shutil.copytree(at_rest, own / "demo"))


@pytest.fixture(scope="session")
def played_demo(demo_at_rest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a demo, with `demo.json` beside it, for the tests of this worker to read."""
    own = tmp_path_factory.mktemp("demo")
    shutil.copy(demo_at_rest.parent / "demo.json", own)
    return Path(shutil.copytree(demo_at_rest, own / "demo"))


@pytest.fixture
def spoilt_demo(demo_at_rest: Path, tmp_path: Path) -> Path:
    """The directory of a demo that this test alone has, and may spoil."""
    return Path(shutil.copytree(demo_at_rest, tmp_path / "demo"))


@pytest.fixture(scope="session")
def postgresql_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The socket's directory of a PostgreSQL server that all workers share."""
    if postgresql.programs() is None and os.environ.get("CI") != "true":
        pytest.skip(postgresql.MISSING)
    base = tmp_path_factory.getbasetemp()
    with postgresql.shared_server(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) as socket:
        yield socket


@pytest.fixture
def postgresql_url(postgresql_socket: str) -> Iterator[str]:
    """The URL of an empty database of the test's own."""
    url = postgresql.new_database(postgresql_socket)
    yield url
    postgresql.drop_database(postgresql_socket, url)
