"""Tables of calls: who calls what at which node, and with which code the node refuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.api.served import Network, problem

NOWHERE = "0" * 64
CSV = {"Content-Type": "text/csv"}
XLSX = {"Content-Type": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


@dataclass(frozen=True)
class Call:
    """`json` or `content` is the body. `node` and `user` say who calls."""

    node: str
    user: str
    method: str
    path: str
    json: Any = None
    content: bytes | None = None
    params: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def answer_of(network: Network, call: Call) -> httpx.Response:
    body: dict[str, Any] = {} if call.content is None else {"content": call.content}
    body |= {} if call.json is None else {"json": call.json}
    client = network.sign_in(call.node, call.user)
    return client.request(call.method, call.path, params=call.params, headers=dict(call.headers), **body)


def refusals(network: Network, calls: Mapping[str, Call]) -> dict[str, str]:
    """By the code that each call should be refused with, the code that it was."""
    return {code: _code(answer_of(network, call)) for code, call in calls.items()}


def _code(answer: httpx.Response) -> str:
    return f"no problem: {answer.status_code} {answer.text[:300]}" if answer.status_code < 400 else str(problem(answer)["code"])


def expected(calls: Mapping[str, Call]) -> dict[str, str]:
    return {code: code for code in calls}
