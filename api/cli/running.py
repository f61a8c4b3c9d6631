"""A node at work in this process: engine, reader, workers and API, begun and ended in the right order.

`serve` runs one; the demo runs one for each member. The listening socket is made by the caller, so that a port that was found free
stays so.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Final, Self

import uvicorn

from api.app import context, create_app
from api.metrics import Exporter
from api.tls import server_options
from ledger.background import Background
from ledger.errors import Unreachable
from nodes.countersigning import Awaiting
from nodes.enquiries.worker import EnquiryWorker
from nodes.mail.worker import MailWorker
from nodes.monitoring.sweep import Sweeper
from nodes.node import Node
from nodes.requests.post import PostWorker
from nodes.requests.postal import post_of
from nodes.webhooks.worker import WebhookWorker
from nodes.witnessing.workers import GossipWorker, WitnessWorker

WORKERS: Final = 2
GRACE_S: Final = 5
_BEGIN_S: Final = 30


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises `Unreachable` (`address-in-use`)."""
    try:
        listener = socket.create_server((host, port), backlog=256)
        # Connections take this over. Without it every answer waits some 40 ms for an acknowledgement, since it is sent in two pieces.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        hint = "stop the program that uses it, or name another with --port"
        raise Unreachable("address-in-use", f"nothing can listen on {host}:{port}: {os.strerror(error.errno or 0)}", hint=hint) from error
    return listener


class RunningNode:
    """An open node with its workers and its API. A context: inside it, requests are answered."""

    def __init__(self, node: Node, listener: socket.socket) -> None:
        self.node = node
        self._listener = listener
        self._workers: list[Background] = []
        self._begun = threading.Event()
        self._thread: threading.Thread | None = None
        self._exporter: Exporter | None = None

    @property
    def url(self) -> str:
        """Where the API answers."""
        host, port = self._listener.getsockname()[:2]
        return f"{'http' if self.node.config.api.tls is None else 'https'}://{host}:{port}"

    def start(self) -> None:
        """Raises as `Node.start` and `server_options`; the node is closed then."""
        try:
            tls = server_options(self.node.config, self.node.home.path)
            self.node.start()
        except BaseException:
            self.node.close()
            self._listener.close()
            raise
        self._app = create_app(self.node)
        manner: dict[str, Any] = {"log_config": None, "access_log": False, "ws": "none", "lifespan": "off", "server_header": False, **tls}
        config = uvicorn.Config(self._app, timeout_graceful_shutdown=GRACE_S, **manner)
        self._server = _Server(config, self._begun)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]}, name="api", daemon=True)
        self._thread.start()
        if self.node.config.node.role == "authority":
            self._workers = [*(EnquiryWorker(self.node, f"worker-{number + 1}") for number in range(WORKERS)), Sweeper(self.node)]
        post = post_of(self.node)
        if post is not None:
            self._workers.append(PostWorker(post))
        if self.node.config.node.role == "bank":
            self._workers.append(Awaiting(self.node))
        if self.node.genesis["engine"]["kind"] == "solo":
            # Where one operator signs, others watch it.
            self._workers += [WitnessWorker(self.node), GossipWorker(self.node)]
        self._workers.append(WebhookWorker(self.node))
        if self.node.config.mail is not None:
            self._workers.append(MailWorker(self.node, self.node.config.mail))
        for worker in self._workers:
            worker.start()
        context(self._app).workers.extend(self._workers)
        try:
            self._export()
        except Unreachable:
            self.stop()
            raise
        if not self._begun.wait(_BEGIN_S):
            self.stop()
            raise Unreachable("api-not-begun", "the API did not begin to answer", hint="see the node's log")

    def _export(self) -> None:
        if self.node.config.metrics is not None:
            self._exporter = context(self._app).metrics.serve(self.node.config.metrics.port)

    def stop(self) -> None:
        """Lets long polls go, answers what is under way, and closes the home. Once more, it does nothing."""
        if self._thread is None:
            return
        context(self._app).let_go()
        self._server.should_exit = True
        for worker in self._workers:
            worker.stop()
        if self._exporter is not None:
            self._exporter.close()
        self._thread.join()
        context(self._app).close()
        self._thread = None
        self._listener.close()
        self.node.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def stop_followers(running: Iterable[RunningNode]) -> None:
    """Stops all that order no blocks, side by side: each may have to wait a second for the answer to its last question."""
    followers = [each for each in running if each.node.config.engine.kind != "solo"]
    with ThreadPoolExecutor(max(1, len(followers))) as pool:
        for stopped in [pool.submit(each.stop) for each in followers]:
            stopped.result()


class _Server(uvicorn.Server):
    """uvicorn, saying when it answers."""

    def __init__(self, config: uvicorn.Config, begun: threading.Event) -> None:
        super().__init__(config)
        self._said = begun

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._said.set()
