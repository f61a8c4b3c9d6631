"""What an audit hands out: the signed report, its readable form, and the records drawn, as one set of files that belong together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from ledger import canonical, keyring
from ledger.clock import Clock
from ledger.keys import P256
from ledger.store import LedgerStore
from nodes.auditing import pdf, report, sampling
from nodes.auditing.whole import HomeAudit
from nodes.author import SigningKey
from nodes.home import Home
from nodes.home_config import HomeConfig
from nodes.keys.hsm import hsm_of
from nodes.keys.keystore import NODE_OWNER, KeyStore
from nodes.private import PrivateStore
from nodes.private_files import make_private_directory, read_node_secret, write_private_file

REPORT: Final = "audit-report.json"
READABLE: Final = "audit-report.pdf"
DRAWN: Final = "audit-sample.csv"


@dataclass(frozen=True, slots=True)
class AuditFiles:
    """The bytes of the three files."""

    report: bytes
    readable: bytes
    drawn: bytes

    def write(self, directory: Path) -> list[Path]:
        """Into a directory, which is made where there is none; what has these names is replaced. Raises `Refused` (`file-not-written`)."""
        make_private_directory(directory)
        named = {REPORT: self.report, READABLE: self.readable, DRAWN: self.drawn}
        for name, data in named.items():
            write_private_file(directory / name, data)
        return [directory / name for name in named]


@dataclass(frozen=True, slots=True)
class AuditedHome:
    """The home that was audited, as its files name it, and the key that signs for it, where it has one."""

    config: HomeConfig
    store: LedgerStore
    private: PrivateStore
    key: SigningKey | None


def files_of(audited: HomeAudit, home: AuditedHome, clock: Clock, sample: int) -> AuditFiles:
    """The files of an audit, with so many records drawn. Raises `NotFound` (`ledger-empty`, `no-checkpoint`)."""
    with home.store.reading() as reader:
        drawn = sampling.draw(reader, sample, audited.ledger.height)
    made = report.report_of(audited, drawn, home.store, name=home.config.network.name, made_at_ms=clock.now_ms())
    document = report.document(made, home.store, home.private, home.config.node.member, home.key)
    signature: dict[str, Any] | None = canonical.decode(document)["signature"]
    return AuditFiles(document, pdf.to_pdf(made, signature, document), drawn.to_csv())


def service_key(home: Home, store: LedgerStore, random: Callable[[int], bytes]) -> SigningKey | None:
    """The home's service key that is in force on the ledger; of several the one that was added last, None where there is none."""
    if not home.secret_file.exists() or store.is_new():
        return None
    keystore = KeyStore(home.keys_dir, random, hsm=hsm_of(home.read_config().pkcs11))
    alive: list[tuple[int, str]] = []
    with store.reading() as reader:
        for info in keystore.list():
            entry = reader.state.get(keyring.entry_key(info.id))
            if (info.alg, info.purpose, info.owner) == (P256, "service", NODE_OWNER) and entry and entry["revoked_at"] is None:
                alive.append((entry["added_at"], info.id))
    if not alive:
        return None
    private = keystore.open(max(alive)[1], read_node_secret(home.secret_file))
    assert isinstance(private, EllipticCurvePrivateKey), "a service key is made as p256"
    return SigningKey(max(alive)[1], private)
