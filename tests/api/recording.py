"""Real answers for the examples of the API's description: `make examples` runs the API's tests with this as a plugin, which keeps for each
operation and status the shortest exchange that says something, and writes them to `api/examples/`, a file for each group of resources.
`between-nodes.json` is written by hand: those operations are called by nodes and not by tests, or answer without end.

What is secret, or is a secret's work, is written as `...`. Every answer, kept or not, is held against the description; what does not fit it
ends `make examples`.
"""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import httpx
import pytest
from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator

from api.app import _routes
from api.description import answer_schema, answer_schemas
from api.examples import DIRECTORY

SECRET: Final = frozenset(
    {"access_token", "client_secret", "client_assertion", "csrf_token", "new", "old", "passphrase", "password", "secret"}
)
_FOUND: dict[str, dict[str, Any]] = {}
_FAULTS: set[str] = set()
_BYTES_MAX: Final = 12_000
_ROUTES: Final = [route for route in _routes() if isinstance(route, APIRoute)]
_GROUPS: Final = {
    (method, route.path): str((route.tags or ["general"])[0]).replace(" ", "-") for route in _ROUTES for method in route.methods or ()
}


def kept_in() -> Path:
    """Where each worker leaves what it saw."""
    return Path(os.environ["TALLYSTICK_EXAMPLES"])


@pytest.fixture(scope="session", autouse=True)
def _recorded() -> Iterator[None]:
    """Every request of the session is looked at."""
    send = httpx.Client.send

    def sending(client: httpx.Client, request: httpx.Request, **given: Any) -> httpx.Response:
        content = request.read()
        response = send(client, request, **given)
        if not given.get("stream"):
            _see(request, content, response)
        return response

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(httpx.Client, "send", sending)
        yield
    kept_in().mkdir(parents=True, exist_ok=True)
    (kept_in() / f"{os.getpid()}.json").write_text(json.dumps(_FOUND), encoding="utf-8")
    (kept_in() / f"{os.getpid()}.faults").write_text("".join(f"{each}\n" for each in sorted(_FAULTS)), encoding="utf-8")


def _see(request: httpx.Request, content: bytes, response: httpx.Response) -> None:
    if response.status_code >= 300 or request.url.host not in ("127.0.0.1", "localhost"):
        return
    found = _route_of(request.method, request.url.path)
    if found is not None and response.headers.get("content-type", "") == "application/json":
        _compare(f"{request.method} {found[0]}", response)
    if found is None or len(response.content) > _BYTES_MAX or len(content) > _BYTES_MAX:
        return
    path, values = found
    body, kind = _told(response.content, response.headers.get("content-type", ""))
    asked = _told(content, request.headers.get("content-type", ""))[0] if content else None
    if path == "/v1/declaration-imports" and isinstance(asked, dict):
        asked = {"file": ["(a file)"]}
    example = {
        "path": path,
        "method": request.method,
        "status": response.status_code,
        "parameters": values | dict(request.url.params),
        "request": asked,
        "request_type": request.headers.get("content-type", "").partition(";")[0] if content else None,
        "response": body,
        "response_type": kind,
    }
    name = f"{request.method} {path} {response.status_code}"
    if name not in _FOUND or _worth(example) > _worth(_FOUND[name]):
        _FOUND[name] = example


def _compare(route: str, response: httpx.Response) -> None:
    """Notes what of an answer does not fit the schema that the description gives it."""
    schema = answer_schema(route, response.status_code, "application/json")
    whole = {**schema, "components": {"schemas": answer_schemas()}}
    for error in Draft202012Validator(whole).iter_errors(response.json()):
        _FAULTS.add(f"{route} {response.status_code} {error.json_path}: {error.validator} {error.validator_value}")


def _worth(example: dict[str, Any]) -> tuple[bool, bool, int]:
    """Something on the list, and its request named; then the shorter the better."""
    body = example["response"]
    empty = isinstance(body, dict) and body.get("items") == []
    return (not empty, bool(example["request"]), -len(json.dumps(example)))


def _route_of(method: str, path: str) -> tuple[str, dict[str, str]] | None:
    for route in _ROUTES:
        found = route.path_regex.match(path)
        if found is not None and method in (route.methods or ()):
            return route.path, found.groupdict()
    return None


def _told(content: bytes, kind: str) -> tuple[Any, str]:
    kind = kind.partition(";")[0]
    if not content:
        return None, kind
    try:
        if kind.endswith("json"):
            return _without_secrets(json.loads(content)), kind
        if kind == "application/x-www-form-urlencoded":
            return _without_secrets(dict(parse_qsl(content.decode()))), kind
        if kind == "multipart/form-data":
            return {"file": "(a file)"}, kind
        return content.decode("utf-8"), kind
    except ValueError:
        return "(a file)", kind


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: "..." if name in SECRET else _without_secrets(each) for name, each in value.items()}
    return [_without_secrets(each) for each in value] if isinstance(value, list) else value


def write() -> None:
    """Puts together what the workers saw."""
    best: dict[str, dict[str, Any]] = {}
    for file in sorted(kept_in().glob("*.json")):
        for name, example in json.loads(file.read_text(encoding="utf-8")).items():
            if name not in best or _worth(example) > _worth(best[name]):
                best[name] = example
    faults = {line for file in kept_in().glob("*.faults") for line in file.read_text(encoding="utf-8").splitlines()}
    if faults:
        sys.exit("answers that do not fit the description:\n" + "\n".join(sorted(faults)))
    by_group = defaultdict(list)
    for name in sorted(best):
        by_group[_GROUPS[best[name]["method"], best[name]["path"]]].append(best[name])
    for group, examples in by_group.items():
        text = json.dumps(examples, ensure_ascii=False, indent=1) + "\n"
        (DIRECTORY / f"{group}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
