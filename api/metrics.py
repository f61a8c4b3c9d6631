"""What Prometheus is told of a node, on a loopback port of its own (`[metrics]` in the configuration; off where that is absent).

Labels are record types, result codes, route templates, methods, statuses and names of queues: never what a client is called, nor
anything that is sealed. Counters begin with the process.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.pools import CountedPool
from ledger.comet.condition import SYNCING
from ledger.errors import TallystickError, Unreachable
from nodes.engine_views import consensus, lag
from nodes.mail.worker import waiting as waiting_mail
from nodes.private import outbox, tasks
from nodes.reader import broken_parts
from nodes.requests.post import letters_out
from nodes.webhooks.tables import webhooks

if TYPE_CHECKING:
    from nodes.node import Node

HOST: Final = "127.0.0.1"
_DAY_S: Final = 86_400
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The registry of one node's application."""

    def __init__(self, node: Node, sign_ins: CountedPool) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Histogram("tallystick_http_seconds", "Requests by route", labels, buckets=_BUCKETS, registry=self.registry)
        self.sign_in_failures = Counter("tallystick_sign_in_failures", "Refused sign-ins", ("code",), registry=self.registry)
        self.registry.register(_NodeNumbers(node, sign_ins))

    def serve(self, port: int) -> Exporter:
        """Answers Prometheus until it is closed. Raises `Unreachable` (`address-in-use`)."""
        try:
            return Exporter(self.registry, port)
        except OSError as error:
            hint = "name another port under [metrics]"
            raise Unreachable("address-in-use", f"nothing can listen on {HOST}:{port} for the metrics", hint=hint) from error


class Exporter:
    """The little server of the metrics."""

    def __init__(self, registry: CollectorRegistry, port: int) -> None:
        server, thread = start_http_server(port, HOST, registry)
        self._server, self._thread = server, thread

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        thread: Thread = self._thread
        thread.join()


class MeasuredRequests:
    """The outermost layer: how long each request took, by the template of its route."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.monotonic(), 500

        async def send_seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_seen)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if scope["method"] in ("GET", "POST", "PUT", "DELETE") else "other"
            self._metrics.requests.labels(method, route, str(status)).observe(time.monotonic() - begun)


class _NodeNumbers(Collector):
    """Read when Prometheus asks. A database that does not answer then leaves its numbers out, and `/readyz` says why."""

    def __init__(self, node: Node, sign_ins: CountedPool) -> None:
        self._node, self._sign_ins, self._lock = node, sign_ins, Lock()
        self._records: dict[tuple[str, str], int] = {}
        self._counted_to: int | None = None
        self._disk_begun: tuple[float, int] | None = None

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            for numbers in (self._of_ledger, self._of_engine, self._of_private):
                with suppress(TallystickError, SQLAlchemyError):
                    yield from list(numbers())
            yield from self._of_disk()

    def _of_ledger(self) -> Iterator[Metric]:
        with self._node.store.reading() as reader:
            head = reader.head
            before = reader.header(head.height - 1) if head.height else None
            counted_to = head.height if self._counted_to is None else self._counted_to
            for height in range(counted_to + 1, head.height + 1):
                for stored in reader.records_of_block(height):
                    key = (stored.record.type, str(stored.result["code"]))
                    self._records[key] = self._records.get(key, 0) + 1
            self._counted_to = head.height
        yield _gauge("tallystick_block_height", "Height of the newest block here", head.height)
        yield _gauge("tallystick_block_time_seconds", "Time of the newest block here", head.time_ms / 1000)
        age_ms = max(0, self._node.clock.now_ms() - head.time_ms)
        yield _gauge("tallystick_ledger_age_seconds", "How far the newest block here lies back", age_ms / 1000)
        if before is not None:
            yield _gauge("tallystick_block_interval_seconds", "Between the two newest blocks", (head.time_ms - before.time_ms) / 1000)
        counted = CounterMetricFamily("tallystick_records", "Records read since the start", labels=("type", "result"))
        for labels, number in sorted(self._records.items()):
            counted.add_metric(labels, number)
        yield counted

    def _of_engine(self) -> Iterator[Metric]:
        """How far this replica lies behind whom it follows, and how the node stands in a consortium."""
        node, now_ms = self._node, self._node.clock.now_ms()
        with node.store.reading() as reader:
            behind = lag(node.engine, reader.head.time_ms, now_ms)
        if behind is not None and behind.silent_s is not None:
            yield _gauge("tallystick_upstream_silent_seconds", "Since upstream last answered", behind.silent_s)
        if behind is not None and behind.behind_s is not None:
            yield _gauge("tallystick_upstream_lag_seconds", "By which this replica lies behind upstream at most", behind.behind_s)
        seen = consensus(node.engine)
        if seen is not None:
            yield _gauge("tallystick_engine_height", "Height of the engine, blocks that left nothing included", seen.height)
            age_ms = max(0, now_ms - seen.time_ms) if seen.height else 0
            yield _gauge("tallystick_engine_lag_seconds", "How far the engine's newest block lies back", age_ms / 1000)
            yield _gauge("tallystick_engine_syncing", "Whether the engine fetches what others have", SYNCING in seen.faults)
            if seen.peers is not None:
                yield _gauge("tallystick_engine_peers", "Other engines that it is connected to", seen.peers)

    def _of_private(self) -> Iterator[Metric]:
        waiting = {
            "outbox": sa.select(sa.func.count()).select_from(outbox).where(outbox.c.state == "pending"),
            "tasks": sa.select(sa.func.count()).select_from(tasks).where(tasks.c.state == "open"),
            "letters": sa.select(sa.func.count()).select_from(letters_out).where(letters_out.c.state == "pending"),
            "webhooks-failing": sa.select(sa.func.count()).select_from(webhooks).where(webhooks.c.failing_since_ms.is_not(None)),
        }
        with self._node.private.reading() as connection:
            depths = {name: int(connection.execute(query).scalar_one()) for name, query in waiting.items()}
            broken = int(connection.execute(sa.select(sa.func.count()).select_from(broken_parts)).scalar_one())
        depths["sign-ins"] = self._sign_ins.waiting
        if self._node.config.mail is not None:
            depths["mail"] = waiting_mail(self._node, self._node.config.mail)
        family = GaugeMetricFamily("tallystick_queue_depth", "What waits, by queue", labels=("queue",))
        for name, depth in depths.items():
            family.add_metric((name,), depth)
        yield family
        yield _gauge("tallystick_unreadable_parts", "Sealed parts that are for this node and do not hold", broken)

    def _of_disk(self) -> Iterator[Metric]:
        used, free, now_s = _bytes_of(self._node.home.path), shutil.disk_usage(self._node.home.path).free, time.monotonic()
        self._disk_begun = self._disk_begun or (now_s, used)
        begun_s, at_first = self._disk_begun
        grown_a_day = (used - at_first) / max(now_s - begun_s, 1.0) * _DAY_S
        yield _gauge("tallystick_home_bytes", "What the home holds", used)
        yield _gauge("tallystick_disk_free_bytes", "What its disk has left", free)
        yield _gauge("tallystick_home_growth_bytes_per_day", "How fast it grew since the start", grown_a_day)
        if grown_a_day > 0:
            yield _gauge("tallystick_disk_days_left", "Until the disk is full, at that rate", free / grown_a_day)


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, value=value)


def _bytes_of(home: Path) -> int:
    total = 0
    for directory, _, names in os.walk(home):
        for name in names:
            # A file may go between being listed and looked at.
            with suppress(FileNotFoundError):
                total += Path(directory, name).stat().st_size
    return total
