"""What a one-time key signed, on its way to the ledger through an introducer: stored before anybody sees it.

An enterprise's node hands it to the authority's, which signs beside it and pays; the authority's own node, for exporters in custody,
does both. Sending the same record again changes nothing, so whatever a crash or a lost line left open is handed in again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
import structlog
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from ledger import canonical, keys
from ledger.admission import CODES
from ledger.engine import Receipt
from ledger.errors import InputError, Refused, TallystickError
from nodes.author import core_id
from nodes.consents.introducer import TOO_MANY, introduce
from nodes.private import metadata

if TYPE_CHECKING:
    from nodes.node import Node

_READ_S: Final = 30.0
# Answers after which a record is not on the ledger and never comes there, unless its one-time key's owner signs again.
_DROPPED: Final = frozenset({*CODES, TOO_MANY})

log = structlog.get_logger(__name__)

introductions = sa.Table(
    "introductions",
    metadata,
    sa.Column("record_id", sa.Text, primary_key=True),
    sa.Column("core", sa.Text, nullable=False),
    sa.Column("signature", sa.Text, nullable=False),
    sa.Column("enterprise", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("code", sa.Text),
    sa.Column("reference", sa.Text, unique=True),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.CheckConstraint("state IN ('pending', 'done')", name="ck_introductions_state"),
    comment="records that a one-time key signed, stored before they are handed to the introducer",
)


class Introductions:
    """Keeps what was signed, and hands it in until there is an outcome."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def resume(self) -> int:
        """Hands in again whatever a crash or a lost line left without an outcome, and says how many still have none."""
        query = sa.select(introductions).where(introductions.c.state == "pending").order_by(introductions.c.created_ms)
        with self._node.private.reading() as connection:
            pending = connection.execute(query).fetchall()
        left = 0
        for row in pending:
            try:
                self.hand_in(row)
            except TallystickError as error:
                log.warning("introduction-waits", record_id=row.record_id, code=error.code)
                left += error.code not in _DROPPED
        return left

    def by_reference(self, reference: str | None) -> Any:
        """The row that was kept for a reference; None where there is none."""
        if reference is None:
            return None
        with self._node.private.reading() as connection:
            return connection.execute(sa.select(introductions).where(introductions.c.reference == reference)).first()

    def keep(self, core: Mapping[str, Any], once: EllipticCurvePrivateKey, enterprise: str, reference: str | None) -> Any:
        """Stores what the one-time key signed before anybody sees it; where the reference has one already, that one."""
        record_id = core_id(core)
        row = {
            "record_id": record_id,
            "core": canonical.encode(dict(core)).decode("utf-8"),
            "signature": keys.sign(once, bytes.fromhex(record_id)).hex(),
            "enterprise": enterprise,
            "state": "pending",
            "reference": reference,
            "created_ms": self._node.clock.now_ms(),
        }
        with self._node.private.begin() as connection:
            same = introductions.c.record_id == record_id
            if reference is not None:
                same = introductions.c.reference == reference
            if connection.execute(sa.select(introductions).where(same)).first() is None:
                connection.execute(sa.insert(introductions).values(**row))
            return connection.execute(sa.select(introductions).where(same)).one()

    def hand_in(self, row: Any) -> Receipt:
        """Hands a stored record in, waits until this node has read it, and notes the outcome. Raises as `introduce` does, `Unreachable`."""
        node = self._node
        core, signature = canonical.decode(row.core.encode("utf-8")), bytes.fromhex(row.signature)
        upstream = node.upstream
        try:
            receipt = introduce(node, core, signature, row.enterprise) if upstream is None else upstream.introduce(core, signature)
        except (InputError, Refused) as error:
            if error.code in _DROPPED:
                # It left nothing: the reference is free for another.
                self._done(row.record_id, code=error.code, reference=None)
            raise
        node.reader.wait_for(receipt.log_index, _READ_S)
        self._done(row.record_id, code=receipt.code)
        return receipt

    def _done(self, record_id: str, **values: Any) -> None:
        with self._node.private.begin() as connection:
            connection.execute(sa.update(introductions).where(introductions.c.record_id == record_id).values(state="done", **values))
