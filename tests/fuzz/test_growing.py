"""Inputs of shapes that parsers choke on are read, or refused, in time that grows as they do."""

from __future__ import annotations

import os
import time
from functools import cache

import pytest

from tests.fuzz.growing import GROWING
from tests.fuzz.target import Reader
from tests.fuzz.targets import TARGETS

DEEP = os.environ.get("TALLYSTICK_DEEP") == "1"
# A shape whose time is the square of its size takes far longer than this; any other takes a small part of it.
SIZE_BYTES, SECONDS_MAX = (1_048_576, 12.0) if DEEP else (98_304, 1.5)


@cache
def reader(name: str) -> Reader:
    return TARGETS[name].make()


@pytest.mark.filterwarnings("ignore::UserWarning:openpyxl")
@pytest.mark.parametrize("name", GROWING)
def test_a_hostile_shape_takes_no_longer_than_its_size(name: str) -> None:
    target, make = GROWING[name]
    read, data = reader(target), make(SIZE_BYTES)
    begun_s = time.process_time()
    read(data)
    assert time.process_time() - begun_s < SECONDS_MAX
