"""How much may be enquired on paper: the authority's own setting, for every bank."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.context import TheNode
from api.models import ApiModel
from api.responses import json_response, single
from ledger.limits import PAPER_DAYS_MAX, PAPER_ENQUIRIES_MAX
from nodes.consents.paper import Papers, PaperSettings

Count = Annotated[int, Field(ge=0, le=PAPER_ENQUIRIES_MAX)]


class PaperSettingsIn(ApiModel):
    """Enquiries on paper that a bank has in a day and in thirty days, and how many days a consent on paper lasts."""

    per_day: Count
    per_month: Count
    days: Annotated[int, Field(ge=1, le=PAPER_DAYS_MAX)]


def get_settings(request: Request, node: TheNode) -> Response:
    """Those in force."""
    return single(request, Papers(node).settings().model_dump())


def put_settings(node: TheNode, body: PaperSettingsIn) -> Response:
    """Puts others in force."""
    return json_response(Papers(node).change_settings(PaperSettings(**body.model_dump())).model_dump())


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["consents"]
    app.add_api_route("/v1/paper-settings", get_settings, methods=["GET"], tags=tags)
    app.add_api_route("/v1/paper-settings", put_settings, methods=["PUT"], tags=tags)
