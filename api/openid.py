"""What an application holds of its OpenID provider: the way to sign in there, and threads of its own for it, so that a provider which does
not answer keeps nobody else waiting.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

from ledger.limits import SIGN_INS_AT_ONCE_MAX
from nodes.home_config import OidcSection
from nodes.keys.links import Links
from nodes.node import Node
from nodes.openid.provider import Provider
from nodes.openid.signing_in import OpenIdSignIn


@dataclass(frozen=True, slots=True)
class OpenId:
    """`close` it with the application."""

    section: OidcSection
    provider: Provider
    sign_in: OpenIdSignIn
    links: Links
    pool: ThreadPoolExecutor

    @classmethod
    def of(cls, node: Node, redirect_uri: str) -> Self | None:
        """None where the configuration names no provider."""
        section = node.config.oidc
        if section is None:
            return None
        provider = Provider(section, node.home.path, node.clock)
        sign_in = OpenIdSignIn(section, provider, redirect_uri, node.clock, node.random)
        return cls(section, provider, sign_in, node.links, ThreadPoolExecutor(SIGN_INS_AT_ONCE_MAX, thread_name_prefix="openid"))

    def close(self) -> None:
        """Ends what is being asked of the provider."""
        self.provider.close()
        self.pool.shutdown(wait=False, cancel_futures=True)
