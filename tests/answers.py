"""What nodes answered while a test ran: the codes of problems, and the results of rows, as clients read them.

A test that is marked as producing a problem code, a row's code or a reason to decline fails where no answer held it, and any test fails
where a problem's code stands in no table. So the markers, of which documents are made, are true.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest

from api.problem_codes import PROBLEMS
from contracts.codes import CODES
from ledger import admission

# Kinds of `produces` whose names an answer has to hold, and where: in problems, or as results inside an answer of 2xx.
SEEN_IN: Final = {"problem-code": "problem", "row-code": "result", "decline-code": "result"}
_EXPLAINED: Final = PROBLEMS.keys() | CODES.keys() | admission.CODES.keys()


class Answers:
    """Codes by where they stood. httpx tells it of each answer that was read whole."""

    def __init__(self) -> None:
        self.seen: dict[str, set[str]] = {"problem": set(), "result": set()}

    def watch(self) -> None:
        read, aread = httpx.Response.read, httpx.Response.aread

        def reading(response: httpx.Response) -> bytes:
            content = read(response)
            self._look(response, content)
            return content

        async def areading(response: httpx.Response) -> bytes:
            content = await aread(response)
            self._look(response, content)
            return content

        setattr(httpx.Response, "read", reading)  # noqa: B010 - a method of theirs is replaced, which no type allows
        setattr(httpx.Response, "aread", areading)  # noqa: B010 - as above

    def _look(self, response: httpx.Response, content: bytes) -> None:
        media_type = response.headers.get("content-type", "").partition(";")[0]
        if media_type not in ("application/json", "application/problem+json"):
            return
        try:
            body = json.loads(content)
        except ValueError:
            return
        if response.status_code >= 400 and isinstance(body, dict):
            self.seen["problem"].update([str(body["code"])] if "code" in body else [])
            return
        self.seen["result"].update(_results(body))

    def fault(self, item: pytest.Item) -> str | None:
        """What is not true of a test's markers, or of what it was answered."""
        said = [(marker.args[0], name) for marker in item.iter_markers("produces") for name in marker.args[1:]]
        missing = sorted(name for kind, name in said if kind in SEEN_IN and name not in self.seen[SEEN_IN[kind]])
        if missing:
            return f"the test is marked as producing {', '.join(missing)}, and no answer held it"
        unexplained = sorted(self.seen["problem"] - _EXPLAINED)
        return f"problems with codes that no table explains: {', '.join(unexplained)}" if unexplained else None


def _results(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (value[name] for name in ("result", "code") if isinstance(value.get(name), str))
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _results(each)
