"""The proof files that tests of the verifier share: they read them and change nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ledger.verify.sampled import sample_files
from tests.ledger.verify.small_files import Files, small_files


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Files]:
    with small_files(tmp_path_factory.mktemp("proof")) as found:
        yield found


@pytest.fixture(scope="session")
def sample(files: Files, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return sample_files(files, tmp_path_factory.mktemp("sample"))
