"""A socket's two ends: the real server over an application, in a thread with a loop of its own, and the engine's four connections to it."""

from __future__ import annotations

import asyncio
import shutil
import socket
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from ledger.clock import Clock, SettableClock
from ledger.comet import abci_pb2 as abci
from ledger.comet.application import Application
from ledger.comet.frames import Unframer, frame
from ledger.comet.server import Answers, Connection
from ledger.comet.snapshots import Snapshots
from ledger.errors import TallystickError
from ledger.snapshot_files import SnapshotFiles
from ledger.solo import begin_ledger
from ledger.store import LedgerStore
from tests.ledger.comet.ring_rules import RINGBOOK
from tests.ledger.comet.samples import GENESIS

NAMES: Final = ("query", "snapshot", "mempool", "consensus")
ALLOWED: Final = "ab" * 20
_WAIT_S: Final = 60.0
_READ_BYTES: Final = 65_536

Cut = Callable[[bytes], Iterable[bytes]]


def whole(sent: bytes) -> list[bytes]:
    """What is sent in one piece."""
    return [sent]


def request(kind: str, **fields: Any) -> abci.Request:
    asked = abci.Request()
    getattr(asked, kind).SetInParent()
    for name, value in fields.items():
        part = getattr(asked, kind)
        if isinstance(value, list):
            getattr(part, name).extend(value)
        elif hasattr(value, "SerializeToString"):
            getattr(part, name).CopyFrom(value)
        else:
            setattr(part, name, value)
    return asked


class Served:
    """The server over an application. What it tells as a fault is kept in `faults`, and what its loop catches in `lost`."""

    def __init__(self, application: Application, clock: Clock, peer_allowed: Callable[[str], bool] = ALLOWED.__eq__) -> None:
        self.application = application
        self.faults: list[TallystickError] = []
        self.lost: list[BaseException] = []
        self._directory = Path(tempfile.mkdtemp(prefix="tallystick-"))
        self.path = str(self._directory / "abci.sock")
        files = SnapshotFiles(self._directory / "snapshots", 1)
        files.open()
        self._snapshots = Snapshots(application, files, lambda _: None)
        self._answers = Answers(application, clock, peer_allowed, self._snapshots)
        self._connections: list[Connection] = []
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda _, context: self.lost.append(context.get("exception", RuntimeError(context["message"]))))
        listening = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(listening,), name="served", daemon=True)
        self._thread.start()
        assert listening.wait(_WAIT_S)

    def _connection(self) -> Connection:
        self._connections.append(Connection(self._answers, self.faults.append))
        return self._connections[-1]

    def _run(self, listening: threading.Event) -> None:
        loop = self._loop
        server = loop.run_until_complete(loop.create_unix_server(self._connection, self.path))
        listening.set()
        loop.run_forever()
        server.close()
        for connection in self._connections:
            if connection._transport is not None:
                connection._transport.abort()
        loop.run_until_complete(server.wait_closed())
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    def stop(self) -> None:
        """The program ends: nothing is told to the application, which the caller closes or throws away."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_WAIT_S)
        self._snapshots.close()
        shutil.rmtree(self._directory)


class Wire:
    """One connection of an engine. It holds the answers to what was asked: one for each, of its kind, in order, and nothing more."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_WAIT_S)
        self._socket.connect(path)
        self._frames = Unframer()
        self._read: deque[abci.Response] = deque()
        self._asked: deque[str] = deque()

    def close(self) -> None:
        self._socket.close()

    def send(self, *asked: abci.Request, cut: Cut = whole) -> None:
        """Asks without waiting for answers, in pieces as `cut` makes them."""
        self._asked.extend(str(each.WhichOneof("value")) for each in asked)
        self.put(b"".join(frame(each.SerializeToString()) for each in asked), cut)

    def put(self, sent: bytes, cut: Cut = whole) -> None:
        """Any bytes."""
        for piece in cut(sent):
            self._socket.sendall(piece)

    def answers(self) -> list[abci.Response]:
        """Waits for the answers to all that was asked, and holds them to be of its kind."""
        while len(self._read) < len(self._asked):
            data = self._socket.recv(_READ_BYTES)
            assert data, f"the server hung up on {list(self._asked)}"
            self._read.extend(abci.Response.FromString(each) for each in self._frames.feed(data))
        assert [str(each.WhichOneof("value")) for each in self._read] == list(self._asked)
        found = list(self._read)
        self._read.clear()
        self._asked.clear()
        return found

    def _next(self) -> abci.Response:
        """What one thing that was asked is answered with, whatever it is."""
        messages: list[bytes] = []
        while not messages:
            data = self._socket.recv(_READ_BYTES)
            assert data, "the server hung up"
            messages = list(self._frames.feed(data))
        (answer,) = (abci.Response.FromString(each) for each in messages)
        self._asked.clear()
        return answer

    def kind(self) -> str:
        return str(self._next().WhichOneof("value"))

    def exception(self) -> str:
        """The code of what cannot be answered."""
        answer = self._next()
        assert answer.WhichOneof("value") == "exception"
        return answer.exception.error

    def until_hung_up(self) -> bytes:
        """All that the server says until it ends the connection."""
        said = b""
        try:
            while data := self._socket.recv(_READ_BYTES):
                said += data
        except ConnectionError:
            pass
        return said


class Engine:
    """The four connections, opened in the order of CometBFT. It is made when the server has let all of them in."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.start()

    def start(self) -> None:
        self.query, self.snapshot, self.mempool, self.consensus = self.wires = [Wire(self._path) for _ in NAMES]
        for wire in self.wires:
            self.ask(wire, request("echo", message="hello"))

    def ask(self, wire: Wire, asked: abci.Request, cut: Cut = whole) -> Any:
        """One question and its answer, flushed as CometBFT does."""
        wire.send(asked, request("flush"), cut=cut)
        found: Sequence[abci.Response] = wire.answers()
        return getattr(found[-2], str(asked.WhichOneof("value")))

    def kill(self) -> None:
        """As if its process were killed: whatever is on its way stays there."""
        for wire in self.wires:
            wire.close()


def replay(url: str, transcript: Sequence[Sequence[Any]]) -> list[str]:
    """Asks another application, over a database of its own, what `FakeEngine.transcript` holds of one; its answers in hex."""
    store = LedgerStore(url)
    begin_ledger(store, GENESIS, RINGBOOK, None)
    clock = SettableClock(0)
    served: Served | None = None
    engine: Engine | None = None
    found: list[str] = []
    for entry in [*transcript, ["end"]]:
        if len(entry) == 4:
            name, now_ms, asked, _ = entry
            clock.jump(now_ms - clock.now_ms())
            assert engine is not None
            wire: Wire = getattr(engine, name)
            wire.send(abci.Request.FromString(bytes.fromhex(asked)))
            found += [each.SerializeToString().hex() for each in wire.answers()]
            continue
        if engine is not None:
            engine.kill()
            engine = None
        if entry != ["connect"] and served is not None:
            served.stop()
            served.application.close()
        if entry == ["open"]:
            served = Served(Application(store, GENESIS, RINGBOOK, lambda _, __: None), clock)
        elif entry == ["connect"]:
            assert served is not None
            engine = Engine(served.path)
    store.close()
    return found
