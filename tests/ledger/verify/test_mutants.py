"""No change of one thing in the verifier's source goes unnoticed: some document is judged otherwise, or it is said here why none can be.

All mutants are judged by thousands of documents each: `make test-deep`.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from tests.ledger.verify.corpus import Case, corpus
from tests.ledger.verify.mutants import Mutant, loaded, mutants
from tests.ledger.verify.small_files import Files

SECONDS = 5
Judged = tuple[Case, tuple[Any, ...]]

EXPLAINED: dict[str, str] = {}


class Endless(Exception):  # what a mutant may be
    """A mutant that comes to no end is told from the verifier, too."""


@contextmanager
def ending() -> Iterator[None]:
    """Ends what takes seconds of this process's own time, which no single document does; how busy the machine is does not count."""

    def stop(_: int, __: FrameType | None) -> None:
        raise Endless

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@pytest.fixture(scope="module")
def judged(files: Files, sample: dict[str, bytes]) -> list[Judged]:
    verify = loaded(None)
    return [(case, said(verify(*case))) for case in corpus(files, sample)]


def said(verdict: Any) -> tuple[Any, ...]:
    """All of a verdict, whichever loading of the package it is of."""
    values = vars(verdict)
    return (*(values[name] for name in sorted(values) if name != "parts"), len(verdict.parts))


def notices(verify: Callable[[bytes, bytes], Any], case: Case, expected: tuple[Any, ...]) -> bool:
    try:
        with ending():
            return said(verify(*case)) != expected
    except Exception:  # noqa: BLE001 - whatever a mutant fails with, the verifier would not
        return True


def survives(mutant: Mutant, judged: list[Judged]) -> bool:
    try:
        with ending():
            verify = loaded(mutant)
    except Exception:  # noqa: BLE001 - a source that does not even load
        return False
    return not any(notices(verify, case, expected) for case, expected in judged)


@pytest.mark.deep
@pytest.mark.parametrize("mutant", list(mutants()), ids=lambda mutant: mutant.name)
def test_a_change_of_the_verifier_is_noticed(judged: list[Judged], mutant: Mutant) -> None:
    assert survives(mutant, judged) == (mutant.name in EXPLAINED)


def test_every_explanation_is_of_a_mutant() -> None:
    names = {mutant.name for mutant in mutants()}
    assert [name for name in EXPLAINED if name not in names] == []
