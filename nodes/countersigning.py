"""The authority's signature beside those of two people of a bank: what could lend money twice needs it.

The bank's node hands the record in, complete but for that signature, at the node upstream, and asks there until it is decided; handed in
again, it is the same. The authority's people see it among their tasks with what is sealed in it opened, so that they know what they sign.
One of them decides; the node adds its member's signature and sends the record. A decision against it is signed, for the bank to keep.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
import structlog

from ledger import canonical, keys
from ledger.background import Background
from ledger.engine import Receipt
from ledger.errors import InputError, NotFound, NotPermitted, Refused, VerificationFailed
from ledger.hashing import tagged_json
from ledger.record import Record, assemble, parse
from nodes.awaiting import awaiting_authority
from nodes.caller import Caller, registered_key
from nodes.outbox import Outgoing
from nodes.outcomes import require_ok
from nodes.private import metadata, tasks
from nodes.sealing import open_part
from nodes.task_book import AWAITING, DECLINED, EXPIRED, OPEN, SIGNED
from nodes.task_summaries import Told, summarise
from nodes.tasks import NOT_SIGNED, WAITING, Task, Tasks, note_task, reference_of
from nodes.upstream import HttpUpstream

if TYPE_CHECKING:
    from nodes.node import Node

TYPES: Final = ("financing.correct", "financing.disburse", "declaration.collected")
PATH: Final = "/v1/countersignatures"
_REFUSALS: Final = {SIGNED: "task-signed", DECLINED: "task-declined", EXPIRED: "task-expired"}
_READ_S: Final = 10.0
_IDLE_S: Final = 2.0

log = structlog.get_logger(__name__)

countersignatures = sa.Table(
    "countersignatures",
    metadata,
    sa.Column("task", sa.Text, primary_key=True),
    sa.Column("member", sa.Text, nullable=False),
    sa.Column("signatures", sa.Text, nullable=False),
    comment="records that banks handed in for this member to sign too; the tasks of the same ids tell what was decided",
)


class Countersignatures:
    """The authority's side."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def receive(self, member: str, core: Mapping[str, Any], signatures: Sequence[bytes]) -> Task:
        """Takes a record of a member's in, to be decided; again, it is the same task.

        Raises `InputError` (`malformed`, `bad-signature`, `countersigner-missing`, `sealed-part-broken`), `NotPermitted`
        (`not-countersigned`), `Refused` (`wrong-network`, `task-expired`).
        """
        node = self._node
        record = self._checked(member, core, signatures)
        if self.has(record.id):
            return Tasks(node).get(record.id)
        now_ms = node.clock.now_ms()
        if record.core["not_after"] <= now_ms:
            raise Refused("task-expired", "the record was not handed in in time", hint="have it prepared again")
        row = {
            "id": record.id,
            "type": record.type,
            "core": record.record_bytes.decode("utf-8"),
            "summary": canonical.encode(self._summary(member, record)).decode("utf-8"),
            "author": member,
            "author_key": record.signers[0],
            "signature": signatures[0].hex(),
            "state": OPEN,
            "record_id": record.id,
            "created_ms": now_ms,
        }
        given = canonical.encode([signature.hex() for signature in signatures]).decode("ascii")
        with node.private.begin() as connection:
            if connection.execute(sa.select(countersignatures.c.task).where(countersignatures.c.task == record.id)).first() is None:
                connection.execute(sa.insert(tasks).values(**row))
                connection.execute(sa.insert(countersignatures).values(task=record.id, member=member, signatures=given))
                note_task(node, connection, WAITING, record.id, record.type)
        return Tasks(node).get(record.id)

    def has(self, task_id: str) -> bool:
        """Whether a task is one of these."""
        with self._node.private.reading() as connection:
            return connection.execute(sa.select(countersignatures.c.task).where(countersignatures.c.task == task_id)).first() is not None

    def sign(self, task_id: str, caller: Caller) -> Receipt:
        """A person of this member decides for it: the node signs and sends the record. As with any task, who did gets the answer again.

        Raises `NotFound` (`unknown-task`), `NotPermitted` as `registered_key`, `Refused` (`task-signed`, `task-declined`,
        `task-expired`), `RuleRefused`, and as `Outbox.send`.
        """
        node = self._node
        registered_key(caller, node.directory, node.member, "make", "check")
        task = Tasks(node).get(task_id)
        if task.state == SIGNED and task.decided_by == caller.id and (sent := node.outbox.by_reference(reference_of(task_id))) is not None:
            return require_ok(node.outbox.send(sent.raw, sent.purpose, sent.reference))
        if task.state != OPEN:
            raise Refused(_REFUSALS[task.state], f"the task is {task.state}", hint="its bank may have the record prepared again")
        with node.private.begin() as connection:
            row = connection.execute(sa.select(tasks).where(tasks.c.id == task_id, tasks.c.state == OPEN)).first()
            if row is None:
                raise Refused("task-signed", "somebody else has decided in this moment", hint="the task says what")
            handed = connection.execute(sa.select(countersignatures).where(countersignatures.c.task == task_id)).one()
            given = [bytes.fromhex(one) for one in canonical.decode(handed.signatures.encode("ascii"))]
            raw = assemble(row.core.encode("utf-8"), [*given, keys.sign(node.identity_key.private, bytes.fromhex(task_id))])
            node.outbox.store(connection, Outgoing(raw, row.type, reference_of(task_id)))
            decided = {"state": SIGNED, "decided_by": caller.id, "decided_ms": node.clock.now_ms()}
            connection.execute(sa.update(tasks).where(tasks.c.id == task_id).values(**decided))
        receipt = require_ok(node.outbox.send(raw, task.type, reference_of(task_id)))
        node.reader.wait_for(receipt.log_index, _READ_S)
        return receipt

    def answer(self, member: str, task_id: str) -> dict[str, Any]:
        """How it stands, for the bank that handed it in; against it, signed. Raises `NotFound` (`unknown-task`)."""
        with self._node.private.reading() as connection:
            mine = sa.and_(countersignatures.c.task == task_id, countersignatures.c.member == member)
            if connection.execute(sa.select(countersignatures.c.task).where(mine)).first() is None:
                raise NotFound("unknown-task", "this member handed in no such record")
        task = Tasks(self._node).get(task_id)
        answer: dict[str, Any] = {"id": task.id, "state": task.state, "reason": task.reason}
        if task.state == DECLINED:
            digest = bytes.fromhex(_declined(task.id, task.reason or ""))
            answer |= {"key": self._node.identity_key.id, "signature": keys.sign(self._node.identity_key.private, digest).hex()}
        return answer

    def _checked(self, member: str, core: Mapping[str, Any], signatures: Sequence[bytes]) -> Record:
        # This member's signature is not made yet; another one stands in, so that the format's own reader checks all the rest.
        node = self._node
        record = parse(assemble(canonical.encode(dict(core)), [*signatures, *signatures[:1]]))
        if record.type not in TYPES:
            raise NotPermitted("not-countersigned", "only corrections and late disbursements are countersigned")
        if record.core["network"] != node.network:
            raise Refused("wrong-network", "the record was made for another network")
        if len(record.signers) != len(signatures) + 1 or record.signers[-1] != node.identity_key.id:
            raise InputError("countersigner-missing", "the record's last signer is this member's service key", hint="see GET /v1/members")
        for key_id, signature in zip(record.signers, signatures, strict=False):
            key = node.directory.key(key_id)
            if key is None or not key.alive or key.member != member or not keys.verify(key.public, signature, record.digest):
                raise InputError("bad-signature", "a signature of the record is not valid, or not that member's")
        return record

    def _summary(self, member: str, record: Record) -> dict[str, Any]:
        """What the authority's people are shown: what the bank's were, and the record, and what is sealed in it."""
        try:
            opened = {name: open_part(record.core, name, self._node.sealing_keys) for name in sorted(record.core["sealed"])}
        except VerificationFailed as error:
            # What is wrong is what was handed in, not this node.
            raise InputError(error.code, error.message) from error
        sealed = {name: part.content for name, part in opened.items() if part is not None}
        with self._node.private.reading() as connection:
            told = summarise(connection, Told(record.type, record.body, sealed))
        return {**told, "action": "countersign", "bank": member, "record": dict(record.body), "sealed": sealed}


