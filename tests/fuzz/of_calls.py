"""Readers of what programs send: sealed parts that other members wrote, bodies of requests, tokens, and what signs a client in."""

from __future__ import annotations

import asyncio
import json
from functools import cache, partial
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.exceptions import HTTPException
from starlette.requests import Request

from api import assertions, oauth
from api.routing import StrictRequest
from ledger import canonical
from ledger.errors import InputError
from nodes.customs.declaration import CustomsDeclaration
from nodes.sealed_models import SealedPart, read_part
from tests.fuzz.target import READ, Reader, Target, outcome
from tests.ledger.small_ledger import ANNE_SERVICE


@cache
def _models() -> list[Any]:
    """Every form of a sealed part, of letters and their contents too, by name."""
    found = {f"{each.__module__}.{each.__qualname__}": each for each in SealedPart.__subclasses__()}
    return [found[name] for name in sorted(found)]


def _sealed_part() -> Reader:
    def taken(model: Any, value: Any) -> None:
        part = read_part(model, value)
        assert read_part(model, canonical.decode(canonical.encode(part.content()))) == part

    def read(data: bytes) -> str:
        try:
            value = canonical.decode(data)
        except InputError as error:
            return error.code
        if not isinstance(value, dict):
            return "no-object"
        found = [outcome(partial(taken, model, value), InputError) for model in _models()]
        found.append(outcome(lambda: CustomsDeclaration.from_sealed(value), InputError))
        return READ if READ in found else found[0]

    return read


def _body() -> Reader:
    def read(data: bytes) -> str:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": data, "more_body": False}

        request = StrictRequest({"type": "http", "method": "POST", "headers": []}, receive)
        try:
            value = asyncio.run(request.json())
        except ValueError as error:
            # What FastAPI answers as a request that is not JSON: api/problems.py.
            return type(error).__name__
        json.dumps(value).encode()
        return READ

    return read


def _form() -> Reader:
    async def taken(data: bytes) -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": data, "more_body": False}

        headers = [(b"content-type", b"multipart/form-data; boundary=cut")]
        # An app in the scope makes of a fault what a node answers.
        request = Request({"type": "http", "method": "POST", "headers": headers, "app": None}, receive)
        async with request.form(max_files=8, max_fields=8) as form:
            for _, value in form.multi_items():
                if not isinstance(value, str):
                    await value.read()

    return lambda data: outcome(lambda: asyncio.run(taken(data)), HTTPException)


def _token() -> Reader:
    assert isinstance(ANNE_SERVICE, ec.EllipticCurvePrivateKey)
    public = ANNE_SERVICE.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    return lambda data: "refused" if assertions._decode(data.decode("latin-1"), public) is None else READ


def _basic() -> Reader:
    return lambda data: outcome(lambda: oauth._basic(data.decode("latin-1"), None), oauth.OAuthError)


TARGETS = {
    "sealed-part": Target(_sealed_part, "json", 65_536),
    "body": Target(_body, "bytes", 65_536),
    "form": Target(_form, "bytes", 16_384),
    "token": Target(_token, "bytes", 8_192),
    "basic": Target(_basic, "bytes", 4_096),
}
