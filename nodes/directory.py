"""Who is who, as the ledger's state says it: members and their roles, and which of their keys are alive.

Enterprises are not here: no public field names them (see `nodes.enterprises`). The directory is read from the state of the
node's own replica, and read again only when a record changed it. Whether one did is looked up in the database, but for as long as
this process alone writes to it and wrote nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ledger import keyring
from ledger.errors import NotFound
from ledger.store import LedgerStore, Reader
from nodes.sealing import Recipient

_CHANGED_BY: Final = ("member.", "key.", "governance.", "order.")
_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Member:
    """A member as the ledger knows it. `region` follows GB/T 2260; `status` is active, suspended or succeeded, then by its `heir`; `frozen`
    says that an order stands against it.
    """

    slug: str
    role: str
    region: str
    name: str
    status: str
    frozen: bool
    heir: str | None
    admitted_ms: int


@dataclass(frozen=True, slots=True)
class MemberKey:
    """A registered key of a member. `alive` is about the next record's place in the log."""

    id: str
    alg: str
    public: bytes
    member: str
    purpose: str
    person: str | None
    added_at: int
    alive: bool


@dataclass(frozen=True, slots=True)
class _Snapshot:
    next_log_index: int
    members: Mapping[str, Member]
    keys: Mapping[str, MemberKey]
    registrar: str


class Directory:
    """Safe to share between threads."""

    def __init__(self, store: LedgerStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._snapshot: _Snapshot | None = None
        self._version: int | None = None

    def members(self, role: str | None = None) -> list[Member]:
        """Members in the order of their slugs, those of one role where it is given."""
        return [member for member in self._current().members.values() if role in (None, member.role)]

    def member(self, slug: str) -> Member:
        """Raises `NotFound` (`unknown-member`)."""
        member = self._current().members.get(slug)
        if member is None:
            raise NotFound("unknown-member", f"the network has no member {slug}")
        return member

    def authority(self) -> str:
        """The slug of the authority. Raises `NotFound` (`no-authority`) on a network without one."""
        for member in self._current().members.values():
            if member.role == "authority":
                return member.slug
        raise NotFound("no-authority", "the network has no member with the role authority")

    def registrar(self) -> str:
        """The slug of the member that registers declarations."""
        return self._current().registrar

    def keys(self, member: str, purpose: str | None = None) -> list[MemberKey]:
        """The member's keys that are alive, the newest first."""
        found = (key for key in self._current().keys.values() if key.alive and key.member == member and purpose in (None, key.purpose))
        return sorted(found, key=lambda key: (-key.added_at, key.id))

    def key(self, key_id: str) -> MemberKey | None:
        """A member's key, alive or not; None where no member has or had it."""
        return self._current().keys.get(key_id)

    def recipient(self, member: str) -> Recipient:
        """The member's newest sealing key, named in the wrap, for a record whose public fields name the member already.
        Raises `NotFound` (`no-sealing-key`).
        """
        for key in self.keys(member, "seal"):
            return Recipient(key.public, key.id, named=True)
        raise NotFound("no-sealing-key", f"the member {member} has no sealing key that is in force")

    def author_of(self, signers: Iterable[str]) -> str | None:
        """The member whose key comes first among a record's signers; a one-time key has none, so then its introducer."""
        for key_id in signers:
            key = self.key(key_id)
            if key is not None:
                return key.member
        return None

    def _current(self) -> _Snapshot:
        with self._lock:
            # Asked before reading: what is written meanwhile makes it another one, and the next look-up reads again.
            version, snapshot = self._store.version, self._snapshot
            if snapshot is not None and version is not None and version == self._version:
                return snapshot
            with self._store.reading() as reader:
                next_log_index = reader.head.log_size + 1
                if snapshot is None or _changed(snapshot, reader):
                    snapshot = _read(reader)
                elif snapshot.next_log_index < next_log_index:
                    snapshot = replace(snapshot, next_log_index=next_log_index)
            self._snapshot, self._version = snapshot, version
            return snapshot


def _changed(snapshot: _Snapshot, reader: Reader) -> bool:
    """Whether a block since the snapshot may have changed it. Far behind, reading anew is cheaper than looking."""
    if snapshot.next_log_index > reader.head.log_size:
        return False
    if _registrar(reader) != snapshot.registrar:
        # What governors decided takes effect at its time, in a block whose records may be of any type.
        return True
    records = reader.records(snapshot.next_log_index, _PAGE)
    return len(records) == _PAGE or any(stored.record.type.startswith(_CHANGED_BY) for stored in records)


def _read(reader: Reader) -> _Snapshot:
    next_log_index = reader.head.log_size + 1
    state = reader.state
    members = {key.removeprefix("member/"): entry for key, entry in state.scan("member/")}
    keys = {key.removeprefix("key/"): entry for key, entry in state.scan("key/") if entry["member"] is not None}
    return _Snapshot(
        next_log_index,
        {slug: _member(slug, entry) for slug, entry in members.items()},
        {key_id: _member_key(key_id, entry, next_log_index) for key_id, entry in keys.items()},
        _registrar(reader),
    )


def _registrar(reader: Reader) -> str:
    entry = reader.state.get("registrar")
    return "" if entry is None else str(entry["member"])


def _member(slug: str, entry: Mapping[str, Any]) -> Member:
    return Member(
        slug,
        entry["role"],
        entry["region"],
        entry["name"],
        entry["status"],
        bool(entry["frozen"]),
        entry["heir"],
        entry["admitted_ms"],
    )


def _member_key(key_id: str, entry: Mapping[str, Any], log_index: int) -> MemberKey:
    return MemberKey(
        key_id,
        entry["alg"],
        bytes.fromhex(entry["public"]),
        entry["member"],
        entry["purpose"],
        entry["person"],
        entry["added_at"],
        keyring.alive(entry, log_index),
    )
