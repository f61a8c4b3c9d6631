"""One target under libFuzzer, by atheris: `python -m tests.fuzz.fuzzer TARGET TOLD -- ARGUMENTS OF LIBFUZZER`.

libFuzzer ends the process where an input fails, takes too long or too much memory. So what was counted is written to the file TOLD as it
goes. `tests.fuzz.running` starts this and reads both.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path

import atheris

# Only what is imported here is measured, and instrumenting takes its time.
with atheris.instrument_imports(include=["ledger", "contracts", "nodes", "api"], enable_loader_override=False):
    from tests.fuzz.broken import BROKEN
    from tests.fuzz.changes import changed
    from tests.fuzz.targets import TARGETS

_TELL_EVERY = 200


def main(name: str, told: Path, arguments: list[str]) -> None:
    target = {**TARGETS, **BROKEN}[name]
    read = target.make()
    counted: Counter[str] = Counter()

    def tried(data: bytes) -> None:
        counted["tried"] += 1
        if len(data) <= target.bytes_max:
            counted[f"code {read(data)}"] += 1
        if counted["tried"] % _TELL_EVERY == 0:
            beside = told.with_suffix(".new")
            beside.write_text(json.dumps(counted), encoding="utf-8")
            os.replace(beside, told)

    def mutated(data: bytes, size_max: int, seed: int) -> bytes:
        return changed(target.shape, data, seed, lambda part: atheris.Mutate(part, max(len(part) + 16, 32)))[:size_max]

    options = {} if target.shape == "bytes" else {"custom_mutator": mutated}
    atheris.Setup([sys.argv[0], *arguments], tried, **options)
    atheris.Fuzz()


if __name__ == "__main__":
    cut = sys.argv.index("--")
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[cut + 1 :])
