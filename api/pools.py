"""Threads of their own for one kind of work, with the count of what waits for one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class CountedPool(ThreadPoolExecutor):
    """`waiting` is how many calls were handed in and have not begun. Safe to share between threads."""

    def __init__(self, threads: int, name: str) -> None:
        super().__init__(threads, thread_name_prefix=name)
        self._counting = threading.Lock()
        self.waiting = 0

    def submit(self, call: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        """As `ThreadPoolExecutor.submit`."""
        with self._counting:
            self.waiting += 1
        try:
            return super().submit(self._begun, call, *given, **named)
        except BaseException:
            self._leave()
            raise

    def _begun(self, call: Callable[..., Any], *given: Any, **named: Any) -> Any:
        self._leave()
        return call(*given, **named)

    def _leave(self) -> None:
        with self._counting:
            self.waiting -= 1
