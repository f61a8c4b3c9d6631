"""The documents of a node: one file each in `attachments/` under the home, named by its SHA-256 and encrypted under the node's secret.

A document belongs to the node's owner, or to one exporter in its custody; it is read for whom it belongs to and for nobody else. The
same bytes are kept once. AES-256-GCM binds the digest, so a file that was changed or renamed does not open; a copy of the directory
without `node.secret` says no more than how many documents there are, their sizes, and the digest of a document that one has already.
A document is encrypted whole, in memory: `ATTACHMENT_BYTES_MAX` bounds what that takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ledger.errors import InputError, NotFound, Refused, VerificationFailed
from ledger.limits import (
    ATTACHMENT_BYTES_MAX,
    ATTACHMENT_NAME_CHARS_MAX,
    ATTACHMENTS_BYTES_PER_DAY_MAX,
    ATTACHMENTS_PER_DAY_MAX,
    ATTACHMENTS_PER_PART_MAX,
)
from nodes.attachments.kinds import media_type_of
from nodes.attachments.reference import AttachmentRef
from nodes.private import metadata
from nodes.private_files import locked, make_private_directory, read_node_secret, read_private_file, write_private_file

if TYPE_CHECKING:
    from nodes.node import Node

DIRECTORY: Final = "attachments"
OWN: Final = ""
_NONCE_BYTES: Final = 12
_SEALED_BYTES_MAX: Final = ATTACHMENT_BYTES_MAX + 64
_DAY_MS: Final = 86_400_000

attachments = sa.Table(
    "attachments",
    metadata,
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("added_by", sa.Text, nullable=False),
    sa.Column("added_ms", sa.BigInteger, nullable=False, index=True),
    comment="documents kept in files; `owner` is the enrolment of an exporter in custody, empty for the node's own",
)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A document that is kept. `owner` as in the table; `added_ms` is a time."""

    sha256: str
    owner: str
    name: str
    media_type: str
    bytes: int
    added_by: str
    added_ms: int

    def reference(self) -> AttachmentRef:
        return AttachmentRef(sha256=self.sha256, name=self.name, bytes=self.bytes)


class Attachments:
    """The documents of one node. Safe to share between threads."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._directory = node.home.path / DIRECTORY

    def add(self, file: BinaryIO, name: str, *, by: str, owner: str = OWN) -> Attachment:
        """Keeps a document; the same one again changes nothing. `by` is who handed it in.

        Raises `InputError` (`attachment-empty`, `attachment-too-large`, `attachment-type`, `attachment-name`), `Refused`
        (`too-many-attachments` in a day, `file-not-written`).
        """
        if not (0 < len(name) <= ATTACHMENT_NAME_CHARS_MAX and name.isprintable()) or "/" in name or "\\" in name:
            raise InputError("attachment-name", "a document's name has printable characters, and no path")
        media_type = media_type_of(file)
        data = file.read(ATTACHMENT_BYTES_MAX + 1)
        if len(data) > ATTACHMENT_BYTES_MAX:
            raise InputError("attachment-too-large", f"a document has at most {ATTACHMENT_BYTES_MAX} bytes")
        digest, now_ms = sha256(data).hexdigest(), self._node.clock.now_ms()
        with self._node.private.reading() as connection:
            # Before the file is written: one that is refused must not fill the disk.
            if connection.execute(_mine(digest, owner)).first() is None:
                _check_quota(connection, by, len(data), now_ms)
        # The file comes before its row: a crash between the two leaves a file that nothing names, and never a name without its file.
        self._write(digest, data)
        with self._node.private.begin() as connection:
            known = connection.execute(_mine(digest, owner)).first()
            if known is None:
                _check_quota(connection, by, len(data), now_ms)
                row = {"sha256": digest, "owner": owner, "name": name, "media_type": media_type, "bytes": len(data)}
                connection.execute(sa.insert(attachments).values(**row, added_by=by, added_ms=now_ms))
                known = connection.execute(_mine(digest, owner)).one()
        return Attachment(**known._asdict())

    def get(self, digest: str, owner: str = OWN) -> Attachment:
        """Raises `NotFound` (`unknown-attachment`), for another owner's too."""
        with self._node.private.reading() as connection:
            row = connection.execute(_mine(digest, owner)).first()
        if row is None:
            raise NotFound("unknown-attachment", "there is no such document", hint="hand it in at POST /v1/attachments first")
        return Attachment(**row._asdict())

    def content(self, digest: str, owner: str = OWN) -> bytes:
        """The document's bytes. Raises `NotFound` (`unknown-attachment`), `VerificationFailed` (`attachment-damaged`)."""
        self.get(digest, owner)
        try:
            sealed = read_private_file(self._path(digest), _SEALED_BYTES_MAX)
            data = AESGCM(self._key()).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bytes.fromhex(digest))
        except (NotFound, InvalidTag, ValueError) as error:
            message = "the document's file is missing, or was changed"
            raise VerificationFailed("attachment-damaged", message, hint="restore the home's attachments from a backup") from error
        return data

    def references(self, digests: Sequence[str], owner: str = OWN) -> list[AttachmentRef]:
        """What a sealed part says of documents. Raises `NotFound` (`unknown-attachment`), `InputError` (`bad-field`)."""
        if len(digests) > ATTACHMENTS_PER_PART_MAX or len(set(digests)) != len(digests):
            raise InputError("bad-field", f"attachments: at most {ATTACHMENTS_PER_PART_MAX} documents, each once")
        return [self.get(digest, owner).reference() for digest in digests]

    def _write(self, digest: str, data: bytes) -> None:
        make_private_directory(self._directory)
        nonce = self._node.random(_NONCE_BYTES)
        sealed = nonce + AESGCM(self._key()).encrypt(nonce, data, bytes.fromhex(digest))
        with locked(self._directory):
            write_private_file(self._path(digest), sealed)

    def _path(self, digest: str) -> Path:
        return self._directory / digest

    def _key(self) -> bytes:
        """Of the node's secret, which is random, HKDF (RFC 5869) makes a key that is used for nothing else."""
        secret = read_node_secret(self._node.home.secret_file)
        return HKDF(SHA256(), 32, None, b"tallystick:attachments:v1").derive(secret)


def _mine(digest: str, owner: str) -> sa.Select[Any]:
    return sa.select(attachments).where(attachments.c.sha256 == digest, attachments.c.owner == owner)


def _check_quota(connection: sa.Connection, by: str, size: int, now_ms: int) -> None:
    """For each who hands in, so that an exporter whose documents come by letter cannot use up what the bank's own people may keep."""
    today = sa.and_(attachments.c.added_by == by, attachments.c.added_ms > now_ms - _DAY_MS)
    query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(attachments.c.bytes), 0)).where(today)
    count, total = connection.execute(query).one()
    if count >= ATTACHMENTS_PER_DAY_MAX or total + size > ATTACHMENTS_BYTES_PER_DAY_MAX:
        raise Refused("too-many-attachments", f"{ATTACHMENTS_PER_DAY_MAX} documents a day are kept", hint="go on tomorrow")
