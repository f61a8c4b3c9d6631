"""The whole state, read once, for checks that look at all of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from contracts.entries import Collection, Consent, Declaration, Enquiry, Financing, Grant, Member, Take
from ledger.rules import State


@dataclass
class WholeState:
    """Every entry by kind and id, the time that it is looked at, and, in words, what was found `broken`."""

    state: State
    time_ms: int
    broken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.members: dict[str, Member] = self.all("member")
        self.declarations: dict[str, Declaration] = self.all("declaration")
        self.financings: dict[str, Financing] = self.all("financing")
        self.consents: dict[str, Consent] = self.all("consent")
        self.grants: dict[str, Grant] = self.all("grant")
        self.takes: dict[str, Take] = self.all("take")
        self.enquiries: dict[str, Enquiry] = self.all("enquiry")
        self.collections: dict[str, Collection] = self.all("collection")

    def all(self, kind: str) -> dict[str, Any]:
        """The entries of a kind, by what follows it in their keys."""
        return {key.partition("/")[2]: value for key, value in self.state.scan(f"{kind}/")}

    def want(self, holds: bool, message: str) -> None:
        """Notes a message unless a condition holds."""
        if not holds:
            self.broken.append(message)
