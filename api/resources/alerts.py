"""Alerts at the authority: listed, taken, closed with a reason, opened again. Each names the records that prove it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import FastAPI, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from api.context import Caller, TheNode
from api.look_ups import pseudonym
from api.models import After, ApiModel, Limit, ShortText
from api.principal import Principal
from api.responses import page, single
from ledger.clock import rfc3339
from nodes.monitoring.alerts import Alert, Alerts, Change, cursor
from nodes.monitoring.catalogue import DETECTORS
from nodes.node import Node

AlertId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
StateQuery = Annotated[Literal["open", "taken", "closed"] | None, Query(description="alerts in this state")]
CodeQuery = Annotated[str | None, Query(pattern=r"^[a-z][a-z-]{1,63}$", description="alerts of this kind")]
SeverityQuery = Annotated[Literal["high", "medium", "low"] | None, Query(description="alerts as grave as this")]
SubjectQuery = Annotated[str | None, Query(pattern=r"^[0-9a-f]{64}$", description="alerts about this declaration, financing or enquiry")]


class TakeIn(ApiModel):
    """Why, where there is more to say than that it is looked into."""

    reason: ShortText | None = None


class ReasonIn(ApiModel):
    """Why the alert is closed, or open again."""

    reason: ShortText


def list_alerts(
    node: TheNode,
    after: After = None,
    limit: Limit = 100,
    state: StateQuery = None,
    code: CodeQuery = None,
    severity: SeverityQuery = None,
    subject: SubjectQuery = None,
) -> Response:
    """In the order in which they opened."""
    found = _alerts(node).list(state=state, code=code, severity=severity, subject=subject, after=after, limit=limit)
    return page([_json(each) for each in found], cursor(found[-1]) if len(found) == limit else None)


def get_alert(request: Request, node: TheNode, alert_id: AlertId) -> Response:
    """One alert with everything that was decided about it."""
    return single(request, _whole(_alerts(node).get(alert_id)))


def take(request: Request, node: TheNode, caller: Caller, alert_id: AlertId, body: TakeIn) -> Response:
    """The caller looks into it from now on, also where somebody else did before."""
    return _changed(request, node, caller, alert_id, "take", body.reason or "")


def close(request: Request, node: TheNode, caller: Caller, alert_id: AlertId, body: ReasonIn) -> Response:
    """Nothing more is to be done about it, and why."""
    return _changed(request, node, caller, alert_id, "close", body.reason)


def reopen(request: Request, node: TheNode, caller: Caller, alert_id: AlertId, body: ReasonIn) -> Response:
    """It is open again, and nobody's."""
    return _changed(request, node, caller, alert_id, "reopen", body.reason)


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["monitoring"]
    app.add_api_route("/v1/alerts", list_alerts, methods=["GET"], tags=tags)
    app.add_api_route("/v1/alerts/{alert_id}", get_alert, methods=["GET"], tags=tags)
    for step in (take, close, reopen):
        app.add_api_route(f"/v1/alerts/{{alert_id}}/{step.__name__}", step, methods=["POST"], tags=tags)


def _alerts(node: Node) -> Alerts:
    return Alerts(node.private, node.clock)


def _changed(request: Request, node: Node, caller: Principal, alert_id: str, change: Change, reason: str) -> Response:
    return single(request, _whole(_alerts(node).change(alert_id, change, pseudonym(node, caller), reason)))


def _json(alert: Alert) -> dict[str, Any]:
    exporter = None
    if alert.exporter is not None:
        exporter = {"enterprise_id": alert.enterprise, "uscc": alert.exporter[0], "name": alert.exporter[1]}
    return {
        "id": alert.id,
        "code": alert.code,
        "severity": alert.severity,
        "meaning": DETECTORS[alert.code].meaning if alert.code in DETECTORS else "",
        "subject": {"kind": alert.subject_kind, "id": alert.subject},
        "bank": alert.bank or None,
        "exporter": exporter,
        "records": list(alert.records),
        "details": alert.details,
        "opened": rfc3339(alert.opened_ms),
        "state": alert.state,
        "owner": alert.owner,
        "reason": alert.reason,
    }


def _whole(alert: Alert) -> dict[str, Any]:
    history = [{"change": each.change, "who": each.who, "reason": each.reason, "time": rfc3339(each.at_ms)} for each in alert.history]
    return {**_json(alert), "history": history}
