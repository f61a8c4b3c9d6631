"""Python's collector of reference cycles, for a process that executes records."""

from __future__ import annotations

import gc
from typing import Final

# Of containers made and not yet freed, between two collections: some of a block's, instead of some of each record's.
_OBJECTS: Final = 20_000


def collect_seldom() -> None:
    """Has the collector look for cycles less often, for the whole process: its entry point calls this.

    Records, bodies and entries are many small containers without cycles, freed as soon as nobody names them. By default the collector
    would look through those of each record again and again, which takes a tenth of an audit's time, and find nothing.
    """
    gc.set_threshold(_OBJECTS)
