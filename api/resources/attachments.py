"""Attachments: documents handed in, kept in this node's private store, and read back by whom they belong to.

What a record says of a document later is its digest. An exporter in custody has documents of its own here, which nobody else reads, the
custodian's staff neither.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Any, BinaryIO, Final
from urllib.parse import quote

from fastapi import FastAPI, Path
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.context import Caller, Context, TheNode
from api.principal import Principal
from api.responses import json_response
from ledger.clock import rfc3339
from ledger.errors import InputError
from ledger.hashing import tagged_json
from ledger.limits import ATTACHMENT_BYTES_MAX, ATTACHMENT_NAME_CHARS_MAX, IMPORT_CHUNK_BYTES
from nodes.attachments.store import OWN, Attachment, Attachments

FORM: Final = "multipart/form-data"
Digest = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


async def add_attachment(request: Request, context: Context, caller: Caller) -> Response:
    """Keeps one document, the form's field `file`: PDF, OFD, PNG, JPEG, TIFF or XLSX, as its bytes say. The same one again is the same."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise HTTPException(415)
    form = await request.form(max_files=1, max_fields=0)
    try:
        upload = form.get("file")
        if not isinstance(upload, UploadFile):
            raise InputError("invalid-request", "the form has one document, in a field named `file`")
        if (upload.size or 0) > ATTACHMENT_BYTES_MAX:
            raise HTTPException(413)
        name = _name(upload.filename)
        content_hash = tagged_json("attachment", [name, await run_in_threadpool(_digest, upload.file)])

        async def keep() -> Response:
            by, owner = caller.name, owner_of(caller)
            kept = await run_in_threadpool(lambda: Attachments(context.node).add(upload.file, name, by=by, owner=owner))
            return json_response(_json(kept), status=201, headers={"Location": f"/v1/attachments/{kept.sha256}"})

        return await context.idempotency.answer(request, caller.name, content_hash, keep)
    finally:
        await form.close()


def get_attachment(node: TheNode, caller: Caller, sha256: Digest) -> Response:
    """The document, to be saved and never shown in place."""
    held, owner = Attachments(node), owner_of(caller)
    kept = held.get(sha256, owner)
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(kept.name, safe='')}",
        "Content-Security-Policy": "sandbox",
        "X-Content-Type-Options": "nosniff",
        "ETag": f'"{kept.sha256}"',
    }
    return Response(held.content(sha256, owner), headers=headers, media_type=kept.media_type)


def add_routes(app: FastAPI) -> None:
    file = {"type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}}}
    extra: dict[str, Any] = {"requestBody": {"required": True, "content": {FORM: {"schema": file}}}}
    app.add_api_route("/v1/attachments", add_attachment, methods=["POST"], status_code=201, tags=["attachments"], openapi_extra=extra)
    app.add_api_route("/v1/attachments/{sha256}", get_attachment, methods=["GET"], tags=["attachments"])


def owner_of(caller: Principal) -> str:
    """Whose documents the caller hands in and reads: an exporter in custody has its own, everyone else of a node shares the node's."""
    return caller.enterprise or OWN


def _digest(file: BinaryIO) -> str:
    hashed = sha256()
    while chunk := file.read(IMPORT_CHUNK_BYTES):
        hashed.update(chunk)
    file.seek(0)
    return hashed.hexdigest()


def _name(given: str | None) -> str:
    """The file's own name without a path."""
    return (given or "").replace("\\", "/").rpartition("/")[2][:ATTACHMENT_NAME_CHARS_MAX]


def _json(kept: Attachment) -> dict[str, Any]:
    return {
        "sha256": kept.sha256,
        "name": kept.name,
        "bytes": kept.bytes,
        "media_type": kept.media_type,
        "added": rfc3339(kept.added_ms),
    }