class Awaiting(Background):
    """The bank's side: hands in what two people have signed, and asks what became of it."""

    def __init__(self, node: Node) -> None:
        super().__init__("countersigning", "countersigning-waits", _IDLE_S, at_once=False)
        self._node = node

    def run_once(self) -> int:
        """Every record that waits: how many still do. Raises `Unreachable` where the upstream node is not there."""
        query = sa.select(awaiting_authority, tasks.c.record_id).join(tasks, tasks.c.id == awaiting_authority.c.task)
        with self._node.private.reading() as connection:
            rows = connection.execute(query.where(tasks.c.state == AWAITING)).fetchall()
        return sum(not self._settled(row) for row in rows)

    def _settled(self, row: Any) -> bool:
        node = self._node
        with node.store.reading() as reader:
            stored = reader.record(row.record_id)
        if stored is not None:
            node.reader.wait_for(stored.log_index, _READ_S)
            return True
        if not isinstance(node.upstream, HttpUpstream):
            return False
        core = canonical.decode(row.core.encode("utf-8"))
        if core["not_after"] <= node.clock.now_ms():
            return False
        try:
            answer = node.upstream.fetch(f"{PATH}/{row.record_id}", {})
        except NotFound:
            body = canonical.encode({"record": core, "signatures": canonical.decode(row.signatures.encode("ascii"))})
            try:
                answer = node.upstream.hand_in(PATH, row.record_id, body)
            except (InputError, NotPermitted, Refused) as error:
                return self._decide(row.task, DECLINED, reason=f"{error.code}: {error.message}")
        if answer.get("state") != DECLINED:
            return False
        reason = self._verified(row.record_id, answer)
        return self._decide(row.task, DECLINED, reason=reason)

    def _verified(self, record_id: str, answer: Mapping[str, Any]) -> str:
        """The reason of a decision against it, once its signature holds. Raises `VerificationFailed` (`upstream-malformed`)."""
        reason, key = str(answer.get("reason") or ""), self._node.directory.key(str(answer.get("key")))
        digest = bytes.fromhex(_declined(record_id, reason))
        try:
            signature = bytes.fromhex(str(answer.get("signature")))
        except ValueError:
            signature = b""
        if key is None or key.member != self._node.directory.authority() or not keys.verify(key.public, signature, digest):
            raise VerificationFailed("upstream-malformed", "the authority's decision is not signed by it")
        return reason

    def _decide(self, task_id: str, state: str, **values: str) -> bool:
        with self._node.private.begin() as connection:
            waits = sa.and_(tasks.c.id == task_id, tasks.c.state == AWAITING)
            kind = connection.execute(sa.select(tasks.c.type).where(waits)).scalar()
            if kind is not None:
                connection.execute(sa.update(tasks).where(waits).values(state=state, **values))
                note_task(self._node, connection, NOT_SIGNED, task_id, kind)
        return True


def _declined(record_id: str, reason: str) -> str:
    return tagged_json("countersignature-declined", {"record": record_id, "reason": reason})
