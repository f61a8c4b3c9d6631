"""The API's description: an example of every operation, each of which fits what the description says, and no secret among them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator

from api.app import _routes
from api.description import ANSWERS
from api.examples import examples
from tests.api.recording import SECRET
from tests.api.served import Network


@pytest.fixture(scope="module")
def document(network: Network) -> dict[str, Any]:
    found: dict[str, Any] = network.anyone("bank-a").get("/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def faults(document: dict[str, Any], schema: dict[str, Any], value: Any) -> list[str]:
    whole = {**schema, "components": document["components"]}
    return [f"{error.json_path}: {error.message[:200]}" for error in Draft202012Validator(whole).iter_errors(value)]


def test_no_operation_lacks_an_example_of_its_request_and_its_answer(document: dict[str, Any]) -> None:
    lacking = []
    for name, operation in operations(document):
        good = {status: each for status, each in operation["responses"].items() if status.startswith("2")}
        if "303" in operation["responses"]:
            continue
        bodies = [body for each in good.values() for body in each.get("content", {}).values()]
        if not good or (bodies and not any("example" in body for body in bodies)) or (not bodies and set(good) != {"204"}):
            lacking.append(f"{name}: answer")
        asked = operation.get("requestBody", {}).get("content", {})
        if operation.get("requestBody") is not None and not any("example" in body for body in asked.values()):
            lacking.append(f"{name}: request")
        lacking += [f"{name}: {each['name']}" for each in operation.get("parameters", []) if each["in"] == "path" and "example" not in each]
    assert lacking == []


def test_every_example_fits_the_description(document: dict[str, Any]) -> None:
    wrong = []
    for name, operation in operations(document):
        places = [("request", body) for body in operation.get("requestBody", {}).get("content", {}).values()]
        places += [(status, body) for status, each in operation["responses"].items() for body in each.get("content", {}).values()]
        places += [(each["name"], each) for each in operation.get("parameters", [])]
        for place, body in places:
            if "example" in body:
                wrong += [f"{name} {place} {fault}" for fault in faults(document, body.get("schema", {}), body["example"])]
    assert wrong == []


def test_the_examples_are_of_operations_that_there_are(document: dict[str, Any]) -> None:
    routes = {(method, route.path) for route in _routes() if isinstance(route, APIRoute) for method in route.methods or ()}
    assert [each for each in examples() if each not in routes] == []
    assert [each for each in ANSWERS if tuple(each.split(" ")) not in routes] == []


def test_examples_hold_no_secret() -> None:
    def secrets(value: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            yield from (each for name, each in value.items() if name in SECRET)
            value = list(value.values())
        if isinstance(value, list):
            for each in value:
                yield from secrets(each)

    for found in examples().values():
        for example in found:
            assert set(secrets([example["request"], example["response"]])) <= {"..."}
            assert not re.search(r"eyJ[\w-]{20}|whsec_", str(example))


def test_every_error_is_a_problem_and_nothing_of_the_frameworks_own(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert "422" not in operation["responses"], name
        problem = operation["responses"]["default"]["content"]["application/problem+json"]
        assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}, name
    assert document["openapi"].startswith("3.1")
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_a_description_is_made_for_each_node(network: Network) -> None:
    urls = set()
    for name in ("bank-a", "bank-b"):
        made = network.anyone(name).get("/openapi.json").json()
        urls.add(made["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]["tokenUrl"])
    assert urls == {f"{network.url(name)}/oauth2/token" for name in ("bank-a", "bank-b")}
