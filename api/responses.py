"""JSON answers: compact, UTF-8, with an `ETag` on single resources (RFC 9110, 8.8.3) and what answers about the ledger carry.

`as_of` says which height and block time an answer is about; `record_id` names the record from which a proof file can be had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from ledger.clock import rfc3339
from ledger.header import Header

JSON: Final = "application/json"


def json_response(content: Any, *, status: int = 200, headers: Mapping[str, str] | None = None, media_type: str = JSON) -> Response:
    """A JSON response. Answers are about one caller's view of a moment, so nothing between may keep them."""
    return Response(orjson.dumps(content), status, {"Cache-Control": "no-store", **(headers or {})}, media_type)


def single(request: Request, content: dict[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """One resource with its `ETag`, or 304 where the caller holds it already. `as_of` moves with every block and is left out of the tag."""
    stable = {name: value for name, value in content.items() if name != "as_of"}
    return tagged(request, json_response(content, status=status, headers=headers), orjson.dumps(stable, option=orjson.OPT_SORT_KEYS))


def tagged(request: Request, response: Response, stable: bytes) -> Response:
    """The response with an `ETag` of what is `stable` about it, or 304 where the caller holds it already."""
    tag = f'"{sha256(stable).hexdigest()[:32]}"'
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if request.method == "GET" and (tag in known or "*" in known):
        return Response(status_code=304, headers={"ETag": tag})
    response.headers["ETag"] = tag
    return response


def page(items: Sequence[Any], following: str | int | None, **more: Any) -> Response:
    """A page of a list: `next` is the cursor for `after`, null on the last page."""
    return json_response({"items": list(items), "next": None if following is None else str(following), **more})


def proof_file(content: bytes, name: str) -> Response:
    """A proof file, byte for byte as it is to be kept."""
    disposition = f'attachment; filename="{name}.proof.json"'
    return Response(content, headers={"Cache-Control": "no-store", "Content-Disposition": disposition}, media_type=JSON)


def as_of(head: Header) -> dict[str, Any]:
    """The height and time that an answer is about."""
    return {"height": head.height, "time": rfc3339(head.time_ms)}
