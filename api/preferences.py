"""The `Prefer` header (RFC 7240): `wait=SECONDS` says how long the caller is ready to wait for the ledger's answer."""

from __future__ import annotations

import re
from typing import Final

from starlette.requests import Request

from api.problems import BadRequest
from ledger.limits import HTTP_WAIT_SECONDS_MAX

_WAIT: Final = re.compile(r'wait\s*=\s*"?([0-9]{1,6})"?\Z', re.IGNORECASE)


def wait_seconds(request: Request) -> int | None:
    """The seconds, at most as many as the node keeps anyone waiting; None without the preference. Others are ignored, as they may be.

    Raises `BadRequest` (`bad-prefer`) for a `wait` that is no number.
    """
    for header in request.headers.getlist("prefer"):
        for preference in re.split(r"[,;]", header):
            if preference.strip().lower().partition("=")[0].strip() != "wait":
                continue
            found = _WAIT.match(preference.strip())
            if found is None:
                raise BadRequest("bad-prefer", "the preference `wait` is a number of seconds", hint="Prefer: wait=10")
            return min(int(found.group(1)), HTTP_WAIT_SECONDS_MAX)
    return None
