"""Governance: the policy in force, and proposals that the governors approve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from api.portal.calls import ApiRefused
from api.portal.forms import text
from api.portal.oversight_words import POLICY, PROPOSALS
from api.portal.reading import Page, Reader, page, see

# What a proposal may be made of here. Validators are named by keys, which the command line reads.
_KINDS: Final = ("policy", "governors", "registrar", "rules")
_TYPED: Final = ("kind", "field", "value", "governors", "member", "version")


async def shown(request: Request, reader: Reader) -> Response:
    """The policy, and every proposal, the newest first."""
    return await _shown(request, reader, dict.fromkeys(_TYPED, ""), None)


async def propose(request: Request, reader: Reader) -> Response:
    """Proposes what the form says, or shows it again with what does not fit."""
    sent = await request.form()
    try:
        answer = await reader.calls.send("/v1/governance/proposals", {"change": _change(sent)}, key=text(sent, "key"))
    except ApiRefused as refused:
        return await _shown(request, reader, {name: text(sent, name) for name in _TYPED}, refused.problem)
    return see(f"/governance/{answer.body['id']}")


async def proposal(request: Request, reader: Reader) -> Response:
    """One proposal: what changes, who approved, whose approval is missing."""
    return await _proposal(request, reader, None)


async def approve(request: Request, reader: Reader) -> Response:
    """Approves it."""
    sent, proposal_id = await request.form(), request.path_params["proposal_id"]
    try:
        await reader.calls.send(f"/v1/governance/proposals/{proposal_id}/approve", {}, key=text(sent, "key"))
    except ApiRefused as refused:
        return await _proposal(request, reader, refused.problem)
    return see(f"/governance/{proposal_id}")


def _change(sent: FormData) -> dict[str, Any]:
    """The change as the API takes it. What cannot be read as a number is handed on as it is, for the API to refuse."""
    kind = text(sent, "kind")
    if kind == "policy":
        return {"kind": kind, "policy": {text(sent, "field"): _number(text(sent, "value"))}}
    if kind == "governors":
        rows = [line.split() for line in text(sent, "governors").splitlines() if line.strip()]
        return {"kind": kind, "governors": [{"member": row[0], "weight": _number(row[1] if len(row) == 2 else "")} for row in rows]}
    if kind == "registrar":
        return {"kind": kind, "member": text(sent, "member")}
    return {"kind": kind, "version": _number(text(sent, "version")), "at": 0}


def _number(typed: str) -> int | str:
    return int(typed) if typed.isascii() and typed.isdecimal() else typed


async def _shown(request: Request, reader: Reader, typed: Mapping[str, str], problem: Mapping[str, Any] | None) -> Response:
    policy = await reader.calls.get("/v1/policy")
    shown = {
        "policy": {name: policy["policy"][name] for name in POLICY if name in policy["policy"]},
        "scheduled": policy["scheduled"],
        "proposals": (await reader.calls.get("/v1/governance/proposals"))["items"],
        "members": await reader.calls.all("/v1/members"),
        "kinds": {kind: PROPOSALS[kind] for kind in _KINDS},
        "fields": POLICY,
        "typed": typed,
        "problem": problem,
        "may": reader.may("governance:write") and reader.role in ("maker", "checker") and reader.seat != "enterprise",
    }
    return page(request, reader, "governance.html", shown, status=422 if problem else 200)


async def _proposal(request: Request, reader: Reader, problem: Mapping[str, Any] | None) -> Response:
    found = await reader.calls.get(f"/v1/governance/proposals/{request.path_params['proposal_id']}")
    may = found["state"] == "OPEN" and reader.network["node"]["member"] in found["missing"] and reader.role in ("maker", "checker")
    return page(request, reader, "proposal.html", {"proposal": found, "may": may, "problem": problem}, status=409 if problem else 200)


PAGES: Final = (
    Page("/governance", shown),
    Page("/governance", propose, ("POST",)),
    Page("/governance/{proposal_id}", proposal),
    Page("/governance/{proposal_id}/approve", approve, ("POST",)),
)
