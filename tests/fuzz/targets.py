"""Every reader of bytes from outside that is fuzzed, by name. `tests/fuzz/corpus/NAME` holds its seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.fuzz import of_calls, of_consortium, of_files, of_ledger
from tests.fuzz.target import Target

TARGETS: Final[Mapping[str, Target]] = {**of_ledger.TARGETS, **of_consortium.TARGETS, **of_files.TARGETS, **of_calls.TARGETS}
