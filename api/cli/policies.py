"""The policy that a network is founded with, as the command line takes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from api.cli.files import json_object
from contracts.policy import Policy
from ledger.errors import InputError

PolicyOption = Annotated[
    str | None,
    typer.Option("--policy", metavar="JSON|FILE", help="""what differs from the usual policy, as {"hold_days_max": 20} or a file of it"""),
]


def policy_of(text: str | None) -> Policy:
    """The usual policy with what differs. Raises `InputError` (`bad-policy`), and as `json_object` for a file."""
    if text is None:
        return Policy()
    given: Any = _json(text) if text.lstrip().startswith("{") else json_object(Path(text))
    try:
        return Policy.model_validate(given)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in fault["loc"])
        raise InputError("bad-policy", f"{field}: {fault['msg']}", hint="GET /v1/policy shows every field of a network's") from error


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError("bad-policy", "the policy is not JSON") from error
