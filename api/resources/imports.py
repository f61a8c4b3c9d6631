"""Imports: customs files are handed in, and every declaration in them gets a result.

The body is a multipart form with one or more files, a single file (`text/csv`, `application/xml`), or a JSON array of objects whose names
are the columns of the CSV template. Files are spooled to disk and read in a stream, so memory does not grow with them. An import goes on
after the answer where the caller does not wait for it; its report is at its `Location`.
"""

from __future__ import annotations

import asyncio
import csv
import io
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, BinaryIO, Final

import structlog
from fastapi import FastAPI, Path, Query
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.context import ApiContext, Caller, Context, TheNode
from api.models import Limit
from api.preferences import wait_seconds
from api.responses import json_response
from ledger.errors import InputError, Refused, TallystickError
from ledger.hashing import tagged_json
from ledger.limits import IMPORT_CHUNK_BYTES, IMPORT_FILE_BYTES_MAX, IMPORT_FILES_MAX, INTEGER_MAX
from nodes.customs.columns import column_of
from nodes.declarations.imports import Imports
from nodes.declarations.register import Declarations

_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_RAW: Final = {"text/csv": "import.csv", "application/xml": "import.xml", "text/xml": "import.xml", _XLSX: "import.xlsx"}
_BEGIN_S: Final = 30.0
_PAGE: Final = 100

ImportId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
AfterItem = Annotated[int, Query(ge=0, le=INTEGER_MAX, description="the cursor that the page before gave as `next`")]
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Spooled:
    """A file of the request on this node's disk, at its start, and its SHA-256."""

    name: str
    file: BinaryIO
    digest: str


async def import_declarations(request: Request, context: Context, caller: Caller) -> Response:
    """Registers what customs files hold. With `Prefer: wait` the report, if it is done by then; otherwise 202 and where it will be."""
    wait_s = wait_seconds(request)
    with ExitStack() as stack:
        files = await _spool(request, stack)
        content_hash = tagged_json("import", [[each.name, each.digest] for each in files])

        async def run() -> Response:
            if not context.importing.acquire(blocking=False):
                raise Refused("imports-busy", "so many imports are running already", hint="wait for one to end")
            # From here on the import owns the files, and closes them when it ends.
            return await _run(context, files, stack.pop_all(), wait_s)

        return await context.idempotency.answer(request, caller.name, content_hash, run)


def get_import(node: TheNode, import_id: ImportId, after: AfterItem = 0, limit: Limit = _PAGE) -> Response:
    """How an import stands, and a page of its results in the order of the files."""
    return json_response(_report(Declarations(node).imports, import_id, after, limit))


def add_routes(app: FastAPI) -> None:
    files = {"type": "object", "properties": {"file": {"type": "array", "items": {"type": "string", "format": "binary"}}}}
    rows = {"type": "array", "items": {"type": "object", "additionalProperties": {"type": "string"}}}
    raw = {name: {"schema": {"type": "string", "format": "binary"}} for name in _RAW}
    content = {"multipart/form-data": {"schema": files}, "application/json": {"schema": rows}, **raw}
    extra = {"requestBody": {"required": True, "content": content}}
    app.add_api_route("/v1/declaration-imports", import_declarations, methods=["POST"], tags=["declarations"], openapi_extra=extra)
    app.add_api_route("/v1/declaration-imports/{import_id}", get_import, methods=["GET"], tags=["declarations"])


async def _run(context: ApiContext, files: Sequence[_Spooled], stack: ExitStack, wait_s: int | None) -> Response:
    begun: Future[str] = Future()
    ended: Future[None] = Future()
    threading.Thread(target=_import, args=(context, files, stack, begun, ended), name="import", daemon=True).start()
    import_id = await asyncio.wait_for(asyncio.wrap_future(begun), _BEGIN_S)
    if wait_s:
        await asyncio.wait([asyncio.ensure_future(asyncio.wrap_future(ended))], timeout=wait_s)
    report = await run_in_threadpool(_report, Declarations(context.node).imports, import_id, 0, _PAGE)
    location = {"Location": f"/v1/declaration-imports/{import_id}"}
    return json_response(report, status=202 if report["state"] == "running" else 201, headers=location)


