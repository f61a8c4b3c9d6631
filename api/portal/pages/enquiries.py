"""Enquiries of a bank: many declarations pasted or handed in as a file, and the answer line by line."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from api.portal.answer_sheet import answer_workbook
from api.portal.asked_lines import Asked, NotReadable, from_workbook, pasted, template
from api.portal.calls import ApiRefused
from api.portal.filled_in import BLANK, INCOMPLETE, Incomplete, Typed, status_of, text, typed
from api.portal.reading import Page, Reader, not_here, page, see
from api.portal.words import N_
from ledger.errors import InputError

_BANK: Final = frozenset({"bank"})
_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


async def listed(request: Request, reader: Reader) -> Response:
    """The enquiries, the newest first."""
    found = await reader.calls.get("/v1/enquiries", order="newest", after=request.query_params.get("after"), limit=50)
    return page(request, reader, "enquiries.html", {"enquiries": found["items"], "next": found["next"]})


async def form(request: Request, reader: Reader) -> Response:
    """What is asked, and under which consent."""
    wanted = request.query_params.get("request", "")
    consent, numbers = request.query_params.get("consent", ""), ""
    if wanted:
        asking = await reader.calls.get(f"/v1/financing-requests/{wanted}")
        numbers = "\n".join(line["number"] for line in asking["lines"])
        consent = await _consent_of(reader, asking["exporter"]["uscc"])
    return await _form(request, reader, text=numbers, consent=consent, problem=None, fault=None, wanted=wanted)


async def ask(request: Request, reader: Reader) -> Response:
    """Sends the enquiry, or shows the form again with what cannot be read."""
    sent = await request.form()
    pasted_text, consent_id, fault = str(sent.get("lines", "")), str(sent.get("consent", "")), None
    try:
        lines = await _asked(sent)
        consent = await reader.calls.get(f"/v1/consents/{consent_id}")
        asked = [each.to_json(consent["exporter"]["uscc"]) for each in lines]
        answer = await reader.calls.send(
            "/v1/enquiries", {"kind": "declarations", "consent_id": consent_id, "lines": asked}, key=text(sent, "key")
        )
        wanted = f"?request={sent['request']}" if sent.get("request") else ""
        return see(f"/enquiries/{answer.body['id']}{wanted}")
    except NotReadable as unread:
        fault = unread
        problem: Any = None
    except InputError as refused:
        problem = {"code": refused.code, "detail": refused.message, "hint": refused.hint}
    except ApiRefused as refused:
        problem = refused.problem
    return await _form(
        request, reader, text=pasted_text, consent=consent_id, problem=problem, fault=fault, wanted=str(sent.get("request", ""))
    )


async def shown(request: Request, reader: Reader) -> Response:
    """One enquiry: how far it is, then what each line was answered, or the credit report."""
    return await show_enquiry(request, reader, request.path_params["enquiry_id"], None)


async def show_enquiry(request: Request, reader: Reader, enquiry_id: str, problem: Any) -> Response:
    """`problem` is of what was tried with the answer."""
    found = await read_enquiry(reader, enquiry_id)
    lines = found["lines"]
    usable = [each for each in lines if each["grant"] and each["left"] and float(each["left"]["value"]) > 0]
    counted = {
        "all": len(lines),
        "genuine": sum(each["result"] == "match" for each in lines),
        "usable": len(usable),
        "currencies": len({each["left"]["currency"] for each in usable}),
    }
    shown = {"enquiry": found, "lines": lines, "counted": counted, "year": int(found["asked"][:4]) - 1, "problem": problem}
    shown["wanted"] = request.query_params.get("request", "")
    # The lines that were chosen before, for who comes back to choose again.
    shown["chosen"] = request.query_params.getlist("line") if "line" in request.query_params else None
    return page(request, reader, "enquiry.html", shown, status=status_of(problem))


async def read_enquiry(reader: Reader, enquiry_id: str) -> dict[str, Any]:
    """An enquiry, each line with what is `left` by what this node's own replica tells now, or else as it was answered, and with that as
    `now` where it is another amount than was answered.
    """
    found = await reader.calls.get(f"/v1/enquiries/{enquiry_id}")
    known: dict[str, Any] = {}
    if found["exporter"] is not None and reader.may("declarations:read") and any(each["status"] for each in found["lines"]):
        listed = await reader.calls.all("/v1/declarations", exporter_uscc=found["exporter"]["uscc"])
        known = {each["id"]: each["status"]["available"] for each in listed}
    for line in found["lines"]:
        answered = line["status"] and line["status"]["available"]
        line["left"] = known.get(line["declaration_id"], answered) if answered else None
        line["now"] = line["left"] if line["left"] != answered else None
    return {**found, "compared": bool(known)}


async def ask_again(request: Request, reader: Reader) -> Response:
    """A new enquiry of the same lines, under the same consent or, where that is no longer in force, the exporter's newest."""
    sent, enquiry_id = await request.form(), request.path_params["enquiry_id"]
    found = await reader.calls.get(f"/v1/enquiries/{enquiry_id}")
    lines = [{"number": each["number"], **each["asked"]} for each in found["lines"] if each["asked"] is not None]
    consent = found["consent_id"]
    in_force = [each["id"] for each in await _usable(reader)]
    if consent not in in_force and found["exporter"] is not None:
        consent = await _consent_of(reader, found["exporter"]["uscc"]) or consent
    try:
        body = {"kind": "declarations", "consent_id": consent, "lines": lines}
        answer = await reader.calls.send("/v1/enquiries", body, key=text(sent, "key"))
    except ApiRefused as refused:
        return await show_enquiry(request, reader, enquiry_id, refused.problem)
    wanted = f"?request={quote(text(sent, 'request'), safe='')}" if text(sent, "request") else ""
    return see(f"/enquiries/{answer.body['id']}{wanted}")


