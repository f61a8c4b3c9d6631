"""The table of financing requests: those that exporters sent from this node, or those that this bank received, with their history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from ledger import canonical
from ledger.errors import NotFound, Refused
from nodes.private import metadata
from nodes.requests.formats import Form, RequestBody

SENT: Final = "sent"
RECEIVED: Final = "received"

requests = sa.Table(
    "financing_requests",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("side", sa.Text, nullable=False),
    sa.Column("enterprise", sa.Text, nullable=False, index=True),
    sa.Column("uscc", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("seal_public", sa.Text),
    sa.Column("bank", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("form", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("fields", sa.Text, nullable=False),
    sa.Column("financing", sa.Text, index=True),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("changed_ms", sa.BigInteger, nullable=False),
    comment="requests of exporters to banks, which no record shows; `form` is canonical JSON, `fields` are separated by spaces",
)
history = sa.Table(
    "financing_request_history",
    metadata,
    sa.Column("request", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("said_by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("time_ms", sa.BigInteger, nullable=False),
    comment="what became of each request, step by step, as this node saw it",
)


@dataclass(frozen=True, slots=True)
class Step:
    """A step in a request's history."""

    state: str
    revision: int
    said_by: str
    reason: str
    time_ms: int


@dataclass(frozen=True, slots=True)
class FinancingRequest:
    """A request as it stands. `fields` are those that the bank wants corrected, `financing` the application that it became."""

    id: str
    side: str
    enterprise: str
    uscc: str
    name: str
    seal_public: str | None
    bank: str
    state: str
    revision: int
    form: Form
    reason: str
    fields: tuple[str, ...]
    financing: str | None
    created_ms: int
    changed_ms: int
    steps: tuple[Step, ...]


def find(connection: sa.Connection, request_id: str, enterprise: str | None = None) -> FinancingRequest:
    """Raises `NotFound` (`unknown-request`), for another exporter's too."""
    row = connection.execute(sa.select(requests).where(requests.c.id == request_id)).first()
    if row is None or enterprise not in (None, row.enterprise):
        raise NotFound("unknown-request", "this node knows no such request")
    return _whole(connection, [row])[0]


def page_of(connection: sa.Connection, enterprise: str | None, state: str | None, after: str | None, limit: int) -> list[FinancingRequest]:
    """The newest first; `after` is the id of the last one that was seen."""
    query = sa.select(requests).order_by(requests.c.created_ms.desc(), requests.c.id.desc()).limit(limit)
    if enterprise is not None:
        query = query.where(requests.c.enterprise == enterprise)
    if state is not None:
        query = query.where(requests.c.state == state)
    if after is not None:
        seen = find(connection, after, enterprise)
        query = query.where(sa.tuple_(requests.c.created_ms, requests.c.id) < sa.tuple_(sa.literal(seen.created_ms), sa.literal(seen.id)))
    return _whole(connection, connection.execute(query).fetchall())


def insert(connection: sa.Connection, side: str, state: str, body: RequestBody, by: str, now_ms: int) -> None:
    """Takes a new request in."""
    row: dict[str, Any] = {"id": body.request, "side": side, "enterprise": body.enterprise, "uscc": body.uscc, "name": body.name}
    row |= {"seal_public": body.seal and body.seal.public, "bank": body.form.bank, "state": state, "revision": body.revision}
    row |= {"form": _text(body.form), "reason": "", "fields": "", "created_ms": now_ms, "changed_ms": now_ms}
    connection.execute(sa.insert(requests).values(**row))
    note(connection, body.request, state, by, now_ms)


def correct(connection: sa.Connection, state: str, body: RequestBody, by: str, now_ms: int) -> None:
    """Puts a revision in the place of the one before."""
    values = {"form": _text(body.form), "revision": body.revision, "seal_public": body.seal and body.seal.public}
    connection.execute(sa.update(requests).where(requests.c.id == body.request).values(**values))
    note(connection, body.request, state, by, now_ms)


def note(
    connection: sa.Connection,
    request_id: str,
    state: str,
    by: str,
    now_ms: int,
    *,
    reason: str = "",
    fields: Sequence[str] = (),
    financing: str | None = None,
) -> None:
    """The request is in a state from now on, and its history says who said so."""
    values = {"state": state, "reason": reason, "fields": " ".join(fields), "financing": financing, "changed_ms": now_ms}
    connection.execute(sa.update(requests).where(requests.c.id == request_id).values(**values))
    mine = history.c.request == request_id
    number = connection.execute(sa.select(sa.func.count()).select_from(history).where(mine)).scalar_one() + 1
    revision = connection.execute(sa.select(requests.c.revision).where(requests.c.id == request_id)).scalar_one()
    step = {"number": number, "state": state, "revision": revision, "said_by": by, "reason": reason, "time_ms": now_ms}
    connection.execute(sa.insert(history).values(request=request_id, **step))


def require_state(request: FinancingRequest, *states: str) -> None:
    """Raises `Refused` (`wrong-state`) where a request is in none of the states."""
    if request.state not in states:
        raise Refused("wrong-state", f"the request is {request.state}")


def _whole(connection: sa.Connection, rows: Sequence[Any]) -> list[FinancingRequest]:
    steps: dict[str, list[Step]] = {row.id: [] for row in rows}
    query = sa.select(history).where(history.c.request.in_(list(steps))).order_by(history.c.number)
    for each in connection.execute(query):
        steps[each.request].append(Step(each.state, each.revision, each.said_by, each.reason, each.time_ms))
    found = []
    for row in rows:
        values = row._asdict()
        form = Form.model_validate(canonical.decode(values.pop("form").encode("utf-8")))
        fields = tuple(values.pop("fields").split())
        found.append(FinancingRequest(**values, form=form, fields=fields, steps=tuple(steps[row.id])))
    return found


def _text(form: Form) -> str:
    return canonical.encode(form.model_dump(mode="json")).decode("utf-8")
