"""Where a webhook may lead: to addresses of the public internet, so that nobody has the node call what stands beside it.

A name is resolved once, every address that it has is judged, and the connection goes to one of these very addresses: a name that
answers otherwise a moment later (DNS rebinding) gains nothing. An IPv6 address that carries an IPv4 one is judged by that too.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from ledger.errors import InputError, NotPermitted, Unreachable
from ledger.limits import WEBHOOK_URL_CHARS_MAX

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
_PORTS: Final = {"https": 443, "http": 80}
# Of the registries of special-purpose addresses, what older versions of `ipaddress` take for global.
_SPECIAL_4: Final = tuple(ipaddress.IPv4Network(each) for each in ("192.0.0.0/24", "192.88.99.0/24"))
_SPECIAL_6: Final = tuple(ipaddress.IPv6Network(each) for each in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
_UNICAST_6: Final = ipaddress.IPv6Network("2000::/3")
# Gateways hand these on to the IPv4 address in their last 32 bits (RFC 6052, RFC 8215).
_TRANSLATED: Final = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))


@dataclass(frozen=True, slots=True)
class Target:
    """A webhook's address, taken apart. `authority` is what the `Host` header says."""

    scheme: str
    host: str
    port: int
    authority: str
    path: str

    def at(self, address: str) -> str:
        """The same resource at one address of its host."""
        bracketed = f"[{address}]" if ":" in address else address
        return f"{self.scheme}://{bracketed}:{self.port}{self.path}"


def target_of(url: str, *, allow_http: bool) -> Target:
    """Raises `InputError` (`webhook-url`) for anything but a plain https address, or http where the configuration allows it."""
    if len(url) > WEBHOOK_URL_CHARS_MAX or not url.isascii() or any(mark <= " " or mark == "\x7f" for mark in url):
        raise _bad(f"it has at most {WEBHOOK_URL_CHARS_MAX} printable ASCII characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _bad("it cannot be read") from error
    if parts.scheme not in _PORTS or (parts.scheme == "http" and not allow_http):
        raise _bad("it begins with https://" + (" or http://" if allow_http else ""))
    if not parts.hostname or parts.username is not None or parts.password is not None or parts.fragment or port == 0:
        raise _bad("it has a host, and neither a user nor a fragment")
    return Target(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], parts.netloc, _path(parts))


async def addresses_of(target: Target, resolve: Resolve, *, allow_private: bool) -> list[str]:
    """The addresses to which one may connect. Raises `Unreachable` (`unresolved`), `NotPermitted` (`address-forbidden`) where any of
    them is not allowed.
    """
    try:
        found = await resolve(target.host, target.port)
    except (OSError, UnicodeError) as error:
        raise Unreachable("unresolved", "the webhook's host has no address", hint="check its name") from error
    if not found:
        raise Unreachable("unresolved", "the webhook's host has no address", hint="check its name")
    if not all(is_allowed(address, allow_private=allow_private) for address in found):
        hint = "allow_private in [webhooks] of tallystick.toml permits addresses of the owner's own network"
        raise NotPermitted("address-forbidden", "the webhook leads to an address that is not of the public internet", hint=hint)
    return list(found)


async def resolve_host(host: str, port: int) -> Sequence[str]:
    """As the machine resolves names, in its order of preference."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_allowed(text: str, *, allow_private: bool) -> bool:
    """Whether a webhook may lead to an address. Multicast and unspecified ones are never allowed, private ones where configured."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    for each in (address, *_carried(address)):
        if each.is_multicast or each.is_unspecified or each == ipaddress.IPv4Address("255.255.255.255"):
            return False
        if not allow_private and not _is_public(each):
            return False
    return True


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        special = any(address in network for network in _SPECIAL_4)
    else:
        special = address not in _UNICAST_6 or any(address in network for network in _SPECIAL_6)
    return address.is_global and not special


def _carried(address: Address) -> list[Address]:
    if isinstance(address, ipaddress.IPv4Address):
        return []
    teredo = address.teredo
    found = [address.ipv4_mapped, address.sixtofour, *(teredo or ())]
    if any(address in network for network in _TRANSLATED) or int(address) >> 32 == 0:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return [each for each in found if each is not None]


def _path(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _bad(why: str) -> InputError:
    return InputError("webhook-url", f"this is no address for a webhook: {why}")