async def workbook(request: Request, reader: Reader) -> Response:
    """The answer as a workbook to keep."""
    found = await read_enquiry(reader, request.path_params["enquiry_id"])
    if found["kind"] != "declarations" or found["as_of"] is None:
        return not_here(request, reader)
    headers = {"Content-Disposition": f'attachment; filename="enquiry-{found["asked"][:10]}-{found["id"][:8]}.xlsx"'}
    return Response(answer_workbook(reader.texts, found), headers=headers, media_type=_XLSX)


async def paper_form(request: Request, reader: Reader) -> Response:
    """An enquiry on a consent that an exporter in custody signed on paper."""
    return await _paper(request, reader, BLANK, None, None)


async def ask_on_paper(request: Request, reader: Reader) -> Response:
    """Hands in the scan, and asks."""
    sent = await request.form()
    fault, problem = None, None
    try:
        lines = [each.to_json(text(sent, "uscc")) for each in await _asked(sent)]
        basis = {"kind": "paper", "document_sha256": await _scan(reader, sent), "signatory": text(sent, "signatory")}
        answer = await reader.calls.send("/v1/enquiries", {"kind": "declarations", "basis": basis, "lines": lines}, key=text(sent, "key"))
        return see(f"/enquiries/{answer.body['id']}")
    except NotReadable as unread:
        fault = unread
    except Incomplete:
        problem = INCOMPLETE
    except InputError as refused:
        problem = {"code": refused.code, "detail": refused.message, "hint": refused.hint}
    except ApiRefused as refused:
        problem = dict(refused.problem)
    return await _paper(request, reader, typed(sent), problem, fault)


async def _scan(reader: Reader, sent: FormData) -> str:
    """The digest of the scan, which is handed in. Raises `Incomplete` where there is none, `ApiRefused` for what is none."""
    scan = sent.get("scan")
    if not isinstance(scan, UploadFile) or not scan.size:
        raise Incomplete
    key = f"{text(sent, 'key')}-scan"
    kept = await reader.calls.hand_in("/v1/attachments", scan.filename or "", await scan.read(), "application/octet-stream", key=key)
    return str(kept.body["sha256"])


async def _paper(request: Request, reader: Reader, said: Typed, problem: Any, fault: NotReadable | None) -> Response:
    shown = {"typed": said, "problem": problem, "fault": fault}
    return page(request, reader, "paper_form.html", shown, status=status_of(problem) if fault is None else 422)


async def blank(_request: Request, _reader: Reader) -> Response:
    """The template."""
    headers = {"Content-Disposition": 'attachment; filename="enquiry.xlsx"'}
    return Response(template(), headers=headers, media_type=_XLSX)


async def _form(
    request: Request, reader: Reader, *, text: str, consent: str, problem: Any, fault: NotReadable | None, wanted: str
) -> Response:
    """`wanted` is the exporter's request that the lines are of, where they are of one."""
    consents = await _usable(reader)
    shown = {"consents": consents, "text": text, "consent": consent, "problem": problem, "fault": fault, "wanted": wanted}
    return page(request, reader, "enquiry_form.html", shown, status=status_of(problem) if fault is None else 422)


async def _usable(reader: Reader) -> list[dict[str, Any]]:
    """The consents under which declarations may be asked about now."""
    return [each for each in await reader.calls.all("/v1/consents") if each["state"] == "active" and "finance" in each["scopes"]]


async def _consent_of(reader: Reader, uscc: str) -> str:
    """The newest of an exporter's; empty where it gave none."""
    return next((str(each["id"]) for each in reversed(await _usable(reader)) if each["exporter"]["uscc"] == uscc), "")


async def _asked(sent: FormData) -> list[Asked]:
    file = sent.get("file")
    if isinstance(file, UploadFile) and file.size:
        return from_workbook(await file.read())
    return pasted(str(sent.get("lines", "")))


PAGES: Final = (
    Page("/enquiries", listed, seats=_BANK, scope="enquiries:read", heading=N_("Enquiries")),
    Page("/enquiries/new", form),
    Page("/enquiries/new", ask, ("POST",)),
    Page("/enquiries/paper", paper_form),
    Page("/enquiries/paper", ask_on_paper, ("POST",)),
    Page("/enquiries/template.xlsx", blank),
    Page("/enquiries/{enquiry_id}.xlsx", workbook),
    Page("/enquiries/{enquiry_id}", shown),
    Page("/enquiries/{enquiry_id}/again", ask_again, ("POST",)),
)