def _import(context: ApiContext, files: Sequence[_Spooled], stack: ExitStack, begun: Future[str], ended: Future[None]) -> None:
    """A thread's whole life: it says when the report exists and when it is complete, whatever happens."""
    try:
        with stack:
            Declarations(context.node).imports.run([(each.name, each.file) for each in files], on_begin=begun.set_result)
    except TallystickError as error:
        log.warning("import-broken", code=error.code)
        if not begun.done():
            begun.set_exception(error)
    except Exception as error:
        log.error("import-failed", error=type(error).__name__)
        if not begun.done():
            begun.set_exception(error)
        raise
    finally:
        context.importing.release()
        ended.set_result(None)


async def _spool(request: Request, stack: ExitStack) -> list[_Spooled]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        return await _from_form(request, stack)
    if media_type == "application/json":
        rows = await _rows(request)
        return [_spooled("import.csv", stack, lambda file: file.write(_as_csv(rows)))]
    if media_type not in _RAW:
        raise HTTPException(415)
    file = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack is its context manager
    hashed, size = sha256(), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > IMPORT_FILE_BYTES_MAX:
            raise HTTPException(413)
        hashed.update(chunk)
        await run_in_threadpool(file.write, chunk)
    file.seek(0)
    return [_Spooled(_RAW[media_type], file, hashed.hexdigest())]


async def _from_form(request: Request, stack: ExitStack) -> list[_Spooled]:
    form = await request.form(max_files=IMPORT_FILES_MAX, max_fields=0)
    stack.callback(lambda: [each.file.close() for _, each in form.multi_items() if isinstance(each, UploadFile)])
    uploads = [(name, each) for name, each in form.multi_items() if isinstance(each, UploadFile)]
    if not uploads or any(name != "file" for name, _ in uploads):
        raise InputError("invalid-request", "the form has one or more files, each in a field named `file`")
    found = []
    for place, (_, upload) in enumerate(uploads, 1):
        if (upload.size or 0) > IMPORT_FILE_BYTES_MAX:
            raise HTTPException(413)
        digest = await run_in_threadpool(_digest, upload.file)
        found.append(_Spooled(_name(upload.filename, place), upload.file, digest))
    return found


async def _rows(request: Request) -> list[dict[str, str]]:
    """The JSON array. Raises `InputError` (`invalid-request`) for anything but objects of known columns and text."""
    try:
        value = await request.json()
    except ValueError as error:
        raise InputError("invalid-request", "the body is not JSON") from error
    if not isinstance(value, list) or not value or not all(isinstance(row, dict) and row for row in value):
        raise InputError("invalid-request", "the body is an array of objects, one for each line of a declaration")
    names = {name for row in value for name in row}
    unknown = sorted(name for name in names if column_of(name) is None)
    if unknown or not all(isinstance(cell, str) for row in value for cell in row.values()):
        raise InputError("invalid-request", "a field is not a column of the template, or is no text", hint="amounts are text too")
    return value


def _as_csv(rows: Sequence[dict[str, str]]) -> bytes:
    """The same rows as a file, so that there is one reader and one set of rules."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8")


def _spooled(name: str, stack: ExitStack, write: Callable[[BinaryIO], Any]) -> _Spooled:
    file = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack is its context manager
    write(file)
    return _Spooled(name, file, _digest(file))


def _digest(file: BinaryIO) -> str:
    file.seek(0)
    hashed = sha256()
    while chunk := file.read(IMPORT_CHUNK_BYTES):
        hashed.update(chunk)
    file.seek(0)
    return hashed.hexdigest()


def _name(given: str | None, place: int) -> str:
    """What the report calls a file: its own name without a path, in printable characters."""
    name = (given or "").replace("\\", "/").rpartition("/")[2][:200]
    return name if name and name.isprintable() else f"file-{place}"


def _report(imports: Imports, import_id: str, after: int, limit: int) -> dict[str, Any]:
    report = imports.report(import_id)
    items = imports.items(import_id, after, limit)
    return {
        "id": report.id,
        "state": report.state,
        "code": report.code,
        "total": report.total,
        "registered": report.registered,
        "refused": report.refused,
        "items": [{**item.to_json(), "message": item.message} for item in items],
        "next": str(items[-1].sequence) if len(items) == limit else None,
    }
