"""The keys of a member's people on the ledger: what makes a maker's or a checker's signature count, and what ends it.

A new key takes a maker and a checker who are there already (`key.add`); an end needs haste more than care, so the node itself signs
it (`key.revoke`). Who signs is read from the ledger, whatever the accounts of the home say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from ledger.engine import Receipt
from nodes.author import RecordAuthor, SigningKey
from nodes.caller import Caller, registered_key
from nodes.directory import Directory
from nodes.keys.keystore import KeyInfo
from nodes.outcomes import require_ok

Reason = Literal["rotated", "compromised", "left"]
KEY_ADD: Final = "key.add"
KEY_REVOKE: Final = "key.revoke"
STAFF_PURPOSES: Final = ("make", "check")
Send = Callable[[bytes, str], Receipt]


def key_entry(key: KeyInfo, person: str) -> dict[str, str]:
    """A person's key, as `key.add` says it."""
    return {"alg": key.alg, "public": key.public.hex(), "purpose": key.purpose, "person": person}


class StaffKeys:
    """Of one member. `send` brings a signed record of a type to the ledger and gives its receipt, whatever the rules said."""

    def __init__(self, member: str, directory: Directory, author: RecordAuthor, send: Send) -> None:
        self._member, self._directory, self._author, self._send = member, directory, author, send

    def check_signers(self, maker: Caller, checker: Caller) -> tuple[SigningKey, SigningKey]:
        """The keys of two people who may sign `key.add` together. Raises `NotPermitted` as `registered_key`."""
        first, _ = registered_key(maker, self._directory, self._member, "make")
        second, _ = registered_key(checker, self._directory, self._member, "check")
        return first, second

    def add(self, key: KeyInfo, person: str, maker: Caller, checker: Caller) -> Receipt:
        """Registers a person's key, in force for every record after it. Raises as `check_signers`, `RuleRefused`, and as `send`."""
        return self.add_for(self._member, key_entry(key, person), maker, checker)

    def add_for(self, member: str, entry: Mapping[str, Any], maker: Caller, checker: Caller) -> Receipt:
        """Registers a key of a member, as `key_entry` describes it: the authority does so for one whose own people cannot sign.
        Raises as `add`, and `InputError` (`malformed`).
        """
        return self._accepted(KEY_ADD, {"member": member, "key": dict(entry)}, *self.check_signers(maker, checker))

    def end(self, person: str, reason: Reason, signer: SigningKey, *, but: str | None = None) -> list[str]:
        """Revokes every key of a person that is in force, but one where it is named: their ids. Raises `RuleRefused`, and as `send`."""
        keys = [key for purpose in STAFF_PURPOSES for key in self._directory.keys(self._member, purpose)]
        ended = [key.id for key in keys if key.person == person and key.id != but]
        for key_id in ended:
            self.end_key(key_id, reason, signer)
        return ended

    def end_key(self, key_id: str, reason: Reason, signer: SigningKey) -> Receipt:
        """Revokes one key. Raises as `end`."""
        return self._accepted(KEY_REVOKE, {"key": key_id, "reason": reason}, signer)

    def _accepted(self, record_type: str, body: dict[str, Any], *signers: SigningKey) -> Receipt:
        return require_ok(self._send(self._author.record(record_type, body, signers).raw, record_type))
