"""Enquiries of a bank: many declarations pasted or handed in as a file, and the answer line by line."""

from __future__ import annotations

from typing import Any, Final

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from api.portal.asked_lines import Asked, NotReadable, from_workbook, pasted, template
from api.portal.calls import ApiRefused
from api.portal.reading import Page, Reader, page, see
from api.portal.words import N_
from ledger.errors import InputError

_BANK: Final = frozenset({"bank"})
_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


async def listed(request: Request, reader: Reader) -> Response:
    """The enquiries, the newest first."""
    found = await reader.calls.get("/v1/enquiries", after=request.query_params.get("after"), limit=50)
    return page(request, reader, "enquiries.html", {"enquiries": found["items"], "next": found["next"], "names": await _names(reader)})


async def form(request: Request, reader: Reader) -> Response:
    """What is asked, and under which consent."""
    return await _form(request, reader, text="", consent=request.query_params.get("consent", ""), problem=None, fault=None)


async def ask(request: Request, reader: Reader) -> Response:
    """Sends the enquiry, or shows the form again with what cannot be read."""
    sent = await request.form()
    text, consent_id, fault = str(sent.get("lines", "")), str(sent.get("consent", "")), None
    try:
        lines = await _asked(sent)
        consent = await reader.calls.get(f"/v1/consents/{consent_id}")
        asked = [each.to_json(consent["exporter"]["uscc"]) for each in lines]
        answer = await reader.calls.send(
            "/v1/enquiries", {"kind": "declarations", "consent_id": consent_id, "lines": asked}, key=str(sent["key"])
        )
        return see(f"/enquiries/{answer.body['id']}")
    except NotReadable as unread:
        fault = unread
        problem: Any = None
    except InputError as refused:
        problem = {"code": refused.code, "detail": refused.message, "hint": refused.hint}
    except ApiRefused as refused:
        problem = refused.problem
    return await _form(request, reader, text=text, consent=consent_id, problem=problem, fault=fault)


async def shown(request: Request, reader: Reader) -> Response:
    """One enquiry: how far it is, then what each line was answered."""
    found = await reader.calls.get(f"/v1/enquiries/{request.path_params['enquiry_id']}")
    lines = found["lines"] or []
    usable = [each for each in lines if each["grant"] and each["status"] and float(each["status"]["available"]["value"]) > 0]
    counted = {"all": len(lines), "genuine": sum(each["result"] == "match" for each in lines), "usable": len(usable)}
    exporter = await _exporter(reader, found["consent_id"])
    return page(request, reader, "enquiry.html", {"enquiry": found, "lines": lines, "counted": counted, "exporter": exporter})


async def blank(_request: Request, _reader: Reader) -> Response:
    """The template."""
    headers = {"Content-Disposition": 'attachment; filename="enquiry.xlsx"'}
    return Response(template(), headers=headers, media_type=_XLSX)


async def _form(request: Request, reader: Reader, *, text: str, consent: str, problem: Any, fault: NotReadable | None) -> Response:
    consents = [each for each in await reader.calls.all("/v1/consents") if each["state"] == "active" and "finance" in each["scopes"]]
    shown = {"consents": consents, "text": text, "consent": consent, "problem": problem, "fault": fault}
    return page(request, reader, "enquiry_form.html", shown, status=200 if problem is None and fault is None else 422)


async def _asked(sent: FormData) -> list[Asked]:
    file = sent.get("file")
    if isinstance(file, UploadFile) and file.size:
        return from_workbook(await file.read())
    return pasted(str(sent.get("lines", "")))


async def _exporter(reader: Reader, consent_id: str | None) -> str | None:
    """Whose consent it is; None where there is none, or none that this node knows."""
    if consent_id is None:
        return None
    try:
        consent = await reader.calls.get(f"/v1/consents/{consent_id}")
    except ApiRefused as refused:
        if refused.status != 404:
            raise
        return None
    return str(consent["exporter"]["name"]) if consent["exporter"] else None


async def _names(reader: Reader) -> dict[str, str]:
    """Exporters' names by consent."""
    return {each["id"]: each["exporter"]["name"] for each in await reader.calls.all("/v1/consents") if each["exporter"]}


PAGES: Final = (
    Page("/enquiries", listed, seats=_BANK, scope="enquiries:read", heading=N_("Enquiries")),
    Page("/enquiries/new", form),
    Page("/enquiries/new", ask, ("POST",)),
    Page("/enquiries/template.xlsx", blank),
    Page("/enquiries/{enquiry_id}", shown),
)
