"""Readers of what a consortium's engine sends: frames of its socket, the questions in them, and its answers about blocks."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from ledger import canonical
from ledger.clock import SettableClock
from ledger.comet import abci_pb2 as abci
from ledger.comet.answers import oldest_in
from ledger.comet.application import Application
from ledger.comet.commits import block_of
from ledger.comet.frames import Unframer, frame
from ledger.comet.server import Answers
from ledger.comet.snapshots import Snapshots
from ledger.errors import InputError, TallystickError
from ledger.snapshot_files import SnapshotFiles
from ledger.solo import begin_ledger
from ledger.store import LedgerStore
from tests.fuzz.target import READ, Reader, Target, of_json, outcome
from tests.ledger.comet.ring_rules import RINGBOOK
from tests.ledger.comet.samples import GENESIS
from tests.ledger.comet.wire import ALLOWED
from tests.ledger.small_ledger import START_MS, url_of

_MESSAGES_MAX = 8
# What leaves something behind that the next input would see.
_LASTING = frozenset({"commit", "offer_snapshot", "apply_snapshot_chunk"})


class Seat:
    """A validator's application at the beginning of its ledger, and again at the beginning once an input left something there."""

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="tallystick-fuzz-"))
        atexit.register(shutil.rmtree, self._directory, ignore_errors=True)
        begun = LedgerStore(url_of(self._directory / "begun.db"))
        begin_ledger(begun, GENESIS, RINGBOOK, None)
        begun.close()
        self._sit()

    def ask(self, message: bytes) -> None:
        """Reads, answers and frames one message, as the server does. Raises what it counts as a fault."""
        try:
            request = abci.Request.FromString(message)
        except DecodeError as error:
            raise InputError("bad-frame", "as the server says it") from error
        self._is_spent |= request.WhichOneof("value") in _LASTING
        response = self._answers.answer(request).SerializeToString()
        assert list(Unframer().feed(frame(response))) == [response]

    def rest(self, *, failed: bool) -> None:
        """After an input. A fault is what the server makes of one."""
        if failed:
            self._answers.give_up()
        if self._is_spent:
            self._snapshots.close()
            self._application.close()
            self._store.close()
            for each in self._directory.glob("used.db*"):
                each.unlink()
            self._sit()
        else:
            self._application.forget()
            self._application.recover()

    def _sit(self) -> None:
        used = self._directory / "used.db"
        shutil.copyfile(self._directory / "begun.db", used)
        self._store = LedgerStore(url_of(used))
        self._application = Application(self._store, GENESIS, RINGBOOK, lambda _, __: None)
        files = SnapshotFiles(self._directory / "snapshots", 1)
        files.open()
        self._snapshots = Snapshots(self._application, files, lambda _: None)
        self._answers = Answers(self._application, SettableClock(START_MS + 500), ALLOWED.__eq__, self._snapshots)
        self._is_spent = False


def _abci() -> Reader:
    seat = Seat()

    def read(data: bytes) -> str:
        # However a stream is cut, the same messages come out of it, and then the same fault.
        messages, fault = _unframed([data])
        assert (messages, fault) == _unframed([data[start : start + 7] for start in range(0, len(data), 7)])
        found = []
        for message in messages[:_MESSAGES_MAX]:
            found.append(outcome(partial(seat.ask, message), TallystickError))
            if found[-1] != READ:
                break
        seat.rest(failed=found[-1:] != [READ])
        return next((code for code in found if code != READ), fault or (READ if found else "nothing"))

    return read


def _unframed(pieces: list[bytes]) -> tuple[list[bytes], str | None]:
    messages: list[bytes] = []
    unframer = Unframer()
    try:
        for piece in pieces:
            messages.extend(unframer.feed(piece))
    except InputError as error:
        return messages, error.code
    return messages, None


def _engine_answer() -> Reader:
    def taken(value: Any) -> None:
        if not isinstance(value, dict) or "commit" not in value:
            oldest_in(value)
            return
        validators = value.get("validators")
        block = block_of(value["commit"], validators if isinstance(validators, list) else [])
        assert canonical.decode(canonical.encode(block)) == block

    return of_json(taken)


TARGETS = {
    "abci": Target(_abci, "frames", 65_536),
    "engine-answer": Target(_engine_answer, "json", 65_536),
}
