"""Which engine orders the ledger, and so how its log is vouched for: the trust file says it, and nothing else here asks for it."""

from __future__ import annotations

from typing import Any, Protocol

from ledger.verify import comet, notes
from ledger.verify.strict_json import Invalid, decode


class Log(Protocol):
    """A log that somebody vouches for whom the trust file names."""

    @property
    def size(self) -> int: ...
    @property
    def root(self) -> bytes: ...
    @property
    def who(self) -> str:
        """Who vouches for it."""

    @property
    def single(self) -> bool:
        """Whether that is one alone, who answers for what it signed."""

    @property
    def doubt(self) -> str:
        """What stays open of a fork that several signed."""

    def said(self) -> tuple[list[str], list[str]]:
        """Who vouches that everybody is shown this log: what is proven, and what is not."""

    def conflict(self, other: Any) -> str | None:
        """What shows, without another proof, that two such logs are not of one history."""


class Trust(Protocol):
    """What the verifier believes beforehand."""

    @property
    def network(self) -> str: ...

    def log(self, checkpoint: Any, *, accused: bool = False) -> Log:
        """The log that a checkpoint vouches for; `accused` where its signature is to speak against whoever signed. Raises `Invalid`."""


def read_trust(data: bytes) -> Trust:
    """What a trust file's bytes say. Raises `Invalid` (`bad-trust`, `unknown-engine`)."""
    try:
        value = decode(data, notes.TRUST_BYTES_MAX)
    except Invalid as invalid:
        raise Invalid("bad-trust") from invalid
    is_comet = type(value) is dict and value.get("engine") == "comet"
    return comet.read_trust(value) if is_comet else notes.read_trust(data)
