"""A node's post: letters on their way out, kept until the relay has them, and letters fetched, each applied once.

A letter is stored in the transaction that says what it says, so there is never one without the other, whatever crashes. The cursor into
the relay's box moves in the transaction that applies a letter, and a letter's sender and id are remembered: fetched again, it does nothing.
One that cannot be taken is noted, and stops nobody.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import DataError, IntegrityError

from ledger import canonical
from ledger.background import Background
from ledger.errors import InputError, Refused, TallystickError
from ledger.limits import LETTERS_WAITING_MAX
from nodes.private import get_meta, metadata, set_meta
from nodes.requests.letters import ENTERPRISE, Delivered, Envelope, Letter, open_letter, seal_letter
from nodes.requests.mailbox import TOO_MANY, Relay, counted_together
from nodes.sealing import Recipient

if TYPE_CHECKING:
    from nodes.node import Node

Apply = Callable[[sa.Connection, Letter], None]
_CURSOR: Final = "letters.place"
_IDLE_S: Final = 2.0
# A refusal that says nothing about the letter: it is posted again.
_IN_FLIGHT: Final = "idempotency-in-flight"

log = structlog.get_logger(__name__)

letters_out = sa.Table(
    "letters_out",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("sender", sa.Text, nullable=False),
    sa.Column("envelope", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("code", sa.Text),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.CheckConstraint("state IN ('pending', 'sent', 'refused')", name="ck_letters_out_state"),
    comment="letters that this node wrote, in the order of `number`; the relay has those that were sent, and their text is dropped here",
)
letters_in = sa.Table(
    "letters_in",
    metadata,
    sa.Column("sender", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("code", sa.Text),
    sa.Column("received_ms", sa.BigInteger, nullable=False),
    comment="letters that this node was handed; `code` says why one could not be taken",
)


class Post:
    """One node's. `apply` are what to do with each kind of letter, in the transaction that remembers it; `before` what has to be done
    ahead of that, and may be done twice.
    """

    def __init__(self, node: Node, relay: Relay | None, apply: Mapping[str, Apply], before: Mapping[str, Callable[[Letter], None]]) -> None:
        self._node, self._relay, self._apply, self._before = node, relay, apply, before
        self._turn = threading.Lock()

    def write(self, connection: sa.Connection, sender: str, to: str, recipient: Recipient, kind: str, body: dict[str, Any]) -> str:
        """Stores a letter in the caller's transaction: its id. Raises `InputError` (`letter-too-large`), `Refused` (`too-many-letters`)."""
        _check_waiting(connection, sender)
        letter_id = self._node.random(32).hex()
        envelope = seal_letter(self._node, letter_id, sender, to, recipient, kind, body)
        text = canonical.encode(envelope.model_dump()).decode("ascii")
        number = connection.execute(sa.select(sa.func.coalesce(sa.func.max(letters_out.c.number), 0))).scalar_one() + 1
        row = {"id": letter_id, "sender": sender, "envelope": text, "state": "pending", "number": number}
        connection.execute(sa.insert(letters_out).values(**row))
        return letter_id

    def run_once(self) -> int:
        """Takes what there is and posts what is to be posted, answers to it too: how many letters moved. Raises `Unreachable`."""
        with self._turn:
            return self._take() + self._send()

    def hurry(self) -> None:
        """Posts now what can be posted; what cannot stays for the worker."""
        try:
            with self._turn:
                self._send()
        except TallystickError as error:
            log.info("letters-wait", code=error.code)

    def _send(self) -> int:
        if self._relay is None:
            return 0
        ids = sa.select(letters_out.c.id, letters_out.c.sender).where(letters_out.c.state == "pending").order_by(letters_out.c.number)
        with self._node.private.reading() as connection:
            pending = connection.execute(ids).fetchall()
        # Who may post no more today waits alone: the others' letters go on.
        full: set[str] = set()
        moved = 0
        for waiting in pending:
            if waiting.sender in full:
                continue
            # Another thread or process may have posted it meanwhile, and dropped its text.
            mine = sa.and_(letters_out.c.id == waiting.id, letters_out.c.state == "pending")
            with self._node.private.reading() as connection:
                row = connection.execute(sa.select(letters_out).where(mine)).first()
            envelope = None if row is None else Envelope.model_validate(canonical.decode(row.envelope.encode("ascii")))
            if envelope is not None and counted_together(waiting.sender, envelope.to) not in full:
                moved += self._post(waiting.sender, envelope, mine, full)
        return moved

    def _post(self, sender: str, envelope: Envelope, mine: sa.ColumnElement[bool], full: set[str]) -> int:
        assert self._relay is not None, "letters are posted to a relay"
        state, code = "sent", None
        try:
            self._relay.post(sender, envelope)
        except (InputError, Refused) as error:
            if error.code == _IN_FLIGHT:
                raise
            if error.code == TOO_MANY:
                log.warning("letters-wait", code=error.code)
                full.add(counted_together(sender, envelope.to))
                return 0
            log.error("letter-refused", code=error.code)
            state, code = "refused", error.code
        with self._node.private.begin() as connection:
            connection.execute(sa.update(letters_out).where(mine).values(state=state, code=code, envelope=""))
        return 1

    def _take(self) -> int:
        if self._relay is None:
            return 0
        taken = 0
        while True:
            with self._node.private.reading() as connection:
                after = int(get_meta(connection, _CURSOR) or "0")
            found = self._relay.fetch(after)
            for delivered in found:
                self._take_one(delivered)
            taken += len(found)
            if not found:
                return taken

    def _take_one(self, delivered: Delivered) -> None:
        known = sa.select(letters_in.c.id).where(letters_in.c.sender == delivered.sender, letters_in.c.id == delivered.envelope.id)
        with self._node.private.reading() as connection:
            is_new = connection.execute(known).first() is None
        letter, code = self._opened(delivered) if is_new else (None, None)
        with self._node.private.begin() as connection:
            if connection.execute(known).first() is None:
                if letter is not None:
                    code = self._applied(connection, letter)
                row = {"sender": delivered.sender, "id": delivered.envelope.id, "code": code, "received_ms": self._node.clock.now_ms()}
                connection.execute(sa.insert(letters_in).values(**row))
            set_meta(connection, _CURSOR, str(max(delivered.place, int(get_meta(connection, _CURSOR) or "0"))))

    def _opened(self, delivered: Delivered) -> tuple[Letter | None, str | None]:
        """The letter, or why it cannot be taken."""
        try:
            letter = open_letter(self._node, delivered)
            if letter.kind not in self._apply:
                return None, "letter-unknown"
            if letter.kind in self._before:
                self._before[letter.kind](letter)
        except TallystickError as error:
            log.warning("letter-not-taken", sender=delivered.sender.partition(":")[0], code=error.code)
            return None, error.code
        return letter, None

    def _applied(self, connection: sa.Connection, letter: Letter) -> str | None:
        try:
            with connection.begin_nested():
                self._apply[letter.kind](connection, letter)
        except (InputError, Refused) as error:
            log.warning("letter-not-taken", kind=letter.kind, code=error.code)
            return error.code
        except (IntegrityError, DataError):
            # Another node wrote what was sealed: a row that the database will not have is its doing.
            log.warning("letter-not-taken", kind=letter.kind, code="row-refused")
            return "row-refused"
        return None


def _check_waiting(connection: sa.Connection, sender: str) -> None:
    """An exporter whose letters the relay takes no more of today must not fill its custodian's disk with them meanwhile."""
    waiting = sa.select(sa.func.count()).where(letters_out.c.sender == sender, letters_out.c.state == "pending")
    if sender.startswith(ENTERPRISE) and connection.execute(waiting).scalar_one() >= LETTERS_WAITING_MAX:
        raise Refused(TOO_MANY, f"{LETTERS_WAITING_MAX} letters of this exporter wait to be posted", hint="go on tomorrow")


class PostWorker(Background):
    """Runs a post in a thread of its own."""

    def __init__(self, post: Post) -> None:
        super().__init__("post", "letters-wait", _IDLE_S)
        self._post = post

    def run_once(self) -> None:
        self._post.run_once()
