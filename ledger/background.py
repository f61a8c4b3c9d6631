"""What is done in the background: a thread that does one thing again and again, when it is woken and at the latest after so long.

What it cannot do now is said in the log and left for the next time; whatever is not one of the program's own errors ends the thread.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod

import structlog

from ledger.errors import TallystickError

log = structlog.get_logger(__name__)


class Background(ABC):
    """`every_s` is how long it sleeps where nothing wakes it, `pause_s` how long it rests after each time, `retry_s` how long it waits
    besides after an error, of which the log says `event`. `at_once`: whether it begins with a run.
    """

    def __init__(self, name: str, event: str, every_s: float, *, pause_s: float = 0.0, retry_s: float = 0.0, at_once: bool = True) -> None:
        self._name, self._event, self._every_s, self._pause_s, self._retry_s = name, event, every_s, pause_s, retry_s
        self._at_once = at_once
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    @abstractmethod
    def run_once(self) -> int | None:
        """What there is to do now. Raises `TallystickError` where it cannot be done now."""

    def wake(self, _height: int = 0) -> None:
        """There may be something new: for `Engine.subscribe`."""
        self._wake.set()

    def start(self) -> None:
        """Works in a thread of its own."""
        self._stopping.clear()
        if self._at_once:
            self._wake.set()
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends after the run in hand."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    @property
    def alive(self) -> bool:
        """Not begun, ended as it was told, or at work; not where a fault ended it."""
        return self._thread is None or self._thread.is_alive()

    def work(self) -> None:
        """What one waking is for: one run."""
        self.run_once()

    def waits(self, error: TallystickError) -> None:
        """Says why it could not go on."""
        log.warning(self._event, worker=self._name, code=error.code)

    def _run(self) -> None:
        while True:
            self._wake.wait(self._every_s)
            self._wake.clear()
            if self._stopping.is_set():
                return
            try:
                self.work()
            except TallystickError as error:
                self.waits(error)
                self._stopping.wait(self._retry_s)
            if self._stopping.wait(self._pause_s):
                return
