"""TLS of the node's own: what the server needs, and the certificate that a client showed.

uvicorn tells applications nothing of it. `TlsProtocol` adds the TLS extension of ASGI to what each request of a connection says of itself.
"""

from __future__ import annotations

import asyncio
import ssl
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from api.connections import BoundedProtocol
from ledger.errors import InputError
from nodes.home_config import HomeConfig

_EXTENSION: Final = "tls"


class TlsProtocol(BoundedProtocol):
    """HTTP/1.1 on one connection, whose requests say which certificate the client showed."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn's own
        super().connection_made(transport)
        connection = transport.get_extra_info("ssl_object")
        if connection is not None:
            self.app = _saying(self.app, _extension(connection))


def server_options(config: HomeConfig, home: Path) -> dict[str, Any]:
    """What uvicorn is told of connections, and of TLS where the node speaks it. Raises `InputError` (`bad-tls-file`)."""
    section = config.api.tls
    if section is None:
        return {"http": BoundedProtocol}
    options: dict[str, Any] = {
        "http": TlsProtocol,
        "ssl_certfile": str(home / section.certificate),
        "ssl_keyfile": str(home / section.key),
        "ssl_cert_reqs": ssl.CERT_NONE,
    }
    if section.client_ca_file is not None:
        required = section.client_certificate == "required"
        options["ssl_ca_certs"] = str(home / section.client_ca_file)
        options["ssl_cert_reqs"] = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    try:
        # As uvicorn will read them, in a thread that nobody hears.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options["ssl_certfile"], options["ssl_keyfile"])
        if section.client_ca_file is not None:
            context.load_verify_locations(options["ssl_ca_certs"])
    except OSError as error:
        hint = "certificates and keys are PEM, relative to the home"
        raise InputError("bad-tls-file", "a file that [api.tls] names cannot be used", hint=hint) from error
    return options


def thumbprint_of(connection: HTTPConnection) -> str | None:
    """The SHA-256 of the certificate that the client showed, which the handshake verified; None where it showed none. 64 hex digits."""
    chain = connection.scope.get("extensions", {}).get(_EXTENSION, {}).get("client_cert_chain", ())
    return sha256(ssl.PEM_cert_to_DER_cert(chain[0])).hexdigest() if chain else None


def _extension(connection: ssl.SSLObject) -> dict[str, Any]:
    """As ASGI's TLS extension has it, of what Python says: the client's own certificate only, and no numbers of versions and ciphers."""
    shown = connection.getpeercert(binary_form=True)
    chain = [] if shown is None else [ssl.DER_cert_to_PEM_cert(shown)]
    unknown = {"server_cert": None, "client_cert_name": None, "client_cert_error": None, "tls_version": None, "cipher_suite": None}
    return {**unknown, "client_cert_chain": chain}


def _saying(app: ASGIApp, extension: dict[str, Any]) -> ASGIApp:
    async def say(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "extensions": {**scope.get("extensions", {}), _EXTENSION: extension}}, receive, send)

    return say
