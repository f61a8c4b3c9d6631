"""Making records: the fields that every record carries, its sealed parts, and its signatures.

A record that is made here names the newest header of the node's own replica, so it can be admitted only on the chain that this
node follows. Parts are sealed last, because they are bound to everything else in the record; the core that `core` gives is
therefore final, and whoever signs it signs all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from ledger import canonical
from ledger.clock import Clock
from ledger.record import FORMAT_VERSION, record_id, sign_record
from ledger.store import LedgerStore
from nodes.sealing import Recipient, seal

VALID_MS: Final = 43_200_000
_NONCE_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Part:
    """What is to be sealed under one name, and who may open it. The author's own sealing key belongs among the recipients."""

    content: dict[str, Any]
    recipients: Sequence[Recipient]


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key that is open now, and its id."""

    id: str
    private: EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Authored:
    """A signed record ready to be sent. `content_keys` are those of its sealed parts, by name."""

    record_id: str
    raw: bytes
    content_keys: Mapping[str, bytes]


class RecordAuthor:
    """Makes records for one network. `random` gives that many random bytes."""

    def __init__(
        self,
        network: str,
        store: LedgerStore,
        clock: Clock,
        random: Callable[[int], bytes],
    ) -> None:
        self._network = network
        self._store = store
        self._clock = clock
        self._random = random

    def core(
        self,
        record_type: str,
        body: Mapping[str, Any],
        signers: Sequence[str],
        parts: Mapping[str, Part] | None = None,
        *,
        valid_ms: int = VALID_MS,
    ) -> tuple[dict[str, Any], dict[str, bytes]]:
        """The unsigned record and the content keys of its parts. `signers` are key ids, the author's first; `valid_ms` counts from
        the later of the clock and the newest block's time. Raises `InputError` as `sealing.seal` does.
        """
        return self._alike(record_type, body, [signers], parts, valid_ms)[0]

    def cores(
        self, record_type: str, body: Mapping[str, Any], signers: Sequence[Sequence[str]], parts: Mapping[str, Part] | None = None
    ) -> list[dict[str, Any]]:
        """As `core`, one unsigned record for each row of signers, alike in everything else: they share their nonce and their time."""
        return [core for core, _ in self._alike(record_type, body, signers, parts, VALID_MS)]

    def _alike(
        self,
        record_type: str,
        body: Mapping[str, Any],
        signers: Sequence[Sequence[str]],
        parts: Mapping[str, Part] | None,
        valid_ms: int,
    ) -> list[tuple[dict[str, Any], dict[str, bytes]]]:
        with self._store.reading() as reader:
            head = reader.head
        common: dict[str, Any] = {
            "v": FORMAT_VERSION,
            "network": self._network,
            "type": record_type,
            "nonce": self._random(_NONCE_BYTES).hex(),
            "not_after": max(self._clock.now_ms(), head.time_ms) + valid_ms,
            "seen": {"height": head.height, "hash": head.hash},
            "body": dict(body),
        }
        return [self._sealed({**common, "signers": list(row)}, parts or {}) for row in signers]

    def _sealed(self, core: dict[str, Any], parts: Mapping[str, Part]) -> tuple[dict[str, Any], dict[str, bytes]]:
        sealed: dict[str, Any] = {}
        content_keys: dict[str, bytes] = {}
        for name, part in sorted(parts.items()):
            sealed[name], content_keys[name] = seal(core, name, part.content, part.recipients, self._random)
        return {**core, "sealed": sealed}, content_keys

    def record(
        self,
        record_type: str,
        body: Mapping[str, Any],
        signing_keys: Sequence[SigningKey],
        parts: Mapping[str, Part] | None = None,
        *,
        valid_ms: int = VALID_MS,
    ) -> Authored:
        """A record whose signers' keys are all at hand, made and signed in one go."""
        core, content_keys = self.core(
            record_type,
            body,
            [key.id for key in signing_keys],
            parts,
            valid_ms=valid_ms,
        )
        return Authored(
            core_id(core),
            sign_record(core, [key.private for key in signing_keys]),
            content_keys,
        )


def core_id(core: Mapping[str, Any]) -> str:
    """The id that the record has once it is signed: it depends on the unsigned record only."""
    return record_id(canonical.encode(core))
