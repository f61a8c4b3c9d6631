"""What a node shows and believes over TLS, from the files that its configuration names, relative to the home."""

from __future__ import annotations

import ssl
from pathlib import Path

from ledger.errors import InputError
from nodes.home_config import HomeConfig


def calling_others(config: HomeConfig, home: Path) -> ssl.SSLContext | None:
    """For calling other nodes; None for the usual authorities and no certificate. Raises `InputError` (`bad-tls-file`)."""
    section = config.client_tls
    if section is None:
        return None
    try:
        context = ssl.create_default_context(cafile=None if section.ca_file is None else str(home / section.ca_file))
        _show(context, config, home)
    except OSError as error:
        raise _bad_file("client_tls") from error
    return context


def calling_itself(config: HomeConfig, home: Path) -> ssl.SSLContext | None:
    """For a command that calls the home's own node: it believes the node's own certificate, whatever name that is for, and no other; None
    where the node speaks no TLS. Raises as `calling_others`.
    """
    if config.api.tls is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(home / config.api.tls.certificate)
        _show(context, config, home)
    except OSError as error:
        raise _bad_file("api.tls") from error
    return context


def _show(context: ssl.SSLContext, config: HomeConfig, home: Path) -> None:
    section = config.client_tls
    if section is not None and section.certificate is not None and section.key is not None:
        context.load_cert_chain(home / section.certificate, home / section.key)


def _bad_file(section: str) -> InputError:
    return InputError("bad-tls-file", f"a file that [{section}] names cannot be used", hint="certificates and keys are PEM, the home's own")
